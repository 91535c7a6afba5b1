//! Anything a client can send to the authenticator, with people and time between.
//!
//! What must hold after each step is in `key`: one answer for each request, to who asked, canonical and not too long; nothing
//! durable without consent; PIN retries that grow only by a right PIN or a reset; no late click.
#![no_main]

use keyfob_fuzz::key::Key;
use keyfob_fuzz::{person, plant};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: plant(person::sessions), |input: &[u8]| Key::play(input));
