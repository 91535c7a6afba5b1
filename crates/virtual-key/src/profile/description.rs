//! The description of a key in a profile: the members of getInfo under the standard's names, and settings that
//! getInfo does not tell.

mod check;
mod config;
mod words;

use std::fmt;
use std::path::PathBuf;

use ctap_core::Transport;
use ctap_core::config::{Member, NewCredentials, SignCount};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

pub use self::check::MAX_CAPACITY;
use self::words::{
    AlgorithmName, AttestationType, ConfigCommand, CounterName, ExtensionName, KeyProtection,
    MatcherProtection, MultiDeviceCredentialSupport, TapGesture, TouchGesture, TransportName,
    VersionName, transports,
};
use super::aaguid::Aaguid;
use super::get_info::GetInfo;
use super::text::NEXT;
use crate::attestation::U2fTransports;
use crate::faults::{FaultDescription, FaultError, MAX_FAULTS};

/// A whole profile. Lists and options switch things on and off; numbers count only while theirs is on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Description {
    pub(super) description: String,
    /// The model whose contradictions this one has as well.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "model")]
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
    pin_complexity_policy: bool,
    max_serialized_large_blob_array: usize,
    max_cred_blob_length: usize,
    max_large_blob_length: usize,
    #[serde(rename = "maxRPIDsForSetMinPINLength")]
    max_rp_ids_for_set_min_pin_length: usize,
    preferred_platform_uv_attempts: u8,
    /// What the extension uvm and metadata statements tell.
    key_protection: Vec<KeyProtection>,
    matcher_protection: Vec<MatcherProtection>,
    max_templates: u8,
    max_capture_samples_required_for_enroll: u8,
    options: Options,
    reset: ResetSettings,
    shipped: ShippedSettings,
    pub(super) credentials: CredentialSettings,
    pub(super) attestation: AttestationSettings,
    pub(super) enterprise_attestation: EnterpriseSettings,
    /// What the key announces differently from all this.
    pub(super) get_info: GetInfo,
    /// The faults on purpose.
    #[serde(deserialize_with = "faults")]
    pub(super) faults: Vec<FaultDescription>,
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

/// What a person does to agree to a reset, by transport.
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

/// The properties of credentials that the key makes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a table")]
pub(super) struct CredentialSettings {
    backup_eligibility: bool,
    backup_state: bool,
    sign_count: CounterName,
    /// The start of a counter that counts.
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

impl Description {
    pub(super) fn speaks_ctap2(&self) -> bool {
        self.versions.iter().any(|version| version.of_ctap2().is_some())
    }

    pub(super) fn speaks_u2f(&self) -> bool {
        self.versions.contains(&VersionName::U2f)
    }

    pub(super) fn restricts_keys(&self) -> bool {
        !self.extensions.contains(&ExtensionName::PreviewSign)
    }

    pub(super) fn key_protection(&self) -> &impl Serialize {
        &self.key_protection
    }

    pub(super) fn matcher_protection(&self) -> &impl Serialize {
        &self.matcher_protection
    }

    pub(super) fn needs_attestation_key(&self) -> bool {
        self.speaks_u2f() || self.attestation.r#type == AttestationType::Basic
    }

    pub(super) fn has_enterprise_attestation(&self) -> bool {
        self.has(ConfigCommand::EnableEnterpriseAttestation)
    }

    pub(super) fn shipped_fingers(&self) -> &[u8] {
        &self.shipped.fingers
    }

    /// The ways to reach it.
    pub(super) fn transports(&self) -> Vec<Transport> {
        transports(&self.transports)
    }

    /// The transports that it announces: in getInfo, or, if it speaks U2F alone, in its certificate.
    pub(super) fn told_transports(&self) -> Vec<String> {
        match self.get_info.announced.members.get(&TRANSPORTS) {
            Some(Some(Member::Names(told))) => told.clone(),
            _ => self.done_transports(),
        }
    }

    /// Their names.
    pub(super) fn done_transports(&self) -> Vec<String> {
        self.transports().iter().map(|transport| transport.name().to_owned()).collect()
    }

    /// Those that a U2F certificate tells (AT-27).
    pub(super) fn u2f_transports(&self) -> U2fTransports {
        U2fTransports::of(self.told_transports().iter().map(String::as_str))
    }

    /// It can be reached over this transport too.
    pub(super) fn add_transport(&mut self, transport: Transport) {
        let known = TransportName::ALL.into_iter().find(|name| name.transport() == transport);
        self.transports.extend(known.filter(|name| !self.transports.contains(name)));
    }

    pub(super) fn tells_otherwise(&self) -> bool {
        !self.get_info.announced.is_empty()
    }

    /// The same, but it announces everything that it is: a CTAP 2.0 key announces little of it.
    pub(super) fn telling_all(&self) -> Self {
        let mut all = Self { get_info: GetInfo::default(), ..self.clone() };
        all.versions.push(VersionName::Fido21Pre);
        all
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

impl CredentialSettings {
    /// Sets the properties of new credentials; metadata follows the flag.
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

/// The model that a key imitates. It is shown to people, so it must have a name.
fn model<'de, D: Deserializer<'de>>(name: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(name)?;
    match name.trim().is_empty() {
        true => Err(de::Error::custom(format_args!(
            "`imitates` is the name of a model, and there is none{NEXT}write the model's name, or leave `imitates` out"
        ))),
        false => Ok(Some(name)),
    }
}

/// At most as many faults as a key can have.
fn faults<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<FaultDescription>, D::Error> {
    let faults: Vec<WholeFault> = Vec::deserialize(list)?;
    let count: usize = faults.iter().map(|fault| fault.injections).sum();
    match count > MAX_FAULTS {
        true => Err(refused(&FaultError::TooMany)),
        false => Ok(faults.into_iter().map(|fault| fault.description).collect()),
    }
}

/// A key that is made has all of it.
struct WholeFault {
    description: FaultDescription,
    injections: usize,
}

impl<'de> Deserialize<'de> for WholeFault {
    fn deserialize<D: Deserializer<'de>>(table: D) -> Result<Self, D::Error> {
        table.deserialize_map(Table)
    }
}

/// Reads an entry as a whole, so that an error in it is reported with its line.
struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = WholeFault;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<WholeFault, A::Error> {
        let members = MapAccessDeserializer::new(members);
        let description = FaultDescription::deserialize(members)?;
        let injections = description.injections().map_err(|error| refused(&error))?.len();
        Ok(WholeFault { description, injections })
    }
}

fn refused<E: de::Error>(error: &FaultError) -> E {
    E::custom(format_args!("{error}{NEXT}{}", error.advice()))
}

/// The number of the member in getInfo (GI-18).
const TRANSPORTS: u8 = 0x09;
