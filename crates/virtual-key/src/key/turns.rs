//! A key that is reached in two ways, by reports and by APDUs: one request at a time.

use super::worker::Request;

/// A request, by the way that it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestId {
    Hid(hid_transport::RequestId),
    Apdu(apdu_transport::RequestId),
}

/// How requests come. Each way brings one at a time (HD-23, NF-34).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Reports,
    Apdus,
}

impl RequestId {
    pub(super) fn way(self) -> Way {
        match self {
            Self::Hid(_) => Way::Reports,
            Self::Apdu(_) => Way::Apdus,
        }
    }
}

/// The request that the worker has, and the one that waits for its end.
#[derive(Default)]
pub(super) struct Turns {
    running: Option<RequestId>,
    waiting: Option<Request>,
}

impl Turns {
    /// The request, if its turn is now. Otherwise it waits here until then.
    pub(super) fn begin(&mut self, request: Request) -> Option<Request> {
        let way = request.id.way();
        if self.running.is_some_and(|running| running.way() != way) {
            self.waiting = Some(request);
            return None;
        }
        self.running = Some(request.id);
        Some(request)
    }

    /// That request is answered. Whose turn it is now, if anybody's.
    pub(super) fn answered(&mut self, id: RequestId) -> Option<Request> {
        if self.running == Some(id) { self.next() } else { None }
    }

    /// Nobody waits for what came this way any more. Whose turn it is now, if anybody's.
    pub(super) fn abandoned(&mut self, way: Way) -> Option<Request> {
        self.take_waiting(way);
        if self.is_running(way) { self.next() } else { None }
    }

    /// The request that came this way and has not begun: it never will.
    pub(super) fn take_waiting(&mut self, way: Way) -> Option<Request> {
        self.waiting.take_if(|request| request.id.way() == way)
    }

    /// Whether the worker has a request that came this way.
    pub(super) fn is_running(&self, way: Way) -> bool {
        self.running.is_some_and(|running| running.way() == way)
    }

    fn next(&mut self) -> Option<Request> {
        self.running = self.waiting.as_ref().map(|request| request.id);
        self.waiting.take()
    }
}
