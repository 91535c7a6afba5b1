//! WebAuthn section 5.8.5 and CTAP section 6.5.6: public keys as COSE_Key maps, and the signatures of these keys.

use ml_dsa::{MlDsa44, MlDsa65, MlDsaParams};
use p256::ecdsa::signature::Verifier as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use rsa::BoxedUint;
use rsa::traits::PublicKeyParts as _;
use sha2::Sha256;

use crate::cbor::{MapBuilder, Value};
use crate::error::ReplyFault;
use crate::fields::{Fields, FromCbor};

/// COSE algorithm ECDSA on P-256 with SHA-256.
pub const ES256: i64 = -7;
/// The same algorithm with a number that names the curve (RFC 9864).
pub const ESP256: i64 = -9;
/// COSE algorithm EdDSA; in CTAP always Ed25519.
pub const EDDSA: i64 = -8;
/// COSE algorithm of key-agreement keys (CP-02).
pub const ECDH_ES_HKDF_256: i64 = -25;

/// COSE algorithm ECDSA on P-384 with SHA-384.
pub const ES384: i64 = -35;
/// COSE algorithm ECDSA on P-521 with SHA-512.
pub const ES512: i64 = -36;
/// COSE algorithm RSASSA-PSS with SHA-256.
pub const PS256: i64 = -37;
/// COSE algorithm ECDSA on secp256k1 with SHA-256.
pub const ES256K: i64 = -47;
/// COSE algorithm ML-DSA-44.
pub const ML_DSA_44: i64 = -48;
/// COSE algorithm ML-DSA-65.
pub const ML_DSA_65: i64 = -49;
/// COSE algorithm RSASSA-PKCS1-v1_5 with SHA-256.
pub const RS256: i64 = -257;

/// The public half of a credential or attestation key.
#[derive(Clone, Debug, PartialEq)]
pub enum PublicKey {
    /// ECDSA on P-256, as ES256.
    Es256(p256::ecdsa::VerifyingKey),
    /// The same, as ESP256.
    Esp256(p256::ecdsa::VerifyingKey),
    /// ECDSA on P-384.
    Es384(p384::ecdsa::VerifyingKey),
    /// ECDSA on P-521.
    Es512(p521::ecdsa::VerifyingKey),
    /// ECDSA on secp256k1.
    Es256K(k256::ecdsa::VerifyingKey),
    /// Ed25519.
    Ed25519(ed25519_dalek::VerifyingKey),
    /// ML-DSA-44, expanded and therefore large.
    MlDsa44(Box<ml_dsa::VerifyingKey<MlDsa44>>),
    /// ML-DSA-65, expanded and therefore large.
    MlDsa65(Box<ml_dsa::VerifyingKey<MlDsa65>>),
    /// RSA, 1024 to 4096 bits, as RS256.
    Rs256(rsa::PublicKey),
    /// The same, as PS256.
    Ps256(rsa::PublicKey),
    /// A well-formed COSE_Key of an algorithm that this crate cannot verify.
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
    /// It does not have the encoding of the algorithm: DER for ECDSA, 64 bytes for EdDSA, as many bytes as the
    /// modulus for RSA (AT-03).
    #[error("the signature has the wrong encoding")]
    Encoding,
    /// It is well-formed, but this key did not make it over this message.
    #[error("the signature does not fit key and message")]
    Mismatch,
    /// This crate does not know the key's algorithm.
    #[error("this program cannot check signatures of COSE algorithm {0}")]
    UnknownAlgorithm(i64),
}

impl PublicKey {
    /// The COSE algorithm number.
    #[must_use]
    pub const fn algorithm(&self) -> i64 {
        match self {
            Self::Es256(_) => ES256,
            Self::Esp256(_) => ESP256,
            Self::Es384(_) => ES384,
            Self::Es512(_) => ES512,
            Self::Es256K(_) => ES256K,
            Self::Ed25519(_) => EDDSA,
            Self::MlDsa44(_) => ML_DSA_44,
            Self::MlDsa65(_) => ML_DSA_65,
            Self::Rs256(_) => RS256,
            Self::Ps256(_) => PS256,
            Self::Other { algorithm, .. } => *algorithm,
        }
    }

