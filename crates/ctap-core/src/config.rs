//! The configuration of a device, which is what it is apart from what happened to it: data, chosen by whoever builds the authenticator.

use alloc::string::String;
use alloc::vec::Vec;

use crate::algorithm::Algorithm;
use crate::attestation::{Attestation, AttestationKey, Means};
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

/// What an authenticator is made as. [`Config::default`] is a CTAP 2.3 key without a fingerprint sensor.
///
/// Any combination of features can be written down. An authenticator is made from one that makes sense, which
/// [`Config::checked`] finds out.
#[derive(Debug)]
pub struct Config {
    /// The model (getInfo 0x03).
    pub aaguid: [u8; 16],
    /// Grows with each change of the code (getInfo 0x0E, GI-23); not 0.
    pub firmware_version: u32,
    /// The standards it claims, without U2F (getInfo 0x01).
    pub versions: Vec<Version>,
    /// The ways to reach it, each once (getInfo 0x09): the same, whichever of them a power-up took (GI-05).
    pub transports: Vec<Transport>,
    /// Those over which it accepts a reset (getInfo 0x1A); `None`: all (RS-02).
    pub transports_for_reset: Option<Vec<Transport>>,
    /// How a person agrees to a reset.
    pub reset_gestures: ResetGestures,
    /// How many discoverable credentials fit, at most [`MAX_CAPACITY`](crate::limits::MAX_CAPACITY). 0: none can be made (option
    /// `rk`).
    pub capacity: usize,
    /// Signature algorithms, the preferred first (getInfo 0x0A); each of them [built in](Algorithm::is_built_in).
    pub algorithms: Vec<Algorithm>,
    /// PIN/UV auth protocols, the preferred first (getInfo 0x06).
    pub pin_uv_auth_protocols: Vec<Protocol>,
    /// A PIN can be set (option `clientPin`).
    pub client_pin: bool,
    /// Tokens got with a PIN are not good for makeCredential and getAssertion (option `noMcGaPermissionsWithClientPin`).
    pub no_mc_ga_permissions_with_client_pin: bool,
    /// A credential that is not discoverable needs no user verification (option `makeCredUvNotRqd`).
    pub make_cred_uv_not_rqd: bool,
    /// The longest message, command byte included (getInfo 0x05); [`MIN_MESSAGE`](crate::limits::MIN_MESSAGE) to
    /// [`MAX_MESSAGE`](crate::limits::MAX_MESSAGE), and room for every answer that the other settings can bring about.
    pub max_msg_size: usize,
    /// A fingerprint sensor (option `uv`). Where clients enrol, it needs a PIN, which alone can authorise the first finger.
    pub fingerprints: Option<FingerprintSensor>,
    /// How many ids an allowList or an excludeList may have (getInfo 0x07), 1 to
    /// [`MAX_CREDENTIALS_IN_LIST`](crate::limits::MAX_CREDENTIALS_IN_LIST).
    pub max_credentials_in_list: usize,
    /// Bytes of every id that it makes (getInfo 0x08), [`MIN_CREDENTIAL_ID`](crate::limits::MIN_CREDENTIAL_ID) to
    /// [`MAX_FOREIGN_CREDENTIAL_ID`](crate::limits::MAX_FOREIGN_CREDENTIAL_ID). `None`: each is as long as it must be, up to
    /// [`MAX_CREDENTIAL_ID`]. A credential that is not discoverable, and cannot be sealed in so short an id, is a record.
    pub credential_id_length: Option<usize>,
    /// How long a PIN must be.
    pub pin_length: PinLength,
    /// PINs must not be too simple, from the start and for ever: no reset takes the policy away (GI-36). Without it,
    /// [`Extensions::pin_complexity_policy`] lets it be switched on.
    pub pin_complexity_policy: bool,
    /// authenticatorCredentialManagement (option `credMgmt`).
    pub credential_management: bool,
    /// The same by its prototype's number, 0x41, and announced (option `credentialMgmtPreview`): beside the other, or alone.
    pub credential_mgmt_preview: bool,
    /// Its read-only part with a persistent token (option `perCredMgmtRO`).
    pub per_cred_mgmt_ro: bool,
    /// Bio enrolment and credential management also answer to the numbers of their prototypes, 0x40 and 0x41, which is all
    /// that libfido2 up to 1.12 knows (CM-50, BE-42).
    pub prototype_commands: bool,
    /// authenticatorLargeBlobs and the largeBlobKey extension: how many bytes the array may have (getInfo 0x0B), 1024 to
    /// [`MAX_LARGE_BLOBS`](crate::limits::MAX_LARGE_BLOBS).
    pub large_blobs: Option<usize>,
    /// authenticatorConfig, by subcommand.
    pub authenticator_config: ConfigCommands,
    /// Extensions, those apart that a command above brings with it.
    pub extensions: Extensions,
    /// What new credentials are like.
    pub credentials: NewCredentials,
    /// How new credentials are vouched for.
    pub attestation: Attestation,
    /// The model's key: needed for [`Attestation::Basic`] and U2F.
    pub attestation_key: Option<AttestationKey>,
    /// Speaks U2F (version `U2F_V2`). Needs an attestation key.
    pub u2f: bool,
    /// The state in which a new key leaves the factory.
    pub shipped: Shipped,
    /// What getInfo tells other than all this: what a key says and does not do.
    pub announced: Announced,
}

