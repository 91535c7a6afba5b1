//! The key's end, driven as a host and an authenticator drive it, in simulated time.
//!
//! One file for each section of the rules, then the lists of the two conformance tools.

mod assembly;
mod bench;
mod channels;
mod frames;
mod hid_1;
mod limits;
mod order_of_checks;
mod ping_wink_lock;
mod properties;
mod requests;
mod u2f_ref;
