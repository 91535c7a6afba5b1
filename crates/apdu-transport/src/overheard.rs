//! Command APDUs for a program that only reads along.

use core::ops::Range;

use crate::apdu::{self, Body, Header, ins};

/// The purpose of a command APDU, and the place of its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overheard {
    /// Its purpose.
    pub asks: Asks,
    /// Whether more parts of the same command follow (NF-13).
    pub is_chained: bool,
    /// The range of its data bytes in the APDU; empty if there are none.
    pub data: Range<usize>,
}

/// The purpose of a command APDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// SELECT: an application (NF-01).
    Select,
    /// NFCCTAP_MSG: a CTAP request, or a part of it (NF-10).
    Ctap,
    /// NFCCTAP_GETRESPONSE: whether the request is done, or a wish to end it (NF-31, NF-32).
    Poll,
    /// NFCCTAP_CONTROL: the client is done (NF-36).
    End,
    /// GET RESPONSE: more of the last answer (NF-16).
    More,
    /// A command of U2F.
    U2f,
    /// Another command.
    Other,
}

impl Overheard {
    /// Reads a command APDU. `None`: it is not one, because its lengths do not fit.
    #[must_use]
    pub fn parse(command: &[u8]) -> Option<Self> {
        let (header, body) = Header::parse(command)?;
        let data = Body::parse(body)?.data;
        let start = match body {
            _ if data.is_empty() => HEADER,
            [0, ..] => EXTENDED_DATA,
            _ => SHORT_DATA,
        };
        let data = start..start.saturating_add(data.len());
        Some(Self { asks: asks(header), is_chained: header.is_chained(), data })
    }
}

const fn asks(header: Header) -> Asks {
    match (header.unchained().class, header.instruction) {
        (apdu::INTERINDUSTRY, ins::SELECT) => Asks::Select,
        // Some clients send it under the class of the command (NF-17).
        (apdu::INTERINDUSTRY | apdu::PROPRIETARY, ins::GET_RESPONSE) => Asks::More,
        (apdu::INTERINDUSTRY, ins::U2F_REGISTER..=ins::U2F_VERSION) => Asks::U2f,
        (apdu::PROPRIETARY, ins::NFCCTAP_MSG) => Asks::Ctap,
        (apdu::PROPRIETARY, ins::NFCCTAP_GETRESPONSE) => Asks::Poll,
        (apdu::PROPRIETARY, ins::NFCCTAP_CONTROL) => Asks::End,
        _ => Asks::Other,
    }
}

/// Bytes before the data: none follow, or Lc of one byte, or of three.
const HEADER: usize = 4;
const SHORT_DATA: usize = 5;
const EXTENDED_DATA: usize = 7;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::apdu::Length;

    // NF-10, NF-12, NF-13
    #[test]
    fn the_data_are_where_they_were_put_in_both_forms_of_lengths() {
        let header = Header { class: 0x80, instruction: 0x10, p1: 0, p2: 0 };
        for length in [Length::Short, Length::Extended] {
            let command = header.command(&[4, 5, 6], length);
            let heard = Overheard::parse(&command).unwrap();
            assert_eq!((&command[heard.data], heard.asks), (&[4, 5, 6][..], Asks::Ctap));
            let part = Overheard::parse(&header.chained().part(&[1; 240], length)).unwrap();
            assert!(part.is_chained && part.data.len() == 240);
            assert!(Overheard::parse(&header.command(&[], length)).unwrap().data.is_empty());
        }
        assert_eq!(Overheard::parse(&[0, 0xA4, 4]), None);
        assert_eq!(Overheard::parse(&[0, 0xA4, 4, 0, 9, 1]), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_the_data_are_within_it(command in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Some(heard) = Overheard::parse(&command) {
                prop_assert!(command.get(heard.data).is_some());
            }
        }
    }
}
