//! Where callers come in on Windows: a named pipe of this machine. Unless it is told otherwise, Windows lets nobody write to it but its
//! user, administrators and the system itself; and the first who makes a name has it.

use std::io;
use std::path::{Path, PathBuf};

use tokio::net::windows::named_pipe::{
    ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions,
};

use crate::failure::advise;

/// A caller, as the one who listens has it.
pub(crate) type Stream = NamedPipeServer;

/// A caller's own end.
pub(crate) type Caller = NamedPipeClient;

/// Where callers come in, for as long as the program runs.
pub(crate) struct ListeningSocket {
    path: PathBuf,
    /// The instance that the next caller gets.
    next: NamedPipeServer,
}

impl ListeningSocket {
    /// Listens at `path`, such as `\\.\pipe\key`.
    ///
    /// # Errors
    /// Another program listens there, or it is no name of a pipe.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let made = options().first_pipe_instance(true).create(path);
        let next = made.map_err(|error| {
            let context = format!("cannot listen on {}", path.display());
            let next =
                r"end the keyfob that listens there, or name another pipe, such as \\.\pipe\key";
            advise(anyhow::Error::new(error).context(context), next)
        })?;
        Ok(Self { path: path.to_owned(), next })
    }

    /// Where callers find it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next caller. May be dropped while it waits.
    ///
    /// # Errors
    /// As the system says; the next call may have better luck.
    pub(crate) async fn accept(&mut self) -> io::Result<Stream> {
        self.next.connect().await?;
        let next = options().create(&self.path)?;
        Ok(std::mem::replace(&mut self.next, next))
    }
}

fn options() -> ServerOptions {
    let mut options = ServerOptions::new();
    options.reject_remote_clients(true);
    options
}

/// Calls whoever listens there.
///
/// # Errors
/// Nobody does, or not for this user.
pub(crate) async fn call(path: &Path) -> io::Result<Caller> {
    ClientOptions::new().open(path)
}

/// Tells a caller something at once or not at all, and hangs up.
///
/// # Errors
/// As the system says.
pub(crate) fn tell_at_once(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    stream.try_write(bytes).map(drop)
}

/// A USB/IP server behind a socket with this path: there are none on Windows.
///
/// # Errors
/// Always.
pub(crate) fn usbip(_: &str) -> io::Result<usbip_server::client::Socket> {
    Err(io::ErrorKind::Unsupported.into())
}
