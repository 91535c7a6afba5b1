//! The records of a key: which name holds what, and how it is written.
//!
//! | name | what it holds |
//! |---|---|
//! | `secrets` | the wrapping key of sealed credential ids, and the device identifier |
//! | `persistent-token` | the persistent pinUvAuthToken |
//! | `credential-store` | the credential store state, which changes with every discoverable credential |
//! | `settings` | what authenticatorConfig set |
//! | `pin` | the PIN as a hash, and its tries |
//! | `uv` | the tries of the fingerprint sensor, and how often it was used since the PIN |
//! | `counter` | up to where signature counters are reserved |
//! | `credential/` and its id | one discoverable credential |
//! | `non-discoverable/` and its id | one that is not, and is kept all the same |
//! | `finger/` and its template id | one enrolled finger |
//! | `large-blobs/` and two bytes | a chunk of the large-blob array, by its number |
//!
//! Each value is one canonical CBOR map with numbers as keys; key 0 is the version of this kind of record.
//! `docs/state-format.md` describes all of them. They are read strictly: a value that this version would not have
//! written is refused.

mod credential;
mod error;
mod image;
mod name;
mod part;
mod value;

use alloc::{format, vec::Vec};

pub use self::error::LoadError;
use self::name::ALWAYS;
pub(crate) use self::name::Name;
pub(crate) use self::part::Part;
use crate::limits::LARGE_BLOB_CHUNK;
use crate::memory::Record;
use crate::state::{Pin, State};

/// A change to one record.
#[derive(Debug)]
pub(crate) enum Edit {
    Put(Part),
    Remove(Name),
}

impl Edit {
    /// The record that carries it out.
    pub(crate) fn record(&self) -> Record {
        match self {
            Self::Put(part) => part.record(),
            Self::Remove(name) => Record { name: name.encode(), value: None },
        }
    }
}

/// The chunks of a large-blob array with their numbers; all but the last are full.
pub(crate) fn chunks(array: &[u8]) -> impl Iterator<Item = (u16, &[u8])> + Clone {
    (0..=u16::MAX).zip(array.chunks(LARGE_BLOB_CHUNK))
}

/// All records of a state.
pub(crate) fn of(state: &State) -> Vec<Record> {
    let singles = [
        Part::Secrets {
            wrapping_key: state.wrapping_key.duplicate(),
            device_identifier: state.device_identifier,
        },
        Part::PersistentToken(state.persistent_token.duplicate()),
        Part::CredStoreState(state.cred_store_state),
        Part::Settings(state.settings.clone()),
        Part::Pin { pin: state.pin.as_ref().map(Pin::duplicate), retries: state.pin_retries },
        Part::Uv { retries: state.uv_retries, count_since_pin: state.uv_count_since_pin },
        Part::SignCountCeiling(state.sign_count_ceiling),
    ];
    let fingers = state.fingerprints.iter();
    let fingers = fingers.map(|(number, finger)| Part::Fingerprint(*number, finger.clone()));
    let blobs = chunks(&state.large_blobs)
        .map(|(chunk, bytes)| Part::LargeBlobs { chunk, bytes: bytes.to_vec() });
    let parts = singles.into_iter().chain(fingers).chain(blobs).map(|part| part.record());
    let credentials = state.credentials.numbered();
    let credentials = credentials.map(|(number, one)| credential::record(number, one));
    parts.chain(credentials).chain(state.kept().map(credential::kept_record)).collect()
}

/// The state whose records these are.
pub(crate) fn load(mut records: Vec<Record>) -> Result<State, LoadError> {
    records.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let mut state = State::blank();
    let mut missing: Vec<_> = ALWAYS.into();
    let mut before: Option<Name> = None;
    for record in &records {
        let name = Name::parse(&record.name).ok_or_else(|| unknown(&record.name))?;
        let kind = name.kind();
        if before.as_ref() == Some(&name) {
            return Err(LoadError::Twice { kind });
        }
        missing.retain(|always| *always != name);
        before = Some(name.clone());
        let value = record.value.as_ref().ok_or(LoadError::Malformed { kind })?;
        let part = Part::decode(name, value.expose()).map_err(|fault| fault.of(kind))?;
        state.take(part).map_err(|fault| fault.of(kind))?;
    }
    match missing.first() {
        Some(name) => Err(LoadError::Missing { kind: name.kind() }),
        None => Ok(state),
    }
}

/// Names of later versions are text as ours are; what is shown of them is short and cannot disguise anything.
fn unknown(name: &[u8]) -> LoadError {
    LoadError::Unknown { name: format!("{}", name.get(..32).unwrap_or(name).escape_ascii()) }
}
