//! ESP256-split (draft-lundberg-cose-two-party-signing-algs): ECDSA on P-256 over a digest that somebody else has
//! computed. It is only in Rust, also in a build with AWS-LC.

use alloc::vec::Vec;

use sha2::Sha256;
use zeroize::Zeroizing;

/// The signature of a digest with this scalar, in DER. `None`: it is not a scalar of P-256.
pub(crate) fn esp256_split(scalar: &[u8], digest: &[u8; 32]) -> Option<Vec<u8>> {
    let scalar: &[u8; 32] = scalar.try_into().ok()?; // `from_slice` takes shorter ones, too
    Some(sign_digest(&p256::SecretKey::from_slice(scalar).ok()?, digest))
}

/// The signature of a digest, in DER.
pub(super) fn sign_digest(key: &p256::SecretKey, digest: &[u8; 32]) -> Vec<u8> {
    let scalar = Zeroizing::new(key.to_nonzero_scalar());
    let (signature, _) =
        ecdsa::hazmat::sign_prehashed_rfc6979::<p256::NistP256, Sha256>(&scalar, digest, &[]);
    signature.to_der().as_bytes().to_vec()
}
