//! Faults in words: members of JSON and TOML, options of a command line.

use std::convert::Infallible;
use std::str::FromStr;
use std::time::Duration;

use ctap_client::Status;
use serde::{Deserialize, Serialize};

use super::fault::{
    Command, Fault, Injection, MAX_BYTES, MAX_FAULTS, MAX_STORM, MAX_WAIT, Requests, Scope,
};
use super::recipes::{RECIPES, Recipe};
use crate::profile::nearest;

/// A fault or a recipe as it is written, with the requests that it is for. Members that are not there say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultDescription {
    /// The name of one of [`KINDS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// In its place, the name of one of [`RECIPES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// How many requests, or `all`. Not said: one, and of a recipe as many as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Word>,
    /// `makeCredential` and so on, `ctap2`, `u2f`, `init`, `ping`, `wink`, `lock`, or the number of a CTAP2 command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Word>,
    /// The number of a CTAPHID channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Word>,
    /// The number of a status, or the standard's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Word>,
    /// The number of an error of CTAPHID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Word>,
    /// A number of bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u32>,
    /// A number of KEEPALIVEs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The number of a report, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<u32>,
    /// A time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u32>,
}

/// A number, or a word: `6`, `0x06`, `getInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
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

/// A kind of fault, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// The members that it takes.
    pub takes: &'static [&'static str],
    /// What goes wrong.
    pub says: &'static str,
}

/// All kinds, in the order in which an answer meets them.
pub const KINDS: &[Kind] = &[
    kind("bogus-signature", &[], "signatures are a single zero byte"),
    kind("bad-up", &[], "the UP bit is clear in what is signed"),
    kind("bad-uv", &[], "the UV bit is clear in what is signed"),
    kind("status", &["status"], "the answer is this status, and nothing is done"),
    kind("malformed-cbor", &[], "the answer begins with a byte that no CBOR begins with"),
    kind("truncated-cbor", &["bytes"], "the answer ends after so many bytes"),
    kind("trailing-bytes", &["bytes"], "so many bytes stand behind the CBOR"),
    kind("oversized-cbor", &["bytes"], "an unknown member makes the answer so many bytes long"),
    kind("unsorted-cbor", &[], "the members of all maps come in reverse order"),
    kind("slow-answer", &["milliseconds"], "the answer comes so much later, after KEEPALIVEs"),
    kind("stuck-disk", &["milliseconds"], "what the request writes takes so much longer"),
    kind("busy", &[], "CHANNEL_BUSY in the place of an answer, and nothing is done"),
    kind("hid-error", &["error"], "the same with this error of CTAPHID"),
    kind("ignored-cancel", &[], "a CANCEL is passed over"),
    kind("wrong-channel", &[], "the answer comes on another channel"),
    kind("wrong-sequence", &["report"], "this report of the answer has a wrong sequence number"),
    kind("wrong-length", &["bytes"], "the answer says that it is so many bytes long"),
    kind("lost-report", &["report"], "this report of the answer is lost"),
    kind("doubled-report", &["report"], "this report of the answer comes twice"),
    kind("delayed-report", &["report", "milliseconds"], "this report comes so much later"),
    kind("keepalive-storm", &["count"], "so many KEEPALIVEs come at once"),
    kind("no-keepalives", &[], "no KEEPALIVE comes"),
    kind("silence", &[], "neither KEEPALIVE nor answer comes"),
    kind(
        "unplug",
        &["report"],
        "the key is pulled out in the place of this report, or of the first",
    ),
];

const fn kind(name: &'static str, takes: &'static [&'static str], says: &'static str) -> Kind {
    Kind { name, takes, says }
}

/// Why a description is none, or a key does not take it: the fault of who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// Neither a fault nor a recipe is named, or both are.
    #[error("either a fault or a recipe is named")]
    NotOne,
    /// No kind of fault and no recipe has this name.
    #[error("there is no fault and no recipe {name}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// A name that is much like it.
        nearest: Option<&'static str>,
    },
    /// A member is missing that this kind of fault takes.
    #[error("the fault {fault} is not whole without {member}")]
    Missing {
        /// The kind.
        fault: &'static str,
        /// What is missing.
        member: &'static str,
    },
    /// A member is there that means nothing with this kind of fault, or with a recipe.
    #[error("{member} means nothing with {name}")]
    Surplus {
        /// The kind, or the recipe.
        name: &'static str,
        /// What is too much.
        member: &'static str,
    },
    /// A value that the member does not take.
    #[error("{member} cannot be {value}")]
    Value {
        /// Which.
        member: &'static str,
        /// What was said.
        value: String,
        /// What it takes.
        takes: &'static str,
    },
    /// The key has [`MAX_FAULTS`] already.
    #[error("a key has {MAX_FAULTS} faults at most")]
    TooMany,
    /// The key has no fault of this number, or no longer.
    #[error("the key has no fault {0}")]
    NoSuchFault(u32),
}

