//! WebAuthn section 8: attestation statements, judged as a relying party would (AT-02 to AT-08).
//!
//! Signatures and the binding to the credential are checked; whether a certificate's issuer deserves trust is not.

use p256::pkcs8::DecodePublicKey as _;
use x509_cert::Certificate;
use x509_cert::der::asn1::OctetStringRef;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _};

use crate::auth_data::{AttestedCredential, AuthData};
use crate::cbor::Value;
use crate::cose::{ES256, PublicKey, SignatureFault};
use crate::error::ReplyFault;
use crate::fields::Fields;

/// What a valid attestation says about a new credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attestation {
    /// `none`: nothing is claimed.
    None,
    /// `packed`, signed with the credential's own key.
    PackedSelf,
    /// `packed`, signed with the key of the first certificate (DER each, leaf first).
    Packed {
        /// The certificates of `x5c`.
        chain: Vec<Vec<u8>>,
    },
    /// `fido-u2f`, signed with the certificate's key.
    FidoU2f {
        /// The one certificate of `x5c`, DER.
        certificate: Vec<u8>,
    },
}

/// Why an attestation or assertion is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyFault {
    /// The rp id hash in authData belongs to another relying party.
    #[error("the key answered for another relying party")]
    OtherRelyingParty,
    /// A credential was made without a touch (MC-71).
    #[error("the key says that nobody was present")]
    NobodyPresent,
    /// authData of an assertion has a new credential in it (GA-30).
    #[error("the key put a new credential into an assertion")]
    UnexpectedCredential,
    /// authData of an attestation has no credential in it.
    #[error("the key attests no credential")]
    NoCredential,
    /// A format this crate cannot judge.
    #[error("attestation format {0} cannot be checked here")]
    UnknownFormat(String),
    /// The attestation statement lacks a member, or has a wrong one.
    #[error(transparent)]
    Statement(#[from] ReplyFault),
    /// A certificate cannot be read, or its key is neither P-256 nor Ed25519.
    #[error("the attestation certificate cannot be used")]
    Certificate,
    /// The certificate names another model than authData does (AT-08).
    #[error("the attestation certificate belongs to another model of key")]
    OtherModel,
    /// The signature is not by the key it should be by.
    #[error(transparent)]
    Signature(#[from] SignatureFault),
}

/// Judges the statement `att_stmt` of format `fmt` about the credential in `auth_data`.
///
/// # Errors
/// [`VerifyFault`]; the key's fault, or that of whoever altered the statement.
pub fn verify(
    fmt: &str,
    att_stmt: &[(String, Value)],
    auth_data: &AuthData,
    client_data_hash: &[u8],
) -> Result<Attestation, VerifyFault> {
    let credential = auth_data.attested.as_ref().ok_or(VerifyFault::NoCredential)?;
    let statement = Fields::from_text_map(att_stmt);
    match fmt {
        "none" if att_stmt.is_empty() => Ok(Attestation::None),
        "none" => Err(ReplyFault::BadValue("attStmt").into()),
        "packed" => {
            let signed = [auth_data.as_bytes(), client_data_hash].concat();
            verify_packed(statement, credential, &signed)
        }
        "fido-u2f" => verify_u2f(statement, credential, auth_data, client_data_hash),
        other => Err(VerifyFault::UnknownFormat(other.to_owned())),
    }
}

fn verify_packed(
    mut statement: Fields,
    credential: &AttestedCredential,
    signed: &[u8],
) -> Result<Attestation, VerifyFault> {
    let algorithm: i64 = statement.require("alg", "alg in attStmt")?;
    let signature: Vec<u8> = statement.require("sig", "sig in attStmt")?;
    let chain: Option<Vec<Vec<u8>>> = statement.take("x5c", "x5c in attStmt")?;
    let (key, attestation) = match chain {
        None => (credential.public_key.clone(), Attestation::PackedSelf),
        Some(chain) => {
            let leaf = Leaf::parse(chain.first().ok_or(ReplyFault::BadValue("x5c in attStmt"))?)?;
            leaf.check_model(credential)?;
            (leaf.key, Attestation::Packed { chain })
        }
    };
    if key.algorithm() != algorithm {
        return Err(ReplyFault::BadValue("alg in attStmt").into());
    }
    key.verify(signed, &signature)?;
    Ok(attestation)
}

fn verify_u2f(
    mut statement: Fields,
    credential: &AttestedCredential,
    auth_data: &AuthData,
    client_data_hash: &[u8],
) -> Result<Attestation, VerifyFault> {
    let signature: Vec<u8> = statement.require("sig", "sig in attStmt")?;
    let chain: Vec<Vec<u8>> = statement.require("x5c", "x5c in attStmt")?;
    let [certificate] =
        <[Vec<u8>; 1]>::try_from(chain).map_err(|_| ReplyFault::BadValue("x5c in attStmt"))?;
    let leaf = Leaf::parse(&certificate)?;
    leaf.check_model(credential)?;
    let signed = u2f_signed_bytes(credential, &auth_data.rp_id_hash, client_data_hash)?;
    if leaf.key.algorithm() != ES256 {
        return Err(VerifyFault::Certificate);
    }
    leaf.key.verify(&signed, &signature)?;
    Ok(Attestation::FidoU2f { certificate })
}

/// `00`, application, challenge, key handle, public key (UF-24, AT-06).
fn u2f_signed_bytes(
    credential: &AttestedCredential,
    application: &[u8; 32],
    challenge: &[u8],
) -> Result<Vec<u8>, VerifyFault> {
    let PublicKey::Es256(key) = &credential.public_key else {
        return Err(ReplyFault::BadValue("the public key in authData").into());
    };
    let point = key.to_sec1_point(false);
    Ok([&[0], application.as_slice(), challenge, &credential.credential_id, point.as_bytes()]
        .concat())
}

/// What matters in an attestation certificate.
pub(crate) struct Leaf {
    pub(crate) key: PublicKey,
    aaguid: Option<[u8; 16]>,
}

impl Leaf {
    pub(crate) fn parse(der: &[u8]) -> Result<Self, VerifyFault> {
        let certificate = Certificate::from_der(der).map_err(|_| VerifyFault::Certificate)?;
        let spki = certificate.tbs_certificate().subject_public_key_info();
        let spki = spki.to_der().map_err(|_| VerifyFault::Certificate)?;
        Ok(Self { key: read_spki(&spki)?, aaguid: read_aaguid(&certificate)? })
    }

    fn check_model(&self, credential: &AttestedCredential) -> Result<(), VerifyFault> {
        match self.aaguid {
            Some(aaguid) if aaguid != credential.aaguid => Err(VerifyFault::OtherModel),
            _ => Ok(()),
        }
    }
}

fn read_spki(der: &[u8]) -> Result<PublicKey, VerifyFault> {
    if let Ok(key) = p256::PublicKey::from_public_key_der(der) {
        return Ok(PublicKey::Es256(key.into()));
    }
    let key = ed25519_dalek::VerifyingKey::from_public_key_der(der);
    key.map(PublicKey::Ed25519).map_err(|_| VerifyFault::Certificate)
}

/// The AAGUID extension: an OCTET STRING of 16 bytes inside the extension's own (AT-23).
fn read_aaguid(certificate: &Certificate) -> Result<Option<[u8; 16]>, VerifyFault> {
    let extensions = certificate.tbs_certificate().extensions();
    let Some(extension) =
        extensions.into_iter().flatten().find(|extension| extension.extn_id == AAGUID_EXTENSION)
    else {
        return Ok(None);
    };
    let inner = <&OctetStringRef>::from_der(extension.extn_value.as_bytes())
        .map_err(|_| VerifyFault::Certificate)?;
    let aaguid = inner.as_bytes().try_into().map_err(|_| VerifyFault::Certificate)?;
    if extension.critical { Err(VerifyFault::Certificate) } else { Ok(Some(aaguid)) }
}

const AAGUID_EXTENSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.45724.1.1.4");
