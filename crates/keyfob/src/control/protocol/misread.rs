//! What is wrong with members that are no request, in words for whoever wrote them.

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::Request;

impl Request {
    /// What is wrong with members that are no request, in a sentence that names the member.
    pub(crate) fn fault(members: &Map<String, Value>) -> Option<String> {
        let told = in_plain_words(&misread(members)?);
        // The one without which something else is wrong, or nothing.
        let is_wrong = |name: &&String| {
            let mut others = members.clone();
            others.remove(*name);
            *name != "do" && misread(&others).is_none_or(|other| in_plain_words(&other) != told)
        };
        Some(match members.keys().find(is_wrong) {
            Some(name) if !told.contains(&format!("`{name}`")) => format!("`{name}`: {told}"),
            _ => told,
        })
    }
}

fn misread(members: &Map<String, Value>) -> Option<String> {
    Request::deserialize(members).err().map(|error| error.to_string())
}

/// What serde calls by the names of Rust's types.
fn in_plain_words(told: &str) -> String {
    let numbers = [
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected usize", "expected a whole number, 0 or more"),
    ];
    numbers.into_iter().fold(told.to_owned(), |told, (name, words)| told.replace(name, words))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_that_cannot_be_meant_is_named() {
        let fault = |members: Value| Request::fault(members.as_object().unwrap());
        for (members, name, words) in [
            (
                json!({ "do": "wait", "seconds": -1 }),
                "`seconds`: ",
                "`-1`, expected a whole number from 0",
            ),
            (json!({ "do": "wait", "key": "1-1", "seconds": "soon" }), "`seconds`: ", "\"soon\""),
            (json!({ "do": "credentials", "from": -1 }), "`from`: ", "0 or more"),
            (json!({ "do": "remove_finger", "finger": 256 }), "`finger`: ", "from 0 to 255"),
            (json!({ "do": "set_policy", "touch": "perhaps" }), "`touch`: ", "`ask`"),
            (json!({ "do": "deny", "promt": "1" }), "unknown field `promt`", "`prompt`"),
            (json!({ "do": "remove_finger" }), "missing field `finger`", ""),
        ] {
            let told = fault(members).unwrap();
            assert!(told.starts_with(name) && told.contains(words), "{told}");
        }
        assert_eq!(fault(json!({ "do": "wait", "seconds": 1 })), None);
    }
}
