//! What is true of every message: envelope, CBOR, status codes, sizes.

use ctap_core::algorithm::Algorithm;
use ctap_core::{Channel, Config, Step};

use crate::support::key::CHANNEL;
use crate::support::pin::BE;
use crate::support::request::{bio_enrollment, client_pin, config, credential_management};
use crate::support::{
    CM, Key, PinProtocol, PinUvAuthToken, RP, Request, Setup, Value, bytes, get_assertion, hex,
    make_credential, map, numbered,
};

/// A key on which every command that has parameters answers.
fn key() -> Key {
    Setup { not_rqd: true, ..Setup::default() }.key()
}

/// All commands with parameters.
const WITH_PARAMETERS: [u8; 7] = [0x01, 0x02, 0x06, 0x09, 0x0a, 0x0c, 0x0d];

// MSG-05, MSG-06, MSG-02
#[test]
fn unknown_commands_are_refused_with_one_byte() {
    let mut key = Key::made(|config| config.prototype_commands = false);
    let known = [0x01, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d];
    for command in (0..=0xff).filter(|command| !known.contains(command)) {
        assert_eq!(key.call(&[command]), [0x01]);
        assert_eq!(key.call(&[command, 0xa0]), [0x01]);
    }
    assert_eq!(key.call(&[]), [0x01]);
}

// CM-50, BE-42
#[test]
fn the_numbers_of_two_prototypes_mean_the_commands_they_became() {
    let mut key = key();
    for (prototype, command) in [(0x40, 0x09), (0x41, 0x0a)] {
        for parameters in [&[0xa0][..], &[0xa1, 0x01, 0x01], &[0xa1, 0x06, 0xf5]] {
            let old = key.call(&[&[prototype], parameters].concat());
            assert_eq!(old, key.call(&[&[command], parameters].concat()));
        }
    }
}

// CM-50, BE-42, GI-103
#[test]
fn prototypes_are_the_same_commands_under_other_numbers() {
    for (offered, refused) in [(true, None), (false, Some([0x01]))] {
        let setup = Setup { pin: true, not_rqd: true, ..Setup::default() };
        let config = Config { prototype_commands: offered, ..setup.config() };
        let mut key = Key::new(config);
        key.bring_to(setup);
        let token = key.token(CM, None);
        for (prototype, request) in
            [(0x40, bio_enrollment(7)), (0x41, credential_management(1).auth(&token))]
        {
            let mut message = request.encode();
            let expected = key.call(&message);
            message[0] = prototype;
            let answer = key.call(&message);
            assert_eq!(answer, refused.map_or(expected, Vec::from));
        }
        let versions = key.info().get(1).unwrap().as_array().unwrap().clone();
        assert!(!versions.contains(&"FIDO_2_1_PRE".into()));
    }
}

// CP-112, CP-81
#[test]
fn a_token_without_permissions_opens_no_prototype() {
    let mut key = Setup { pin: true, finger: true, not_rqd: true, ..Setup::default() }.key();
    assert_eq!(key.option("pinUvAuthToken"), Some(true), "then they need cm and be");
    let prototypes = [(0x40, bio_enrollment(4)), (0x41, credential_management(1))];
    let statuses = |key: &mut Key, token: &PinUvAuthToken| {
        prototypes.clone().map(|(prototype, request)| {
            let mut message = request.auth(token).encode();
            message[0] = prototype;
            key.call(&message)[0]
        })
    };
    let legacy = key.pin_token(PinProtocol::Two, "1234");
    assert_eq!(statuses(&mut key, &legacy), [0x33, 0x33]);
    let permitted = key.token(CM | BE, None);
    assert_eq!(statuses(&mut key, &permitted), [0x00, 0x00]);
}

// MSG-35, MSG-45
#[test]
fn a_command_with_parameters_needs_a_map() {
    for command in WITH_PARAMETERS {
        assert_eq!(key().call(&[command]), [0x12]);
        for not_a_map in [vec![0x80], vec![0x00], vec![0xf6], vec![0x60]] {
            assert_eq!(key().call(&[vec![command], not_a_map].concat()), [0x11]);
        }
    }
}

