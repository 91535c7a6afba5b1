//! How many of the keys that share a thread for reports have power.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many of the keys whose reports one thread handles have power. While only one has, no other key waits for the
/// work that is done on that thread.
#[derive(Clone, Debug, Default)]
pub struct Powered(Arc<AtomicUsize>);

impl Powered {
    /// One more, until this is dropped.
    pub(super) fn up(&self) -> Power {
        self.0.fetch_add(1, Ordering::Relaxed);
        Power(self.clone())
    }

    /// Whether there is at most one.
    pub(super) fn is_one(&self) -> bool {
        self.0.load(Ordering::Relaxed) <= 1
    }
}

/// The power of a key that is plugged in.
pub(super) struct Power(Powered);

impl Drop for Power {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
