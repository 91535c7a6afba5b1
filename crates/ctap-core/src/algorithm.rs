//! Signature algorithms and the private keys behind credentials (COSE, RFC 9053; MC-73).

use alloc::vec::Vec;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::cbor::{Bytes, MapWriter, to_vec};
use crate::consent::Evidence;
use crate::crypto;
use crate::secret::SecretBytes;
use crate::signatures;

/// A signature algorithm by its COSE number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256 = -7,
    /// EdDSA on Ed25519.
    EdDsa = -8,
    /// ECDSA on P-384 with SHA-384.
    Es384 = -35,
    /// ECDSA on secp256k1 with SHA-256.
    Es256K = -47,
    /// ML-DSA-44 (FIPS 204): answers longer than most platforms read.
    MlDsa44 = -48,
    /// ML-DSA-65 (FIPS 204): answers longer than most platforms read.
    MlDsa65 = -49,
}

impl Algorithm {
    /// All that this crate has.
    pub const ALL: [Self; 6] =
        [Self::Es256, Self::EdDsa, Self::Es384, Self::Es256K, Self::MlDsa44, Self::MlDsa65];

    /// The algorithm with this COSE number, if this crate has it.
    #[must_use]
    pub fn from_cose(number: i128) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| i128::from(algorithm.cose()) == number)
    }

    /// The COSE number.
    #[must_use]
    pub const fn cose(self) -> i32 {
        self as i32
    }

    /// The length of a private key: a scalar or a seed, in bytes; whole AES blocks for every algorithm.
    #[must_use]
    pub const fn secret_length(self) -> usize {
        match self {
            Self::Es384 => 48,
            _ => 32,
        }
    }

    /// Bytes of a public key as a COSE_Key (MC-73).
    pub(crate) const fn cose_length(self) -> usize {
        match self {
            Self::Es256 => 77,
            Self::EdDsa => 42,
            Self::Es384 => 110,
            Self::Es256K => 78,
            Self::MlDsa44 => 1322,
            Self::MlDsa65 => 1962,
        }
    }

    /// Bytes of the longest signature; those of ECDSA are in DER, and some are shorter (UF-26).
    pub(crate) const fn longest_signature(self) -> usize {
        match self {
            Self::Es256 | Self::Es256K => 72,
            Self::EdDsa => 64,
            Self::Es384 => 104,
            Self::MlDsa44 => 2420,
            Self::MlDsa65 => 3309,
        }
    }
}

/// A private key: its algorithm and its secret, a scalar or a seed, big endian, of the algorithm's length.
#[derive(Debug)]
pub struct PrivateKey {
    /// What it signs with.
    pub algorithm: Algorithm,
    /// [`Algorithm::secret_length`] bytes.
    pub secret: SecretBytes,
}

impl PrivateKey {
    /// Draws a new key. Scalars out of range, of which there are hardly any, are drawn again.
    pub(crate) fn generate(algorithm: Algorithm, rng: &mut dyn CryptoRng) -> Self {
        loop {
            let mut secret = Zeroizing::new(alloc::vec![0; algorithm.secret_length()]);
            rng.fill_bytes(&mut secret);
            let key = Self { algorithm, secret: SecretBytes::new(core::mem::take(&mut *secret)) };
            if signatures::is_valid(key.algorithm, key.secret.expose()) {
                return key;
            }
        }
    }

    /// The public half as a COSE_Key (MC-73). `None`: the secret is not a key of its algorithm.
    pub(crate) fn cose_public_key(&self) -> Option<Vec<u8>> {
        let secret = self.secret.expose();
        let number = self.algorithm.cose();
        match self.algorithm {
            Algorithm::Es256 => Some(cose_p256(number, &crypto::p256_public(secret)?)),
            Algorithm::Es384 => {
                let (x, y) = signatures::p384_public(secret)?;
                Some(cose_ec2(number, 2, &x, &y))
            }
            Algorithm::Es256K => {
                let (x, y) = signatures::k256_public(secret)?;
                Some(cose_ec2(number, 8, &x, &y))
            }
            Algorithm::EdDsa => {
                let mut key = MapWriter::new();
                key.put(1_u8, 1_u8).put(3_u8, number).put(-1, 6_u8);
                key.put(-2, Bytes(&signatures::ed25519_public(secret)?));
                Some(to_vec(&key))
            }
            Algorithm::MlDsa44 => Some(cose_akp(number, &signatures::ml_dsa_44_public(secret)?)),
            Algorithm::MlDsa65 => Some(cose_akp(number, &signatures::ml_dsa_65_public(secret)?)),
        }
    }

