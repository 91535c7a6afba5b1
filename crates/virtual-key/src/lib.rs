//! A whole virtual security key: the authenticator behind its transports, with memory, attestation and a USB port.
//!
//! [`VirtualKey`] is such a key as a value, for integration tests: plugged into this machine's kernel, offered over USB/IP, or
//! within the process. It blocks, runs on a thread of its own, and is unplugged when it is dropped.
//!
//! It is made of the modules below, which are for programs that have a Tokio runtime themselves. Their functions
//! that wait are `async`. Run them on one thread, in a `LocalSet` on a `current_thread` runtime.
//!
//! | module | is |
//! |---|---|
//! | [`keys`] | the keys of a process, each in a port of a `usbip_server::Server` |
//! | [`key`] | one key: `ctap-core` behind `hid-transport`, and its prompts |
//! | [`memory`] | its memory: encrypted records in a directory, or nothing |
//! | [`profile`] | the kind of key, from TOML |
//! | [`attestation`] | the key and the certificates that its attestation uses |
//! | [`metadata`] | its metadata statement, for relying parties |
//! | [`faults`] | faults on purpose |
//! | [`credential_formats`] | the credential formats of browsers' drivers and password managers |
//! | [`large_blobs`] | the blob of WebAuthn's extension largeBlob |
//! | [`host`] | this machine's kernel as the host of a key |
//! | [`power_cycle`] | unplugging a key and plugging it in again |
//! | [`recording`] | the messages of a key and its hosts, in a file that Wireshark reads |
//! | [`meter`] | counts what keys do, and how long it takes |
//! | [`vpcd`] | a virtual NFC reader of this machine as the host of a key |
//! | [`strict_json`] | JSON without repeated members |
//! | [`peers`] | which programs of this machine may connect over TCP |
//!
//! The crate does not harden the process that a key runs in: everybody who can read the process's memory has the
//! key's secrets. A program for people should first do what `keyfob` does: allow no core dumps, and make files for
//! its user alone.

pub mod attestation;
pub mod bell;
mod builder;
mod connection;
pub mod credential_formats;
mod error;
pub mod faults;
#[cfg(test)]
mod gated;
pub mod host;
mod inside;
pub mod key;
pub mod keys;
pub mod large_blobs;
pub mod memory;
pub mod metadata;
pub mod meter;
pub mod peers;
pub mod platform;
pub mod power_cycle;
mod private_file;
pub mod profile;
pub mod recording;
mod sites;
pub mod strict_json;
#[cfg_attr(unix, path = "system/unix.rs")]
#[cfg_attr(windows, path = "system/windows.rs")]
mod system;
mod thread;
mod virtual_key;
pub mod vpcd;

pub use builder::Builder;
pub use connection::Connection;
pub use ctap_core::credential::Backup;
pub use ctap_core::credential_source::{CredentialError, Properties, Scope};
pub use ctap_core::{CredentialSource, Decision, FingerError};
pub use error::{Error, Warn, log};
pub use key::{Touch, Verification};
pub use keys::Prompt;
pub use virtual_key::VirtualKey;

/// The code on the front page of this crate compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct FrontPage;