    /// Checks a signature over `message`.
    ///
    /// # Errors
    /// [`SignatureFault`]; the signer's fault, except for an unknown algorithm.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureFault> {
        match self {
            Self::Es256(key) | Self::Esp256(key) => {
                let signature = p256::ecdsa::Signature::from_der(signature).ok();
                judge(signature, |signature| key.verify(message, signature).is_ok())
            }
            Self::Es384(key) => {
                let signature = p384::ecdsa::Signature::from_der(signature).ok();
                judge(signature, |signature| key.verify(message, signature).is_ok())
            }
            Self::Es512(key) => {
                let signature = p521::ecdsa::Signature::from_der(signature).ok();
                judge(signature, |signature| key.verify(message, signature).is_ok())
            }
            Self::Es256K(key) => {
                let signature = k256::ecdsa::Signature::from_der(signature).ok();
                judge(signature, |signature| key.verify(message, signature).is_ok())
            }
            Self::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature).ok();
                judge(signature, |signature| key.verify_strict(message, signature).is_ok())
            }
            Self::MlDsa44(key) => verify_ml_dsa(key, message, signature),
            Self::MlDsa65(key) => verify_ml_dsa(key, message, signature),
            Self::Rs256(key) => judge(as_long_as(key, signature), |signature| {
                key.pkcs1v15_verify::<Sha256>(message, signature).is_ok()
            }),
            Self::Ps256(key) => judge(as_long_as(key, signature), |signature| {
                key.pss_verify::<Sha256>(message, signature).is_ok()
            }),
            Self::Other { algorithm, .. } => Err(SignatureFault::UnknownAlgorithm(*algorithm)),
        }
    }
}

fn verify_ml_dsa<P: MlDsaParams>(
    key: &ml_dsa::VerifyingKey<P>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureFault> {
    let signature = ml_dsa::Signature::<P>::try_from(signature).ok();
    judge(signature, |signature| key.verify(message, signature).is_ok())
}

/// A signature that is as long as RSA's modulus.
fn as_long_as<'s>(key: &rsa::PublicKey, signature: &'s [u8]) -> Option<&'s [u8]> {
    (signature.len() == key.size()).then_some(signature)
}

/// A signature that cannot be read is another fault than one that does not match.
fn judge<S>(signature: Option<S>, fits: impl FnOnce(&S) -> bool) -> Result<(), SignatureFault> {
    match signature {
        None => Err(SignatureFault::Encoding),
        Some(signature) if fits(&signature) => Ok(()),
        Some(_) => Err(SignatureFault::Mismatch),
    }
}

impl FromCbor for PublicKey {
    /// Reads a credential public key in the forms of MC-73: exactly the prescribed members, full-width coordinates.
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let mut fields = Fields::from_cbor(value.clone(), name)?;
        let key_type: i64 = fields.require(KTY, name)?;
        let algorithm: i64 = fields.require(ALG, name)?;
        let key = match (key_type, algorithm) {
            (EC2, ES256 | ESP256) => {
                let point = read_point::<32>(fields, CURVE_P256, name)?;
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok();
                key.map(if algorithm == ES256 { Self::Es256 } else { Self::Esp256 })
            }
            (EC2, ES384) => {
                let point = read_point::<48>(fields, CURVE_P384, name)?;
                p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().map(Self::Es384)
            }
            (EC2, ES512) => {
                let point = read_point::<66>(fields, CURVE_P521, name)?;
                p521::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().map(Self::Es512)
            }
            (EC2, ES256K) => {
                let point = read_point::<32>(fields, CURVE_SECP256K1, name)?;
                k256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().map(Self::Es256K)
            }
            (OKP, EDDSA) => {
                let point = read_ed25519(fields, name)?;
                ed25519_dalek::VerifyingKey::from_bytes(&point).ok().map(Self::Ed25519)
            }
            (AKP, ML_DSA_44) => read_ml_dsa(fields, name)?.map(Self::MlDsa44),
            (AKP, ML_DSA_65) => read_ml_dsa(fields, name)?.map(Self::MlDsa65),
            (RSA, RS256) => read_rsa(fields, name)?.map(Self::Rs256),
            (RSA, PS256) => read_rsa(fields, name)?.map(Self::Ps256),
            _ => Some(Self::Other { algorithm, key: value }),
        };
        key.ok_or(ReplyFault::BadValue(name))
    }
}

