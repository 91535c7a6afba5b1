//! The implementation in Rust.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::OnceCell;

use p256::elliptic_curve::Generate;
use p256::elliptic_curve::sec1::ToSec1Point;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::SigningKey;
use super::esp256_split::sign_digest;
use crate::crypto::sha256;
use crate::public_key::{P256Point, PublicKey};
use crate::secret::Secret;

/// ECDSA on P-256 with SHA-256.
pub(crate) fn es256(scalar: &[u8]) -> Option<Box<dyn SigningKey>> {
    let scalar: &[u8; 32] = scalar.try_into().ok()?; // `from_slice` takes shorter ones, too
    Some(Box::new(Es256(p256::SecretKey::from_slice(scalar).ok()?)))
}

/// Signs from the scalar itself: p256's `SigningKey` would first derive the public key, which costs as much as a signature.
struct Es256(p256::SecretKey);

impl SigningKey for Es256 {
    fn public(&self) -> Option<PublicKey> {
        Some(PublicKey::P256(point_of(&self.0)))
    }

    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        Some(sign_digest(&self.0, &sha256(parts)))
    }
}

/// ECDSA on P-384 with SHA-384.
#[cfg(feature = "es384")]
pub(crate) fn es384(scalar: &[u8]) -> Option<Box<dyn SigningKey>> {
    let scalar: &[u8; 48] = scalar.try_into().ok()?;
    Some(Box::new(Es384(p384::SecretKey::from_slice(scalar).ok()?)))
}

#[cfg(feature = "es384")]
struct Es384(p384::SecretKey);

#[cfg(feature = "es384")]
impl SigningKey for Es384 {
    fn public(&self) -> Option<PublicKey> {
        let point = self.0.public_key().to_sec1_point(false);
        Some(PublicKey::Point { curve: 2, x: point.x()?.to_vec(), y: point.y()?.to_vec() })
    }

    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        use sha2::Digest as _;
        let scalar = Zeroizing::new(self.0.to_nonzero_scalar());
        let mut hash = sha2::Sha384::new();
        parts.iter().for_each(|part| hash.update(part));
        let digest = hash.finalize();
        let (signature, _) = ecdsa::hazmat::sign_prehashed_rfc6979::<p384::NistP384, sha2::Sha384>(
            &scalar,
            &digest,
            &[],
        );
        Some(signature.to_der().as_bytes().to_vec())
    }
}

/// EdDSA on Ed25519, from a seed of 32 bytes.
#[cfg(feature = "eddsa")]
pub(crate) fn eddsa(seed: &[u8]) -> Option<Box<dyn SigningKey>> {
    Some(Box::new(Ed25519(ed25519_dalek::SigningKey::from_bytes(seed.try_into().ok()?))))
}

#[cfg(feature = "eddsa")]
struct Ed25519(ed25519_dalek::SigningKey);

#[cfg(feature = "eddsa")]
impl SigningKey for Ed25519 {
    fn public(&self) -> Option<PublicKey> {
        Some(PublicKey::Ed25519(self.0.verifying_key().to_bytes()))
    }

    /// Raw: `R ‖ S`, 64 bytes (AT-03).
    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        use ecdsa::signature::Signer as _;
        Some(self.0.sign(&parts.concat()).to_bytes().to_vec())
    }
}

/// A P-256 key pair for key agreement; its secret stays where it is. Its public half is derived when it is first asked for: of most
/// key pairs nobody ever does.
pub(crate) struct AgreementKey {
    secret: Box<p256::SecretKey>,
    public: OnceCell<P256Point>,
}

impl AgreementKey {
    pub(crate) fn generate(rng: &mut dyn CryptoRng) -> Self {
        let secret = Box::new(p256::SecretKey::generate_from_rng(rng));
        Self { public: OnceCell::new(), secret }
    }

    pub(crate) fn public(&self) -> &P256Point {
        self.public.get_or_init(|| point_of(&self.secret))
    }

    /// The x coordinate of the shared point (CP-03).
    pub(crate) fn agree(&self, PeerKey(peer): &PeerKey) -> Option<Secret<32>> {
        let scalar = Zeroizing::new(self.secret.to_nonzero_scalar());
        let shared = p256::ecdh::diffie_hellman(&*scalar, peer.as_affine());
        Some(Secret::filled(|z| *z = (*shared.raw_secret_bytes()).into()))
    }
}

/// The public key of the other end.
pub(crate) struct PeerKey(p256::PublicKey);

impl PeerKey {
    /// `None`: the point is not on the curve (CP-14).
    pub(crate) fn new(point: &P256Point) -> Option<Self> {
        p256::PublicKey::from_sec1_bytes(&point.uncompressed()).ok().map(Self)
    }
}

fn point_of(secret: &p256::SecretKey) -> P256Point {
    let point = secret.public_key().to_sec1_point(false);
    let coordinate = |bytes: Option<&p256::FieldBytes>| bytes.copied().unwrap_or_default().into();
    P256Point { x: coordinate(point.x()), y: coordinate(point.y()) }
}
