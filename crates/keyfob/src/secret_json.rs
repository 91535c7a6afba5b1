//! JSON that holds secrets, such as a credential with its private key: wiped when nobody needs it any more.

use std::fmt;
use std::io::{self, Write};
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use virtual_key::strict_json;
use zeroize::{Zeroize as _, Zeroizing};

/// JSON whose texts are wiped when it is dropped.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretJson(#[serde(deserialize_with = "strict_json::value")] Value);

impl Drop for SecretJson {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(list) => list.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Deref for SecretJson {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl From<Value> for SecretJson {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl fmt::Debug for SecretJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretJson")
    }
}

/// One line of JSON, with its newline, in memory that is wiped when it is dropped. It is in one piece from the start: what grows is copied.
///
/// # Errors
/// `value` cannot be written as JSON.
pub(crate) fn line(value: &impl Serialize) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(length(value)? + 1));
    serde_json::to_writer(&mut *text, value)?;
    text.push(b'\n');
    Ok(text)
}

/// Bytes of `value` as JSON.
///
/// # Errors
/// As [`line`].
pub(crate) fn length(value: &impl Serialize) -> serde_json::Result<usize> {
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value)?;
    Ok(count.0)
}

/// How many bytes were written.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::json;

    #[test]
    fn every_text_in_it_is_wiped_and_nothing_of_it_is_shown() {
        let mut value = json!({ "a": ["secret", { "b": "secret" }], "c": 1 });
        wipe(&mut value);
        assert_eq!(value, json!({ "a": ["", { "b": "" }], "c": 1 }));
        assert_eq!(format!("{:?}", SecretJson(json!("secret"))), "SecretJson");
    }

    #[test]
    fn a_line_has_room_for_itself_from_the_start() {
        let value = json!({ "text": "ä\n\"", "list": [1, null] });
        let line = line(&value).unwrap();
        assert_eq!(*line, format!("{value}\n").into_bytes());
        assert_eq!(line.len(), length(&value).unwrap() + 1);
        assert_eq!(line.capacity(), line.len());
    }
}
