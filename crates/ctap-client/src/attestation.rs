//! WebAuthn section 8: attestation statements, judged as a relying party would (AT-02 to AT-08).
//!
//! Signatures, and the binding to the credential, are checked. Whether the issuer of a certificate can be trusted
//! is not.

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
    #[error("the key says that no user was present")]
    NobodyPresent,
    /// authData of an assertion has a new credential in it (GA-30).
    #[error("the assertion has a new credential in it, which only a registration may have")]
    UnexpectedCredential,
    /// authData of an attestation has no credential in it.
    #[error("the key's reply to the registration has no credential in it")]
    NoCredential,
    /// A format this crate cannot judge.
    #[error("this program cannot check attestation format {0}")]
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
/// [`VerifyFault`]; the key's fault, or the fault of the one who altered the statement.
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
    let leaf = Leaf::parse(&certificate)?; // its model says nothing: authData has none here (AT-06)
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

/// The parts of an attestation certificate that are needed here.
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

#[cfg(test)]
pub(crate) mod tests {
    use p256::ecdsa::signature::Signer as _;
    use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
    use proptest::prelude::*;

    use super::*;
    use crate::test_support::hex;

    const HASH: [u8; 32] = [0xCD; 32];
    const MODEL: [u8; 16] = [0xEE; 16];

    /// A certificate with this key, without a real signature: issuers are not checked here.
    pub(crate) fn certificate(key: &VerifyingKey, aaguid: Option<[u8; 16]>) -> Vec<u8> {
        let point = key.to_sec1_point(false);
        let key_algorithm = hex("301306072a8648ce3d020106082a8648ce3d030107");
        let spki = der(0x30, &[&key_algorithm, &der(0x03, &[&[0], point.as_bytes()])]);
        let signature_algorithm = hex("300a06082a8648ce3d040302");
        let common_name = der(0x30, &[&hex("0603550403"), &der(0x0C, &[b"key"])]);
        let name = der(0x30, &[&der(0x31, &[&common_name])]);
        let validity =
            der(0x30, &[&der(0x17, &[b"250101000000Z"]), &der(0x17, &[b"350101000000Z"])]);
        let extensions = aaguid.map(|aaguid| {
            let value = der(0x04, &[&der(0x04, &[&aaguid])]);
            let extension = der(0x30, &[&hex("060b2b0601040182e51c010104"), &value]);
            der(0xA3, &[&der(0x30, &[&extension])])
        });
        let tbs = der(
            0x30,
            &[
                &hex("a003020102020101"),
                &signature_algorithm,
                &name,
                &validity,
                &name,
                &spki,
                extensions.as_deref().unwrap_or_default(),
            ],
        );
        der(0x30, &[&tbs, &signature_algorithm, &hex("030100")])
    }

