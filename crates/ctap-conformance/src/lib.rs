//! The demands of the CTAP standard on a security key, as cases that people can read and that run against any key.
//!
//! ```text
//!   vectors/*.toml ──► Suite ── Case: rules, a sentence, needs, steps
//!                                 │
//!   run ── brings the key into the case's first state, plays the steps, keeps an Outcome
//!                                 │ trait Transport: messages, a person's hand, the plug, time
//!   HidKey ── trait Operator ── a key behind CTAPHID: in this process, over USB/IP, at /dev/hidrawN
//!   CardKey ─────────┘          a key that is a card on a reader
//! ```
//!
//! It shares no code with `ctap-core`. Everything that it knows about keys is in the cases; it encodes and encrypts
//! with `ctap-client`. `vectors/README.md` teaches how cases are written. `examples/own_authenticator.rs` shows how
//! to test an authenticator of your own.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod card;
mod case;
mod hid;
mod limits;
mod needs;
mod notation;
mod operator;
mod outcome;
mod play;
mod report;
mod run;
mod script;
mod suite;
mod transport;
mod waiting;
mod watch;

pub use card::CardKey;
pub use case::{Case, Chapter, Level};
pub use hid::HidKey;
pub use notation::SyntaxError;
pub use operator::Operator;
pub use outcome::{Expectations, Failure, Judgement, KeyDescription, Outcome, Report, Verdict};
pub use run::{Imitated, KnownPin, Options, run};
pub use suite::{Suite, SuiteError};
pub use transport::{Answer, Endless, Hand, Transport, TransportFailure};

/// The code on the front page of this crate compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct FrontPage;
