//! Private keys as PKCS#8 (RFC 5958), and public keys as X.509 has them (RFC 5280 section 4.1.2.7): of elliptic curves (RFC 5915), Ed25519
//! (RFC 8410), of RSA (RFC 8017) and of RSA for PSS alone (RFC 4055), and ML-DSA as a seed (RFC 9881).

use ctap_client::Value;
use ctap_client::cbor;
use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::secret::SecretBytes;
use p256::pkcs8::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use p256::pkcs8::der::pem::{PemLabel as _, decode_vec};
use p256::pkcs8::der::{Decode as _, Encode as _};
use p256::pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfo};
use p256::pkcs8::{LineEnding, PrivateKeyInfoRef};
use rsa::BoxedUint;
use rsa::pkcs1::{EncodeRsaPrivateKey as _, RsaPrivateKeyRef, RsaPublicKeyRef, UintRef};
use rsa::traits::PublicKeyParts as _;
use sec1::EcPrivateKey;
use zeroize::Zeroizing;

/// Why bytes are not a private key for a credential. The fault is the writer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is not PKCS#8, or the part inside does not have the encoding of its algorithm.
    #[error("the private key is not PKCS#8 (DER, without a passphrase)")]
    Encoding,
    /// The text has no PEM block with such a key.
    #[error("there is no private key in it (PEM, PKCS#8 without a passphrase)")]
    NoPem,
    /// An RSA key of another size or form.
    #[error(
        "the private key is an RSA key, but not one of 2048 bits with two primes and the exponent 65537"
    )]
    Rsa,
    /// keyfob does not sign with this algorithm or curve.
    #[error("the private key is of an algorithm that keyfob does not have")]
    Algorithm,
    /// The number is outside the range of its algorithm.
    #[error("the private key is out of the range of its algorithm")]
    Range,
}

impl KeyError {
    /// What the user can do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Encoding | Self::NoPem => {
                "convert it: `openssl pkcs8 -topk8 -nocrypt -in KEY.pem`"
            }
            Self::Rsa | Self::Algorithm | Self::Range => {
                "use one of P-256, P-384, P-521, secp256k1, Ed25519, RSA-2048 or ML-DSA"
            }
        }
    }
}

/// Reads DER.
///
/// # Errors
/// [`KeyError`].
pub fn from_der(der: &[u8]) -> Result<PrivateKey, KeyError> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Encoding)?;
    let inner = info.private_key.as_bytes();
    let primes;
    let (algorithm, secret) = match info.algorithm.oid {
        oid @ (RSA | RSA_PSS) => {
            primes = primes_of(inner)?;
            (if oid == RSA { Algorithm::Rs256 } else { Algorithm::Ps256 }, &primes[..])
        }
        EC => {
            let curve = info.algorithm.parameters_oid().map_err(|_| KeyError::Encoding)?;
            (of_curve(curve).ok_or(KeyError::Algorithm)?, scalar(inner)?)
        }
        ED25519 => (Algorithm::EdDsa, octets(inner)?),
        ML_DSA_44 => (Algorithm::MlDsa44, seed(inner)?),
        ML_DSA_65 => (Algorithm::MlDsa65, seed(inner)?),
        _ => return Err(KeyError::Algorithm),
    };
    let key = PrivateKey { algorithm, secret: SecretBytes::new(secret.to_vec()) };
    let is_one = secret.len() == algorithm.secret_length() && key.public_key().is_some();
    if is_one { Ok(key) } else { Err(KeyError::Range) }
}

/// Reads the first block of PEM with the label `PRIVATE KEY`.
///
/// # Errors
/// [`KeyError`].
pub fn from_pem(text: &str) -> Result<PrivateKey, KeyError> {
    const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
    let start = text.find(BEGIN).ok_or(KeyError::NoPem)?;
    let (label, der) = decode_vec(&text.as_bytes()[start..]).map_err(|_| KeyError::NoPem)?;
    let der = Zeroizing::new(der);
    if label != PrivateKeyInfoRef::PEM_LABEL {
        return Err(KeyError::NoPem);
    }
    from_der(&der)
}

/// Writes DER. For an elliptic curve it includes the public key, because some programs cannot read the private key
/// without it. `None`: the key is not valid for its algorithm.
pub fn to_der(key: &PrivateKey) -> Option<Zeroizing<Vec<u8>>> {
    let secret = key.secret.expose();
    let public = Public::of(key)?;
    let inner = Zeroizing::new(match key.algorithm {
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::Es256K => {
            EcPrivateKey { private_key: secret, parameters: None, public_key: Some(&public.bytes) }
                .to_der()
                .ok()?
        }
        Algorithm::EdDsa => OctetStringRef::new(secret).ok()?.to_der().ok()?,
        Algorithm::MlDsa44 | Algorithm::MlDsa65 => {
            [&[SEED, u8::try_from(secret.len()).ok()?], secret].concat()
        }
        Algorithm::Rs256 | Algorithm::Ps256 => {
            return public.beside(of_primes(secret)?.to_pkcs1_der().ok()?.as_bytes());
        }
        _ => return None,
    });
    public.beside(&inner)
}

/// Writes PEM. `None`: as for [`to_der`].
pub fn to_pem(key: &PrivateKey) -> Option<Zeroizing<String>> {
    let der = to_der(key)?;
    let label = PrivateKeyInfoRef::PEM_LABEL;
    let text = p256::pkcs8::der::pem::encode_string(label, LineEnding::LF, &der);
    text.ok().map(Zeroizing::new)
}

