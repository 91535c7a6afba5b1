//! A running request, and what its client does meanwhile (NF-30 to NF-32).

use core::time::Duration;

use super::{Kind, RequestId};
use crate::codes::KeepaliveStatus;
use crate::limits::{DIRECT_ANSWER, POLL_HOLD};

pub(super) struct Processing {
    pub(super) id: RequestId,
    pub(super) kind: Kind,
    status: KeepaliveStatus,
    client: Client,
}

/// Where the client waits.
#[derive(Clone, Copy)]
enum Client {
    /// In its APDU, as long as it takes: it cannot poll.
    Inside { expected: usize },
    /// In its APDU, until this time at the latest.
    Held { expected: usize, until: Duration, told: Option<KeepaliveStatus> },
    /// Outside: it was told 9100, and will poll.
    Away { told: Option<KeepaliveStatus> },
}

impl Processing {
    pub(super) fn new(
        id: RequestId,
        kind: Kind,
        can_poll: bool,
        expected: usize,
        now: Duration,
    ) -> Processing {
        let until = now.saturating_add(DIRECT_ANSWER);
        let client = match can_poll {
            true => Client::Held { expected, until, told: None },
            false => Client::Inside { expected },
        };
        Processing { id, kind, status: KeepaliveStatus::Processing, client }
    }

    /// The client polls. It is told at once what it does not know yet, unless it wants to end the request, which
    /// will happen soon.
    pub(super) fn poll(&mut self, cancel: bool, expected: usize, now: Duration) {
        let told = match self.client {
            Client::Held { told, .. } | Client::Away { told } => told,
            Client::Inside { .. } => None,
        };
        let has_news = told.is_some_and(|told| told != self.status) && !cancel;
        let until = if has_news { now } else { now.saturating_add(POLL_HOLD) };
        self.client = Client::Held { expected, until, told };
    }

    /// The reason why the client waits has changed. A client that polls is told as soon as the driver looks. A
    /// client that has just come may still be answered directly.
    pub(super) fn set_status(&mut self, status: KeepaliveStatus) {
        self.status = status;
        if let Client::Held { until, told: Some(told), .. } = &mut self.client
            && *told != status
        {
            *until = Duration::ZERO;
        }
    }

    /// Bytes that the client has room for, if it waits in its APDU.
    pub(super) fn expected(&self) -> Option<usize> {
        match self.client {
            Client::Inside { expected } | Client::Held { expected, .. } => Some(expected),
            Client::Away { .. } => None,
        }
    }

    /// The reader has given the APDU up. `false`: its client can never ask for the answer again.
    pub(super) fn give_up(&mut self) -> bool {
        if let Client::Held { told, .. } = self.client {
            self.client = Client::Away { told };
        }
        matches!(self.client, Client::Away { .. })
    }

    /// The status to tell the client, if it has been held for long enough.
    pub(super) fn handle_timeout(&mut self, now: Duration) -> Option<KeepaliveStatus> {
        self.poll_timeout().filter(|until| *until <= now)?;
        self.client = Client::Away { told: Some(self.status) };
        Some(self.status)
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        match self.client {
            Client::Held { until, .. } => Some(until),
            Client::Inside { .. } | Client::Away { .. } => None,
        }
    }
}
