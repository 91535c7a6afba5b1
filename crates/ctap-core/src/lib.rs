//! A FIDO2 (CTAP) authenticator without I/O, clock, randomness or disk of its own.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

pub mod algorithm;
pub mod credential;
pub mod limits;
pub mod secret;
pub mod status;
pub mod store;
pub mod time;