/// The public key as a `SubjectPublicKeyInfo` in DER. `None`: as for [`to_der`].
pub fn public_to_der(key: &PrivateKey) -> Option<Vec<u8>> {
    let public = Public::of(key)?;
    let info = SubjectPublicKeyInfo {
        algorithm: public.identifier(),
        subject_public_key: BitStringRef::from_bytes(&public.bytes).ok()?,
    };
    info.to_der().ok()
}

/// A public key as X.509 has it.
struct Public {
    algorithm: ObjectIdentifier,
    curve: Option<ObjectIdentifier>,
    bytes: Vec<u8>,
}

impl Public {
    fn of(key: &PrivateKey) -> Option<Self> {
        let map = cbor::decode(&key.public_key()?).ok()?;
        let member = |label: i64| {
            let found = map.as_map()?.iter().find(|(key, _)| *key == Value::from(label));
            found?.1.as_bytes().cloned()
        };
        let (algorithm, curve) = match key.algorithm {
            Algorithm::Es256 => (EC, Some(P256)),
            Algorithm::Es384 => (EC, Some(P384)),
            Algorithm::Es512 => (EC, Some(P521)),
            Algorithm::Es256K => (EC, Some(SECP256K1)),
            Algorithm::EdDsa => (ED25519, None),
            Algorithm::MlDsa44 => (ML_DSA_44, None),
            Algorithm::MlDsa65 => (ML_DSA_65, None),
            Algorithm::Rs256 => (RSA, None),
            Algorithm::Ps256 => (RSA_PSS, None),
            _ => return None,
        };
        let bytes = match key.algorithm {
            Algorithm::EdDsa => member(-2)?,
            Algorithm::MlDsa44 | Algorithm::MlDsa65 => member(-1)?,
            Algorithm::Rs256 | Algorithm::Ps256 => two_numbers(&member(-1)?, &member(-2)?)?,
            _ => [vec![UNCOMPRESSED], member(-2)?, member(-3)?].concat(),
        };
        Some(Self { algorithm, curve, bytes })
    }

    /// RSA has parameters that say nothing (RFC 8017 appendix A.1), and RSA for PSS none: any hash will do (RFC 4055 section 3.1).
    fn identifier(&self) -> AlgorithmIdentifierRef<'_> {
        let nothing = (self.algorithm == RSA).then_some(AnyRef::NULL);
        AlgorithmIdentifierRef {
            oid: self.algorithm,
            parameters: self.curve.as_ref().map(AnyRef::from).or(nothing),
        }
    }

    /// PKCS#8 with this inside it.
    fn beside(&self, inner: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let inner = OctetStringRef::new(inner).ok()?;
        let info = PrivateKeyInfoRef::new(self.identifier(), inner);
        info.to_der().ok().map(Zeroizing::new)
    }
}

fn of_curve(curve: ObjectIdentifier) -> Option<Algorithm> {
    match curve {
        P256 => Some(Algorithm::Es256),
        P384 => Some(Algorithm::Es384),
        P521 => Some(Algorithm::Es512),
        SECP256K1 => Some(Algorithm::Es256K),
        _ => None,
    }
}

fn scalar(inner: &[u8]) -> Result<&[u8], KeyError> {
    EcPrivateKey::from_der(inner).map(|key| key.private_key).map_err(|_| KeyError::Encoding)
}

fn octets(inner: &[u8]) -> Result<&[u8], KeyError> {
    <&OctetStringRef>::from_der(inner).map(OctetStringRef::as_bytes).map_err(|_| KeyError::Encoding)
}

/// `[0] IMPLICIT OCTET STRING`, as RFC 9881 writes a seed.
fn seed(inner: &[u8]) -> Result<&[u8], KeyError> {
    match inner {
        [SEED, length, seed @ ..] if usize::from(*length) == seed.len() => Ok(seed),
        _ => Err(KeyError::Encoding),
    }
}

/// The primes of a key that is as all of ours are, one after the other.
fn primes_of(inner: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let key = RsaPrivateKeyRef::try_from(inner).map_err(|_| KeyError::Encoding)?;
    let both = [key.prime1.as_bytes(), key.prime2.as_bytes()];
    let is_usual = key.other_prime_infos.is_none()
        && key.public_exponent.as_bytes() == EXPONENT
        && both.iter().all(|prime| prime.len() == PRIME);
    if !is_usual {
        return Err(KeyError::Rsa);
    }
    let both = Zeroizing::new(both.concat());
    let modulus = of_primes(&both).map(|key| key.n_bytes());
    if modulus.as_deref() == Some(key.modulus.as_bytes()) { Ok(both) } else { Err(KeyError::Range) }
}

/// The key of these primes, with all that follows from them.
fn of_primes(both: &[u8]) -> Option<rsa::PrivateKey> {
    let (p, q) = both.split_at_checked(PRIME)?;
    let [p, q, exponent] = [p, q, &EXPONENT].map(BoxedUint::from_be_slice_vartime);
    rsa::PrivateKey::from_p_q(p, q, exponent).ok()
}

/// A public key of RSA (RFC 8017 appendix A.1.1).
fn two_numbers(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let number = |bytes| UintRef::new(bytes).ok();
    RsaPublicKeyRef { modulus: number(modulus)?, public_exponent: number(exponent)? }.to_der().ok()
}

/// Bytes of each prime of RSA.
const PRIME: usize = 128;
/// The public exponent, 65537.
const EXPONENT: [u8; 3] = [1, 0, 1];
/// The tag of a seed.
const SEED: u8 = 0x80;
/// How a point begins (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 0x04;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const SECP256K1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ML_DSA_44: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
