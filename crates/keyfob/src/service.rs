//! The service manager that started this process, if one did (sd_notify(3)): it hears when the keys are there and when they go, and
//! that this process goes on.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::pending;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

/// Tells it that the keys are there: what waits for this service goes on.
pub(crate) fn ready() {
    tell(NotifyState::Ready);
}

/// Tells it that this process is about to end.
pub(crate) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Tells it for ever that this thread goes on, twice as often as it wants to hear (`WatchdogSec=` of the unit); nothing, if it does not.
pub(crate) async fn keep_watchdog() -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return pending().await;
    };
    let mut beat = interval(limit / 2);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        tell(NotifyState::Watchdog);
    }
}

/// Keys that the kernel must have found before the service is [`ready`].
pub(crate) struct Awaited(RefCell<BTreeSet<String>>);

impl Awaited {
    /// These, by their bus ids.
    pub(crate) fn new<'a>(bus_ids: impl IntoIterator<Item = &'a str>) -> Self {
        Self(RefCell::new(bus_ids.into_iter().map(str::to_owned).collect()))
    }

    /// One is there, or there again. With the last of them the service is ready.
    pub(crate) fn is_there(&self, bus_id: &str) {
        if self.is_last(bus_id) {
            ready();
        }
    }

    fn is_last(&self, bus_id: &str) -> bool {
        let mut left = self.0.borrow_mut();
        left.remove(bus_id) && left.is_empty()
    }
}

fn tell(state: NotifyState<'_>) {
    // Without a manager nothing is told.
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_once_with_the_last_of_its_keys() {
        let awaited = Awaited::new(["1-1", "1-2"]);
        assert!(!awaited.is_last("1-1") && !awaited.is_last("1-1"), "the other one is missing");
        assert!(awaited.is_last("1-2"));
        assert!(!awaited.is_last("1-2"), "after a sleep it is there again");
    }
}
