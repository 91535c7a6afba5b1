//! The command of an APDU, and the checks that depend on nothing else, in their order (UF-04): class, instruction,
//! lengths, then P1 and P2.

use super::Kind;
use crate::apdu::{
    AID, BY_NAME, Body, CAN_POLL, CANCEL, END, Header, INTERINDUSTRY, PROPRIETARY, ins,
};
use crate::codes::StatusWord;

/// A command in order.
pub(super) enum Command<'a> {
    /// SELECT of FIDO's application.
    Select(Select),
    /// A CTAP message or a U2F message, or a part of one.
    Part(Part<'a>),
    /// GET RESPONSE: the rest of an answer, at most this many bytes.
    GetResponse { expected: usize },
    /// NFCCTAP_GETRESPONSE: the answer, or that it is not there yet.
    Poll { cancel: bool, expected: usize },
    /// NFCCTAP_CONTROL, end of CTAP.
    End,
}

pub(super) enum Select {
    /// P2 00: the version is the answer.
    AndTell { expected: usize },
    /// P2 0C: a status word is all.
    Silently,
}

/// One APDU of a message.
pub(super) struct Part<'a> {
    /// The header, which all parts of a message share.
    pub(super) header: Header,
    pub(super) is_last: bool,
    pub(super) data: &'a [u8],
    /// Bytes of answer that there is room for.
    pub(super) expected: usize,
}

impl Part<'_> {
    pub(super) fn kind(&self) -> Kind {
        if self.header.class == INTERINDUSTRY { Kind::U2f } else { Kind::Ctap }
    }

    /// NF-11; other bits of P1 are reserved and mean nothing yet.
    pub(super) fn can_poll(&self) -> bool {
        self.kind() == Kind::Ctap && self.header.p1 & CAN_POLL != 0
    }
}

/// The command, or what is wrong with it whatever the card's state.
pub(super) fn judge(apdu: &[u8]) -> Result<Command<'_>, StatusWord> {
    let (header, rest) = Header::parse(apdu).ok_or(StatusWord::WRONG_LENGTH)?;
    let instruction = Instruction::of(header)?;
    let body = Body::parse(rest).ok_or(StatusWord::WRONG_LENGTH)?; // NF-18, UF-07
    match instruction {
        Instruction::Select => select(header, &body),
        Instruction::Message if header.p2 != 0 => Err(StatusWord::INCORRECT_P1_P2),
        Instruction::Message | Instruction::U2f => Ok(part(header, body)),
        Instruction::GetResponse => get_response(header, &body),
        Instruction::Poll => poll(header, &body),
        Instruction::Control => control(header, &body),
    }
}

enum Instruction {
    Select,
    U2f,
    GetResponse,
    Message,
    Poll,
    Control,
}

impl Instruction {
    /// Class, then instruction (NF-19, UF-05, UF-06). Class 80 is a known one, but U2F's instructions are not in it
    /// (UF-08). CTAP's instructions are not in class 00, although one maker accepts them there (NF-20): a client
    /// that sends that should be told.
    fn of(header: Header) -> Result<Instruction, StatusWord> {
        let class = header.unchained().class;
        let known = match (class, header.instruction) {
            (INTERINDUSTRY, ins::U2F_REGISTER..=ins::U2F_VERSION) => return Ok(Instruction::U2f),
            (PROPRIETARY, ins::NFCCTAP_MSG) => return Ok(Instruction::Message),
            (INTERINDUSTRY | PROPRIETARY, ins::GET_RESPONSE) => Instruction::GetResponse, // NF-17
            (INTERINDUSTRY, ins::SELECT) => Instruction::Select,
            (PROPRIETARY, ins::NFCCTAP_GETRESPONSE) => Instruction::Poll,
            (PROPRIETARY, ins::NFCCTAP_CONTROL) => Instruction::Control,
            (INTERINDUSTRY | PROPRIETARY, _) => return Err(StatusWord::INS_NOT_SUPPORTED),
            _ => return Err(StatusWord::CLA_NOT_SUPPORTED),
        };
        // Only messages come in parts.
        if header.is_chained() { Err(StatusWord::CLA_NOT_SUPPORTED) } else { Ok(known) }
    }
}

/// NF-01, NF-03. Accepts only the whole identifier. A client that asks for a part of it, or for none, wants another
/// application, such as the card's manager, and must not get this one instead (NF-04).
fn select<'a>(header: Header, body: &Body<'_>) -> Result<Command<'a>, StatusWord> {
    let select = match (header.p1, header.p2) {
        (BY_NAME, 0x00) => Select::AndTell { expected: body.expected },
        (BY_NAME, 0x0C) => Select::Silently,
        _ => return Err(StatusWord::INCORRECT_P1_P2),
    };
    if body.data != AID {
        return Err(StatusWord::FILE_NOT_FOUND);
    }
    Ok(Command::Select(select))
}

fn part<'a>(header: Header, body: Body<'a>) -> Command<'a> {
    Command::Part(Part {
        header: header.unchained(),
        is_last: !header.is_chained(),
        data: body.data,
        expected: body.expected,
    })
}

fn get_response<'a>(header: Header, body: &Body<'_>) -> Result<Command<'a>, StatusWord> {
    match (body.data, header.p1, header.p2) {
        ([], 0, 0) => Ok(Command::GetResponse { expected: body.expected }),
        ([], ..) => Err(StatusWord::INCORRECT_P1_P2),
        _ => Err(StatusWord::WRONG_LENGTH),
    }
}

/// NF-31, NF-32, NF-34.
fn poll<'a>(header: Header, body: &Body<'_>) -> Result<Command<'a>, StatusWord> {
    match (body.data, header.p1, header.p2) {
        ([], 0, 0) => Ok(Command::Poll { cancel: false, expected: body.expected }),
        ([], CANCEL, 0) => Ok(Command::Poll { cancel: true, expected: body.expected }),
        ([], ..) => Err(StatusWord::INCORRECT_P1_P2),
        _ => Err(StatusWord::WRONG_LENGTH),
    }
}

/// NF-36.
fn control<'a>(header: Header, body: &Body<'_>) -> Result<Command<'a>, StatusWord> {
    match (body.data, header.p1, header.p2) {
        ([], END, 0) => Ok(Command::End),
        ([], ..) => Err(StatusWord::INCORRECT_P1_P2),
        _ => Err(StatusWord::WRONG_LENGTH),
    }
}
