//! authenticatorReset and authenticatorSelection.

use std::time::Duration;

use ctap_core::Decision;
use ctap_core::consent::{Action, Gesture};

use crate::support::key::CHANNEL;
use crate::support::pin::{ACFG, padded};
use crate::support::request::{
    client_pin, config, credential_management, params, read_blobs, write_blobs,
};
use crate::support::{
    ALL, Act, CM, Key, LBW, PCMR, PinProtocol, RP, Request, Setup, Value, get_assertion,
    make_credential, sha256,
};

const RESET: Request = Request::new(0x07);
const SELECTION: Request = Request::new(0x0b);

// RS-01, RS-08, RS-13, RS-14, GA-58
#[test]
fn a_reset_ends_every_credential() {
    let mut key = Key::with_pin();
    let token = key.token(ALL, Some(RP));
    let stored = key.ok(&make_credential(RP).rk().auth(&token)).new_id();
    let sealed = key.ok(&make_credential(RP).user(b"eve", "Eve")).new_id();
    for id in [&stored, &sealed] {
        assert_eq!(key.status(&get_assertion(RP).list(&[id])), 0);
    }
    key.power_cycle();
    assert!(key.ok(&RESET).is_empty());
    for id in [&stored, &sealed] {
        assert_eq!(key.status(&get_assertion(RP).list(&[id])), 0x2e);
        assert_eq!(key.status(&make_credential(RP).list(&[id])), 0, "nor is it excluded");
    }
    assert_eq!(key.info().number(0x14), 10);
    assert_eq!(key.option("clientPin"), Some(false));
}

/// Everything about a key that a reset takes back is another than from the factory.
fn used_key() -> Key {
    let mut key = Setup { pin: true, finger: true, not_rqd: true, ..Setup::default() }.key();
    let token = key.token(LBW | ACFG, None);
    let array = [&[0x81, 0x00][..], &sha256(&[0x81, 0x00])[..16]].concat();
    key.ok(&write_blobs(0, &array, Some(18)).auth(&token));
    key.ok(&config(4).auth(&token));
    key.ok(&config(2).auth(&token));
    let policy = [(1, 6.into()), (2, vec![Value::from(RP)].into()), (4, true.into())];
    key.ok(&config(3).with(2, params(policy)).auth(&token));
    key.try_pin("0");
    key
}

// RS-09, RS-11, RS-13, LB-03, LB-50, CF-11, GI-92, GI-93, CP-17, CP-59
#[test]
fn a_reset_restores_every_setting_and_draws_new_secrets() {
    let mut key = used_key();
    let (wrapping, token) =
        (key.state().wrapping_key().duplicate(), key.state().persistent_token().duplicate());
    let (device, store) = (key.state().device_identifier(), key.state().cred_store_state());
    key.power_cycle();
    key.ok(&RESET);
    let state = key.state();
    assert_eq!(*state.settings(), ctap_core::state::Settings::default());
    assert!(state.pin().is_none() && state.fingerprints().len() == 0);
    assert_eq!((state.pin_retries(), state.uv_retries(), state.uv_count_since_pin()), (8, 5, 0));
    assert!(!state.wrapping_key().matches(wrapping.expose()));
    assert!(!state.persistent_token().matches(token.expose()));
    assert_ne!(state.device_identifier(), device);
    assert_ne!(state.cred_store_state(), store);
    assert_eq!(key.ok(&read_blobs(0, 100)).bytes(1), ctap_core::state::EMPTY_LARGE_BLOBS);
    for option in ["clientPin", "uv", "bioEnroll", "alwaysUv"] {
        assert_eq!(key.option(option), Some(false), "{option}");
    }
    let info = key.info();
    assert_eq!((info.number(0x0d), info.boolean(0x0c), info.boolean(0x18)), (4, false, false));
}

// RS-12, P-13
#[test]
fn a_reset_leaves_the_model_and_the_counter() {
    let mut key = Key::with_pin();
    let made = key.ok(&make_credential(RP).algorithm(-7));
    let used = key.ok(&get_assertion(RP).list(&[&made.new_id()]));
    let before = key.info();
    key.power_cycle();
    key.ok(&RESET);
    for member in [0x03, 0x0e, 0x0a, 0x01] {
        assert_eq!(key.info().get(member), before.get(member));
    }
    let made = key.ok(&make_credential(RP));
    let mut last = used.auth_data().sign_count;
    for _ in 0..2 {
        key.restart(ctap_core::Config::default()); // now only the store knows
        let again = key.ok(&get_assertion(RP).list(&[&made.new_id()])).auth_data().sign_count;
        assert!(again > last);
        last = again;
    }
}

// RS-10, CP-128, CP-132, CP-15
#[test]
fn a_reset_ends_tokens_key_agreement_and_walks() {
    let mut key = Key::with_pin();
    let token = key.token(CM, None);
    let persistent = key.token(PCMR, None);
    let agreement = key.ok(&client_pin(2).with(1, 2));
    for _ in 0..3 {
        key.try_pin("0");
    }
    key.ok(&RESET);
    key.set_pin("1234");
    assert_eq!(key.status(&credential_management(1).auth(&token)), 0x33);
    assert_eq!(key.status(&credential_management(1).auth(&persistent)), 0x33);
    assert_ne!(key.ok(&client_pin(2).with(1, 2)), agreement);
    assert_eq!(key.try_pin("1234"), 0, "three wrong ones are forgotten with their PIN");
}

