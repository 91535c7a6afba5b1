//! Single reports that wait until the host reads them: errors and INIT answers.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::limits::{OUTBOX_MAX, READ_TIMEOUT};
use crate::packet::Report;

/// First in, first out, at most [`OUTBOX_MAX`] of them, each for at most [`READ_TIMEOUT`].
pub(super) struct Outbox {
    waiting: VecDeque<Waiting>,
    /// How many have left, one way or the other.
    gone: u64,
}

struct Waiting {
    report: Report,
    stale: Duration,
}

/// A place in the queue: what is put in later is behind it.
#[derive(Clone, Copy)]
pub(super) struct Place(u64);

impl Outbox {
    pub(super) fn new() -> Outbox {
        Outbox { waiting: VecDeque::with_capacity(OUTBOX_MAX), gone: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Queues a report. Drops it if nobody has read for so long that the queue is full.
    pub(super) fn put(&mut self, report: Report, now: Duration) {
        if self.waiting.len() < OUTBOX_MAX {
            let stale = now.saturating_add(READ_TIMEOUT);
            self.waiting.push_back(Waiting { report, stale });
        }
    }

    /// The place behind everything that waits now.
    pub(super) fn end(&self) -> Place {
        let waiting = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        Place(self.gone.saturating_add(waiting))
    }

    pub(super) fn take(&mut self) -> Option<Report> {
        let first = self.waiting.pop_front()?;
        self.gone = self.gone.saturating_add(1);
        Some(first.report)
    }

    /// The next report, if it was put in before `place` was asked for.
    pub(super) fn take_before(&mut self, place: Place) -> Option<Report> {
        if self.gone < place.0 { self.take() } else { None }
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        self.waiting.front().map(|first| first.stale)
    }

    /// Drops what the host has not read in time (HD-53).
    pub(super) fn handle_timeout(&mut self, now: Duration) {
        while self.poll_timeout().is_some_and(|stale| stale <= now) {
            self.take();
        }
    }
}
