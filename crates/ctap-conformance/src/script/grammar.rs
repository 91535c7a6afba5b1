//! The grammar of steps.

use std::time::Duration;

use ctap_client::{Permissions, Status};

use super::{Asking, Body, COMMANDS, Expected, Person, Piece, Proof, Statuses, Step, TokenRequest};
use crate::limits::LONGEST_REPORT;
use crate::notation::SyntaxError;
use crate::notation::lexer::{Token, hex, number};
use crate::notation::syntax::{Expr, Parser, Pattern};
use crate::transport::Hand;

/// A step, up to the end of what belongs to it.
pub(super) fn step(parser: &mut Parser) -> Result<Step, SyntaxError> {
    if parser.takes_word("repeat") {
        let times = parser.expr()?;
        parser.expect(":")?;
        return Ok(Step::Repeat(times, Box::new(step(parser)?)));
    }
    if parser.takes_word("within") {
        let time = duration(parser)?;
        parser.expect(":")?;
        return Ok(Step::Within(time, Box::new(step(parser)?)));
    }
    if let Some(step) = hid_step(parser)? {
        return Ok(step);
    }
    let person = person(parser)?;
    worded_step(parser, person)
}

fn worded_step(parser: &mut Parser, person: Person) -> Result<Step, SyntaxError> {
    let word = parser.word().ok_or_else(|| SyntaxError("a step begins with a word".to_owned()))?;
    match word.as_str() {
        "set" => Ok(Step::SetPin(after_word(parser, "PIN")?)),
        "change" => Ok(Step::ChangePin(after_word(parser, "PIN")?, after_word(parser, "to")?)),
        "token" => token(parser, person),
        "agree" => Ok(Step::Agree(name(parser)?)),
        "enroll" => enroll(parser),
        "power" => expect_word(parser, "cycle").map(|()| Step::PowerCycle),
        "erase" => Ok(Step::Erase),
        "let" => {
            let name = parser.variable()?;
            parser.expect("=")?;
            Ok(Step::Let(name, parser.expr()?))
        }
        "check" => {
            let (value, pattern) = comparison(parser)?;
            Ok(Step::Check(value, pattern))
        }
        "assume" => {
            let Token::Text(what) = parser.next()? else {
                return Err(SyntaxError("what is assumed is said in quotes first".to_owned()));
            };
            parser.expect(":")?;
            let (value, pattern) = comparison(parser)?;
            Ok(Step::Assume { what, value, pattern })
        }
        "start" => expect_word(parser, "clock").map(|()| Step::StartClock),
        "wait" => Ok(Step::Wait(duration(parser)?)),
        "channel" => Ok(Step::Channel(name(parser)?)),
        "apdu" => u2f(parser, person),
        "transmit" => transmit(parser, person),
        "command" => {
            let code = byte(parser, "command")?;
            ctap(parser, person, code)
        }
        word => match COMMANDS.iter().find(|(name, _)| *name == word) {
            Some((_, code)) => ctap(parser, person, *code),
            None => Err(SyntaxError(format!("there is no step “{word}”"))),
        },
    }
}

/// `EXPR is PATTERN`
fn comparison(parser: &mut Parser) -> Result<(Expr, Pattern), SyntaxError> {
    let value = parser.expr()?;
    expect_word(parser, "is")?;
    Ok((value, parser.pattern()?))
}

fn ctap(parser: &mut Parser, person: Person, command: u8) -> Result<Step, SyntaxError> {
    let body = if parser.is_done() || parser.at("=>") { None } else { Some(parser.expr()?) };
    Ok(Step::Ctap { person, command, body, expected: expected(parser)? })
}

fn expected(parser: &mut Parser) -> Result<Expected, SyntaxError> {
    if !parser.takes("=>") {
        return Ok(Expected { statuses: Statuses::Ok, body: Body::Whatever });
    }
    let statuses = match parser.takes_word("error") {
        true => Statuses::AnyError,
        false => Statuses::OneOf(alternatives(parser, status)?),
    };
    let body = if parser.is_done() {
        Body::Whatever
    } else if parser.takes_word("nothing") {
        Body::Nothing
    } else {
        Body::Like(parser.pattern()?)
    };
    Ok(Expected { statuses, body })
}

fn u2f(parser: &mut Parser, person: Person) -> Result<Step, SyntaxError> {
    // `apdu apdu(1, 0, 0, $data)`: the step, then the function.
    let apdu = parser.expr()?;
    let (words, data) = words(parser)?;
    Ok(Step::U2f { person, apdu, words, data })
}

fn transmit(parser: &mut Parser, person: Person) -> Result<Step, SyntaxError> {
    let apdus = parser.expr()?;
    let (words, data) = words(parser)?;
    Ok(Step::Transmit { person, apdus, words, data })
}

