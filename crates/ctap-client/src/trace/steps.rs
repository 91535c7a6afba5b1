//! One message in the standard's words: its name, its members with their names, and its result.

use apdu_transport::StatusWord;
use hid_transport::{Command, ErrorCode, InitAnswer, KeepaliveStatus};

use super::{Content, Direction};
use crate::auth_data::{AuthData, Flags};
use crate::cbor::{Value, decode};
use crate::hmac_secret::{HMAC_SECRET, HMAC_SECRET_MC};
use crate::names::{self, Names};
use crate::shown::{hex, shown};
use crate::status::Status;

/// One step of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The CTAPHID channel; 0 for a card.
    pub channel: u32,
    /// Who sent it.
    pub direction: Direction,
    /// The standard's name of the command, or of the status: `authenticatorGetInfo`, `CTAP2_OK`.
    pub name: String,
    /// The members with the standard's names, in the order of the wire. Authenticator data is shown as its members.
    pub members: Vec<(String, Value)>,
    /// What kind of step it is.
    pub outcome: Outcome,
}

/// What kind of step it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A request.
    Asked,
    /// The answer: it was done.
    Done,
    /// The answer: it was refused.
    Refused,
    /// The key works, or waits for a person.
    Waiting,
    /// Not a message.
    Broken,
}

impl Step {
    /// The most telling members on one line: `rp "example.com", user "alice"`.
    #[must_use]
    pub fn main(&self) -> String {
        // getInfo has members of all kinds.
        let is_info = self.members.iter().any(|(name, _)| name == INFO);
        let names = MAIN.iter().filter(|name| !is_info || **name == INFO);
        let told = names.filter_map(|name| {
            let (_, value) = self.members.iter().find(|(member, _)| member == name)?;
            brief(name, value).map(|value| format!("{name} {value}"))
        });
        told.collect::<Vec<_>>().join(", ")
    }

    /// The whole step on one line.
    #[must_use]
    pub fn line(&self) -> String {
        match self.main() {
            main if main.is_empty() => self.name.clone(),
            main => format!("{} {main}", self.name),
        }
    }

