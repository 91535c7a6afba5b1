//! What Windows does in its own way.

use std::fs::OpenOptions;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, TcpStream as StdStream};
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::Path;

use tokio::net::{TcpListener, TcpStream};

/// A host's end of a key in this process.
pub(crate) type Stream = StdStream;

/// Both ends of such a connection: the key's, and the host's. It goes over loopback, and no other program gets between.
pub(crate) async fn pair() -> io::Result<(TcpStream, Stream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let theirs = Stream::connect(listener.local_addr()?)?;
    theirs.set_nodelay(true)?;
    loop {
        let (ours, from) = listener.accept().await?;
        if from == theirs.local_addr()? {
            ours.set_nodelay(true)?;
            return Ok((ours, theirs));
        }
    }
}

/// Opens what is no link. What it makes is for whom its folder is for.
pub(crate) fn privately(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
}

/// Whether that refused a link: it opens the link itself, which is no file.
pub(crate) fn is_link(_: &io::Error) -> bool {
    false
}

/// Whether that is so because there are as many handles as there may be.
pub(crate) fn is_too_many_files(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ERROR_TOO_MANY_OPEN_FILES)
}

/// Returns when the names in a directory are durable: NTFS keeps a journal of them.
pub(crate) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// There is no pcscd, and so no end of it.
pub(crate) async fn wait_at_pcscd(_: &Path) -> io::Result<()> {
    pending().await
}

/// The system knows best when to acknowledge.
pub(crate) fn acknowledge_quickly(_: &TcpStream) -> io::Result<()> {
    Ok(())
}

const ERROR_TOO_MANY_OPEN_FILES: i32 = 4;
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
