//! The configuration of an authenticator: what kind of key it is, without what has happened to it. It is plain
//! data, chosen by the program that makes the authenticator.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::algorithm::Algorithm;
use crate::attestation::{Attestation, Attester, Means};
use crate::credential::{Backup, Counter};
use crate::credential_id;
use crate::limits::{
    DEFAULT_MESSAGE, MAX_CREDENTIAL_ID, MAX_PIN_CODE_POINTS, MIN_PIN_CODE_POINTS,
    USUAL_CREDENTIALS_IN_LIST,
};
use crate::pin::Protocol;
use crate::transport::Transport;

mod announced;
mod check;
mod longest;

pub(crate) use self::announced::algorithm;
pub use self::announced::{Announced, Member};
pub use self::check::{CheckedConfig, Contradiction};
pub(crate) use self::longest::longest_answer_about;

/// The kind of key that an authenticator is. [`Config::default`] is a CTAP 2.3 key without a fingerprint sensor.
///
/// Any combination of features can be written here. [`Config::checked`] finds out whether they fit together; an
/// authenticator is made only from a checked configuration.
#[derive(Debug)]
pub struct Config {
    /// The model (getInfo 0x03).
    pub aaguid: [u8; 16],
    /// The version of the firmware, which grows with each change of the code (getInfo 0x0E, GI-23); not 0.
    pub firmware_version: u32,
    /// The versions of the standard that it announces, without U2F (getInfo 0x01).
    pub versions: Vec<Version>,
    /// The transports that it has, each once (getInfo 0x09). getInfo tells all of them on every transport (GI-05).
    pub transports: Vec<Transport>,
    /// The transports over which it accepts a reset (getInfo 0x1A); `None`: all (RS-02).
    pub transports_for_reset: Option<Vec<Transport>>,
    /// How a person agrees to a reset.
    pub reset_gestures: ResetGestures,
    /// How many discoverable credentials fit, at most [`MAX_CAPACITY`](crate::limits::MAX_CAPACITY). 0: none can be made (option
    /// `rk`).
    pub capacity: usize,
    /// Signature algorithms, the preferred one first (getInfo 0x0A). Each of them must be [built
    /// in](Algorithm::is_built_in).
    pub algorithms: Vec<Algorithm>,
    /// PIN/UV auth protocols, the preferred one first (getInfo 0x06).
    pub pin_uv_auth_protocols: Vec<Protocol>,
    /// Whether a PIN can be set (option `clientPin`).
    pub client_pin: bool,
    /// Whether tokens obtained with a PIN are not valid for makeCredential and getAssertion (option
    /// `noMcGaPermissionsWithClientPin`).
    pub no_mc_ga_permissions_with_client_pin: bool,
    /// Whether a credential that is not discoverable can be made without user verification (option
    /// `makeCredUvNotRqd`).
    pub make_cred_uv_not_rqd: bool,
    /// The longest message in bytes, with the command byte (getInfo 0x05):
    /// [`MIN_MESSAGE`](crate::limits::MIN_MESSAGE) to [`MAX_MESSAGE`](crate::limits::MAX_MESSAGE). Every answer
    /// that is possible with the other settings must fit.
    pub max_msg_size: usize,
    /// A fingerprint sensor (option `uv`). If clients can enrol fingers, a PIN is needed as well, because only a
    /// PIN can authorise the first finger.
    pub fingerprints: Option<FingerprintSensor>,
    /// The most ids in an allowList or an excludeList (getInfo 0x07): 1 to
    /// [`MAX_CREDENTIALS_IN_LIST`](crate::limits::MAX_CREDENTIALS_IN_LIST).
    pub max_credentials_in_list: usize,
    /// The length in bytes of every id that it makes (getInfo 0x08):
    /// [`MIN_CREDENTIAL_ID`](crate::limits::MIN_CREDENTIAL_ID) to
    /// [`MAX_FOREIGN_CREDENTIAL_ID`](crate::limits::MAX_FOREIGN_CREDENTIAL_ID). `None`: each id is as long as it
    /// must be, up to [`MAX_CREDENTIAL_ID`]. A credential that is not discoverable, and does not fit sealed into an
    /// id of this length, is stored as a record.
    pub credential_id_length: Option<usize>,
    /// How long a PIN must be.
    pub pin_length: PinLength,
    /// Whether PINs must not be too simple, from the start; no reset removes this policy (GI-36). Without it,
    /// [`Extensions::pin_complexity_policy`] allows it to be switched on.
    pub pin_complexity_policy: bool,
    /// Whether it has authenticatorCredentialManagement (option `credMgmt`).
    pub credential_management: bool,
    /// Whether it has the same command with the prototype's number, 0x41, and announces it (option
    /// `credentialMgmtPreview`): in addition to the other one, or alone.
    pub credential_mgmt_preview: bool,
    /// Whether a persistent token allows the read-only part of it (option `perCredMgmtRO`).
    pub per_cred_mgmt_ro: bool,
    /// Whether bio enrolment and credential management also answer to the numbers of their prototypes, 0x40 and
    /// 0x41. libfido2 up to 1.12 knows only these (CM-50, BE-42).
    pub prototype_commands: bool,
    /// authenticatorLargeBlobs and the largeBlobKey extension: the longest array in bytes (getInfo 0x0B), 1024 to
    /// [`MAX_LARGE_BLOBS`](crate::limits::MAX_LARGE_BLOBS). `None`: it has neither.
    pub large_blobs: Option<usize>,
    /// The subcommands of authenticatorConfig.
    pub authenticator_config: ConfigCommands,
    /// The extensions, except those that belong to a command above.
    pub extensions: Extensions,
    /// The properties of new credentials.
    pub credentials: NewCredentials,
    /// The attestation of new credentials.
    pub attestation: Attestation,
    /// The attestation key of the model; [`Attestation::Basic`] and U2F need it.
    pub attestation_key: Option<Arc<dyn Attester>>,
    /// Whether it speaks U2F (version `U2F_V2`). That needs an attestation key.
    pub u2f: bool,
    /// The state of a new key.
    pub shipped: Shipped,
    /// What getInfo announces differently from all this: the key announces it, but does not do it.
    pub announced: Announced,
}

