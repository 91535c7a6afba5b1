//! The description of a key in a profile: the members of getInfo by the standard's names, and what getInfo does not tell.

use std::fmt;
use std::path::PathBuf;

use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::attestation::{Attestation, AttestationKey};
use ctap_core::config::{
    Announced, ConfigCommands, Contradiction, EnterpriseAttestation, Extensions, FingerprintSensor,
    Member, NewCredentials, PinLength, ResetGestures, Shipped, SignCount, Times, Version,
};
use ctap_core::credential::Backup;
use ctap_core::pin::Protocol;
use ctap_core::secret::SecretBytes;
use ctap_core::{Config, Transport};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::get_info::GetInfo;
use crate::faults::FaultDescription;

/// A whole profile. Lists and options switch things on and off; numbers count only while theirs is on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Description {
    pub(super) description: String,
    /// The model whose contradictions this one has as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) imitates: Option<String>,
    pub(super) aaguid: Aaguid,
    pub(super) firmware_version: u32,
    pub(super) vendor_id: u16,
    pub(super) product_id: u16,
    versions: Vec<VersionName>,
    extensions: Vec<ExtensionName>,
    algorithms: Vec<AlgorithmName>,
    pin_uv_auth_protocols: Vec<u8>,
    authenticator_config_commands: Vec<ConfigCommand>,
    transports: Vec<TransportName>,
    /// None of them: all.
    transports_for_reset: Vec<TransportName>,
    /// Passkeys that fit.
    pub(super) capacity: u32,
    prototype_commands: bool,
    max_msg_size: usize,
    max_credential_count_in_list: usize,
    /// 0: each id is as long as it must be.
    max_credential_id_length: usize,
    #[serde(rename = "minPINLength")]
    min_pin_length: u8,
    #[serde(rename = "maxPINLength")]
    max_pin_length: u8,
    max_serialized_large_blob_array: usize,
    max_cred_blob_length: usize,
    max_large_blob_length: usize,
    #[serde(rename = "maxRPIDsForSetMinPINLength")]
    max_rp_ids_for_set_min_pin_length: usize,
    preferred_platform_uv_attempts: u8,
    max_templates: u8,
    max_capture_samples_required_for_enroll: u8,
    options: Options,
    reset: ResetSettings,
    shipped: ShippedSettings,
    pub(super) credentials: CredentialSettings,
    pub(super) attestation: AttestationSettings,
    pub(super) enterprise_attestation: EnterpriseSettings,
    /// What it tells other than all this.
    pub(super) get_info: GetInfo,
    /// On purpose.
    #[serde(deserialize_with = "faults")]
    pub(super) faults: Vec<FaultDescription>,
}

/// Those of a profile are whole: a key that is made has them all.
fn faults<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<FaultDescription>, D::Error> {
    let faults = Vec::<FaultDescription>::deserialize(list)?;
    for fault in &faults {
        fault
            .injections()
            .map_err(|error| de::Error::custom(format!("{error}: {}", error.advice())))?;
    }
    Ok(faults)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a table")]
struct Options {
    rk: bool,
    client_pin: bool,
    no_mc_ga_permissions_with_client_pin: bool,
    make_cred_uv_not_rqd: bool,
    always_uv: bool,
    /// A sensor whose fingers its owner enrols.
    uv: bool,
    bio_enroll: bool,
    uv_bio_enroll: bool,
    uv_acfg: bool,
    cred_mgmt: bool,
    credential_mgmt_preview: bool,
    user_verification_mgmt_preview: bool,
    #[serde(rename = "perCredMgmtRO")]
    per_cred_mgmt_ro: bool,
    large_blobs: bool,
}

/// What a person does to agree to a reset, by how the key is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct ResetSettings {
    usb: TouchGesture,
    nfc: TapGesture,
}

/// The state of a new key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a table")]
struct ShippedSettings {
    /// Empty: none.
    pin: String,
    fingers: Vec<u8>,
    ep: bool,
    #[serde(rename = "forcePINChange")]
    force_pin_change: bool,
}

