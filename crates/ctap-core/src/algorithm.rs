//! Signature algorithms and the private keys behind credentials (COSE, RFC 9053; MC-73).

use alloc::vec::Vec;

use rand_core::CryptoRng;

use crate::cbor::{Bytes, MapWriter, to_vec};
use crate::consent::Evidence;
use crate::crypto;
use crate::secret::SecretBytes;

/// A signature algorithm by its COSE number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256 = -7,
}

impl Algorithm {
    /// The algorithm with this COSE number, if this crate has it.
    #[must_use]
    pub const fn from_cose(number: i128) -> Option<Self> {
        match number {
            -7 => Some(Self::Es256),
            _ => None,
        }
    }

    /// The COSE number.
    #[must_use]
    pub const fn cose(self) -> i32 {
        self as i32
    }
}

/// A private key: its algorithm and its secret, a scalar or a seed, big endian, of the algorithm's length.
#[derive(Debug)]
pub struct PrivateKey {
    /// What it signs with.
    pub algorithm: Algorithm,
    /// 32 bytes for ES256.
    pub secret: SecretBytes,
}

impl PrivateKey {
    /// Draws a new key.
    pub(crate) fn generate(algorithm: Algorithm, rng: &mut dyn CryptoRng) -> Self {
        let secret = match algorithm {
            Algorithm::Es256 => crypto::p256_generate(rng).to_vec(),
        };
        Self { algorithm, secret: SecretBytes::new(secret) }
    }

    /// The public half as a COSE_Key (MC-73). `None`: the secret is not a key of its algorithm.
    pub(crate) fn cose_public_key(&self) -> Option<Vec<u8>> {
        match self.algorithm {
            Algorithm::Es256 => {
                let point = crypto::p256_public(self.secret.expose())?;
                Some(cose_p256(Algorithm::Es256.cose(), &point))
            }
        }
    }

    /// Signs the concatenation of `parts`. `evidence` is what allows the key to be used at all.
    pub(crate) fn sign(&self, parts: &[&[u8]], _evidence: &Evidence) -> Option<Vec<u8>> {
        match self.algorithm {
            Algorithm::Es256 => crypto::p256_sign(self.secret.expose(), parts),
        }
    }
}

/// An EC2 COSE_Key on P-256 (CP-02, MC-73).
pub(crate) fn cose_p256(algorithm: i32, point: &crypto::P256Point) -> Vec<u8> {
    let mut key = MapWriter::new();
    key.put(1_u8, 2_u8).put(3_u8, algorithm).put(-1, 1_u8);
    key.put(-2, Bytes(&point.x)).put(-3, Bytes(&point.y));
    to_vec(&key)
}
