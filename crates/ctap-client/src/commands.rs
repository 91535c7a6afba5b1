//! One file for each command of CTAP section 6: its request, its reply, and the [`Client`](crate::Client) methods.
//!
//! Requests are plain structures. Each member may be left out, and `extra` adds or replaces members with any value,
//! so a conformance test can send what a correct platform would not send.

pub mod bio_enrollment;
pub mod client_pin;
pub mod config;
pub mod credential_management;
pub mod get_assertion;
pub mod get_info;
pub mod large_blobs;
pub mod make_credential;
pub mod reset;
pub mod selection;
pub mod u2f;

use crate::cbor::{self, Value};

/// The message of the MAC for a subcommand: the head that the command prescribes, and the encoded parameters.
fn mac_message(head: &[u8], params: Option<&Value>) -> Vec<u8> {
    let mut message = head.to_vec();
    message.extend(params.into_iter().flat_map(cbor::encode));
    message
}

/// The head of the MAC's message for config and largeBlobs (CF-08, LB-39).
const FIXED_HEAD: [u8; 32] = [0xFF; 32];

/// Command bytes (CTAP section 6, MSG-05).
pub mod code {
    /// authenticatorMakeCredential
    pub const MAKE_CREDENTIAL: u8 = 0x01;
    /// authenticatorGetAssertion
    pub const GET_ASSERTION: u8 = 0x02;
    /// authenticatorGetInfo
    pub const GET_INFO: u8 = 0x04;
    /// authenticatorClientPIN
    pub const CLIENT_PIN: u8 = 0x06;
    /// authenticatorReset
    pub const RESET: u8 = 0x07;
    /// authenticatorGetNextAssertion
    pub const GET_NEXT_ASSERTION: u8 = 0x08;
    /// authenticatorBioEnrollment
    pub const BIO_ENROLLMENT: u8 = 0x09;
    /// authenticatorCredentialManagement
    pub const CREDENTIAL_MANAGEMENT: u8 = 0x0A;
    /// authenticatorSelection
    pub const SELECTION: u8 = 0x0B;
    /// authenticatorLargeBlobs
    pub const LARGE_BLOBS: u8 = 0x0C;
    /// authenticatorConfig
    pub const CONFIG: u8 = 0x0D;
}
