//! A case's steps: one a line, read once when the case is loaded.

use std::time::Duration;

use ctap_client::commands::code;
use ctap_client::{Permissions, Status};

use crate::notation::SyntaxError;
use crate::notation::lexer::{Token, hex};
use crate::notation::syntax::{Expr, Parser, Pattern, expression};
use crate::transport::Hand;

/// A step, and the text it was read from.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) step: Step,
}

/// One thing to do or to compare.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A CTAP2 request.
    Ctap {
        person: Person,
        command: u8,
        body: Option<Expr>,
        expected: Expected,
    },
    /// A U2F APDU; `words`: the status words that will do.
    U2f {
        person: Person,
        apdu: Expr,
        words: Vec<u16>,
        data: Option<Pattern>,
    },
    SetPin(Expr),
    ChangePin(Expr, Expr),
    Token(TokenRequest),
    Agree(String),
    Enroll {
        finger: u8,
        token: String,
        name: String,
    },
    PowerCycle,
    Erase,
    Wait(Duration),
    Let(String, Expr),
    Check(Expr, Pattern),
    /// A check that skips the case, because the key lacks what it is about.
    Assume {
        what: String,
        value: Expr,
        pattern: Pattern,
    },
    Channel(String),
    SendPacket(Vec<Piece>),
    HearPacket(Vec<Piece>),
    SendMessage {
        channel: Piece,
        command: u8,
        data: Expr,
    },
    HearMessage {
        channel: Piece,
        command: u8,
        data: Pattern,
    },
    Silence(Duration),
    /// So many times, `$n` counting from 1.
    Repeat(Expr, Box<Self>),
}

impl Step {
    /// What is done, however often.
    pub(crate) fn once(&self) -> &Self {
        match self {
            Self::Repeat(_, step) => step.once(),
            step => step,
        }
    }
}

/// What the person does, and whether the key has to ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) hand: Hand,
    pub(crate) asking: Asking,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    Allowed,
    Needed,
    Forbidden,
}

/// What a reply has to be.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) statuses: Statuses,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Statuses {
    Ok,
    AnyError,
    OneOf(Vec<Status>),
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Whatever,
    Nothing,
    Like(Pattern),
}

/// How to come by a token.
#[derive(Clone, Debug)]
pub(crate) struct TokenRequest {
    pub(crate) person: Person,
    pub(crate) permissions: Permissions,
    pub(crate) rp_id: Option<Expr>,
    pub(crate) pin: Option<Expr>,
    pub(crate) by: Proof,
    pub(crate) name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Pin,
    LegacyPin,
    BuiltInUv,
}

/// A part of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    Variable(String),
    /// To be named, with its length.
    Capture(String, usize),
    AnyByte,
}

/// Reads a whole script.
pub(crate) fn read(script: &str) -> Result<Vec<Line>, SyntaxError> {
    let lines = logical_lines(script);
    lines
        .into_iter()
        .map(|text| match step(&text) {
            Ok(step) => Ok(Line { text, step }),
            Err(SyntaxError(why)) => Err(SyntaxError(format!("“{text}”: {why}"))),
        })
        .collect()
}