/// What the credentials are like that the key makes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a table")]
pub(super) struct CredentialSettings {
    backup_eligibility: bool,
    backup_state: bool,
    sign_count: CounterName,
    /// Of a counter that counts.
    sign_count_start: u32,
    keep_non_discoverable: bool,
    pub(super) multi_device_credential_support: MultiDeviceCredentialSupport,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a table")]
pub(super) struct AttestationSettings {
    r#type: AttestationType,
    /// Instead of an identity of the key's own.
    pub(super) files: Option<Files>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a table")]
pub(super) struct EnterpriseSettings {
    rp_ids: Vec<String>,
    vendor_facilitated_only: bool,
    /// Instead of an identity of the key's own.
    pub(super) files: Option<Files>,
}

/// PEM files, which may be one and the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Files {
    pub(super) key: PathBuf,
    pub(super) certificates: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum VersionName {
    #[serde(rename = "FIDO_2_0")]
    Fido20,
    #[serde(rename = "FIDO_2_1_PRE")]
    Fido21Pre,
    #[serde(rename = "FIDO_2_1")]
    Fido21,
    #[serde(rename = "FIDO_2_3")]
    Fido23,
    #[serde(rename = "U2F_V2")]
    U2f,
}

/// largeBlobKey and minPinLength follow from option largeBlobs and command setMinPINLength, and may be listed (GI-81, GI-84).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ExtensionName {
    CredBlob,
    CredProtect,
    #[serde(rename = "hmac-secret")]
    HmacSecret,
    #[serde(rename = "hmac-secret-mc")]
    HmacSecretMc,
    LargeBlob,
    LargeBlobKey,
    MinPinLength,
    PinComplexityPolicy,
    /// A draft: off unless a profile asks for it (PS-30).
    PreviewSign,
    ThirdPartyPayment,
}

/// The names of the IANA registry of COSE algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum AlgorithmName {
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[serde(rename = "ES384")]
    Es384,
    #[serde(rename = "ES256K")]
    Es256K,
    #[serde(rename = "ML-DSA-44")]
    MlDsa44,
    #[serde(rename = "ML-DSA-65")]
    MlDsa65,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ConfigCommand {
    EnableEnterpriseAttestation,
    ToggleAlwaysUv,
    #[serde(rename = "setMinPINLength")]
    SetMinPinLength,
    EnableLongTouchForReset,
}

/// The words of WebAuthn section 5.8.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TransportName {
    Usb,
    Nfc,
    SmartCard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum TouchGesture {
    #[serde(rename = "re-insert and touch")]
    ReinsertAndTouch,
    #[serde(rename = "touch twice")]
    TouchTwice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum TapGesture {
    #[serde(rename = "tap")]
    Tap,
    #[serde(rename = "tap twice")]
    TapTwice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum CounterName {
    Global,
    PerCredential,
    Zero,
}

/// The words of metadata statements (AT-67).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum MultiDeviceCredentialSupport {
    Unsupported,
    Explicit,
    Implicit,
}

/// The words of WebAuthn section 6.5.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum AttestationType {
    Basic,
    #[serde(rename = "self")]
    SelfSigned,
    None,
}

impl Description {
    /// Whether the settings fit together.
    ///
    /// # Errors
    /// The first [`Contradiction`].
    pub(super) fn check(&self) -> Result<(), Contradiction> {
        self.can_be()?;
        match self.imitates {
            Some(_) => Ok(()),
            None => self.contradictions().into_iter().next().map_or(Ok(()), Err),
        }
    }

    /// What the standard does not allow together.
    pub(super) fn contradictions(&self) -> Vec<Contradiction> {
        let broken = self.claims().into_iter().filter(|(broken, ..)| *broken);
        let broken = broken.map(|(_, rule, what)| Contradiction { what: what.into(), rule });
        broken.chain(self.vouched_by_stand_ins().contradictions()).collect()
    }

    /// Whether there can be such a key, contradictions or not.
    fn can_be(&self) -> Result<(), Contradiction> {
        match self.rules().into_iter().find(|(broken, ..)| *broken) {
            Some((_, rule, what)) => Err(Contradiction { what: what.into(), rule }),
            None => self.vouched_by_stand_ins().can_be(),
        }
    }

    /// A key like this before there is one.
    pub(super) fn vouched_by_stand_ins(&self) -> Config {
        let model = self.needs_attestation_key().then(stand_in);
        self.config(model, self.has_enterprise_attestation().then(stand_in))
    }

    /// What [`Config::contradictions`] cannot see, because a [`Config`] cannot even say it.
    fn claims(&self) -> [(bool, &'static str, &'static str); 4] {
        let only = |extension, offered: bool| self.extensions.contains(&extension) && !offered;
        [
            (
                self.options.always_uv && !self.has(ConfigCommand::ToggleAlwaysUv),
                "GI-78",
                "alwaysUv needs the configuration command toggleAlwaysUv",
            ),
            (
                only(ExtensionName::LargeBlobKey, self.options.large_blobs),
                "GI-81",
                "the extension largeBlobKey needs largeBlobs",
            ),
            (
                only(ExtensionName::MinPinLength, self.has(ConfigCommand::SetMinPinLength)),
                "GI-84",
                "the extension minPinLength needs the configuration command setMinPINLength",
            ),
            (
                self.credentials.backup_eligibility
                    && self.credentials.multi_device_credential_support
                        == MultiDeviceCredentialSupport::Unsupported,
                "AT-67",
                "backupEligibility needs multiDeviceCredentialSupport explicit or implicit",
            ),
        ]
    }

