//! A key on a reader: the tap takes the place of the touch.

use ctap_core::config::FingerprintSensor;
use ctap_core::consent::Gesture;
use ctap_core::{Config, Decision, Tap, Transport};
use proptest::prelude::*;

use crate::attestation::attestation_key;
use crate::get_info::texts;
use crate::invariants;
use crate::support::request::{config, credential_management};
use crate::support::{
    ALL, Act, CM, GA, Key, MC, RP, Request, Setup, get_assertion, make_credential,
};
use crate::u2f::{self, NO_ERROR, NOT_TOUCHED};

const SELECTION: Request = Request::new(0x0b);
const UP_REQUIRED: u8 = 0x3b;

/// A key that was plugged in for long, and then laid on a reader. Whoever is asked for anything refuses.
fn tapped(edit: impl FnOnce(&mut Config)) -> Key {
    let mut key = Key::made(edit);
    key.advance(77_000);
    key.tap();
    key.script.extend([Act::Do(Decision::Deny); 9]);
    key
}

// GI-05, GI-18, NF-44
#[test]
fn get_info_is_the_same_on_every_transport() {
    let all = [Transport::Usb, Transport::Nfc, Transport::SmartCard];
    let mut key = Key::made(|config| config.transports = all.to_vec());
    let told = all.map(|transport| {
        key.power_up(transport);
        key.info().without(&[0x19, 0x1e]) // GI-91: never the same twice
    });
    assert_eq!(told[0].get(9), Some(&texts(&["usb", "nfc", "smart-card"])));
    assert!(told.iter().all(|info| *info == told[0]));
}

// NF-40, NF-41, MC-37, GA-34
#[test]
fn a_tap_is_good_for_one_request_and_nobody_is_asked() {
    let id = |key: &mut Key| key.ok(&make_credential(RP)).new_id();
    for is_registration in [true, false] {
        let mut key = tapped(|_| {});
        let id = id(&mut key);
        key.tap();
        let request =
            if is_registration { make_credential(RP) } else { get_assertion(RP).list(&[&id]) };
        assert!(key.ok(&request).auth_data().flags.user_present());
        for spent in [&request, &make_credential(RP), &get_assertion(RP), &SELECTION] {
            assert_eq!(key.status(spent), UP_REQUIRED);
        }
        key.power_up(Transport::Nfc); // the reader took its power away and gave it back
        assert_eq!(key.status(&request), 0);
        assert_eq!(key.asked(), []);
    }
}

// NF-40
#[test]
fn a_tap_is_presence_for_two_minutes_after_power_up() {
    for (waited, status) in [(0, 0), (119_999, 0), (120_000, UP_REQUIRED), (1 << 30, UP_REQUIRED)] {
        let mut key = tapped(|_| {});
        key.advance(waited);
        assert_eq!(key.status(&make_credential(RP)), status, "{waited} ms");
    }
}

// NF-41, MC-32, GA-17, GA-18, GA-21
#[test]
fn what_needs_no_presence_or_finds_nothing_leaves_the_tap() {
    let mut key = tapped(|_| {});
    let id = key.ok(&make_credential(RP)).new_id();
    key.tap();
    assert_eq!(key.status(&get_assertion(RP).list(&[&id]).silent()), 0);
    assert_eq!(key.status(&get_assertion(RP)), 0x2e, "a client may go on with another RP id");
    assert_eq!(key.status(&make_credential(RP).list(&[&id])), 0x19);
    assert_eq!(key.status(&make_credential(RP).without(4)), 0x14);
    assert_eq!(key.status(&get_assertion(RP).list(&[&id])), 0);
    assert_eq!(key.asked(), []);
}

// MC-32, MC-60, MC-37
#[test]
fn without_a_tap_nobody_learns_whether_a_credential_is_here() {
    let mut key = tapped(|_| {});
    let id = key.ok(&make_credential(RP)).new_id();
    assert_eq!(key.status(&make_credential(RP).list(&[&id])), UP_REQUIRED);
    assert_eq!(key.status(&get_assertion("unknown.example")), UP_REQUIRED);
}

// SL-06, SL-04, MC-02, GA-02
#[test]
fn a_key_is_picked_by_its_tap_and_then_used_by_the_same_tap() {
    let mut key = tapped(|_| {});
    let (probe, dummy) = (make_credential(RP).param(vec![], 2), make_credential(".dummy"));
    assert_eq!(key.status(&SELECTION), 0);
    assert_eq!(key.status(&SELECTION), 0, "while the tap counts");
    assert_eq!(key.status(&probe), 0x35);
    assert_eq!(key.status(&get_assertion(RP).param(vec![], 2)), 0x35);
    assert_eq!(key.status(&dummy), 0);
    assert_eq!(key.status(&make_credential(RP)), 0);
    for spent in [SELECTION, probe, dummy] {
        assert_eq!(key.status(&spent), UP_REQUIRED);
    }
    assert_eq!(key.asked(), []);
}

