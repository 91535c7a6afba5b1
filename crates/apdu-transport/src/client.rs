//! The client's end, CTAP section 11.3: it makes the APDUs of a program or a bridge, and reads the card's answers.
//!
//! Like the card's end, it does no I/O and knows no time. A [`Request`] takes as many APDUs as it needs, and so
//! does its answer:
//!
//! ```
//! use apdu_transport::Length;
//! use apdu_transport::client::{Fault, Next, Request};
//!
//! fn get_info(mut transmit: impl FnMut(&[u8]) -> Vec<u8>) -> Result<Vec<u8>, Fault> {
//!     let (mut request, mut apdu) = Request::ctap(&[0x04], Length::Short, true)?;
//!     loop {
//!         match request.receive(&transmit(&apdu))? {
//!             Next::Transmit(next) => apdu = next,
//!             Next::Poll(_status) => apdu = request.poll(), // after a pause; or `cancel()`
//!             Next::Done(answer) => return Ok(answer),
//!         }
//!     }
//! }
//!
//! let card = |apdu: &[u8]| {
//!     assert_eq!(apdu, [0x80, 0x10, 0x80, 0x00, 0x01, 0x04, 0x00]);
//!     vec![0x00, 0xA0, 0x90, 0x00] // CTAP2_OK, an empty map, no error
//! };
//! assert_eq!(get_info(card), Ok(vec![0x00, 0xA0]));
//! ```

use alloc::vec::{self, Vec};

use crate::apdu::{
    AID, BY_NAME, Body, CAN_POLL, CANCEL, END, Header, INTERINDUSTRY, Length, PROPRIETARY, ins,
};
use crate::codes::{KeepaliveStatus, StatusWord};
use crate::limits::{CHUNK, MESSAGE_MAX, SHORT_DATA_MAX};

/// One request to a card, and its answer.
///
/// It stores the APDUs that must still be sent, and at most [`MESSAGE_MAX`] bytes of the answer.
pub struct Request {
    kind: Kind,
    length: Length,
    /// Parts of the request that have not been sent yet.
    parts: vec::IntoIter<Vec<u8>>,
    collecting: Collecting,
    answer: Vec<u8>,
}

/// The kind of the request, as far as its answer depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The answer is the data, and any status word but 9000 is a refusal.
    Command,
    /// Likewise, with at least a status byte.
    Ctap,
    /// The status word belongs to the answer.
    U2f,
}

impl Kind {
    /// Bytes of the longest message that goes in one short APDU (NF-21). Few cards take a U2F message in parts, so it goes in
    /// one as long as it can.
    const fn longest_short(self) -> usize {
        match self {
            Kind::Ctap => CHUNK,
            Kind::Command | Kind::U2f => SHORT_DATA_MAX,
        }
    }
}

/// How the rest of an answer is fetched (NF-17).
#[derive(Clone, Copy)]
enum Collecting {
    /// Nothing is left, as far as is known.
    Nothing,
    /// The card was asked for this many bytes with this class.
    Asked { class: u8, left: u8 },
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Transmit this command APDU, and pass the response to [`Request::receive`].
    Transmit(Vec<u8>),
    /// The card works, or waits for a person (NF-30). After a pause ([`POLL_PAUSE`](crate::limits::POLL_PAUSE)),
    /// transmit [`Request::poll`] or [`Request::cancel`], and pass on the response.
    Poll(KeepaliveStatus),
    /// The whole answer. For a CTAP message: status and CBOR. For a U2F message: data and status word. For any
    /// other command: the data. The request is over.
    Done(Vec<u8>),
}

/// Why a request got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The request is too long: the caller's fault.
    #[error("a message of {0} bytes does not fit into the {MESSAGE_MAX} that a card takes")]
    TooLong(usize),
    /// A response without a status word. PC/SC answers like this if the card was taken away in the middle of an
    /// APDU: nobody's fault.
    #[error("the card gives no answer: it was probably taken away")]
    Gone,
    /// The card refused. With 6985, 6986, 6D00 or 6E00 the application is probably no longer selected: the card was
    /// without power, or another program selected another application. Select it, and try again, once.
    #[error("the card refused with {0}")]
    Refused(StatusWord),
    /// A CTAP answer without a status byte: the card's fault.
    #[error("the card's answer is empty. This is a fault of the card.")]
    Empty,
    /// An answer that is longer than any message (NF-14): the card's fault.
    #[error("the card's answer is longer than {MESSAGE_MAX} bytes. This is a fault of the card.")]
    Endless,
    /// The card says again and again that there are more bytes, but sends none: the card's fault.
    #[error(
        "the card says that there is more of the answer, but does not send it. This is a fault of the card."
    )]
    Stuck,
    /// 9100 without a status, or with one that the standard does not have (NF-30): the card's fault.
    #[error("the card sends an unknown status while it works: {0:?}. This is a fault of the card.")]
    UnknownStatus(Option<u8>),
}

