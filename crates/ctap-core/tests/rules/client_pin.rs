//! authenticatorClientPIN: setting and changing a PIN, and the tokens it gives.

use ctap_core::Config;

use crate::config_check::ctap20;
use crate::support::pin::{ACFG, BE, padded, pin_hash, with_key};
use crate::support::request::{client_pin, config, credential_management, params};
use crate::support::{
    CM, GA, Key, MC, OTHER_RP, PCMR, PROTOCOLS, PinProtocol, RP, Request, Value, bytes,
    get_assertion, make_credential,
};

fn key() -> Key {
    Key::new(Config::default())
}

// CP-40, CP-41
#[test]
fn a_subcommand_is_needed_and_must_be_offered() {
    let mut key = key();
    assert_eq!(key.status(&Request::new(0x06).with(1, 2)), 0x14);
    for number in [0x00, 0x06, 0x07, 0x08, 0x0a, 0xff, u64::MAX] {
        assert_eq!(key.status(&client_pin(number)), 0x3e, "{number}");
    }
}

// CP-41, MSG-05, EX-32, GI-15
#[test]
fn without_a_pin_and_without_a_sensor_there_is_key_agreement_for_hmac_secret_alone() {
    let mut key = Key::new(without_a_pin());
    for number in [0x01, 0x03, 0x04, 0x05, 0x06, 0x07, 0x09] {
        assert_eq!(key.status(&client_pin(number)), 0x3e, "{number}");
    }
    assert_eq!(key.status(&client_pin(0x02)), 0x14);
    for protocol in PROTOCOLS {
        key.agree(protocol);
    }
    assert!(key.info().has(0x06));
    let mut key = Key::made(|config| {
        ctap20(config);
        config.client_pin = false;
        config.extensions.hmac_secret = false;
    });
    assert_eq!(key.status(&client_pin(0x02).with(1, 1)), 0x01, "no such command");
    assert!(!key.info().has(0x06));
}

// MSG-15, MSG-39, MSG-43
#[test]
fn each_member_has_its_type() {
    let mut key = Key::with_pin();
    for member in [1, 2, 3, 4, 5, 6, 9, 10] {
        for wrong in [Value::Null, Value::Bool(true), (-1).into()] {
            assert_eq!(key.status(&client_pin(1).with(member, wrong)), 0x11, "{member}");
        }
    }
    assert_eq!(key.call(&[0x06]), [0x12]);
}

// CP-45, CP-24, MSG-16
#[test]
fn a_fresh_pin_has_eight_tries_and_no_pin_none_to_tell() {
    assert_eq!(key().status(&client_pin(0x01)), 0x35);
    let reply = Key::with_pin().ok(&client_pin(0x01));
    assert_eq!(reply.keys(), [3, 4]);
    assert_eq!((reply.number(3), reply.boolean(4)), (8, false));
}

// MSG-39, MSG-41, MSG-43, MSG-44
#[test]
fn a_wrong_type_in_key_agreement_outranks_the_state_of_the_pin() {
    let setups: [&dyn Fn() -> Key; 3] = [&key, &Key::with_pin, &|| {
        let mut key = Key::with_pin();
        key.block_pin();
        key
    }];
    for made in setups {
        let mut key = made();
        let secret = key.agree(PinProtocol::Two);
        let good = with_key(client_pin(0x03), &secret).get(3).unwrap().as_map().unwrap().clone();
        for label in [1, 3, -1, -2, -3] {
            for wrong in [None, Some("x".into()), Some(Value::Null)] {
                let mut cose = good.clone();
                cose.retain(|(key, _)| *key != label.into());
                cose.extend(wrong.map(|wrong| (label.into(), wrong)));
                for number in [0x03, 0x04, 0x05, 0x09] {
                    let request = whole(number).with(3, Value::Map(cose.clone()));
                    assert_eq!(key.status(&request), 0x11, "{number}: {label}");
                    assert_eq!(
                        key.status(&request.without(6).without(5)),
                        0x11,
                        "absent comes after"
                    );
                }
            }
        }
    }
}