    /// One DER element with a head of the right length.
    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = match content.len() {
            0..=0x7F => vec![content.len() as u8],
            0x80..=0xFF => vec![0x81, content.len() as u8],
            long => vec![0x82, (long >> 8) as u8, long as u8],
        };
        [vec![tag], length, content].concat()
    }

    fn credential_key() -> SigningKey {
        SigningKey::from_slice(&[3; 32]).unwrap()
    }

    fn attestation_key() -> SigningKey {
        SigningKey::from_slice(&[4; 32]).unwrap()
    }

    fn auth_data() -> AuthData {
        let bytes = "a379a6f6eeafb9a55e378c118034e2751e682fab9f2d30ab13d2125586ce19474500000001eeeeeeeeeeeeeeeeeeee\
                     eeeeeeeeeeee0010aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa5010203262001215820591ab771ebbcfd6d9cb9094d10\
                     6528add1a69d44c2c1f627f089ec58b9c61adf2258209f4e6abf0d045c0c693a3c68ad7c97ca72be64def4a26fecd2\
                     63dd98a92780f0";
        AuthData::parse(hex(bytes)).unwrap()
    }

    fn sign(key: &SigningKey, message: &[u8]) -> Value {
        let signature: Signature = key.sign(message);
        Value::from(signature.to_der().as_bytes())
    }

    fn signed() -> Vec<u8> {
        [auth_data().as_bytes(), &HASH].concat()
    }

    fn statement(members: &[(&str, Value)]) -> Vec<(String, Value)> {
        members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    fn x5c(certificate: &[u8]) -> Value {
        Value::Array(vec![certificate.into()])
    }

    #[test]
    fn none_claims_nothing_and_has_an_empty_statement() {
        assert_eq!(verify("none", &[], &auth_data(), &HASH), Ok(Attestation::None));
        let surplus = statement(&[("alg", (-7).into())]);
        assert!(verify("none", &surplus, &auth_data(), &HASH).is_err());
        let unknown = verify("tpm", &[], &auth_data(), &HASH);
        assert_eq!(unknown, Err(VerifyFault::UnknownFormat("tpm".to_owned())));
    }

    #[test]
    fn packed_self_is_signed_with_the_credentials_key() {
        let good = statement(&[("alg", (-7).into()), ("sig", sign(&credential_key(), &signed()))]);
        assert_eq!(verify("packed", &good, &auth_data(), &HASH), Ok(Attestation::PackedSelf));
        let other_hash = verify("packed", &good, &auth_data(), &[0; 32]);
        assert_eq!(other_hash, Err(VerifyFault::Signature(SignatureFault::Mismatch)));
        let other_algorithm =
            statement(&[("alg", (-8).into()), ("sig", sign(&credential_key(), &signed()))]);
        let fault = verify("packed", &other_algorithm, &auth_data(), &HASH);
        assert_eq!(fault, Err(ReplyFault::BadValue("alg in attStmt").into()));
    }

    #[test]
    fn packed_with_a_certificate_is_signed_with_the_certificates_key() {
        let leaf = certificate(attestation_key().verifying_key(), Some(MODEL));
        let by = |key: &SigningKey| {
            statement(&[("alg", (-7).into()), ("sig", sign(key, &signed())), ("x5c", x5c(&leaf))])
        };
        let good = verify("packed", &by(&attestation_key()), &auth_data(), &HASH);
        assert_eq!(good, Ok(Attestation::Packed { chain: vec![leaf.clone()] }));
        let by_credential = verify("packed", &by(&credential_key()), &auth_data(), &HASH);
        assert_eq!(by_credential, Err(VerifyFault::Signature(SignatureFault::Mismatch)));
    }

    #[test]
    fn a_certificate_of_another_model_is_refused_and_one_without_model_is_not() {
        let with = |aaguid| {
            let leaf = certificate(attestation_key().verifying_key(), aaguid);
            let signature = sign(&attestation_key(), &signed());
            let statement =
                statement(&[("alg", (-7).into()), ("sig", signature), ("x5c", x5c(&leaf))]);
            verify("packed", &statement, &auth_data(), &HASH)
        };
        assert_eq!(with(Some([0xEF; 16])), Err(VerifyFault::OtherModel));
        assert!(with(None).is_ok());
    }

    #[test]
    fn an_empty_or_unreadable_chain_is_refused() {
        let with = |chain| {
            let signature = sign(&attestation_key(), &signed());
            let statement = statement(&[("alg", (-7).into()), ("sig", signature), ("x5c", chain)]);
            verify("packed", &statement, &auth_data(), &HASH)
        };
        assert_eq!(
            with(Value::Array(Vec::new())),
            Err(ReplyFault::BadValue("x5c in attStmt").into())
        );
        assert_eq!(with(x5c(b"no certificate")), Err(VerifyFault::Certificate));
    }

    #[test]
    fn fido_u2f_signs_the_bytes_of_v_11() {
        let credential = auth_data().attested.unwrap();
        let bytes = u2f_signed_bytes(&credential, &auth_data().rp_id_hash, &HASH).unwrap();
        let expected = [
            "00a379a6f6eeafb9a55e378c118034e2751e682fab9f2d30ab13d2125586ce1947",
            &"cd".repeat(32),
            &"aa".repeat(16),
            "04591ab771ebbcfd6d9cb9094d106528add1a69d44c2c1f627f089ec58b9c61adf",
            "9f4e6abf0d045c0c693a3c68ad7c97ca72be64def4a26fecd263dd98a92780f0",
        ];
        assert_eq!(bytes, hex(&expected.concat()));
        // AT-06: the certificate may name a model, authData does not.
        let leaf = certificate(attestation_key().verifying_key(), Some([0xEF; 16]));
        let good = statement(&[("sig", sign(&attestation_key(), &bytes)), ("x5c", x5c(&leaf))]);
        let verdict = verify("fido-u2f", &good, &auth_data(), &HASH);
        assert_eq!(verdict, Ok(Attestation::FidoU2f { certificate: leaf }));
    }

    proptest! {
        #[test]
        fn no_damaged_certificate_makes_the_reader_panic(at: prop::sample::Index, byte: u8) {
            let mut leaf = certificate(attestation_key().verifying_key(), Some(MODEL));
            let at = at.index(leaf.len());
            leaf[at] = byte;
            let _ = Leaf::parse(&leaf);
        }
    }
}
