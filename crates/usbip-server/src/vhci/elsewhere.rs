//! Systems without a virtual host controller. Nothing here is ever called.

use std::io;
use std::path::Path;

/// The device's end of a connection to the kernel. There is no such connection on these systems.
pub type Stream = tokio::io::DuplexStream;

pub(super) enum Kernels {}

impl Kernels {
    pub(super) fn number(&self) -> i32 {
        match *self {}
    }
}

pub(super) fn check_writable(_: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn pair() -> io::Result<(Stream, Kernels)> {
    Err(io::ErrorKind::Unsupported.into())
}