/// A version of the standard (GI-10). `FIDO_2_2` does not exist (GI-100).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Version {
    /// CTAP 2.0.
    Fido20,
    /// The versions that makers built before CTAP 2.1 was finished: CTAP 2.0 and some of the later features.
    Fido21Pre,
    /// CTAP 2.1 and 2.2.
    Fido21,
    /// CTAP 2.3.
    Fido23,
}

impl Version {
    /// Its name in getInfo.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fido20 => "FIDO_2_0",
            Self::Fido21Pre => "FIDO_2_1_PRE",
            Self::Fido21 => "FIDO_2_1",
            Self::Fido23 => "FIDO_2_3",
        }
    }
}

/// What a person must do to agree to a reset, within ten seconds after the key was plugged in or laid on a reader.
/// Makers differ here. If longTouchForReset is on, a long touch replaces all of these (RS-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetGestures {
    /// Over USB, or as a smart card: how many times they touch the key. Twice means two questions, one after the
    /// other.
    pub touch: Times,
    /// Over NFC: how many times they lay it on the reader before the request. The last one counts, too (RS-19).
    pub tap: Times,
}

/// How many times a person does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Once.
    Once,
    /// Twice.
    Twice,
}

impl Default for ResetGestures {
    fn default() -> Self {
        Self { touch: Times::Once, tap: Times::Once }
    }
}

/// The state that a maker gives a new key; [`Authenticator::ship`](crate::Authenticator::ship) sets it. A reset
/// removes it. By default there is none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Shipped {
    /// A PIN whose length is within [`PinLength`].
    pub pin: Option<String>,
    /// Whether the PIN must be changed before it can be used for anything else (getInfo 0x0C).
    pub force_pin_change: bool,
    /// Whether enterprise attestation is enabled (option `ep` is true).
    pub enterprise_attestation: bool,
}

/// The PIN is not printed.
impl fmt::Debug for Shipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shipped")
            .field("has_pin", &self.pin.is_some())
            .field("force_pin_change", &self.force_pin_change)
            .field("enterprise_attestation", &self.enterprise_attestation)
            .finish()
    }
}

/// The shortest and the longest PIN, in Unicode code points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinLength {
    /// The shortest PIN of a new key (getInfo 0x0D), in Unicode code points: 4 to `max`. setMinPINLength raises it.
    pub min: u8,
    /// The longest PIN (getInfo 0x1D), in Unicode code points: 8 to 63.
    pub max: u8,
}

impl Default for PinLength {
    fn default() -> Self {
        Self { min: MIN_PIN_CODE_POINTS, max: MAX_PIN_CODE_POINTS }
    }
}

