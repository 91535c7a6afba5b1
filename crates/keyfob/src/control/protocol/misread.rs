//! What is wrong with members that are no request, in words for whoever wrote them.

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::Request;

impl Request {
    /// What is wrong with members that are no request, in a sentence that names the member.
    pub(super) fn fault(members: &Map<String, Value>) -> Option<String> {
        let told = in_plain_words(&misread(members)?);
        let is_wrong = |name: &str, others: Map<String, Value>| {
            name != "do" && misread(&others).is_none_or(|other| in_plain_words(&other) != told)
        };
        let named = culprit(members, is_wrong).map(|name| {
            let within = |inner: &str, others: Map<String, Value>| {
                let mut members = members.clone();
                members.insert(name.to_owned(), others.into());
                is_wrong(inner, members)
            };
            let inner = members.get(name).and_then(Value::as_object);
            match inner.and_then(|inner| culprit(inner, within)) {
                Some(inner) => (inner, format!("{name}.{inner}")),
                None => (name, name.to_owned()),
            }
        });
        Some(match named {
            Some((name, path)) if !told.contains(&format!("`{name}`")) => {
                format!("`{path}`: {told}")
            }
            _ => told,
        })
    }
}

/// The member without which something else is wrong, or nothing.
fn culprit(
    members: &Map<String, Value>,
    is_wrong: impl Fn(&str, Map<String, Value>) -> bool,
) -> Option<&str> {
    let without = |name: &&String| {
        let mut others = members.clone();
        others.remove(*name);
        is_wrong(name, others)
    };
    members.keys().find(without).map(String::as_str)
}

fn misread(members: &Map<String, Value>) -> Option<String> {
    Request::deserialize(members).err().map(|error| error.to_string())
}

/// What serde calls by the names of Rust's types.
pub(super) fn in_plain_words(told: &str) -> String {
    WORDS.into_iter().fold(told.to_owned(), |told, (name, words)| told.replace(name, words))
}

/// What serde says, and what is said instead.
const WORDS: [(&str, &str); 14] = [
    ("expected u8", "expected a whole number from 0 to 255"),
    ("expected u32", "expected a whole number from 0 to 4294967295"),
    ("expected usize", "expected a whole number, 0 or more"),
    ("unknown variant", "unknown word"),
    ("expected variant identifier", "expected a word"),
    ("unit variant, expected newtype variant", "a word, expected an object with one member"),
    ("newtype variant, expected unit variant", "an object, expected a word"),
    ("expected unit", "expected a word alone"),
    ("expected map with a single key", "expected an object with one member"),
    ("expected string or map", "expected a word, or an object with one member"),
    ("expected internally tagged enum Request", "expected an object"),
    ("type: map", "type: an object"),
    ("value: map", "value: an object"),
    ("type: sequence", "type: a list"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(members: Value) -> Option<String> {
        Request::fault(members.as_object().unwrap())
    }

    #[test]
    fn a_member_that_cannot_be_meant_is_named() {
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

    #[test]
    fn nothing_is_told_in_the_words_of_a_programming_language() {
        let of_rust = [
            "variant", "enum", "struct", "sequence", " map", "unit", "newtype", "u8", "u32",
            "usize",
        ];
        let values = [
            json!(null),
            json!(true),
            json!(-1.5),
            json!([]),
            json!(["ask"]),
            json!({}),
            json!({ "a": 1, "b": 2 }),
        ];
        for (order, name) in [
            ("touch", "sample"),
            ("touch", "prompt"),
            ("wait", "seconds"),
            ("tap", "times"),
            ("credentials", "from"),
            ("metadata", "u2f"),
            ("change_credential", "signCount"),
            ("enroll_finger", "finger"),
            ("set_policy", "touch"),
            ("set_policy", "verification"),
            ("add_fault", "fault"),
            ("status", "do"),
        ] {
            for value in &values {
                let mut members = json!({ "do": order, "id": "eA" });
                if order != "change_credential" {
                    members.as_object_mut().unwrap().remove("id");
                }
                members[name] = value.clone();
                let told = fault(members.clone()).unwrap_or_default();
                assert!(!of_rust.iter().any(|word| told.contains(word)), "{members}: {told}");
            }
        }
        for member in ["requests", "command", "channel", "status", "error", "bytes"] {
            let told =
                fault(json!({ "do": "add_fault", "fault": { "kind": "busy", member: [1] } }))
                    .unwrap();
            assert!(told.starts_with(&format!("`fault.{member}`: ")), "{told}");
            assert!(told.contains("expected a whole number from 0"), "{told}");
        }
        for sample in [
            json!("finger"),
            json!({ "bad": "too_wet" }),
            json!({ "finger": 1, "bad": "too_high" }),
        ] {
            let told = fault(json!({ "do": "touch", "sample": sample })).unwrap();
            assert!(!of_rust.iter().any(|word| told.contains(word)), "{told}");
        }
    }
}