/// Lines without comments and blanks around them; one goes on while a bracket is open.
fn logical_lines(script: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (mut depth, mut quoted, mut comment, mut escaped) = (0_i32, false, false, false);
    for c in script.chars() {
        match c {
            '\n' if depth <= 0 => {
                lines.push(String::new());
                (depth, quoted, comment, escaped) = (0, false, false, false);
                continue;
            }
            '\n' => comment = false,
            _ if comment => continue,
            '"' if !escaped => quoted = !quoted,
            '#' if !quoted => {
                comment = true;
                continue;
            }
            '{' | '[' | '(' if !quoted => depth += 1,
            '}' | ']' | ')' if !quoted => depth -= 1,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
    }
    let joined = lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    joined.filter(|line| !line.is_empty()).collect()
}

fn step(text: &str) -> Result<Step, SyntaxError> {
    if let Some((times, text)) = text.strip_prefix("repeat ").and_then(|text| text.split_once(": "))
    {
        return Ok(Step::Repeat(expression(times)?, Box::new(step(text)?)));
    }
    if let Some(step) = hid_step(text)? {
        return Ok(step);
    }
    let (person, text) = person(text)?;
    if let Some(words) = text.strip_prefix("wait ") {
        return Ok(Step::Wait(duration(words)?));
    }
    let mut parser = Parser::new(text)?;
    let step = worded_step(&mut parser, person)?;
    parser.end()?;
    Ok(step)
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
        "channel" => Ok(Step::Channel(name(parser)?)),
        "apdu" => u2f(parser, person),
        "command" => match parser.next()? {
            Token::Integer(code @ 0..=0xFF) => ctap(parser, person, code as u8),
            other => Err(SyntaxError(format!("{other:?} is no command"))),
        },
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
    parser.expect("=>")?;
    let words = alternatives(parser, status_word)?;
    let data = if parser.is_done() { None } else { Some(parser.pattern()?) };
    Ok(Step::U2f { person, apdu, words, data })
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
    match token {
        Token::Integer(code @ 0..=0xFF) => Some(Status::from_byte(*code as u8)),
        Token::Name(name) => {
            (0..=0xFF).map(Status::from_byte).find(|status| short_name(*status) == name.as_str())
        }
        _ => None,
    }
}

/// `CTAP2_ERR_PIN_INVALID` is written as `PIN_INVALID`.
pub(crate) fn short_name(status: Status) -> &'static str {
    let name = status.name();
    let prefixes = ["CTAP1_ERR_", "CTAP2_ERR_", "CTAP2_"];
    prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

/// `9000` and `6985` are read as decimal numbers, `6A80` and `6D00` as words or not at all: four digits in any case.
fn status_word(token: &Token) -> Option<u16> {
    let digits = match token {
        Token::Integer(number) => number.to_string(),
        Token::Name(name) => name.clone(),
        _ => return None,
    };
    u16::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4)
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
    let finger = match parser.next()? {
        Token::Integer(finger @ 0..=0xFF) => finger as u8,
        other => return Err(SyntaxError(format!("{other:?} is no finger"))),
    };
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

// ---- The person ----------------------------------------------------------------------------------------------------

/// What stands in front of a request about the person, and the rest.
fn person(text: &str) -> Result<(Person, &str), SyntaxError> {
    let nobody_said = Person { hand: Hand::Touch, asking: Asking::Allowed };
    let Some((before, after)) = text.split_once(": ") else { return Ok((nobody_said, text)) };
    let (hand, asking) = match before {
        "must ask" => (Hand::Touch, Asking::Needed),
        "unasked" => (Hand::Cancel, Asking::Forbidden),
        "refused" => (Hand::Refuse, Asking::Allowed),
        "untouched" => (Hand::Nothing, Asking::Allowed),
        "cancelled" => (Hand::Cancel, Asking::Allowed),
        _ => match before.split_once(' ') {
            Some(("finger", number)) => (Hand::Finger(finger(number)?), Asking::Allowed),
            Some(("bad", kind)) => (Hand::BadSample(sample(kind)?), Asking::Allowed),
            _ => return Ok((nobody_said, text)),
        },
    };
    Ok((Person { hand, asking }, after))
}

fn finger(number: &str) -> Result<u8, SyntaxError> {
    number.parse().map_err(|_| SyntaxError(format!("“{number}” is no finger")))
}

fn sample(kind: &str) -> Result<u8, SyntaxError> {
    SAMPLES
        .iter()
        .find_map(|(name, code)| (*name == kind).then_some(*code))
        .ok_or_else(|| SyntaxError(format!("“{kind}” is no kind of bad sample")))
}

// ---- CTAPHID -------------------------------------------------------------------------------------------------------

fn hid_step(text: &str) -> Result<Option<Step>, SyntaxError> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    Ok(Some(match word {
        ">" => Step::SendPacket(pieces(rest)?),
        "<" => Step::HearPacket(pieces(rest)?),
        ">>" => {
            let (channel, command, data) = message_head(rest)?;
            let mut parser = Parser::new(data)?;
            let data = parser.expr()?;
            parser.end()?;
            Step::SendMessage { channel, command, data }
        }
        "<<" => {
            let (channel, command, data) = message_head(rest)?;
            let mut parser = Parser::new(data)?;
            let data = parser.pattern()?;
            parser.end()?;
            Step::HearMessage { channel, command, data }
        }
        "silence" => Step::Silence(duration(rest)?),
        _ => return Ok(None),
    }))
}

