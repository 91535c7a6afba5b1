//! The words that a profile may use for a choice: the standard's, and their meaning for `ctap-core`.

use ctap_core::Transport;
use ctap_core::algorithm::Algorithm;
use ctap_core::attestation::Attestation;
use ctap_core::config::Version;
use ctap_core::pin::Protocol;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum VersionName {
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

impl VersionName {
    pub(super) const fn name(self) -> &'static str {
        match self.of_ctap2() {
            Some(version) => version.name(),
            None => "U2F_V2",
        }
    }

    pub(super) const fn of_ctap2(self) -> Option<Version> {
        match self {
            Self::Fido20 => Some(Version::Fido20),
            Self::Fido21Pre => Some(Version::Fido21Pre),
            Self::Fido21 => Some(Version::Fido21),
            Self::Fido23 => Some(Version::Fido23),
            Self::U2f => None,
        }
    }
}

/// largeBlobKey and minPinLength follow from option largeBlobs and command setMinPINLength, and may be listed (GI-81, GI-84).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ExtensionName {
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
    /// CTAP 2.1 dropped it.
    Uvm,
}

/// Bits of KEY_PROTECTION in FIDO's registry of predefined values, by their names (EX-96).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u32)]
pub(super) enum KeyProtection {
    Software = 0x1,
    Hardware = 0x2,
    Tee = 0x4,
    SecureElement = 0x8,
    RemoteHandle = 0x10,
}

/// Bits of MATCHER_PROTECTION there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u32)]
pub(super) enum MatcherProtection {
    Software = 0x1,
    Tee = 0x2,
    OnChip = 0x4,
}

/// The names of the IANA registry of COSE algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum AlgorithmName {
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[serde(rename = "ES384")]
    Es384,
    #[serde(rename = "ES512")]
    Es512,
    #[serde(rename = "PS256")]
    Ps256,
    #[serde(rename = "ES256K")]
    Es256K,
    #[serde(rename = "ML-DSA-44")]
    MlDsa44,
    #[serde(rename = "ML-DSA-65")]
    MlDsa65,
    #[serde(rename = "RS256")]
    Rs256,
}

impl AlgorithmName {
    pub(super) const fn number(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::Es256,
            Self::EdDsa => Algorithm::EdDsa,
            Self::Es384 => Algorithm::Es384,
            Self::Es512 => Algorithm::Es512,
            Self::Ps256 => Algorithm::Ps256,
            Self::Es256K => Algorithm::Es256K,
            Self::MlDsa44 => Algorithm::MlDsa44,
            Self::MlDsa65 => Algorithm::MlDsa65,
            Self::Rs256 => Algorithm::Rs256,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ConfigCommand {
    EnableEnterpriseAttestation,
    ToggleAlwaysUv,
    #[serde(rename = "setMinPINLength")]
    SetMinPinLength,
    EnableLongTouchForReset,
}

/// The words of WebAuthn section 5.8.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TransportName {
    Usb,
    Nfc,
    SmartCard,
}

impl TransportName {
    pub(super) const ALL: [Self; 3] = [Self::Usb, Self::Nfc, Self::SmartCard];

    pub(super) const fn transport(self) -> Transport {
        match self {
            Self::Usb => Transport::Usb,
            Self::Nfc => Transport::Nfc,
            Self::SmartCard => Transport::SmartCard,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TouchGesture {
    #[serde(rename = "re-insert and touch")]
    ReinsertAndTouch,
    #[serde(rename = "touch twice")]
    TouchTwice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TapGesture {
    #[serde(rename = "tap")]
    Tap,
    #[serde(rename = "tap twice")]
    TapTwice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum CounterName {
    Global,
    PerCredential,
    Zero,
}

/// The words of metadata statements (AT-67).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::profile) enum MultiDeviceCredentialSupport {
    Unsupported,
    Explicit,
    Implicit,
}

/// The words of WebAuthn section 6.5.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum AttestationType {
    Basic,
    #[serde(rename = "self")]
    SelfSigned,
    None,
}

impl AttestationType {
    pub(super) const fn of_ctap2(self) -> Attestation {
        match self {
            Self::Basic => Attestation::Basic,
            Self::SelfSigned => Attestation::SelfSigned,
            Self::None => Attestation::None,
        }
    }
}

/// The transports with these names, in their order.
pub(super) fn transports(names: &[TransportName]) -> Vec<Transport> {
    names.iter().map(|name| name.transport()).collect()
}

/// `None`: there is no protocol of this number.
pub(super) fn protocol(number: u8) -> Option<Protocol> {
    Protocol::from_number(number.into())
}
