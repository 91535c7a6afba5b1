//! Response overrides: what answers tell that is not so, for tests of those who read them.

use ctap_core::Overrides;

use crate::support::{Key, RP, get_assertion, make_credential};
use crate::u2f;

const BAD_UP: Overrides = Overrides { bogus_signature: false, bad_up: true, bad_uv: false };
const BAD_UV: Overrides = Overrides { bogus_signature: false, bad_up: false, bad_uv: true };
const BOGUS: Overrides = Overrides { bogus_signature: true, bad_up: false, bad_uv: false };

#[test]
fn a_bit_that_is_taken_away_is_not_in_what_is_signed_and_the_signature_is_right() {
    let mut key = Key::with_finger();
    let registration = key.ok(&make_credential(RP).option("uv", true));
    let request = get_assertion(RP).list(&[&registration.new_id()]).option("uv", true);
    for (overrides, up, uv) in
        [(BAD_UP, false, true), (BAD_UV, true, false), (Overrides::default(), true, true)]
    {
        key.authenticator.set_overrides(overrides);
        let assertion = key.ok(&request);
        let flags = assertion.auth_data().flags;
        assert_eq!((flags.user_present(), flags.user_verified()), (up, uv), "{overrides:?}");
        assert!(assertion.is_signed_by(&registration), "{overrides:?}");
        let made = key.ok(&make_credential(RP).option("uv", true)).auth_data().flags;
        assert_eq!((made.user_present(), made.user_verified()), (up, uv), "{overrides:?}");
    }
}

#[test]
fn a_bogus_signature_is_one_zero_byte_and_the_next_is_right() {
    let mut key = Key::made(|_| {});
    let registration = key.ok(&make_credential(RP));
    let request = get_assertion(RP).list(&[&registration.new_id()]);
    key.authenticator.set_overrides(BOGUS);
    assert_eq!(key.ok(&request).bytes(3), [0]);
    let statement = key.ok(&make_credential(RP));
    assert_eq!(statement.named(3).get("sig").unwrap().as_bytes().unwrap(), &[0]);
    key.authenticator.set_overrides(Overrides::default());
    assert!(key.ok(&request).is_signed_by(&registration));
}

#[test]
fn they_outlive_a_power_cycle_and_hold_in_u2f() {
    let mut key = u2f::key();
    let (public, handle) = u2f::registered(&key.call_u2f(&u2f::register()));
    key.authenticator.set_overrides(BAD_UP);
    key.power_cycle();
    let answer = key.call_u2f(&u2f::authenticate(0x03, &handle));
    assert_eq!(u2f::authenticated(&answer, &public).0, 0, "the presence byte");
    key.authenticator.set_overrides(BOGUS);
    let answer = key.call_u2f(&u2f::authenticate(0x03, &handle));
    assert_eq!(answer[5..answer.len() - 2], [0], "the signature");
}
