//! What the tests share: [`Key`], a key with a scripted person and simulated time, and [`request`]s for it.

pub(crate) mod body;
pub(crate) mod key;
pub(crate) mod pin;
pub(crate) mod request;
pub(crate) mod store;

pub(crate) use body::{Body, Named};
pub(crate) use key::{Act, Key, Setup};
pub(crate) use pin::{ALL, CM, GA, LBW, MC, PCMR};
pub(crate) use request::{Request, get_assertion, make_credential};

pub(crate) use ctap_client::cbor::Value;
pub(crate) use ctap_client::pin_protocol::{PinProtocol, PinUvAuthToken, SharedSecret};

/// The relying party of most tests.
pub(crate) const RP: &str = "example.com";
/// Another one.
pub(crate) const OTHER_RP: &str = "example.org";
/// The client data hash of every request.
pub(crate) const HASH: [u8; 32] = [0xcd; 32];
/// Both PIN/UV auth protocols.
pub(crate) const PROTOCOLS: [PinProtocol; 2] = [PinProtocol::One, PinProtocol::Two];

/// A byte string.
pub(crate) fn bytes(content: impl Into<Vec<u8>>) -> Value {
    Value::Bytes(content.into())
}

/// A map with these entries.
pub(crate) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// A map with integer keys.
pub(crate) fn numbered<const N: usize>(entries: [(i64, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(message).into()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}
