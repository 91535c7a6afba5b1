//! What an authenticator remembers, and the one way to change it.
//!
//! [`State`] is everything that survives a power cycle. Commands read it through shared references and hand the one
//! thing they want different to [`Store::commit`] as a [`Change`]: nothing else writes. A store that keeps its state on a
//! disk applies the change to what the disk holds and returns only when the disk has it.

use alloc::{boxed::Box, string::String, vec::Vec};

use rand_core::CryptoRng;

use crate::credential::{Credential, LargeBlob, User};
use crate::limits::{MAX_PIN_RETRIES, MAX_UV_RETRIES, MIN_PIN_CODE_POINTS};
use crate::secret::Secret;

/// The durable memory behind an authenticator.
///
/// `commit` is all or nothing and durable when it returns `Ok`: after `Err` the state is as it was, on the disk and in
/// memory, and the command answers an error (P-11, P-12).
pub trait Store {
    /// The state as of the last successful commit.
    fn state(&self) -> &State;

    /// Makes one change durable.
    ///
    /// # Errors
    /// [`StoreError`] when the medium failed or is full; nothing has changed then.
    fn commit(&mut self, change: Change) -> Result<(), StoreError>;

    /// Whether what was committed is still where it was put. Asked before a key is handed out that only the state can open
    /// again, a credential that travels sealed in its own id: it would be lost with the state (P-11). A store whose medium can
    /// be taken away looks, which costs next to nothing; any other need not.
    ///
    /// # Errors
    /// [`StoreError`] when it is not there any more, or cannot be looked at.
    fn still_kept(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Why a change could not be made durable. The medium's fault, never the request's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No space left on the medium.
    #[error("no space left")]
    Full,
    /// Reading or writing failed.
    #[error("the medium failed")]
    Failed,
}

/// A store that forgets everything when it is dropped.
#[derive(Debug)]
pub struct MemoryStore(State);

impl MemoryStore {
    /// An authenticator fresh from the factory.
    pub fn new(rng: &mut dyn CryptoRng) -> Self {
        Self(State::factory(rng))
    }
}

impl Store for MemoryStore {
    fn state(&self) -> &State {
        &self.0
    }

    fn commit(&mut self, change: Change) -> Result<(), StoreError> {
        self.0.apply(change);
        Ok(())
    }
}

/// Everything that survives a power cycle.
#[derive(Debug)]
pub struct State {
    /// Seals the ids of credentials that are not discoverable; drawn anew by a reset (RS-09).
    pub wrapping_key: Secret<32>,
    /// The plaintext of getInfo 0x19 (GI-92).
    pub device_identifier: [u8; 16],
    /// The plaintext of getInfo 0x1E: replaced whenever discoverable credentials change (GI-93).
    pub cred_store_state: [u8; 16],
    /// The persistent pinUvAuthToken (CP-130).
    pub persistent_token: Secret<32>,
    /// The PIN, if one is set.
    pub pin: Option<Pin>,
    /// Tries left before the PIN is blocked, 0 to [`MAX_PIN_RETRIES`].
    pub pin_retries: u8,
    /// Built-in user verifications left, 0 to [`MAX_UV_RETRIES`].
    pub uv_retries: u8,
    /// Built-in user verifications since the PIN was last entered (GI-32).
    pub uv_count_since_pin: u32,
    /// The discoverable credentials, oldest first (GA-26). Each has an account.
    pub credentials: Vec<Credential>,
    /// The enrolled fingers.
    pub fingerprints: Vec<Fingerprint>,
    /// The serialized large-blob array with its hash (LB-03).
    pub large_blobs: Vec<u8>,
    /// What authenticatorConfig set (CF-11).
    pub settings: Settings,
    /// No signature counter from here on has ever been sent. Survives even a reset (RS-12).
    pub sign_count_ceiling: u32,
}

/// A PIN as it is kept: never the PIN itself.
#[derive(Debug)]
pub struct Pin {
    /// LEFT(SHA-256(PIN), 16) (CP-22).
    pub hash: Secret<16>,
    /// Its length in Unicode code points (CP-30).
    pub code_points: u8,
}

/// One enrolled finger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Opaque, unique, not empty (BE-32).
    pub template_id: Vec<u8>,
    /// The name the user gave it, if any.
    pub friendly_name: Option<String>,
    /// Which of the virtual sensor's fingers it is.
    pub finger: u8,
}

