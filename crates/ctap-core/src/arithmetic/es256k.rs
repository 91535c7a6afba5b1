//! ECDSA on secp256k1 with SHA-256 (RFC 8812). It is only in Rust: some verifiers of this curve accept only the
//! smaller of the two possible S, and AWS-LC does not choose it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use k256::elliptic_curve::sec1::ToSec1Point;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::SigningKey;
use crate::crypto::sha256;
use crate::public_key::PublicKey;

pub(crate) fn es256k(scalar: &[u8]) -> Option<Box<dyn SigningKey>> {
    let scalar: &[u8; 32] = scalar.try_into().ok()?;
    Some(Box::new(Es256K(k256::SecretKey::from_slice(scalar).ok()?)))
}

struct Es256K(k256::SecretKey);

impl SigningKey for Es256K {
    fn public(&self) -> Option<PublicKey> {
        let point = self.0.public_key().to_sec1_point(false);
        Some(PublicKey::Point { curve: 8, x: point.x()?.to_vec(), y: point.y()?.to_vec() })
    }

    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        let scalar = Zeroizing::new(self.0.to_nonzero_scalar());
        let digest = sha256(parts);
        let (signature, _) =
            ecdsa::hazmat::sign_prehashed_rfc6979::<k256::Secp256k1, Sha256>(&scalar, &digest, &[]);
        Some(signature.normalize_s().to_der().as_bytes().to_vec())
    }
}
