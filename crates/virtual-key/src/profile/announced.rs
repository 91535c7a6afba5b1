//! What an imitation of a model announces in getInfo and does not do.

use std::fmt;

use serde_json::Value;

use crate::metadata::Difference;

/// One member of getInfo that announces something which the key does not do. As text it is a line for people, such
/// as `extensions: uvm, exts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnlyAnnounced {
    /// The standard's name of the member; for an option it is, for instance, `options.plat`.
    pub member: String,
    /// The part of the member that is only announced: items of a list, numbers of algorithms, or the value. Nothing
    /// for a table.
    pub items: Vec<String>,
    /// What the key does instead, if the member stands for something that it does.
    pub done: Option<String>,
}

impl OnlyAnnounced {
    /// Makes one of a difference between what is announced (first) and what is done (second). `None`: nothing is
    /// missing. Something that is done may then not be announced, or be announced in another order.
    pub(super) fn of(Difference { member, stated, told, .. }: &Difference) -> Option<Self> {
        let (told, done) = (stated.as_ref(), told.as_ref());
        let Some(told) = told else { return Self::by_silence(member, done?) };
        if OF_NO_USE.contains(&member.as_str()) {
            return None;
        }
        let (items, done) = match told {
            Value::Array(items) => (missing(items, done)?, None),
            Value::Object(_) => (Vec::new(), None),
            Value::Bool(false) if done.is_none() => return None,
            value => (vec![plain(value)], done.map(plain)),
        };
        Some(Self { member: member.clone(), items, done })
    }

    /// Of a member that is left out. Of some, platforms then take it for granted what they are (GI-14, CP-20, GI-38).
    fn by_silence(member: &str, done: &Value) -> Option<Self> {
        let done = done.as_u64()?;
        let (means, is_true) = match member {
            "maxMsgSize" => (1024, done >= 1024),
            "minPINLength" => (4, done <= 4),
            "maxPINLength" => (63, done >= 63),
            _ => return None,
        };
        let items = vec![format!("{means}, since it is left out")];
        (!is_true).then(|| Self { member: member.to_owned(), items, done: Some(done.to_string()) })
    }
}

/// The member of a difference that leaves out what platforms then take for missing, though the key does it: an
/// extension, a PIN/UV auth protocol, an algorithm of those that are listed, an option other than `up`, or each version after CTAP 2.0 (EX-02,
/// MSG-05, MC-06, GI-105).
pub(super) fn hidden(Difference { member, stated, told, .. }: &Difference) -> Option<String> {
    let is_hidden = match (member.as_str(), stated, told) {
        ("extensions" | "pinUvAuthProtocols", None, Some(_)) => true,
        ("extensions" | "pinUvAuthProtocols" | "algorithms", Some(stated), Some(done)) => {
            done.as_array().is_some_and(|done| missing(done, Some(stated)).is_some())
        }
        ("versions", Some(stated), Some(done)) => is_later(done) && !is_later(stated),
        (name, None, Some(Value::Bool(on))) => match name.strip_prefix("options.") {
            Some("up") | None => false,
            Some(option) => *on || TOLD_WHEN_OFF.contains(&option),
        },
        _ => false,
    };
    is_hidden.then(|| member.clone())
}

/// These versions include a finished one after CTAP 2.0.
fn is_later(versions: &Value) -> bool {
    let versions = versions.as_array().into_iter().flatten();
    versions.filter_map(Value::as_str).any(|version| matches!(version, "FIDO_2_1" | "FIDO_2_3"))
}

/// Items that are not among those that are done, if there are any.
fn missing(told: &[Value], done: Option<&Value>) -> Option<Vec<String>> {
    let done = done.and_then(Value::as_array);
    let is_done = |item: &&Value| done.is_some_and(|all| all.contains(item));
    let missing: Vec<_> = told.iter().filter(|item| !is_done(item)).map(plain).collect();
    Some(missing).filter(|missing| !missing.is_empty())
}

/// Text without quotes; of an algorithm its number.
fn plain(value: &Value) -> String {
    let number = value.get("alg").unwrap_or(value);
    number.as_str().map_or_else(|| number.to_string(), str::to_owned)
}

impl fmt::Display for OnlyAnnounced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.member)?;
        if !self.items.is_empty() {
            write!(f, ": {}", self.items.join(", "))?;
        }
        match &self.done {
            Some(done) => write!(f, ", but it is {done}"),
            None => Ok(()),
        }
    }
}

/// Options that say "it can be done" when they are off; the others are off where nothing is said of them.
const TOLD_WHEN_OFF: [&str; 6] =
    ["clientPin", "uv", "bioEnroll", "userVerificationMgmtPreview", "alwaysUv", "ep"];
/// Members for which a key need not do anything.
const OF_NO_USE: [&str; 5] =
    ["aaguid", "options", "encIdentifier", "encCredStoreState", "firmwareVersion"];
