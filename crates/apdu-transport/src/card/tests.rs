//! The card's end, driven as a reader and an authenticator drive it, in simulated time.
//!
//! One file for each section of the rules, then what clients send, and the list of the conformance tool.

mod bench;
mod chaining;
mod clients;
mod lengths;
mod limits;
mod messages;
mod nfc_1;
mod polling;
mod properties;
mod selection;
mod u2f;
