//! Key generation, signing and key agreement: the slowest work of a key.
//!
//! ES256, ES384, EdDSA and key agreement have two implementations. One of them is chosen when this crate is built.
//! RustCrypto's crates are written in Rust and need no standard library. AWS-LC (feature `aws-lc`) is written in C
//! and assembler, and takes less than half of the time. Keys and EdDSA signatures are the same in both. ECDSA
//! nonces differ: with RustCrypto they follow from key and message (RFC 6979); with AWS-LC they are random, from
//! its own generator.
//!
//! Every function that makes a [`SigningKey`] takes a scalar, a seed, or two primes, big endian. `None` means that
//! the secret is not a key of its algorithm. The keys wipe themselves when they are dropped.

use alloc::vec::Vec;

use crate::public_key::PublicKey;

pub(crate) mod arkg;
#[cfg(any(feature = "aws-lc", test))]
mod aws_lc;
#[cfg(feature = "es256k")]
mod es256k;
#[cfg(feature = "es512")]
mod es512;
mod esp256_split;
#[cfg(feature = "ml-dsa")]
mod ml_dsa;
#[cfg(feature = "rsa")]
mod rsa;
#[cfg(any(not(feature = "aws-lc"), test))]
mod rust_crypto;
#[cfg(test)]
mod tests;

#[cfg(feature = "aws-lc")]
use self::aws_lc as chosen;
#[cfg(feature = "es256k")]
pub(crate) use self::es256k::es256k;
#[cfg(feature = "es512")]
pub(crate) use self::es512::es512;
pub(crate) use self::esp256_split::esp256_split;
#[cfg(feature = "ml-dsa")]
pub(crate) use self::ml_dsa::{ml_dsa_44, ml_dsa_65};
#[cfg(feature = "rsa")]
pub(crate) use self::rsa::{primes as rsa_primes, ps256, rs256};
#[cfg(not(feature = "aws-lc"))]
use self::rust_crypto as chosen;

#[cfg(feature = "eddsa")]
pub(crate) use self::chosen::eddsa;
#[cfg(feature = "es384")]
pub(crate) use self::chosen::es384;
pub(crate) use self::chosen::{AgreementKey, PeerKey, es256};

/// A private key, ready to sign.
pub(crate) trait SigningKey {
    /// The public key. Some implementations derive it again each time, so ask once.
    fn public(&self) -> Option<PublicKey>;

    /// Signs the concatenation of `parts`: DER for ECDSA, raw for the others.
    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>>;
}
