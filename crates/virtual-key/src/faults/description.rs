//! Faults in words: as members of JSON and TOML, and as options of a command line.

mod written;

use std::convert::Infallible;
use std::str::FromStr;
use std::time::Duration;

use ctap_client::Status;
use serde::{Deserialize, Serialize};

use super::fault::{Command, Fault, Injection, MAX_BYTES, MAX_STORM, MAX_WAIT, Requests, Scope};
use super::fault_error::FaultError;
use super::kinds::{KINDS, Kind};
use super::recipes::{RECIPES, Recipe};
use crate::profile::nearest;

/// A fault or a recipe as a person writes it, with the requests that it is for. A missing member leaves the choice
/// open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultDescription {
    /// The name of one of [`KINDS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Instead of a kind, the name of one of [`RECIPES`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// How many requests the fault is for, or `all`. If it is missing: one request, or for a recipe as many as the
    /// recipe says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Word>,
    /// The command that the fault is for: `makeCredential` and so on, `ctap2`, `u2f`, `init`, `ping`, `wink`,
    /// `lock`, or the number of a CTAP2 command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Word>,
    /// The number of a CTAPHID channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Word>,
    /// The number of a status, or the standard's name of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Word>,
    /// The number of a CTAPHID error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Word>,
    /// A number of bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u32>,
    /// A number of KEEPALIVEs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The number of a report; the first one is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<u32>,
    /// A time in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u32>,
}

/// A number, or a word: `6`, `0x06`, `getInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number from 0 to 4294967295, or a text")]
pub enum Word {
    /// A number.
    Number(u32),
    /// A word, or a number as text.
    Text(String),
}

impl FromStr for Word {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Number))
    }
}

/// A member and whether it is there.
type Present = (&'static str, bool);

impl FaultDescription {
    /// The fault that is described; for a recipe, all of its faults. Each comes with the name of its recipe, if it
    /// has one.
    ///
    /// # Errors
    /// [`FaultError`]: the fault of the one who wrote the description.
    pub fn injections(&self) -> Result<Vec<(Injection, Option<&'static str>)>, FaultError> {
        match (&self.kind, &self.recipe) {
            (Some(name), None) => {
                let fault = self.fault(name)?;
                Ok(vec![(Injection { fault, scope: self.scope(Scope::default())? }, None)])
            }
            (None, Some(name)) => {
                let recipe = Recipe::named(name).ok_or_else(|| unknown(name))?;
                self.refuse_surplus(recipe.name, &[])?;
                let part = |injection: &Injection| {
                    let scope = self.scope(injection.scope)?;
                    Ok((Injection { scope, ..*injection }, Some(recipe.name)))
                };
                recipe.injections.iter().map(part).collect()
            }
            _ => Err(FaultError::NotOne),
        }
    }

    /// The requests that it is for. A missing member leaves that part as in `before`.
    fn scope(&self, before: Scope) -> Result<Scope, FaultError> {
        let requests = self.requests.as_ref().map_or(Ok(before.requests), requests)?;
        let command = self.command.as_ref().map(command).transpose()?;
        let channel = self.channel.as_ref().map(|word| number(word, "channel", CHANNEL, u32::MAX));
        Ok(Scope { requests, command: command.or(before.command), channel: channel.transpose()? })
    }

    fn fault(&self, name: &str) -> Result<Fault, FaultError> {
        let kind = Kind::named(name).ok_or_else(|| unknown(name))?;
        self.refuse_surplus(kind.name, kind.takes)?;
        let report = || bounded(self.report, kind, "report", MAX_REPORT);
        let bytes = || bounded(self.bytes, kind, "bytes", MAX_BYTES.into());
        Ok(match kind.example {
            Fault::BUSY => Fault::BUSY,
            Fault::Status(_) => Fault::Status(self.status(kind)?),
            Fault::TruncatedCbor { .. } => Fault::TruncatedCbor { bytes: bytes()? },
            Fault::TrailingBytes { .. } => Fault::TrailingBytes { bytes: bytes()? },
            Fault::OversizedCbor { .. } => Fault::OversizedCbor { bytes: bytes()? },
            Fault::SlowAnswer { .. } => Fault::SlowAnswer { wait: self.wait(kind)? },
            Fault::StuckDisk { .. } => Fault::StuckDisk { wait: self.wait(kind)? },
            Fault::HidError(_) => Fault::HidError(self.error(kind)?),
            Fault::WrongSequence { .. } => Fault::WrongSequence { report: report()? },
            Fault::WrongLength { .. } => Fault::WrongLength { bytes: self.length(kind)? },
            Fault::LostReport { .. } => Fault::LostReport { report: report()? },
            Fault::DoubledReport { .. } => Fault::DoubledReport { report: report()? },
            Fault::DelayedReport { .. } => {
                Fault::DelayedReport { report: report()?, wait: self.wait(kind)? }
            }
            Fault::KeepaliveStorm { .. } => Fault::KeepaliveStorm {
                count: bounded(self.count, kind, "count", MAX_STORM.into())?,
            },
            Fault::Unplug { .. } => {
                Fault::Unplug { report: self.report.map(|_| report()).transpose()? }
            }
            takes_nothing => takes_nothing,
        })
    }

    fn status(&self, kind: &Kind) -> Result<u8, FaultError> {
        let word = self.status.as_ref().ok_or(missing(kind, "status"))?;
        let named = |name: &str| (0..=u8::MAX).find(|byte| Status::from_byte(*byte).name() == name);
        match word {
            Word::Text(name) if name.contains('_') => {
                named(name).ok_or_else(|| wrong("status", word, STATUS))
            }
            word => number(word, "status", STATUS, u8::MAX.into()).map(|number| number as u8),
        }
    }

    fn error(&self, kind: &Kind) -> Result<u8, FaultError> {
        let word = self.error.as_ref().ok_or(missing(kind, "error"))?;
        number(word, "error", "0 to 255", u8::MAX.into()).map(|number| number as u8)
    }

    /// BCNT says what it likes.
    fn length(&self, kind: &Kind) -> Result<u16, FaultError> {
        bounded(self.bytes, kind, "bytes", u16::MAX.into())
    }

    fn wait(&self, kind: &Kind) -> Result<Duration, FaultError> {
        let milliseconds = self.milliseconds.ok_or(missing(kind, "milliseconds"))?;
        let wait = Duration::from_millis(milliseconds.into());
        match wait <= MAX_WAIT {
            true => Ok(wait),
            false => Err(wrong("milliseconds", &Word::Number(milliseconds), "600000 at most")),
        }
    }

    fn refuse_surplus(&self, name: &'static str, takes: &[&str]) -> Result<(), FaultError> {
        let members: [Present; 6] = [
            ("status", self.status.is_some()),
            ("error", self.error.is_some()),
            ("bytes", self.bytes.is_some()),
            ("count", self.count.is_some()),
            ("report", self.report.is_some()),
            ("milliseconds", self.milliseconds.is_some()),
        ];
        match members.iter().find(|(member, is_there)| *is_there && !takes.contains(member)) {
            Some((member, _)) => Err(FaultError::Surplus { name, member }),
            None => Ok(()),
        }
    }
}

fn requests(word: &Word) -> Result<Requests, FaultError> {
    const TAKES: &str = "a number from 1, or all";
    match word {
        Word::Text(text) if text == ALL => Ok(Requests::All),
        word => match number(word, "requests", TAKES, u32::MAX)? {
            0 => Err(wrong("requests", word, TAKES)),
            count => Ok(Requests::Next(count)),
        },
    }
}

fn command(word: &Word) -> Result<Command, FaultError> {
    let named = |text: &str| Command::NAMES.iter().find(|(name, _)| *name == text);
    match word {
        Word::Text(text) if named(text).is_some() => {
            Ok(named(text).map_or(Command::U2f, |(_, command)| *command))
        }
        word => number(word, "command", COMMAND, u8::MAX.into())
            .map(|number| Command::Ctap2(number as u8)),
    }
}

/// A number that is written as one, or in text: 0x06.
fn number(
    word: &Word,
    member: &'static str,
    takes: &'static str,
    most: u32,
) -> Result<u32, FaultError> {
    let number = match word {
        Word::Number(number) => Some(*number),
        Word::Text(text) => match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        },
    };
    number.filter(|number| *number <= most).ok_or_else(|| wrong(member, word, takes))
}

