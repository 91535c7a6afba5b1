//! FIDO metadata statements: what relying parties may know about a model of keys (AT-50 to AT-72).
//!
//! A statement is made from what such a key answers to getInfo, so that the two cannot differ. For U2F it is made
//! from the attestation certificate. A running key makes its own statements, because a key that stores nothing is
//! the only place where its certificates are.

mod differences;
mod get_info;

use std::sync::Arc;

use base64ct::{Base64, Encoding as _};
use ctap_client::commands::code;
use ctap_client::commands::get_info::Info;
use ctap_core::algorithm::Algorithm;
use ctap_core::attestation::Attestation;
use ctap_core::config::FingerprintSensor;
use ctap_core::limits::{MAX_PIN_RETRIES, MAX_UV_RETRIES};
use ctap_core::{CheckedConfig, Config, SoftKey, Transport};
use serde_json::{Value, json};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::referenced::OwnedToRef as _;
use x509_cert::ext::pkix::SubjectKeyIdentifier;

pub use self::differences::{Difference, differences};
use self::get_info::hex;
pub use self::get_info::members;
use crate::attestation::LazyIdentity;
use crate::error::Error;
use crate::profile::{Aaguid, Identities, Profile};

/// The metadata statements of one key. Each is made when it is asked for.
#[derive(Clone, Debug)]
pub struct Statements {
    profile: Profile,
    identities: Identities,
}

impl Statements {
    /// The statements of a key with this profile and these attestation identities.
    pub const fn new(profile: Profile, identities: Identities) -> Self {
        Self { profile, identities }
    }

    /// One statement. With `u2f`, that of the key's U2F side. Otherwise that of the whole key: the one of CTAP2, or
    /// that of U2F if the key speaks U2F alone. `None`: the key does not speak U2F.
    ///
    /// # Errors
    /// A certificate cannot be made, encoded or read.
    pub fn of(&self, u2f: bool) -> Result<Option<Value>, Error> {
        let Self { profile, identities } = self;
        let Identities { model, device } = identities;
        if profile.speaks_ctap2() && !u2f {
            statement(profile, &[model, device], of_fido2(profile, identities)?).map(Some)
        } else if profile.speaks_u2f() {
            statement(profile, &[model], of_u2f(model.as_deref())?).map(Some)
        } else {
            Ok(None)
        }
    }
}

/// The members that every keyfob has, the roots of its attestation, and the members of its family.
fn statement(
    profile: &Profile,
    vouching: &[&Option<Arc<LazyIdentity>>],
    of_its_family: Members,
) -> Result<Value, Error> {
    let roots = vouching.iter().copied().flatten();
    let roots = roots.map(|identity| Ok(Base64::encode_string(identity.root()?)));
    let of_any_key = [
        ("legalHeader", json!(LEGAL_HEADER)),
        ("description", json!(profile.title())),
        ("friendlyNames", json!({ "en-US": profile.title() })),
        ("authenticatorVersion", json!(profile.firmware_version())),
        ("schema", json!(3)),
        ("keyProtection", json!(profile.key_protection())),
        ("isKeyRestricted", json!(profile.restricts_keys())), // PS-32
        ("isFreshUserVerificationRequired", json!(false)),
        ("matcherProtection", json!(profile.matcher_protection())),
        ("cryptoStrength", json!(128)),
        ("attachmentHint", json!(attachment_hints(&profile.transports()))),
        ("tcDisplay", json!([])),
        ("attestationRootCertificates", roots.collect::<Result<_, Error>>()?),
        (
            "icon",
            json!(format!("data:image/svg+xml;base64,{}", Base64::encode_string(ICON.as_bytes()))),
        ),
        ("multiDeviceCredentialSupport", json!(profile.multi_device_credential_support())),
    ];
    Ok(of_any_key.into_iter().chain(of_its_family).collect())
}

/// How it meets a host (AT-64): a smart card is on a wire, too, as is a reader.
fn attachment_hints(transports: &[Transport]) -> Vec<&'static str> {
    let over = |transport| transports.contains(&transport);
    let is_wired = over(Transport::Usb) || over(Transport::SmartCard);
    let wired = is_wired.then_some("wired");
    let nfc = over(Transport::Nfc).then_some(["wireless", "nfc"]);
    ["external"].into_iter().chain(wired).chain(nfc.into_iter().flatten()).collect()
}

/// The members of getInfo in the form of metadata.
fn of_fido2(profile: &Profile, identities: &Identities) -> Result<Members, Error> {
    let config = profile.config(identities)?;
    let algorithms = json!(algorithm_names(&config));
    let attestation = json!(attestation_types(config.attestation, identities));
    let sensor = config.fingerprints.clone();
    let info = live_info(config)?;
    Ok(vec![
        ("protocolFamily", json!("fido2")),
        ("aaguid", json!(Aaguid(info.aaguid).to_string())),
        ("upv", info.versions.iter().filter_map(|version| upv(version)).collect()),
        ("authenticationAlgorithms", algorithms),
        ("publicKeyAlgAndEncodings", json!(["cose"])),
        ("attestationTypes", attestation),
        ("userVerificationDetails", user_verification(&info, sensor.as_ref())),
        ("authenticatorGetInfo", members_at_rest(info)),
    ])
}

