//! Where a running key listens on Windows: a pipe of its user's.

use std::path::PathBuf;

use crate::socket::ListeningSocket;

/// Where clients look for a running key.
pub(crate) fn default_path() -> PathBuf {
    let user = std::env::var("USERNAME").unwrap_or_default();
    PathBuf::from(format!(r"\\.\pipe\keyfob-{user}-control"))
}

/// Listens there.
///
/// # Errors
/// Another key runs there.
pub(crate) fn bind_default() -> anyhow::Result<ListeningSocket> {
    ListeningSocket::open(&default_path())
}