/// A virtual fingerprint sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FingerprintSensor {
    /// How many fingers can be enrolled; 1 to [`MAX_FINGERPRINTS`](crate::limits::MAX_FINGERPRINTS).
    pub capacity: u8,
    /// How many good samples one enrolment takes: 2 to [`MAX_SAMPLES`](crate::limits::MAX_SAMPLES), so
    /// that one is left after the first (BE-21).
    pub samples: u8,
    /// Whether clients can enrol fingers (option `bioEnroll`, authenticatorBioEnrollment). Otherwise only the owner
    /// of the key can.
    pub bio_enroll: bool,
    /// Whether it has the same command with the prototype's number, 0x40, and announces it (option
    /// `userVerificationMgmtPreview`): in addition to the other one, or alone.
    pub bio_enroll_preview: bool,
    /// With `bio_enroll`: whether a finger may authorise the enrolment of another one (option `uvBioEnroll`).
    pub uv_bio_enroll: bool,
    /// Whether a finger may authorise authenticatorConfig (option `uvAcfg`).
    pub uv_acfg: bool,
    /// How many attempts the platform should count itself (getInfo 0x11, CP-97); not 0. With `Some(1)` or `None`
    /// the key does the retries.
    pub preferred_platform_uv_attempts: Option<u8>,
}

/// The subcommands of authenticatorConfig (getInfo 0x1F).
#[derive(Debug, Default)]
pub struct ConfigCommands {
    /// enableEnterpriseAttestation (option `ep`); `None`: it does not have it.
    pub enterprise_attestation: Option<EnterpriseAttestation>,
    /// toggleAlwaysUv: whether alwaysUv is on in a new key (option `alwaysUv`); `None`: it does not have it.
    pub always_uv: Option<bool>,
    /// setMinPINLength: how many RP ids it takes (getInfo 0x10); `None`: it does not have it.
    pub min_pin_length_rp_ids: Option<usize>,
    /// enableLongTouchForReset (getInfo 0x18).
    pub long_touch_for_reset: bool,
}

impl ConfigCommands {
    /// Whether it has any of these (option `authnrCfg`).
    #[must_use]
    pub const fn any(&self) -> bool {
        self.enterprise_attestation.is_some()
            || self.always_uv.is_some()
            || self.min_pin_length_rp_ids.is_some()
            || self.long_touch_for_reset
    }
}

/// Attestation that identifies the single device. It is for relying parties that own the device (AT-40).
#[derive(Debug)]
pub struct EnterpriseAttestation {
    /// The attestation key and certificate of the device. A reset does not change them (AT-42).
    pub key: Arc<dyn Attester>,
    /// The RP ids that receive it in vendor-facilitated mode; they must match exactly (MC-22, AT-43).
    pub rp_ids: Vec<String>,
    /// Whether platform-managed mode is treated like vendor-facilitated mode (MC-22).
    pub vendor_facilitated_only: bool,
}

/// The extensions of section 12 that do not belong to a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// credProtect: some credentials can be found only after user verification.
    pub cred_protect: bool,
    /// hmac-secret: a secret for each salt at sign-in. Browsers offer it as `prf`.
    pub hmac_secret: bool,
    /// hmac-secret-mc: the same at registration.
    pub hmac_secret_mc: bool,
    /// credBlob: the longest one in bytes (getInfo 0x0F). Together with the longest large blob it is at most
    /// [`MAX_BLOBS`](crate::limits::MAX_BLOBS).
    pub cred_blob: Option<usize>,
    /// largeBlob: the longest one in bytes. A key with it cannot have authenticatorLargeBlobs (EX-70).
    pub large_blob: Option<usize>,
    /// pinComplexityPolicy, with the setting in setMinPINLength (getInfo 0x1B).
    pub pin_complexity_policy: bool,
    /// previewSign, a draft (version 4): keys beside a credential that sign any data of the relying party (PS-30).
    pub preview_sign: bool,
    /// thirdPartyPayment: credentials that may be used for payments on other sites.
    pub third_party_payment: bool,
    /// uvm, which CTAP 2.1 removed: it tells the methods of user verification, and how keys and methods are
    /// protected.
    pub uvm: Option<Protection>,
}

/// The protection of keys and of user verification, as the extension uvm tells it: bits of FIDO's registry of
/// predefined values (EX-96).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// The protection of private keys (KEY_PROTECTION): 1 is software, 2 hardware, 4 a trusted execution
    /// environment, 8 a secure element, 16 a remote handle.
    pub keys: u32,
    /// The protection of the comparison of PINs and fingers (MATCHER_PROTECTION): 1 is software, 2 a trusted
    /// execution environment, 4 a chip.
    pub matcher: u32,
}

