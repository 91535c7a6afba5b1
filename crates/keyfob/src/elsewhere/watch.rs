//! Nothing tells here that files go or come: what would be heard of is not, and what hears of it does without.

use std::convert::Infallible;
use std::io;
use std::path::Path;

/// What would hear.
#[derive(Debug)]
pub(crate) struct Watch(Infallible);

impl Watch {
    /// There is none.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn start() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn for_loss(&self, _: &Path) -> io::Result<()> {
        match self.0 {}
    }

    #[cfg(unix)]
    pub(crate) fn for_arrivals(&self, _: &Path) -> io::Result<()> {
        match self.0 {}
    }

    pub(crate) fn for_growth(&self, _: &Path) -> io::Result<()> {
        match self.0 {}
    }

    pub(crate) async fn stirred(&self) {
        match self.0 {}
    }
}
