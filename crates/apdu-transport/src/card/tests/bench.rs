//! A card on a bench: a reader that sends hex digits, an authenticator, and a clock to turn.

use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use super::super::*;

pub(super) const SELECT: &str = "00A40400 08 A0000006472F0001 00";

/// authenticatorGetInfo, from a client that cannot poll.
pub(super) const GET_INFO: &str = "80100000 01 04 00";

/// The same, from one that can.
pub(super) const GET_INFO_POLLED: &str = "80108000 01 04 00";

pub(super) const POLL: &str = "80110000 00";

pub(super) const CANCEL: &str = "80111100 00";

pub(super) const NOT_NOW: &str = "6985";

/// "U2F_V2", no error.
pub(super) const U2F_V2: &str = "5532465F5632 9000";

pub(super) struct Bench {
    pub(super) card: Card,
    pub(super) now: Duration,
    pub(super) last_request: Option<RequestId>,
}

/// An [`Event`] that owns its message, and needs no id: it is about the last request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    Request { kind: Kind, can_poll: bool, message: Vec<u8> },
    Cancel,
    Abandon,
    End,
}

impl Bench {
    /// A card with nothing selected.
    pub(super) fn new() -> Bench {
        Bench::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Bench {
        let now = Duration::from_secs(1000);
        Bench { card: Card::new(settings), now, last_request: None }
    }

    /// A card that is selected.
    pub(super) fn selected() -> Bench {
        let mut bench = Bench::new();
        bench.select();
        bench
    }

    /// A card with a request that runs, whose client was told that it must poll.
    pub(super) fn running() -> Bench {
        let mut bench = Bench::selected();
        bench.send(GET_INFO_POLLED);
        bench.wait(300);
        assert_eq!(bench.hear(), Some("019100".into()));
        bench
    }

    pub(super) fn select(&mut self) {
        assert_eq!(self.ask(SELECT), without_spaces(U2F_V2));
    }

    pub(super) fn send_bytes(&mut self, apdu: &[u8]) -> Option<Happened> {
        let event = self.card.handle_apdu(apdu, self.now)?;
        let (happened, id) = match event {
            Event::Request { id, kind, can_poll, message } => {
                (Happened::Request { kind, can_poll, message: message.to_vec() }, Some(id))
            }
            Event::Cancel { id } => (Happened::Cancel, Some(id)),
            Event::Abandon { id } => {
                assert_eq!(self.last_request, Some(id), "only what runs is abandoned");
                (Happened::Abandon, Some(id))
            }
            Event::End => (Happened::End, None),
        };
        self.last_request = id.or(self.last_request);
        Some(happened)
    }

    /// Sends an APDU; the response is yet to be looked at.
    pub(super) fn send(&mut self, apdu: &str) -> Option<Happened> {
        self.send_bytes(&bytes(apdu))
    }

    /// Sends an APDU that makes nothing happen, and is answered at once.
    pub(super) fn ask(&mut self, apdu: &str) -> String {
        assert_eq!(self.send(apdu), None, "{apdu}");
        self.hear().expect("an answer at once")
    }

    /// Sends APDUs, each of which gets this status word at once and makes nothing happen.
    pub(super) fn refuses(&mut self, answers: &[(&str, &str)]) {
        for (apdu, word) in answers {
            assert_eq!(self.ask(apdu), *word, "{apdu}");
        }
    }

    /// Sends an APDU that makes a request whole, which gets this answer.
    pub(super) fn ask_key(&mut self, apdu: &str, answer: &[u8]) -> String {
        let happened = self.send(apdu);
        assert!(matches!(happened, Some(Happened::Request { .. })), "{apdu}: {happened:?}");
        self.respond(answer);
        self.hear().expect("an answer")
    }

    /// Answers the last request.
    pub(super) fn respond(&mut self, message: &[u8]) {
        self.card.respond(self.last_request.expect("a request"), message);
    }

    pub(super) fn wait_for_user(&mut self, waiting: bool) {
        self.card.set_waiting_for_user(self.last_request.expect("a request"), waiting);
    }

    /// What the reader hears, if anything.
    pub(super) fn hear(&mut self) -> Option<String> {
        self.card.poll_response().map(|response| hex(&response))
    }

    /// Lets `millis` pass, and the timer go off in its own moment.
    pub(super) fn wait(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(due) = self.card.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.card.handle_timeout(self.now);
            assert!(self.card.poll_timeout().is_none_or(|next| next > self.now));
        }
        self.now = end;
    }
}

/// A CTAP request, as the authenticator gets it.
pub(super) fn ctap(can_poll: bool, message: &[u8]) -> Option<Happened> {
    Some(Happened::Request { kind: Kind::Ctap, can_poll, message: message.to_vec() })
}

/// A U2F request, likewise.
pub(super) fn u2f(message: &str) -> Option<Happened> {
    Some(Happened::Request { kind: Kind::U2f, can_poll: false, message: bytes(message) })
}

/// So many bytes that can be told apart.
pub(super) fn counted(length: usize) -> Vec<u8> {
    (0..length).map(|n| n.to_le_bytes()[0]).collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

pub(super) fn without_spaces(digits: &str) -> String {
    digits.split_whitespace().collect()
}

pub(super) fn bytes(digits: &str) -> Vec<u8> {
    let digits = without_spaces(digits).into_bytes();
    let byte = |pair: &[u8]| {
        let pair = core::str::from_utf8(pair).expect("ASCII");
        u8::from_str_radix(pair, 16).expect("hex digits")
    };
    digits.chunks(2).map(byte).collect()
}

/// The parts in which a client sends a CTAP message, `P1` included, cut where it likes.
pub(super) fn parts(p1: u8, message: &[u8], sizes: impl Iterator<Item = usize>) -> Vec<Vec<u8>> {
    let (mut rest, mut parts) = (message, vec![]);
    for size in sizes {
        if rest.len() <= size {
            break;
        }
        let (chunk, after) = rest.split_at(size);
        parts.push([&[0x90, 0x10, p1, 0, chunk.len().to_le_bytes()[0]], chunk].concat());
        rest = after;
    }
    parts.push([&[0x80, 0x10, p1, 0, rest.len().to_le_bytes()[0]], rest, &[0]].concat());
    parts
}
