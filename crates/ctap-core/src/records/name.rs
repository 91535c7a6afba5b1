//! The names of records.

use alloc::vec::Vec;

/// The version of every kind of record so far, except credentials.
pub(super) const VERSION: u8 = 1;

/// The version of a discoverable credential that has what the first one had no place for.
pub(super) const CREDENTIAL_VERSION: u8 = 2;

/// The version of one whose algorithm the former did not know: ES512, RS256, PS256.
pub(super) const CREDENTIAL_VERSION_OF_LATER_ALGORITHMS: u8 = 3;

/// The same for one that is not discoverable.
pub(super) const KEPT_VERSION_OF_LATER_ALGORITHMS: u8 = 2;

/// The content of a record, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Secrets,
    PersistentToken,
    CredStoreState,
    Settings,
    Pin,
    Uv,
    SignCountCeiling,
    /// By its id.
    Credential(Vec<u8>),
    /// By its id: one that is not discoverable.
    Kept(Vec<u8>),
    /// By its template id.
    Fingerprint(Vec<u8>),
    /// By its number.
    LargeBlobs(u16),
}

const CREDENTIAL: &[u8] = b"credential/";
const KEPT: &[u8] = b"non-discoverable/";
const FINGER: &[u8] = b"finger/";
const LARGE_BLOBS: &[u8] = b"large-blobs/";

/// The records that every key has.
pub(super) const ALWAYS: [Name; 8] = [
    Name::Secrets,
    Name::PersistentToken,
    Name::CredStoreState,
    Name::Settings,
    Name::Pin,
    Name::Uv,
    Name::SignCountCeiling,
    Name::LargeBlobs(0),
];

impl Name {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Secrets => b"secrets".to_vec(),
            Self::PersistentToken => b"persistent-token".to_vec(),
            Self::CredStoreState => b"credential-store".to_vec(),
            Self::Settings => b"settings".to_vec(),
            Self::Pin => b"pin".to_vec(),
            Self::Uv => b"uv".to_vec(),
            Self::SignCountCeiling => b"counter".to_vec(),
            Self::Credential(id) => [CREDENTIAL, id].concat(),
            Self::Kept(id) => [KEPT, id].concat(),
            Self::Fingerprint(template_id) => [FINGER, template_id].concat(),
            Self::LargeBlobs(chunk) => [LARGE_BLOBS, &chunk.to_be_bytes()].concat(),
        }
    }

    pub(super) fn parse(name: &[u8]) -> Option<Self> {
        if let Some(id) = name.strip_prefix(CREDENTIAL) {
            return Some(Self::Credential(id.to_vec()));
        }
        if let Some(id) = name.strip_prefix(KEPT) {
            return Some(Self::Kept(id.to_vec()));
        }
        if let Some(template_id) = name.strip_prefix(FINGER) {
            return Some(Self::Fingerprint(template_id.to_vec()));
        }
        if let Some(chunk) = name.strip_prefix(LARGE_BLOBS) {
            return Some(Self::LargeBlobs(u16::from_be_bytes(chunk.try_into().ok()?)));
        }
        ALWAYS.into_iter().find(|known| known.encode() == name)
    }

    /// The version up to which records of this kind are read.
    pub(super) const fn version(&self) -> u8 {
        match self {
            Self::Credential(_) => CREDENTIAL_VERSION_OF_LATER_ALGORITHMS,
            Self::Kept(_) => KEPT_VERSION_OF_LATER_ALGORITHMS,
            _ => VERSION,
        }
    }

    /// The kind in words for people.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Secrets => "the master secrets",
            Self::PersistentToken => "the persistent token",
            Self::CredStoreState => "the credential store",
            Self::Settings => "the settings",
            Self::Pin => "the PIN",
            Self::Uv => "user verification",
            Self::SignCountCeiling => "the signature counter",
            Self::Credential(_) => "a credential",
            Self::Kept(_) => "a credential that is not discoverable",
            Self::Fingerprint(_) => "a finger",
            Self::LargeBlobs(_) => "large blobs",
        }
    }
}