/// A version of the standard (GI-10). `FIDO_2_2` does not exist (GI-100).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Version {
    /// CTAP 2.0.
    Fido20,
    /// What makers built of CTAP 2.1 before it was finished: CTAP 2.0 and a choice of what came later.
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

/// What a person does to agree to a reset, within ten seconds of plugging the key in or laying it on a reader. Makes differ. Where
/// longTouchForReset is on, a long touch takes the place of all these (RS-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetGestures {
    /// Over USB, or as a smart card: how often they touch the key. Twice is two questions, one after the other.
    pub touch: Times,
    /// Over NFC: how often they lay it on the reader, the one time included that the request comes after (RS-19).
    pub tap: Times,
}

/// How often a person does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// One time.
    Once,
    /// Two times.
    Twice,
}

impl Default for ResetGestures {
    fn default() -> Self {
        Self { touch: Times::Once, tap: Times::Once }
    }
}

/// State that a maker gives new keys, brought about by [`Authenticator::ship`](crate::Authenticator::ship). A reset takes it away. The
/// default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shipped {
    /// A PIN within [`PinLength`].
    pub pin: Option<String>,
    /// It must be changed before it is good for anything else (getInfo 0x0C).
    pub force_pin_change: bool,
    /// Enterprise attestation is enabled (option `ep` is true).
    pub enterprise_attestation: bool,
}

/// Bounds of PINs in Unicode code points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinLength {
    /// As shipped (getInfo 0x0D); setMinPINLength raises it. 4 to `max`.
    pub min: u8,
    /// getInfo 0x1D: 8 to 63.
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
    /// Good samples that one enrolment takes; 2 or more, so that one is left after the first (BE-21).
    pub samples: u8,
    /// Clients enrol fingers (option `bioEnroll`, authenticatorBioEnrollment). Otherwise only who owns the key does.
    pub bio_enroll: bool,
    /// The same by its prototype's number, 0x40, and announced (option `userVerificationMgmtPreview`): beside the other, or alone.
    pub bio_enroll_preview: bool,
    /// With either: a finger may authorise enrolling another (option `uvBioEnroll`).
    pub uv_bio_enroll: bool,
    /// A finger may authorise authenticatorConfig (option `uvAcfg`).
    pub uv_acfg: bool,
    /// Attempts the platform should count itself, not 0; `Some(1)` or `None` leaves retries to the key (getInfo 0x11, CP-97).
    pub preferred_platform_uv_attempts: Option<u8>,
}

/// The subcommands of authenticatorConfig (getInfo 0x1F).
#[derive(Debug, Default)]
pub struct ConfigCommands {
    /// enableEnterpriseAttestation (option `ep`).
    pub enterprise_attestation: Option<EnterpriseAttestation>,
    /// toggleAlwaysUv: whether it is on as shipped (option `alwaysUv`).
    pub always_uv: Option<bool>,
    /// setMinPINLength: how many RP ids it takes (getInfo 0x10).
    pub min_pin_length_rp_ids: Option<usize>,
    /// enableLongTouchForReset (getInfo 0x18).
    pub long_touch_for_reset: bool,
}

impl ConfigCommands {
    /// There is anything to configure (option `authnrCfg`).
    #[must_use]
    pub const fn any(&self) -> bool {
        self.enterprise_attestation.is_some()
            || self.always_uv.is_some()
            || self.min_pin_length_rp_ids.is_some()
            || self.long_touch_for_reset
    }
}

/// Attestation that identifies the single device, for relying parties that own it (AT-40).
#[derive(Debug)]
pub struct EnterpriseAttestation {
    /// The device's own key and certificate. A reset leaves them alone (AT-42).
    pub key: AttestationKey,
    /// RP ids that get it in vendor-facilitated mode, compared exactly (MC-22, AT-43).
    pub rp_ids: Vec<String>,
    /// Platform-managed mode is treated like the other one (MC-22).
    pub vendor_facilitated_only: bool,
}

