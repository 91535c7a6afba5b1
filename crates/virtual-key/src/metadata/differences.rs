//! Compares two answers to getInfo, member by member: the one in a model's metadata statement, and the one of a key
//! that imitates the model.

use serde_json::{Map, Value};

/// A member of getInfo that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The standard's name of the member; for an option it is, for instance, `options.plat`.
    pub member: String,
    /// Its value in the statement; `None`: the statement does not have it.
    pub stated: Option<Value>,
    /// Its value in the key's answer; `None`: the answer does not have it.
    pub told: Option<Value>,
    /// Both have the member, and its value depends on the moment: whether a PIN is set, whether a finger is
    /// enrolled, how many credentials still fit.
    pub is_state: bool,
}

/// All members that differ. The order of a list counts. The order of options does not: on the wire it is always the
/// canonical one (GI-87).
///
/// Both arguments are in the form that [`members`](super::members) writes. Real statements also have hyphens in
/// some AAGUIDs, and pinComplexityPolicyURL in hexadecimal: such values are compared in one form. They leave
/// encIdentifier and encCredStoreState empty, which never have the same value twice: those count as state.
pub fn differences(stated: &Value, told: &Value) -> Vec<Difference> {
    let (stated, told) = (flat(stated), flat(told));
    let mut names: Vec<&String> = stated.keys().chain(told.keys()).collect();
    names.sort();
    names.dedup();
    let differing = names.into_iter().filter(|name| stated.get(*name) != told.get(*name));
    differing
        .map(|name| {
            let (stated, told) = (stated.get(name).cloned(), told.get(name).cloned());
            let is_state = stated.is_some() && told.is_some() && STATE.contains(&name.as_str());
            Difference { member: name.clone(), stated, told, is_state }
        })
        .collect()
}

/// Members, and each option as one.
fn flat(info: &Value) -> Map<String, Value> {
    let members = info.as_object().into_iter().flatten();
    let mut all = Map::new();
    for (name, value) in members {
        match value.as_object().filter(|_| name == OPTIONS) {
            Some(options) => {
                all.insert(name.clone(), Value::Object(Map::new()));
                let options = options.iter();
                all.extend(options.map(|(option, on)| (format!("{OPTIONS}.{option}"), on.clone())));
            }
            None => drop(all.insert(name.clone(), plain(name, value))),
        }
    }
    all
}

/// The URL as text, and no hyphens in an AAGUID.
fn plain(name: &str, value: &Value) -> Value {
    if name == "aaguid" {
        let digits = value.as_str().map(|digits| digits.replace('-', "").to_lowercase());
        return digits.map_or_else(|| value.clone(), Value::String);
    }
    let is_url = name == "pinComplexityPolicyURL";
    let digits = value.as_str().filter(|_| is_url).map(str::as_bytes);
    let pairs = digits.map(|digits| digits.chunks(2).map(|pair| str::from_utf8(pair).ok()));
    let bytes: Option<Vec<u8>> =
        pairs.and_then(|pairs| pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect());
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map_or_else(|| value.clone(), Value::String)
}

const OPTIONS: &str = "options";

/// The members that change while a key is used.
const STATE: [&str; 13] = [
    "encCredStoreState",
    "encIdentifier",
    "forcePINChange",
    "longTouchForReset",
    "minPINLength",
    "options.alwaysUv",
    "options.bioEnroll",
    "options.clientPin",
    "options.ep",
    "options.uv",
    "options.userVerificationMgmtPreview",
    "remainingDiscoverableCredentials",
    "uvCountSinceLastPinEntry",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differing(stated: &Value, told: &Value) -> Vec<(String, bool)> {
        let all = differences(stated, told).into_iter();
        all.map(|difference| (difference.member, difference.is_state)).collect()
    }

    #[test]
    fn lists_have_an_order_and_options_have_none() {
        let stated =
            json!({ "versions": ["U2F_V2", "FIDO_2_0"], "options": { "rk": true, "up": true } });
        let told =
            json!({ "versions": ["FIDO_2_0", "U2F_V2"], "options": { "up": true, "rk": true } });
        assert_eq!(differing(&stated, &told), [("versions".to_owned(), false)]);
    }

    #[test]
    fn what_is_of_the_moment_is_told_apart_from_what_a_model_has() {
        let stated =
            json!({ "options": { "clientPin": true, "uv": true }, "forcePINChange": false });
        let told = json!({ "options": { "clientPin": false }, "minPINLength": 4 });
        let expected = [
            ("forcePINChange", false),
            ("minPINLength", false),
            ("options.clientPin", true),
            ("options.uv", false),
        ];
        assert_eq!(
            differing(&stated, &told),
            expected.map(|(name, state)| (name.to_owned(), state))
        );
    }

    #[test]
    fn an_address_in_hexadecimal_digits_is_the_same_address() {
        let of = |url: &str| json!({ "pinComplexityPolicyURL": url });
        assert_eq!(differing(&of("68747470733a2f2f61"), &of("https://a")), []);
        assert_eq!(differing(&of("https://b"), &of("https://a")).len(), 1);
    }
}
