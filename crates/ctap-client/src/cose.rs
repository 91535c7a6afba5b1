//! WebAuthn section 5.8.5 and CTAP section 6.5.6: public keys as COSE_Key maps, and signatures made with them.

use p256::ecdsa::signature::Verifier as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;

use crate::cbor::{MapBuilder, Value};
use crate::error::ReplyFault;
use crate::fields::{Fields, FromCbor};

/// COSE algorithm ECDSA on P-256 with SHA-256.
pub const ES256: i64 = -7;
/// COSE algorithm EdDSA; in CTAP always Ed25519.
pub const EDDSA: i64 = -8;
/// COSE algorithm of key-agreement keys (CP-02).
pub const ECDH_ES_HKDF_256: i64 = -25;

/// The public half of a credential or attestation key.
#[derive(Clone, Debug, PartialEq)]
pub enum PublicKey {
    /// ECDSA on P-256.
    Es256(p256::ecdsa::VerifyingKey),
    /// Ed25519.
    Ed25519(ed25519_dalek::VerifyingKey),
    /// A well-formed COSE_Key of an algorithm this crate cannot verify.
    Other {
        /// The COSE algorithm number.
        algorithm: i64,
        /// The whole map.
        key: Value,
    },
}

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// Not the encoding the algorithm prescribes: DER for ECDSA, 64 bytes for EdDSA (AT-03).
    #[error("the signature has the wrong encoding")]
    Encoding,
    /// Well-formed, and not made by this key over this message.
    #[error("the signature does not fit key and message")]
    Mismatch,
    /// The key's algorithm is beyond this crate.
    #[error("signatures of COSE algorithm {0} cannot be checked here")]
    UnknownAlgorithm(i64),
}

impl PublicKey {
    /// The COSE algorithm number.
    #[must_use]
    pub const fn algorithm(&self) -> i64 {
        match self {
            Self::Es256(_) => ES256,
            Self::Ed25519(_) => EDDSA,
            Self::Other { algorithm, .. } => *algorithm,
        }
    }

    /// Checks a signature over `message`.
    ///
    /// # Errors
    /// [`SignatureFault`]; the signer's fault, except for an unknown algorithm.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureFault> {
        match self {
            Self::Es256(key) => verify_es256(key, message, signature),
            Self::Ed25519(key) => verify_ed25519(key, message, signature),
            Self::Other { algorithm, .. } => Err(SignatureFault::UnknownAlgorithm(*algorithm)),
        }
    }
}