// MSG-30 to MSG-37, V-12
#[test]
fn what_is_not_canonical_is_refused_by_every_command() {
    let bad = [
        "a201000100",             // the same key twice
        "a203000100",             // keys out of order
        "a1180100",               // an integer longer than needed
        "bf0100ff",               // a map without a length
        "a101f97e00",             // a floating point number
        "a101c000",               // a tag
        "a1016180",               // not UTF-8
        "a1010000",               // a byte too many
        "a201",                   // cut
        "a1",                     // cut
        "a101",                   // cut
        "a1015f41004100ff",       // a string in pieces
        "a1019f00ff",             // an array without a length
        "a1011900ff",             // a length longer than needed
        "a1015b0000000000000001", // and of a string
        "a1011c",                 // reserved
        "a101f800",               // a simple value in two bytes
        "a1a00000",               // a map as a key
        "a16161006100",           // text before
        "a2616100616200616300",   // a count too small
        "a2626161006162",         // the longer key first
        "a220000100",             // negative before positive
        "bb00000000000000010100", // a count longer than needed
        "a1015bffffffffffffffff", // a string of 2^64 bytes
        "a1019bffffffffffffffff", // an array of 2^64 items
        "bbffffffffffffffff",     // a map of 2^64 entries
        "a10181818181818100",     // too deep
        "ff",
    ];
    for command in WITH_PARAMETERS {
        for parameters in bad {
            let message = [vec![command], hex(parameters)].concat();
            assert_eq!(key().call(&message), [0x12], "{command:02x} {parameters}");
        }
    }
}

// MSG-34
#[test]
fn messages_nest_four_deep() {
    let nested = |depth: usize| (0..depth).fold(Value::from(0), |inner, _| vec![inner].into());
    for (depth, status) in [(1, 0), (3, 0), (4, 0x12), (5, 0x12), (500, 0x12)] {
        assert_eq!(key().status(&make_credential(RP).with(99, nested(depth))), status, "{depth}");
    }
}

// MSG-35, MSG-36
#[test]
fn no_prefix_of_a_message_is_a_message_and_nothing_may_follow_it() {
    let mut key = key();
    let whole = make_credential(RP).rk().extension("credProtect", 2).encode();
    for length in 1..whole.len() {
        assert_eq!(key.call(&whole[..length]), [0x12], "{length}");
    }
    for more in 0..=0xff {
        assert_eq!(key.call(&[&whole[..], &[more]].concat()), [0x12]);
    }
    assert_eq!(key.call(&whole)[0], 0);
}

// MSG-38, MC-13, MSG-48
#[test]
fn unknown_keys_are_skipped_at_every_level() {
    let mut key = key();
    let unknown = map([("new", numbered([(1, bytes([1]))]))]);
    let user = map([("id", bytes(*b"ada")), ("icon", "x".into()), ("new", 1.into())]);
    for request in [
        make_credential(RP).with(99, unknown.clone()),
        make_credential(RP).with(-1, unknown.clone()),
        make_credential(RP).with(3, user),
        make_credential(RP).option("new", Value::Null),
        make_credential(RP).extension("new", Value::Null),
        client_pin(2).with(1, 2).with(7, Value::Null).with(8, 1).with(11, 1),
        config(4).with(99, unknown),
        Request::new(0x0c).with(1, 1).with(3, 0).with(7, true),
    ] {
        assert_eq!(key.status(&request), 0, "{request:?}");
    }
    let text_key = [&[0x06, 0xa3, 0x01, 0x02, 0x02, 0x02][..], &[0x61, b'x', 0xf6]].concat();
    assert_eq!(key.call(&text_key)[0], 0, "a key of another type");
}

// MSG-49
#[test]
fn null_is_no_boolean_and_not_absent() {
    for (name, value) in [("rk", Value::Null), ("up", Value::Null), ("uv", 0.into())] {
        assert_eq!(key().status(&make_credential(RP).option(name, value.clone())), 0x11);
        if name != "rk" {
            assert_eq!(key().status(&get_assertion(RP).option(name, value)), 0x11);
        }
    }
}

// MSG-50
#[test]
fn the_largest_numbers_are_numbers() {
    let mut key = Key::with_pin();
    for (request, status) in [
        (client_pin(u64::MAX), 0x3e),
        (client_pin(2).with(1, u64::MAX), 0x02),
        (credential_management(u64::MAX), 0x3e),
        (config(u64::MAX), 0x02),
        (make_credential(RP).with(0x0a, u64::MAX), 0x02),
        (make_credential(RP).algorithm(i64::MIN), 0x26),
        (Request::new(0x0c).with(1, u64::MAX).with(3, u64::MAX), 0x03),
    ] {
        assert_eq!(key.status(&request), status, "{request:?}");
    }
    let negative = [&make_credential(RP).encode()[..1], &hex("a1013bffffffffffffffff")].concat();
    assert_eq!(key.call(&negative), [0x11]);
}

