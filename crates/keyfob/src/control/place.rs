//! Where a running key listens: a socket in a directory of its user's.

use std::path::PathBuf;

use crate::home;
use crate::socket::ListeningSocket;

/// Where clients look for a running key: where one is, or would be.
pub(crate) fn default_path() -> PathBuf {
    let [own, shared] = default_directories();
    let places = [own, shared, PathBuf::from(SERVICE)].map(|directory| directory.join(NAME));
    places.iter().find(|path| path.exists()).unwrap_or(&places[0]).clone()
}

/// Listens where the clients look first.
///
/// # Errors
/// Another key is running there, or the place is not private.
pub(crate) fn bind_default() -> anyhow::Result<ListeningSocket> {
    let [directory, _] = default_directories();
    ListeningSocket::open_in(directory, NAME)
}

/// Where keys go, and where they may have gone that found no `XDG_RUNTIME_DIR`.
fn default_directories() -> [PathBuf; 2] {
    let user = rustix::process::geteuid().as_raw();
    let shared = PathBuf::from(format!("/tmp/keyfob-{user}"));
    let own = home::runtime_directory().map(|directory| directory.join("keyfob"));
    [own.unwrap_or_else(|| shared.clone()), shared]
}

/// Where the key is that runs as a service of this machine (`packaging/keyfob.service`); only root sees what is in there.
const SERVICE: &str = "/run/keyfob";

/// The file in one of these directories.
const NAME: &str = "control";
