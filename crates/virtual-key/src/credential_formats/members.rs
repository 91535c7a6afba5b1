//! The members of a credential in JSON.

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use serde_json::{Map, Value};

use super::FormatError;

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// base64url without padding (RFC 4648 section 5): WebDriver, Playwright.
    Url,
    /// base64 with padding (section 4): DevTools.
    Standard,
}

impl Encoding {
    pub(super) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Url => Base64UrlUnpadded::encode_string(bytes),
            Self::Standard => Base64::encode_string(bytes),
        }
    }
}

/// Bytes in either alphabet, but not in both, with padding or without.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let unpadded = text.trim_end_matches('=');
    match unpadded.contains(['+', '/']) {
        true => base64ct::Base64Unpadded::decode_vec(unpadded).ok(),
        false => Base64UrlUnpadded::decode_vec(unpadded).ok(),
    }
}

/// One credential, being read.
pub(super) struct Members<'a> {
    object: &'a Map<String, Value>,
    /// The name of the credential for messages.
    what: String,
}

impl<'a> Members<'a> {
    /// # Errors
    /// It is no object.
    pub(super) fn of(value: &'a Value, what: String) -> Result<Self, FormatError> {
        match value.as_object() {
            Some(object) => Ok(Self { object, what }),
            None => {
                Err(FormatError::Member { what, member: "a credential", expected: "an object" })
            }
        }
    }

    pub(super) fn what(&self) -> String {
        self.what.clone()
    }

    /// Why this member will not do.
    pub(super) fn wrong(&self, member: &'static str, expected: &'static str) -> FormatError {
        FormatError::Member { what: self.what(), member, expected }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name)
    }

    pub(super) fn text(&self, name: &'static str) -> Result<&'a str, FormatError> {
        self.optional_text(name)?.ok_or_else(|| self.wrong(name, "a string"))
    }

    pub(super) fn optional_text(&self, name: &'static str) -> Result<Option<&'a str>, FormatError> {
        let text = |value: &'a Value| value.as_str().ok_or_else(|| self.wrong(name, "a string"));
        self.get(name).map(text).transpose()
    }

    pub(super) fn bytes(&self, name: &'static str) -> Result<Vec<u8>, FormatError> {
        self.optional_bytes(name)?.ok_or_else(|| self.wrong(name, BASE64))
    }

    pub(super) fn optional_bytes(
        &self,
        name: &'static str,
    ) -> Result<Option<Vec<u8>>, FormatError> {
        let bytes = |value: &Value| {
            let bytes = value.as_str().and_then(decode);
            bytes.ok_or_else(|| self.wrong(name, BASE64))
        };
        self.get(name).map(bytes).transpose()
    }

    pub(super) fn optional_boolean(&self, name: &'static str) -> Result<Option<bool>, FormatError> {
        let boolean = |value: &Value| value.as_bool().ok_or_else(|| self.wrong(name, "a boolean"));
        self.get(name).map(boolean).transpose()
    }

    /// A counter; null, or -1 as DevTools has it: it stays 0.
    pub(super) fn sign_count(&self) -> Result<Option<u32>, FormatError> {
        const EXPECTED: &str = "a number from 0 to 4294967295, or null for a counter that stays 0";
        let value = self.get("signCount").ok_or_else(|| self.wrong("signCount", EXPECTED))?;
        let whole = value.as_f64().filter(|number| number.fract() == 0.0);
        match (value, whole) {
            (Value::Null, _) => Ok(None),
            (_, Some(-1.0)) => Ok(None),
            (_, Some(count)) if (0.0..=f64::from(u32::MAX)).contains(&count) => {
                Ok(Some(count as u32))
            }
            _ => Err(self.wrong("signCount", EXPECTED)),
        }
    }

    /// The members that are none of these.
    pub(super) fn others(&self, known: &[&str]) -> impl Iterator<Item = &'a str> {
        self.object.keys().map(String::as_str).filter(|name| !known.contains(name))
    }
}

const BASE64: &str = "base64url";