fn bounded(
    value: Option<u32>,
    kind: &Kind,
    member: &'static str,
    most: u32,
) -> Result<u16, FaultError> {
    let value = value.ok_or(missing(kind, member))?;
    let small = u16::try_from(value).ok().filter(|small| u32::from(*small) <= most);
    small.ok_or_else(|| wrong(member, &Word::Number(value), bound(most)))
}

const fn bound(most: u32) -> &'static str {
    match most {
        MAX_REPORT => "0 to 128",
        STORM => "0 to 2000",
        BYTES => "0 to 7609",
        _ => "0 to 65535",
    }
}

const fn missing(kind: &Kind, member: &'static str) -> FaultError {
    FaultError::Missing { fault: kind.name, member }
}

fn wrong(member: &'static str, word: &Word, takes: &'static str) -> FaultError {
    let value = match word {
        Word::Number(number) => number.to_string(),
        Word::Text(text) => format!("{text:?}"),
    };
    FaultError::Value { member, value, takes }
}

fn unknown(name: &str) -> FaultError {
    let names = KINDS.iter().map(|kind| kind.name);
    let names = names.chain(RECIPES.iter().map(|recipe| recipe.name));
    FaultError::Unknown { name: name.to_owned(), nearest: nearest(name, names) }
}

/// The last report of the longest message (HD-04).
const MAX_REPORT: u32 = 128;
const STORM: u32 = MAX_STORM as u32;
const BYTES: u32 = MAX_BYTES as u32;
const ALL: &str = "all";
const CHANNEL: &str = "the number of a channel, such as 1 or 0x1f";
const STATUS: &str = "a number from 0 to 255, or a name such as CTAP2_ERR_PIN_BLOCKED";
const COMMAND: &str = "a name such as getInfo, ctap2, u2f or init, or a number from 0 to 255";

#[cfg(test)]
mod tests;
