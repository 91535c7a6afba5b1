//! A response on its way out: one report for each that the host reads.

use super::outbox::{Outbox, Place};
use crate::channels::ChannelId;
use crate::codes::Command;
use crate::limits::{BURST, GROUP, PACE, READ_TIMEOUT};
use crate::message;
use crate::packet::Report;
use crate::time::Instant;

/// Which report of the message is next, and when. The bytes stay in the device's buffer.
pub(super) struct Response {
    pub(super) channel: ChannelId,
    command: Command,
    /// What was queued before the response is read before it; what comes later must wait, for some
    /// clients cannot skip other channels' frames inside a message (HD-55).
    place: Place,
    next: usize,
    /// Set while the pace holds the next report back (HD-54).
    not_before: Option<Instant>,
    /// When the host counts as having stopped reading (HD-53).
    given_up: Instant,
}

impl Response {
    pub(super) fn new(
        channel: ChannelId,
        command: Command,
        place: Place,
        now: Instant,
    ) -> Response {
        let given_up = now.saturating_add(READ_TIMEOUT);
        Response { channel, command, place, next: 0, not_before: None, given_up }
    }

    /// The next report for a host that is reading now.
    pub(super) fn take(
        &mut self,
        message: &[u8],
        outbox: &mut Outbox,
        now: Instant,
    ) -> Option<Report> {
        if let Some(earlier) = outbox.take_before(self.place) {
            self.given_up = now.saturating_add(READ_TIMEOUT);
            return Some(earlier);
        }
        if self.not_before.is_some_and(|start| now < start) {
            return None;
        }
        let report = message::report(self.channel, self.command, message, self.next)?;
        self.next = self.next.saturating_add(1);
        self.not_before = pauses_after(self.next).then(|| now.saturating_add(PACE));
        self.given_up = now.saturating_add(READ_TIMEOUT);
        Some(report)
    }

    /// Whether the last report has been read.
    pub(super) fn is_sent(&self, message: &[u8]) -> bool {
        message::report(self.channel, self.command, message, self.next).is_none()
    }

    pub(super) fn is_given_up(&self, now: Instant) -> bool {
        self.given_up <= now
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        self.not_before.unwrap_or(self.given_up)
    }

    /// Notes that the pace holds nothing back any more, so that its timer does not run on.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.not_before.take_if(|start| *start <= now);
    }
}

/// Whether the host gets time to catch up when it has this many reports (HD-54).
fn pauses_after(sent: usize) -> bool {
    sent.checked_sub(BURST).is_some_and(|beyond| beyond.is_multiple_of(GROUP))
}