/// What authenticatorConfig can set. The default is what the device ships with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Shortest new PIN in code points (CF-43).
    pub min_pin_length: u8,
    /// RP ids that may ask for the minimum (CF-49).
    pub min_pin_length_rp_ids: Vec<String>,
    /// The PIN must be changed before it is good for anything else (CF-47).
    pub force_pin_change: bool,
    /// New PINs must also be complex (CF-51).
    pub pin_complexity_policy: bool,
    /// Toggled alwaysUv; `None`: as shipped (CF-31).
    pub always_uv: Option<bool>,
    /// Enterprise attestation is enabled (CF-21).
    pub enterprise_attestation: bool,
    /// A reset needs a long touch (CF-60).
    pub long_touch_for_reset: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            min_pin_length: MIN_PIN_CODE_POINTS,
            min_pin_length_rp_ids: Vec::new(),
            force_pin_change: false,
            pin_complexity_policy: false,
            always_uv: None,
            enterprise_attestation: false,
            long_touch_for_reset: false,
        }
    }
}

/// One durable step. Applying it never fails: what may be refused was refused before.
#[derive(Debug)]
pub enum Change {
    /// A try is paid for before the PIN is looked at (CP-25).
    PinRetries(u8),
    /// A finger is paid for before it is looked at (CP-142), or a blocked PIN takes the tries away (CP-140).
    UvRetries(u8),
    /// Built-in user verification succeeded: retries restored, one more since the last PIN entry (GI-32).
    UserVerified,
    /// The PIN was right: PIN and UV retries are at their maximum again (CP-28).
    PinVerified,
    /// setPIN (CP-59).
    SetPin(Pin),
    /// changePIN: the persistent token is replaced, a forced change is done (CP-70, CP-71).
    ChangePin {
        /// The new PIN.
        pin: Pin,
        /// The new persistent pinUvAuthToken.
        persistent_token: Secret<32>,
    },
    /// A new discoverable credential takes the place of those of the same account (MC-40).
    SaveCredential {
        /// It has an account.
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
    /// The largeBlob extension wrote (EX-76).
    SaveLargeBlob {
        /// The id of a discoverable credential.
        id: Vec<u8>,
        /// What is there from now on.
        large_blob: LargeBlob,
    },
    /// A finger is enrolled, or renamed: the same template id is replaced (BE-24, BE-27).
    SaveFingerprint(Fingerprint),
    /// removeEnrollment (BE-28).
    RemoveFingerprint {
        /// Whose template.
        template_id: Vec<u8>,
    },
    /// authenticatorLargeBlobs replaced the array (LB-46).
    LargeBlobs(Vec<u8>),
    /// authenticatorConfig (CF-11), and the persistent token it replaced if a PIN change became forced (CF-53).
    Settings {
        /// The settings from now on.
        settings: Settings,
        /// Replaced when a PIN change becomes forced.
        persistent_token: Option<Secret<32>>,
    },
    /// Signature counters below this may now be sent. Never goes down.
    SignCountCeiling(u32),
    /// authenticatorReset: everything but the signature counter is as from the factory (RS-09).
    Reset(Box<State>),
}

impl State {
    /// A key fresh from the factory, with new secrets.
    pub fn factory(rng: &mut dyn CryptoRng) -> Self {
        Self {
            wrapping_key: Secret::random(rng),
            device_identifier: random_bytes(rng),
            cred_store_state: random_bytes(rng),
            persistent_token: Secret::random(rng),
            pin: None,
            pin_retries: MAX_PIN_RETRIES,
            uv_retries: MAX_UV_RETRIES,
            uv_count_since_pin: 0,
            credentials: Vec::new(),
            fingerprints: Vec::new(),
            large_blobs: EMPTY_LARGE_BLOBS.to_vec(),
            settings: Settings::default(),
            sign_count_ceiling: 0,
        }
    }

    /// The discoverable credential with this id.
    #[must_use]
    pub fn credential(&self, id: &[u8]) -> Option<&Credential> {
        self.credentials.iter().find(|credential| credential.id == id)
    }

