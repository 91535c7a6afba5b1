//! Tools of the unit tests of this crate.

use alloc::vec::Vec;

use crate::algorithm::Algorithm;
use crate::crypto::HashRng;

/// Keys of RS256 are the same, and take as long to make.
pub(crate) const ONE_OF_RSA_IS_ENOUGH: Algorithm = Algorithm::Ps256;

/// Randomness that is the same in every run.
pub(crate) fn seeded(seed: u8) -> HashRng {
    HashRng::new([seed; 32])
}

/// The bytes that these hexadecimal digits stand for.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