    pub(super) fn new(name: impl Into<String>, outcome: Outcome) -> Self {
        let (channel, direction) = (0, Direction::ToKey);
        Self { channel, direction, name: name.into(), members: Vec::new(), outcome }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn on(self, channel: u32, direction: Direction) -> Self {
        Self { channel, direction, ..self }
    }
}

/// Whether these bytes stand for a secret that was left out. Bytes that are drawn or computed never look like that.
#[must_use]
pub fn is_left_out(bytes: &[u8]) -> bool {
    bytes.len() >= SHORTEST_SECRET && bytes.iter().all(|byte| *byte == 0)
}

/// A CTAP request.
pub(super) fn request(bytes: &[u8]) -> Step {
    let Some((&command, body)) = bytes.split_first() else {
        return Step::new("an empty request", Outcome::Broken);
    };
    let name =
        names::of_command(command).map_or_else(|| format!("command {command:#04x}"), str::to_owned);
    let members = members(body, names::of_request(command));
    let members = members.into_iter().map(|member| spelled_out(command, member)).collect();
    Step { members, ..Step::new(name, Outcome::Asked) }
}

/// The reply to a request with this command byte.
pub(super) fn reply(bytes: &[u8], command: Option<u8>) -> Step {
    let Some((&status, body)) = bytes.split_first() else {
        return Step::new("an empty reply", Outcome::Broken);
    };
    let status = Status::from_byte(status);
    let outcome = if status == Status::Ok { Outcome::Done } else { Outcome::Refused };
    let name = match status {
        Status::Unlisted(byte) => format!("status {byte:#04x}"),
        known => known.name().to_owned(),
    };
    let members = members(body, command.map_or(names::NONE, names::of_reply));
    let members = members.into_iter().map(unfolded).collect();
    Step { members, ..Step::new(name, outcome) }
}

/// The step for a message of the transport itself.
pub(super) fn of_transport(content: &Content, direction: Direction) -> Step {
    let outcome = match direction {
        Direction::ToKey => Outcome::Asked,
        Direction::FromKey => Outcome::Done,
    };
    match content {
        Content::Hid(Command::Init, data) => init(data, outcome),
        Content::Hid(command, data) => of_hid(*command, data, outcome),
        Content::Select(data) if direction == Direction::ToKey => {
            Step::new("SELECT", outcome).with("application", data.clone())
        }
        Content::Select(data) => Step::new(StatusWord::NO_ERROR.to_string(), outcome)
            .with("version", String::from_utf8_lossy(data).into_owned()),
        Content::Keepalive(status) => {
            Step::new("KEEPALIVE", Outcome::Waiting).with("status", keepalive(*status))
        }
        Content::Error(code) => {
            Step::new("CTAPHID_ERROR", Outcome::Refused).with("code", error(*code))
        }
        Content::Word(word) if *word == StatusWord::NO_ERROR => {
            Step::new(word.to_string(), Outcome::Done)
        }
        Content::Word(word) => Step::new(word.to_string(), Outcome::Refused),
        Content::Poll(true) => Step::new("NFCCTAP_GETRESPONSE (cancel)", outcome),
        Content::Poll(false) => Step::new("NFCCTAP_GETRESPONSE", outcome),
        Content::More => Step::new("GET RESPONSE", outcome),
        Content::End => Step::new("NFCCTAP_CONTROL (end)", outcome),
        Content::Broken(why) => {
            Step::new("no whole message", Outcome::Broken).with("why", why.as_str())
        }
        Content::Ctap(_) | Content::U2f(_) => Step::new("", Outcome::Broken),
    }
}

fn init(data: &[u8], outcome: Outcome) -> Step {
    let step = Step::new("CTAPHID_INIT", outcome);
    let Some(answer) = InitAnswer::parse(data) else { return step.with("nonce", data) };
    let [major, minor, build] = answer.version;
    let has = answer.capabilities;
    let offered = [(has.wink, "WINK"), (has.cbor, "CBOR"), (has.nmsg, "NMSG")];
    let offered: Vec<_> = offered.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
    step.with("nonce", answer.nonce.as_slice())
        .with("channel", answer.channel.to_string())
        .with("version", format!("{major}.{minor}.{build}"))
        .with("capabilities", offered.join(" "))
}

fn of_hid(command: Command, data: &[u8], outcome: Outcome) -> Step {
    let name = match command {
        Command::Ping => "CTAPHID_PING",
        Command::Lock => "CTAPHID_LOCK",
        Command::Wink => "CTAPHID_WINK",
        Command::Cancel => "CTAPHID_CANCEL",
        _ => "CTAPHID",
    };
    let step = Step::new(name, outcome);
    match (command, data) {
        (Command::Lock, [seconds]) => step.with("seconds", *seconds),
        (_, []) => step,
        (_, data) => step.with("data", data),
    }
}

fn keepalive(byte: u8) -> String {
    match KeepaliveStatus::from_byte(byte) {
        Some(KeepaliveStatus::Processing) => "PROCESSING".to_owned(),
        Some(KeepaliveStatus::UpNeeded) => "UPNEEDED".to_owned(),
        None => format!("{byte:#04x}"),
    }
}

fn error(byte: u8) -> String {
    let name = match ErrorCode::from_byte(byte) {
        Some(ErrorCode::InvalidCmd) => "ERR_INVALID_CMD",
        Some(ErrorCode::InvalidPar) => "ERR_INVALID_PAR",
        Some(ErrorCode::InvalidLen) => "ERR_INVALID_LEN",
        Some(ErrorCode::InvalidSeq) => "ERR_INVALID_SEQ",
        Some(ErrorCode::MsgTimeout) => "ERR_MSG_TIMEOUT",
        Some(ErrorCode::ChannelBusy) => "ERR_CHANNEL_BUSY",
        Some(ErrorCode::LockRequired) => "ERR_LOCK_REQUIRED",
        Some(ErrorCode::InvalidChannel) => "ERR_INVALID_CHANNEL",
        Some(ErrorCode::Other) => "ERR_OTHER",
        None => return format!("{byte:#04x}"),
    };
    name.to_owned()
}

/// The members of a body, by their names. What is no map is one member that says so.
fn members(body: &[u8], names: Names) -> Vec<(String, Value)> {
    match decode(body) {
        _ if body.is_empty() => Vec::new(),
        Ok(Value::Map(entries)) => by_name(entries, names),
        Ok(other) => vec![("no map".to_owned(), other)],
        Err(_) if is_left_out(body) => vec![("parameters".to_owned(), body.into())],
        Err(fault) => vec![(format!("unreadable: {fault}"), body.into())],
    }
}

fn by_name(entries: Vec<(Value, Value)>, names: Names) -> Vec<(String, Value)> {
    entries.into_iter().map(|(key, value)| (key_name(&key, names), value)).collect()
}

fn key_name(key: &Value, names: Names) -> String {
    let number = key.as_integer().and_then(|number| u64::try_from(number).ok());
    match (number.and_then(|number| names::name(names, number)), key) {
        (Some(name), _) => name.to_owned(),
        (None, Value::Text(text)) => text.clone(),
        (None, other) => shown(other),
    }
}

/// Numbers that stand for words, and maps within maps.
fn spelled_out(command: u8, (name, value): (String, Value)) -> (String, Value) {
    let value = match (name.as_str(), value) {
        ("subCommand", Value::Integer(number)) => {
            let known = u64::try_from(number)
                .ok()
                .and_then(|number| names::name(names::of_subcommands(command), number));
            known.map_or(Value::Integer(number), Value::from)
        }
        ("permissions", Value::Integer(number)) => permissions(i128::from(number)).into(),
        ("subCommandParams", Value::Map(entries)) => {
            map(by_name(entries, names::of_parameters(command)))
        }
        ("extensions", Value::Map(entries)) => {
            map(entries.into_iter().map(|(key, value)| extension(&key, value)).collect())
        }
        (_, other) => other,
    };
    (name, value)
}

fn extension(key: &Value, value: Value) -> (String, Value) {
    let name = key_name(key, names::NONE);
    let value = match value {
        Value::Map(entries) if [HMAC_SECRET, HMAC_SECRET_MC].contains(&name.as_str()) => {
            map(by_name(entries, names::HMAC_SECRET))
        }
        other => other,
    };
    (name, value)
}

/// `mc ga`, in the letters of CTAP section 6.5.5.7.
fn permissions(bits: i128) -> String {
    let named = PERMISSIONS.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
    named.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}

/// Authenticator data, with its parts as members.
fn unfolded((name, value): (String, Value)) -> (String, Value) {
    match (name.as_str(), value) {
        ("authData", Value::Bytes(bytes)) => (name, auth_data(bytes)),
        (_, other) => (name, other),
    }
}

fn auth_data(bytes: Vec<u8>) -> Value {
    let Ok(data) = AuthData::parse(bytes.clone()) else { return Value::Bytes(bytes) };
    let mut parts = vec![
        ("rpIdHash".to_owned(), Value::from(data.rp_id_hash.as_slice())),
        ("flags".to_owned(), flags(data.flags).into()),
        ("signCount".to_owned(), Value::from(data.sign_count)),
    ];
    if let Some(made) = data.attested {
        parts.push(("aaguid".to_owned(), Value::from(made.aaguid.as_slice())));
        parts.push(("credentialId".to_owned(), made.credential_id.into()));
        parts.push(("credentialPublicKey".to_owned(), made.cose_key));
    }
    if let Some(outputs) = data.extensions {
        parts.push(("extensions".to_owned(), map(outputs)));
    }
    map(parts)
}

/// `UP UV AT`, in the letters of WebAuthn section 6.1.
fn flags(flags: Flags) -> String {
    let set = FLAGS.iter().filter(|(bit, _)| flags.byte() & bit != 0);
    set.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}

fn map(members: Vec<(String, Value)>) -> Value {
    Value::Map(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

/// A member on a line with others. `None`: it tells nothing.
fn brief(name: &str, value: &Value) -> Option<String> {
    Some(match (name, value) {
        (_, Value::Bytes(bytes)) if is_left_out(bytes) => "left out".to_owned(),
        (_, Value::Bytes(bytes)) if bytes.len() > BRIEF => {
            format!("{}…", hex(bytes.get(..BRIEF).unwrap_or_default()))
        }
        ("allowList" | "excludeList", Value::Array(items)) => items.len().to_string(),
        ("subCommand" | "permissions" | "status" | "code" | "capabilities", Value::Text(text)) => {
            text.clone()
        }
        ("extensions" | "options", Value::Map(entries)) => {
            let each = entries.iter().map(|(key, value)| match value {
                Value::Bool(truth) => format!("{} {truth}", key_name(key, names::NONE)),
                _ => key_name(key, names::NONE),
            });
            format!("({})", each.collect::<Vec<_>>().join(", "))
        }
        ("rp", Value::Map(_)) => return member(value, "id").and_then(|(id, text)| brief(id, text)),
        ("user" | "credential" | "authData", Value::Map(_)) => {
            let part = BRIEF_PARTS.iter().find_map(|part| member(value, part))?;
            return brief(part.0, part.1);
        }
        ("flags", Value::Text(text)) => text.clone(),
        (_, other) => shown(other),
    })
}

fn member<'v>(value: &'v Value, name: &'static str) -> Option<(&'static str, &'v Value)> {
    let entries = value.as_map()?;
    let found = entries.iter().find(|(key, _)| key.as_text() == Some(name))?;
    Some((name, &found.1))
}

/// The most telling members, in the order in which they are shown.
const MAIN: [&str; 31] = [
    "subCommand",
    "rp",
    "rpId",
    "user",
    "credential",
    "permissions",
    "excludeList",
    "allowList",
    "options",
    "extensions",
    "get",
    "offset",
    "versions",
    "fmt",
    "authData",
    "numberOfCredentials",
    "pinRetries",
    "uvRetries",
    "totalRPs",
    "totalCredentials",
    "existingResidentCredentialsCount",
    "lastEnrollSampleStatus",
    "remainingSamples",
    "channel",
    "version",
    "capabilities",
    "status",
    "code",
    "control",
    "counter",
    "why",
];

/// The member that only getInfo's reply has.
const INFO: &str = "versions";

/// The first of these members that a structure has.
const BRIEF_PARTS: [&str; 4] = ["flags", "name", "displayName", "id"];

/// The flags of authenticator data (WebAuthn section 6.1).
const FLAGS: [(u8, &str); 6] =
    [(0x01, "UP"), (0x04, "UV"), (0x08, "BE"), (0x10, "BS"), (0x40, "AT"), (0x80, "ED")];

/// Names by their bits, the lowest one first (CTAP section 6.5.5.7).
const PERMISSIONS: [&str; 7] = ["mc", "ga", "cm", "be", "lbw", "acfg", "pcmr"];

/// Bytes of an id that are shown on a line with others.
const BRIEF: usize = 8;

/// Bytes of the shortest secret: half a MAC (CP-10).
const SHORTEST_SECRET: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::code;
    use crate::commands::make_credential::Request;
    use crate::entities::{RelyingParty, User};
    use crate::test_support::hex;

    #[test]
    fn a_registration_is_told_by_its_names() {
        let request =
            Request::new([7; 32], RelyingParty::new("example.com"), User::new([1], "alice"))
                .with_option("rk", true);
        let told = super::request(&request.encode());
        let expected =
            "authenticatorMakeCredential rp \"example.com\", user \"alice\", options (rk true)";
        assert_eq!((told.line().as_str(), told.outcome), (expected, Outcome::Asked));
        let names: Vec<_> = told.members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["clientDataHash", "rp", "user", "pubKeyCredParams", "options"]);
    }

