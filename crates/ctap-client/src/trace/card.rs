//! Makes messages of APDUs. It undoes chains, GET RESPONSE and polling (CTAP section 11.3).

use core::ops::Range;

use apdu_transport::{Asks, Overheard, StatusWord};

use super::{Content, Direction, Heard, Message};

/// Makes messages of the APDUs that a card and its reader exchange.
#[derive(Default)]
pub struct Apdus {
    /// The purpose of the last command.
    asked: Option<Asks>,
    /// The request so far, and the answer so far.
    parts: [Vec<u8>; 2],
}

impl Apdus {
    /// Takes the next APDU. Returns a message if this APDU completes one.
    pub fn take(&mut self, direction: Direction, apdu: &[u8]) -> Option<Message> {
        match self.hear(direction, apdu).0 {
            Heard::Part => None,
            Heard::Whole(message) => Some(message),
        }
    }

    /// The packets of a message that have come do not belong to one any more.
    pub(super) fn forget(&mut self, direction: Direction) {
        let [request, answer] = &mut self.parts;
        match direction {
            Direction::ToKey => request.clear(),
            Direction::FromKey => answer.clear(),
        }
    }

    /// The messages that this APDU, if it is the next one, ends before they are whole.
    pub(super) fn ended_by(&self, direction: Direction, apdu: &[u8]) -> &'static [Direction] {
        if direction == Direction::FromKey {
            return &[];
        }
        match Overheard::parse(apdu).map(|heard| heard.asks) {
            Some(Asks::Ctap) => &[Direction::FromKey],
            Some(Asks::More) => &[Direction::ToKey],
            _ => &[Direction::ToKey, Direction::FromKey],
        }
    }

    /// Whether this APDU, if it is the next one, begins a CTAP message, whose first byte is no secret.
    pub(super) fn begins(&self, direction: Direction, apdu: &[u8]) -> bool {
        let [request, answer] = &self.parts;
        match direction {
            Direction::ToKey => {
                let asks = Overheard::parse(apdu).map(|heard| heard.asks);
                request.is_empty() && asks == Some(Asks::Ctap)
            }
            Direction::FromKey => answer.is_empty() && self.asked == Some(Asks::Ctap),
        }
    }

    /// The same, and the bytes of the APDU that belong to the message.
    pub(super) fn hear(&mut self, direction: Direction, apdu: &[u8]) -> (Heard, Range<usize>) {
        let (heard, range) = match direction {
            Direction::ToKey => self.command(apdu),
            Direction::FromKey => self.response(apdu),
        };
        let message = |content| Message { channel: 0, direction, content };
        (heard.map_or(Heard::Part, |content| Heard::Whole(message(content))), range)
    }

    fn command(&mut self, apdu: &[u8]) -> (Option<Content>, Range<usize>) {
        let Some(heard) = Overheard::parse(apdu) else {
            self.asked = None;
            return (Some(Content::Broken("not a command APDU".to_owned())), 0..apdu.len());
        };
        let data = apdu.get(heard.data.clone()).unwrap_or_default();
        if !matches!(heard.asks, Asks::Poll | Asks::More | Asks::End) {
            self.asked = Some(heard.asks);
        }
        let [request, _] = &mut self.parts;
        let content = match heard.asks {
            Asks::Ctap => {
                request.extend_from_slice(data);
                if heard.is_chained {
                    return (None, heard.data);
                }
                Content::Ctap(std::mem::take(request))
            }
            // A whole APDU is what CTAPHID carries as well.
            Asks::U2f => return (Some(Content::U2f(apdu.to_vec())), 0..apdu.len()),
            Asks::Select => Content::Select(data.to_vec()),
            Asks::More => Content::More,
            Asks::Poll => Content::Poll(apdu.get(2) == Some(&CANCEL)),
            Asks::End => Content::End,
            Asks::Other => Content::Broken("a command that is none of FIDO's".to_owned()),
        };
        request.clear();
        (Some(content), heard.data)
    }

    fn response(&mut self, apdu: &[u8]) -> (Option<Content>, Range<usize>) {
        let Some((data, word)) = apdu.split_last_chunk::<2>() else {
            return (Some(Content::Broken("not a response APDU".to_owned())), 0..apdu.len());
        };
        let word = StatusWord(u16::from_be_bytes(*word));
        let range = 0..data.len();
        let [request, answer] = &mut self.parts;
        if word == StatusWord::STATUS_UPDATE {
            return (Some(Content::Keepalive(data.first().copied().unwrap_or_default())), range);
        }
        answer.extend_from_slice(data);
        let is_part = word.0.to_be_bytes().first() == Some(&MORE);
        let is_of_a_chain = word == StatusWord::NO_ERROR && !request.is_empty();
        if is_part || is_of_a_chain {
            return (None, range);
        }
        let answer = std::mem::take(answer);
        let content = match (self.asked, word) {
            (Some(Asks::U2f), _) => Content::U2f([answer, word.0.to_be_bytes().to_vec()].concat()),
            (Some(Asks::Select), StatusWord::NO_ERROR) => Content::Select(answer),
            (Some(Asks::Ctap), StatusWord::NO_ERROR) => Content::Ctap(answer),
            _ => Content::Word(word),
        };
        (Some(content), range)
    }
}

/// P1 of NFCCTAP_GETRESPONSE that ends the request (NF-32).
const CANCEL: u8 = 0x11;
/// SW1 of an answer that has more bytes (NF-16).
const MORE: u8 = 0x61;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::hex;

    fn said(apdus: &mut Apdus, direction: Direction, apdu: &str) -> Option<Content> {
        apdus.take(direction, &hex(apdu)).map(|message| message.content)
    }

    // NF-10, NF-13, NF-16, NF-30, NF-31
    #[test]
    fn a_request_in_parts_and_an_answer_in_parts_are_one_message_each() {
        let apdus = &mut Apdus::default();
        assert_eq!(said(apdus, Direction::ToKey, "901000000201a1"), None);
        assert_eq!(said(apdus, Direction::FromKey, "9000"), None);
        let whole = said(apdus, Direction::ToKey, "80108000020102");
        assert_eq!(whole, Some(Content::Ctap(hex("01a10102"))));
        assert_eq!(said(apdus, Direction::FromKey, "029100"), Some(Content::Keepalive(2)));
        assert_eq!(said(apdus, Direction::ToKey, "8011000000"), Some(Content::Poll(false)));
        assert_eq!(said(apdus, Direction::FromKey, "00a16102"), None);
        assert_eq!(said(apdus, Direction::ToKey, "00c0000002"), Some(Content::More));
        let whole = said(apdus, Direction::FromKey, "01029000");
        assert_eq!(whole, Some(Content::Ctap(hex("00a10102"))));
    }

    // NF-01, NF-02, NF-22
    #[test]
    fn selection_and_u2f_are_told_apart_from_ctap() {
        let apdus = &mut Apdus::default();
        let select = said(apdus, Direction::ToKey, "00a4040008a0000006472f000100");
        assert_eq!(select, Some(Content::Select(hex("a0000006472f0001"))));
        let version = said(apdus, Direction::FromKey, "5532465f56329000");
        assert_eq!(version, Some(Content::Select(b"U2F_V2".to_vec())));
        let asked = said(apdus, Direction::ToKey, "0003000000");
        assert_eq!(asked, Some(Content::U2f(hex("0003000000"))));
        let refused = said(apdus, Direction::FromKey, "6985");
        assert_eq!(refused, Some(Content::U2f(hex("6985"))));
    }
}