/// Reads curve and coordinates once `kty` and `alg` have been taken; no other member may be left (AT-11). The point comes
/// back in SEC1's uncompressed form, not yet checked.
fn read_point<const N: usize>(
    mut fields: Fields,
    curve: i64,
    name: &'static str,
) -> Result<Vec<u8>, ReplyFault> {
    let named: i64 = fields.require(CRV, name)?;
    let x: [u8; N] = fields.require(X, name)?;
    let y: [u8; N] = fields.require(Y, name)?;
    if named != curve || !fields.unknown().is_empty() {
        return Err(ReplyFault::BadValue(name));
    }
    Ok([&[SEC1_UNCOMPRESSED], x.as_slice(), y.as_slice()].concat())
}

fn read_ed25519(mut fields: Fields, name: &'static str) -> Result<[u8; 32], ReplyFault> {
    let named: i64 = fields.require(CRV, name)?;
    let x: [u8; 32] = fields.require(X, name)?;
    if named != CURVE_ED25519 || !fields.unknown().is_empty() {
        return Err(ReplyFault::BadValue(name));
    }
    Ok(x)
}

/// An algorithm key pair (RFC 9964); `None` if its length is not the algorithm's.
fn read_ml_dsa<P: MlDsaParams>(
    mut fields: Fields,
    name: &'static str,
) -> Result<Option<Box<ml_dsa::VerifyingKey<P>>>, ReplyFault> {
    let key: Vec<u8> = fields.require(PUB, name)?;
    if !fields.unknown().is_empty() {
        return Err(ReplyFault::BadValue(name));
    }
    let key = ml_dsa::EncodedVerifyingKey::<P>::try_from(key.as_slice()).ok();
    Ok(key.map(|key| Box::new(ml_dsa::VerifyingKey::decode(&key))))
}

/// An RSA key (RFC 8230): numbers without leading zeros. `None` if they cannot be those of such a key.
fn read_rsa(mut fields: Fields, name: &'static str) -> Result<Option<rsa::PublicKey>, ReplyFault> {
    let modulus: Vec<u8> = fields.require(N, name)?;
    let exponent: Vec<u8> = fields.require(E, name)?;
    let has_zeros = |number: &[u8]| number.first().is_none_or(|first| *first == 0);
    if has_zeros(&modulus) || has_zeros(&exponent) || !fields.unknown().is_empty() {
        return Err(ReplyFault::BadValue(name));
    }
    let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
    Ok(rsa::PublicKey::new(number(&modulus), number(&exponent)).ok())
}

/// Reads the public key that an authenticator uses for key agreement (CP-02).
///
/// # Errors
/// [`ReplyFault`]: it does not have exactly that form, or is not a point of P-256; the key's fault.
pub fn read_key_agreement(value: Value) -> Result<p256::PublicKey, ReplyFault> {
    const NAME: &str = "keyAgreement";
    let mut fields = Fields::from_cbor(value, NAME)?;
    let key_type: i64 = fields.require(KTY, NAME)?;
    let algorithm: i64 = fields.require(ALG, NAME)?;
    if (key_type, algorithm) != (EC2, ECDH_ES_HKDF_256) {
        return Err(ReplyFault::BadValue(NAME));
    }
    p256_of(fields, NAME)
}

