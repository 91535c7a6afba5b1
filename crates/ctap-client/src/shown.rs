//! Values in a form for people: the notation of the cases of the conformance suite.

use crate::cbor::Value;
use crate::limits::{BEGINNING_SHOWN, LONGEST_SHOWN};

/// The value on one line. Of a value that is longer than [`LONGEST_SHOWN`], only the beginning is shown.
#[must_use]
pub fn shown(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Integer(number) => out.push_str(&i128::from(*number).to_string()),
        Value::Bytes(bytes) => out.push_str(&shortened(&hex(bytes), bytes.len(), "h", '\'')),
        Value::Text(text) if text.len() <= LONGEST_SHOWN => out.push_str(&format!("{text:?}")),
        Value::Text(text) => out.push_str(&shortened(text, text.len(), "", '"')),
        Value::Bool(truth) => out.push_str(&truth.to_string()),
        Value::Null => out.push_str("null"),
        Value::Float(number) => out.push_str(&format!("{number:?}")),
        Value::Tag(tag, inner) => out.push_str(&format!("tag({tag}, {})", shown(inner))),
        Value::Array(items) => list(out, "[", "]", items, write),
        Value::Map(members) => list(out, "{", "}", members, |(key, value), out| {
            write(key, out);
            out.push_str(": ");
            write(value, out);
        }),
        other => out.push_str(&format!("{other:?}")),
    }
}

fn list<T>(out: &mut String, open: &str, close: &str, items: &[T], each: fn(&T, &mut String)) {
    out.push_str(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        each(item, out);
    }
    out.push_str(close);
}

/// Nobody reads thousands of bytes: their beginning will do, and how many they are.
fn shortened(text: &str, length: usize, kind: &str, quote: char) -> String {
    match length <= LONGEST_SHOWN {
        true => format!("{kind}{quote}{text}{quote}"),
        false => {
            let beginning: String = text.chars().take(BEGINNING_SHOWN).collect();
            format!("{kind}{quote}{beginning}…{quote} ({length} bytes)")
        }
    }
}

/// Bytes as pairs of hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_shown_by_its_beginning_and_its_length() {
        let shown = |length: usize| shown(&Value::from("x".repeat(length)));
        assert_eq!(shown(LONGEST_SHOWN), format!("\"{}\"", "x".repeat(LONGEST_SHOWN)));
        let beginning = "x".repeat(BEGINNING_SHOWN);
        assert_eq!(shown(LONGEST_SHOWN + 1), format!("\"{beginning}…\" (257 bytes)"));
    }
}
