//! The two shapes of a report: initialization and continuation packets, section 11.2.4.
//!
//! Reading and writing are exact opposites: [`Packet::parse`] accepts every report, and [`Packet::encode`] makes
//! the same report again.

use crate::channels::ChannelId;
use crate::limits::{CONTINUATION_DATA, INITIALIZATION_DATA, REPORT_SIZE};

/// One HID report in either direction, without a report id (HD-01).
pub type Report = [u8; REPORT_SIZE];

/// A report after it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The first packet of a message: bit 7 of the fifth byte is set.
    Initialization(Initialization<'a>),
    /// A later packet of a message: bit 7 of the fifth byte is clear.
    Continuation(Continuation<'a>),
}

/// The first packet of a message (HD-02): `CID (4) | 80 + CMD (1) | BCNT (2) | data (57)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initialization<'a> {
    /// The channel of the packet.
    pub channel: ChannelId,
    /// CMD without bit 7: 0 to 127; it may be an unknown command.
    pub command: u8,
    /// BCNT: the bytes of the whole message. It is not checked here, and may be above every limit.
    pub length: u16,
    /// The first bytes of the message, and the bytes that fill the report after them.
    pub data: &'a [u8; INITIALIZATION_DATA],
}

/// A later packet of a message (HD-03): `CID (4) | SEQ (1) | data (59)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continuation<'a> {
    /// The channel of the packet.
    pub channel: ChannelId,
    /// SEQ: 0 for the first continuation packet, at most 127.
    pub sequence: u8,
    /// The next bytes of the message, and the bytes that fill the report after them.
    pub data: &'a [u8; CONTINUATION_DATA],
}

impl<'a> Packet<'a> {
    /// Reads a report. Every report is a packet of one of the two shapes.
    pub fn parse(report: &'a Report) -> Packet<'a> {
        let &[c0, c1, c2, c3, tag, ref rest @ ..] = report;
        let channel = ChannelId::from_be_bytes([c0, c1, c2, c3]);
        if tag & INITIALIZATION_BIT == 0 {
            return Packet::Continuation(Continuation { channel, sequence: tag, data: rest });
        }
        let &[b0, b1, ref data @ ..] = rest;
        let length = u16::from_be_bytes([b0, b1]);
        let command = tag & !INITIALIZATION_BIT;
        Packet::Initialization(Initialization { channel, command, length, data })
    }

    /// The channel of the packet.
    pub fn channel(&self) -> ChannelId {
        match self {
            Packet::Initialization(packet) => packet.channel,
            Packet::Continuation(packet) => packet.channel,
        }
    }

    /// Writes the report. [`parse`](Packet::parse) reads it as this packet again.
    pub fn encode(&self) -> Report {
        match self {
            Packet::Initialization(packet) => packet.encode(),
            Packet::Continuation(packet) => packet.encode(),
        }
    }
}

impl Initialization<'_> {
    /// The packet as a report.
    pub fn encode(&self) -> Report {
        let [c0, c1, c2, c3] = self.channel.to_be_bytes();
        let [b0, b1] = self.length.to_be_bytes();
        joined(&[c0, c1, c2, c3, self.command | INITIALIZATION_BIT, b0, b1], self.data)
    }
}

impl Continuation<'_> {
    /// The packet as a report. Bit 7 of a sequence number does not fit into it and is dropped.
    pub fn encode(&self) -> Report {
        let [c0, c1, c2, c3] = self.channel.to_be_bytes();
        joined(&[c0, c1, c2, c3, self.sequence & !INITIALIZATION_BIT], self.data)
    }
}

/// The first `N` of `bytes`; if there are fewer, zeros follow.
pub(crate) fn fitted<const N: usize>(bytes: &[u8]) -> [u8; N] {
    joined(bytes, &[])
}

fn joined<const N: usize>(head: &[u8], tail: &[u8]) -> [u8; N] {
    let mut whole = [0; N];
    for (slot, byte) in whole.iter_mut().zip(head.iter().chain(tail)) {
        *slot = *byte;
    }
    whole
}

/// Tells the two shapes apart, in the byte after the channel.
const INITIALIZATION_BIT: u8 = 0x80;

#[cfg(test)]
mod tests;