impl Request {
    /// SELECT of FIDO's application (NF-01). The answer is the bytes of a [`Version`](crate::Version).
    pub fn select() -> (Request, Vec<u8>) {
        let header = Header { class: INTERINDUSTRY, instruction: ins::SELECT, p1: BY_NAME, p2: 0 };
        Request::command(header, &AID)
    }

    /// NFCCTAP_CONTROL: this client is done (NF-36). The answer is empty.
    pub fn end() -> (Request, Vec<u8>) {
        let (class, instruction) = (PROPRIETARY, ins::NFCCTAP_CONTROL);
        Request::command(Header { class, instruction, p1: END, p2: 0 }, &[])
    }

    /// A CTAP message: command byte, then CBOR. `can_poll`: the card may answer 9100, and is polled then (NF-11).
    ///
    /// With [`Length::Short`] it is sent in parts of [`CHUNK`] bytes, which every card accepts. With
    /// [`Length::Extended`] it is sent in one piece, if the reader accepts that.
    ///
    /// # Errors
    /// [`Fault::TooLong`] if the message has more than [`MESSAGE_MAX`] bytes.
    pub fn ctap(
        message: &[u8],
        length: Length,
        can_poll: bool,
    ) -> Result<(Request, Vec<u8>), Fault> {
        if message.len() > usize::from(MESSAGE_MAX) {
            return Err(Fault::TooLong(message.len()));
        }
        let p1 = if can_poll { CAN_POLL } else { 0 };
        let (class, instruction) = (PROPRIETARY, ins::NFCCTAP_MSG);
        let header = Header { class, instruction, p1, p2: 0 };
        Ok(Request::new(Kind::Ctap, header, message, length))
    }

    /// A U2F message as USB carries it, with short or extended lengths. For [`Length::Short`] it is rewritten, and
    /// sent in parts if it is longer than a short APDU.
    ///
    /// # Errors
    /// The status word to answer instead of the card, because this is not a U2F message that the card may see
    /// (UF-04). Its class, its instruction or its lengths are wrong. An instruction may be SELECT, or a CTAP
    /// message, which would avoid the checks of a program that watches those.
    pub fn u2f(message: &[u8], length: Length) -> Result<(Request, Vec<u8>), StatusWord> {
        let (header, rest) = Header::parse(message).ok_or(StatusWord::WRONG_LENGTH)?;
        if header.class != INTERINDUSTRY {
            return Err(StatusWord::CLA_NOT_SUPPORTED); // UF-05
        }
        if !matches!(header.instruction, ins::U2F_REGISTER..=ins::U2F_VERSION) {
            return Err(StatusWord::INS_NOT_SUPPORTED); // UF-06
        }
        let data = Body::parse(rest).ok_or(StatusWord::WRONG_LENGTH)?.data; // UF-07
        if data.len() > usize::from(MESSAGE_MAX) {
            return Err(StatusWord::WRONG_LENGTH);
        }
        Ok(Request::new(Kind::U2f, header, data, length))
    }

    fn command(header: Header, data: &[u8]) -> (Request, Vec<u8>) {
        Request::new(Kind::Command, header, data, Length::Short)
    }

    /// The request and its first APDU.
    fn new(kind: Kind, header: Header, data: &[u8], length: Length) -> (Request, Vec<u8>) {
        let mut parts = match length {
            Length::Short if data.len() > kind.longest_short() => in_parts(header, data),
            _ => Vec::from([header.command(data, length)]),
        }
        .into_iter();
        let first = parts.next().unwrap_or_default();
        let (collecting, answer) = (Collecting::Nothing, Vec::new());
        (Request { kind, length, parts, collecting, answer }, first)
    }

    /// Asks whether the answer is ready (NF-31).
    pub fn poll(&self) -> Vec<u8> {
        self.get_response(0)
    }

