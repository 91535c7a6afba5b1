//! The state that an authenticator remembers. Commands read it through shared references. Only
//! [`Store::commit`](crate::Store::commit) changes it.

use alloc::collections::BTreeMap;
use alloc::{string::String, vec::Vec};

use rand_core::CryptoRng;

use crate::credential::{Credential, Kept};
pub use crate::credentials::Credentials;
use crate::crypto::random_bytes;
use crate::limits::{MAX_PIN_RETRIES, MAX_UV_RETRIES, MIN_PIN_CODE_POINTS};
use crate::secret::Secret;

/// Everything that survives a power cycle: the content of all records.
#[derive(Debug)]
pub struct State {
    pub(crate) wrapping_key: Secret<32>,
    pub(crate) device_identifier: [u8; 16],
    pub(crate) cred_store_state: [u8; 16],
    pub(crate) persistent_token: Secret<32>,
    pub(crate) pin: Option<Pin>,
    pub(crate) pin_retries: u8,
    pub(crate) uv_retries: u8,
    pub(crate) uv_count_since_pin: u32,
    pub(crate) credentials: Credentials,
    /// By their order numbers, which is the order of enrolment.
    pub(crate) fingerprints: BTreeMap<u32, Fingerprint>,
    pub(crate) large_blobs: Vec<u8>,
    pub(crate) settings: Settings,
    pub(crate) sign_count_ceiling: u32,
}

/// A PIN in the form in which it is stored, which is never the PIN itself.
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
    /// The template id: opaque, unique, not empty (BE-32).
    pub template_id: Vec<u8>,
    /// The name that the user gave it, if there is one.
    pub friendly_name: Option<String>,
    /// The number of the finger on the virtual sensor.
    pub finger: u8,
}

/// The settings of authenticatorConfig. The default is that of a new device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The shortest new PIN in code points (CF-43).
    pub min_pin_length: u8,
    /// The RP ids that may ask for that length (CF-49).
    pub min_pin_length_rp_ids: Vec<String>,
    /// Whether the PIN must be changed before it can be used for anything else (CF-47).
    pub force_pin_change: bool,
    /// Whether new PINs must also be complex (CF-51).
    pub pin_complexity_policy: bool,
    /// Whether alwaysUv is on, if it was changed; `None`: as in a new key (CF-31).
    pub always_uv: Option<bool>,
    /// Whether enterprise attestation is enabled (CF-21).
    pub enterprise_attestation: bool,
    /// Whether a reset needs a long touch (CF-60).
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

impl State {
    /// The state of a new key, with new secrets.
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
            credentials: Credentials::default(),
            fingerprints: BTreeMap::new(),
            large_blobs: EMPTY_LARGE_BLOBS.to_vec(),
            settings: Settings::default(),
            sign_count_ceiling: 0,
        }
    }

    /// The key that encrypts credentials into their ids. A reset draws a new one (RS-09).
    #[must_use]
    pub const fn wrapping_key(&self) -> &Secret<32> {
        &self.wrapping_key
    }

    /// The plaintext of getInfo 0x19 (GI-92).
    #[must_use]
    pub const fn device_identifier(&self) -> [u8; 16] {
        self.device_identifier
    }

    /// The plaintext of getInfo 0x1E. It is replaced whenever discoverable credentials change (GI-93).
    #[must_use]
    pub const fn cred_store_state(&self) -> [u8; 16] {
        self.cred_store_state
    }

    /// The persistent pinUvAuthToken (CP-130).
    #[must_use]
    pub const fn persistent_token(&self) -> &Secret<32> {
        &self.persistent_token
    }

    /// The PIN, if one is set.
    #[must_use]
    pub const fn pin(&self) -> Option<&Pin> {
        self.pin.as_ref()
    }

    /// Tries left before the PIN is blocked, 0 to [`MAX_PIN_RETRIES`].
    #[must_use]
    pub const fn pin_retries(&self) -> u8 {
        self.pin_retries
    }

    /// Built-in user verifications left, 0 to [`MAX_UV_RETRIES`].
    #[must_use]
    pub const fn uv_retries(&self) -> u8 {
        self.uv_retries
    }

    /// Built-in user verifications since the PIN was last entered (GI-32).
    #[must_use]
    pub const fn uv_count_since_pin(&self) -> u32 {
        self.uv_count_since_pin
    }

    /// The discoverable credentials.
    #[must_use]
    pub const fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The stored credential with this id, discoverable or not.
    #[must_use]
    pub fn credential(&self, id: &[u8]) -> Option<&Credential> {
        self.credentials.find(id)
    }

    /// The stored credentials that are not discoverable, in the order of their ids.
    pub fn kept(&self) -> impl ExactSizeIterator<Item = &Kept> {
        self.credentials.kept()
    }

    /// The enrolled fingers, in the order in which they were enrolled.
    pub fn fingerprints(&self) -> impl ExactSizeIterator<Item = &Fingerprint> + Clone {
        self.fingerprints.values()
    }

    /// The serialized large-blob array with its hash (LB-03).
    #[must_use]
    pub fn large_blobs(&self) -> &[u8] {
        &self.large_blobs
    }

    /// The settings of authenticatorConfig (CF-11).
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// No signature counter above this one has been sent yet. It stays even after a reset (RS-12).
    #[must_use]
    pub const fn sign_count_ceiling(&self) -> u32 {
        self.sign_count_ceiling
    }

    /// The enrolled fingers by the sensor's numbers.
    pub(crate) fn fingers(&self) -> impl Iterator<Item = u8> {
        self.fingerprints.values().map(|known| known.finger)
    }

    /// The order number of the finger with this template.
    pub(crate) fn finger_number(&self, template_id: &[u8]) -> Option<u32> {
        let mut fingers = self.fingerprints.iter();
        fingers.find(|(_, known)| known.template_id == template_id).map(|(number, _)| *number)
    }
}

impl Pin {
    /// A second copy, for a record that is about to replace this one.
    pub(crate) fn duplicate(&self) -> Self {
        Self { hash: self.hash.duplicate(), code_points: self.code_points }
    }
}

/// An empty CBOR array and the first 16 bytes of its SHA-256 (LB-03).
pub const EMPTY_LARGE_BLOBS: [u8; 17] = [
    0x80, 0x76, 0xbe, 0x8b, 0x52, 0x8d, 0x00, 0x75, 0xf7, 0xaa, 0xe9, 0x8d, 0x6f, 0xa5, 0x7a, 0x6d,
    0x3c,
];