fn verify_es256(
    key: &p256::ecdsa::VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureFault> {
    let signature =
        p256::ecdsa::Signature::from_der(signature).map_err(|_| SignatureFault::Encoding)?;
    key.verify(message, &signature).map_err(|_| SignatureFault::Mismatch)
}

fn verify_ed25519(
    key: &ed25519_dalek::VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureFault> {
    let signature =
        ed25519_dalek::Signature::from_slice(signature).map_err(|_| SignatureFault::Encoding)?;
    key.verify_strict(message, &signature).map_err(|_| SignatureFault::Mismatch)
}

impl FromCbor for PublicKey {
    /// Reads a credential public key in the forms of MC-73: exactly the prescribed members, full-width coordinates.
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let mut fields = Fields::from_cbor(value.clone(), name)?;
        let key_type: i64 = fields.require(KTY, name)?;
        let algorithm: i64 = fields.require(ALG, name)?;
        match (key_type, algorithm) {
            (EC2, ES256) => {
                let point = read_p256_point(fields, name)?;
                Ok(Self::Es256(point.into()))
            }
            (OKP, EDDSA) => read_ed25519(fields, name).map(Self::Ed25519),
            _ => Ok(Self::Other { algorithm, key: value }),
        }
    }
}

fn read_ed25519(
    mut fields: Fields,
    name: &'static str,
) -> Result<ed25519_dalek::VerifyingKey, ReplyFault> {
    let curve: i64 = fields.require(CRV, name)?;
    let x: [u8; 32] = fields.require(X, name)?;
    if curve != CURVE_ED25519 || !fields.unknown().is_empty() {
        return Err(ReplyFault::BadValue(name));
    }
    ed25519_dalek::VerifyingKey::from_bytes(&x).map_err(|_| ReplyFault::BadValue(name))
}

/// Reads curve and coordinates once `kty` and `alg` have been taken; no other member may be left (AT-11).
fn read_p256_point(mut fields: Fields, name: &'static str) -> Result<p256::PublicKey, ReplyFault> {
    let curve: i64 = fields.require(CRV, name)?;
    let x: [u8; 32] = fields.require(X, name)?;
    let y: [u8; 32] = fields.require(Y, name)?;
    if curve != CURVE_P256 || !fields.unknown().is_empty() {
        return Err(ReplyFault::BadValue(name));
    }
    let sec1 = [&[SEC1_UNCOMPRESSED], x.as_slice(), y.as_slice()].concat();
    p256::PublicKey::from_sec1_bytes(&sec1).map_err(|_| ReplyFault::BadValue(name))
}

/// Reads the key-agreement key of a key (CP-02).
///
/// # Errors
/// When it is not exactly that form, or not a point of P-256; the key's fault.
pub fn read_key_agreement(value: Value) -> Result<p256::PublicKey, ReplyFault> {
    const NAME: &str = "keyAgreement";
    let mut fields = Fields::from_cbor(value, NAME)?;
    let key_type: i64 = fields.require(KTY, NAME)?;
    let algorithm: i64 = fields.require(ALG, NAME)?;
    if (key_type, algorithm) != (EC2, ECDH_ES_HKDF_256) {
        return Err(ReplyFault::BadValue(NAME));
    }
    read_p256_point(fields, NAME)
}

/// The platform's key-agreement key as it goes into a request (CP-02).
#[must_use]
pub fn key_agreement(key: &p256::PublicKey) -> Value {
    let sec1 = key.to_sec1_point(false);
    let coordinates = sec1.as_bytes().get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at_checked(32).unwrap_or_default();
    MapBuilder::new()
        .member(KTY, EC2)
        .member(ALG, ECDH_ES_HKDF_256)
        .member(CRV, CURVE_P256)
        .member(X, x)
        .member(Y, y)
        .build()
}

const KTY: i64 = 1;
const ALG: i64 = 3;
const CRV: i64 = -1;
const X: i64 = -2;
const Y: i64 = -3;
const OKP: i64 = 1;
const EC2: i64 = 2;
const CURVE_P256: i64 = 1;
const CURVE_ED25519: i64 = 6;
const SEC1_UNCOMPRESSED: u8 = 0x04;

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::Signer as _;

    use super::*;
    use crate::cbor::{decode, encode};
    use crate::test_support::hex;

    const AUTHENTICATOR: &str = "a5010203381820012158206ff03b949241ce1dadd43519e6960e0a85b41a69a05c328103aa2bce1594ca16\
                                 2258203c4f753a55bf01dc53f6c0b0c7eee78b40c6ff7d25a96e2282b989cef71c144a";

    fn read(bytes: &[u8]) -> Result<PublicKey, ReplyFault> {
        PublicKey::from_cbor(decode(bytes).unwrap(), "key")
    }

    #[test]
    fn the_key_agreement_key_of_v_01_is_read_and_written_back() {
        let key = read_key_agreement(decode(&hex(AUTHENTICATOR)).unwrap()).unwrap();
        let expected = p256::SecretKey::from_slice(&[1; 32]).unwrap().public_key();
        assert_eq!(key, expected);
        assert_eq!(encode(&key_agreement(&key)), hex(AUTHENTICATOR));
    }

    #[test]
    fn key_agreement_keys_off_the_curve_or_of_another_algorithm_are_refused() {
        let mut off_curve = hex(AUTHENTICATOR);
        *off_curve.last_mut().unwrap() ^= 1;
        let other_algorithm = hex(&AUTHENTICATOR.replacen("033818", "033819", 1));
        for bytes in [off_curve, other_algorithm] {
            let fault = read_key_agreement(decode(&bytes).unwrap()).unwrap_err();
            assert_eq!(fault, ReplyFault::BadValue("keyAgreement"));
        }
    }

    #[test]
    fn es256_signatures_are_der_over_the_message() {
        let secret = p256::ecdsa::SigningKey::from_slice(&[3; 32]).unwrap();
        let key = PublicKey::Es256(*secret.verifying_key());
        let signature: p256::ecdsa::Signature = secret.sign(b"message");
        let der = signature.to_der();
        assert_eq!(key.verify(b"message", der.as_bytes()), Ok(()));
        assert_eq!(key.verify(b"massage", der.as_bytes()), Err(SignatureFault::Mismatch));
        assert_eq!(key.verify(b"message", &signature.to_bytes()), Err(SignatureFault::Encoding));
    }

    #[test]
    fn ed25519_signatures_are_64_raw_bytes() {
        let secret = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
        let encoded =
            [hex("a4010103272006215820"), secret.verifying_key().to_bytes().to_vec()].concat();
        let key = read(&encoded).unwrap();
        let signature = ed25519_dalek::Signer::sign(&secret, b"message").to_bytes();
        assert_eq!(key.algorithm(), EDDSA);
        assert_eq!(key.verify(b"message", &signature), Ok(()));
        assert_eq!(key.verify(b"massage", &signature), Err(SignatureFault::Mismatch));
        assert_eq!(key.verify(b"message", &signature[1..]), Err(SignatureFault::Encoding));
    }

    #[test]
    fn a_credential_key_has_exactly_the_prescribed_members() {
        let good = "a5010203262001215820591ab771ebbcfd6d9cb9094d106528add1a69d44c2c1f627f089ec58b9c61adf\
                    2258209f4e6abf0d045c0c693a3c68ad7c97ca72be64def4a26fecd263dd98a92780f0";
        assert_eq!(read(&hex(good)).unwrap().algorithm(), ES256);
        let surplus = good.replacen("a5", "a6", 1) + "2300";
        assert_eq!(read(&hex(&surplus)), Err(ReplyFault::BadValue("key")));
        let cut = good.replacen("a5", "a4", 1)[..84].to_owned();
        assert_eq!(read(&hex(&cut)), Err(ReplyFault::Missing("key")));
    }

    #[test]
    fn a_key_of_an_unknown_algorithm_is_kept_and_verifies_nothing() {
        let key = read(&hex("a2010303390100")).unwrap();
        assert_eq!(key.algorithm(), -257);
        assert_eq!(key.verify(b"", b""), Err(SignatureFault::UnknownAlgorithm(-257)));
    }
}