    /// What [`Config::can_be`] cannot see likewise.
    fn rules(&self) -> [(bool, &'static str, &'static str); 6] {
        let all_protocols =
            self.pin_uv_auth_protocols.iter().all(|number| protocol(*number).is_some());
        [
            (
                !(1..=63).contains(&self.description.len()) || !self.description.is_ascii(),
                "AT-51",
                "the description is 1 to 63 ASCII characters",
            ),
            (self.vendor_id == 0, "HD-94", "the vendorId is not 0, which some hosts refuse"),
            (
                !self.shipped.fingers.is_empty() && !self.options.has_sensor(),
                "BE-21",
                "shipped fingers need a sensor: uv, bioEnroll or userVerificationMgmtPreview",
            ),
            (!all_protocols, "GI-15", "the PIN/UV auth protocols are 1 and 2"),
            (
                self.capacity > MAX_CAPACITY || (self.options.rk && self.capacity == 0),
                "GI-29",
                "the capacity is 1 to 100000, and without discoverable credentials rk is false",
            ),
            (
                self.options.large_blobs && self.max_serialized_large_blob_array > MAX_LARGE_BLOBS,
                "LB-02",
                "maxSerializedLargeBlobArray is at most 65536",
            ),
        ]
    }

    pub(super) fn speaks_ctap2(&self) -> bool {
        self.versions.iter().any(|version| version.of_ctap2().is_some())
    }

    pub(super) fn restricts_keys(&self) -> bool {
        !self.extensions.contains(&ExtensionName::PreviewSign)
    }

    pub(super) fn speaks_u2f(&self) -> bool {
        self.versions.contains(&VersionName::U2f)
    }

    pub(super) fn needs_attestation_key(&self) -> bool {
        self.speaks_u2f() || self.attestation.r#type == AttestationType::Basic
    }

    pub(super) fn has_enterprise_attestation(&self) -> bool {
        self.has(ConfigCommand::EnableEnterpriseAttestation)
    }

    /// The device that this describes, with these keys.
    pub(super) fn config(
        &self,
        attestation_key: Option<AttestationKey>,
        device_key: Option<AttestationKey>,
    ) -> Config {
        let options = &self.options;
        Config {
            aaguid: self.aaguid.0,
            firmware_version: self.firmware_version,
            versions: self.versions.iter().filter_map(|version| version.of_ctap2()).collect(),
            transports: self.transports(),
            transports_for_reset: self.transports_for_reset(),
            reset_gestures: self.reset.gestures(),
            capacity: if options.rk { self.capacity as usize } else { 0 },
            algorithms: self.algorithms.iter().map(|algorithm| algorithm.number()).collect(),
            pin_uv_auth_protocols: self.protocols(),
            client_pin: options.client_pin,
            no_mc_ga_permissions_with_client_pin: options.no_mc_ga_permissions_with_client_pin,
            make_cred_uv_not_rqd: options.make_cred_uv_not_rqd,
            max_msg_size: self.max_msg_size,
            max_credentials_in_list: self.max_credential_count_in_list,
            credential_id_length: self.credential_id_length(),
            pin_length: PinLength { min: self.min_pin_length, max: self.max_pin_length },
            prototype_commands: self.prototype_commands,
            fingerprints: options.has_sensor().then(|| self.sensor()),
            credential_management: options.cred_mgmt,
            credential_mgmt_preview: options.credential_mgmt_preview,
            per_cred_mgmt_ro: options.per_cred_mgmt_ro,
            large_blobs: options.large_blobs.then_some(self.max_serialized_large_blob_array),
            authenticator_config: self.commands(device_key),
            extensions: self.extensions(),
            credentials: self.credentials.of_new(),
            attestation: self.attestation.r#type.of_ctap2(),
            attestation_key,
            u2f: self.speaks_u2f(),
            shipped: self.shipped.as_shipped(),
            announced: self.announced(),
        }
    }

    pub(super) fn shipped_fingers(&self) -> &[u8] {
        &self.shipped.fingers
    }

    pub(super) fn tells_otherwise(&self) -> bool {
        !self.get_info.announced.is_empty()
    }

    /// The same, which tells all that it is: of a key of CTAP 2.0 the most is not told.
    pub(super) fn telling_all(&self) -> Self {
        let mut all = Self { get_info: GetInfo::default(), ..self.clone() };
        all.versions.push(VersionName::Fido21Pre);
        all
    }

