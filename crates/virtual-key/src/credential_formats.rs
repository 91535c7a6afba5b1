//! Credentials as other programs write them: files in and out, by recognition.
//!
//! ```text
//!   webdriver.rs    the JSON of WebDriver's virtual authenticators, and of Chromium's DevTools: the same members, another base64
//!   whole.rs        the members that keyfob writes beside WebDriver's, so that nothing is lost between two of its keys
//!   playwright.rs   Playwright's credentials, alone or in a storage state
//!   cxf.rs          the FIDO Alliance's Credential Exchange Format 1.0, which password managers write
//!   pkcs8.rs        the private key, in all of them: PKCS#8 (RFC 5958); alone, as PEM
//!   losses.rs       what a format has no place for
//! ```
//! What is in a file and not taken, and what a format cannot hold, is told in a sentence each, and never left out in silence.

mod cxf;
mod losses;
mod members;
pub mod pkcs8;
mod playwright;
pub mod webdriver;
mod whole;

use std::fmt;

use ctap_core::CredentialSource;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::strict_json;

/// How credentials are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// WebDriver's, and beside them all else that a key of keyfob keeps.
    Keyfob,
    /// The parameters of WebDriver's "add credential", one or a list.
    WebDriver,
    /// Those of DevTools' `WebAuthn.addCredential`, in `{"credentials": [...]}`.
    DevTools,
    /// Playwright's storage state, with `credentials`.
    Playwright,
    /// Credential Exchange Format 1.0.
    Cxf,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Keyfob, Self::WebDriver, Self::DevTools, Self::Playwright, Self::Cxf];

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keyfob => "keyfob",
            Self::WebDriver => "webdriver",
            Self::DevTools => "devtools",
            Self::Playwright => "playwright",
            Self::Cxf => "cxf",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keyfob => "JSON of keyfob",
            Self::WebDriver => "WebDriver JSON",
            Self::DevTools => "DevTools JSON",
            Self::Playwright => "a storage state of Playwright",
            Self::Cxf => "CXF 1.0",
        })
    }
}

/// What a text has.
#[derive(Debug)]
pub struct Import {
    /// What it was recognised as.
    pub format: Format,
    /// In the order of the text.
    pub credentials: Vec<CredentialSource>,
    /// What is in it and was not taken, or had to be guessed: a sentence each.
    pub notes: Vec<String>,
}

/// What was written.
#[derive(Debug)]
pub struct Export {
    /// With private keys in clear.
    pub text: Zeroizing<String>,
    /// Which credentials are in it, by their places among those that were to be written, in their order.
    pub taken: Vec<usize>,
    /// What is not in it: a sentence each.
    pub notes: Vec<String>,
}

/// Why a text holds no credentials that can be taken: the fault of the one who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// A member is there twice: each reader would believe another one.
    #[error("{0}")]
    Twice(String),
    /// CXF with a member that is missing, or of another type.
    #[error("it is CXF, but not at line {line}, column {column}")]
    NotCxf {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// JSON of something else.
    #[error("it is none of the formats for credentials")]
    Unknown,
    /// A member that must be there is not, or is of another type.
    #[error("{what}: {member} must be {expected}")]
    Member {
        /// Which credential, such as `credential 2`.
        what: String,
        /// Its name.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A private key that cannot be read, or is of no use here.
    #[error("{what}: {error}")]
    Key {
        /// Which credential.
        what: String,
        /// What is wrong with it.
        error: pkcs8::KeyError,
    },
    /// It has two keys that do not go together.
    #[error("{what}: publicKey is that of another private key")]
    OtherPublicKey {
        /// Which credential.
        what: String,
    },
    /// CXF of another major version.
    #[error("it is CXF {major}, and this program reads version 1")]
    Version {
        /// Its major version.
        major: u8,
    },
}

impl FormatError {
    /// What a person can do about it.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::NotJson(_) | Self::Unknown => {
                "use WebDriver or DevTools JSON, a storage state of Playwright, or CXF; for a PKCS#8 key use `keyfob \
                 credentials add`"
            }
            Self::Member { .. } | Self::OtherPublicKey { .. } | Self::NotCxf { .. } => {
                "correct it; docs/credentials.md has an example of each format"
            }
            Self::Twice(_) => "leave one of them out",
            Self::Key { error, .. } => error.advice(),
            Self::Version { .. } => "export it as CXF 1.0",
        }
    }
}

