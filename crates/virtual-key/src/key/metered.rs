//! Counts a key's requests: when each one came, and how long a person was waited for.

use std::sync::Arc;
use std::time::Duration;

use super::turns::{RequestId, Way};
use super::worker::Request;
use crate::meter::Meter;

/// Counts for a meter what one key does.
pub(super) struct Metered {
    meter: Arc<Meter>,
    /// One of reports, and one of APDUs.
    running: [Option<Running>; 2],
}

/// A request that is not answered yet.
struct Running {
    id: RequestId,
    command: usize,
    /// Since when nobody has been waited for.
    since: Duration,
    /// How long nobody was, before.
    worked: Duration,
    is_waiting: bool,
}

impl Metered {
    /// Counts for this one.
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Self { meter, running: [None, None] }
    }

    /// A client asks. What came before it the same way and was not answered never will be.
    pub(super) fn began(&mut self, request: &Request) {
        let command = self.meter.asked(request.kind, &request.message);
        let (id, since) = (request.id, request.now);
        let running = Running { id, command, since, worked: Duration::ZERO, is_waiting: false };
        *self.place(id) = Some(running);
    }

    /// A person is asked.
    pub(super) fn prompted(&self) {
        self.meter.prompted();
    }

    /// The request waits for a person from now on, or does no more.
    pub(super) fn set_waiting(&mut self, id: RequestId, is_waiting: bool, now: Duration) {
        let Some(running) = self.place(id).as_mut().filter(|running| running.id == id) else {
            return;
        };
        if running.is_waiting != is_waiting {
            let time = now.saturating_sub(std::mem::replace(&mut running.since, now));
            running.is_waiting = is_waiting;
            match is_waiting {
                true => running.worked = running.worked.saturating_add(time),
                false => self.meter.waited(time),
            }
        }
    }

    /// It is answered.
    pub(super) fn answered(&mut self, id: RequestId, message: &[u8], now: Duration) {
        self.set_waiting(id, false, now);
        if let Some(running) = self.place(id).take_if(|running| running.id == id) {
            let time = running.worked.saturating_add(now.saturating_sub(running.since));
            self.meter.answered(running.command, message, time);
        }
    }

    fn place(&mut self, id: RequestId) -> &mut Option<Running> {
        let [reports, apdus] = &mut self.running;
        match id.way() {
            Way::Reports => reports,
            Way::Apdus => apdus,
        }
    }
}
