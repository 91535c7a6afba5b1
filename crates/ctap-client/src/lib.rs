//! The platform's half of CTAP: PIN/UV auth protocols, requests, parsed replies, channels to a key.
//!
//! # Talking to a key
//!
//! ```
//! # #[cfg(any(target_os = "linux", target_os = "macos", windows))]
//! # mod here {
//! use ctap_client::{Client, HidChannel, local};
//!
//! fn set_up_a_new_key() -> Result<(), Box<dyn std::error::Error>> {
//!     let key = local::list()?.into_iter().next().ok_or("plug in a key")?;
//!     let mut client = Client::new(HidChannel::open(key.open()?)?);
//!     println!("{:?}", client.get_info()?.versions);
//!     client.set_pin("2468")?;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! [`Client`] has a method for each command. [`Error`] says whose fault an error is; no error holds a PIN, a key or
//! a token. A method blocks until the key has answered. If the key waits for a touch, that takes up to half a
//! minute: [`Client::on_keepalive`] is called meanwhile, and can cancel.
//!
//! # A key in the same process
//!
//! Everything that takes a CTAP message and returns one is an [`Exchange`]:
//!
//! ```
//! use ctap_client::{Client, Exchange, KeepaliveStatus, Patience, TransportError};
//!
//! struct Deaf;
//!
//! impl Exchange for Deaf {
//!     fn exchange(
//!         &mut self,
//!         _request: &[u8],
//!         _on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
//!     ) -> Result<Vec<u8>, TransportError> {
//!         Ok(vec![0x01]) // CTAP1_ERR_INVALID_COMMAND, whatever it is asked
//!     }
//! }
//!
//! let refused = Client::new(Deaf).selection().unwrap_err();
//! assert_eq!(refused.status(), Some(ctap_client::Status::InvalidCommand));
//! ```
//!
//! With `ctap-core`'s `SoftKey` instead of `Deaf`, that is a whole key for tests: see `docs/embedding.md` in a
//! clone of this repository. Everything that carries 64-byte reports is a [`ReportPipe`]; [`HidChannel`] makes an
//! [`Exchange`] of it.
//!
//! # Finding your way
//!
//! ```text
//!   commands/*   for each command a request, a reply, and the Client methods
//!       │
//!    Client ──── cbor, pin_protocol, cose, auth_data, attestation
//!       │ trait Exchange: one CTAP message in, one out
//!   HidChannel   CTAPHID: channels, keepalives, cancel
//!       │ trait ReportPipe: 64-byte reports
//!    local       keys of this machine: /dev/hidrawN, or HIDAPI's; USB/IP's host end is elsewhere
//! ```
//!
//! For a key that is a card on a reader, use a [`CardChannel`] over an [`ApduPipe`] instead of [`HidChannel`]. With
//! the feature `pcsc`, a card on a reader of this machine is such a pipe.
//!
//! With the feature `webauthn` the crate also does the browser's part: it takes a site's options and returns a
//! page's credential. `trace` makes messages of recorded packets again.
//!
//! The crate shares no code with `ctap-core`, the authenticator, so that each can find the other's faults. It
//! checks a key's replies: one that is not canonical CBOR, lacks a member or has a wrong one is refused with a
//! [`ReplyFault`]. It can also send requests that no correct platform sends: see [`commands`].

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

pub mod arkg;
pub mod attestation;
pub mod auth_data;
pub mod blob_array;
pub mod card;
pub mod cbor;
pub mod channel;
pub mod client;
pub mod commands;
pub mod cose;
pub mod entities;
pub mod error;
pub mod exchange;
pub mod fields;
#[cfg(any(windows, target_os = "macos"))]
pub mod hidapi;
#[cfg(target_os = "linux")]
pub mod hidraw;
pub mod hmac_secret;
pub mod limits;
#[cfg(any(target_os = "linux", target_os = "macos", windows))]
pub mod local;
pub mod names;
#[cfg(feature = "pcsc")]
pub mod pcsc;
pub mod pcscd;
pub mod pin_protocol;
pub mod pipe;
pub mod preview_sign;
pub mod shown;
pub mod status;
#[cfg(test)]
mod test_support;
pub mod trace;
#[cfg(feature = "webauthn")]
pub mod webauthn;

pub use card::{ApduPipe, CardChannel};
pub use cbor::Value;
pub use channel::HidChannel;
pub use client::Client;
pub use commands::client_pin::Permissions;
pub use commands::{get_assertion, make_credential};
pub use entities::{CredentialDescriptor, CredentialParameters, RelyingParty, User};
pub use error::{Error, ReaderFault, ReplyFault, RequestFault, TransportError};
pub use exchange::{Exchange, KeepaliveStatus, Patience};
pub use pin_protocol::{PinProtocol, PinUvAuthToken, SharedSecret};
pub use pipe::{Report, ReportPipe};
pub use status::Status;

/// The code on the front page of this crate compiles.
#[cfg(all(doctest, target_os = "linux"))]
#[doc = include_str!("../README.md")]
struct FrontPage;
