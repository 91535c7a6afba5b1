//! The image of the records in memory: it applies new and removed records to a state.

use alloc::{collections::BTreeMap, vec::Vec};

use super::value::Fault;
use super::{Edit, Name, Part};
use crate::credentials::Credentials;
use crate::limits::LARGE_BLOB_CHUNK;
use crate::secret::Secret;
use crate::state::{Settings, State};

impl State {
    /// A loaded state before its parts are put in.
    pub(super) fn blank() -> Self {
        Self {
            wrapping_key: Secret::new(&[0; 32]),
            device_identifier: [0; 16],
            cred_store_state: [0; 16],
            persistent_token: Secret::new(&[0; 32]),
            pin: None,
            pin_retries: 0,
            uv_retries: 0,
            uv_count_since_pin: 0,
            credentials: Credentials::default(),
            fingerprints: BTreeMap::new(),
            large_blobs: Vec::new(),
            settings: Settings::default(),
            sign_count_ceiling: 0,
        }
    }

    /// Takes a part that was read, if it agrees with those before: order numbers and accounts are there once, and chunks
    /// follow each other.
    pub(super) fn take(&mut self, part: Part) -> Result<(), Fault> {
        let agrees = match &part {
            Part::Fingerprint(number, _) => !self.fingerprints.contains_key(number),
            Part::LargeBlobs { chunk, .. } => start(*chunk) == self.large_blobs.len(),
            Part::Credential(number, credential) => {
                self.credentials.has_room_for(*number, credential)
            }
            Part::Kept(kept) => self.credentials.find(&kept.credential.id).is_none(),
            _ => true,
        };
        if agrees {
            self.apply(Edit::Put(part));
            return Ok(());
        }
        Err(Fault::Malformed)
    }

    /// Carries an edit out in the image.
    pub(crate) fn apply(&mut self, edit: Edit) {
        match edit {
            Edit::Put(part) => self.put(part),
            Edit::Remove(Name::Credential(id)) => self.credentials.remove(&id),
            Edit::Remove(Name::Kept(id)) => self.credentials.remove_kept(&id),
            Edit::Remove(Name::Fingerprint(template_id)) => {
                self.fingerprints.retain(|_, known| known.template_id != template_id);
            }
            Edit::Remove(Name::LargeBlobs(chunk)) => self.large_blobs.truncate(start(chunk)),
            Edit::Remove(_) => {} // every key has these
        }
    }

    fn put(&mut self, part: Part) {
        match part {
            Part::Secrets { wrapping_key, device_identifier } => {
                self.wrapping_key = wrapping_key;
                self.device_identifier = device_identifier;
            }
            Part::PersistentToken(token) => self.persistent_token = token,
            Part::CredStoreState(state) => self.cred_store_state = state,
            Part::Settings(settings) => self.settings = settings,
            Part::Pin { pin, retries } => (self.pin, self.pin_retries) = (pin, retries),
            Part::Uv { retries, count_since_pin } => {
                (self.uv_retries, self.uv_count_since_pin) = (retries, count_since_pin);
            }
            Part::SignCountCeiling(ceiling) => self.sign_count_ceiling = ceiling,
            Part::Credential(number, credential) => self.credentials.put(number, *credential),
            Part::Kept(kept) => self.credentials.put_kept(*kept),
            Part::Fingerprint(number, finger) => drop(self.fingerprints.insert(number, finger)),
            Part::LargeBlobs { chunk, bytes } => {
                let start = start(chunk).min(self.large_blobs.len());
                let end = start.saturating_add(LARGE_BLOB_CHUNK).min(self.large_blobs.len());
                self.large_blobs.splice(start..end, bytes);
            }
        }
    }
}

/// The offset of a chunk.
fn start(chunk: u16) -> usize {
    usize::from(chunk).saturating_mul(LARGE_BLOB_CHUNK)
}
