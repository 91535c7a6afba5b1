//! All changes to the memory of an authenticator, and the records that each change writes.

use alloc::{boxed::Box, vec::Vec};

use crate::credential::{Account, Backup, Counter, Credential, Kept, LargeBlob, User};
use crate::limits::{LARGE_BLOB_CHUNK, MAX_PIN_RETRIES, MAX_UV_RETRIES};
use crate::memory::Durability;
use crate::records::{Edit, Name, Part, chunks};
use crate::secret::Secret;
use crate::state::{Fingerprint, Pin, Settings, State};

/// One durable change. Every reason to refuse it is checked before; once the memory has it, carrying it out cannot
/// fail.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change {
    /// The price of a PIN try, written before the PIN is checked (CP-25).
    PinRetries(u8),
    /// The price of a finger's try, written before the finger is checked (CP-142); or a blocked PIN takes all tries
    /// away (CP-140).
    UvRetries(u8),
    /// Built-in user verification succeeded. Its tries are restored, and the count of its uses since the last PIN
    /// entry grows by one (GI-32).
    UserVerified,
    /// The PIN was right: PIN and UV retries are at their maximum again (CP-28).
    PinVerified,
    /// setPIN (CP-59).
    SetPin(Pin),
    /// changePIN: the persistent token is replaced, and the PIN need not be changed any longer (CP-70, CP-71).
    ChangePin {
        /// The new PIN.
        pin: Pin,
        /// The new persistent pinUvAuthToken.
        persistent_token: Secret<32>,
    },
    /// A new discoverable credential, which replaces those of the same account (MC-40).
    SaveCredential {
        /// The credential. It has an account, and an id that was never used before.
        credential: Box<Credential>,
        /// The new credential store state (GI-93).
        cred_store_state: [u8; 16],
    },
    /// deleteCredential (CM-35).
    DeleteCredential {
        /// The id of a discoverable credential.
        id: Vec<u8>,
        /// The new credential store state (GI-93).
        cred_store_state: [u8; 16],
    },
    /// updateUserInformation (CM-38).
    UpdateUser {
        /// The id of a discoverable credential.
        id: Vec<u8>,
        /// The user as they are from now on; the same `user.id`.
        user: User,
        /// The new credential store state (GI-93).
        cred_store_state: [u8; 16],
    },
    /// The largeBlob extension wrote a blob (EX-76).
    SaveLargeBlob {
        /// The id of a discoverable credential.
        id: Vec<u8>,
        /// The new blob.
        large_blob: LargeBlob,
    },
    /// A new credential that is not discoverable and is stored as a record.
    KeepCredential(Box<Kept>),
    /// A credential that is not discoverable is removed.
    ForgetCredential {
        /// Its id.
        id: Vec<u8>,
    },
    /// The flags and the counter of a credential: it signed and has a counter of its own (MC-77), or its owner sets
    /// them.
    CredentialProperties {
        /// The id of a credential that is a record, discoverable or not.
        id: Vec<u8>,
        /// The new flags.
        backup: Backup,
        /// The new counter.
        counter: Counter,
    },
    /// A finger is enrolled or renamed. A finger with the same template id is replaced (BE-24, BE-27).
    SaveFingerprint(Fingerprint),
    /// removeEnrollment (BE-28).
    RemoveFingerprint {
        /// The template id of the finger.
        template_id: Vec<u8>,
    },
    /// authenticatorLargeBlobs replaced the array (LB-46).
    LargeBlobs(Vec<u8>),
    /// authenticatorConfig (CF-11). If a PIN change is now forced, the persistent token is replaced as well
    /// (CF-53).
    Settings {
        /// The new settings.
        settings: Settings,
        /// The new persistent token, if a PIN change is now forced.
        persistent_token: Option<Secret<32>>,
    },
    /// When this is durable, signature counters up to this one may be sent. It never goes down.
    SignCountCeiling(u32),
    /// authenticatorReset: everything except the signature counter is as in a new key (RS-09).
    Reset(Box<State>),
}

impl Change {
    /// Changes that a power cut may lose are not waited for: tries that are given back, and counters that are
    /// reserved ahead.
    pub(crate) const fn durability(&self) -> Durability {
        match self {
            Self::PinVerified | Self::UserVerified | Self::SignCountCeiling(_) => Durability::Lazy,
            _ => Durability::Wait,
        }
    }
}