impl Default for Protection {
    /// Software.
    fn default() -> Self {
        Self { keys: 1, matcher: 1 }
    }
}

/// The properties of new credentials. By default they are those of a security key: a credential never leaves the
/// key, and one counter counts the signatures of all credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewCredentials {
    /// The flags BE and BS (MC-76).
    pub backup: Backup,
    /// What counts signatures (MC-77).
    pub sign_count: SignCount,
    /// Whether credentials that are not discoverable are stored as records too, instead of travelling sealed in
    /// their own id. Then the owner of the key can list all of them.
    pub keep_non_discoverable: bool,
}

/// What counts the signatures of new credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignCount {
    /// One counter for all credentials, as most security keys have it.
    Global {
        /// 0, or the value before the first signature of a new key. The first signature says one more.
        start: u32,
    },
    /// One counter for each credential, which costs a write for each signature. It needs
    /// [`keep_non_discoverable`](NewCredentials::keep_non_discoverable).
    PerCredential {
        /// The value before the first signature of a credential. The first signature says one more.
        start: u32,
    },
    /// No counter: it is 0 in every answer. Credentials that are made over U2F share one counter all the same, for U2F has none
    /// without (UF-39).
    Zero,
}

impl Default for SignCount {
    fn default() -> Self {
        Self::Global { start: 0 }
    }
}

impl NewCredentials {
    /// The counter of a new credential.
    pub(crate) const fn counter(&self) -> Counter {
        match self.sign_count {
            SignCount::Global { .. } => Counter::OfKey,
            SignCount::PerCredential { start } => Counter::Own(start),
            SignCount::Zero => Counter::Zero,
        }
    }

    /// The same of one that is made over U2F, whose counter has to rise (UF-39).
    pub(crate) const fn u2f_counter(&self) -> Counter {
        match self.counter() {
            Counter::Zero => Counter::OfKey,
            counter => counter,
        }
    }

    /// The start of the key's counter.
    pub(crate) const fn sign_count_start(&self) -> u32 {
        match self.sign_count {
            SignCount::Global { start } => start,
            SignCount::PerCredential { .. } | SignCount::Zero => 0,
        }
    }
}

impl Config {
    /// Whether discoverable credentials can be made (option `rk`).
    #[must_use]
    pub const fn rk(&self) -> bool {
        self.capacity > 0
    }

    /// The PIN/UV auth protocol with this number, if this configuration has it.
    #[must_use]
    pub fn protocol(&self, number: u64) -> Option<Protocol> {
        Protocol::from_number(number)
            .filter(|protocol| self.pin_uv_auth_protocols.contains(protocol))
    }

    /// A finished version after CTAP 2.0 is claimed: tokens and commands are as they came to be.
    #[must_use]
    pub(crate) fn is_later_than_20(&self) -> bool {
        self.versions.iter().any(|version| matches!(version, Version::Fido21 | Version::Fido23))
    }

    /// More than CTAP 2.0 is claimed: what came later may be offered and told (GI-105).
    #[must_use]
    pub(crate) fn is_more_than_20(&self) -> bool {
        self.versions.iter().any(|version| *version != Version::Fido20)
    }

    /// Whether it has setMinPINLength, and with it the minPinLength extension.
    #[must_use]
    pub const fn has_min_pin_length(&self) -> bool {
        self.authenticator_config.min_pin_length_rp_ids.is_some()
    }

    /// authenticatorConfig is there. Some models have such settings and tell of no command for them (GI-75).
    pub(crate) fn can_be_configured(&self) -> bool {
        let told = self.announced.options.get("authnrCfg");
        self.authenticator_config.any() && !matches!(told, Some(None | Some(false)))
    }

    /// Whether an extension in getInfo tells somebody minimum PIN lengths (CF-42).
    pub(crate) fn tells_min_pin_length(&self) -> bool {
        let lists = |name| self.announced.lists(0x02, name);
        lists("minPinLength") != Some(false) || lists("pinComplexityPolicy") == Some(true)
    }

    /// A reset may come over this transport (RS-02).
    pub(crate) fn accepts_reset_over(&self, transport: Transport) -> bool {
        self.transports_for_reset.as_ref().is_none_or(|allowed| allowed.contains(&transport))
    }

