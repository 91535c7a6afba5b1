//! Whom a client speaks with on Windows: the pipe of a user has the user's name, and nobody else's key is looked for.

use std::io;
use std::path::Path;

use crate::socket::{Caller, call};

/// Who listens there.
pub(super) struct Peer;

impl Peer {
    /// The system tells no number of the process.
    pub(super) fn process(&self) -> Option<i32> {
        None
    }

    /// Whether it may be believed.
    ///
    /// # Errors
    /// None here.
    pub(super) fn trust(&self, _: &Path) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Calls the running key at `path`.
///
/// # Errors
/// Nobody listens there, or not for this user.
pub(super) async fn connect(path: &Path) -> io::Result<(Caller, Peer)> {
    Ok((call(path).await?, Peer))
}
