//! There is no systemd here that would want to hear when the keys are there and when they go.

use std::convert::Infallible;

/// The keys are there.
pub(crate) fn ready() {}

/// This process is about to end.
pub(crate) fn stopping() {}

/// Nobody watches.
pub(crate) async fn keep_watchdog() -> Infallible {
    std::future::pending().await
}
