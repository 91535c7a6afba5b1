//! What the owner of a running key may do with it without CTAP: there is no request, nobody is asked, and no power
//! cycle is needed.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Authenticator, Platform};
use crate::change::Change;
use crate::commands::client_pin;
use crate::config::CheckedConfig;
use crate::counter::SignCounter;
use crate::credential::{Backup, Counter};
use crate::credential_source::{CredentialError, CredentialSource, Place, Properties};
use crate::crypto::random_bytes;
use crate::memory::MemoryError;
use crate::state::{Fingerprint, Settings};
use crate::store::Store;

/// Why a finger cannot be enrolled or removed: the caller's fault, unless a variant says otherwise. Nothing has
/// changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FingerError {
    /// The key was made without a fingerprint sensor.
    #[error("the key has no fingerprint sensor")]
    NoSensor,
    /// The sensor has as many fingers as it can hold.
    #[error("the fingerprint sensor is full: it has room for {capacity} fingers")]
    Full {
        /// How many fingers it can hold.
        capacity: u8,
    },
    /// This finger is enrolled already.
    #[error("this finger is enrolled already")]
    Enrolled,
    /// This finger is not enrolled.
    #[error("this finger is not enrolled")]
    NotEnrolled,
    /// The memory could not store it: the medium's fault.
    #[error("the memory could not store it: {0}")]
    Memory(#[from] MemoryError),
}

impl FingerError {
    /// What a person can do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::NoSensor => "start a key whose profile has the option bioEnroll",
            Self::Full { .. } => "remove a finger, or start a key with more maxTemplates",
            Self::Enrolled | Self::NotEnrolled => "list the enrolled fingers",
            Self::Memory(MemoryError::Full) => "free some space on its disk, then try again",
            Self::Memory(MemoryError::Failed) => "check its disk, then try again",
        }
    }
}

/// A credential that a key of another configuration cannot hold.
#[derive(Debug)]
pub struct Misfit {
    /// A copy of the credential.
    pub credential: Box<CredentialSource>,
    /// Why that key would not take it.
    pub error: CredentialError,
}

impl Authenticator {
    /// Makes this authenticator a key with another configuration and the same memory: credentials, PIN, fingers and
    /// counters stay. A request that waits for a person is dropped. The caller must do a
    /// [`power_cycle`](Self::power_cycle) next.
    ///
    /// # Errors
    /// [`Misfit`]: the first credential that such a key cannot hold. Nothing has changed then.
    pub fn remake(
        &mut self,
        config: CheckedConfig,
        platform: &mut Platform<'_>,
    ) -> Result<(), Misfit> {
        // Those that need room come first.
        for (number, source) in (1..).zip(self.credential_sources(platform.store)) {
            if let Err(error) = source.check_stays(&config, number) {
                return Err(Misfit { credential: Box::new(source), error });
            }
        }
        self.power_off();
        self.counter = SignCounter::new(config.credentials.sign_count_start(), platform.store);
        self.config = config;
        Ok(())
    }

    /// Copies of all credentials that the key stores, with their private keys: first the discoverable ones, oldest
    /// first, then the others in the order of their ids. A credential that is sealed in its own id is not stored,
    /// so it is not in the list.
    #[must_use]
    pub fn credential_sources(&self, store: &Store) -> Vec<CredentialSource> {
        self.some_credential_sources(store, 0, usize::MAX)
    }

    /// The same without the first `from`, and at most `most`: no private key of another one is copied.
    #[must_use]
    pub fn some_credential_sources(
        &self,
        store: &Store,
        from: usize,
        most: usize,
    ) -> Vec<CredentialSource> {
        let (state, of_key) = (store.state(), self.counter.current());
        let passed_over = from.min(state.credentials.len());
        let passkeys = state.credentials.iter().skip(passed_over);
        let kept = state.kept().skip(from.saturating_sub(passed_over));
        let passkeys = passkeys.map(|one| CredentialSource::of(one, of_key));
        passkeys.chain(kept.map(|one| CredentialSource::of_kept(one, of_key))).take(most).collect()
    }

    /// How many assertions the key has made, of CTAP2 and of U2F together. With that, the ids of the credentials
    /// that signed those after the first `known` ones, oldest first. Only the last
    /// [`MAX_USES`](crate::limits::MAX_USES) are remembered. Signature counters cannot tell this: some stay 0, and
    /// some count for all credentials.
    #[must_use]
    pub fn uses_since(&self, known: u64) -> (u64, Vec<Vec<u8>>) {
        self.uses.since(known)
    }

    /// Adds a credential, which is then the newest one. A discoverable credential replaces the one of the same
    /// account, whose id is returned (MC-40).
    ///
    /// # Errors
    /// [`CredentialError`], the fault of the one who made the credential, or of the medium; nothing has changed then.
    pub fn add_credential(
        &self,
        source: CredentialSource,
        platform: &mut Platform<'_>,
    ) -> Result<Option<Vec<u8>>, CredentialError> {
        let Platform { store, rng, .. } = platform;
        let replaced = source.replaces(store.state());
        let change = match source.placed(&self.config, store.state(), *rng)? {
            Place::Kept(kept) => Change::KeepCredential(kept),
            Place::Discoverable(credential) => {
                Change::SaveCredential { credential, cred_store_state: random_bytes(*rng) }
            }
        };
        store.commit(change)?;
        Ok(replaced)
    }