    /// Carries `change` out in memory. A [`Store`] calls this and makes the result durable.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::PinRetries(left) => self.pin_retries = left,
            Change::UvRetries(left) => self.uv_retries = left,
            Change::UserVerified => {
                self.uv_retries = MAX_UV_RETRIES;
                self.uv_count_since_pin = self.uv_count_since_pin.saturating_add(1);
            }
            Change::PinVerified => self.restore_retries(),
            Change::SetPin(pin) => self.replace_pin(pin),
            Change::ChangePin { pin, persistent_token } => {
                self.replace_pin(pin);
                self.settings.force_pin_change = false;
                self.persistent_token = persistent_token;
            }
            Change::SaveCredential { credential, cred_store_state } => {
                self.save_credential(*credential);
                self.cred_store_state = cred_store_state;
            }
            Change::DeleteCredential { id, cred_store_state } => {
                self.credentials.retain(|credential| credential.id != id);
                self.cred_store_state = cred_store_state;
            }
            Change::UpdateUser { id, user, cred_store_state } => {
                self.with_account(&id, |account| account.user = user);
                self.cred_store_state = cred_store_state;
            }
            Change::SaveLargeBlob { id, large_blob } => {
                self.with_account(&id, |account| account.large_blob = large_blob);
            }
            Change::SaveFingerprint(fingerprint) => self.save_fingerprint(fingerprint),
            Change::RemoveFingerprint { template_id } => {
                self.fingerprints.retain(|known| known.template_id != template_id);
            }
            Change::LargeBlobs(array) => self.large_blobs = array,
            Change::Settings { settings, persistent_token } => {
                self.settings = settings;
                if let Some(token) = persistent_token {
                    self.persistent_token = token;
                }
            }
            Change::SignCountCeiling(ceiling) => {
                self.sign_count_ceiling = self.sign_count_ceiling.max(ceiling);
            }
            Change::Reset(factory) => {
                let ceiling = self.sign_count_ceiling.max(factory.sign_count_ceiling);
                *self = *factory;
                self.sign_count_ceiling = ceiling;
            }
        }
    }

    fn restore_retries(&mut self) {
        self.pin_retries = MAX_PIN_RETRIES;
        self.uv_retries = MAX_UV_RETRIES;
        self.uv_count_since_pin = 0;
    }

    fn replace_pin(&mut self, pin: Pin) {
        self.pin = Some(pin);
        self.restore_retries();
    }

    /// The new credential is the newest (GA-A2), whatever place the replaced one had.
    fn save_credential(&mut self, new: Credential) {
        self.credentials.retain(|old| !old.is_same_account(&new));
        self.credentials.push(new);
    }

    fn with_account(&mut self, id: &[u8], edit: impl FnOnce(&mut crate::credential::Account)) {
        let found = self.credentials.iter_mut().find(|credential| credential.id == id);
        if let Some(account) = found.and_then(|credential| credential.account.as_mut()) {
            edit(account);
        }
    }

    fn save_fingerprint(&mut self, new: Fingerprint) {
        match self.fingerprints.iter_mut().find(|known| known.template_id == new.template_id) {
            Some(known) => *known = new,
            None => self.fingerprints.push(new),
        }
    }
}

impl Credential {
    /// Both discoverable, for the same relying party and the same user (MC-40).
    #[must_use]
    pub fn is_same_account(&self, other: &Self) -> bool {
        match (&self.account, &other.account) {
            (Some(mine), Some(theirs)) => {
                self.rp_id_hash == other.rp_id_hash && mine.user.id == theirs.user.id
            }
            _ => false,
        }
    }
}

/// An empty CBOR array and LEFT(SHA-256(it), 16) (LB-03).
pub const EMPTY_LARGE_BLOBS: [u8; 17] = [
    0x80, 0x76, 0xbe, 0x8b, 0x52, 0x8d, 0x00, 0x75, 0xf7, 0xaa, 0xe9, 0x8d, 0x6f, 0xa5, 0x7a, 0x6d,
    0x3c,
];

/// `N` random bytes that are not secret.
pub(crate) fn random_bytes<const N: usize>(rng: &mut dyn CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}