    #[test]
    fn numbers_that_stand_for_words_are_spelled_out() {
        let told = super::request(&hex("06a3010202090903"));
        let expected = "authenticatorClientPIN subCommand getPinUvAuthTokenUsingPinWithPermissions, permissions mc ga";
        assert_eq!(told.line(), expected);
        assert_eq!(reply(&hex("35"), None).line(), "CTAP2_ERR_PIN_NOT_SET");
        assert_eq!(reply(&hex("f3"), None).name, "status 0xf3");
    }

    #[test]
    fn authenticator_data_is_unfolded() {
        let mut message = hex("00a2025825");
        message.extend([[9; 32].as_slice(), &[0x05, 0, 0, 0, 7]].concat());
        message.extend(hex("034102"));
        let told = reply(&message, Some(code::GET_ASSERTION));
        assert_eq!(told.line(), "CTAP2_OK authData UP UV");
    }

    #[test]
    fn what_is_no_cbor_is_told_as_it_is() {
        let told = super::request(&hex("01a1"));
        assert!(told.members.first().unwrap().0.starts_with("unreadable"), "{told:?}");
        assert_eq!(super::request(&[]).outcome, Outcome::Broken);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = super::request(&bytes).line();
            for command in 0..16 {
                let _ = reply(&bytes, Some(command)).line();
            }
        }
    }
}