/// Every member that subcommands with keyAgreement want, but that one.
fn whole(sub_command: u64) -> Request {
    let request = client_pin(sub_command).with(1, 2).with(4, bytes([0; 32]));
    request.with(5, bytes([0; 80])).with(6, bytes([0; 32]))
}

/// A key of today that no PIN can be set on: no passkeys, and nothing that takes a token.
pub(crate) fn without_a_pin() -> Config {
    let mut config = Config {
        client_pin: false,
        capacity: 0,
        credential_management: false,
        per_cred_mgmt_ro: false,
        large_blobs: None,
        ..Config::default()
    };
    config.authenticator_config.min_pin_length_rp_ids = None;
    config.extensions.pin_complexity_policy = false;
    config
}

// CP-46, CP-01, CP-02
#[test]
fn key_agreement_keys_are_as_prescribed_and_stay_until_a_power_cycle() {
    let mut key = key();
    let mut seen = Vec::new();
    for protocol in PROTOCOLS {
        let request = client_pin(0x02).with(1, protocol.number());
        let reply = key.ok(&request);
        let cose = reply.get(1).unwrap().as_map().unwrap().clone();
        let number = |at: usize| i64::try_from(cose[at].1.as_integer().unwrap()).unwrap();
        assert_eq!((number(0), number(1), number(2)), (2, -25, 1));
        assert_eq!(cose.len(), 5);
        assert_eq!(reply, key.ok(&request), "the same key again");
        seen.push(reply);
    }
    assert_ne!(seen[0], seen[1], "one key for each protocol");
    key.power_cycle(); // CP-18
    for (protocol, old) in PROTOCOLS.into_iter().zip(seen) {
        assert_ne!(key.ok(&client_pin(0x02).with(1, protocol.number())), old);
    }
}

// CP-46, CP-42
#[test]
fn key_agreement_needs_a_protocol_that_the_key_has() {
    let mut key = key();
    assert_eq!(key.status(&client_pin(0x02)), 0x14);
    for number in [0, 3, u64::MAX] {
        assert_eq!(key.status(&client_pin(0x02).with(1, number)), 0x02);
    }
    assert_eq!(key.status(&client_pin(0x02).with(1, -1)), 0x11);
}

// CP-03 to CP-05, CP-07, CP-11, CP-59, CP-22, CP-30
#[test]
fn a_pin_is_set_under_either_protocol() {
    for protocol in PROTOCOLS {
        let mut key = key();
        assert_eq!(key.option("clientPin"), Some(false));
        let request = key.set_pin_request(protocol, &padded("1234"));
        assert!(key.ok(&request).is_empty());
        assert_eq!(key.option("clientPin"), Some(true));
        let pin = key.state().pin().unwrap();
        assert_eq!(pin.hash.expose()[..], pin_hash("1234")); // V-03
        assert_eq!(pin.code_points, 4);
        assert_eq!(key.try_pin("1234"), 0);
    }
}

// CP-50, CP-51, CP-42
#[test]
fn setting_a_pin_takes_all_members_before_any_is_judged() {
    let mut key = key();
    let request = key.set_pin_request(PinProtocol::Two, &padded("1234"));
    for member in [1, 3, 4, 5] {
        let bad_protocol = if member == 1 { request.clone() } else { request.clone().with(1, 9) };
        assert_eq!(key.status(&bad_protocol.without(member)), 0x14, "{member}");
    }
    assert_eq!(key.status(&request.clone().with(1, 3)), 0x02);
    assert_eq!(key.status(&request), 0);
}

// CP-52
#[test]
fn a_pin_cannot_be_set_over_a_pin() {
    let mut key = Key::with_pin();
    let request = key.set_pin_request(PinProtocol::Two, &padded("5678"));
    assert_eq!(key.status(&request), 0x33); // CP-A8
    let unusable = with_bad_key(&request);
    assert_eq!(key.status(&unusable), 0x33, "before the key is used");
    assert_eq!(key.try_pin("1234"), 0);
}

