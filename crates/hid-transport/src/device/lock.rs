//! CTAPHID_LOCK: one channel keeps the others out for a while, section 11.2.9.2.2.

use crate::channels::ChannelId;
use crate::time::Instant;

/// A lock that is held.
pub(super) struct Lock {
    pub(super) owner: ChannelId,
    /// Milliseconds the owner asked for.
    duration: u64,
    pub(super) until: Instant,
}

impl Lock {
    /// A lock for `seconds`, from now.
    pub(super) fn new(owner: ChannelId, seconds: u8, now: Instant) -> Lock {
        let duration = u64::from(seconds).saturating_mul(1000);
        Lock { owner, duration, until: now.saturating_add(duration) }
    }

    /// Its time starts anew with every message of its owner (HD-64).
    pub(super) fn renew(&mut self, now: Instant) {
        self.until = now.saturating_add(self.duration);
    }
}