    /// Removes the credential with this id.
    ///
    /// # Errors
    /// [`CredentialError::NoSuchCredential`] is the caller's fault, [`CredentialError::Memory`] the medium's.
    pub fn remove_credential(
        &self,
        id: &[u8],
        platform: &mut Platform<'_>,
    ) -> Result<(), CredentialError> {
        let Platform { store, rng, .. } = platform;
        let credential = store.state().credential(id).ok_or(CredentialError::NoSuchCredential)?;
        let id = id.to_vec();
        let change = match credential.account {
            None => Change::ForgetCredential { id },
            Some(_) => Change::DeleteCredential { id, cred_store_state: random_bytes(*rng) },
        };
        Ok(store.commit(change)?)
    }

    /// Changes properties of the credential with this id. The next assertion uses them.
    ///
    /// # Errors
    /// As [`remove_credential`](Self::remove_credential); [`CredentialError::NotEligible`] is the caller's fault.
    pub fn change_credential(
        &self,
        id: &[u8],
        properties: Properties,
        platform: &mut Platform<'_>,
    ) -> Result<(), CredentialError> {
        let store = &mut *platform.store;
        let credential = store.state().credential(id).ok_or(CredentialError::NoSuchCredential)?;
        let Properties { backup_eligibility, backup_state, sign_count } = properties;
        let backup = Backup {
            eligible: backup_eligibility.unwrap_or(credential.backup.eligible),
            state: backup_state.unwrap_or(credential.backup.state),
        };
        if !backup.is_possible() {
            return Err(CredentialError::NotEligible);
        }
        let counter = match sign_count {
            None => credential.counter,
            Some(last) => last.map_or(Counter::Zero, Counter::Own),
        };
        Ok(store.commit(Change::CredentialProperties { id: id.to_vec(), backup, counter })?)
    }

    /// Gives a new key the state that it is shipped with ([`Shipped`](crate::config::Shipped)).
    ///
    /// # Errors
    /// [`MemoryError`]: the medium's fault.
    pub fn ship(&self, platform: &mut Platform<'_>) -> Result<(), MemoryError> {
        let shipped = &self.config.shipped;
        if let Some(pin) = &shipped.pin {
            platform.store.commit(Change::SetPin(client_pin::kept(pin)))?;
        }
        let settings = Settings {
            force_pin_change: shipped.force_pin_change,
            enterprise_attestation: shipped.enterprise_attestation,
            ..platform.store.state().settings.clone()
        };
        if settings == platform.store.state().settings {
            return Ok(());
        }
        platform.store.commit(Change::Settings { settings, persistent_token: None })
    }

    /// Enrols a finger without a PIN and without samples. The sensor knows the finger from now on (option `uv`).
    ///
    /// # Errors
    /// [`FingerError`], the caller's fault or the medium's; nothing has changed then.
    pub fn enroll_finger(
        &self,
        finger: u8,
        platform: &mut Platform<'_>,
    ) -> Result<(), FingerError> {
        let Platform { store, rng, .. } = platform;
        let sensor = self.config.fingerprints.as_ref().ok_or(FingerError::NoSensor)?;
        if store.state().fingers().any(|known| known == finger) {
            return Err(FingerError::Enrolled);
        }
        if store.state().fingerprints.len() >= usize::from(sensor.capacity) {
            return Err(FingerError::Full { capacity: sensor.capacity });
        }
        let template_id = random_bytes::<TEMPLATE_ID>(*rng).to_vec();
        let enrolled = Fingerprint { template_id, friendly_name: None, finger };
        Ok(store.commit(Change::SaveFingerprint(enrolled))?)
    }

    /// Removes an enrolled finger.
    ///
    /// # Errors
    /// [`FingerError::NotEnrolled`] is the caller's fault, [`FingerError::Memory`] the medium's.
    pub fn remove_finger(
        &self,
        finger: u8,
        platform: &mut Platform<'_>,
    ) -> Result<(), FingerError> {
        let mut enrolled = platform.store.state().fingerprints.values();
        let found =
            enrolled.find(|known| known.finger == finger).ok_or(FingerError::NotEnrolled)?;
        let template_id = found.template_id.clone();
        Ok(platform.store.commit(Change::RemoveFingerprint { template_id })?)
    }

    /// Replaces the large-blob array with what authenticatorLargeBlobs would write. It ends in its hash, which the
    /// caller must compute (LB-03).
    ///
    /// # Errors
    /// [`CredentialError::Blob`] if it is longer than the key's configuration allows; [`CredentialError::Memory`].
    pub fn write_large_blobs(
        &self,
        array: Vec<u8>,
        platform: &mut Platform<'_>,
    ) -> Result<(), CredentialError> {
        let (length, longest) = (array.len(), self.config.large_blobs.unwrap_or(0));
        if length > longest {
            return Err(CredentialError::Blob { what: "largeBlobArray", length, longest });
        }
        Ok(platform.store.commit(Change::LargeBlobs(array))?)
    }
}

/// Bytes of a template id (BE-32).
const TEMPLATE_ID: usize = 16;
