//! APDUs of any shape to the U2F side of the authenticator, with touches and time between.
//!
//! An answer is a status word, with data before it only if that is 9000; the rest is as for `ctap_requests`.
#![no_main]

use keyfob_fuzz::key::{Key, Step};
use keyfob_fuzz::{person, plant};
use libfuzzer_sys::fuzz_target;

/// A key that speaks U2F.
const VARIANT: u8 = 2;

fuzz_target!(init: plant(seeds), |input: &[u8]| {
    let mut rest = input;
    let mut key = Key::new(VARIANT);
    while let Some(step) = Step::read(&mut rest) {
        key.step(&match step {
            Step::Cbor(channel, message) => Step::U2f(channel, message),
            step => step,
        });
    }
});

fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut sessions = person::sessions();
    sessions.retain(|(name, _)| name == "u2f");
    sessions.into_iter().map(|(name, session)| (name, session[1..].to_vec())).collect()
}
