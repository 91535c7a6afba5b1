//! What the device is, apart from what happened to it: data, chosen by whoever builds the authenticator.

use alloc::string::String;
use alloc::vec::Vec;

use crate::algorithm::Algorithm;
use crate::attestation::{Attestation, AttestationKey};
use crate::limits::{DEFAULT_MESSAGE, MAX_BLOBS, MAX_FINGERPRINTS, MAX_MESSAGE, MIN_MESSAGE};
use crate::pin::Protocol;

/// What an authenticator is made as. [`Config::default`] is a CTAP 2.3 key without a fingerprint sensor.
///
/// Any combination of features can be written down; [`Config::check`] says whether it makes sense.
#[derive(Debug)]
pub struct Config {
    /// The model (getInfo 0x03).
    pub aaguid: [u8; 16],
    /// Grows with each change of the code (getInfo 0x0E, GI-23); not 0.
    pub firmware_version: u32,
    /// The standards it claims, without U2F (getInfo 0x01).
    pub versions: Vec<Version>,
    /// How many discoverable credentials fit. 0: none can be made (option `rk`).
    pub capacity: usize,
    /// Signature algorithms, the preferred first (getInfo 0x0A).
    pub algorithms: Vec<Algorithm>,
    /// PIN/UV auth protocols, the preferred first (getInfo 0x06).
    pub pin_uv_auth_protocols: Vec<Protocol>,
    /// A PIN can be set (option `clientPin`).
    pub client_pin: bool,
    /// Tokens got with a PIN are not good for makeCredential and getAssertion (option `noMcGaPermissionsWithClientPin`).
    pub no_mc_ga_permissions_with_client_pin: bool,
    /// A credential that is not discoverable needs no user verification (option `makeCredUvNotRqd`).
    pub make_cred_uv_not_rqd: bool,
    /// The longest message, command byte included (getInfo 0x05); [`MIN_MESSAGE`] to [`MAX_MESSAGE`].
    pub max_msg_size: usize,
    /// A fingerprint sensor (options `uv`, `bioEnroll`).
    pub fingerprints: Option<FingerprintSensor>,
    /// authenticatorCredentialManagement (option `credMgmt`).
    pub credential_management: bool,
    /// Its read-only part with a persistent token (option `perCredMgmtRO`).
    pub per_cred_mgmt_ro: bool,
    /// Bio enrolment and credential management also answer to the numbers of their prototypes, 0x40 and 0x41, which is all
    /// that libfido2 up to 1.12 knows (CM-50, BE-42).
    pub prototype_commands: bool,
    /// authenticatorLargeBlobs and the largeBlobKey extension: how many bytes the array may have (getInfo 0x0B).
    pub large_blobs: Option<usize>,
    /// authenticatorConfig, by subcommand.
    pub authenticator_config: ConfigCommands,
    /// Extensions, those apart that a command above brings with it.
    pub extensions: Extensions,
    /// How new credentials are vouched for.
    pub attestation: Attestation,
    /// The model's key: needed for [`Attestation::Basic`] and U2F.
    pub attestation_key: Option<AttestationKey>,
    /// Speaks U2F (version `U2F_V2`). Needs an attestation key.
    pub u2f: bool,
}

/// A version of the standard (GI-10). `FIDO_2_2` does not exist (GI-100).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// CTAP 2.0.
    Fido20,
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
            Self::Fido21 => "FIDO_2_1",
            Self::Fido23 => "FIDO_2_3",
        }
    }
}

/// A virtual fingerprint sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FingerprintSensor {
    /// How many fingers can be enrolled; 1 to [`MAX_FINGERPRINTS`].
    pub capacity: u8,
    /// Good samples that one enrolment takes; 2 or more, so that one is left after the first (BE-21).
    pub samples: u8,
    /// A finger may authorise enrolling another (option `uvBioEnroll`).
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
    /// credBlob: the longest one in bytes (getInfo 0x0F); with the next one [`MAX_BLOBS`] at the most.
    pub cred_blob: Option<usize>,
    /// largeBlob: the longest one in bytes. Excludes authenticatorLargeBlobs (EX-70).
    pub large_blob: Option<usize>,
    /// pinComplexityPolicy, with its setting in setMinPINLength (getInfo 0x1B).
    pub pin_complexity_policy: bool,
    /// thirdPartyPayment: credentials that may be used for payments on other sites.
    pub third_party_payment: bool,
}

/// Two settings that cannot both be, and the rule that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} ({rule})")]
pub struct Contradiction {
    /// What is wrong and what would be right, in the standard's names.
    pub what: &'static str,
    /// The rule it breaks.
    pub rule: &'static str,
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

    /// A version after CTAP 2.0 is claimed: what came later may be offered and told (GI-105).
    #[must_use]
    pub(crate) fn is_later_than_20(&self) -> bool {
        self.versions.iter().any(|version| *version != Version::Fido20)
    }

