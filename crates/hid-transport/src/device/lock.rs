//! CTAPHID_LOCK: one channel keeps the others out for some seconds, section 11.2.9.2.2.

use core::time::Duration;

use crate::channels::ChannelId;

/// A lock that is held.
pub(super) struct Lock {
    pub(super) owner: ChannelId,
    /// How long the owner asked for.
    duration: Duration,
    pub(super) until: Duration,
}

impl Lock {
    /// A lock for `seconds`, from now.
    pub(super) fn new(owner: ChannelId, seconds: u8, now: Duration) -> Lock {
        let duration = Duration::from_secs(seconds.into());
        Lock { owner, duration, until: now.saturating_add(duration) }
    }

    /// Its time starts again with every message of its owner (HD-64).
    pub(super) fn renew(&mut self, now: Duration) {
        self.until = now.saturating_add(self.duration);
    }
}
