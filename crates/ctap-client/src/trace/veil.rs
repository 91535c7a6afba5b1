//! The packets of a conversation, in their order, without their secrets, and each step with the packet that makes it whole.
//!
//! Which bytes are a secret is known when a message is whole: its packets are kept back until then, and those that come meanwhile behind
//! them. Of what never becomes whole only the head is told.

use core::ops::Range;
use std::collections::{BTreeMap, VecDeque};

use hid_transport::{Packet as HidPacket, Report};

use super::steps::Step;
use super::{Apdus, Content, Conversation, Direction, Heard, Message, Reports};
use crate::limits::MAX_KEPT_BACK;

/// Takes packets of one key, each with a `T` of the caller's, such as a time; returns them.
pub struct Veil<T> {
    keeps_secrets: bool,
    reports: Reports,
    apdus: Apdus,
    conversation: Conversation,
    queue: VecDeque<Waiting<T>>,
    /// How many packets have left the queue.
    gone: u64,
    /// What has come of each message that is on its way.
    messages: BTreeMap<Way, Vec<Piece>>,
}

/// A packet that may be told to others.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet<T> {
    /// The caller's.
    pub tag: T,
    /// Who sent it.
    pub direction: Direction,
    /// A report, or an APDU.
    pub bytes: Vec<u8>,
    /// The step that is whole with it.
    pub step: Option<Step>,
}

/// Where a message travels: on a channel, or as APDUs.
type Way = (Direction, Option<u32>);

/// Which bytes of a packet are a message's.
struct Piece {
    number: u64,
    range: Range<usize>,
}

struct Waiting<T> {
    packet: Packet<T>,
    /// Of a message that is on its way.
    inside: Option<Way>,
}

impl<T> Veil<T> {
    /// `keeps_secrets`: they are not left out.
    #[must_use]
    pub fn new(keeps_secrets: bool) -> Self {
        Self {
            keeps_secrets,
            reports: Reports::default(),
            apdus: Apdus::default(),
            conversation: Conversation::default(),
            queue: VecDeque::new(),
            gone: 0,
            messages: BTreeMap::new(),
        }
    }

    /// The next report on the bus.
    pub fn report(&mut self, tag: T, direction: Direction, report: &Report) {
        let packet = HidPacket::parse(report);
        let way = (direction, Some(packet.channel().as_u32()));
        let range = match packet {
            HidPacket::Initialization(_) => {
                self.break_off(way);
                INITIALIZATION_DATA
            }
            HidPacket::Continuation(_) => CONTINUATION_DATA,
        };
        let heard = self.reports.hear(direction, report);
        self.take(tag, way, report, range, heard);
    }

    /// The next APDU to or from the card.
    pub fn apdu(&mut self, tag: T, direction: Direction, apdu: &[u8]) {
        let (heard, range) = self.apdus.hear(direction, apdu);
        self.take(tag, (direction, None), apdu, range, heard);
    }

    /// The next packet that may be told, in the order in which they came.
    pub fn next_packet(&mut self) -> Option<Packet<T>> {
        while self.queue.len() > MAX_KEPT_BACK
            && let Some(way) = self.queue.front().and_then(|front| front.inside)
        {
            self.break_off(way);
        }
        let front = self.queue.pop_front_if(|front| front.inside.is_none())?;
        self.gone = self.gone.saturating_add(1);
        Some(front.packet)
    }

    /// Whether packets are kept back.
    #[must_use]
    pub fn keeps_back(&self) -> bool {
        !self.queue.is_empty()
    }

    /// What is kept back is not waited for any longer: power went, or too much time has passed.
    pub fn give_up(&mut self) {
        while let Some(way) = self.messages.keys().next().copied() {
            self.break_off(way);
        }
    }

    fn take(&mut self, tag: T, way: Way, bytes: &[u8], range: Range<usize>, heard: Heard) {
        let number = self.gone.saturating_add(self.queue.len() as u64);
        let packet = Packet { tag, direction: way.0, bytes: bytes.to_vec(), step: None };
        self.queue.push_back(Waiting { packet, inside: Some(way) });
        self.messages.entry(way).or_default().push(Piece { number, range });
        match heard {
            Heard::Part => {}
            Heard::Whole(message) if matches!(message.content, Content::Broken(_)) => {
                let step = self.conversation.step(&message);
                self.break_off(way);
                self.tell(number, step);
            }
            Heard::Whole(message) => self.tell_whole(message, way, number),
        }
    }

    fn tell_whole(&mut self, mut message: Message, way: Way, number: u64) {
        let pieces = self.messages.remove(&way).unwrap_or_default();
        let blanked = match self.keeps_secrets {
            true => None,
            false => self.conversation.blanked(&message),
        };
        if let Some(bytes) = blanked {
            self.pour(&bytes, &pieces);
            message.content = Content::Ctap(bytes);
        }
        for piece in &pieces {
            if let Some(waiting) = self.at(piece.number) {
                waiting.inside = None;
            }
        }
        let step = self.conversation.step(&message);
        self.tell(number, step);
    }

    /// Nothing more of this message is waited for.
    fn break_off(&mut self, way: Way) {
        let pieces = self.messages.remove(&way).unwrap_or_default();
        if !self.keeps_secrets {
            let first = pieces.first().and_then(|first| {
                let start = first.range.start;
                self.at(first.number)?.packet.bytes.get(start).copied()
            });
            self.pour(first.as_slice(), &pieces);
        }
        for piece in &pieces {
            if let Some(waiting) = self.at(piece.number) {
                waiting.inside = None;
            }
        }
    }

    /// Puts `bytes` where the message was, and zeros behind them.
    fn pour(&mut self, bytes: &[u8], pieces: &[Piece]) {
        let mut bytes = bytes.iter().copied();
        for piece in pieces {
            let place = self.at(piece.number);
            let place = place.and_then(|waiting| waiting.packet.bytes.get_mut(piece.range.clone()));
            for byte in place.into_iter().flatten() {
                *byte = bytes.next().unwrap_or_default();
            }
        }
    }

    fn tell(&mut self, number: u64, step: Step) {
        if let Some(waiting) = self.at(number) {
            waiting.packet.step = Some(step);
        }
    }

    fn at(&mut self, number: u64) -> Option<&mut Waiting<T>> {
        let index = usize::try_from(number.checked_sub(self.gone)?).ok()?;
        self.queue.get_mut(index)
    }
}

/// Bytes of a report that are its message's (HD-02, HD-03).
const INITIALIZATION_DATA: Range<usize> = 7..64;
const CONTINUATION_DATA: Range<usize> = 5..64;

#[cfg(test)]
mod tests;
