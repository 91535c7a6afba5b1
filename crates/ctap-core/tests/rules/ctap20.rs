//! A key that speaks CTAP 2.0 alone behaves as one of its time (GI-105).

use crate::config_check::ctap20;
use crate::support::pin::padded;
use crate::support::request::client_pin;
use crate::support::{Key, OTHER_RP, PinProtocol, RP, get_assertion, make_credential};

/// With PIN "1234".
fn key() -> Key {
    let mut key = Key::made(ctap20);
    key.set_pin("1234");
    key
}

// CP-123, CP-125, MC-27, MC-36, GA-10, GA-20
#[test]
fn one_token_is_good_for_every_site_and_any_number_of_touches() {
    for protocol in [PinProtocol::One, PinProtocol::Two] {
        let mut key = key();
        let token = key.pin_token(protocol, "1234");
        for rp_id in [RP, RP, OTHER_RP] {
            key.advance(700_000);
            let made = key.ok(&make_credential(rp_id).rk().auth(&token));
            assert!(made.auth_data().flags.user_verified());
        }
        assert!(key.ok(&get_assertion(RP).auth(&token)).auth_data().flags.user_verified());
    }
}

// CP-16, CP-80
#[test]
fn everybody_who_knows_the_pin_gets_the_same_token() {
    let mut key = key();
    let first = key.pin_token(PinProtocol::Two, "1234");
    let second = key.pin_token(PinProtocol::Two, "1234");
    for token in [&first, &second, &first] {
        assert_eq!(key.status(&make_credential(RP).auth(token)), 0);
    }
}

// CP-71, CP-128, CP-18
#[test]
fn a_power_cycle_and_another_pin_end_the_token() {
    let mut key = key();
    let token = key.pin_token(PinProtocol::Two, "1234");
    let request = key.change_pin_request(PinProtocol::Two, "1234", &padded("5678"));
    key.ok(&request);
    assert_eq!(key.status(&make_credential(RP).auth(&token)), 0x33);
    let token = key.pin_token(PinProtocol::Two, "5678");
    assert_eq!(key.status(&make_credential(RP).auth(&token)), 0);
    key.power_cycle();
    assert_eq!(key.status(&make_credential(RP).auth(&token)), 0x33);
}

// CP-52
#[test]
fn a_pin_over_a_pin_is_not_allowed() {
    let mut key = key();
    let request = key.set_pin_request(PinProtocol::Two, &padded("5678"));
    assert_eq!(key.status(&request), 0x30);
    assert_eq!(key.try_pin("1234"), 0);
}

// CP-45
#[test]
fn only_the_number_of_tries_is_told_with_a_pin_and_without() {
    let reply = Key::made(ctap20).ok(&client_pin(0x01));
    assert_eq!((reply.keys(), reply.number(3)), (vec![3], 8));
    let mut key = key();
    for _ in 0..3 {
        key.try_pin("0");
    }
    let reply = key.ok(&client_pin(0x01));
    assert_eq!((reply.keys(), reply.number(3)), (vec![3], 5));
}
