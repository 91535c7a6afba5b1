//! WebAuthn section 5.4 and 5.8: the small structures that several commands share.

use crate::cbor::{MapBuilder, Value};
use crate::error::ReplyFault;
use crate::fields::{Fields, FromCbor};

/// The type of every credential.
pub const PUBLIC_KEY: &str = "public-key";

/// A relying party: the site or program that a credential is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelyingParty {
    /// Its id, mostly a domain name. Keys may return a shortened form in credential management (CM-40).
    pub id: String,
    /// Its name, for people.
    pub name: Option<String>,
}

impl RelyingParty {
    /// A relying party without a name.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), name: None }
    }
}

impl From<&RelyingParty> for Value {
    fn from(rp: &RelyingParty) -> Self {
        MapBuilder::new().member("id", rp.id.as_str()).optional("name", rp.name.as_deref()).build()
    }
}

impl FromCbor for RelyingParty {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let mut fields = Fields::from_cbor(value, name)?;
        Ok(Self { id: fields.require("id", name)?, name: fields.take("name", name)? })
    }
}

/// A user account at a relying party.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The relying party's handle for the account, 1 to 64 bytes.
    pub id: Vec<u8>,
    /// The account name, for people.
    pub name: Option<String>,
    /// The person's name, for people.
    pub display_name: Option<String>,
}

impl User {
    /// An account with a handle and an account name.
    #[must_use]
    pub fn new(id: impl Into<Vec<u8>>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: Some(name.into()), display_name: None }
    }
}

impl From<&User> for Value {
    fn from(user: &User) -> Self {
        MapBuilder::new()
            .member("id", user.id.as_slice())
            .optional("name", user.name.as_deref())
            .optional("displayName", user.display_name.as_deref())
            .build()
    }
}

impl FromCbor for User {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let mut fields = Fields::from_cbor(value, name)?;
        Ok(Self {
            id: fields.require("id", name)?,
            name: fields.take("name", name)?,
            display_name: fields.take("displayName", name)?,
        })
    }
}

/// Names one credential in allow and exclude lists, in assertions and in credential management.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialDescriptor {
    /// The credential id.
    pub id: Vec<u8>,
    /// Always `public-key` today; keys ignore other types (MC-33).
    pub kind: String,
    /// The transports of the key that has it; only a hint.
    pub transports: Option<Vec<String>>,
}

impl CredentialDescriptor {
    /// The descriptor of a public-key credential.
    #[must_use]
    pub fn new(id: impl Into<Vec<u8>>) -> Self {
        Self { id: id.into(), kind: PUBLIC_KEY.to_owned(), transports: None }
    }
}

impl From<&CredentialDescriptor> for Value {
    fn from(descriptor: &CredentialDescriptor) -> Self {
        MapBuilder::new()
            .member("id", descriptor.id.as_slice())
            .member("type", descriptor.kind.as_str())
            .optional("transports", descriptor.transports.as_deref().map(texts))
            .build()
    }
}

impl FromCbor for CredentialDescriptor {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let mut fields = Fields::from_cbor(value, name)?;
        let kind: String = fields.require("type", name)?;
        if kind != PUBLIC_KEY {
            return Err(ReplyFault::BadValue(name));
        }
        Ok(Self {
            id: fields.require("id", name)?,
            kind,
            transports: fields.take("transports", name)?,
        })
    }
}

/// A kind of credential and a signature algorithm: what a platform asks for and what a key lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialParameters {
    /// Always `public-key` today; keys ignore other types (MC-06).
    pub kind: String,
    /// A COSE algorithm number, such as [`ES256`](crate::cose::ES256).
    pub algorithm: i64,
}

impl CredentialParameters {
    /// Public-key credentials of one algorithm.
    #[must_use]
    pub fn new(algorithm: i64) -> Self {
        Self { kind: PUBLIC_KEY.to_owned(), algorithm }
    }
}

impl From<&CredentialParameters> for Value {
    fn from(parameters: &CredentialParameters) -> Self {
        MapBuilder::new()
            .member("type", parameters.kind.as_str())
            .member("alg", parameters.algorithm)
            .build()
    }
}

impl FromCbor for CredentialParameters {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let mut fields = Fields::from_cbor(value, name)?;
        Ok(Self { kind: fields.require("type", name)?, algorithm: fields.require("alg", name)? })
    }
}

/// A list of structures as it goes into a request.
pub(crate) fn list<'a, T>(items: &'a [T]) -> Value
where
    Value: From<&'a T>,
{
    Value::Array(items.iter().map(Value::from).collect())
}

/// A list of texts as it goes into a request.
pub(crate) fn texts(items: &[String]) -> Value {
    Value::Array(items.iter().map(|text| Value::from(text.as_str())).collect())
}

/// A map with text keys as it goes into a request; an empty one is left out.
pub(crate) fn text_map<T: Clone + Into<Value>>(entries: &[(String, T)]) -> Option<Value> {
    let map = entries
        .iter()
        .fold(MapBuilder::new(), |map, (key, item)| map.member(key.as_str(), item.clone()));
    (!entries.is_empty()).then(|| map.build())
}
