//! Reads and writes credentials in the file formats of other programs. The format of a file is recognised.
//!
//! ```text
//!   webdriver.rs    the JSON of WebDriver's virtual authenticators, and of Chromium's DevTools: the same members, another base64
//!   whole.rs        the members that keyfob writes beside WebDriver's, so that nothing is lost between two of its keys
//!   playwright.rs   Playwright's credentials, alone or in a storage state
//!   cxf.rs          the FIDO Alliance's Credential Exchange Format 1.0, which password managers write
//!   pkcs8.rs        the private key, in all of them: PKCS#8 (RFC 5958); alone, as PEM
//!   losses.rs       what a format has no place for
//! ```
//! Nothing is left out in silence: a sentence tells each thing in a file that is not imported, and each thing that
//! a format cannot hold.

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

/// The formats for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// keyfob's own: the members of WebDriver's format, and everything else that a key of keyfob stores with a
    /// credential.
    Keyfob,
    /// WebDriver's: the parameters of its "add credential", for one credential or as a list.
    WebDriver,
    /// DevTools': the parameters of its `WebAuthn.addCredential`, in `{"credentials": [...]}`.
    DevTools,
    /// Playwright's: its storage state, with `credentials`.
    Playwright,
    /// Credential Exchange Format 1.0.
    Cxf,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] =
        [Self::Keyfob, Self::WebDriver, Self::DevTools, Self::Playwright, Self::Cxf];

    /// The name of the format on the command line.
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

/// The content of a text with credentials.
#[derive(Debug)]
pub struct Import {
    /// The format that was recognised.
    pub format: Format,
    /// The credentials, in the order of the text.
    pub credentials: Vec<CredentialSource>,
    /// A sentence about each thing in the text that was not imported, or had to be guessed.
    pub notes: Vec<String>,
}

/// The result of [`write()`].
#[derive(Debug)]
pub struct Export {
    /// The text, with the private keys in clear.
    pub text: Zeroizing<String>,
    /// Which credentials are in the text: their indexes in the list that was given to [`write()`], in that order.
    pub taken: Vec<usize>,
    /// A sentence about each thing that is not in the text.
    pub notes: Vec<String>,
}

/// Why no credentials can be imported from a text. The fault is the writer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The text is not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// An object has this member twice. Two readers could take different ones.
    #[error("{0}")]
    Twice(String),
    /// It is CXF, but a member is missing or has another type.
    #[error("it begins like CXF, but breaks that format at line {line}, column {column}")]
    NotCxf {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
    },
    /// It is JSON, but no known format.
    #[error("it has no format for credentials that keyfob knows")]
    Unknown,
    /// A required member is missing, or has another type.
    #[error("{what}: {member} must be {expected}")]
    Member {
        /// Which credential, such as `credential 2`.
        what: String,
        /// The name of the member.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A private key cannot be read, or keyfob cannot sign with it.
    #[error("{what}: {error}")]
    Key {
        /// Which credential.
        what: String,
        /// What is wrong with the private key.
        error: pkcs8::KeyError,
    },
    /// A credential has a public key that does not belong to its private key.
    #[error("{what}: publicKey does not belong to the private key")]
    OtherPublicKey {
        /// Which credential.
        what: String,
    },
    /// It is CXF of another major version.
    #[error("it is CXF {major}, and this program reads version 1")]
    Version {
        /// The major version in the file.
        major: u8,
    },
}

impl FormatError {
    /// What the user can do about it.
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

/// Reads credentials in any of these formats.
///
/// # Errors
/// [`FormatError`]: nothing is imported then.
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

/// One credential in keyfob's own format. [`from_json`] reads it again without loss. `None`: its private key is not
/// valid.
pub fn to_json(source: &CredentialSource) -> Option<Value> {
    webdriver::object(source, Format::Keyfob)
}

/// Reads one credential in keyfob's, WebDriver's or DevTools' format. It ignores members that it does not know, and
/// takes a missing flag as false.
///
/// # Errors
/// [`FormatError::Member`], [`FormatError::Key`].
pub fn from_json(value: &Value) -> Result<CredentialSource, FormatError> {
    webdriver::from_json(value)
}

/// The members of such a credential that [`from_json`] ignores, because it does not know them.
pub fn unknown_members(value: &Value) -> Vec<String> {
    let names = value.as_object().into_iter().flatten().map(|(name, _)| name);
    names.filter(|name| !webdriver::knows(name)).cloned().collect()
}

/// The names of a user that [`from_json`] ignores, because there is no `userHandle`: a key stores names only with one.
pub fn names_without_user(value: &Value) -> Vec<&'static str> {
    let is_there = |name: &&str| value.get(name).is_some();
    match value.get("userHandle") {
        Some(_) => Vec::new(),
        None => webdriver::NAMES.into_iter().filter(is_there).collect(),
    }
}

/// Writes credentials in a format. [`Export::notes`] tells what the format cannot hold.
///
/// `now`: seconds since 1970, for CXF's timestamp.
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
    /// What stands beside the credentials and is not imported.
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
        let is_storage_state = STORAGE_STATE.iter().any(|name| object.contains_key(*name));
        let Some(wrapper) = WRAPPERS.into_iter().find(|name| object.contains_key(*name)) else {
            let list = if is_storage_state { Vec::new() } else { vec![Value::Object(object)] };
            return Some(Self { is_storage_state, ..alone(list) });
        };
        let list = match object.remove(wrapper)? {
            Value::Array(list) => list,
            one @ Value::Object(_) => vec![one],
            _ => return None,
        };
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

/// What else a storage state has. Without `credentials: true`, it has nothing more.
const STORAGE_STATE: [&str; 2] = ["cookies", "origins"];

const WRAPPERS: [&str; 3] = ["credentials", "credential", "value"];

#[cfg(test)]
mod tests;