/// Reads a key on P-256, whatever it says that it is for.
pub(crate) fn read_p256(value: Value, name: &'static str) -> Result<p256::PublicKey, ReplyFault> {
    let mut fields = Fields::from_cbor(value, name)?;
    let key_type: i64 = fields.require(KTY, name)?;
    let _: Option<i64> = fields.take(ALG, name)?;
    if key_type == EC2 { p256_of(fields, name) } else { Err(ReplyFault::BadValue(name)) }
}

/// The point of a key on P-256, once `kty` and `alg` have been taken.
fn p256_of(fields: Fields, name: &'static str) -> Result<p256::PublicKey, ReplyFault> {
    let point = read_point::<32>(fields, CURVE_P256, name)?;
    p256::PublicKey::from_sec1_bytes(&point).map_err(|_| ReplyFault::BadValue(name))
}

/// The platform's key-agreement key as it goes into a request (CP-02).
#[must_use]
pub fn key_agreement(key: &p256::PublicKey) -> Value {
    ec2(key, ECDH_ES_HKDF_256)
}

/// A key on P-256 for this algorithm, as a COSE_Key.
pub(crate) fn ec2(key: &p256::PublicKey, algorithm: i64) -> Value {
    let sec1 = key.to_sec1_point(false);
    let coordinates = sec1.as_bytes().get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at_checked(32).unwrap_or_default();
    MapBuilder::new()
        .member(KTY, EC2)
        .member(ALG, algorithm)
        .member(CRV, CURVE_P256)
        .member(X, x)
        .member(Y, y)
        .build()
}

// Labels, RFC 9053, RFC 8230 and RFC 9964. Which of them is -1 depends on the key type.
const KTY: i64 = 1;
const ALG: i64 = 3;
const CRV: i64 = -1;
const PUB: i64 = -1;
const N: i64 = -1;
const X: i64 = -2;
const E: i64 = -2;
const Y: i64 = -3;

// Key types and curves.
const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;
const AKP: i64 = 7;
const CURVE_P256: i64 = 1;
const CURVE_P384: i64 = 2;
const CURVE_P521: i64 = 3;
const CURVE_ED25519: i64 = 6;
const CURVE_SECP256K1: i64 = 8;

const SEC1_UNCOMPRESSED: u8 = 0x04;

#[cfg(test)]
mod tests {
    use ml_dsa::Keypair as _;
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
    fn ecdsa_on_the_other_curves_is_der_too() {
        let p384 = p384::ecdsa::SigningKey::from_slice(&[5; 48]).unwrap();
        let signature: p384::ecdsa::Signature = p384.sign(b"message");
        let point = p384.verifying_key().to_sec1_point(false);
        let (x, y) = point.as_bytes()[1..].split_at(48);
        let encoded = [&hex("a501020338222002215830"), x, &hex("225830"), y].concat();
        check_signature(&encoded, ES384, signature.to_der().as_bytes());

        let p521 = p521::ecdsa::SigningKey::from_slice(&[1; 66]).unwrap();
        let signature: p521::ecdsa::Signature = p521.sign(b"message");
        let point = p521.verifying_key().to_sec1_point(false);
        let (x, y) = point.as_bytes()[1..].split_at(66);
        let encoded = [&hex("a501020338232003215842"), x, &hex("225842"), y].concat();
        check_signature(&encoded, ES512, signature.to_der().as_bytes());

        let k256 = k256::ecdsa::SigningKey::from_slice(&[5; 32]).unwrap();
        let signature: k256::ecdsa::Signature = k256.sign(b"message");
        let point = k256.verifying_key().to_sec1_point(false);
        let (x, y) = point.as_bytes()[1..].split_at(32);
        let encoded = [&hex("a5010203382e2008215820"), x, &hex("225820"), y].concat();
        check_signature(&encoded, ES256K, signature.to_der().as_bytes());
    }