/// Extensions of section 12 that do not follow from a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// credProtect: credentials that show themselves only after user verification.
    pub cred_protect: bool,
    /// hmac-secret: a secret for each salt at sign-in, which browsers offer as `prf`.
    pub hmac_secret: bool,
    /// hmac-secret-mc: the same at registration.
    pub hmac_secret_mc: bool,
    /// credBlob: the longest one in bytes (getInfo 0x0F); with the next one
    /// [`MAX_BLOBS`](crate::limits::MAX_BLOBS) at the most.
    pub cred_blob: Option<usize>,
    /// largeBlob: the longest one in bytes. Excludes authenticatorLargeBlobs (EX-70).
    pub large_blob: Option<usize>,
    /// pinComplexityPolicy, with its setting in setMinPINLength (getInfo 0x1B).
    pub pin_complexity_policy: bool,
    /// previewSign, a draft (version 4): keys beside a credential that sign whatever a relying party hands them (PS-30).
    pub preview_sign: bool,
    /// thirdPartyPayment: credentials that may be used for payments on other sites.
    pub third_party_payment: bool,
    /// uvm, which CTAP 2.1 dropped: by which methods the user was verified, and what it says of their protection.
    pub uvm: Option<Protection>,
}

/// What protects keys and verifies users, as the extension uvm tells it: bits of FIDO's registry of predefined values (EX-96).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Of private keys (KEY_PROTECTION): 1 is software, 2 hardware, 4 a trusted execution environment, 8 a secure element, 16 a
    /// remote handle.
    pub keys: u32,
    /// Of what compares PINs and fingers (MATCHER_PROTECTION): 1 is software, 2 a trusted execution environment, 4 a chip.
    pub matcher: u32,
}

impl Default for Protection {
    /// Software.
    fn default() -> Self {
        Self { keys: 1, matcher: 1 }
    }
}

/// What credentials are like that this key makes. The default is a key of its own: its credentials never leave it, and one counter
/// counts all their signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewCredentials {
    /// Flags BE and BS (MC-76).
    pub backup: Backup,
    /// What counts signatures (MC-77).
    pub sign_count: SignCount,
    /// Those that are not discoverable are records as well, and do not travel sealed in their own id: so whoever has the key can list
    /// them all.
    pub keep_non_discoverable: bool,
}

/// What counts the signatures of new credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignCount {
    /// One counter for all, as most security keys have it. `start`: 0, or what it says before the first signature of a new key.
    Global {
        /// The first signature says one more.
        start: u32,
    },
    /// One for each, which costs a write with each signature. Needs [`keep_non_discoverable`](NewCredentials::keep_non_discoverable).
    PerCredential {
        /// The first signature says one more.
        start: u32,
    },
    /// None: it is 0 in every answer.
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

    /// Where the counter of the key begins.
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

    /// This build's protocol with this number.
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

    /// setMinPINLength is offered, and with it the minPinLength extension.
    #[must_use]
    pub const fn has_min_pin_length(&self) -> bool {
        self.authenticator_config.min_pin_length_rp_ids.is_some()
    }

    /// authenticatorConfig is there. Some models have such settings and tell of no command for them (GI-75).
    pub(crate) fn can_be_configured(&self) -> bool {
        let told = self.announced.options.get("authnrCfg");
        self.authenticator_config.any() && !matches!(told, Some(None | Some(false)))
    }

    /// Somebody is told of minimum PIN lengths: by an extension that getInfo lists (CF-42).
    pub(crate) fn tells_min_pin_length(&self) -> bool {
        let lists = |name| self.announced.lists(0x02, name);
        lists("minPinLength") != Some(false) || lists("pinComplexityPolicy") == Some(true)
    }

    /// A reset may come over this transport (RS-02).
    pub(crate) fn accepts_reset_over(&self, transport: Transport) -> bool {
        self.transports_for_reset.as_ref().is_none_or(|allowed| allowed.contains(&transport))
    }

    /// What it vouches with.
    pub(crate) fn means(&self) -> Means<'_> {
        let enterprise = self.authenticator_config.enterprise_attestation.as_ref();
        Means {
            usual: self.attestation,
            model: self.attestation_key.as_ref(),
            device: enterprise.map(|device| &device.key),
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

/// Of ES256 and EdDSA what is built in.
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