impl State {
    /// The edits of the records for `change`. A reset edits all of them, and is not handled here. A part that does
    /// not change is not written.
    pub(crate) fn edits(&self, change: Change) -> Vec<Edit> {
        match change {
            Change::PinRetries(left) => self.pin_edits(self.pin.as_ref().map(Pin::duplicate), left),
            Change::UvRetries(left) => self.uv_edits(left, self.uv_count_since_pin),
            Change::UserVerified => {
                self.uv_edits(MAX_UV_RETRIES, self.uv_count_since_pin.saturating_add(1))
            }
            Change::PinVerified => self.with_retries(self.pin.as_ref().map(Pin::duplicate)),
            Change::SetPin(pin) => self.with_retries(Some(pin)),
            Change::ChangePin { pin, persistent_token } => {
                let settings = Settings { force_pin_change: false, ..self.settings.clone() };
                let mut edits = self.with_retries(Some(pin));
                edits.extend(self.settings_edits(settings, Some(persistent_token)));
                edits
            }
            Change::SaveCredential { credential, cred_store_state } => {
                let mut edits = self.save_credential(credential);
                edits.push(Edit::Put(Part::CredStoreState(cred_store_state)));
                edits
            }
            Change::DeleteCredential { id, cred_store_state } => {
                let gone = Edit::Remove(Name::Credential(id));
                [gone, Edit::Put(Part::CredStoreState(cred_store_state))].into()
            }
            Change::UpdateUser { id, user, cred_store_state } => {
                let mut edits = self.edit_account(&id, |account| account.user = user);
                edits.push(Edit::Put(Part::CredStoreState(cred_store_state)));
                edits
            }
            Change::SaveLargeBlob { id, large_blob } => {
                self.edit_account(&id, |account| account.large_blob = large_blob)
            }
            Change::KeepCredential(kept) => [Edit::Put(Part::Kept(kept))].into(),
            Change::ForgetCredential { id } => [Edit::Remove(Name::Kept(id))].into(),
            Change::CredentialProperties { id, backup, counter } => {
                self.properties_edits(&id, |credential| {
                    (credential.backup, credential.counter) = (backup, counter);
                })
            }
            Change::SaveFingerprint(fingerprint) => self.save_fingerprint(fingerprint),
            Change::RemoveFingerprint { template_id } => {
                [Edit::Remove(Name::Fingerprint(template_id))].into()
            }
            Change::LargeBlobs(array) => self.blob_edits(&array),
            Change::Settings { settings, persistent_token } => {
                self.settings_edits(settings, persistent_token)
            }
            Change::SignCountCeiling(ceiling) if ceiling > self.sign_count_ceiling => {
                [Edit::Put(Part::SignCountCeiling(ceiling))].into()
            }
            Change::SignCountCeiling(_) | Change::Reset(_) => Vec::new(),
        }
    }

    fn pin_edits(&self, pin: Option<Pin>, retries: u8) -> Vec<Edit> {
        [Edit::Put(Part::Pin { pin, retries })].into()
    }

    fn uv_edits(&self, retries: u8, count_since_pin: u32) -> Vec<Edit> {
        if (retries, count_since_pin) == (self.uv_retries, self.uv_count_since_pin) {
            return Vec::new();
        }
        [Edit::Put(Part::Uv { retries, count_since_pin })].into()
    }

    /// The PIN with all its tries, and all those of the sensor (CP-28).
    fn with_retries(&self, pin: Option<Pin>) -> Vec<Edit> {
        let mut edits = self.pin_edits(pin, MAX_PIN_RETRIES);
        edits.extend(self.uv_edits(MAX_UV_RETRIES, 0));
        edits
    }

    fn settings_edits(&self, settings: Settings, token: Option<Secret<32>>) -> Vec<Edit> {
        let settings = (settings != self.settings).then_some(Part::Settings(settings));
        let parts = settings.into_iter().chain(token.map(Part::PersistentToken));
        parts.map(Edit::Put).collect()
    }

    /// The new credential is the newest (GA-A2), whatever place the replaced one had.
    fn save_credential(&self, credential: Box<Credential>) -> Vec<Edit> {
        let user_id = credential.account.as_ref().map(|account| &account.user.id);
        let replaced =
            user_id.and_then(|user| self.credentials.of_account(&credential.rp_id_hash, user));
        let gone = replaced.filter(|replaced| replaced.id != credential.id);
        let gone = gone.map(|replaced| Edit::Remove(Name::Credential(replaced.id.clone())));
        let number = self.credentials.next_number();
        gone.into_iter().chain([Edit::Put(Part::Credential(number, credential))]).collect()
    }

    fn edit_account(&self, id: &[u8], edit: impl FnOnce(&mut Account)) -> Vec<Edit> {
        self.edit_discoverable(id, |credential| {
            credential.account.as_mut().map(edit);
        })
    }

    fn edit_discoverable(&self, id: &[u8], edit: impl FnOnce(&mut Credential)) -> Vec<Edit> {
        let found = self.credentials.get(id).map(Credential::duplicate);
        let Some((mut credential, number)) = found.zip(self.credentials.number(id)) else {
            return Vec::new();
        };
        edit(&mut credential);
        [Edit::Put(Part::Credential(number, Box::new(credential)))].into()
    }

    fn properties_edits(&self, id: &[u8], edit: impl FnOnce(&mut Credential)) -> Vec<Edit> {
        let Some(mut kept) = self.credentials.get_kept(id).map(Kept::duplicate) else {
            return self.edit_discoverable(id, edit);
        };
        edit(&mut kept.credential);
        [Edit::Put(Part::Kept(Box::new(kept)))].into()
    }

    fn save_fingerprint(&self, fingerprint: Fingerprint) -> Vec<Edit> {
        let after_last =
            || self.fingerprints.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
        let number = self.finger_number(&fingerprint.template_id).unwrap_or_else(after_last);
        [Edit::Put(Part::Fingerprint(number, fingerprint))].into()
    }

    /// The chunks that are different from what is there; those beyond the end of the new array first.
    fn blob_edits(&self, array: &[u8]) -> Vec<Edit> {
        let kept = array.len().div_ceil(LARGE_BLOB_CHUNK);
        let gone = chunks(&self.large_blobs).skip(kept);
        let gone = gone.map(|(chunk, _)| Edit::Remove(Name::LargeBlobs(chunk)));
        let mut old = chunks(&self.large_blobs).map(|(_, bytes)| bytes);
        let new = chunks(array).filter(|(_, bytes)| old.next() != Some(bytes));
        let new = new.map(|(chunk, bytes)| Part::LargeBlobs { chunk, bytes: bytes.to_vec() });
        gone.chain(new.map(Edit::Put)).collect()
    }
}
