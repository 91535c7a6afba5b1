//! ECDSA on P-521 with SHA-512 (RFC 9053). It is only in Rust: it is rare, and nobody waits for it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use p521::elliptic_curve::sec1::ToSec1Point;
use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

use super::SigningKey;
use crate::public_key::PublicKey;

pub(crate) fn es512(scalar: &[u8]) -> Option<Box<dyn SigningKey>> {
    let scalar: &[u8; 66] = scalar.try_into().ok()?;
    Some(Box::new(Es512(p521::SecretKey::from_slice(scalar).ok()?)))
}

struct Es512(p521::SecretKey);

impl SigningKey for Es512 {
    fn public(&self) -> Option<PublicKey> {
        let point = self.0.public_key().to_sec1_point(false);
        Some(PublicKey::Point { curve: 3, x: point.x()?.to_vec(), y: point.y()?.to_vec() })
    }

    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        let scalar = Zeroizing::new(self.0.to_nonzero_scalar());
        let mut hash = Sha512::new();
        parts.iter().for_each(|part| hash.update(part));
        let digest = hash.finalize();
        let (signature, _) =
            ecdsa::hazmat::sign_prehashed_rfc6979::<p521::NistP521, Sha512>(&scalar, &digest, &[]);
        Some(signature.to_der().as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    #[test]
    fn a_signature_matches_the_published_deterministic_example() {
        // RFC 6979 A.2.7, P-521 with SHA-512, message "sample".
        let scalar = hex(
            "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c7085\
                          5836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538",
        );
        let r = hex(
            "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d4\
                     50606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa",
        );
        let signature = es512(&scalar).unwrap().sign(&[b"sam", b"ple"]).unwrap();
        // After the heads of a sequence and of an integer, and a zero.
        assert_eq!(&signature[6..6 + 65], &r[1..]);
    }

    #[test]
    fn what_is_no_scalar_is_no_key() {
        for secret in [&[0; 66][..], &[0xff; 66], &[1; 65], &[1; 67]] {
            assert!(es512(secret).is_none());
        }
    }
}
