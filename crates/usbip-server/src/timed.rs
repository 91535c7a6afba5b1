//! What the functions of a device have in common: work that goes on, and time.

use std::time::Duration;

/// The side of a device that knows what is due. It is called on the task of the connection that imported the device, and must not block.
pub trait Timed {
    /// Whether what the host sent is being worked on elsewhere, and the answer will be announced with a wake. Replies wait for it, at
    /// most [`HOLD`](crate::limits::HOLD): most answers come sooner, and go in one write with all that came before them.
    fn is_working(&self) -> bool {
        false
    }

    /// In how long [`handle_timeout`](Self::handle_timeout) wants to be called, if nothing happens before: zero for now,
    /// `None` for never. Then nothing wakes up.
    fn poll_timeout(&mut self) -> Option<Duration>;

    /// The moment that [`poll_timeout`](Self::poll_timeout) named has come, or is long past: a process that
    /// was not scheduled for a while is late. What the host had sent by now was handed in before.
    fn handle_timeout(&mut self);
}