// CP-14, CP-53, MSG-41
#[test]
fn a_platform_key_must_be_a_point_of_the_curve() {
    let mut key = key();
    let good = key.set_pin_request(PinProtocol::Two, &padded("1234"));
    let cose = good.get(3).unwrap().as_map().unwrap().clone();
    let altered = |label: i64, value: Option<Value>| {
        let mut cose: Vec<_> = cose.clone();
        cose.retain(|(key, _)| *key != label.into());
        cose.extend(value.map(|value| (label.into(), value)));
        good.clone().with(3, Value::Map(cose))
    };
    for (label, value) in [
        (1, 3.into()),
        (3, (-7).into()),
        (-1, 2.into()),
        (-2, bytes([1; 32])),
        (-2, bytes([0; 31])),
        (-3, bytes([0; 33])),
        (-3, bytes([])),
    ] {
        assert_eq!(key.status(&altered(label, Some(value))), 0x02, "{label}");
    }
    for label in [1, 3, -1, -2, -3] {
        assert_eq!(key.status(&altered(label, None)), 0x11, "without {label}");
        assert_eq!(key.status(&altered(label, Some("x".into()))), 0x11, "{label} of a wrong type");
    }
    assert_eq!(key.status(&good.clone().with(3, bytes([0; 77]))), 0x11);
    assert_eq!(key.status(&good), 0);
}

// CP-54, CP-08, CP-13, CP-A8
#[test]
fn a_new_pin_needs_a_mac_of_the_right_length_over_the_right_bytes() {
    for (protocol, wrong_length) in [(PinProtocol::One, 32), (PinProtocol::Two, 16)] {
        let mut key = key();
        let request = key.set_pin_request(protocol, &padded("1234"));
        let mac = request.get(4).unwrap().as_bytes().unwrap().clone();
        let mut other_length = mac.clone();
        other_length.resize(wrong_length, 0);
        let mut flipped = mac.clone();
        flipped[0] ^= 1;
        for mac in [other_length, flipped, Vec::new()] {
            assert_eq!(key.status(&request.clone().with(4, bytes(mac))), 0x33);
        }
        assert_eq!(key.option("clientPin"), Some(false));
        assert_eq!(key.status(&request), 0);
    }
}

/// The status of setting these padded bytes as the PIN of a fresh key.
fn set_padded(protocol: PinProtocol, padded: &[u8]) -> u8 {
    let mut key = key();
    let request = key.set_pin_request(protocol, padded);
    key.status(&request)
}

// CP-20, CP-21, CP-22, CP-23, CP-31, CP-55 to CP-58
#[test]
fn a_new_pin_has_four_code_points_to_sixty_three_bytes() {
    let text = |pin: &str| padded(pin);
    for protocol in PROTOCOLS {
        for (padded, status) in [
            (text("1234"), 0),
            (text("123"), 0x37),
            (text(""), 0x37),
            (text(&"1".repeat(63)), 0),
            (vec![b'1'; 64], 0x37),
            (text("🚀🚀🚀🚀"), 0), // CP-A7
            (text("🚀🚀🚀"), 0x37),
            (text("äöü"), 0x37),
            (text("ab\0cd"), 0),
            ([&[0xff, 0xfe, 0xfd, 0xfc][..], &[0; 60]].concat(), 0x37),
            (vec![b'1'; 48], 0x02), // CP-56
            (vec![b'1'; 80], 0x02),
            (Vec::new(), 0x02),
        ] {
            assert_eq!(set_padded(protocol, &padded), status, "{protocol:?} {padded:?}");
        }
    }
}

// CP-06, CP-55
#[test]
fn a_new_pin_that_cannot_be_decrypted_is_refused() {
    for (protocol, length) in
        [(PinProtocol::One, 63), (PinProtocol::Two, 15), (PinProtocol::Two, 79)]
    {
        let mut key = key();
        let secret = key.agree(protocol);
        let enc = vec![7; length];
        let request = with_key(client_pin(0x03), &secret)
            .with(4, bytes(secret.authenticate(&enc)))
            .with(5, bytes(enc));
        assert_eq!(key.status(&request), 0x33, "{protocol:?} {length}");
    }
}

