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
#[cfg_attr(windows, path = "windows/peer.rs")]
mod peer;
#[cfg_attr(windows, path = "windows/place.rs")]
mod place;
pub(crate) mod protocol;

pub(crate) use self::connection::Connection;
pub(crate) use self::place::{bind_default, default_path};
pub(crate) use self::protocol::OpenPrompt;
pub(crate) use self::protocol::{Request, Response};
