//! The packets of a conversation in their order, without their secrets; and each step with the packet that
//! completes it.
//!
//! Only a whole message shows which of its bytes are a secret. So its packets are kept back until then, and later
//! packets behind them. Of a message that never becomes whole, only the head is passed on. Of a packet whose
//! message did not begin here, nothing is passed on: it might be part of a secret.

use core::ops::Range;
use std::collections::{BTreeMap, VecDeque};

use hid_transport::{ChannelId, Command, Packet as HidPacket, Report};

use super::steps::Step;
use super::{Apdus, Content, Conversation, Direction, Heard, Message, Reports};
use crate::limits::MAX_KEPT_BACK;

/// Takes the packets of one key, each with a value `T` of the caller's, such as a time. Returns them without their
/// secrets.
pub struct Veil<T> {
    keeps_secrets: bool,
    reports: Reports,
    apdus: Apdus,
    conversation: Conversation,
    queue: VecDeque<Waiting<T>>,
    /// How many packets have left the queue.
    gone: u64,
    /// The packets of each unfinished message so far.
    messages: BTreeMap<Way, Vec<Piece>>,
}

/// A packet that may be told to others.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet<T> {
    /// The caller's value.
    pub tag: T,
    /// Who sent it.
    pub direction: Direction,
    /// A report, or an APDU.
    pub bytes: Vec<u8>,
    /// The step that this packet completes.
    pub step: Option<Step>,
}

/// The way of a message: on a channel, or as APDUs.
type Way = (Direction, Option<u32>);

/// The bytes of a packet that belong to a message.
struct Piece {
    number: u64,
    range: Range<usize>,
    /// With the first of them the message begins: its command, or a status.
    is_first: bool,
}

struct Waiting<T> {
    packet: Packet<T>,
    /// The unfinished message that it belongs to.
    inside: Option<Way>,
}

impl<T> Veil<T> {
    /// `keeps_secrets`: do not leave out secrets.
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
        let channel = packet.channel().as_u32();
        let (is_first, range) = match packet {
            HidPacket::Initialization(begun) => {
                self.break_off((direction, Some(channel)));
                // A new request does not take the rest of an older answer for its own.
                if direction == Direction::ToKey && begun.command != Command::Cancel.as_byte() {
                    self.break_off((Direction::FromKey, Some(channel)));
                }
                (true, INITIALIZATION_DATA)
            }
            HidPacket::Continuation(_) => (false, CONTINUATION_DATA),
        };
        let heard = self.reports.hear(direction, report);
        self.take(tag, (direction, Some(channel)), report, (is_first, range), heard);
    }

    /// The next APDU to or from the card.
    pub fn apdu(&mut self, tag: T, direction: Direction, apdu: &[u8]) {
        for ended in self.apdus.ended_by(direction, apdu) {
            self.break_off((*ended, None));
        }
        let is_first = self.apdus.begins(direction, apdu);
        let (heard, range) = self.apdus.hear(direction, apdu);
        self.take(tag, (direction, None), apdu, (is_first, range), heard);
    }

    /// The next packet that may be shown, in the order in which they came.
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

    /// Do not wait any longer for the packets that are kept back: too much time has passed. Later packets do not
    /// belong to them.
    pub fn give_up(&mut self) {
        while let Some(way) = self.messages.keys().next().copied() {
            self.break_off(way);
        }
    }

    /// The conversation stops here: power went, or packets are missing. Later packets do not belong to a message
    /// that has begun, and do not answer an earlier request.
    pub fn interrupt(&mut self) {
        self.give_up();
        self.reports = Reports::default();
        self.apdus = Apdus::default();
        self.conversation = Conversation::default();
    }

    fn take(
        &mut self,
        tag: T,
        way: Way,
        bytes: &[u8],
        (is_first, range): (bool, Range<usize>),
        heard: Heard,
    ) {
        let number = self.gone.saturating_add(self.queue.len() as u64);
        let packet = Packet { tag, direction: way.0, bytes: bytes.to_vec(), step: None };
        self.queue.push_back(Waiting { packet, inside: Some(way) });
        self.messages.entry(way).or_default().push(Piece { number, range, is_first });
        match heard {
            Heard::Part => {}
            Heard::Whole(message) if matches!(message.content, Content::Broken(_)) => {
                let step = self.conversation.step(&message);
                self.break_off(way);
                self.tell(number, step);
            }
            Heard::Whole(message) => self.tell_whole(&message, way, number),
        }
    }

    fn tell_whole(&mut self, message: &Message, way: Way, number: u64) {
        let step = match self.keeps_secrets {
            true => self.conversation.step(message),
            false => {
                let (step, blanked) = self.conversation.step_without_secrets(message);
                match (blanked, &message.content) {
                    (Some(Content::Ctap(bytes) | Content::U2f(bytes)), _) => self.pour(&bytes, way),
                    // A word says all that there is: what stands before it is no part of any message.
                    (_, Content::Word(_)) => self.pour(&[], way),
                    _ => {}
                }
                step
            }
        };
        self.let_go(way);
        self.tell(number, step);
    }

    /// Nothing more of this message is waited for, and what comes is no part of it.
    fn break_off(&mut self, way: Way) {
        match way {
            (direction, Some(channel)) => self.reports.forget(direction, ChannelId::new(channel)),
            (direction, None) => self.apdus.forget(direction),
        }
        if !self.keeps_secrets {
            let first = self.first_byte(way);
            self.pour(first.as_slice(), way);
        }
        self.let_go(way);
    }

    /// The command or status that a message begins with, if its beginning is there.
    fn first_byte(&mut self, way: Way) -> Option<u8> {
        let first = self.messages.get(&way)?.first().filter(|piece| piece.is_first)?;
        let (number, start) = (first.number, first.range.start);
        self.at(number)?.packet.bytes.get(start).copied()
    }

    /// The packets of this message so far may be shown.
    fn let_go(&mut self, way: Way) {
        for piece in self.messages.remove(&way).unwrap_or_default() {
            if let Some(waiting) = self.at(piece.number) {
                waiting.inside = None;
            }
        }
    }

    /// Puts `bytes` where the message was, and zeros behind them.
    fn pour(&mut self, bytes: &[u8], way: Way) {
        let mut bytes = bytes.iter().copied();
        let Self { messages, queue, gone, .. } = self;
        for piece in messages.get(&way).into_iter().flatten() {
            let place = place_of(piece.number, *gone).and_then(|place| queue.get_mut(place));
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
        self.queue.get_mut(place_of(number, self.gone)?)
    }
}

/// The place of a packet in the queue, from which `gone` packets were taken.
fn place_of(number: u64, gone: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(gone)?).ok()
}

/// Bytes of a report that are its message's (HD-02, HD-03).
const INITIALIZATION_DATA: Range<usize> = 7..64;
const CONTINUATION_DATA: Range<usize> = 5..64;

#[cfg(test)]
mod tests;
