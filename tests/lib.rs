//! What the tests that cross crates share.

pub mod addresses;
pub mod map;
pub mod markdown;
pub mod mentions;
pub mod message_bus;
pub mod picture;
pub mod rules;
pub mod tree;
