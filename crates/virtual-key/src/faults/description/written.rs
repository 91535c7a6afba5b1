//! What a fault is in words again: the reverse of reading it.

use std::time::Duration;

use super::{ALL, FaultDescription, Word};
use crate::faults::fault::{Command, Fault, Injection, Requests, Scope};

impl From<Injection> for FaultDescription {
    fn from(Injection { fault, scope }: Injection) -> Self {
        let Scope { requests, command, channel } = scope;
        Self {
            kind: Some(name(fault).to_owned()),
            requests: Some(match requests {
                Requests::Next(count) => Word::Number(count),
                Requests::All => Word::Text(ALL.to_owned()),
            }),
            command: command.map(named),
            channel: channel.map(Word::Number),
            ..members(fault)
        }
    }
}

/// That of its kind.
const fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::BogusSignature => "bogus-signature",
        Fault::BadUp => "bad-up",
        Fault::BadUv => "bad-uv",
        Fault::Status(_) => "status",
        Fault::MalformedCbor => "malformed-cbor",
        Fault::TruncatedCbor { .. } => "truncated-cbor",
        Fault::TrailingBytes { .. } => "trailing-bytes",
        Fault::OversizedCbor { .. } => "oversized-cbor",
        Fault::UnsortedCbor => "unsorted-cbor",
        Fault::SlowAnswer { .. } => "slow-answer",
        Fault::StuckDisk { .. } => "stuck-disk",
        Fault::BUSY => "busy",
        Fault::HidError(_) => "hid-error",
        Fault::IgnoredCancel => "ignored-cancel",
        Fault::WrongChannel => "wrong-channel",
        Fault::WrongSequence { .. } => "wrong-sequence",
        Fault::WrongLength { .. } => "wrong-length",
        Fault::LostReport { .. } => "lost-report",
        Fault::DoubledReport { .. } => "doubled-report",
        Fault::DelayedReport { .. } => "delayed-report",
        Fault::KeepaliveStorm { .. } => "keepalive-storm",
        Fault::NoKeepalives => "no-keepalives",
        Fault::Silence => "silence",
        Fault::Unplug { .. } => "unplug",
    }
}

/// What its kind takes, and no more.
fn members(fault: Fault) -> FaultDescription {
    let none = FaultDescription::default();
    match fault {
        Fault::BogusSignature
        | Fault::BadUp
        | Fault::BadUv
        | Fault::MalformedCbor
        | Fault::UnsortedCbor
        | Fault::BUSY
        | Fault::IgnoredCancel
        | Fault::WrongChannel
        | Fault::NoKeepalives
        | Fault::Silence => none,
        Fault::Status(byte) => FaultDescription { status: number(byte), ..none },
        Fault::HidError(byte) => FaultDescription { error: number(byte), ..none },
        Fault::TruncatedCbor { bytes }
        | Fault::TrailingBytes { bytes }
        | Fault::OversizedCbor { bytes }
        | Fault::WrongLength { bytes } => FaultDescription { bytes: Some(bytes.into()), ..none },
        Fault::SlowAnswer { wait } | Fault::StuckDisk { wait } => {
            FaultDescription { milliseconds: milliseconds(wait), ..none }
        }
        Fault::WrongSequence { report }
        | Fault::LostReport { report }
        | Fault::DoubledReport { report } => {
            FaultDescription { report: Some(report.into()), ..none }
        }
        Fault::DelayedReport { report, wait } => {
            let report = Some(report.into());
            FaultDescription { report, milliseconds: milliseconds(wait), ..none }
        }
        Fault::KeepaliveStorm { count } => FaultDescription { count: Some(count.into()), ..none },
        Fault::Unplug { report } => FaultDescription { report: report.map(u32::from), ..none },
    }
}

fn number(byte: u8) -> Option<Word> {
    Some(Word::Number(byte.into()))
}

fn milliseconds(wait: Duration) -> Option<u32> {
    u32::try_from(wait.as_millis()).ok()
}

fn named(command: Command) -> Word {
    let name = Command::NAMES.iter().find(|(_, named)| *named == command);
    match (name, command) {
        (Some((name, _)), _) => Word::Text((*name).to_owned()),
        (None, Command::Ctap2(number) | Command::Ctaphid(number)) => Word::Number(number.into()),
        (None, _) => Word::Text(String::new()),
    }
}
