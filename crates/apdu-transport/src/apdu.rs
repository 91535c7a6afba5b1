//! Command APDUs, ISO/IEC 7816-4 section 5.1. The card reads them, and the client writes them.

use alloc::vec::Vec;

use crate::limits::{EXTENDED_ANSWER_MAX, SHORT_ANSWER_MAX};

/// The bit of CLA that says that more parts of the same command follow (NF-13).
pub(crate) const CHAINED: u8 = 0x10;

/// CLA of ISO's own commands, and of U2F's (NF-22).
pub(crate) const INTERINDUSTRY: u8 = 0x00;

/// CLA of CTAP's commands (NF-10).
pub(crate) const PROPRIETARY: u8 = 0x80;

/// INS of the commands that there are.
pub(crate) mod ins {
    pub(crate) const U2F_REGISTER: u8 = 0x01;
    pub(crate) const U2F_VERSION: u8 = 0x03;
    pub(crate) const NFCCTAP_MSG: u8 = 0x10;
    pub(crate) const NFCCTAP_GETRESPONSE: u8 = 0x11;
    pub(crate) const NFCCTAP_CONTROL: u8 = 0x12;
    pub(crate) const SELECT: u8 = 0xA4;
    pub(crate) const GET_RESPONSE: u8 = 0xC0;
}

/// P1 of NFCCTAP_MSG: the client can poll (NF-11).
pub(crate) const CAN_POLL: u8 = 0x80;

/// P1 of NFCCTAP_GETRESPONSE: the request shall end (NF-32).
pub(crate) const CANCEL: u8 = 0x11;

/// P1 of NFCCTAP_CONTROL: the client is done (NF-36).
pub(crate) const END: u8 = 0x01;

/// P1 of SELECT: by application identifier (NF-01).
pub(crate) const BY_NAME: u8 = 0x04;

/// FIDO's application identifier (NF-01).
pub(crate) const AID: [u8; 8] = [0xA0, 0x00, 0x00, 0x06, 0x47, 0x2F, 0x00, 0x01];

/// The two forms of the lengths Lc and Le. Every key accepts both (NF-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// One byte each: up to 255 bytes of data and 256 of answer. Longer messages are sent in parts.
    Short,
    /// Two bytes each, after a 00: up to 65,535 bytes of data and 65,536 of answer.
    Extended,
}

impl Length {
    /// Bytes of the longest answer, which Le 00 and 0000 ask for.
    pub(crate) const fn answer_max(self) -> usize {
        match self {
            Length::Short => SHORT_ANSWER_MAX,
            Length::Extended => EXTENDED_ANSWER_MAX,
        }
    }
}

/// The four bytes that each command begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) class: u8,
    pub(crate) instruction: u8,
    pub(crate) p1: u8,
    pub(crate) p2: u8,
}

/// The bytes after the header: `[Lc data] [Le]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body<'a> {
    pub(crate) data: &'a [u8],
    /// Bytes of answer that there is room for. Three clients leave Le out and want an answer nevertheless, so no Le means
    /// as much as its form can ask for.
    pub(crate) expected: usize,
}

impl Header {
    /// The header and the bytes after it; `None` below four bytes.
    pub(crate) fn parse(apdu: &[u8]) -> Option<(Header, &[u8])> {
        let (&[class, instruction, p1, p2], body) = apdu.split_first_chunk::<4>()?;
        Some((Header { class, instruction, p1, p2 }, body))
    }

    /// Whether more parts of the same command follow.
    pub(crate) const fn is_chained(self) -> bool {
        self.class & CHAINED != 0
    }

    /// The header of each part but the last.
    pub(crate) const fn chained(self) -> Header {
        Header { class: self.class | CHAINED, ..self }
    }

    /// The header of the last part. The headers of the other parts differ from it in one bit.
    pub(crate) const fn unchained(self) -> Header {
        Header { class: self.class & !CHAINED, ..self }
    }

    /// The whole command, which asks for as long an answer as its form can.
    pub(crate) fn command(self, data: &[u8], length: Length) -> Vec<u8> {
        let le: &[u8] = match (length, data) {
            (Length::Short, _) => &[0],
            (Length::Extended, []) => &[0, 0, 0],
            (Length::Extended, _) => &[0, 0],
        };
        [&self.part(data, length), le].concat()
    }

    /// A part of a command, which asks for no answer but a status word.
    ///
    /// More data than the form has room for is the caller's fault: Lc says less than there is.
    pub(crate) fn part(self, data: &[u8], length: Length) -> Vec<u8> {
        let mut apdu = Vec::from([self.class, self.instruction, self.p1, self.p2]);
        match length {
            _ if data.is_empty() => {}
            Length::Short => apdu.push(u8::try_from(data.len()).unwrap_or(u8::MAX)),
            Length::Extended => {
                let [high, low] = u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes();
                apdu.extend([0, high, low]);
            }
        }
        apdu.extend_from_slice(data);
        apdu
    }
}

impl<'a> Body<'a> {
    /// `None`: the lengths do not fit the bytes (NF-18). Three bytes that begin with 00 are an extended Le and no data;
    /// extended lengths of 0000 and 0000 are those of a client that wants to say both (UF-02, UF-03).
    pub(crate) fn parse(body: &'a [u8]) -> Option<Body<'a>> {
        match body {
            [] => Body::new(&[], Length::Short, &[]),
            [_] => Body::new(&[], Length::Short, body),
            [0, le @ ..] if le.len() == 2 => Body::new(&[], Length::Extended, le),
            [0, high, low, rest @ ..] => {
                let lc = usize::from(u16::from_be_bytes([*high, *low]));
                let (data, le) = rest.split_at_checked(lc)?;
                Body::new(data, Length::Extended, le)
            }
            [lc, rest @ ..] => {
                let (data, le) = rest.split_at_checked(usize::from(*lc))?;
                Body::new(data, Length::Short, le)
            }
        }
    }

    fn new(data: &'a [u8], length: Length, le: &[u8]) -> Option<Body<'a>> {
        let expected = match (length, le) {
            (_, []) => 0,
            (Length::Short, [le]) => usize::from(*le),
            (Length::Extended, [high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
            _ => return None,
        };
        let expected = if expected == 0 { length.answer_max() } else { expected };
        Some(Body { data, expected })
    }
}

#[cfg(test)]
mod tests;
