//! Public keys, and their form in COSE (RFC 9053, MC-73).

use alloc::vec::Vec;

use crate::cbor::{Bytes, MapWriter, to_vec};

/// The public half of a key pair.
pub(crate) enum PublicKey {
    /// A point on P-256.
    P256(P256Point),
    /// A point on another curve, by its COSE number; coordinates have the full width of the field (MC-74).
    #[cfg(any(feature = "es384", feature = "es512", feature = "es256k"))]
    Point { curve: u8, x: Vec<u8>, y: Vec<u8> },
    /// A compressed point on Ed25519.
    #[cfg(feature = "eddsa")]
    Ed25519([u8; 32]),
    /// A key of ML-DSA.
    #[cfg(feature = "ml-dsa")]
    MlDsa(Vec<u8>),
    /// A key of RSA: both numbers big endian, without leading zeros.
    #[cfg(feature = "rsa")]
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
}

impl PublicKey {
    /// As a COSE_Key for the algorithm with this number (MC-73).
    pub(crate) fn cose(&self, algorithm: i32) -> Vec<u8> {
        match self {
            Self::P256(point) => point.cose(algorithm),
            #[cfg(any(feature = "es384", feature = "es512", feature = "es256k"))]
            Self::Point { curve, x, y } => ec2(algorithm, *curve, x, y),
            #[cfg(feature = "eddsa")]
            Self::Ed25519(x) => {
                let mut key = MapWriter::new();
                key.put(1_u8, 1_u8).put(3_u8, algorithm).put(-1, 6_u8).put(-2, Bytes(x));
                to_vec(&key)
            }
            // The algorithm key pair type (RFC 9964).
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa(public) => {
                let mut key = MapWriter::new();
                key.put(1_u8, 7_u8).put(3_u8, algorithm).put(-1, Bytes(public));
                to_vec(&key)
            }
            // RFC 8230.
            #[cfg(feature = "rsa")]
            Self::Rsa { modulus, exponent } => {
                let mut key = MapWriter::new();
                key.put(1_u8, 3_u8).put(3_u8, algorithm);
                key.put(-1, Bytes(modulus)).put(-2, Bytes(exponent));
                to_vec(&key)
            }
        }
    }

    /// `04 ‖ x ‖ y` of a key on P-256, the only ones that U2F knows.
    pub(crate) fn uncompressed(&self) -> Option<[u8; 65]> {
        match self {
            Self::P256(point) => Some(point.uncompressed()),
            #[allow(unreachable_patterns, reason = "without other algorithms there are no others")]
            _ => None,
        }
    }
}

/// A point on P-256 as its two coordinates, big endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct P256Point {
    pub(crate) x: [u8; 32],
    pub(crate) y: [u8; 32],
}

impl P256Point {
    /// `04 ‖ x ‖ y`, as U2F and X.509 write it.
    pub(crate) fn uncompressed(&self) -> [u8; 65] {
        let mut bytes = [4; 65];
        let coordinates = self.x.iter().chain(&self.y);
        bytes.iter_mut().skip(1).zip(coordinates).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// As a COSE_Key (CP-02, MC-73).
    pub(crate) fn cose(&self, algorithm: i32) -> Vec<u8> {
        ec2(algorithm, 1, &self.x, &self.y)
    }
}

/// A COSE_Key of a point.
fn ec2(algorithm: i32, curve: u8, x: &[u8], y: &[u8]) -> Vec<u8> {
    let mut key = MapWriter::new();
    key.put(1_u8, 2_u8).put(3_u8, algorithm).put(-1, curve);
    key.put(-2, Bytes(x)).put(-3, Bytes(y));
    to_vec(&key)
}
