//! JSON without repeated members: if an object had two members with one name, two readers could take different
//! ones.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Reads `text`.
///
/// # Errors
/// The text is not JSON; or an object has a name twice, which is an error of [data](serde_json::Error::is_data).
pub fn read(text: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice::<Strict>(text).map(|Strict(value)| value)
}

/// Reads the next value, for fields of messages (`deserialize_with`).
///
/// # Errors
/// As [`read`].
pub fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Strict::deserialize(deserializer).map(|Strict(value)| value)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values).map(Self)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("`{name}` is given twice")));
            }
            let Strict(value) = object.next_value()?;
            members.insert(name, value);
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_that_is_said_twice_is_named_however_deep_it_is() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":null,"c":[],"a":2}}]"#] {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(
                error.is_data() && error.to_string().starts_with("`a` is given twice"),
                "{error}"
            );
        }
        assert_eq!(read(br#"{"a":{"a":1}}"#).unwrap(), json!({ "a": { "a": 1 } }));
        assert!(read(b"{} {}").is_err() && !read(b"{").unwrap_err().is_data());
    }

    proptest! {
        #[test]
        fn all_else_is_read_as_ever(
            text in r#"[\[{]{0,2}(-?[0-9]{1,4}(\.[0-9])?|"[a-z\\u0-9]{0,5}"|true|null)?(:|,)?[ 0-9]{0,2}[\]}]{0,2}"#
        ) {
            if let Ok(value) = read(text.as_bytes()) {
                prop_assert_eq!(value, serde_json::from_str::<Value>(&text).unwrap());
            }
        }
    }
}