/// `=> 9000 | 6985 PATTERN`
fn words(parser: &mut Parser) -> Result<(Vec<u16>, Option<Pattern>), SyntaxError> {
    parser.expect("=>")?;
    let words = alternatives(parser, status_word)?;
    let data = if parser.is_done() { None } else { Some(parser.pattern()?) };
    Ok((words, data))
}

fn alternatives<T>(
    parser: &mut Parser,
    one: fn(&Token) -> Option<T>,
) -> Result<Vec<T>, SyntaxError> {
    let mut found = Vec::new();
    loop {
        let token = parser.next()?;
        found.push(one(&token).ok_or_else(|| SyntaxError(format!("{token:?} is no status")))?);
        if !parser.takes("|") {
            return Ok(found);
        }
    }
}

fn status(token: &Token) -> Option<Status> {
    let Token::Word(word) = token else { return None };
    let named =
        (0..=0xFF).map(Status::from_byte).find(|status| short_name(*status) == word.as_str());
    named.or_else(|| Some(Status::from_byte(u8::try_from(number(word).ok()?).ok()?)))
}

/// `CTAP2_ERR_PIN_INVALID` is written as `PIN_INVALID`.
pub(crate) fn short_name(status: Status) -> &'static str {
    let name = status.name();
    let prefixes = ["CTAP1_ERR_", "CTAP2_ERR_", "CTAP2_"];
    prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

/// `9000`, `6A80`: four hexadecimal digits.
fn status_word(token: &Token) -> Option<u16> {
    let Token::Word(digits) = token else { return None };
    u16::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 4)
}

fn token(parser: &mut Parser, person: Person) -> Result<Step, SyntaxError> {
    let mut permissions = 0;
    while let Some(bit) = parser.peek_word().and_then(permission) {
        permissions |= bit.bits();
        parser.word();
    }
    let rp_id = if parser.takes_word("rp") { Some(parser.expr()?) } else { None };
    let pin = if parser.takes_word("pin") { Some(parser.expr()?) } else { None };
    let by = match parser.takes_word("by") {
        false => Proof::Pin,
        true if parser.takes_word("uv") => Proof::BuiltInUv,
        true => expect_word(parser, "legacy").map(|()| Proof::LegacyPin)?,
    };
    let permissions = Permissions::from_bits(permissions);
    Ok(Step::Token(TokenRequest { person, permissions, rp_id, pin, by, name: name(parser)? }))
}

fn permission(word: &str) -> Option<Permissions> {
    Some(match word {
        "mc" => Permissions::MAKE_CREDENTIAL,
        "ga" => Permissions::GET_ASSERTION,
        "cm" => Permissions::CREDENTIAL_MANAGEMENT,
        "be" => Permissions::BIO_ENROLLMENT,
        "lbw" => Permissions::LARGE_BLOB_WRITE,
        "acfg" => Permissions::AUTHENTICATOR_CONFIG,
        "pcmr" => Permissions::PERSISTENT_CREDENTIAL_MANAGEMENT_READ_ONLY,
        _ => return None,
    })
}

fn enroll(parser: &mut Parser) -> Result<Step, SyntaxError> {
    expect_word(parser, "finger")?;
    let finger = byte(parser, "finger")?;
    expect_word(parser, "with")?;
    let token = parser.variable()?;
    Ok(Step::Enroll { finger, token, name: name(parser)? })
}

/// `-> $name`
fn name(parser: &mut Parser) -> Result<String, SyntaxError> {
    parser.expect("->")?;
    parser.variable()
}

fn after_word(parser: &mut Parser, word: &str) -> Result<Expr, SyntaxError> {
    expect_word(parser, word)?;
    parser.expr()
}

fn expect_word(parser: &mut Parser, word: &str) -> Result<(), SyntaxError> {
    match parser.takes_word(word) {
        true => Ok(()),
        false => Err(SyntaxError(format!("“{word}” is missing"))),
    }
}

// ---- Numbers -------------------------------------------------------------------------------------------------------

fn byte(parser: &mut Parser, what: &str) -> Result<u8, SyntaxError> {
    let token = parser.next()?;
    let no = || SyntaxError(format!("{token:?} is no {what}"));
    let Token::Word(word) = &token else { return Err(no()) };
    number(word).ok().and_then(|number| u8::try_from(number).ok()).ok_or_else(no)
}

/// `300 ms`, `11 s`, `2 min`
fn duration(parser: &mut Parser) -> Result<Duration, SyntaxError> {
    let (count, unit) = (parser.word().unwrap_or_default(), parser.word().unwrap_or_default());
    let bad = || SyntaxError(format!("“{count} {unit}” is no time: write 300 ms, 11 s or 2 min"));
    let number = number(&count).map_err(|_| bad())?;
    match &*unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "min" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(bad()),
    }
}

