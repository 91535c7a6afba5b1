//! The implementation in C and assembler. AWS-LC wipes the memory that it frees.

use alloc::boxed::Box;
use alloc::vec::Vec;

use aws_lc_rs::agreement::{ECDH_P256, ParsedPublicKey, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::SigningKey;
use crate::public_key::{P256Point, PublicKey};
use crate::secret::Secret;

/// ECDSA on P-256 with SHA-256.
pub(crate) fn es256(scalar: &[u8]) -> Option<Box<dyn SigningKey>> {
    let pkcs8 = pkcs8::<32>(PKCS8_P256, scalar)?;
    Some(Box::new(Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8).ok()?)))
}

struct Es256(EcdsaKeyPair);

impl SigningKey for Es256 {
    fn public(&self) -> Option<PublicKey> {
        p256_point(self.0.public_key().as_ref()).map(PublicKey::P256)
    }

    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        ecdsa(&self.0, parts)
    }
}

/// ECDSA on P-384 with SHA-384.
#[cfg(feature = "es384")]
pub(crate) fn es384(scalar: &[u8]) -> Option<Box<dyn SigningKey>> {
    use aws_lc_rs::signature::ECDSA_P384_SHA384_ASN1_SIGNING;
    let pkcs8 = pkcs8::<48>(PKCS8_P384, scalar)?;
    Some(Box::new(Es384(EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &pkcs8).ok()?)))
}

#[cfg(feature = "es384")]
struct Es384(EcdsaKeyPair);

#[cfg(feature = "es384")]
impl SigningKey for Es384 {
    fn public(&self) -> Option<PublicKey> {
        let (x, y) = coordinates(self.0.public_key().as_ref())?;
        Some(PublicKey::Point { curve: 2, x: x.to_vec(), y: y.to_vec() })
    }

    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        ecdsa(&self.0, parts)
    }
}

/// A signature in DER, with a random nonce.
fn ecdsa(pair: &EcdsaKeyPair, parts: &[&[u8]]) -> Option<Vec<u8>> {
    Some(pair.sign(&SystemRandom::new(), &parts.concat()).ok()?.as_ref().to_vec())
}

/// A scalar of `N` bytes as PKCS #8. Its public key is left out, and AWS-LC derives it: that takes a third of what it would take
/// to derive it elsewhere, and there is no room for it in a sealed credential id.
fn pkcs8<const N: usize>(before: &[u8], scalar: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let scalar: &[u8; N] = scalar.try_into().ok()?;
    Some(Zeroizing::new([before, scalar].concat()))
}

/// RFC 5958 around RFC 5915, up to the scalar: versions, `id-ecPublicKey` with the curve, and lengths.
const PKCS8_P256: &[u8] = &[
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01,
    0x01, 0x04, 0x20,
];
#[cfg(feature = "es384")]
const PKCS8_P384: &[u8] = &[
    0x30, 0x4e, 0x02, 0x01, 0x00, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x04, 0x37, 0x30, 0x35, 0x02, 0x01, 0x01, 0x04, 0x30,
];

/// EdDSA on Ed25519, from a seed of 32 bytes.
#[cfg(feature = "eddsa")]
pub(crate) fn eddsa(seed: &[u8]) -> Option<Box<dyn SigningKey>> {
    let seed: &[u8; 32] = seed.try_into().ok()?;
    Some(Box::new(Ed25519(aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(seed).ok()?)))
}

#[cfg(feature = "eddsa")]
struct Ed25519(aws_lc_rs::signature::Ed25519KeyPair);

#[cfg(feature = "eddsa")]
impl SigningKey for Ed25519 {
    fn public(&self) -> Option<PublicKey> {
        self.0.public_key().as_ref().try_into().ok().map(PublicKey::Ed25519)
    }

    /// Raw: `R ‖ S`, 64 bytes (AT-03).
    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        Some(self.0.try_sign(&parts.concat()).ok()?.as_ref().to_vec())
    }
}

/// A P-256 key pair for key agreement.
pub(crate) struct AgreementKey {
    secret: PrivateKey,
    public: P256Point,
}

impl AgreementKey {
    /// The scalar comes from `rng`, so it is as random, and with a seed as repeatable, as everything else.
    pub(crate) fn generate(rng: &mut dyn CryptoRng) -> Self {
        loop {
            // Out of range: hardly ever.
            if let Some(key) = Self::from_scalar(&Secret::random(rng)) {
                return key;
            }
        }
    }

    fn from_scalar(scalar: &Secret<32>) -> Option<Self> {
        let secret = PrivateKey::from_private_key(&ECDH_P256, scalar.expose()).ok()?;
        let public = p256_point(secret.compute_public_key().ok()?.as_ref())?;
        Some(Self { secret, public })
    }

    pub(crate) const fn public(&self) -> &P256Point {
        &self.public
    }

    /// The x coordinate of the shared point (CP-03).
    pub(crate) fn agree(&self, PeerKey(peer): &PeerKey) -> Option<Secret<32>> {
        let mut shared = None;
        let take = |z: &[u8]| {
            shared = z.try_into().ok().map(Secret::new);
            Ok(())
        };
        agree(&self.secret, peer.clone(), (), take).ok()?;
        shared
    }
}

/// The public key of the other end.
pub(crate) struct PeerKey(ParsedPublicKey);

impl PeerKey {
    /// `None`: the point is not on the curve (CP-14).
    pub(crate) fn new(point: &P256Point) -> Option<Self> {
        let unparsed = UnparsedPublicKey::new(&ECDH_P256, point.uncompressed());
        ParsedPublicKey::try_from(unparsed).ok().map(Self)
    }
}

fn p256_point(uncompressed: &[u8]) -> Option<P256Point> {
    let (x, y) = coordinates(uncompressed)?;
    Some(P256Point { x: x.try_into().ok()?, y: y.try_into().ok()? })
}

/// The halves of what follows the `04` of an uncompressed point.
fn coordinates(uncompressed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (4, both) = uncompressed.split_first()? else { return None };
    both.split_at_checked(both.len() / 2)
}
