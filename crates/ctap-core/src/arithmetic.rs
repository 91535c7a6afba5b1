//! Key generation, signing and key agreement: what a key spends its time with.
//!
//! ES256, ES384, EdDSA and key agreement have two implementations, and one is chosen when this crate is built: RustCrypto's
//! crates, which are Rust and need no standard library; or, with the feature `aws-lc`, AWS-LC, which is C and assembler and
//! takes less than half of the time. Keys are the same in both, and so are signatures of EdDSA. Those of ECDSA have nonces that
//! follow from key and message in the first (RFC 6979) and are random in the second, from AWS-LC's own generator.
//!
//! Every function that makes a [`SigningKey`] takes a scalar, a seed, or two primes, big endian; `None` means that it is not a key of its
//! algorithm. What they make wipes itself when dropped.

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
    /// Its public half. Derived again by some: ask once.
    fn public(&self) -> Option<PublicKey>;

    /// Signs the concatenation of `parts`: DER for ECDSA, raw for the others.
    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>>;
}
