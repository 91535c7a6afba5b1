//! What the two threads of the bridge say to each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use hid_transport::{Kind, RequestId};

/// What the card's side shall do.
pub(super) enum Order {
    /// Have the card answer.
    Request(Request),
    /// The key was unplugged and plugged in: the card shall lose what a power cycle takes (NF-07).
    PowerCycle,
}

/// A request for the card.
pub(super) struct Request {
    pub(super) id: RequestId,
    pub(super) kind: Kind,
    pub(super) message: Vec<u8>,
    pub(super) wish: Wish,
}

/// What the card's side tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The first card came, and speaks this.
    Card { has_ctap2: bool, has_u2f: bool },
    /// A person is waited for, to lay the card on its reader or to touch it; or not any more.
    Waits { id: RequestId, for_user: bool },
    /// The request is over.
    Answer { id: RequestId, message: Vec<u8> },
}

/// Whether the client still wants its answer; it changes its mind on another thread.
#[derive(Clone, Default)]
pub(super) struct Wish(Arc<AtomicU8>);

impl Wish {
    /// The client wants the request to end, and to hear so (HD-81).
    pub(super) fn cancel(&self) {
        self.0.fetch_max(CANCELLED, Ordering::Relaxed);
    }

    /// The client is gone (HD-37).
    pub(super) fn abandon(&self) {
        self.0.store(ABANDONED, Ordering::Relaxed);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) != WANTED
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ABANDONED
    }
}

const WANTED: u8 = 0;
const CANCELLED: u8 = 1;
const ABANDONED: u8 = 2;