    /// setMinPINLength is offered, and with it the minPinLength extension.
    #[must_use]
    pub const fn has_min_pin_length(&self) -> bool {
        self.authenticator_config.min_pin_length_rp_ids.is_some()
    }

    /// Whether the features fit together.
    ///
    /// # Errors
    /// The first [`Contradiction`]: whoever wrote the configuration has to resolve it.
    pub fn check(&self) -> Result<(), Contradiction> {
        let claims = self.claims_rules().into_iter().chain(self.verification_rules());
        let limits = self.extension_rules().into_iter().chain(self.limit_rules());
        match claims.chain(limits).find(|(broken, _)| *broken) {
            Some((_, contradiction)) => Err(contradiction),
            None => Ok(()),
        }
    }

    /// What the claimed versions demand.
    fn claims_rules(&self) -> [(bool, Contradiction); 8] {
        let modern = self.is_later_than_20();
        let rk_modern = modern && self.rk();
        let with_uv = modern && self.verifies();
        [
            rule(self.versions.is_empty() && !self.u2f, "GI-10", "a key needs a version to speak"),
            rule(
                !modern && self.has_later_than_20(),
                "GI-105",
                "FIDO_2_0 alone has no commands, options and extensions of later versions",
            ),
            rule(
                self.claims(Version::Fido23)
                    && !(self.claims(Version::Fido21) && self.claims(Version::Fido20)),
                "GI-101",
                "FIDO_2_3 needs FIDO_2_1 and FIDO_2_0 beside it",
            ),
            // hmac-secret-mc is later than CTAP 2.0, so this and GI-105 cover GI-83 too.
            rule(
                modern && !self.extensions.hmac_secret,
                "GI-110",
                "FIDO_2_1 and later need the extension hmac-secret",
            ),
            rule(
                rk_modern && !self.verifies(),
                "GI-111",
                "FIDO_2_1 and later with discoverable credentials need clientPin or bioEnroll",
            ),
            rule(
                rk_modern && !self.credential_management,
                "GI-112",
                "FIDO_2_1 and later with discoverable credentials need credMgmt",
            ),
            rule(
                with_uv && !self.extensions.cred_protect,
                "GI-113",
                "FIDO_2_1 and later with user verification need the extension credProtect",
            ),
            rule(
                with_uv && !self.pin_uv_auth_protocols.contains(&Protocol::Two),
                "GI-115",
                "FIDO_2_1 and later with user verification need PIN/UV auth protocol 2",
            ),
        ]
    }

    /// What user verification, tokens and their commands demand.
    fn verification_rules(&self) -> [(bool, Contradiction); 5] {
        let commands = &self.authenticator_config;
        let no_rp_ids = commands.min_pin_length_rp_ids.is_none();
        [
            rule(
                self.verifies() && self.pin_uv_auth_protocols.is_empty(),
                "GI-85",
                "user verification needs a PIN/UV auth protocol",
            ),
            rule(
                self.no_mc_ga_permissions_with_client_pin && !self.client_pin,
                "GI-71",
                "noMcGaPermissionsWithClientPin needs clientPin",
            ),
            rule(
                self.per_cred_mgmt_ro && !(self.credential_management && self.verifies()),
                "GI-86",
                "perCredMgmtRO needs credMgmt and user verification",
            ),
            rule(
                (!no_rp_ids && !self.client_pin)
                    || (self.extensions.pin_complexity_policy && no_rp_ids),
                "GI-76",
                "setMinPINLength needs clientPin, and the extension pinComplexityPolicy needs setMinPINLength",
            ),
            rule(
                self.fingerprints.as_ref().is_some_and(|sensor| !sensor.is_possible()),
                "BE-21",
                "a sensor needs room for 1 to 88 fingers, 2 samples or more, and not 0 attempts",
            ),
        ]
    }

    /// What extensions demand, of commands and of each other.
    fn extension_rules(&self) -> [(bool, Contradiction); 5] {
        let ext = &self.extensions;
        let blobs = ext.cred_blob.unwrap_or(0).saturating_add(ext.large_blob.unwrap_or(0));
        [
            rule(
                self.large_blobs.is_some() && !self.rk(),
                "GI-80",
                "largeBlobs needs discoverable credentials",
            ),
            rule(
                self.large_blobs.is_some_and(|size| size < 1024),
                "LB-02",
                "largeBlobs needs a maxSerializedLargeBlobArray of at least 1024 bytes",
            ),
            rule(
                self.large_blobs.is_some() && ext.large_blob.is_some(),
                "EX-70",
                "largeBlobs and the extension largeBlob exclude each other",
            ),
            rule(
                ext.cred_blob.is_some_and(|size| size < 32)
                    || (ext.cred_blob.is_some() && !ext.cred_protect),
                "GI-82",
                "the extension credBlob needs credProtect and a maxCredBlobLength of at least 32 bytes",
            ),
            rule(
                blobs > MAX_BLOBS,
                "MSG-61",
                "credBlob and largeBlob may have 3072 bytes together",
            ),
        ]
    }