    /// The versions are told in the order in which they are written; by itself a key tells U2F last.
    fn announced(&self) -> Announced {
        let mut announced = self.get_info.announced.clone();
        if self.speaks_ctap2()
            && self.versions.iter().rev().skip(1).any(|one| *one == VersionName::U2f)
        {
            let names = self.versions.iter().map(|version| version.name().to_owned()).collect();
            announced.members.entry(0x01).or_insert(Some(Member::Names(names)));
        }
        announced
    }

    /// The ways to reach it.
    pub(super) fn transports(&self) -> Vec<Transport> {
        transports(&self.transports)
    }

    /// It can be reached over this transport too.
    pub(super) fn add_transport(&mut self, transport: Transport) {
        let known = TransportName::ALL.into_iter().find(|name| name.transport() == transport);
        self.transports.extend(known.filter(|name| !self.transports.contains(name)));
    }

    fn transports_for_reset(&self) -> Option<Vec<Transport>> {
        let restricted = !self.transports_for_reset.is_empty();
        restricted.then(|| transports(&self.transports_for_reset))
    }

    fn credential_id_length(&self) -> Option<usize> {
        (self.max_credential_id_length > 0).then_some(self.max_credential_id_length)
    }

    fn protocols(&self) -> Vec<Protocol> {
        self.pin_uv_auth_protocols.iter().filter_map(|number| protocol(*number)).collect()
    }

    fn sensor(&self) -> FingerprintSensor {
        FingerprintSensor {
            capacity: self.max_templates,
            samples: self.max_capture_samples_required_for_enroll,
            bio_enroll: self.options.bio_enroll,
            bio_enroll_preview: self.options.user_verification_mgmt_preview,
            uv_bio_enroll: self.options.uv_bio_enroll,
            uv_acfg: self.options.uv_acfg,
            preferred_platform_uv_attempts: Some(self.preferred_platform_uv_attempts),
        }
    }

    fn commands(&self, device_key: Option<AttestationKey>) -> ConfigCommands {
        let rp_ids = self.max_rp_ids_for_set_min_pin_length;
        let settings = &self.enterprise_attestation;
        ConfigCommands {
            enterprise_attestation: device_key.map(|key| EnterpriseAttestation {
                key,
                rp_ids: settings.rp_ids.clone(),
                vendor_facilitated_only: settings.vendor_facilitated_only,
            }),
            always_uv: self.has(ConfigCommand::ToggleAlwaysUv).then_some(self.options.always_uv),
            min_pin_length_rp_ids: self.has(ConfigCommand::SetMinPinLength).then_some(rp_ids),
            long_touch_for_reset: self.has(ConfigCommand::EnableLongTouchForReset),
        }
    }

    fn extensions(&self) -> Extensions {
        let has = |extension| self.extensions.contains(&extension);
        Extensions {
            cred_protect: has(ExtensionName::CredProtect),
            hmac_secret: has(ExtensionName::HmacSecret),
            hmac_secret_mc: has(ExtensionName::HmacSecretMc),
            cred_blob: has(ExtensionName::CredBlob).then_some(self.max_cred_blob_length),
            large_blob: has(ExtensionName::LargeBlob).then_some(self.max_large_blob_length),
            pin_complexity_policy: has(ExtensionName::PinComplexityPolicy),
            preview_sign: has(ExtensionName::PreviewSign),
            third_party_payment: has(ExtensionName::ThirdPartyPayment),
        }
    }

    fn has(&self, command: ConfigCommand) -> bool {
        self.authenticator_config_commands.contains(&command)
    }
}

impl Options {
    const fn has_sensor(&self) -> bool {
        self.uv || self.bio_enroll || self.user_verification_mgmt_preview
    }
}

impl VersionName {
    const fn name(self) -> &'static str {
        match self.of_ctap2() {
            Some(version) => version.name(),
            None => "U2F_V2",
        }
    }

    const fn of_ctap2(self) -> Option<Version> {
        match self {
            Self::Fido20 => Some(Version::Fido20),
            Self::Fido21Pre => Some(Version::Fido21Pre),
            Self::Fido21 => Some(Version::Fido21),
            Self::Fido23 => Some(Version::Fido23),
            Self::U2f => None,
        }
    }
}

impl TransportName {
    const ALL: [Self; 3] = [Self::Usb, Self::Nfc, Self::SmartCard];

    const fn transport(self) -> Transport {
        match self {
            Self::Usb => Transport::Usb,
            Self::Nfc => Transport::Nfc,
            Self::SmartCard => Transport::SmartCard,
        }
    }
}

