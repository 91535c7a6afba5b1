//! What the tests that cross crates share.

pub mod rules;
pub mod tree;