/// Reads credentials, whatever format they are in.
///
/// # Errors
/// [`FormatError`]; nothing is taken then.
pub fn read(text: &str) -> Result<Import, FormatError> {
    let value = strict_json::read(text.as_bytes()).map_err(|error| match error.is_data() {
        true => FormatError::Twice(error.to_string()),
        false => FormatError::NotJson(error.to_string()),
    })?;
    if cxf::is_it(&value) {
        return cxf::read(text, &value);
    }
    let entries = Entries::of(value).ok_or(FormatError::Unknown)?;
    match entries.list.first() {
        Some(first) if playwright::is_it(first) => playwright::read(entries),
        Some(first) if webdriver::is_it(first) => webdriver::read(entries),
        None if entries.is_storage_state => playwright::read(entries),
        None => webdriver::read(entries),
        Some(_) => Err(FormatError::Unknown),
    }
}

/// One credential as keyfob writes it, from which [`from_json`] makes the same again. `None`: its private key is none.
pub fn to_json(source: &CredentialSource) -> Option<Value> {
    webdriver::object(source, Format::Keyfob)
}

/// One credential as keyfob, WebDriver or DevTools writes it. Members that are not known are passed over, and flags that are not there are
/// false.
///
/// # Errors
/// [`FormatError::Member`], [`FormatError::Key`].
pub fn from_json(value: &Value) -> Result<CredentialSource, FormatError> {
    webdriver::from_json(value)
}

/// The members of such a credential that [`from_json`] passes over, because it knows none of that name.
pub fn unknown_members(value: &Value) -> Vec<String> {
    let names = value.as_object().into_iter().flatten().map(|(name, _)| name);
    names.filter(|name| !webdriver::knows(name)).cloned().collect()
}

/// Writes credentials in a format. What it has no place for is left out, and told.
///
/// `now`: seconds since 1970, which CXF tells.
pub fn write(format: Format, credentials: &[CredentialSource], now: u64) -> Export {
    match format {
        Format::Keyfob | Format::WebDriver | Format::DevTools => {
            webdriver::write(credentials, format)
        }
        Format::Playwright => playwright::write(credentials),
        Format::Cxf => cxf::write(credentials, now),
    }
}

/// Credentials in JSON, out of what they are wrapped in.
struct Entries {
    list: Vec<Value>,
    /// Beside them are cookies or origins.
    is_storage_state: bool,
    /// What is beside them and not taken.
    beside: Vec<String>,
}

impl Entries {
    /// A list; or an object with `credentials`, `credential` or, as WebDriver answers, `value`; or one credential.
    fn of(value: Value) -> Option<Self> {
        let alone = |list| Self { list, is_storage_state: false, beside: Vec::new() };
        let mut object = match value {
            Value::Array(list) => return Some(alone(list)),
            Value::Object(object) => object,
            _ => return None,
        };
        let Some(wrapper) = WRAPPERS.into_iter().find(|name| object.contains_key(*name)) else {
            return Some(alone(vec![Value::Object(object)]));
        };
        let list = match object.remove(wrapper)? {
            Value::Array(list) => list,
            one @ Value::Object(_) => vec![one],
            _ => return None,
        };
        let is_storage_state = ["cookies", "origins"].iter().any(|name| object.contains_key(*name));
        let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
        let beside = object.into_iter().filter(|(_, value)| !is_empty(value));
        let beside = beside.map(|(name, _)| name).filter(|name| name != "authenticatorId");
        Some(Self { list, is_storage_state, beside: beside.collect() })
    }

    /// Which one this is, for people.
    fn what(&self, index: usize) -> String {
        match self.list.len() {
            1 => "the credential".to_owned(),
            _ => format!("credential {}", index + 1),
        }
    }

    /// What is beside the credentials.
    fn notes(&self) -> Vec<String> {
        self.beside
            .iter()
            .map(|name| format!("`{name}` is not a credential, and was not imported"))
            .collect()
    }
}

const WRAPPERS: [&str; 3] = ["credentials", "credential", "value"];

#[cfg(test)]
mod tests;