impl FaultError {
    /// What to do next.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::NotOne => {
                "such as silence, or the recipe busy-at-once; docs/faults.md has all".to_owned()
            }
            Self::Unknown { nearest: Some(nearest), .. } => format!("write {nearest}"),
            Self::Unknown { .. } => {
                "`keyfob fault list` and docs/faults.md have all names".to_owned()
            }
            Self::Missing { member, .. } => format!("say {member}; docs/faults.md has an example"),
            Self::Surplus { member, .. } => format!("leave out {member}"),
            Self::Value { takes, .. } => format!("it is {takes}"),
            Self::TooMany => "clear some of them".to_owned(),
            Self::NoSuchFault(_) => {
                "`keyfob fault list` has the numbers of those there are".to_owned()
            }
        }
    }
}

/// A member and whether it is there.
type Present = (&'static str, bool);

impl FaultDescription {
    /// What it describes; of a recipe all that it takes.
    ///
    /// # Errors
    /// [`FaultError`]: the writer's fault.
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

    /// Which requests it is for: what is not said is as `before`.
    fn scope(&self, before: Scope) -> Result<Scope, FaultError> {
        let requests = self.requests.as_ref().map_or(Ok(before.requests), requests)?;
        let command = self.command.as_ref().map(command).transpose()?;
        let channel = self.channel.as_ref().map(|word| number(word, "channel", CHANNEL, u32::MAX));
        Ok(Scope { requests, command: command.or(before.command), channel: channel.transpose()? })
    }

    fn fault(&self, name: &str) -> Result<Fault, FaultError> {
        let kind = KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| unknown(name))?;
        self.refuse_surplus(kind.name, kind.takes)?;
        let report = || bounded(self.report, kind, "report", MAX_REPORT);
        let bytes = || bounded(self.bytes, kind, "bytes", MAX_BYTES.into());
        Ok(match kind.name {
            "bogus-signature" => Fault::BogusSignature,
            "bad-up" => Fault::BadUp,
            "bad-uv" => Fault::BadUv,
            "status" => Fault::Status(self.status(kind)?),
            "malformed-cbor" => Fault::MalformedCbor,
            "truncated-cbor" => Fault::TruncatedCbor { bytes: bytes()? },
            "trailing-bytes" => Fault::TrailingBytes { bytes: bytes()? },
            "oversized-cbor" => Fault::OversizedCbor { bytes: bytes()? },
            "unsorted-cbor" => Fault::UnsortedCbor,
            "slow-answer" => Fault::SlowAnswer { wait: self.wait(kind)? },
            "stuck-disk" => Fault::StuckDisk { wait: self.wait(kind)? },
            "busy" => Fault::BUSY,
            "hid-error" => Fault::HidError(self.error(kind)?),
            "ignored-cancel" => Fault::IgnoredCancel,
            "wrong-channel" => Fault::WrongChannel,
            "wrong-sequence" => Fault::WrongSequence { report: report()? },
            "wrong-length" => Fault::WrongLength { bytes: self.length(kind)? },
            "lost-report" => Fault::LostReport { report: report()? },
            "doubled-report" => Fault::DoubledReport { report: report()? },
            "delayed-report" => Fault::DelayedReport { report: report()?, wait: self.wait(kind)? },
            "keepalive-storm" => Fault::KeepaliveStorm {
                count: bounded(self.count, kind, "count", MAX_STORM.into())?,
            },
            "no-keepalives" => Fault::NoKeepalives,
            "silence" => Fault::Silence,
            _ => Fault::Unplug { report: self.report.map(|_| report()).transpose()? },
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

impl From<Injection> for FaultDescription {
    fn from(Injection { fault, scope }: Injection) -> Self {
        let milliseconds = |wait: Duration| u32::try_from(wait.as_millis()).ok();
        let mut told = Self {
            requests: Some(match scope.requests {
                Requests::Next(count) => Word::Number(count),
                Requests::All => Word::Text(ALL.to_owned()),
            }),
            command: scope.command.map(named),
            channel: scope.channel.map(Word::Number),
            ..Self::default()
        };
        let name = match fault {
            Fault::BogusSignature => "bogus-signature",
            Fault::BadUp => "bad-up",
            Fault::BadUv => "bad-uv",
            Fault::Status(status) => told.of("status", |told| told.status = byte(status)),
            Fault::MalformedCbor => "malformed-cbor",
            Fault::TruncatedCbor { bytes } => {
                told.of("truncated-cbor", |told| told.bytes = some(bytes))
            }
            Fault::TrailingBytes { bytes } => {
                told.of("trailing-bytes", |told| told.bytes = some(bytes))
            }
            Fault::OversizedCbor { bytes } => {
                told.of("oversized-cbor", |told| told.bytes = some(bytes))
            }
            Fault::UnsortedCbor => "unsorted-cbor",
            Fault::SlowAnswer { wait } => {
                told.of("slow-answer", |told| told.milliseconds = milliseconds(wait))
            }
            Fault::StuckDisk { wait } => {
                told.of("stuck-disk", |told| told.milliseconds = milliseconds(wait))
            }
            Fault::BUSY => "busy",
            Fault::HidError(code) => told.of("hid-error", |told| told.error = byte(code)),
            Fault::IgnoredCancel => "ignored-cancel",
            Fault::WrongChannel => "wrong-channel",
            Fault::WrongSequence { report } => {
                told.of("wrong-sequence", |told| told.report = some(report))
            }
            Fault::WrongLength { bytes } => {
                told.of("wrong-length", |told| told.bytes = some(bytes))
            }
            Fault::LostReport { report } => {
                told.of("lost-report", |told| told.report = some(report))
            }
            Fault::DoubledReport { report } => {
                told.of("doubled-report", |told| told.report = some(report))
            }
            Fault::DelayedReport { report, wait } => told.of("delayed-report", |told| {
                (told.report, told.milliseconds) = (some(report), milliseconds(wait));
            }),
            Fault::KeepaliveStorm { count } => {
                told.of("keepalive-storm", |told| told.count = some(count))
            }
            Fault::NoKeepalives => "no-keepalives",
            Fault::Silence => "silence",
            Fault::Unplug { report } => {
                told.of("unplug", |told| told.report = report.map(u32::from))
            }
        };
        told.kind = Some(name.to_owned());
        told
    }
}

impl FaultDescription {
    /// The same with this member.
    fn of(&mut self, name: &'static str, set: impl FnOnce(&mut Self)) -> &'static str {
        set(self);
        name
    }
}

fn some(number: u16) -> Option<u32> {
    Some(number.into())
}

fn byte(number: u8) -> Option<Word> {
    Some(Word::Number(number.into()))
}

fn named(command: Command) -> Word {
    let name = Command::NAMES.iter().find(|(_, named)| *named == command);
    match (name, command) {
        (Some((name, _)), _) => Word::Text((*name).to_owned()),
        (None, Command::Ctap2(number) | Command::Ctaphid(number)) => Word::Number(number.into()),
        (None, _) => Word::Text(String::new()),
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
mod tests {
    use super::*;

    fn json(text: &str) -> FaultDescription {
        serde_json::from_str(text).expect("its members are known")
    }

    /// A description of this kind with all that it takes.
    fn whole(kind: &Kind) -> FaultDescription {
        let has = |member: &str| kind.takes.contains(&member);
        FaultDescription {
            kind: Some(kind.name.to_owned()),
            requests: Some(Word::Text("all".to_owned())),
            command: Some(Word::Text("getInfo".to_owned())),
            channel: Some(Word::Number(7)),
            status: has("status").then_some(Word::Number(0x32)),
            error: has("error").then_some(Word::Number(11)),
            bytes: has("bytes").then_some(9),
            count: has("count").then_some(5),
            report: has("report").then_some(2),
            milliseconds: has("milliseconds").then_some(1500),
            ..FaultDescription::default()
        }
    }

    #[test]
    fn every_kind_is_read_and_written_and_asks_for_what_it_takes() {
        for kind in KINDS {
            let described = whole(kind);
            let injections = described.injections().expect(kind.name);
            assert_eq!(FaultDescription::from(injections[0].0), described, "{}", kind.name);
            let text = serde_json::to_string(&described).unwrap();
            assert_eq!(json(&text), described);
            let bare =
                FaultDescription { kind: described.kind.clone(), ..FaultDescription::default() };
            let is_whole = kind.takes.is_empty() || kind.name == "unplug";
            assert_eq!(bare.injections().is_ok(), is_whole, "{}", kind.name);
        }
    }

    #[test]
    fn a_fault_is_for_the_next_request_unless_it_says_more() {
        let described = json(r#"{"kind":"silence"}"#).injections();
        assert_eq!(described, Ok(vec![(Fault::Silence.into(), None)]));
        let all = json(
            r#"{"kind":"status","status":"CTAP2_ERR_PIN_BLOCKED","requests":"all","command":"0x41","channel":"0x1f"}"#,
        );
        let scope = Scope {
            requests: Requests::All,
            command: Some(Command::Ctap2(0x41)),
            channel: Some(31),
        };
        assert_eq!(
            all.injections(),
            Ok(vec![(Injection { fault: Fault::Status(0x32), scope }, None)])
        );
    }

    #[test]
    fn no_recipe_has_the_name_of_a_kind_and_each_name_is_there_once() {
        let kinds = KINDS.iter().map(|kind| kind.name);
        let mut names: Vec<_> = kinds.chain(RECIPES.iter().map(|recipe| recipe.name)).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_recipe_is_as_it_says_unless_more_is_said() {
        for recipe in RECIPES {
            let described = FaultDescription {
                recipe: Some(recipe.name.to_owned()),
                ..FaultDescription::default()
            };
            let injections = described.injections().unwrap();
            let parts: Vec<_> = injections.iter().map(|(injection, _)| *injection).collect();
            assert_eq!(parts, recipe.injections, "{}", recipe.name);
        }
        let twice = json(r#"{"recipe":"busy-at-once","requests":2}"#).injections().unwrap();
        assert_eq!(
            (twice[0].0.scope.requests, twice[0].1),
            (Requests::Next(2), Some("busy-at-once"))
        );
    }

    #[test]
    fn what_is_no_fault_is_told_with_the_next_step() {
        for (text, what, next) in [
            ("{}", "either a fault or a recipe is named", "such as silence"),
            (r#"{"kind":"silense"}"#, "there is no fault and no recipe silense", "write silence"),
            (
                r#"{"recipe":"brick"}"#,
                "there is no fault and no recipe brick",
                "`keyfob fault list`",
            ),
            (
                r#"{"kind":"slow-answer"}"#,
                "the fault slow-answer is not whole without milliseconds",
                "say milliseconds",
            ),
            (r#"{"kind":"busy","bytes":1}"#, "bytes means nothing with busy", "leave out bytes"),
            (
                r#"{"recipe":"busy-at-once","error":1}"#,
                "error means nothing with busy-at-once",
                "leave out error",
            ),
            (
                r#"{"kind":"slow-answer","milliseconds":600001}"#,
                "milliseconds cannot be 600001",
                "600000 at most",
            ),
            (r#"{"kind":"truncated-cbor","bytes":7610}"#, "bytes cannot be 7610", "0 to 7609"),
            (r#"{"kind":"lost-report","report":129}"#, "report cannot be 129", "0 to 128"),
            (r#"{"kind":"keepalive-storm","count":2001}"#, "count cannot be 2001", "0 to 2000"),
            (
                r#"{"kind":"status","status":"CTAP2_ERR_TIRED"}"#,
                "status cannot be \"CTAP2_ERR_TIRED\"",
                "0 to 255",
            ),
            (r#"{"kind":"silence","requests":0}"#, "requests cannot be 0", "or all"),
            (
                r#"{"kind":"silence","command":"getinfo"}"#,
                "command cannot be \"getinfo\"",
                "getInfo",
            ),
        ] {
            let error = json(text).injections().expect_err(text);
            assert_eq!(error.to_string(), what);
            assert!(error.advice().contains(next), "{text}: {}", error.advice());
        }
    }
}
