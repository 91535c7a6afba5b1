//! Whom a client speaks with: the user of the process at the other end of a socket.

use std::io;
use std::path::Path;

use rustix::process::geteuid;
use tokio::net::unix::UCred;

use crate::failure::no_key;
use crate::socket::{Caller, call};

/// Who listens there.
pub(super) struct Peer(UCred);

impl Peer {
    /// The number of the process, if the system tells it.
    pub(super) fn process(&self) -> Option<i32> {
        self.0.pid()
    }

    /// Whether it may be believed: it is this user's, or root's.
    ///
    /// # Errors
    /// It is another user's.
    pub(super) fn trust(&self, path: &Path) -> anyhow::Result<()> {
        trust(path, self.0.uid(), geteuid().as_raw())
    }
}

/// Calls the running key at `path`.
///
/// # Errors
/// Nobody listens there, or not for this user.
pub(super) async fn connect(path: &Path) -> io::Result<(Caller, Peer)> {
    let stream = call(path).await?;
    let peer = Peer(stream.peer_cred()?);
    Ok((stream, peer))
}

/// The place of a socket may be anybody's, such as a directory in `/tmp` that somebody made before the key did.
fn trust(path: &Path, user: u32, own: u32) -> anyhow::Result<()> {
    match user == own || user == ROOT {
        true => Ok(()),
        false => Err(no_key(
            format_args!(
                "the program that listens at {} belongs to another user, uid {user}",
                path.display()
            ),
            "only the user who started a key can control it; name the socket of your own key with --control",
        )),
    }
}

const ROOT: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    use crate::failure::describe;

    #[test]
    fn only_ones_own_key_and_roots_are_believed() {
        let path = Path::new("/tmp/keyfob-1000/control");
        trust(path, 1000, 1000).unwrap();
        trust(path, 0, 1000).unwrap();
        trust(path, 0, 0).unwrap();
        for (user, own) in [(1001, 1000), (1000, 0)] {
            let error = describe(&trust(path, user, own).unwrap_err());
            assert!(
                error.contains(&format!("uid {user}")) && error.contains("--control"),
                "{error}"
            );
        }
    }
}
