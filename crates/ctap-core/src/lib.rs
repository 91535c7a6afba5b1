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
pub mod attestation;
mod auth_data;
mod authenticator;
mod cbor;
mod commands;
pub mod config;
pub mod consent;
pub mod credential;
mod credential_id;
mod crypto;
mod extensions;
pub mod limits;
pub mod pin;
mod policy;
pub mod secret;
mod session;
mod signatures;
pub mod status;
pub mod store;
#[cfg(test)]
mod testing;
pub mod time;
mod uv;

pub use authenticator::{Authenticator, Channel, Platform, Response, Step};
pub use config::Config;
pub use consent::{Decision, PromptId, Question};
pub use status::Status;
pub use store::{MemoryStore, Store};
pub use time::Instant;
