//! The control socket: how other processes of the same user answer a running key's prompts.
//!
//! A client connects, sends one [`Request`] as a line of JSON, and reads one
//! [`Response`] as a line of JSON. That is the whole protocol, so `socat` will do (but a client that
//! waits for a prompt must keep its sending side open):
//!
//! ```text
//! $ echo '{"do":"status"}' | socat -t 9 - UNIX:$XDG_RUNTIME_DIR/keyfob/control
//! {"answer":"status","touch":"ask","keys":[{"key":"1-1","serial":"0123456789ABCDEF","device":"/dev/hidraw0","attached":true,"way":"uhid","prompt":null,"faults":[]}]}
//! ```

pub(crate) mod bad_sample;
mod connection;
pub(crate) mod limits;
pub(crate) mod protocol;

use std::path::PathBuf;

pub(crate) use self::connection::Connection;
pub(crate) use self::protocol::OpenPrompt;
pub(crate) use self::protocol::{Request, Response};
use crate::home;

/// Where clients look for a running key: where one is, or would be.
pub(crate) fn default_path() -> PathBuf {
    let [own, shared] = default_directories();
    let places = [own, shared, PathBuf::from(SERVICE)].map(|directory| directory.join(NAME));
    places.iter().find(|path| path.exists()).unwrap_or(&places[0]).clone()
}

/// Where keys go, and where they may have gone that found no `XDG_RUNTIME_DIR`.
pub(crate) fn default_directories() -> [PathBuf; 2] {
    let user = rustix::process::geteuid().as_raw();
    let shared = PathBuf::from(format!("/tmp/keyfob-{user}"));
    let own = home::runtime_directory().map(|directory| directory.join("keyfob"));
    [own.unwrap_or_else(|| shared.clone()), shared]
}

/// Where the key is that runs as a service of this machine (`packaging/keyfob.service`); only root sees what is in there.
const SERVICE: &str = "/run/keyfob";
/// The file in one of these directories.
pub(crate) const NAME: &str = "control";