    /// What algorithms, attestation and messages demand.
    fn limit_rules(&self) -> [(bool, Contradiction); 7] {
        let enterprise = self.authenticator_config.enterprise_attestation.as_ref();
        let keys = [self.attestation_key.as_ref(), enterprise.map(|device| &device.key)];
        let needs_key = self.u2f || matches!(self.attestation, Attestation::Basic);
        let model = self.attestation_key.as_ref().map(|model| model.key.algorithm);
        [
            rule(self.algorithms.is_empty(), "GI-19", "a key needs an algorithm to sign with"),
            rule(
                is_any_twice(&self.versions)
                    || is_any_twice(&self.algorithms)
                    || is_any_twice(&self.pin_uv_auth_protocols),
                "GI-19",
                "versions, algorithms and PIN/UV auth protocols are listed once each",
            ),
            rule(self.firmware_version == 0, "GI-23", "firmwareVersion is not 0"),
            rule(
                needs_key && model.is_none(),
                "UF-61",
                "U2F and basic attestation need an attestation key",
            ),
            rule(
                self.u2f && model != Some(Algorithm::Es256),
                "UF-24",
                "U2F needs an ES256 attestation key",
            ),
            rule(
                keys.into_iter().flatten().any(|key| !key.is_possible()),
                "AT-04",
                "an attestation key needs 1 to 4096 bytes of certificates, and is not of ML-DSA",
            ),
            rule(
                !(MIN_MESSAGE..=MAX_MESSAGE).contains(&self.max_msg_size),
                "MSG-60",
                "maxMsgSize must be between 1024 and 7609",
            ),
        ]
    }

    /// Anything that came with CTAP 2.1 or later. Of the extensions only hmac-secret is older.
    fn has_later_than_20(&self) -> bool {
        let older =
            Extensions { hmac_secret: self.extensions.hmac_secret, ..Extensions::default() };
        self.extensions != older
            || self.no_mc_ga_permissions_with_client_pin
            || self.make_cred_uv_not_rqd
            || self.fingerprints.is_some()
            || self.credential_management
            || self.large_blobs.is_some()
            || self.authenticator_config.any()
    }

    const fn verifies(&self) -> bool {
        self.client_pin || self.fingerprints.is_some()
    }

    fn claims(&self, version: Version) -> bool {
        self.versions.contains(&version)
    }
}

fn is_any_twice<T: PartialEq>(items: &[T]) -> bool {
    items
        .iter()
        .enumerate()
        .any(|(index, item)| items.iter().take(index).any(|other| other == item))
}

/// A rule with what to say when it is broken.
const fn rule(broken: bool, rule: &'static str, what: &'static str) -> (bool, Contradiction) {
    (broken, Contradiction { what, rule })
}

impl FingerprintSensor {
    fn is_possible(&self) -> bool {
        (1..=MAX_FINGERPRINTS).contains(&self.capacity)
            && self.samples >= 2
            && self.preferred_platform_uv_attempts != Some(0)
    }
}

/// `c196d97f-64cf-465a-ab5d-aaf18b481fc4`, drawn once for keyfob.
pub const AAGUID: [u8; 16] = [
    0xc1, 0x96, 0xd9, 0x7f, 0x64, 0xcf, 0x46, 0x5a, 0xab, 0x5d, 0xaa, 0xf1, 0x8b, 0x48, 0x1f, 0xc4,
];

impl Default for Config {
    fn default() -> Self {
        Self {
            aaguid: AAGUID,
            firmware_version: 1,
            versions: alloc::vec![Version::Fido20, Version::Fido21, Version::Fido23],
            capacity: 10,
            algorithms: alloc::vec![Algorithm::Es256, Algorithm::EdDsa],
            pin_uv_auth_protocols: alloc::vec![Protocol::Two, Protocol::One],
            client_pin: true,
            no_mc_ga_permissions_with_client_pin: false,
            make_cred_uv_not_rqd: true,
            max_msg_size: DEFAULT_MESSAGE,
            fingerprints: None,
            credential_management: true,
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
                third_party_payment: true,
            },
            attestation: Attestation::SelfSigned,
            attestation_key: None,
            u2f: false,
        }
    }
}

impl Default for FingerprintSensor {
    fn default() -> Self {
        Self {
            capacity: 5,
            samples: 4,
            uv_bio_enroll: true,
            uv_acfg: true,
            preferred_platform_uv_attempts: Some(3),
        }
    }
}
