//! Writes a fault in words: the reverse of reading its description.

use std::time::Duration;

use super::{ALL, FaultDescription, Word};
use crate::faults::fault::{Command, Fault, Injection, Requests, Scope};
use crate::faults::kinds::Kind;

impl From<Injection> for FaultDescription {
    fn from(Injection { fault, scope }: Injection) -> Self {
        let Scope { requests, command, channel } = scope;
        Self {
            kind: Kind::of(fault).map(|kind| kind.name.to_owned()),
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

/// The members that its kind takes, and no others.
fn members(fault: Fault) -> FaultDescription {
    let none = FaultDescription::default();
    match fault {
        Fault::BUSY => none,
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
        _ => none,
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
