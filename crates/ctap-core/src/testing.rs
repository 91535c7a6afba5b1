//! What the unit tests of this crate share.

use crate::crypto::HashRng;

/// Randomness that is the same in every run.
pub(crate) fn seeded(seed: u8) -> HashRng {
    HashRng::new([seed; 32])
}