    /// Asks the card to end the request (NF-32). The answer may still be a normal one, because the person may have
    /// acted already.
    pub fn cancel(&self) -> Vec<u8> {
        self.get_response(CANCEL)
    }

    fn get_response(&self, p1: u8) -> Vec<u8> {
        let (class, instruction) = (PROPRIETARY, ins::NFCCTAP_GETRESPONSE);
        Header { class, instruction, p1, p2: 0 }.command(&[], self.length)
    }

    /// Takes the card's response to the last APDU.
    ///
    /// # Errors
    /// [`Fault`]: there will be no answer.
    pub fn receive(&mut self, response: &[u8]) -> Result<Next, Fault> {
        let (data, word) = StatusWord::split(response).ok_or(Fault::Gone)?;
        if let Some(next) = self.parts.next() {
            return match word {
                StatusWord::NO_ERROR => Ok(Next::Transmit(next)),
                word => self.refused(data, word),
            };
        }
        if let Some(left) = word.as_remaining() {
            return self.collect(data, left);
        }
        match (self.kind, word) {
            (Kind::Ctap, StatusWord::STATUS_UPDATE) => still_at_work(data).map(Next::Poll),
            (_, StatusWord::CLA_NOT_SUPPORTED | StatusWord::INS_NOT_SUPPORTED) => {
                self.collect_otherwise(data, word)
            }
            (Kind::U2f, word) => self.finish(&word.after(data)),
            (_, StatusWord::NO_ERROR) => self.finish(data),
            (_, word) => Err(Fault::Refused(word)),
        }
    }

    /// 61XX: keeps what has come and asks for the rest (NF-16, NF-17). The first one may come without data.
    fn collect(&mut self, data: &[u8], left: u8) -> Result<Next, Fault> {
        let class = match self.collecting {
            Collecting::Asked { .. } if data.is_empty() => return Err(Fault::Stuck),
            Collecting::Asked { class, .. } => class,
            Collecting::Nothing => INTERINDUSTRY,
        };
        self.keep(data)?;
        Ok(self.ask_for_the_rest(class, left))
    }

    /// A card that does not know GET RESPONSE under class 00 is asked under 80.
    fn collect_otherwise(&mut self, data: &[u8], word: StatusWord) -> Result<Next, Fault> {
        match self.collecting {
            Collecting::Asked { class: INTERINDUSTRY, left } => {
                Ok(self.ask_for_the_rest(PROPRIETARY, left))
            }
            Collecting::Asked { .. } => Err(Fault::Refused(word)),
            Collecting::Nothing => self.refused(data, word),
        }
    }

    fn ask_for_the_rest(&mut self, class: u8, left: u8) -> Next {
        self.collecting = Collecting::Asked { class, left };
        Next::Transmit(Vec::from([class, ins::GET_RESPONSE, 0, 0, left]))
    }

    /// To a U2F message every status word is an answer.
    fn refused(&mut self, data: &[u8], word: StatusWord) -> Result<Next, Fault> {
        match self.kind {
            Kind::U2f => self.finish(&word.after(data)),
            Kind::Command | Kind::Ctap => Err(Fault::Refused(word)),
        }
    }

    fn finish(&mut self, last: &[u8]) -> Result<Next, Fault> {
        self.keep(last)?;
        if self.kind == Kind::Ctap && self.answer.is_empty() {
            return Err(Fault::Empty);
        }
        Ok(Next::Done(core::mem::take(&mut self.answer)))
    }

    fn keep(&mut self, data: &[u8]) -> Result<(), Fault> {
        if self.answer.len().saturating_add(data.len()) > usize::from(MESSAGE_MAX) {
            return Err(Fault::Endless);
        }
        self.answer.extend_from_slice(data);
        Ok(())
    }
}

/// The last part alone asks for an answer (NF-13).
fn in_parts(header: Header, data: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = data.chunks(CHUNK);
    let last = chunks.next_back().unwrap_or_default();
    let others = chunks.map(|chunk| header.chained().part(chunk, Length::Short));
    others.chain([header.command(last, Length::Short)]).collect()
}

fn still_at_work(data: &[u8]) -> Result<KeepaliveStatus, Fault> {
    match data {
        [status] => KeepaliveStatus::from_byte(*status).ok_or(Fault::UnknownStatus(Some(*status))),
        _ => Err(Fault::UnknownStatus(data.first().copied())),
    }
}

#[cfg(test)]
mod tests;
