//! Signature algorithms and the private keys behind credentials (COSE, RFC 9053; MC-73).

use crate::secret::SecretBytes;

/// A signature algorithm by its COSE number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256 = -7,
    /// Ed25519.
    EdDsa = -8,
}

impl Algorithm {
    /// The algorithm with this COSE number, if this crate has it.
    #[must_use]
    pub const fn from_cose(number: i128) -> Option<Self> {
        match number {
            -7 => Some(Self::Es256),
            -8 => Some(Self::EdDsa),
            _ => None,
        }
    }

    /// The COSE number.
    #[must_use]
    pub const fn cose(self) -> i32 {
        self as i32
    }
}

/// A private key: its algorithm and its secret (a scalar or a seed, big endian, of the algorithm's length).
#[derive(Debug)]
pub struct PrivateKey {
    /// What it signs with.
    pub algorithm: Algorithm,
    /// 32 bytes for ES256 and EdDSA.
    pub secret: SecretBytes,
}
