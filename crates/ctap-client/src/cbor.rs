//! CTAP section 8: CTAP2 canonical CBOR. Requests are written in canonical form. Replies are read in any form, and
//! then checked.
//!
//! ciborium reads, and the code below writes, so that this crate shares no code with a key under test.

pub use ciborium::Value;

use crate::limits::{MAX_CBOR_NESTING, MAX_CBOR_RECURSION};

/// How bytes from a key break the rules for CBOR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborFault {
    /// Not one well-formed data item (MSG-35).
    #[error("it is not well-formed CBOR")]
    Malformed,
    /// Bytes after the data item (MSG-36).
    #[error("bytes follow the CBOR item")]
    TrailingBytes,
    /// Maps and arrays nested deeper than four (MSG-34).
    #[error("it has more than {MAX_CBOR_NESTING} levels")]
    TooDeep,
    /// The same key twice in one map (MSG-33).
    #[error("a map has the same key twice")]
    DuplicateKey,
    /// A tag, a floating point number, or another item that CTAP messages do not use (MSG-33).
    #[error("it has a tag or a number that is not an integer")]
    ForbiddenItem,
    /// Well-formed, but not the one canonical encoding: key order, or heads longer than needed (MSG-30 to MSG-32).
    #[error("it is not in canonical form")]
    NotCanonical,
}

/// Reads one data item that takes up all of `bytes`, in any well-formed encoding.
///
/// # Errors
/// [`CborFault::Malformed`] or [`CborFault::TrailingBytes`]; the sender's fault.
pub fn decode(bytes: &[u8]) -> Result<Value, CborFault> {
    match decode_prefix(bytes)? {
        (value, []) => Ok(value),
        _ => Err(CborFault::TrailingBytes),
    }
}

/// Reads the data item at the front of `bytes`; returns it and what follows.
///
/// # Errors
/// [`CborFault::Malformed`]; the sender's fault.
pub fn decode_prefix(bytes: &[u8]) -> Result<(Value, &[u8]), CborFault> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_CBOR_RECURSION)
        .map_err(|_| CborFault::Malformed)?;
    Ok((value, rest))
}

/// Judges whether `bytes`, which decoded to `value`, are the one encoding CTAP2 permits (MSG-30 to MSG-34).
///
/// # Errors
/// The first rule that is broken; the sender's fault.
pub fn check_canonical(bytes: &[u8], value: &Value) -> Result<(), CborFault> {
    check_form(value, MAX_CBOR_NESTING)?;
    if encode(value) == bytes { Ok(()) } else { Err(CborFault::NotCanonical) }
}

fn check_form(value: &Value, levels_left: usize) -> Result<(), CborFault> {
    match value {
        Value::Integer(_) | Value::Bytes(_) | Value::Text(_) | Value::Bool(_) | Value::Null => {
            Ok(())
        }
        Value::Array(items) => {
            let below = levels_left.checked_sub(1).ok_or(CborFault::TooDeep)?;
            items.iter().try_for_each(|item| check_form(item, below))
        }
        Value::Map(entries) => {
            let below = levels_left.checked_sub(1).ok_or(CborFault::TooDeep)?;
            check_keys_differ(entries)?;
            entries.iter().try_for_each(|(key, item)| {
                check_form(key, below)?;
                check_form(item, below)
            })
        }
        _ => Err(CborFault::ForbiddenItem),
    }
}

fn check_keys_differ(entries: &[(Value, Value)]) -> Result<(), CborFault> {
    let mut keys: Vec<Vec<u8>> = entries.iter().map(|(key, _)| encode(key)).collect();
    let count = keys.len();
    keys.sort();
    keys.dedup();
    if keys.len() == count { Ok(()) } else { Err(CborFault::DuplicateKey) }
}

/// Writes `value` in CTAP2 canonical form: shortest heads, definite lengths, map keys in the order of MSG-32.
///
/// Tags and floating point numbers are written as given: a test may want to send them.
#[must_use]
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Integer(integer) => write_integer(i128::from(*integer), out),
        Value::Bytes(bytes) => write_string(BYTE_STRING, bytes, out),
        Value::Text(text) => write_string(TEXT_STRING, text.as_bytes(), out),
        Value::Array(items) => {
            write_head(ARRAY, items.len() as u64, out);
            items.iter().for_each(|item| write(item, out));
        }
        Value::Map(entries) => write_map(entries, out),
        Value::Tag(tag, inner) => {
            write_head(TAG, *tag, out);
            write(inner, out);
        }
        Value::Float(number) => {
            out.push(DOUBLE);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        _ => out.push(NULL),
    }
}

fn write_integer(number: i128, out: &mut Vec<u8>) {
    // ciborium's integers span exactly what CBOR can express: -2^64 to 2^64 - 1.
    if number >= 0 {
        write_head(UNSIGNED, number as u64, out);
    } else {
        write_head(NEGATIVE, !number as u64, out);
    }
}

fn write_string(major: u8, content: &[u8], out: &mut Vec<u8>) {
    write_head(major, content.len() as u64, out);
    out.extend_from_slice(content);
}

fn write_map(entries: &[(Value, Value)], out: &mut Vec<u8>) {
    let mut encoded: Vec<(Vec<u8>, &Value)> =
        entries.iter().map(|(key, item)| (encode(key), item)).collect();
    encoded.sort_by(|(a, _), (b, _)| canonical_rank(a).cmp(&canonical_rank(b)));
    write_head(MAP, entries.len() as u64, out);
    for (key, item) in encoded {
        out.extend_from_slice(&key);
        write(item, out);
    }
}