/// U2F has neither models nor getInfo: a key is known by the certificate that comes with each registration (AT-30, AT-54).
fn of_u2f(model: Option<&LazyIdentity>) -> Result<Members, Error> {
    let chain = model.map(LazyIdentity::chain).transpose()?.unwrap_or_default();
    let identifiers = chain.iter().take(1).map(|certificate| key_identifier(certificate));
    Ok(vec![
        ("protocolFamily", json!("u2f")),
        ("attestationCertificateKeyIdentifiers", identifiers.collect::<Result<_, Error>>()?),
        ("upv", json!([{ "major": 1, "minor": 2 }])),
        ("authenticationAlgorithms", json!(["secp256r1_ecdsa_sha256_raw"])),
        ("publicKeyAlgAndEncodings", json!(["ecc_x962_raw"])),
        ("attestationTypes", json!(["basic_full"])),
        ("userVerificationDetails", json!([[presence()]])),
    ])
}

/// The SHA-1 of the certificate's public key, in lower-case hex digits (RFC 5280 section 4.2.1.2, the first method).
fn key_identifier(certificate: &[u8]) -> Result<String, Error> {
    let certificate = Certificate::from_der(certificate)?;
    let key = certificate.tbs_certificate().subject_public_key_info();
    let SubjectKeyIdentifier(identifier) = SubjectKeyIdentifier::try_from(key.owned_to_ref())?;
    Ok(hex(identifier.as_bytes()))
}

/// The answer to getInfo of a new key with this configuration.
pub(crate) fn live_info(config: CheckedConfig) -> Result<Info, Error> {
    let reply = SoftKey::new(config, [0; 32]).call(&[code::GET_INFO]);
    let body = reply.strip_prefix(&[0]);
    let body = body.ok_or_else(|| Error::Statement("the key refuses getInfo".to_owned()))?;
    Info::parse(body, true).map_err(|error| Error::Statement(error.to_string()))
}

/// The members without the two that differ each time they are asked for (AT-68).
fn members_at_rest(info: Info) -> Value {
    members(&Info { enc_identifier: None, enc_cred_store_state: None, ..info }, None)
}

/// A version of the protocol; U2F has statements of its own (AT-54).
fn upv(version: &str) -> Option<Value> {
    let minor = match version {
        "FIDO_2_0" => 0,
        "FIDO_2_1_PRE" | "FIDO_2_1" => 1,
        "FIDO_2_2" => 2,
        "FIDO_2_3" => 3,
        _ => return None,
    };
    Some(json!({ "major": 1, "minor": minor }))
}

/// ML-DSA has no name yet (AT-55).
fn algorithm_names(config: &Config) -> Vec<&'static str> {
    let name = |algorithm: &Algorithm| match algorithm {
        Algorithm::Es256 => Some("secp256r1_ecdsa_sha256_raw"),
        Algorithm::EdDsa => Some("ed25519_eddsa_sha512_raw"),
        Algorithm::Es384 => Some("secp384r1_ecdsa_sha384_raw"),
        Algorithm::Es512 => Some("secp521r1_ecdsa_sha512_raw"),
        Algorithm::Es256K => Some("secp256k1_ecdsa_sha256_raw"),
        Algorithm::Rs256 => Some("rsassa_pkcsv15_sha256_raw"),
        Algorithm::Ps256 => Some("rsassa_pss_sha256_raw"),
        _ => None,
    };
    config.algorithms.iter().filter_map(name).collect()
}

/// The default one first. A key that does not attest by default does it itself for a platform that asks for packed (MC-91 to
/// MC-93); U2F's format, and enterprise attestation, come with certificates (AT-57).
fn attestation_types(default: Attestation, identities: &Identities) -> Vec<&'static str> {
    let with_certificates = identities.model.is_some() || identities.device.is_some();
    let first: &[_] = match default {
        Attestation::Basic => &[],
        Attestation::None => &["none", "basic_surrogate"],
        _ => &["basic_surrogate"],
    };
    first.iter().copied().chain(with_certificates.then_some("basic_full")).collect()
}

/// Each alone is enough. The sensor is a virtual one: there are no rates to attest (AT-59, AT-60).
fn user_verification(info: &Info, sensor: Option<&FingerprintSensor>) -> Value {
    let pin = info.option("clientPin").map(|_| {
        json!({
            "userVerificationMethod": "passcode_external",
            "caDesc": {
                "base": 64,
                "minLength": info.min_pin_length.unwrap_or(4),
                "maxRetries": MAX_PIN_RETRIES,
                "blockSlowdown": 0,
            },
        })
    });
    let finger = sensor.map(|sensor| {
        json!({
            "userVerificationMethod": "fingerprint_internal",
            "baDesc": {
                "maxTemplates": sensor.capacity,
                "maxRetries": MAX_UV_RETRIES,
                "blockSlowdown": 0,
            },
        })
    });
    [Some(presence()), pin, finger].into_iter().flatten().map(|method| json!([method])).collect()
}

/// A touch.
fn presence() -> Value {
    json!({ "userVerificationMethod": "presence_internal" })
}

/// Members of a statement.
type Members = Vec<(&'static str, Value)>;

/// The text that every statement carries (AT-71).
const LEGAL_HEADER: &str = "Submission of this statement and retrieval and use of this statement indicates acceptance \
     of the appropriate agreement located at https://fidoalliance.org/metadata/metadata-legal-terms/.";

/// A key on a ring.
const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="none" stroke="#246" stroke-width="3"><circle cx="10" cy="22" r="6"/><path d="M14.5 17.5 27 5m-6 6 4 4m-1-7 3 3"/></g></svg>"##;

#[cfg(test)]
mod tests;
