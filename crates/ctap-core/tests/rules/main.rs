//! The rules of the standard, asked of the authenticator from outside: one file for each command.
//!
//! Requests are written and answers are judged by `ctap-client`, which shares no code with this crate.

mod attestation;
mod bio_enrollment;
mod client_pin;
mod config;
mod config_check;
mod consent;
mod credential_management;
mod credential_sources;
mod ctap20;
mod durability;
mod extensions;
mod get_assertion;
mod get_info;
mod hmac_secret;
mod imitations;
mod invariants;
mod large_blobs;
mod longest;
mod make_credential;
mod messages;
mod noise;
mod overrides;
mod pin_retries;
mod preview_sign;
mod records;
mod registration;
mod reset_gestures;
mod reset_selection;
mod support;
mod taps;
mod tokens;
mod touches;
mod u2f;
mod walks;
