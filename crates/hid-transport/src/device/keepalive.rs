//! Keepalives: when and how a key says that a CBOR request is still running, section 11.2.9.1.5.

use core::time::Duration;

use crate::codes::KeepaliveStatus;
use crate::limits::KEEPALIVE_INTERVAL;

/// The keepalives of one request. They never pile up: one must be read before the next is made.
pub(super) struct Keepalive {
    status: KeepaliveStatus,
    next: Next,
}

enum Next {
    /// Nothing to send before then.
    At(Duration),
    /// One waits to be read, for however long; no timer runs meanwhile.
    Ready(KeepaliveStatus),
}

impl Keepalive {
    /// The request starts computing now. One that ends soon sends no keepalive at all (HD-75).
    pub(super) fn new(now: Duration) -> Keepalive {
        Keepalive { status: KeepaliveStatus::Processing, next: soon(now) }
    }

    /// A change is sent at once (HD-72). But a client must see that a touch was asked for, even if
    /// it was given at once: an unread UPNEEDED stays, and what replaced it follows.
    pub(super) fn set_status(&mut self, status: KeepaliveStatus) {
        if self.status == status {
            return;
        }
        self.status = status;
        if !self.owes_up_needed() {
            self.next = Next::Ready(status);
        }
    }

    /// Whether the client has yet to read that a touch is, or was, awaited.
    pub(super) fn owes_up_needed(&self) -> bool {
        matches!(self.next, Next::Ready(KeepaliveStatus::UpNeeded))
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        match self.next {
            Next::At(due) => Some(due),
            Next::Ready(_) => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Duration) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.next = Next::Ready(self.status);
        }
    }

    /// The status to send to a host that is reading now, if one is due.
    pub(super) fn take(&mut self, now: Duration) -> Option<KeepaliveStatus> {
        self.handle_timeout(now);
        let Next::Ready(status) = self.next else { return None };
        self.next = if status == self.status { soon(now) } else { Next::Ready(self.status) };
        Some(status)
    }
}

fn soon(now: Duration) -> Next {
    Next::At(now.saturating_add(KEEPALIVE_INTERVAL))
}
