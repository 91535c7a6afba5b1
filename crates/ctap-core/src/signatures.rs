//! The signature algorithms beside ES256, each as a few functions on a raw secret. `None` everywhere means that the secret is
//! not a key of its algorithm.

use alloc::vec::Vec;

use ecdsa::signature::{Keypair, MultipartSigner, SignatureEncoding, Signer};
use ml_dsa::{MlDsa44, MlDsa65, MlDsaParams};
use p384::elliptic_curve::sec1::ToSec1Point;
use sha2::{Digest, Sha256, Sha384};
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;

/// Coordinates of a public point.
type Point<const N: usize> = ([u8; N], [u8; N]);

/// The secret is a key: seeds always are, scalars must be in range.
pub(crate) fn is_valid(algorithm: Algorithm, secret: &[u8]) -> bool {
    match algorithm {
        Algorithm::Es256 => p256::SecretKey::from_slice(secret).is_ok(),
        Algorithm::Es384 => p384::SecretKey::from_slice(secret).is_ok(),
        Algorithm::Es256K => k256::SecretKey::from_slice(secret).is_ok(),
        Algorithm::EdDsa | Algorithm::MlDsa44 | Algorithm::MlDsa65 => secret.len() == 32,
    }
}

pub(crate) fn p384_public(scalar: &[u8]) -> Option<Point<48>> {
    let point = p384::SecretKey::from_slice(scalar).ok()?.public_key().to_sec1_point(false);
    Some(((*point.x()?).into(), (*point.y()?).into()))
}

pub(crate) fn p384_sign(scalar: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    let secret = Zeroizing::new(p384::SecretKey::from_slice(scalar).ok()?.to_nonzero_scalar());
    let digest = digest::<Sha384>(parts);
    let (signature, _) =
        ecdsa::hazmat::sign_prehashed_rfc6979::<p384::NistP384, Sha384>(&secret, &digest, &[]);
    Some(signature.to_der().as_bytes().to_vec())
}

pub(crate) fn k256_public(scalar: &[u8]) -> Option<Point<32>> {
    let point = k256::SecretKey::from_slice(scalar).ok()?.public_key().to_sec1_point(false);
    Some(((*point.x()?).into(), (*point.y()?).into()))
}

/// With the smaller of the two possible S, which some verifiers of this curve insist on.
pub(crate) fn k256_sign(scalar: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    let secret = Zeroizing::new(k256::SecretKey::from_slice(scalar).ok()?.to_nonzero_scalar());
    let digest = digest::<Sha256>(parts);
    let (signature, _) =
        ecdsa::hazmat::sign_prehashed_rfc6979::<k256::Secp256k1, Sha256>(&secret, &digest, &[]);
    Some(signature.normalize_s().to_der().as_bytes().to_vec())
}

pub(crate) fn ed25519_public(seed: &[u8]) -> Option<[u8; 32]> {
    Some(ed25519(seed)?.verifying_key().to_bytes())
}

/// Raw: `R ‖ S`, 64 bytes (AT-03).
pub(crate) fn ed25519_sign(seed: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    Some(ed25519(seed)?.sign(&parts.concat()).to_bytes().to_vec())
}

fn ed25519(seed: &[u8]) -> Option<ed25519_dalek::SigningKey> {
    Some(ed25519_dalek::SigningKey::from_bytes(seed.try_into().ok()?))
}

pub(crate) fn ml_dsa_44_public(seed: &[u8]) -> Option<Vec<u8>> {
    ml_dsa_public::<MlDsa44>(seed)
}

pub(crate) fn ml_dsa_65_public(seed: &[u8]) -> Option<Vec<u8>> {
    ml_dsa_public::<MlDsa65>(seed)
}

pub(crate) fn ml_dsa_44_sign(seed: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    ml_dsa_sign::<MlDsa44>(seed, parts)
}

pub(crate) fn ml_dsa_65_sign(seed: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    ml_dsa_sign::<MlDsa65>(seed, parts)
}

fn ml_dsa_public<P: MlDsaParams>(seed: &[u8]) -> Option<Vec<u8>> {
    Some(ml_dsa::<P>(seed)?.verifying_key().encode().to_vec())
}

fn ml_dsa_sign<P: MlDsaParams>(seed: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    Some(ml_dsa::<P>(seed)?.try_multipart_sign(parts).ok()?.to_vec())
}

fn ml_dsa<P: MlDsaParams>(seed: &[u8]) -> Option<ml_dsa::SigningKey<P>> {
    Some(ml_dsa::SigningKey::from_seed(seed.try_into().ok()?))
}

fn digest<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = D::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().to_vec()
}
