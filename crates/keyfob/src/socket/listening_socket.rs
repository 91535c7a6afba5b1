//! A private socket that comes back: when its name is removed it is made again, at once or as soon as that can be done.
//!
//! When the last session of a user ends, logind removes `/run/user/UID` under the programs that go on (tmux, nohup); when the next
//! begins, it makes the directory and mounts a file system there.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::{Instant, sleep_until};

use super::{PrivateDirectory, PrivateSocket};
use crate::say::{say, warn};
use crate::watch::Watch;

/// Where callers come in, for as long as the program runs.
pub(crate) struct ListeningSocket {
    path: PathBuf,
    /// Made with the socket, if this program is to make it.
    directory: Option<PathBuf>,
    /// `None`: it is lost.
    socket: Option<PrivateSocket>,
    /// `None`: nothing can be watched, and a socket that is lost stays so.
    watch: Option<Watch>,
    /// When to look what became of the socket, if anything may have.
    look_at: Option<Instant>,
    /// No look before that: what a vain attempt stirs must not lead to the next one at once.
    rest: Instant,
}

impl ListeningSocket {
    /// Listens at `path`, whose directory is there.
    ///
    /// # Errors
    /// As [`PrivateSocket::bind`].
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        Self::opened(path.to_owned(), None)
    }

    /// Listens in a private directory, and makes it if need be.
    ///
    /// # Errors
    /// As [`PrivateDirectory::make`] and [`PrivateSocket::bind`].
    pub(crate) fn open_in(directory: PathBuf, name: &str) -> anyhow::Result<Self> {
        Self::opened(directory.join(name), Some(directory))
    }

    fn opened(path: PathBuf, directory: Option<PathBuf>) -> anyhow::Result<Self> {
        let rest = Instant::now();
        let mut socket = Self { path, directory, socket: None, watch: None, look_at: None, rest };
        socket.socket = Some(socket.bind()?);
        socket.watch_socket();
        Ok(socket)
    }

    /// Where callers find it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next caller. May be dropped while it waits.
    ///
    /// # Errors
    /// As the system says; the next call may have better luck.
    pub(crate) async fn accept(&mut self) -> io::Result<UnixStream> {
        loop {
            if let Some(at) = self.look_at {
                sleep_until(at).await;
                self.look_at = None;
                self.look();
            }
            match &self.socket {
                Some(socket) => tokio::select! {
                    accepted = socket.listener.accept() => return Ok(accepted?.0),
                    () = stirred(self.watch.as_ref()) => {}
                },
                None => stirred(self.watch.as_ref()).await,
            }
            self.look_at = Some(self.rest);
        }
    }

    /// Sees whether callers still find the socket, and else makes it again.
    fn look(&mut self) {
        if self.socket.as_ref().is_some_and(|socket| socket.place.is_there()) {
            return;
        }
        // With it goes its lock: the new one has its own.
        let was_there = self.socket.take().is_some();
        self.watch_for_a_place();
        match self.bind() {
            Ok(socket) => {
                self.socket = Some(socket);
                self.watch_socket();
                say(format_args!("{} was removed, and is there again", self.path.display()));
            }
            Err(error) => {
                self.rest = Instant::now() + REST;
                if was_there {
                    warn(format_args!(
                        "{} was removed, and cannot be made again: {error:#}. The keys still run, and keyfob makes it \
                         again as soon as that is possible",
                        self.path.display()
                    ));
                }
            }
        }
    }

    fn bind(&self) -> anyhow::Result<PrivateSocket> {
        let Some(directory) = &self.directory else { return PrivateSocket::bind(&self.path) };
        let bind = || PrivateSocket::bind_in(PrivateDirectory::make(directory)?, &self.path);
        // A key that ends takes the directory with it: if that was just now, it has to be made again.
        bind().or_else(|error| if directory.exists() { Err(error) } else { bind() })
    }

    /// Hears when the socket is lost; also if that happened while the watch was set.
    fn watch_socket(&mut self) {
        self.watch = Watch::start().ok();
        let Some(watch) = &self.watch else { return };
        if watch.for_loss(&self.path).is_err() {
            self.watch_for_a_place();
        }
    }

    /// Hears when what is in the socket's place goes, or something appears on the way there. The watch is set before it is tried to make one: what comes
    /// later is heard.
    fn watch_for_a_place(&mut self) {
        self.watch = Watch::start().ok();
        let Some(watch) = &self.watch else { return };
        if watch.for_loss(&self.path).is_ok() {
            return;
        }
        // The nearest that may be looked into: one of root's that will be the user's may not yet.
        let mut way = self.path.ancestors().skip(1).map(named);
        way.find(|directory| watch.for_arrivals(directory).is_ok());
    }
}