// MSG-03
#[test]
fn success_without_output_is_one_byte() {
    let mut key = key();
    for message in [vec![0x07], vec![0x0b], config(4).encode()] {
        assert_eq!(key.call(&message), [0x00]);
    }
}

// MSG-04
#[test]
fn commands_without_parameters_ignore_what_follows() {
    for message in [&[0x04, 0xff][..], &[0x07, 0xa0], &[0x0b, 0x01, 0x02]] {
        assert_eq!(key().call(message)[0], 0);
    }
    assert_eq!(key().call(&[0x08, 0xff]), [0x30]);
}

// MSG-62, MSG-60
#[test]
fn a_message_longer_than_get_info_says_is_refused() {
    for most in [1024, 7609] {
        let mut key = Key::made(|config| config.max_msg_size = most);
        for command in 0..=0xff {
            let mut message = vec![command; most + 1];
            assert_eq!(key.call(&message), [0x39]);
            message.truncate(most);
            assert_ne!(key.call(&message), [0x39]);
        }
    }
}

// MSG-61; the longest answers there are
#[test]
fn every_answer_fits_a_message() {
    let mut key = Key::made(|config: &mut Config| {
        config.algorithms = Algorithm::ALL.to_vec();
        config.max_msg_size = 7609;
        config.large_blobs = None;
        config.extensions.cred_blob = Some(1536);
        config.extensions.large_blob = Some(1536);
    });
    let rp_id = "r".repeat(512);
    let number = i64::from(Algorithm::MlDsa65.cose());
    let long = "n".repeat(128);
    let support = map([("support", "required".into())]);
    let request = make_credential(&rp_id)
        .rk()
        .algorithm(number)
        .user(&[7; 64], &long)
        .extension("credBlob", bytes([7; 1536]))
        .extension("largeBlob", support);
    let made = key.ok(&request);
    key.set_pin("1234");
    let assertion = get_assertion(&rp_id).list(&[&made.new_id()]);
    let write = map([("write", bytes([7; 1536])), ("originalSize", u64::MAX.into())]);
    key.ok(&assertion.clone().extension("largeBlob", write));
    let token = key.token(crate::support::GA, Some(&rp_id));
    let secret = key.agree(crate::support::PinProtocol::Two);
    let salts = ctap_client::hmac_secret::input(&secret, &[1; 32], Some(&[2; 32]), &mut key.rng);
    let read = map([("read", true.into())]);
    let everything = assertion
        .extension("largeBlob", read)
        .extension("credBlob", true)
        .extension("hmac-secret", salts)
        .extension("thirdPartyPayment", true)
        .auth(&token);
    let used = key.ok(&everything);
    assert!(used.is_signed_by(&made) && used.has(8) && used.has(4));
}

// MSG-63, MSG-62
#[test]
fn as_many_ids_as_get_info_says_fit_a_message() {
    let mut key = key();
    let info = key.info();
    let longest = vec![vec![7; 113]; info.number(7) as usize];
    let ids: Vec<&[u8]> = longest.iter().map(Vec::as_slice).collect();
    let request = get_assertion(RP).list(&ids);
    assert!(request.encode().len() <= info.number(5) as usize);
    assert_eq!(key.status(&request), 0x2e);
}

// HD-38, MSG-71
#[test]
fn while_a_request_waits_every_other_hears_that_the_key_is_busy() {
    let mut key = key();
    let Step::Wait(prompt, _) = key.begin(CHANNEL, &[0x0b]) else { panic!("it waits") };
    for channel in [CHANNEL, Channel(2)] {
        for message in [vec![0x04], vec![0x0b], make_credential(RP).encode(), vec![0xff]] {
            let Step::Reply(answer) = key.begin(channel, &message) else { panic!("busy") };
            assert_eq!((answer.channel, answer.message), (channel, vec![0x06]));
        }
    }
    let decision = ctap_core::Decision::Approve;
    let step = key.with_platform(|key, platform| key.answer(prompt, decision, platform));
    let Some(Step::Reply(answer)) = step else { panic!("not disturbed") };
    assert_eq!(answer.message, [0x00]);
}