/// MSG-32: lower major type first, then the shorter encoding, then bytewise.
fn canonical_rank(encoded_key: &[u8]) -> (u8, usize, &[u8]) {
    (encoded_key.first().map_or(0, |head| head >> 5), encoded_key.len(), encoded_key)
}

fn write_head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xFF => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..=0xFFFF => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xFFFF_FFFF => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTE_STRING: u8 = 2;
const TEXT_STRING: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const FALSE: u8 = 0xF4;
const TRUE: u8 = 0xF5;
const NULL: u8 = 0xF6;
const DOUBLE: u8 = 0xFB;

/// A request map in the making. Members may come in any order; absent ones are left out.
#[derive(Clone, Debug, Default)]
pub struct MapBuilder(Vec<(Value, Value)>);

impl MapBuilder {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a member; one of the same key is replaced.
    #[must_use]
    pub fn member(mut self, key: impl Into<Value>, value: impl Into<Value>) -> Self {
        let key = key.into();
        self.0.retain(|(present, _)| *present != key);
        self.0.push((key, value.into()));
        self
    }

    /// Adds a member if there is one.
    #[must_use]
    pub fn optional(self, key: impl Into<Value>, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.member(key, value),
            None => self,
        }
    }

    /// Adds members that a structured request has no field for. They replace members with the same key.
    #[must_use]
    pub fn extra(self, members: &[(i64, Value)]) -> Self {
        members.iter().fold(self, |map, (key, value)| map.member(*key, value.clone()))
    }

    /// The map as a value, to be put into another one.
    #[must_use]
    pub fn build(self) -> Value {
        Value::Map(self.0)
    }

    /// The canonical encoding behind a command byte: a whole CTAP2 request (MSG-01).
    #[must_use]
    pub fn request(self, command: u8) -> Vec<u8> {
        let mut message = vec![command];
        write_map(&self.0, &mut message);
        message
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_support::hex;

    fn judge(bytes: &[u8]) -> Result<(), CborFault> {
        check_canonical(bytes, &decode(bytes)?)
    }

    #[test]
    fn keys_are_written_in_the_order_of_v_12() {
        let map = MapBuilder::new()
            .member(-1, 0)
            .member(10, 0)
            .member(100, 0)
            .member("z", 0)
            .member("aa", 0)
            .member(-2, 0)
            .member(1, 0)
            .member(3, 0);
        assert_eq!(encode(&map.build()), hex("a8010003000a0018640020002100617a0062616100"));
    }

    #[test]
    fn extension_outputs_and_attestation_statements_are_written_as_in_v_12() {
        let outputs = MapBuilder::new()
            .member("thirdPartyPayment", true)
            .member("minPinLength", 4)
            .member("hmac-secret", true)
            .member("credProtect", 2)
            .member("credBlob", true);
        let expected = "a56863726564426c6f62f56b6372656450726f74656374026b686d61632d736563726574f56c6d696e50696e4c656e\
                        6774680471746869726450617274795061796d656e74f5";
        assert_eq!(encode(&outputs.build()), hex(expected));
        let statement = MapBuilder::new()
            .member("x5c", vec![Value::Bytes(Vec::new())])
            .member("sig", Vec::<u8>::new())
            .member("alg", -7);
        assert_eq!(encode(&statement.build()), hex("a363616c67266373696740637835638140"));
    }

    #[test]
    fn every_form_v_12_forbids_is_refused_for_its_own_reason() {
        let refused = [
            ("a201000100", CborFault::DuplicateKey),
            ("a203000100", CborFault::NotCanonical),
            ("a1180100", CborFault::NotCanonical),
            ("bf0100ff", CborFault::NotCanonical),
            ("a101f97e00", CborFault::ForbiddenItem),
            ("a101c000", CborFault::ForbiddenItem),
            ("a1016180", CborFault::Malformed),
            ("a1010000", CborFault::TrailingBytes),
            ("a201", CborFault::Malformed),
        ];
        for (bytes, fault) in refused {
            assert_eq!(judge(&hex(bytes)), Err(fault), "{bytes}");
        }
    }

    #[test]
    fn nesting_is_accepted_at_the_limit_and_refused_beyond_it() {
        assert_eq!(judge(&hex("8181818100")), Ok(()));
        assert_eq!(judge(&hex("818181818100")), Err(CborFault::TooDeep));
        assert_eq!(judge(&[0x81; 100_000]), Err(CborFault::Malformed));
    }

    #[test]
    fn the_whole_integer_range_survives() {
        for (bytes, number) in [
            ("1bffffffffffffffff", i128::from(u64::MAX)),
            ("3bffffffffffffffff", -(1_i128 << 64)),
            ("190100", 256),
            ("3818", -25),
        ] {
            assert_eq!(decode(&hex(bytes)), Ok(Value::Integer(number.try_into().unwrap())));
            assert_eq!(judge(&hex(bytes)), Ok(()));
        }
    }

    #[test]
    fn an_extra_member_replaces_the_regular_one() {
        let request = MapBuilder::new()
            .member(1, 1)
            .extra(&[(1, Value::from("odd")), (99, Value::Null)])
            .request(0x06);
        assert_eq!(request, hex("06a201636f64641863f6"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = judge(&bytes);
        }

        #[test]
        fn what_is_written_is_canonical_and_reads_back(value in values()) {
            let bytes = encode(&value);
            let read = decode(&bytes).unwrap();
            prop_assert_eq!(encode(&read), bytes.clone());
            prop_assert_eq!(check_canonical(&bytes, &read), Ok(()));
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::from),
            "[a-zA-Z]{0,30}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                proptest::collection::btree_map("[a-z]{0,9}", inner, 0..5).prop_map(|map| {
                    Value::Map(map.into_iter().map(|(k, v)| (k.into(), v)).collect())
                }),
            ]
        })
    }
}