// ---- The person ----------------------------------------------------------------------------------------------------

/// The words about the person in front of a request.
fn person(parser: &mut Parser) -> Result<Person, SyntaxError> {
    let nobody_said = Person { hand: Hand::Touch, asking: Asking::Allowed };
    let (hand, asking) = match parser.peek_word() {
        Some("must") => (Hand::Touch, Asking::Needed),
        Some("unasked") => (Hand::Cancel, Asking::Forbidden),
        Some("refused") => (Hand::Refuse, Asking::Allowed),
        Some("untouched") => (Hand::Nothing, Asking::Allowed),
        Some("cancelled") => (Hand::Cancel, Asking::Allowed),
        // The thing that is placed comes after the word.
        Some("finger" | "bad") => (Hand::Touch, Asking::Allowed),
        _ => return Ok(nobody_said),
    };
    let hand = match parser.word().as_deref() {
        Some("finger") => Hand::Finger(byte(parser, "finger")?),
        Some("bad") => Hand::BadSample(sample(parser)?),
        Some("must") => expect_word(parser, "ask").map(|()| hand)?,
        _ => hand,
    };
    parser.expect(":")?;
    Ok(Person { hand, asking })
}

fn sample(parser: &mut Parser) -> Result<u8, SyntaxError> {
    let kind = parser.word().unwrap_or_default();
    SAMPLES
        .iter()
        .find_map(|(name, code)| (*name == kind).then_some(*code))
        .ok_or_else(|| SyntaxError(format!("“{kind}” is no kind of bad sample")))
}

// ---- CTAPHID -------------------------------------------------------------------------------------------------------

fn hid_step(parser: &mut Parser) -> Result<Option<Step>, SyntaxError> {
    Ok(Some(if parser.takes(">>") {
        let (channel, command) = message_head(parser)?;
        Step::SendMessage { channel, command, data: parser.expr()? }
    } else if parser.takes("<<") {
        let (channel, command) = message_head(parser)?;
        Step::HearMessage { channel, command, data: parser.pattern()? }
    } else if parser.takes(">") {
        Step::SendPacket(pieces(parser)?)
    } else if parser.takes("<") {
        Step::HearPacket(pieces(parser)?)
    } else if parser.takes_word("silence") {
        Step::Silence(duration(parser)?)
    } else {
        return Ok(None);
    }))
}

/// A channel and a command byte.
fn message_head(parser: &mut Parser) -> Result<(Piece, u8), SyntaxError> {
    let channel = piece(parser)?;
    match piece(parser)? {
        Piece::Bytes(bytes) if bytes.len() == 1 => Ok((channel, bytes[0])),
        other => Err(SyntaxError(format!("{other:?} is no command"))),
    }
}

fn pieces(parser: &mut Parser) -> Result<Vec<Piece>, SyntaxError> {
    let mut pieces = Vec::new();
    while !parser.is_done() {
        pieces.push(piece(parser)?);
    }
    Ok(pieces)
}

/// `ff0102`, `00*57`, `$name`, `$name:4` or `??`
fn piece(parser: &mut Parser) -> Result<Piece, SyntaxError> {
    match parser.next()? {
        Token::Mark("??") => Ok(Piece::AnyByte),
        Token::Variable(name) if parser.takes(":") => Ok(Piece::Capture(name, length(parser)?)),
        Token::Variable(name) => Ok(Piece::Variable(name)),
        Token::Word(word) => {
            let bytes = hex(&word)?;
            match parser.takes("*") {
                true => Ok(Piece::Bytes(bytes.repeat(length(parser)?))),
                false => Ok(Piece::Bytes(bytes)),
            }
        }
        other => Err(SyntaxError(format!("{other:?} is no part of a report"))),
    }
}

/// How many bytes of a report.
fn length(parser: &mut Parser) -> Result<usize, SyntaxError> {
    let length = usize::from(byte(parser, "length")?);
    match length <= LONGEST_REPORT {
        true => Ok(length),
        false => Err(SyntaxError(format!("a report has {LONGEST_REPORT} bytes, not {length}"))),
    }
}

/// lastEnrollSampleStatus (BE-23).
const SAMPLES: [(&str, u8); 13] = [
    ("TOO_HIGH", 0x01),
    ("TOO_LOW", 0x02),
    ("TOO_LEFT", 0x03),
    ("TOO_RIGHT", 0x04),
    ("TOO_FAST", 0x05),
    ("TOO_SLOW", 0x06),
    ("POOR_QUALITY", 0x07),
    ("TOO_SKEWED", 0x08),
    ("TOO_SHORT", 0x09),
    ("MERGE_FAILURE", 0x0A),
    ("EXISTS", 0x0B),
    ("NO_USER_ACTIVITY", 0x0D),
    ("NO_USER_PRESENCE_TRANSITION", 0x0E),
];
