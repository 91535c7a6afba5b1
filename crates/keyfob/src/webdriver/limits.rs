//! Every bound of the proxy, each with its reason.

use std::time::Duration;

use crate::http::Bounds;

/// Clients at a time: a test suite that runs side by side, each with a WebSocket beside its commands. Heads are a line and what a
/// client's library adds. A driver may take a body as slowly as it likes, once its head is there, and a client what a driver sends: a test may
/// stand in a debugger.
pub(super) const BOUNDS: Bounds = Bounds {
    clients: 256,
    head: 64 * 1024,
    patience: Duration::from_secs(10),
    stall: None,
    too_many: TOO_MANY,
};

/// What one client too many is told, as an error of WebDriver's.
const TOO_MANY: &str = concat!(
    r#"{"value":{"error":"unknown error","message":"256 clients are connected, as many as there can be at a time","#,
    r#""stacktrace":""}}"#
);

/// Bytes of what the proxy reads itself: a new session, which may bring a browser extension or a profile in base64.
pub(super) const MAX_SESSION: usize = 64 * 1024 * 1024;

/// Bytes of a command's body: a credential with its key, and a large blob.
pub(super) const MAX_COMMAND: usize = 64 * 1024;

/// Bytes of an answer of a driver's that the proxy has to understand: capabilities, or an error with where in the driver it happened.
pub(super) const MAX_ANSWER: usize = 1024 * 1024;

/// Bytes of what a driver says of itself: a few lines.
pub(super) const MAX_STATUS: usize = 64 * 1024;

/// Keys of a session. Chromium takes as many as a test adds; a host has fewer ports.
pub(super) const MAX_KEYS: usize = 8;

/// For a driver to say where it listens: an emulated machine takes half a minute to load one.
pub(super) const STARTING: Duration = Duration::from_secs(120);

/// For a host to have a key that was plugged in.
pub(super) const PLUGGING: Duration = Duration::from_secs(30);

/// How long a key waits that was not added first, for the one that was: a browser asks all of them at once.
pub(super) const FIRST_ONES_TURN: Duration = Duration::from_millis(300);

/// How long it waits once that one has answered, for the browser to take back what it asked of the others. It does so at once, but on a
/// busy machine that may be late.
pub(super) const TAKEN_BACK: Duration = Duration::from_secs(5);

/// Between two looks at what Chromium shows. A refusal is shown about a second after the key gave it.
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