    /// What it makes attestation with.
    pub(crate) fn means(&self) -> Means<'_> {
        let enterprise = self.authenticator_config.enterprise_attestation.as_ref();
        Means {
            usual: self.attestation,
            model: self.attestation_key.as_deref(),
            device: enterprise.map(|device| &*device.key),
            speaks_u2f: self.u2f && self.announced.lists(0x16, "fido-u2f") != Some(false),
        }
    }

    /// A user can be verified, by whatever means.
    pub(crate) const fn verifies(&self) -> bool {
        self.client_pin || self.fingerprints.is_some()
    }

    /// Key agreement is offered: for PINs and tokens, or for hmac-secret, which needs neither (EX-32, EX-37).
    pub(crate) const fn agrees_on_keys(&self) -> bool {
        !self.pin_uv_auth_protocols.is_empty() && (self.verifies() || self.extensions.hmac_secret)
    }

    /// Clients enrol fingers (option `bioEnroll`).
    pub(crate) const fn enrolls_fingers(&self) -> bool {
        matches!(&self.fingerprints, Some(sensor) if sensor.bio_enroll || sensor.bio_enroll_preview)
    }

    /// Clients list and remove credentials, by whichever number of the command.
    pub(crate) const fn manages_credentials(&self) -> bool {
        self.credential_management || self.credential_mgmt_preview
    }

    /// A credential of this algorithm that is not discoverable is a record as well.
    pub(crate) fn keeps_non_discoverable(&self, algorithm: Algorithm) -> bool {
        let can_be_sealed = match self.credential_id_length {
            Some(length) => credential_id::shortest_sealed(algorithm) <= length,
            None => credential_id::sealed_length(algorithm) <= MAX_CREDENTIAL_ID,
        };
        self.credentials.keep_non_discoverable || !can_be_sealed
    }

    /// Bytes of the longest id that it makes (GI-17).
    pub(crate) fn longest_credential_id(&self) -> usize {
        self.credential_id_length.unwrap_or(MAX_CREDENTIAL_ID)
    }
}

/// `c196d97f-64cf-465a-ab5d-aaf18b481fc4`, drawn once for keyfob.
pub const AAGUID: [u8; 16] = [
    0xc1, 0x96, 0xd9, 0x7f, 0x64, 0xcf, 0x46, 0x5a, 0xab, 0x5d, 0xaa, 0xf1, 0x8b, 0x48, 0x1f, 0xc4,
];

/// ES256 and EdDSA, if they are built in.
fn default_algorithms() -> Vec<Algorithm> {
    let preferred = [Algorithm::Es256, Algorithm::EdDsa];
    preferred.into_iter().filter(|algorithm| algorithm.is_built_in()).collect()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            aaguid: AAGUID,
            firmware_version: 1,
            versions: alloc::vec![Version::Fido20, Version::Fido21, Version::Fido23],
            transports: alloc::vec![Transport::Usb, Transport::Nfc],
            transports_for_reset: None,
            reset_gestures: ResetGestures::default(),
            capacity: 10,
            algorithms: default_algorithms(),
            pin_uv_auth_protocols: alloc::vec![Protocol::Two, Protocol::One],
            client_pin: true,
            no_mc_ga_permissions_with_client_pin: false,
            make_cred_uv_not_rqd: true,
            max_msg_size: DEFAULT_MESSAGE,
            fingerprints: None,
            max_credentials_in_list: USUAL_CREDENTIALS_IN_LIST,
            credential_id_length: None,
            pin_length: PinLength::default(),
            pin_complexity_policy: false,
            credential_management: true,
            credential_mgmt_preview: false,
            per_cred_mgmt_ro: true,
            prototype_commands: true,
            large_blobs: Some(4096),
            authenticator_config: ConfigCommands {
                enterprise_attestation: None,
                always_uv: Some(false),
                min_pin_length_rp_ids: Some(8),
                long_touch_for_reset: true,
            },
            extensions: Extensions {
                cred_protect: true,
                hmac_secret: true,
                hmac_secret_mc: true,
                cred_blob: Some(128),
                large_blob: None,
                pin_complexity_policy: true,
                preview_sign: false,
                third_party_payment: true,
                uvm: None,
            },
            credentials: NewCredentials::default(),
            attestation: Attestation::SelfSigned,
            attestation_key: None,
            u2f: false,
            shipped: Shipped::default(),
            announced: Announced::default(),
        }
    }
}

impl Default for FingerprintSensor {
    fn default() -> Self {
        Self {
            capacity: 5,
            samples: 4,
            bio_enroll: true,
            bio_enroll_preview: false,
            uv_bio_enroll: true,
            uv_acfg: true,
            preferred_platform_uv_attempts: Some(3),
        }
    }
}