/// With a platform key of another type, which is no fault of form.
pub(crate) fn with_bad_key(request: &Request) -> Request {
    let mut cose = request.get(3).unwrap().as_map().unwrap().clone();
    cose[0].1 = 3.into();
    request.clone().with(3, Value::Map(cose))
}

// CP-60 to CP-63
#[test]
fn changing_a_pin_is_checked_in_order() {
    let mut key = key();
    let request = key.change_pin_request(PinProtocol::Two, "1234", &padded("5678"));
    assert_eq!(key.status(&with_bad_key(&request)), 0x35, "no PIN, whatever the key");
    key.set_pin("1234");
    let request = key.change_pin_request(PinProtocol::Two, "1234", &padded("5678"));
    for member in [1, 3, 4, 5, 6] {
        assert_eq!(key.status(&request.clone().without(member)), 0x14, "{member}");
    }
    assert_eq!(key.status(&request.clone().with(1, 0)), 0x02);
    assert_eq!(key.status(&with_bad_key(&request)), 0x02);
    assert_eq!(key.status(&request.clone().with(4, bytes([0; 32]))), 0x33); // CP-64
    assert_eq!(key.state().pin_retries(), 8, "no try is spent");
    assert_eq!(key.status(&request), 0);
}

// CP-64, CP-68, CP-70, CP-20
#[test]
fn a_changed_pin_follows_the_same_rules_and_restores_the_tries() {
    for protocol in PROTOCOLS {
        let mut key = Key::with_pin();
        for (padded, status) in
            [(padded("123"), 0x37), (vec![b'1'; 64], 0x37), (vec![b'1'; 32], 0x02)]
        {
            let request = key.change_pin_request(protocol, "1234", &padded);
            assert_eq!(key.status(&request), status);
        }
        assert_eq!(key.try_pin("0000"), 0x31);
        let request = key.change_pin_request(protocol, "1234", &padded("🚀🚀🚀🚀🚀"));
        assert!(key.ok(&request).is_empty());
        assert_eq!(key.state().pin_retries(), 8);
        assert_eq!(key.state().pin().unwrap().code_points, 5);
        assert_eq!((key.try_pin("1234"), key.try_pin("🚀🚀🚀🚀🚀")), (0x31, 0));
    }
}

// CP-71, CP-128, CP-132, CP-17
#[test]
fn changing_a_pin_ends_every_token() {
    let mut key = Key::with_pin();
    let token = key.token(CM, None);
    let persistent = key.token(PCMR, None);
    assert_eq!(key.status(&credential_management(1).auth(&persistent)), 0);
    let request = key.change_pin_request(PinProtocol::One, "1234", &padded("1234"));
    assert_eq!(key.status(&request), 0, "the same PIN is allowed"); // CP-69
    assert_eq!(key.status(&credential_management(1).auth(&token)), 0x33);
    assert_eq!(key.status(&credential_management(1).auth(&persistent)), 0x33);
}

// CP-59, CP-130
#[test]
fn setting_a_pin_erases_nothing() {
    let mut key = key();
    let made = key.ok(&make_credential(RP).rk());
    let before = key.state().persistent_token().duplicate();
    key.set_pin("1234");
    assert!(key.ok(&get_assertion(RP)).is_signed_by(&made));
    assert!(key.state().persistent_token().matches(before.expose()));
}

/// The PIN of the key must be changed.
fn key_with_forced_change() -> Key {
    let mut key = Key::with_pin();
    let token = key.token(ACFG, None);
    let force = config(3).with(2, params([(3, true.into())]));
    key.ok(&force.auth(&token));
    assert!(key.info().boolean(0x0c));
    key
}

// CP-69, CP-79, CP-90, CP-70, GI-21
#[test]
fn a_pin_that_must_be_changed_gives_no_token_and_must_become_another() {
    let mut key = key_with_forced_change();
    assert_eq!(key.try_pin("1234"), 0x31);
    assert_eq!(key.state().pin_retries(), 8, "the PIN was right all the same");
    for permissions in [ACFG, PCMR] {
        let (request, _) = key.token_request(PinProtocol::Two, 0x09, "1234");
        assert_eq!(key.status(&request.with(9, permissions)), 0x37);
    }
    let same = key.change_pin_request(PinProtocol::Two, "1234", &padded("1234"));
    assert_eq!(key.status(&same), 0x37);
    let other = key.change_pin_request(PinProtocol::Two, "1234", &padded("4242"));
    assert_eq!(key.status(&other), 0);
    assert!(!key.info().boolean(0x0c));
    assert_eq!(key.try_pin("4242"), 0);
}

