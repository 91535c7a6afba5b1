//! Keys made like real models: what they tell, and what of it they do otherwise than a key of our own.

use std::collections::BTreeMap;

use ctap_core::algorithm::Algorithm;
use ctap_core::config::{Announced, FingerprintSensor, Member, PinLength, Shipped, Version};
use ctap_core::limits::{MAX_ANNOUNCED, MAX_CREDENTIALS_IN_LIST, MAX_FOREIGN_CREDENTIAL_ID};
use ctap_core::{Config, SoftKey};

use crate::attestation::{attestation_key, preferring};
use crate::config_check::ctap20;
use crate::support::pin::{ACFG, padded};
use crate::support::request::{bio_enrollment, config, credential_management};
use crate::support::{
    CM, Key, PinProtocol, RP, Setup, Value, get_assertion, make_credential, numbered,
};
use crate::u2f;

/// A default key that tells these members otherwise, and these options.
fn telling(
    members: impl IntoIterator<Item = (u8, Option<Member>)>,
    options: impl IntoIterator<Item = (&'static str, Option<bool>)>,
) -> Key {
    let options = options.into_iter().map(|(name, told)| (name.to_owned(), told));
    let announced =
        Announced { members: members.into_iter().collect(), options: options.collect() };
    Key::made(|config| config.announced = announced)
}

// GI-21, GI-22
#[test]
fn what_a_key_as_shipped_does_not_tell_is_told_when_it_is_no_longer_so() {
    let mut key = telling([(0x0c, None), (0x0d, None)], []);
    key.set_pin("1234");
    assert_eq!([0x0c, 0x0d].map(|member| key.info().has(member)), [false; 2]);
    let token = key.token(ACFG, None);
    key.ok(&config(3).with(2, numbered([(1, 6.into())])).auth(&token));
    assert!(key.info().boolean(0x0c), "the PIN is too short now");
    assert_eq!(key.info().number(0x0d), 6);
}

// GI-03, GI-04, GI-28, GI-87
#[test]
fn what_a_key_tells_otherwise_replaces_leaves_out_and_adds_members() {
    let levels = BTreeMap::from([("FIPS-CMVP-3".to_owned(), 2), ("FIDO".to_owned(), 1)]);
    let told = [
        (0x02, Some(Member::Names(vec!["uvm".into(), "hmac-secret".into()]))),
        (0x0a, Some(Member::Algorithms(vec![-7, -257]))),
        (0x13, Some(Member::Levels(levels))),
        (0x1d, None),
    ];
    let options = [("plat", Some(true)), ("up", None), ("credentialMgmtPreview", Some(false))];
    let mut key = telling(told, options);
    let info = key.info(); // parsed strictly
    let names = |value: &Value| value.as_array().unwrap().clone();
    assert_eq!(names(info.get(2).unwrap()), ["uvm".into(), "hmac-secret".into()]);
    let algorithms = names(info.get(0x0a).unwrap());
    assert_eq!(crate::support::Named::of(&algorithms[1]).get("alg"), Some(&(-257).into()));
    assert_eq!(info.named(0x13).keys(), ["FIDO", "FIPS-CMVP-3"]);
    assert!(!info.has(0x1d) && info.has(0x0d));
    assert_eq!(key.option("plat"), Some(true));
    assert_eq!(key.option("up"), None);
    assert_eq!(key.option("credentialMgmtPreview"), Some(false));
    assert_eq!(key.option("rk"), Some(true), "the others are as they are");
}

// GI-102
#[test]
fn versions_that_are_told_otherwise_lose_u2f_where_alwaysuv_ends_it() {
    let versions = ["U2F_V2", "FIDO_2_0"].map(str::to_owned).to_vec();
    let mut key = telling([(1, Some(Member::Names(versions)))], []);
    let told = |key: &mut Key| key.info().get(1).unwrap().as_array().unwrap().len();
    assert_eq!(told(&mut key), 2);
    key.ok(&config(2));
    assert_eq!(told(&mut key), 1);
}

// CF-42, CF-48
#[test]
fn relying_parties_are_not_listed_where_no_extension_is_told_that_tells_them_anything() {
    let telling = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        telling([(0x02, Some(Member::Names(names)))], [])
    };
    let listing = || config(3).with(2, numbered([(2, vec![Value::from(RP)].into())]));
    for (extensions, status) in [
        (&["hmac-secret"][..], 0x02),
        (&["minPinLength"], 0x00),
        (&["hmac-secret", "pinComplexityPolicy"], 0x00),
    ] {
        assert_eq!(telling(extensions).status(&listing()), status, "{extensions:?}");
    }
    let minimum = config(3).with(2, numbered([(1, 6.into())]));
    assert_eq!(telling(&[]).status(&minimum), 0x00, "that is another matter");
}

// CF-01, GI-75
#[test]
fn a_key_that_tells_of_no_command_for_its_settings_does_not_know_it() {
    for told in [None, Some(false)] {
        assert_eq!(telling([], [("authnrCfg", told)]).status(&config(2)), 0x01, "{told:?}");
    }
    assert_eq!(telling([], [("authnrCfg", Some(true))]).status(&config(2)), 0x00);
}

