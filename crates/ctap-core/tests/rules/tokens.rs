//! The pinUvAuthToken: what it permits, and when it ends.

use ctap_core::Config;

use crate::support::pin::{ACFG, BE};
use crate::support::request::{config, credential_management};
use crate::support::{
    ALL, CM, GA, Key, LBW, MC, PCMR, PinProtocol, RP, get_assertion, make_credential,
};

// CP-87, CP-110, CP-A9
#[test]
fn only_what_the_key_offers_is_granted() {
    let none = || {
        let mut config = Config {
            capacity: 0,
            credential_management: false,
            per_cred_mgmt_ro: false,
            large_blobs: None,
            authenticator_config: Default::default(),
            ..Config::default()
        };
        config.extensions.pin_complexity_policy = false;
        config
    };
    for (bit, offered) in [(CM, true), (LBW, true), (ACFG, true), (PCMR, true), (BE, false)] {
        let (mut full, mut bare) = (Key::with_pin(), Key::new(none()));
        bare.set_pin("1234");
        for (key, status) in [(&mut full, if offered { 0 } else { 0x40 }), (&mut bare, 0x40)] {
            let (request, _) = key.token_request(PinProtocol::Two, 0x09, "1234");
            assert_eq!(key.status(&request.with(9, bit)), status, "{bit:02x}");
        }
    }
    let mut key = Key::with_pin();
    for (permissions, status) in
        [(PCMR | CM, 0x40), (0x80, 0x02), (0x80 | CM, 0), (u64::MAX << 7, 0x02)]
    {
        let (request, _) = key.token_request(PinProtocol::Two, 0x09, "1234");
        assert_eq!(key.status(&request.with(9, permissions)), status, "{permissions:x}");
    }
    assert_eq!(key.state().pin_retries(), 8);
}

// CP-111, CM-08
#[test]
fn a_relying_party_binds_a_token_for_credential_management_only() {
    let mut key = Key::with_pin();
    let token = key.token(ACFG | LBW | CM, Some(RP));
    assert_eq!(key.status(&config(4).auth(&token)), 0);
    assert_eq!(key.status(&credential_management(1).auth(&token)), 0x33);
}

// CP-92, CP-110
#[test]
fn a_token_has_the_permissions_it_was_asked_for_and_no_others() {
    for permission in [MC, GA, CM, LBW, ACFG] {
        let mut key = Key::with_pin();
        let rp_id = (permission & (MC | GA) != 0).then_some(RP);
        let token = key.token(permission, rp_id);
        for (command, request) in [
            (ACFG, config(4)),
            (CM, credential_management(1)),
            (GA, get_assertion(RP).silent()),
            (MC, make_credential(RP)),
        ] {
            let status = key.status(&request.auth(&token));
            let bound = rp_id.is_some() && command == CM;
            assert_eq!(status == 0x33, permission != command || bound, "{permission} {command}");
        }
    }
}

// CP-91, CP-131, CP-133 to CP-135
#[test]
fn the_persistent_token_stays_and_leaves_the_other_alone() {
    let mut key = Key::with_pin();
    let ordinary = key.token(CM, None);
    let persistent = key.token_with(PinProtocol::One, PCMR, None);
    assert_eq!(key.status(&credential_management(1).auth(&ordinary)), 0);
    let before = key.state().persistent_token().duplicate();
    key.token_with(PinProtocol::Two, PCMR, Some(RP));
    assert!(key.state().persistent_token().matches(before.expose()));
    key.power_cycle();
    key.advance(10_000_000);
    assert_eq!(key.status(&credential_management(1).auth(&persistent)), 0);
    assert_eq!(key.status(&credential_management(1).auth(&ordinary)), 0x33);
    assert_eq!(key.status(&config(4).auth(&persistent)), 0x33);
    assert_eq!(key.status(&make_credential(RP).auth(&persistent)), 0x33);
}

// CP-122, CP-A6, CP-16
#[test]
fn a_new_token_ends_the_one_before_under_either_protocol() {
    let mut key = Key::with_pin();
    let old = key.token_with(PinProtocol::Two, ALL, Some(RP));
    let new = key.token_with(PinProtocol::One, CM, None);
    assert_eq!(key.status(&credential_management(1).auth(&old)), 0x33);
    assert_eq!(key.status(&credential_management(1).auth(&new)), 0);
}

// CP-12, CP-13, CP-121
#[test]
fn a_token_works_only_under_its_own_protocol() {
    let mut key = Key::with_pin();
    let token = key.token_with(PinProtocol::Two, CM, None);
    let request = credential_management(1);
    let mac = token.authenticate(&request.authenticated());
    assert_eq!(key.status(&request.clone().param(mac[..16].to_vec(), 1)), 0x33);
    assert_eq!(key.status(&request.clone().param(mac.clone(), 1)), 0x33);
    assert_eq!(key.status(&request.clone().param(mac[..16].to_vec(), 2)), 0x33);
    assert_eq!(key.status(&request.param(mac, 2)), 0);
}

// CP-123, CP-127, CP-129, CP-A10
#[test]
fn tokens_die_unused_after_thirty_seconds_and_used_after_ten_minutes() {
    let request = credential_management(1);
    for (waits, statuses) in [
        (vec![29_999], vec![0]),
        (vec![30_000], vec![0x33]),
        (vec![10_000, 589_999], vec![0, 0]),
        (vec![10_000, 590_000], vec![0, 0x33]),
        (vec![0, 300_000, 299_999, 1], vec![0, 0, 0, 0x33]),
    ] {
        let mut key = Key::with_pin();
        let token = key.token(CM, None);
        for (wait, status) in waits.iter().zip(statuses) {
            key.advance(*wait);
            assert_eq!(key.status(&request.clone().auth(&token)), status, "{waits:?}");
        }
    }
}

// CP-12, CP-121, CP-128
#[test]
fn no_token_is_in_use_after_power_up() {
    let mut key = Key::with_pin();
    let token = key.token(CM, None);
    key.power_cycle();
    assert_eq!(key.status(&credential_management(1).auth(&token)), 0x33);
}

// CP-126
#[test]
fn management_does_not_use_a_token_up() {
    let mut key = Key::with_pin();
    let token = key.token(ALL, Some(RP));
    for _ in 0..3 {
        assert_eq!(key.status(&config(4).auth(&token)), 0);
    }
    assert_eq!(key.status(&make_credential(RP).auth(&token)), 0);
    assert_eq!(key.status(&config(4).auth(&token)), 0x33, "a touch does");
}
