//! A response on its way out: one report for each read of the host.

use core::time::Duration;

use super::outbox::{Outbox, Place};
use crate::channels::ChannelId;
use crate::codes::Command;
use crate::limits::{BURST, GROUP, PACE, READ_TIMEOUT, UNSEEN_PACE};
use crate::message;
use crate::packet::Report;

/// The next report of the message, and its time. The bytes stay in the device's buffer.
pub(super) struct Response {
    pub(super) channel: ChannelId,
    command: Command,
    /// Reports that were queued before the response are read before it. Later ones must wait, because some clients
    /// cannot skip other channels' frames inside a message (HD-55).
    place: Place,
    next: usize,
    pace: Pace,
    /// When the host counts as having stopped reading (HD-53).
    given_up: Duration,
}

/// Keeps a long response from overrunning the ring of a host that reads reports one by one (HD-54).
#[derive(Clone, Copy)]
enum Pace {
    /// No pause yet.
    Burst,
    /// The next report has to wait until then.
    Pausing(Duration),
    /// The present group may go since then.
    Group(Duration),
}

impl Response {
    pub(super) fn new(
        channel: ChannelId,
        command: Command,
        place: Place,
        now: Duration,
    ) -> Response {
        let given_up = now.saturating_add(READ_TIMEOUT);
        Response { channel, command, place, next: 0, pace: Pace::Burst, given_up }
    }

    /// The next report for a host with this many waiting reads; 0: the number cannot be seen.
    pub(super) fn take(
        &mut self,
        message: &[u8],
        outbox: &mut Outbox,
        reads: usize,
        now: Duration,
    ) -> Option<Report> {
        if let Some(earlier) = outbox.take_before(self.place) {
            self.given_up = now.saturating_add(READ_TIMEOUT);
            return Some(earlier);
        }
        self.handle_timeout(now);
        let pause = pause_between_groups(reads);
        if pause.is_some() && matches!(self.pace, Pace::Pausing(_)) {
            return None;
        }
        let report = message::report(self.channel, self.command, message, self.next)?;
        self.next = self.next.saturating_add(1);
        if let Some(pause) = pause.filter(|_| pauses_after(self.next)) {
            self.pace = self.pace.pause(pause, now);
        }
        self.given_up = now.saturating_add(READ_TIMEOUT);
        Some(report)
    }

    /// Whether the last report has been read.
    pub(super) fn is_sent(&self, message: &[u8]) -> bool {
        message::report(self.channel, self.command, message, self.next).is_none()
    }

    pub(super) fn is_given_up(&self, now: Duration) -> bool {
        self.given_up <= now
    }

    pub(super) fn poll_timeout(&self) -> Duration {
        match self.pace {
            Pace::Pausing(until) => until,
            Pace::Burst | Pace::Group(_) => self.given_up,
        }
    }

    /// Ends the pause that is over, so that its timer does not run on.
    pub(super) fn handle_timeout(&mut self, now: Duration) {
        if let Pace::Pausing(until) = self.pace
            && until <= now
        {
            self.pace = Pace::Group(until);
        }
    }
}

impl Pace {
    /// A pause between two groups. It counts from when the first of them was due: timers are late, and that must not add up.
    /// But a host that was away for longer has its pauses all the same.
    fn pause(self, length: Duration, now: Duration) -> Pace {
        let start = match self {
            Pace::Group(due) if now < due.saturating_add(length) => due,
            Pace::Burst | Pace::Pausing(_) | Pace::Group(_) => now,
        };
        Pace::Pausing(start.saturating_add(length))
    }
}

/// `None`: the host has a place for each report.
const fn pause_between_groups(reads: usize) -> Option<Duration> {
    match reads {
        0 => Some(UNSEEN_PACE),
        1 => Some(PACE),
        _ => None,
    }
}

/// Whether the host gets time to catch up when it has this many reports (HD-54).
fn pauses_after(sent: usize) -> bool {
    sent.checked_sub(BURST).is_some_and(|beyond| beyond.is_multiple_of(GROUP))
}