impl ResetSettings {
    const fn gestures(&self) -> ResetGestures {
        let touch = match self.usb {
            TouchGesture::ReinsertAndTouch => Times::Once,
            TouchGesture::TouchTwice => Times::Twice,
        };
        let tap = match self.nfc {
            TapGesture::Tap => Times::Once,
            TapGesture::TapTwice => Times::Twice,
        };
        ResetGestures { touch, tap }
    }
}

impl ShippedSettings {
    fn as_shipped(&self) -> Shipped {
        Shipped {
            pin: Some(self.pin.clone()).filter(|pin| !pin.is_empty()),
            force_pin_change: self.force_pin_change,
            enterprise_attestation: self.ep,
        }
    }
}

impl CredentialSettings {
    const fn of_new(&self) -> NewCredentials {
        let start = self.sign_count_start;
        NewCredentials {
            backup: Backup { eligible: self.backup_eligibility, state: self.backup_state },
            sign_count: match self.sign_count {
                CounterName::Global => SignCount::Global { start },
                CounterName::PerCredential => SignCount::PerCredential { start },
                CounterName::Zero => SignCount::Zero,
            },
            keep_non_discoverable: self.keep_non_discoverable,
        }
    }

    /// What is as in this; metadata follows the flag.
    pub(super) fn set(&mut self, new: NewCredentials) {
        let NewCredentials { backup, sign_count, keep_non_discoverable } = new;
        let (sign_count, sign_count_start) = match sign_count {
            SignCount::Global { start } => (CounterName::Global, start),
            SignCount::PerCredential { start } => (CounterName::PerCredential, start),
            SignCount::Zero => (CounterName::Zero, 0),
        };
        *self = Self {
            backup_eligibility: backup.eligible,
            backup_state: backup.state,
            sign_count,
            sign_count_start,
            keep_non_discoverable,
            multi_device_credential_support: match backup.eligible {
                true => MultiDeviceCredentialSupport::Implicit,
                false => MultiDeviceCredentialSupport::Unsupported,
            },
        };
    }
}

impl AlgorithmName {
    const fn number(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::Es256,
            Self::EdDsa => Algorithm::EdDsa,
            Self::Es384 => Algorithm::Es384,
            Self::Es256K => Algorithm::Es256K,
            Self::MlDsa44 => Algorithm::MlDsa44,
            Self::MlDsa65 => Algorithm::MlDsa65,
        }
    }
}

impl AttestationType {
    const fn of_ctap2(self) -> Attestation {
        match self {
            Self::Basic => Attestation::Basic,
            Self::SelfSigned => Attestation::SelfSigned,
            Self::None => Attestation::None,
        }
    }
}

fn transports(names: &[TransportName]) -> Vec<Transport> {
    names.iter().map(|name| name.transport()).collect()
}

fn protocol(number: u8) -> Option<Protocol> {
    Protocol::from_number(number.into())
}

/// In the place of a key that is only there when a device is.
fn stand_in() -> AttestationKey {
    let secret = SecretBytes::new(vec![1; 32]);
    AttestationKey {
        key: PrivateKey { algorithm: Algorithm::Es256, secret },
        x5c: vec![Vec::new()],
    }
}

/// A model's number: in text a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Aaguid(pub [u8; 16]);

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let hyphen = if HYPHENS.contains(&index) { "-" } else { "" };
            write!(f, "{hyphen}{byte:02x}")?;
        }
        Ok(())
    }
}

impl From<Aaguid> for String {
    fn from(aaguid: Aaguid) -> Self {
        aaguid.to_string()
    }
}

impl TryFrom<String> for Aaguid {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const FAULT: &str = "an aaguid looks like c196d97f-64cf-465a-ab5d-aaf18b481fc4";
        let digits: Vec<char> = text.chars().filter(|character| *character != '-').collect();
        let (pairs, []) = digits.as_chunks::<2>() else { return Err(FAULT) };
        let bytes: Option<Vec<u8>> = pairs
            .iter()
            .map(|[high, low]| Some((high.to_digit(16)? << 4 | low.to_digit(16)?) as u8))
            .collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).filter(|aaguid| aaguid.to_string() == text.to_lowercase()).ok_or(FAULT)
    }
}

/// The bytes that a hyphen stands before.
const HYPHENS: [usize; 4] = [4, 6, 8, 10];

/// As many as `ctap-core` takes ([`ctap_core::limits::MAX_CAPACITY`]).
pub const MAX_CAPACITY: u32 = 100_000;

/// More than any client was seen to write.
const MAX_LARGE_BLOBS: usize = 65536;
