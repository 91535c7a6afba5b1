//! What a Unix system does in its own way.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// A host's end of a key in this process.
pub(crate) type Stream = UnixStream;

/// Both ends of such a connection: the key's, and the host's.
pub(crate) async fn pair() -> io::Result<(tokio::net::UnixStream, Stream)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((tokio::net::UnixStream::from_std(ours)?, theirs))
}

/// Opens what is no link, and no pipe that would hang; what it makes is for this user alone.
pub(crate) fn privately(options: &mut OpenOptions) -> &mut OpenOptions {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    options.mode(0o600).custom_flags(flags.bits().cast_signed())
}

/// Whether that refused a link.
pub(crate) fn is_link(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::LOOP)
}

/// Whether that is so because this process, or the whole machine, has as many files open as it may.
pub(crate) fn is_too_many_files(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Returns when the names in a directory are durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Connects to pcscd, and waits for its end.
pub(crate) async fn wait_at_pcscd(path: &Path) -> io::Result<()> {
    let mut stream = tokio::net::UnixStream::connect(path).await?;
    // It speaks when it is asked.
    stream.read(&mut [0]).await.map(drop)
}

/// Has what comes acknowledged at once, where the system can do that.
pub(crate) fn acknowledge_quickly(stream: &TcpStream) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_quickack(stream, true)?;
    let _ = stream;
    Ok(())
}
