//! What a person does to agree to a reset: vendors differ.

use ctap_core::config::{ResetGestures, Times};
use ctap_core::consent::{Action, Gesture};
use ctap_core::{Decision, Tap, Transport};

use crate::get_info::texts;
use crate::support::request::config;
use crate::support::{Act, Key, RP, Request, make_credential};

const RESET: Request = Request::new(0x07);

/// A key with a PIN that wants this, and was plugged in for long.
fn key(touch: Times, tap: Times) -> Key {
    let mut key = Key::made(|config| config.reset_gestures = ResetGestures { touch, tap });
    key.set_pin("1234");
    key.advance(1_000_000);
    key
}

fn gestures(key: &mut Key) -> Vec<Gesture> {
    let asked = key.asked();
    assert!(asked.iter().all(|question| question.action == Action::Reset));
    asked.iter().map(|question| question.gesture).collect()
}

#[track_caller]
fn is_erased(key: &Key, expected: bool) {
    assert_eq!(key.state().pin().is_none(), expected);
}

// RS-06, RS-07: re-insert and touch
#[test]
fn a_key_in_a_port_is_plugged_in_again_and_touched_once() {
    let mut key = key(Times::Once, Times::Twice);
    assert_eq!(key.status(&RESET), 0x30);
    for transport in [Transport::Usb, Transport::SmartCard] {
        key.power_up(transport);
        assert_eq!(key.status(&RESET), 0);
        assert_eq!(gestures(&mut key), [Gesture::Touch]);
        is_erased(&key, true);
    }
}

// RS-06, RS-07: touch twice
#[test]
fn a_key_that_is_touched_twice_asks_for_each_touch_and_erases_after_the_second() {
    let mut key = key(Times::Twice, Times::Once);
    key.power_cycle();
    assert_eq!(key.status(&RESET), 0);
    assert_eq!(gestures(&mut key), [Gesture::TouchTwice, Gesture::TouchAgain]);
    is_erased(&key, true);
}

// RS-07
#[test]
fn one_touch_of_two_erases_nothing() {
    let ends = [(Act::Do(Decision::Deny), 0x27), (Act::Sleep, 0x2f), (Act::Cancel, 0x2d)];
    for (act, status) in ends {
        let mut key = key(Times::Twice, Times::Once);
        key.power_cycle();
        key.seal_store();
        key.will(Act::Do(Decision::Approve)).will(act);
        assert_eq!(key.status(&RESET), status);
        assert_eq!(key.asked().len(), 2);
        is_erased(&key, false);
    }
}

// RS-19, NF-43: tap
#[test]
fn a_key_on_a_reader_is_erased_by_laying_it_on_within_the_last_ten_seconds() {
    for (waited, status) in [(0, 0), (10_000, 0), (10_001, 0x30)] {
        let mut key = key(Times::Twice, Times::Once);
        key.tap();
        key.advance(waited);
        assert_eq!(key.status(&RESET), status, "{waited} ms");
        assert_eq!(key.asked(), []);
        is_erased(&key, status == 0);
    }
}

// RS-19, NF-43
#[test]
fn power_that_a_program_has_the_reader_give_is_no_tap() {
    let mut key = key(Times::Once, Times::Once);
    key.tap();
    key.advance(10_001);
    key.power_up(Transport::Nfc);
    assert_eq!(key.status(&RESET), 0x30, "it was laid on too long ago");
    is_erased(&key, false);
    key.tap();
    key.advance(5_000);
    key.power_up(Transport::Nfc);
    assert_eq!(key.status(&RESET), 0);
}

// RS-17, RS-10
#[test]
fn a_tap_that_registered_or_erased_erases_nothing_more() {
    let mut key = key(Times::Once, Times::Once);
    key.tap();
    key.ok(&make_credential(RP));
    assert_eq!(key.status(&RESET), 0x30);
    is_erased(&key, false);
    key.tap();
    key.ok(&RESET);
    assert_eq!(key.status(&RESET), 0x30);
    assert_eq!(key.status(&make_credential(RP)), 0x3b);
}

// RS-19, NF-43: tap twice
#[test]
fn a_key_that_is_tapped_twice_is_not_erased_by_one_tap_or_by_two_too_far_apart() {
    for (between, status) in [(0, 0), (10_000, 0), (10_001, 0x3b)] {
        let mut key = key(Times::Once, Times::Twice);
        key.tap();
        assert_eq!(key.status(&RESET), 0x3b, "one more");
        key.power_up(Transport::Nfc); // a reader gives power more than once for one tap
        assert_eq!(key.status(&RESET), 0x3b);
        is_erased(&key, false);
        key.advance(between);
        key.tap();
        assert_eq!(key.status(&RESET), status, "{between} ms");
        assert_eq!(key.asked(), []);
        is_erased(&key, status == 0);
    }
}

// RS-19: the reader saw no more of the first tap than that there was one
#[test]
fn a_tap_too_short_for_power_counts() {
    let mut key = key(Times::Once, Times::Twice);
    key.authenticator.tap(key.now);
    key.advance(500);
    key.tap();
    assert_eq!(key.status(&RESET), 0);
}

// RS-02, GI-35
#[test]
fn a_reset_comes_only_over_the_transports_that_are_for_it() {
    let mut key = Key::made(|config| config.transports_for_reset = Some(vec![Transport::Nfc]));
    assert_eq!(key.info().get(0x1a), Some(&texts(&["nfc"])));
    key.seal_store();
    assert_eq!(key.status(&RESET), 0x27);
    key.advance(10_001);
    assert_eq!(key.status(&RESET), 0x27, "before the window is looked at");
    key.medium.set(crate::support::store::Medium::Good);
    key.tap();
    assert_eq!(key.status(&RESET), 0);
    assert_eq!(key.asked(), []);
    assert_eq!(Key::made(|_| {}).info().get(0x1a), None, "absent: all");
}

// RS-06, CF-60
#[test]
fn a_long_touch_takes_the_place_of_every_other_gesture() {
    let mut key = Key::made(|config| {
        config.reset_gestures = ResetGestures { touch: Times::Twice, tap: Times::Once };
    });
    key.ok(&config(4));
    let end = |key: &mut Key| (key.status(&RESET), gestures(key));
    key.power_cycle();
    key.will(Act::Do(Decision::Deny));
    assert_eq!(end(&mut key), (0x27, vec![Gesture::LongTouch]));
    key.advance(20_000);
    key.power_up(Transport::Nfc);
    assert_eq!(end(&mut key), (0x30, vec![]), "on a reader it takes the tap as well");
    key.tap();
    assert_eq!(end(&mut key), (0, vec![Gesture::LongTouch]));
}

// RS-07
#[test]
fn whoever_refuses_by_tap_erases_nothing() {
    let mut key = key(Times::Once, Times::Once);
    key.authenticator.set_tap(Tap::Refuses);
    key.tap();
    assert_eq!(key.status(&RESET), 0x27);
    is_erased(&key, false);
}