// MC-92, AT-06, GI-31
#[test]
fn a_format_that_is_not_among_those_told_is_not_made() {
    for (formats, expected) in [(&["packed"][..], "packed"), (&["packed", "fido-u2f"], "fido-u2f")]
    {
        let formats = formats.iter().map(|name| (*name).to_owned()).collect();
        let mut key = Key::made(|config| {
            config.u2f = true;
            config.attestation_key = Some(attestation_key(1));
            config.announced.members.insert(0x16, Some(Member::Names(formats)));
        });
        let made = key.ok(&preferring(&["fido-u2f"]));
        assert_eq!(made.get(1), Some(&expected.into()));
    }
}

// UF-62
#[test]
fn a_probe_leaves_nothing_also_where_ids_are_too_short_to_be_sealed() {
    let mut key = Key::made(|config| {
        config.u2f = true;
        config.attestation_key = Some(attestation_key(1));
        config.credential_id_length = Some(16);
    });
    let dummy = u2f::apdu(u2f::REGISTER, 3, &[[0x42; 32], [0x41; 32]].concat());
    let room = key.info().number(0x14);
    assert_eq!(u2f::status(&key.call_u2f(&dummy)), u2f::NO_ERROR);
    assert_eq!(key.status(&make_credential(".dummy")), 0);
    assert_eq!(key.info().number(0x14), room);
}

// MSG-61
#[test]
fn no_more_is_told_than_has_room_in_every_message() {
    let telling = |length| {
        let members = BTreeMap::from([(0x1c, Some(Member::Bytes(vec![0; length])))]);
        Config { announced: Announced { members, ..Announced::default() }, ..Config::default() }
    };
    let head = 1 + 1 + 3; // its number, and a byte string's head
    assert_eq!(telling(MAX_ANNOUNCED - head).check(), Ok(()));
    let rule = telling(MAX_ANNOUNCED - head + 1).check().unwrap_err().rule;
    assert_eq!(rule, "MSG-61");
}

// GI-110, GI-112
#[test]
fn an_imitation_may_contradict_itself_and_works() {
    let config = || {
        let mut config = Config { credential_management: false, ..Config::default() };
        config.per_cred_mgmt_ro = false;
        config.extensions.hmac_secret = false;
        config
    };
    assert_eq!(config().check().unwrap_err().rule, "GI-110");
    let rules: Vec<_> = config().contradictions().iter().map(|one| one.rule).collect();
    assert_eq!(rules, ["GI-110", "GI-112"]);
    let mut key = SoftKey::new(config().checked_as_imitation().unwrap(), [1; 32]);
    assert_eq!(key.call(&make_credential(RP).encode())[0], 0);
    let nothing = Config { versions: Vec::new(), ..Config::default() };
    assert_eq!(nothing.checked_as_imitation().unwrap_err().rule, "GI-10");
}

// GI-16, MSG-63
#[test]
fn a_list_is_as_long_as_the_key_says() {
    for most in [1, 8] {
        let mut key = Key::made(|config| config.max_credentials_in_list = most);
        assert_eq!(key.info().number(7), most as u64);
        let ids = vec![[7; 32]; most + 1];
        let ids: Vec<&[u8]> = ids.iter().map(<[u8; 32]>::as_slice).collect();
        assert_eq!(key.status(&make_credential(RP).list(&ids)), 0x15);
        assert_eq!(key.status(&make_credential(RP).list(&ids[1..])), 0);
    }
    let listing = |most| Config { max_credentials_in_list: most, ..Config::default() }.check();
    assert_eq!(listing(MAX_CREDENTIALS_IN_LIST), Ok(()));
    for most in [0, MAX_CREDENTIALS_IN_LIST + 1] {
        assert_eq!(listing(most).unwrap_err().rule, "MSG-63");
    }
}

// GI-17, MC-72, MC-75
#[test]
fn ids_are_as_long_as_the_key_says_whatever_kind_of_credential_they_name() {
    for length in [16, 80, 81, 96, 128, 350] {
        let mut key = Key::made(|config| {
            config.credential_id_length = Some(length);
            config.algorithms.push(Algorithm::Es384);
        });
        assert_eq!(key.info().number(8), length as u64);
        for request in
            [make_credential(RP), make_credential(RP).rk(), make_credential(RP).algorithm(-35)]
        {
            let made = key.ok(&request);
            assert_eq!(made.new_id().len(), length);
            let used = key.ok(&get_assertion(RP).list(&[&made.new_id()]));
            assert!(used.is_signed_by(&made), "{length}");
        }
    }
}

// MC-75
#[test]
fn an_id_is_neither_so_short_that_it_can_be_guessed_nor_longer_than_any() {
    let long = |length| Config {
        credential_id_length: Some(length),
        max_msg_size: 7609,
        ..Config::default()
    };
    assert_eq!(long(MAX_FOREIGN_CREDENTIAL_ID).check(), Ok(()));
    for length in [15, MAX_FOREIGN_CREDENTIAL_ID + 1] {
        assert_eq!(long(length).check().unwrap_err().rule, "MC-75");
    }
}