    /// Signs the concatenation of `parts`. `evidence` is what allows the key to be used at all. `None`: the secret is not a
    /// key of its algorithm.
    pub(crate) fn sign(&self, parts: &[&[u8]], _evidence: &Evidence) -> Option<Vec<u8>> {
        let secret = self.secret.expose();
        match self.algorithm {
            Algorithm::Es256 => crypto::p256_sign(secret, parts),
            Algorithm::EdDsa => signatures::ed25519_sign(secret, parts),
            Algorithm::Es384 => signatures::p384_sign(secret, parts),
            Algorithm::Es256K => signatures::k256_sign(secret, parts),
            Algorithm::MlDsa44 => signatures::ml_dsa_44_sign(secret, parts),
            Algorithm::MlDsa65 => signatures::ml_dsa_65_sign(secret, parts),
        }
    }
}

/// An EC2 COSE_Key on P-256 (CP-02, MC-73).
pub(crate) fn cose_p256(algorithm: i32, point: &crypto::P256Point) -> Vec<u8> {
    cose_ec2(algorithm, 1, &point.x, &point.y)
}

/// An EC2 COSE_Key; coordinates have the full width of the field (MC-74).
fn cose_ec2(algorithm: i32, curve: u8, x: &[u8], y: &[u8]) -> Vec<u8> {
    let mut key = MapWriter::new();
    key.put(1_u8, 2_u8).put(3_u8, algorithm).put(-1, curve);
    key.put(-2, Bytes(x)).put(-3, Bytes(y));
    to_vec(&key)
}

/// A COSE_Key of the algorithm key pair type, as ML-DSA uses it (RFC 9964).
fn cose_akp(algorithm: i32, public: &[u8]) -> Vec<u8> {
    let mut key = MapWriter::new();
    key.put(1_u8, 7_u8).put(3_u8, algorithm).put(-1, Bytes(public));
    to_vec(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::UserPresent;
    use crate::testing::seeded;

    #[test]
    fn every_algorithm_makes_a_key_that_signs() {
        let mut rng = seeded(1);
        let evidence = Evidence::of_presence(UserPresent::approved(), None);
        for algorithm in Algorithm::ALL {
            let key = PrivateKey::generate(algorithm, &mut rng);
            assert_eq!(key.secret.expose().len(), algorithm.secret_length());
            let public = key.cose_public_key().unwrap();
            assert_eq!(public.len(), algorithm.cose_length(), "{algorithm:?}");
            let signature = key.sign(&[b"a", b"b"], &evidence).unwrap();
            let shorter = algorithm.longest_signature() - signature.len();
            assert!(shorter < 8, "{algorithm:?}: {shorter}");
        }
    }

    #[test]
    fn the_published_scalar_has_the_published_cose_key() {
        let key = PrivateKey {
            algorithm: Algorithm::Es256,
            secret: SecretBytes::new(alloc::vec![3; 32]),
        };
        let cose = key.cose_public_key().unwrap(); // V-11
        assert_eq!(
            cose[..14],
            [0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20, 0x59, 0x1a, 0xb7, 0x71]
        );
        assert_eq!(cose.len(), 77);
    }

    #[test]
    fn numbers_outside_the_table_are_no_algorithm() {
        for number in [0, -9, -257, i128::from(u64::MAX), i128::MIN] {
            assert_eq!(Algorithm::from_cose(number), None);
        }
    }
}
