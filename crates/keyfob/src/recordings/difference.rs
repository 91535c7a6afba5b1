//! Where two answers to the same request differ in kind: in status, members, types, lengths and words, not in what was drawn at random
//! or counted.

use ctap_client::Value;
use ctap_client::shown::shown;
use ctap_client::trace::Step;

/// Each difference in a sentence: what was recorded, and what there is now.
pub(super) fn between(recorded: &Step, now: &Step) -> Vec<String> {
    let mut found = Vec::new();
    if recorded.name != now.name {
        found.push(format!("{} was answered, and now {}", recorded.name, now.name));
        return found;
    }
    let map = |step: &Step| {
        let members =
            step.members.iter().map(|(name, value)| (name.as_str().into(), value.clone()));
        Value::Map(members.collect())
    };
    compare("", &map(recorded), &map(now), &mut found);
    found
}

fn compare(path: &str, was: &Value, is: &Value, found: &mut Vec<String>) {
    match (was, is) {
        (Value::Map(was), Value::Map(is)) => compare_maps(path, was, is, found),
        (Value::Array(was), Value::Array(is)) if was.len() != is.len() => {
            found.push(format!("{path} had {} items, and now has {}", was.len(), is.len()));
        }
        (Value::Array(was), Value::Array(is)) => {
            for (index, (was, is)) in was.iter().zip(is).enumerate() {
                compare(&format!("{path}[{index}]"), was, is, found);
            }
        }
        (Value::Bytes(was), Value::Bytes(is)) if !are_alike(was, is) => {
            found.push(format!("{path} had {} bytes, and now has {}", was.len(), is.len()));
        }
        (Value::Text(_), Value::Text(_)) | (Value::Bool(_), Value::Bool(_)) if was != is => {
            found.push(format!("{path} was {}, and now is {}", shown(was), shown(is)));
        }
        (was, is) if kind(was) != kind(is) => {
            found.push(format!("{path} was {}, and now is {}", kind(was), kind(is)));
        }
        _ => {}
    }
}

fn compare_maps(
    path: &str,
    was: &[(Value, Value)],
    is: &[(Value, Value)],
    found: &mut Vec<String>,
) {
    let get = |map: &[(Value, Value)], key: &Value| {
        map.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    };
    for (key, value) in was {
        let path = inner(path, key);
        match get(is, key) {
            Some(now) => compare(&path, value, &now, found),
            None => found.push(format!("{path} was there, and now is not")),
        }
    }
    for (key, _) in is.iter().filter(|(key, _)| get(was, key).is_none()) {
        found.push(format!("{} is there now, and was not", inner(path, key)));
    }
}

fn inner(path: &str, key: &Value) -> String {
    let key = key.as_text().map_or_else(|| shown(key), str::to_owned);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Signatures and certificates of ECDSA are as long as their numbers happen to be (DER).
fn are_alike(was: &[u8], is: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    let are_der = was.first() == Some(&SEQUENCE) && is.first() == Some(&SEQUENCE);
    was.len() == is.len() || are_der && was.len().abs_diff(is.len()) <= DER_SLACK
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "a number",
        Value::Bytes(_) => "bytes",
        Value::Text(_) => "text",
        Value::Bool(_) => "true or false",
        Value::Array(_) => "a list",
        Value::Map(_) => "a map",
        _ => "something else",
    }
}

/// Bytes: two integers of a signature, with or without a leading zero each, or short by some; of a certificate likewise, with its serial
/// number.
const DER_SLACK: usize = 8;

#[cfg(test)]
mod tests {
    use ctap_client::cbor::{decode, encode};
    use ctap_client::trace::{Content, Conversation, Direction, Message};

    use super::*;

    fn reply(body: &Value) -> Step {
        let mut conversation = Conversation::default();
        let mut said = |direction, bytes: &[u8]| {
            conversation.step(&Message {
                channel: 1,
                direction,
                content: Content::Ctap(bytes.to_vec()),
            })
        };
        said(Direction::ToKey, &[4]);
        said(Direction::FromKey, &[&[0], encode(body).as_slice()].concat())
    }

    fn info(versions: &[&str], options: &[(&str, bool)], size: u64) -> Step {
        let options = options.iter().map(|(name, on)| ((*name).into(), (*on).into())).collect();
        reply(&Value::Map(vec![
            (
                1.into(),
                versions.iter().map(|version| Value::from(*version)).collect::<Vec<_>>().into(),
            ),
            (4.into(), Value::Map(options)),
            (5.into(), size.into()),
        ]))
    }

    #[test]
    fn members_words_and_numbers_of_items_count_and_drawn_values_do_not() {
        let was = info(&["FIDO_2_0"], &[("rk", true), ("up", true)], 1200);
        assert!(
            between(&was, &info(&["FIDO_2_0"], &[("rk", true), ("up", true)], 1024)).is_empty()
        );
        let told =
            between(&was, &info(&["FIDO_2_0", "U2F_V2"], &[("rk", false), ("uv", true)], 1200));
        assert_eq!(
            told,
            [
                "versions had 1 items, and now has 2",
                "options.rk was true, and now is false",
                "options.up was there, and now is not",
                "options.uv is there now, and was not",
            ]
        );
    }

    #[test]
    fn a_status_says_more_than_what_is_behind_it() {
        let (was, now) = (
            reply(&decode(&[0xA0]).unwrap()),
            Step { name: "CTAP2_ERR_PIN_INVALID".to_owned(), ..reply(&Value::Map(vec![])) },
        );
        assert_eq!(between(&was, &now), ["CTAP2_OK was answered, and now CTAP2_ERR_PIN_INVALID"]);
    }

    #[test]
    fn a_signature_may_be_a_byte_longer() {
        let signature =
            |length: usize| reply(&Value::Map(vec![(3.into(), vec![0x30; length].into())]));
        assert!(between(&signature(71), &signature(72)).is_empty());
        assert_eq!(between(&signature(71), &signature(64 + 128)).len(), 1);
    }
}