/// A channel, a command byte, and what follows.
fn message_head(rest: &str) -> Result<(Piece, u8, &str), SyntaxError> {
    let mut words = rest.splitn(3, ' ');
    let mut word = || words.next().ok_or_else(|| SyntaxError("it ends too early".to_owned()));
    let channel = piece(word()?)?;
    let command = match piece(word()?)? {
        Piece::Bytes(bytes) if bytes.len() == 1 => bytes[0],
        other => return Err(SyntaxError(format!("{other:?} is no command"))),
    };
    Ok((channel, command, word()?))
}

fn pieces(text: &str) -> Result<Vec<Piece>, SyntaxError> {
    text.split_whitespace().map(piece).collect()
}

fn piece(word: &str) -> Result<Piece, SyntaxError> {
    let number = |digits: &str| {
        digits.parse().map_err(|_| SyntaxError(format!("“{digits}” is not a number")))
    };
    if word == "??" {
        return Ok(Piece::AnyByte);
    }
    if let Some(name) = word.strip_prefix('$') {
        return Ok(match name.split_once(':') {
            Some((name, length)) => Piece::Capture(name.to_owned(), number(length)?),
            None => Piece::Variable(name.to_owned()),
        });
    }
    match word.split_once('*') {
        Some((byte, times)) => Ok(Piece::Bytes(hex(byte)?.repeat(number(times)?))),
        None => Ok(Piece::Bytes(hex(word)?)),
    }
}

/// `300 ms`, `11 s`, `2 min`
pub(crate) fn duration(text: &str) -> Result<Duration, SyntaxError> {
    let bad = || SyntaxError(format!("“{text}” is no time: write 300 ms, 11 s or 2 min"));
    let (number, unit) = text.split_once(' ').ok_or_else(bad)?;
    let number: u64 = number.parse().map_err(|_| bad())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "min" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(bad()),
    }
}

/// The commands of CTAP2, as cases call them (MSG-05).
pub(crate) const COMMANDS: [(&str, u8); 11] = [
    ("makeCredential", code::MAKE_CREDENTIAL),
    ("getAssertion", code::GET_ASSERTION),
    ("getInfo", code::GET_INFO),
    ("clientPIN", code::CLIENT_PIN),
    ("reset", code::RESET),
    ("getNextAssertion", code::GET_NEXT_ASSERTION),
    ("bioEnrollment", code::BIO_ENROLLMENT),
    ("credentialManagement", code::CREDENTIAL_MANAGEMENT),
    ("selection", code::SELECTION),
    ("largeBlobs", code::LARGE_BLOBS),
    ("config", code::CONFIG),
];

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_goes_on_while_a_bracket_is_open_and_comments_are_left_out() {
        let script = "\n# nothing\nmakeCredential {...$mc,\n   2: absent} # without rp\n\nerase\n";
        assert_eq!(logical_lines(script), ["makeCredential {...$mc, 2: absent}", "erase"]);
    }

    #[test]
    fn every_kind_of_step_is_read() {
        let script = r#"
            makeCredential {...$mc, 2: absent} => MISSING_PARAMETER | 0x3E nothing
            must ask: getAssertion $ga => OK {1: map -> $x, ...}
            finger 2: token mc ga rp "example.com" by uv -> $token
            token acfg pin "1234" -> $token
            set PIN $pin
            change PIN "123456" to "4321"
            agree -> $secret
            enroll finger 2 with $token -> $template
            power cycle
            erase
            wait 300 ms
            let $x = {...$mc}
            check len($x) is 4
            assume "attestation by certificate": $x is {"x5c": [bytes, ...], ...}
            untouched: apdu apdu(1, 0, 0, $hash) => 6985 | 6D00
            channel -> $cid
            > $cid 81 0004 01 00*57
            < $cid ?? 0004 $data:4
            >> ffffffff 86 random(8)
            << $cid 86 bytes[17]
            silence 300 ms
            repeat 3: unasked: getInfo
        "#;
        assert_eq!(read(script).unwrap().len(), 22);
    }

    #[test]
    fn what_is_no_step_is_named() {
        for (text, words) in [
            ("makeCoffee {}", "no step “makeCoffee”"),
            ("getInfo => FINE", "is no status"),
            ("wait 3 h", "no time"),
            ("bad SMELL: getInfo", "no kind of bad sample"),
            ("> 0", "pairs of hexadecimal"),
            ("erase everything", "out of place"),
        ] {
            let error = read(text).unwrap_err().0;
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_script_makes_the_reader_panic(text in "(.|\n){0,120}") {
            let _ = read(&text);
        }
    }
}