// NF-41, MC-36, CP-124, CP-126
#[test]
fn a_token_by_pin_needs_the_tap_too_and_management_leaves_it() {
    let mut key = Key::with_pin();
    key.tap();
    let token = key.token(ALL, Some(RP));
    key.ok(&config(4).auth(&token));
    let made = key.ok(&make_credential(RP).rk().auth(&token));
    assert!(made.auth_data().flags.user_present() && made.auth_data().flags.user_verified());
    let token = key.token(GA, Some(RP));
    assert_eq!(key.status(&get_assertion(RP).auth(&token)), UP_REQUIRED);
    let token = key.token(CM, None);
    assert_eq!(key.status(&credential_management(1).auth(&token)), 0);
    assert_eq!(key.asked(), []);
}

// NF-42, CP-123, CP-129
#[test]
fn over_nfc_a_token_must_be_used_within_19_8_seconds() {
    for (transport, limit) in
        [(Transport::Usb, 30_000), (Transport::SmartCard, 30_000), (Transport::Nfc, 19_800)]
    {
        for (waited, status) in [(limit - 1, 0), (limit, 0x33)] {
            let mut key = Key::with_pin();
            key.power_up(transport);
            let token = key.token(CM, None);
            key.advance(waited);
            let request = credential_management(1).auth(&token);
            assert_eq!(key.status(&request), status, "{transport:?}");
            key.advance(599_999 - waited);
            assert_eq!(key.status(&request), status, "once used it lives on");
        }
    }
}

// NF-42, NF-41, CP-124
#[test]
fn the_presence_of_a_finger_stands_19_8_seconds_in_a_token() {
    for (waited, status) in [(19_799, 0), (19_800, UP_REQUIRED)] {
        let mut key = Setup { pin: true, finger: true, not_rqd: true, ..Setup::default() }.key();
        key.tap();
        key.advance(110_000);
        let token = key.uv_token(MC | GA, Some(RP));
        key.status(&get_assertion(RP).silent().auth(&token)); // so it lives on
        key.advance(waited); // the tap has had its two minutes
        assert_eq!(key.status(&make_credential(RP).auth(&token)), status);
    }
}

// BE-40, MC-34, NF-41
#[test]
fn a_finger_is_still_asked_for_and_uses_the_tap_up() {
    let sensor = |config: &mut Config| config.fingerprints = Some(FingerprintSensor::default());
    let mut key = Key::made(sensor);
    key.enroll(1);
    key.tap();
    key.will(Act::Do(Decision::Finger(1)));
    let made = key.ok(&make_credential(RP).option("uv", true));
    assert!(made.auth_data().flags.user_present() && made.auth_data().flags.user_verified());
    let gestures: Vec<_> = key.asked().iter().map(|question| question.gesture).collect();
    assert_eq!(gestures, [Gesture::Finger]);
    assert_eq!(key.status(&SELECTION), UP_REQUIRED);
    key.will(Act::Do(Decision::Deny));
    assert_eq!(key.status(&get_assertion(RP).option("uv", true)), 0x27, "refusing works");
}

// NF-44
#[test]
fn a_smart_card_asks_for_a_touch_as_a_usb_key_does() {
    let mut key = tapped(|_| {});
    key.power_up(Transport::SmartCard);
    for request in [make_credential(RP), SELECTION] {
        assert_eq!(key.status(&request), 0x27);
        assert_eq!(key.asked().len(), 1);
    }
    key.power_up(Transport::Usb);
    assert_eq!(key.status(&make_credential(RP)), 0x27, "a tap is nothing there");
}

// NF-40, MC-35, GA-20, SL-02, MC-32
#[test]
fn a_tap_may_be_a_refusal_or_agree_to_everything() {
    let mut key = tapped(|_| {});
    let id = key.ok(&make_credential(RP)).new_id();
    let requests = [
        (make_credential(RP), 0x27),
        (make_credential(RP).list(&[&id]), 0x19),
        (get_assertion(RP).list(&[&id]), 0x27),
        (SELECTION, 0x27),
        (Request::new(0x07), 0x27),
    ];
    key.authenticator.set_tap(Tap::Refuses);
    key.tap();
    for (request, refusal) in &requests {
        assert_eq!(key.status(request), *refusal);
    }
    key.authenticator.set_tap(Tap::AgreesToAll);
    key.power_cycle();
    key.power_up(Transport::Nfc);
    key.advance(9_000);
    for (request, refusal) in requests {
        let expected = if refusal == 0x19 { 0x19 } else { 0 };
        assert_eq!(key.status(&request), expected);
        assert_eq!(key.status(&SELECTION), 0);
    }
    assert_eq!(key.asked(), []);
}