/// A path without a directory is in the one that the program works in.
fn named(directory: &Path) -> &Path {
    if directory.as_os_str().is_empty() { Path::new(".") } else { directory }
}

/// Between two attempts to make the socket again.
const REST: Duration = Duration::from_millis(250);

async fn stirred(watch: Option<&Watch>) {
    match watch {
        Some(watch) => watch.stirred().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::os::unix::net::UnixStream as StdStream;
    use tempfile::tempdir;
    use tokio::time::timeout;

    use crate::process::on_one_thread;

    /// Whether a caller is let in at the socket's place.
    async fn is_reached(socket: &mut ListeningSocket) -> bool {
        let path = socket.path.clone();
        let knock = async {
            while StdStream::connect(&path).is_err() {
                tokio::task::yield_now().await;
            }
            std::future::pending::<()>().await;
        };
        let reached = async {
            tokio::select! {
                accepted = socket.accept() => accepted.is_ok(),
                () = knock => false,
            }
        };
        timeout(Duration::from_secs(20), reached).await.unwrap_or(false)
    }

    #[test]
    fn a_socket_that_is_removed_is_there_again_whatever_went_with_it() {
        on_one_thread(async {
            let home = tempdir()?;
            let runtime = home.path().join("user");
            fs::create_dir(&runtime)?;
            let mut socket = ListeningSocket::open_in(runtime.join("keyfob"), "control")?;
            assert!(is_reached(&mut socket).await);
            fs::remove_file(&socket.path)?;
            assert!(is_reached(&mut socket).await, "the socket alone");
            fs::remove_file(runtime.join("keyfob/control.lock"))?;
            fs::remove_file(&socket.path)?;
            assert!(is_reached(&mut socket).await, "its lock, too");
            fs::remove_dir_all(runtime.join("keyfob"))?;
            assert!(is_reached(&mut socket).await, "its directory");
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_socket_comes_back_when_its_place_does() {
        on_one_thread(async {
            let home = tempdir()?;
            let runtime = home.path().join("run/user");
            for lost in [runtime.clone(), home.path().join("run")] {
                fs::create_dir_all(&runtime)?;
                let mut socket = ListeningSocket::open_in(runtime.join("keyfob"), "control")?;
                fs::remove_dir_all(&lost)?;
                let nobody = timeout(Duration::from_millis(50), socket.accept()).await;
                assert!(nobody.is_err() && socket.socket.is_none(), "it has no place");
                // Step by step, as logind does it.
                fs::create_dir_all(home.path().join("run"))?;
                let _ = timeout(Duration::from_millis(50), socket.accept()).await;
                fs::create_dir(&runtime)?;
                assert!(is_reached(&mut socket).await);
            }
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn what_another_program_has_put_in_its_place_is_left_to_it() {
        on_one_thread(async {
            let home = tempdir()?;
            let mut socket = ListeningSocket::open(&home.path().join("control"))?;
            fs::remove_file(&socket.path)?;
            let theirs = std::os::unix::net::UnixListener::bind(&socket.path)?;
            let nobody = timeout(Duration::from_millis(50), socket.accept()).await;
            assert!(nobody.is_err());
            StdStream::connect(&socket.path)?;
            drop(theirs);
            fs::remove_file(&socket.path)?;
            assert!(is_reached(&mut socket).await, "it went");
            Ok(())
        })
        .unwrap();
    }
}
