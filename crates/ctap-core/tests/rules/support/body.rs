//! The output of a successful command.

use ctap_client::auth_data::AuthData;
use ctap_client::cbor::{check_canonical, decode};

use super::{HASH, Value};

/// A map, checked to be canonical.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Body(Vec<(Value, Value)>);

impl Body {
    /// MSG-01, MSG-03, MSG-51: nothing at all, or one canonical map that is not empty.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self(Vec::new());
        }
        let value = decode(bytes).expect("the output is CBOR");
        check_canonical(bytes, &value).expect("the output is canonical");
        let entries = value.into_map().expect("the output is a map");
        assert!(!entries.is_empty(), "no output is no map");
        Self(entries)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys, in their order.
    pub(crate) fn keys(&self) -> Vec<i64> {
        let number = |key: &Value| i64::try_from(key.as_integer().unwrap()).unwrap();
        self.0.iter().map(|(key, _)| number(key)).collect()
    }

    pub(crate) fn get(&self, key: i64) -> Option<&Value> {
        self.0.iter().find(|(present, _)| *present == key.into()).map(|(_, value)| value)
    }

    /// The same but for these members.
    pub(crate) fn without(mut self, keys: &[i64]) -> Self {
        self.0.retain(|(present, _)| !keys.iter().any(|key| *present == (*key).into()));
        self
    }

    pub(crate) fn has(&self, key: i64) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn number(&self, key: i64) -> u64 {
        u64::try_from(self.get(key).unwrap().as_integer().unwrap()).unwrap()
    }

    pub(crate) fn bytes(&self, key: i64) -> Vec<u8> {
        self.get(key).unwrap().as_bytes().unwrap().clone()
    }

    pub(crate) fn text(&self, key: i64) -> &str {
        self.get(key).unwrap().as_text().unwrap()
    }

    pub(crate) fn boolean(&self, key: i64) -> bool {
        self.get(key).unwrap().as_bool().unwrap()
    }

    /// A member that is a map with text keys.
    pub(crate) fn named(&self, key: i64) -> Named<'_> {
        Named(self.get(key).unwrap().as_map().unwrap())
    }

    /// authData of makeCredential and getAssertion, parsed strictly.
    pub(crate) fn auth_data(&self) -> AuthData {
        AuthData::parse(self.bytes(2)).expect("authData is well-formed")
    }

    /// The id of a new credential.
    pub(crate) fn new_id(&self) -> Vec<u8> {
        self.auth_data().attested.expect("a credential").credential_id
    }

    /// The id of the credential that signed an assertion.
    pub(crate) fn used_id(&self) -> Vec<u8> {
        self.named(1).get("id").unwrap().as_bytes().unwrap().clone()
    }

    /// The assertion is signed by the credential that `registration` made (GA-30).
    pub(crate) fn is_signed_by(&self, registration: &Self) -> bool {
        let credential = registration.auth_data().attested.unwrap();
        let signed = [&self.bytes(2)[..], &HASH].concat();
        self.used_id() == credential.credential_id
            && credential.public_key.verify(&signed, &self.bytes(3)).is_ok()
    }

    /// A signed extension output.
    pub(crate) fn extension(&self, name: &str) -> Option<Value> {
        self.auth_data().extension(name).cloned()
    }
}

/// A map with text keys.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a>(&'a [(Value, Value)]);

impl<'a> Named<'a> {
    pub(crate) fn of(value: &'a Value) -> Self {
        Self(value.as_map().unwrap())
    }

    pub(crate) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
    }

    pub(crate) fn keys(self) -> Vec<&'a str> {
        self.0.iter().map(|(key, _)| key.as_text().unwrap()).collect()
    }
}
