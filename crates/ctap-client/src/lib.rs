//! The platform half of CTAP: PIN/UV auth protocols, requests, parsed replies, channels to a key.
//!
//! ```text
//!   commands/*   one request and reply type for each command, and the Client methods
//!       │
//!    Client ──── cbor, pin_protocol, cose, auth_data, attestation
//!       │ trait Exchange: one CTAP message in, one out
//!   HidChannel   CTAPHID: channels, keepalives, cancel
//!       │ trait ReportPipe: 64-byte reports
//!    Hidraw      /dev/hidrawN, or the host end of USB/IP, or a device in this process
//! ```
//!
//! It shares no code with `ctap-core`, the authenticator, so that each can find the other wrong. It judges what a key
//! says: replies that are not canonical CBOR, lack a member or carry a wrong one are refused as [`ReplyFault`]. It can
//! also say what no sane platform would: see [`commands`].

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

pub mod attestation;
pub mod auth_data;
pub mod blob_array;
pub mod cbor;
pub mod channel;
pub mod client;
pub mod commands;
pub mod cose;
pub mod entities;
pub mod error;
pub mod exchange;
pub mod fields;
#[cfg(target_os = "linux")]
pub mod hidraw;
pub mod hmac_secret;
pub mod limits;
pub mod pin_protocol;
pub mod pipe;
pub mod status;
#[cfg(test)]
mod test_support;

pub use cbor::Value;
pub use channel::HidChannel;
pub use client::Client;
pub use commands::client_pin::Permissions;
pub use commands::{get_assertion, make_credential};
pub use entities::{CredentialDescriptor, CredentialParameters, RelyingParty, User};
pub use error::{Error, ReplyFault, RequestFault, TransportError};
pub use exchange::{Exchange, KeepaliveStatus, Patience};
pub use pin_protocol::{PinProtocol, PinUvAuthToken, SharedSecret};
pub use pipe::{Report, ReportPipe};
pub use status::Status;
