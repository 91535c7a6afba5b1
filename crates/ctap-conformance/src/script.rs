//! The steps of a case: one on each line. They are read once, when the case is loaded.

mod grammar;

use std::time::Duration;

use ctap_client::commands::code;
use ctap_client::{Permissions, Status};

pub(crate) use self::grammar::short_name;
use crate::notation::SyntaxError;
use crate::notation::lexer::{LogicalLine, lines};
use crate::notation::syntax::{Expr, Parser, Pattern};
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
    /// Command APDUs for a card, as they are: bytes, or an array of parts.
    Transmit {
        person: Person,
        apdus: Expr,
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
    StartClock,
    /// A step that may go wrong where more time has passed since the clock was started.
    Within(Duration, Box<Self>),
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
    /// What is done, without the number of times.
    pub(crate) fn once(&self) -> &Self {
        match self {
            Self::Repeat(_, step) | Self::Within(_, step) => step.once(),
            step => step,
        }
    }
}

/// What the person does, and whether the key must ask for it.
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

/// The expected reply.
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
    lines(script)?.into_iter().map(line).collect()
}

fn line(LogicalLine { text, tokens }: LogicalLine) -> Result<Line, SyntaxError> {
    let mut parser = Parser::over(tokens);
    match grammar::step(&mut parser).and_then(|step| parser.end().map(|()| step)) {
        Ok(step) => Ok(Line { text, step }),
        Err(SyntaxError(why)) => Err(SyntaxError(format!("“{text}”: {why}"))),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            start clock
            within 400 ms: < $cid ?? 0004 $data:4
            let $x = {...$mc}
            check len($x) is 4
            assume "attestation by certificate": $x is {"x5c": [bytes, ...], ...}
            untouched: apdu apdu(1, 0, 0, $hash) => 6985 | 6D00
            must ask: transmit [h"90108000F0", h"8010800000"] => 9000 bytes
            channel -> $cid
            > $cid 81 0004 01 00*57
            < $cid ?? 0004 $data:4
            >> ffffffff 86 random(8)
            << $cid 86 bytes[17]
            silence 300 ms
            repeat 3: unasked: getInfo
        "#;
        assert_eq!(read(script).unwrap().len(), 25);
    }

    #[test]
    fn what_is_no_step_is_named() {
        for (text, words) in [
            ("makeCoffee {}", "no step “makeCoffee”"),
            ("getInfo => FINE", "is no status"),
            ("wait 3 h", "no time"),
            ("bad SMELL: getInfo", "no kind of bad sample"),
            ("> 0", "pairs of hexadecimal"),
            ("> 00*65", "a report has 64 bytes"),
            ("> {}", "is no part of a report"),
            ("makeCredential {", "“makeCredential {”: "),
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
