//! What the log is told of connections that were refused because this process has no file descriptor left.

use std::io;
use std::time::Instant;

use crate::limits;

/// Connections of one listener that could not be accepted. Whoever wants in may try ten times a second; the log is told of the first
/// one, and then of one in each [`limits::SILENCE`].
#[derive(Debug, Default)]
pub struct Refusals {
    told: Option<Instant>,
}

impl Refusals {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// A connection of `whom` was refused, for this reason: mostly that there is no descriptor for it, and that is advised on.
    pub fn tell(&mut self, whom: &str, error: &io::Error) {
        if self.is_time(Instant::now()) {
            let next = "end programs that are connected, or raise RLIMIT_NOFILE: `ulimit -n`, or LimitNOFILE= of a service";
            tracing::warn!(%error, next, "a connection of {whom} was refused");
        }
    }

    fn is_time(&mut self, now: Instant) -> bool {
        let is_over = |told| now.saturating_duration_since(told) >= limits::SILENCE;
        let is_time = self.told.is_none_or(is_over);
        if is_time {
            self.told = Some(now);
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    #[test]
    fn the_log_is_told_at_once_and_then_no_more_than_once_a_minute() {
        let (mut refusals, begun) = (Refusals::new(), Instant::now());
        let told = (0..1801).filter(|tenth| {
            let now = begun + limits::ACCEPT_BACK_OFF * *tenth;
            refusals.is_time(now)
        });
        assert_eq!(told.collect::<Vec<_>>(), [0, 600, 1200, 1800]);
        assert_eq!(limits::SILENCE, Duration::from_secs(60));
    }
}
