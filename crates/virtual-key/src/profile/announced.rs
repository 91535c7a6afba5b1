//! What an imitation tells in getInfo and does not do.

use std::fmt;

use serde_json::Value;

use crate::metadata::Difference;

/// One member of getInfo that tells what the key does not do. Its text is a line for people, such as `extensions: uvm, exts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnlyAnnounced {
    /// Its name in the standard; of an option `options.plat`, for instance.
    pub member: String,
    /// What of it is told only: of a list these items, of algorithms their numbers; or its value; nothing of a table.
    pub items: Vec<String>,
    /// What is so, where the member is there for something.
    pub done: Option<String>,
}

impl OnlyAnnounced {
    /// Of a difference, where the first is what is told and the second what is done. `None`: nothing is missing, where something that is done
    /// is not told or has another order.
    pub(super) fn of(Difference { member, stated, told, .. }: &Difference) -> Option<Self> {
        let (told, done) = (stated.as_ref()?, told.as_ref());
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

/// What a key need not do anything for.
const OF_NO_USE: [&str; 5] =
    ["aaguid", "options", "encIdentifier", "encCredStoreState", "firmwareVersion"];
