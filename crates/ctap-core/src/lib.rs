//! A FIDO2 security key without I/O: CTAP 2.3 and U2F as a pure state machine.
//!
//! An [`Authenticator`] takes one message and returns one response. It reads no clock, draws no randomness, opens
//! no file and waits for nothing. Time, randomness and durable memory come in with each call, as a [`Platform`]. A
//! person comes in as a [`Decision`] about a [`Question`].
//!
//! ```text
//!              handle(channel, bytes)         Step::Reply(response)
//!   transport ──────────────────────▶ ┌───────────────┐ ───────────▶ transport
//!                                     │ Authenticator │
//!   person ─────────────────────────▶ └───────────────┘ ───────────▶ person
//!              answer(prompt, decision)  ▲     │    Step::Wait(prompt, question)
//!                                        │     ▼
//!                               Platform { store, rng, now }
//! ```
//!
//! # In a test
//!
//! [`SoftKey`] is an authenticator with everything it needs. `ctap-client` writes requests and checks responses:
//!
//! ```
//! use ctap_client::{RelyingParty, User, make_credential};
//! use ctap_core::{CheckedConfig, SoftKey};
//!
//! let hash = [1; 32]; // SHA-256 of the client data
//! let mut key = SoftKey::new(CheckedConfig::default(), [7; 32]);
//! let (site, user) = (RelyingParty::new("example.org"), User::new(*b"1", "ada"));
//! let request = make_credential::Request::new(hash, site, user).encode();
//! let response = key.call(&request);
//! let reply = make_credential::Reply::parse(&response[1..], true).unwrap();
//! reply.verify("example.org", &hash).unwrap(); // RP id, touch, signature
//! ```
//!
//! A closure stands for the person who touches the key, or does not:
//!
//! ```
//! use ctap_core::{CheckedConfig, Decision, SoftKey};
//!
//! let mut key = SoftKey::new(CheckedConfig::default(), [7; 32]);
//! key.set_person(|question| {
//!     println!("{:?} for {:?}?", question.action, question.rp_id);
//!     Some(Decision::Deny)
//! });
//! let response = key.call(&[0x0b]); // authenticatorSelection
//! assert_eq!(response, [0x27]); // CTAP2_ERR_OPERATION_DENIED
//! ```
//!
//! `docs/embedding.md` in a clone of this repository has more: time, power, PINs, fingers, other kinds of keys,
//! media that fail.
//!
//! # Behind a transport
//!
//! ```
//! use core::time::Duration;
//!
//! use ctap_core::{Authenticator, Channel, CheckedConfig, Decision, Platform, Step, Store};
//! use ctap_core::Transport;
//! # use ctap_core::rand_core;
//! # fn serve(rng: &mut dyn rand_core::CryptoRng) {
//! let mut store = Store::in_memory(rng);
//! let now = Duration::ZERO;
//! let mut platform = Platform { store: &mut store, rng, now };
//! let mut key = Authenticator::new(CheckedConfig::default(), Transport::Usb, &mut platform);
//!
//! match key.handle(Channel(1), &[0x0b], &mut platform) {
//!     Step::Reply(response) => drop(response.message), // send it
//!     Step::Wait(prompt, question) => {
//!         // Show it, keep the transport alive, and when a person has decided:
//!         drop(question);
//!         let _ = key.answer(prompt, Decision::Approve, &mut platform);
//!     }
//!     Step::Kept => {}
//! }
//! # }
//! ```
//!
//! While a question is open, [`Authenticator::poll_timeout`] says when to call [`Authenticator::handle_timeout`].
//! Each [`power_cycle`](Authenticator::power_cycle) names the [`Transport`] that the power came over, because over
//! NFC a tap replaces the touch.
//!
//! # What the types guarantee
//!
//! * Before a person has approved, or the platform has asked for a silent assertion, no record changes and no
//!   private key signs: the functions that do it take the proof as an argument ([`consent`]). The owner of the key
//!   has other ways ([`Authenticator::add_credential`] and similar methods), which no message can use.
//! * An answer counts only for its own question. [`PromptId`]s are never used again.
//! * The price of a PIN try is in the [`Store`] before the PIN is checked.
//! * Secrets are wiped when they are dropped, never printed, and compared in constant time ([`secret`]).
//!
//! # What it will not do
//!
//! Transports (see `hid-transport`), prompts, files, attestation certificates, backup or synchronisation of
//! credentials. It is software: its secrets are protected only as well as the process around it.
//!
//! # Finding your way
//!
//! | you want | look at |
//! |---|---|
//! | a key for tests | [`SoftKey`] |
//! | a key behind a transport | [`Authenticator`], [`Platform`], [`Step`] |
//! | another kind of key | [`Config`], [`Config::checked`] |
//! | to ask a person | [`Question`], [`Decision`] |
//! | a key on a reader | [`Transport`], [`Authenticator::tap`], [`Tap`] |
//! | to store its memory | [`Memory`], [`Store`], [`records`] |
//! | to see what it remembers | [`state::State`] |
//! | to add credentials, or read them | [`CredentialSource`], [`Authenticator::add_credential`] |
//! | its attestation | [`attestation`] |
//! | wrong answers, for tests of programs that read them | [`Overrides`], [`Authenticator::set_overrides`] |
//! | all limits | [`limits`] |
//!
//! One file for each thing that the standard has a section for: `commands/`, `extensions/`, `pin/`. Rule ids such as `MC-07`
//! in comments name the rule that a line carries out; `docs/spec-map.md` says how to list them with their tests.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

pub mod algorithm;
mod arithmetic;
pub mod attestation;
mod auth_data;
mod authenticator;
mod cbor;
mod change;
mod channel;
mod commands;
pub mod config;
pub mod consent;
mod counter;
pub mod credential;
mod credential_id;
pub mod credential_source;
mod credentials;
mod crypto;
mod extensions;
pub mod limits;
pub mod memory;
mod overrides;
pub mod pin;
mod policy;
mod public_key;
pub mod records;
pub mod secret;
mod session;
mod soft;
pub mod state;
#[cfg(feature = "state-v1")]
pub mod state_v1;
pub mod status;
pub mod store;
mod taps;
#[cfg(test)]
mod testing;
pub mod touches;
mod transport;
mod uses;
mod uv;

pub use authenticator::{Authenticator, FingerError, Misfit, Platform, Response, Step};
pub use channel::Channel;
pub use config::{CheckedConfig, Config};
pub use consent::{Decision, PromptId, Question};
pub use credential_source::CredentialSource;
pub use memory::Memory;
pub use overrides::Overrides;
/// The traits behind [`Platform::rng`], in the version that this crate uses.
pub use rand_core;
pub use soft::SoftKey;
pub use status::Status;
pub use store::Store;
pub use taps::Tap;
pub use transport::Transport;

/// The code on the front page of this crate compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct FrontPage;
