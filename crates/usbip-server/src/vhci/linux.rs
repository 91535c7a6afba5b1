//! What is asked of Linux.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

/// The device's end of a connection to the kernel.
pub type Stream = tokio::net::UnixStream;

/// The kernel's end. The kernel keeps it open.
pub(super) struct Kernels(OwnedFd);

impl Kernels {
    /// The number that the kernel is given.
    pub(super) fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

pub(super) fn check_writable(path: &Path) -> io::Result<()> {
    Ok(access(path, Access::WRITE_OK)?)
}

pub(super) fn pair() -> io::Result<(Stream, Kernels)> {
    let (ours, kernels) =
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let ours = UnixStream::from(ours);
    ours.set_nonblocking(true)?;
    Ok((Stream::from_std(ours)?, Kernels(kernels)))
}