// CP-75, CP-76
#[test]
fn a_pin_token_is_checked_in_order() {
    let mut key = key();
    let (request, _) = key.token_request(PinProtocol::Two, 0x05, "1234");
    for member in [1, 3, 6] {
        assert_eq!(key.status(&request.clone().without(member)), 0x14, "{member}");
    }
    assert_eq!(key.status(&request.clone().with(1, 3)), 0x02);
    assert_eq!(key.status(&request.clone().with(9, 0)), 0x02);
    assert_eq!(key.status(&request.clone().with(0x0a, RP)), 0x02);
    assert_eq!(key.status(&with_bad_key(&request)), 0x35);
    key.set_pin("1234");
    let (request, _) = key.token_request(PinProtocol::Two, 0x05, "1234");
    assert_eq!(key.status(&with_bad_key(&request)), 0x02);
    assert_eq!(key.state().pin_retries(), 8);
}

// CP-78, CP-80 to CP-82, CP-09, CP-10, CP-120
#[test]
fn a_pin_token_is_good_for_one_relying_party() {
    for protocol in PROTOCOLS {
        let mut key = Key::with_pin();
        let (request, secret) = key.token_request(protocol, 0x05, "1234");
        let encrypted = key.ok(&request);
        assert_eq!(encrypted.keys(), [2]);
        assert_eq!(encrypted.bytes(2).len(), if protocol == PinProtocol::One { 32 } else { 48 });
        let token = key.receive_token(&request, &secret);
        let made = key.ok(&make_credential(RP).auth(&token));
        assert!(made.auth_data().flags.user_verified());
        let token = key.pin_token(protocol, "1234");
        let used = key.ok(&get_assertion(RP).list(&[&made.new_id()]).silent().auth(&token));
        assert!(used.auth_data().flags.user_verified());
        assert_eq!(key.status(&get_assertion(OTHER_RP).silent().auth(&token)), 0x33);
    }
}

// CP-81, GI-56, MC-52
#[test]
fn where_a_pin_may_not_sign_its_token_cannot() {
    let config = Config { no_mc_ga_permissions_with_client_pin: true, ..Config::default() };
    let mut key = Key::new(config);
    key.set_pin("1234");
    let token = key.pin_token(PinProtocol::Two, "1234");
    assert_eq!(key.status(&make_credential(RP).auth(&token)), 0x33);
    for permissions in [MC, GA, MC | CM] {
        let (request, _) = key.token_request(PinProtocol::Two, 0x09, "1234");
        assert_eq!(key.status(&request.with(9, permissions).with(0x0a, RP)), 0x40);
    }
    assert_eq!(key.status(&make_credential(RP).rk()), 0x27, "a PIN cannot help");
    key.token(CM, None);
}

// CP-85, CP-86, CP-88
#[test]
fn a_token_with_permissions_is_checked_in_order() {
    let mut key = key();
    let (request, _) = key.token_request(PinProtocol::Two, 0x09, "1234");
    let request = request.with(9, MC).with(0x0a, RP);
    for member in [1, 3, 6, 9, 0x0a] {
        assert_eq!(key.status(&request.clone().with(1, 9).without(member)), 0x14, "{member}");
    }
    assert_eq!(key.status(&request.clone().with(9, GA).without(0x0a)), 0x14);
    assert_eq!(key.status(&request.clone().with(1, 9)), 0x02);
    assert_eq!(key.status(&request.clone().with(9, 0)), 0x02);
    assert_eq!(key.status(&request.clone().with(9, BE)), 0x40, "before the PIN is missed");
    assert_eq!(key.status(&with_bad_key(&request)), 0x35);
    key.set_pin("1234");
    assert_eq!(key.status(&with_bad_key(&request)), 0x02);
}