// NF-07, CP-18, CP-26, GA-52
#[test]
fn a_key_that_leaves_the_field_forgets_what_an_unplugged_one_forgets() {
    let mut key = Key::with_pin();
    for user in [b"a", b"b"] {
        let token = key.token(MC, Some(RP));
        key.ok(&make_credential(RP).user(user, "x").rk().auth(&token));
    }
    key.tap();
    let token = key.token(GA | CM, Some(RP));
    assert_eq!(key.ok(&get_assertion(RP).auth(&token)).number(5), 2);
    let token = key.token(CM, None);
    for _ in 0..3 {
        key.try_pin("0");
    }
    assert_eq!(key.try_pin("1234"), 0x34);
    key.tap();
    assert_eq!(key.status(&Request::new(0x08)), 0x30);
    assert_eq!(key.status(&credential_management(1).auth(&token)), 0x33);
    assert_eq!(key.try_pin("1234"), 0);
}

fn u2f_key() -> Key {
    tapped(|config| {
        config.u2f = true;
        config.attestation_key = Some(attestation_key(1));
    })
}

// UF-22, UF-34, UF-40, NF-40, NF-41
#[test]
fn u2f_takes_the_tap_for_its_touch_and_does_not_wait_without_one() {
    let mut key = u2f_key();
    let (_, handle) = u2f::registered(&key.call_u2f(&u2f::register()));
    let sign = u2f::authenticate(3, &handle);
    assert_eq!(key.call_u2f(&sign), NOT_TOUCHED, "the tap is used up");
    assert_eq!(key.call_u2f(&u2f::register()), NOT_TOUCHED);
    key.tap();
    assert_eq!(key.call_u2f(&u2f::authenticate(7, &handle)), NOT_TOUCHED, "UF-33");
    assert_eq!(u2f::status(&key.call_u2f(&u2f::authenticate(8, &handle))), NO_ERROR);
    assert_eq!(u2f::status(&key.call_u2f(&sign)), NO_ERROR);
    assert_eq!(key.call_u2f(&sign), NOT_TOUCHED);
    key.authenticator.set_tap(Tap::Refuses);
    key.tap();
    assert_eq!(key.call_u2f(&sign), NOT_TOUCHED);
    assert_eq!((key.asked(), key.authenticator.poll_timeout()), (vec![], None));
}

// UF-62
#[test]
fn a_dummy_registration_leaves_the_tap_for_the_real_one() {
    let mut key = u2f_key();
    let dummy = u2f::apdu(u2f::REGISTER, 3, &[[0x42; 32], [0x41; 32]].concat());
    assert_eq!(u2f::status(&key.call_u2f(&dummy)), NO_ERROR);
    u2f::registered(&key.call_u2f(&u2f::register()));
    assert_eq!(key.call_u2f(&dummy), NOT_TOUCHED);
}

proptest! {
    #![proptest_config(invariants::config(64))]

    // NF-40, NF-41, P-6
    #[test]
    fn no_more_is_made_than_the_key_was_given_power_on_a_reader(
        steps in proptest::collection::vec((0..8_u8, 0..100_000_u64), 1..30),
    ) {
        let mut key = u2f_key();
        key.script.clear();
        let (mut given, mut made) = (1, 0);
        for (step, wait) in steps {
            key.advance(wait);
            match step {
                0 => { key.tap(); given += 1; }
                1 => { key.power_up(Transport::Nfc); given += 1; }
                2 => { key.ok(&Request::new(0x04)); }
                3 => made += usize::from(key.status(&make_credential(RP).rk()) == 0),
                4 => made += usize::from(key.status(&get_assertion(RP)) == 0),
                5 => made += usize::from(u2f::status(&key.call_u2f(&u2f::register())) == NO_ERROR),
                6 => { key.status(&SELECTION); }
                _ => { key.status(&make_credential(".dummy")); }
            }
            prop_assert!(made <= given, "{made} of {given}");
            prop_assert_eq!(key.asked(), []);
        }
    }
}
