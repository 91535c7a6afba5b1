//! The control socket: how other processes of the same user answer a running key's prompts.
//!
//! A client connects, sends one [`Request`] as a line of JSON, and reads one
//! [`Response`] as a line of JSON. That is the whole protocol, so `socat` will do (but a client that
//! waits for a prompt must keep its sending side open):
//!
//! ```text
//! $ echo '{"do":"status"}' | socat -t 9 - UNIX:$XDG_RUNTIME_DIR/keyfob/control
//! {"answer":"status","touch":"ask","keys":[{"key":"1-1","serial":"0123456789ABCDEF","attached":true,"prompt":null}]}
//! ```

pub(crate) mod client;
mod connection;
mod limits;
pub(crate) mod protocol;
mod server;

use std::path::{Path, PathBuf};

pub(crate) use self::connection::Connection;
pub(crate) use self::protocol::OpenPrompt;
pub(crate) use self::protocol::Request;
use self::protocol::Response;
pub(crate) use self::server::serve;
use crate::socket::Door;

/// Opens the control socket of this process at `path`, or where the clients look first.
///
/// # Errors
/// Another key is running there, or the place is not private.
pub(crate) fn bind(path: Option<&Path>) -> anyhow::Result<Door> {
    match path {
        Some(path) => Door::open(path),
        None => Door::open_in(default_directory(), NAME),
    }
}

/// Where clients look for a running key.
pub(crate) fn default_path() -> PathBuf {
    default_directory().join(NAME)
}

/// `$XDG_RUNTIME_DIR/keyfob`, else `/tmp/keyfob-UID`.
fn default_directory() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        Some(directory) if directory.is_absolute() => directory.join("keyfob"),
        _ => format!("/tmp/keyfob-{user}").into(),
    }
}

const NAME: &str = "control";