    #[test]
    fn ml_dsa_signatures_are_raw() {
        let key = ml_dsa::SigningKey::<MlDsa44>::from_seed(&[5; 32].into());
        let encoded =
            [&hex("a3010703382f20590520"), key.verifying_key().encode().as_slice()].concat();
        check_signature(&encoded, ML_DSA_44, key.sign(b"message").encode().as_slice());
        let key = ml_dsa::SigningKey::<MlDsa65>::from_seed(&[5; 32].into());
        let encoded =
            [&hex("a30107033830205907a0"), key.verifying_key().encode().as_slice()].concat();
        check_signature(&encoded, ML_DSA_65, key.sign(b"message").encode().as_slice());
        let short = [&hex("a301070338302041"), [7].as_slice()].concat();
        assert_eq!(read(&short).unwrap_err(), ReplyFault::BadValue("key"));
    }

    #[test]
    fn signatures_of_rsa_are_as_long_as_the_modulus() {
        let key = rsa_key();
        let modulus = key.n_bytes();
        let of = |algorithm: &str| {
            [&hex(algorithm), &hex("20590100"), &modulus[..], &hex("2143010001")].concat()
        };
        let signature = key.pkcs1v15_sign::<Sha256>(b"message").unwrap();
        check_signature(&of("a4010303390100"), RS256, &signature);
        let signature = key.pss_sign_with_rng::<Sha256, _>(&mut getrandom::SysRng, b"message");
        check_signature(&of("a40103033824"), PS256, &signature.unwrap());
    }

    #[test]
    fn a_key_of_rsa_is_two_numbers_without_leading_zeros() {
        let modulus = rsa_key().n_bytes();
        let with = |before: &str, after: &str| {
            [&hex("a4010303390100"), &hex(before), &modulus[..], &hex(after)].concat()
        };
        assert_eq!(read(&with("20590100", "2143010001")).unwrap().algorithm(), RS256);
        let zero = with("2059010100", "2143010001");
        let even = with("20590100", "214102");
        let short = hex("a40103033901002041072143010001");
        for wrong in [zero, even, short] {
            assert_eq!(read(&wrong), Err(ReplyFault::BadValue("key")));
        }
    }

    /// Made once, for it takes long.
    fn rsa_key() -> rsa::PrivateKey {
        let [p, q] = [P, Q].map(|prime| BoxedUint::from_be_slice_vartime(&hex(prime)));
        rsa::PrivateKey::from_p_q(p, q, 65537_u64.into()).unwrap()
    }

    const P: &str = "e4f826706c96ea18d7310b73bd95af988b58835530a624ea3d3aef979476edbce0cb34d344f8b72545d89133\
                     2183a7f2aa06d5c74d0b783e391254d70e1c070a0c885f0ab0b8e63606d71caf6dcf824fec860401c071ad2a\
                     4a7d65f5493b98c041c362af560b8f608d867e03d251431f7df717d20e348e61e378121ddc1fdb97";
    const Q: &str = "db11ee86a606ad179db6aaed9b3aa979ee84ed0306addbc8386b3769812a4a098f5b4ba7c0121c9f8cc67ab3\
                     c2966931929524c59df9532cd65b57af8898d7b112f54910117219779ef38063d42100d723582ddee4589fb8\
                     3472a50e39e34afa7c31ea5756bd56e91fc225d117bc6efc662f977586e05059b0ea7538a8ce0b6b";

    fn check_signature(encoded: &[u8], algorithm: i64, signature: &[u8]) {
        let key = read(encoded).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.verify(b"message", signature), Ok(()));
        assert_eq!(key.verify(b"massage", signature), Err(SignatureFault::Mismatch));
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
        let key = read(&hex("a2010303390101")).unwrap();
        assert_eq!(key.algorithm(), -258);
        assert_eq!(key.verify(b"", b""), Err(SignatureFault::UnknownAlgorithm(-258)));
    }
}