// RS-03, RS-04, P-9
#[test]
fn a_reset_is_accepted_for_ten_seconds_after_power_up() {
    for (waited, status) in [(0, 0), (9_999, 0), (10_000, 0), (10_001, 0x30), (1_000_000, 0x30)] {
        let mut key = Key::with_pin();
        key.advance(77_000);
        key.power_cycle();
        key.advance(waited);
        assert_eq!(key.status(&RESET), status, "{waited} ms");
        let asked = key.asked().len();
        assert_eq!(asked, usize::from(status == 0), "a late one is refused before any prompt");
    }
}

// RS-03, RS-18
#[test]
fn a_reset_does_not_open_the_window_anew_but_a_power_cycle_does() {
    let mut key = Key::with_pin();
    key.advance(9_000);
    key.ok(&RESET);
    key.advance(1_001);
    assert_eq!(key.status(&RESET), 0x30);
    key.power_cycle();
    assert_eq!(key.status(&RESET), 0);
}

// RS-05
#[test]
fn other_commands_do_not_use_the_window_up() {
    let mut key = Key::with_pin();
    key.info();
    key.ok(&make_credential(RP));
    key.status(&get_assertion(RP));
    assert_eq!(key.status(&RESET), 0);
}

// RS-06, RS-07, P-9
#[test]
fn an_unanswered_reset_erases_nothing() {
    for (act, status) in [(Act::Do(Decision::Deny), 0x27), (Act::Sleep, 0x2f), (Act::Cancel, 0x2d)]
    {
        let mut key = Key::with_pin();
        key.seal_store();
        key.will(act);
        assert_eq!(key.status(&RESET), status);
        assert_eq!(key.asked()[0].action, Action::Reset);
        assert!(key.state().pin().is_some());
    }
}

// RS-06, CF-60, CF-61
#[test]
fn a_reset_asks_for_a_long_touch_where_it_was_enabled() {
    let mut key = Key::made(|_| {});
    key.ok(&config(4));
    assert!(key.info().boolean(0x18));
    key.ok(&RESET);
    assert_eq!(key.asked()[0].gesture, Gesture::LongTouch);
    key.ok(&RESET);
    assert_eq!(key.asked()[0].gesture, Gesture::Touch);
}

// RS-15, P-12
#[test]
fn a_reset_that_cannot_be_stored_changes_nothing() {
    let mut key = Key::with_pin();
    let token = key.token(CM, None);
    key.medium
        .set(crate::support::store::Medium::FailsAfter(0, ctap_core::memory::MemoryError::Failed));
    assert_eq!(key.status(&RESET), 0x7f);
    assert_eq!(key.status(&credential_management(1).auth(&token)), 0);
}

// RS-17, SL-04
#[test]
fn the_touch_of_another_command_is_no_touch_for_a_reset() {
    let mut key = Key::with_pin();
    key.ok(&SELECTION);
    key.will(Act::Do(Decision::Deny));
    assert_eq!(key.status(&RESET), 0x27);
}

// RS-16
#[test]
fn a_reset_works_while_the_pin_is_blocked() {
    let mut key = Key::with_pin();
    key.block_pin();
    assert_eq!(key.status(&RESET), 0);
    let request = key.set_pin_request(PinProtocol::One, &padded("5678"));
    assert_eq!(key.status(&request), 0);
}

// SL-01, SL-02, SL-03, SL-05, MSG-03
#[test]
fn a_selection_is_a_touch_and_nothing_else() {
    for (act, status) in [
        (Act::Do(Decision::Approve), 0),
        (Act::Do(Decision::Deny), 0x27),
        (Act::Sleep, 0x2f),
        (Act::Cancel, 0x2d),
    ] {
        let mut key = Key::with_pin();
        key.seal_store();
        key.will(act);
        assert_eq!(key.status(&SELECTION), status);
        assert_eq!(key.asked()[0].action, Action::Select);
        assert_eq!(key.call_on(CHANNEL, &[0x0b, 0xff]), [0], "parameters are ignored"); // MSG-04
    }
}

// SL-04
#[test]
fn the_touch_of_a_selection_is_good_for_nothing_else_and_leaves_tokens_alone() {
    let mut key = Key::with_pin();
    let token = key.token(ALL, Some(RP));
    key.ok(&SELECTION);
    key.asked();
    assert_eq!(key.status(&make_credential(RP).auth(&token)), 0);
    assert_eq!(key.asked().len(), 1);
}

// SL-02, RS-07
#[test]
fn a_person_has_thirty_seconds() {
    for request in [SELECTION, RESET, make_credential(RP)] {
        let mut key = Key::made(|_| {});
        key.advance(1_000);
        key.will(Act::Sleep);
        assert_ne!(key.status(&request), 0);
        assert_eq!(key.now, Duration::from_secs(31));
    }
}
