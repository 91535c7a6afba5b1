//! What an imitation tells and does not do, in lines for people.

use serde_json::Value;

use crate::metadata::Difference;

/// One of them, where the first is what is told and the second what is done. `None`: nothing is missing, where something that is done is
/// not told or has another order.
pub(super) fn line(Difference { member, stated, told, .. }: &Difference) -> Option<String> {
    let (name, told, done) = (member, stated.as_ref()?, told.as_ref());
    if OF_NO_USE.contains(&name.as_str()) {
        return None;
    }
    match told {
        Value::Array(items) => {
            let there = |item: &&Value| {
                !done.and_then(Value::as_array).is_some_and(|all| all.contains(item))
            };
            let missing: Vec<_> = items.iter().filter(there).map(plain).collect();
            (!missing.is_empty()).then(|| format!("{name}: {}", missing.join(", ")))
        }
        Value::Object(_) => Some(name.clone()),
        Value::Bool(false) if done.is_none() => None,
        told => Some(match done {
            Some(done) => format!("{name}: {}, but it is {}", plain(told), plain(done)),
            None => format!("{name}: {}", plain(told)),
        }),
    }
}

/// Text without quotes; of an algorithm its number.
fn plain(value: &Value) -> String {
    let number = value.get("alg").unwrap_or(value);
    number.as_str().map_or_else(|| number.to_string(), str::to_owned)
}

/// What a key need not do anything for.
const OF_NO_USE: [&str; 5] =
    ["aaguid", "options", "encIdentifier", "encCredStoreState", "firmwareVersion"];
