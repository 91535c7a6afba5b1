//! What all functions of a device have: work in progress, and time.

use std::time::Duration;

/// The part of a device that knows its deadlines. It is called on the task of the connection that imported the
/// device, and must not block.
pub trait Timed {
    /// Whether a request of the host is being worked on elsewhere, and its answer will be announced with a wake.
    /// Replies wait for it, at most for [`HOLD`](crate::limits::HOLD): most answers come sooner, and are sent in
    /// one write with everything before them.
    fn is_working(&self) -> bool {
        false
    }

    /// The time until [`handle_timeout`](Self::handle_timeout) wants to be called, if nothing happens before. Zero
    /// means now. With `None` it is not called, and nothing wakes up.
    fn poll_timeout(&mut self) -> Option<Duration>;

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come, or has long passed: a process that was
    /// not scheduled for a while is late. Everything that the host has sent by now was passed on before.
    fn handle_timeout(&mut self);
}