#[test]
fn the_pin_that_a_key_ships_with_is_not_printed() {
    let shipped = Shipped { pin: Some("48151623".into()), ..Shipped::default() };
    let printed = format!("{:?}", Config { shipped, ..Config::default() });
    assert!(printed.contains("has_pin: true") && !printed.contains("48151623"), "{printed}");
}

// CP-20, CP-57, CF-43, CF-44, GI-22, GI-38
#[test]
fn pins_are_as_long_as_the_key_ships_with() {
    let mut key = Key::made(|config| config.pin_length = PinLength { min: 6, max: 8 });
    assert_eq!((key.info().number(0x0d), key.info().number(0x1d)), (6, 8));
    for (pin, status) in [("12345", 0x37), ("123456789", 0x37), ("12345678", 0x00)] {
        let request = key.set_pin_request(PinProtocol::Two, &padded(pin));
        assert_eq!(key.status(&request), status, "{pin}");
    }
    let (request, secret) = key.token_request(PinProtocol::Two, 0x09, "12345678");
    let token = key.receive_token(&request.with(9, ACFG), &secret);
    let minimum = |length: i64| config(3).with(2, numbered([(1, length.into())])).auth(&token);
    for (length, status) in [(5, 0x37), (9, 0x37), (7, 0x00), (6, 0x37)] {
        assert_eq!(key.status(&minimum(length)), status, "{length}");
    }
    assert_eq!(key.info().number(0x0d), 7);
    for (min, max) in [(3, 63), (9, 8), (4, 7), (4, 64)] {
        let config = Config { pin_length: PinLength { min, max }, ..Config::default() };
        assert_eq!(config.check().unwrap_err().rule, "CP-20", "{min} {max}");
    }
}

/// A key of the time before CTAP 2.1 was finished.
fn preview(config: &mut Config) {
    ctap20(config);
    config.versions.push(Version::Fido21Pre);
    config.credential_mgmt_preview = true;
    config.prototype_commands = false;
}

// CM-50, BE-42, GI-72, GI-105
#[test]
fn a_key_from_before_ctap_21_manages_credentials_by_the_prototypes_number_alone() {
    let mut key = Key::made(|config| {
        preview(config);
        config.fingerprints = Some(FingerprintSensor {
            bio_enroll: false,
            bio_enroll_preview: true,
            ..FingerprintSensor::default()
        });
    });
    key.set_pin("1234");
    let options = ["credentialMgmtPreview", "userVerificationMgmtPreview"];
    assert_eq!(options.map(|name| key.option(name)), [Some(true), Some(false)]);
    let later = ["credMgmt", "bioEnroll", "uvBioEnroll"];
    assert_eq!(later.map(|name| key.option(name)), [None; 3]);
    assert_eq!(key.option("pinUvAuthToken"), None);
    // Its token has no permissions, and is good for all.
    let token = key.pin_token(PinProtocol::Two, "1234");
    let requests = [credential_management(1), bio_enrollment(4)];
    for (request, prototype) in requests.into_iter().zip([0x41, 0x40]) {
        let mut message = request.auth(&token).encode();
        assert_eq!(key.call(&message), [0x01], "by the number that came later");
        message[0] = prototype;
        assert_ne!(key.call(&message)[0], 0x01);
    }
    let mut message = credential_management(1).auth(&token).encode();
    message[0] = 0x41;
    assert_eq!(key.call(&message)[0], 0x00);
}

// CM-50
#[test]
fn a_key_may_announce_the_prototype_beside_the_command() {
    let mut key = Key::made(|config| {
        config.versions.push(Version::Fido21Pre);
        config.credential_mgmt_preview = true;
    });
    key.set_pin("1234");
    assert_eq!(key.option("credentialMgmtPreview"), Some(true));
    assert_eq!(key.option("credMgmt"), Some(true));
    let token = key.token(CM, None);
    for number in [0x0a, 0x41] {
        let mut message = credential_management(1).auth(&token).encode();
        message[0] = number;
        assert_eq!(key.call(&message)[0], 0x00);
    }
}

// GI-52, GI-85, GI-105, MC-10
#[test]
fn a_key_of_ctap_20_verifies_by_a_finger_that_its_owner_enrolled_without_pin_and_protocols() {
    let mut key = Setup { finger: true, ..Setup::default() }.key();
    let mut made = Config::default();
    ctap20(&mut made);
    made.client_pin = false;
    made.pin_uv_auth_protocols.clear();
    made.fingerprints =
        Some(FingerprintSensor { bio_enroll: false, ..FingerprintSensor::default() });
    assert_eq!(made.check(), Ok(()));
    key.restart(made);
    assert_eq!((key.option("uv"), key.option("bioEnroll")), (Some(true), None));
    let made = key.ok(&make_credential(RP).option("uv", true));
    assert!(made.auth_data().flags.user_verified());
    assert_eq!(key.status(&bio_enrollment(7)), 0x01);
    assert_eq!(key.call(&[0x06, 0xa1, 2, 2])[0], 0x01, "nobody to agree on keys with");
}
