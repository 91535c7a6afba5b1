//! authenticatorBioEnrollment, and tokens by finger.

use std::time::Duration;

use ctap_core::Decision;
use ctap_core::consent::{Action, Gesture, SampleFault};
use ctap_core::memory::MemoryError;

use crate::client_pin::with_bad_key;
use crate::support::pin::{ACFG, BE, with_key};
use crate::support::request::{bio_enrollment, client_pin, config, credential_management, params};
use crate::support::store::Medium;
use crate::support::{
    ALL, Act, Body, CM, GA, Key, MC, Named, PCMR, PROTOCOLS, PinProtocol, PinUvAuthToken, RP,
    Request, Setup, Value, bytes, get_assertion, make_credential, numbered,
};

/// A key with a sensor that knows nobody, and PIN "1234".
fn key() -> Key {
    Setup { pin: true, not_rqd: true, ..Setup::default() }.key()
}

fn finger(number: u8) -> Act {
    Act::Do(Decision::Finger(number))
}

fn begin() -> Request {
    bio_enrollment(1)
}

fn next(template: &[u8]) -> Request {
    bio_enrollment(2).with(3, params([(1, bytes(template))]))
}

fn rename(template: &[u8], name: &str) -> Request {
    bio_enrollment(5).with(3, params([(1, bytes(template)), (2, name.into())]))
}

fn remove(template: &[u8]) -> Request {
    bio_enrollment(6).with(3, params([(1, bytes(template))]))
}

/// Enrols a finger from its first sample to its last; the template's id.
fn enroll(key: &mut Key, token: &PinUvAuthToken, number: u8) -> Vec<u8> {
    key.will(finger(number));
    let first = key.ok(&begin().auth(token));
    let template = first.bytes(4);
    for _ in 0..first.number(6) {
        key.will(finger(number));
        key.ok(&next(&template).auth(token));
    }
    template
}

/// Template ids and names.
fn templates(key: &mut Key, token: &PinUvAuthToken) -> Vec<(Vec<u8>, String)> {
    let reply = key.ok(&bio_enrollment(4).auth(token));
    let infos = reply.get(7).unwrap().as_array().unwrap();
    infos
        .iter()
        .map(|info| {
            let entries = info.as_map().unwrap();
            let [(_, id), (_, name)] = entries.as_slice() else { panic!("{entries:?}") };
            (id.as_bytes().unwrap().clone(), name.as_text().unwrap().to_owned())
        })
        .collect()
}

// BE-01 to BE-06, BE-41, MSG-17, MSG-18; tool BioModAndSensorInfo P-1, P-2
#[test]
fn some_things_can_be_asked_without_a_token() {
    let mut key = key();
    let modality = key.ok(&Request::new(0x09).with(6, true));
    assert_eq!((modality.keys(), modality.number(1)), (vec![1], 1));
    assert_eq!(key.status(&Request::new(0x09).with(6, false)), 0x14);
    assert_eq!(key.status(&Request::new(0x09)), 0x14);
    for request in [bio_enrollment(7), bio_enrollment(7).without(1)] {
        let info = key.ok(&request);
        assert_eq!(info.keys(), [2, 3, 8]);
        assert_eq!((info.number(2), info.number(3), info.number(8)), (1, 4, 64));
    }
    assert!(key.ok(&bio_enrollment(3)).is_empty(), "cancel, though nothing runs");
    assert!(key.ok(&bio_enrollment(3).without(1)).is_empty());
    for number in [0, 8, 0xff, u64::MAX] {
        assert_eq!(key.status(&bio_enrollment(number)), 0x3e);
    }
    for member in 1..=6 {
        assert_eq!(key.status(&bio_enrollment(7).with(member, Value::Null)), 0x11);
    }
}

// MSG-05, GI-54, GI-59
#[test]
fn a_key_without_a_sensor_does_not_know_the_command() {
    let mut key = Key::with_pin();
    assert_eq!(key.status(&bio_enrollment(7)), 0x01);
    assert_eq!((key.option("bioEnroll"), key.option("uv")), (None, None));
}

// BE-07 to BE-12, MSG-24; tool GetPinToken F-2
#[test]
fn authorisation_is_checked_in_order() {
    let mut key = key();
    let long = "a".repeat(65);
    let token = key.token(BE, None);
    for request in [begin(), next(b"x"), bio_enrollment(4), rename(b"x", "y"), remove(b"x")] {
        assert_eq!(key.status(&request.clone().without(1).without(3)), 0x36);
        let good = request.auth(&token);
        assert_eq!(key.status(&good.clone().without(1)), 0x14);
        assert_eq!(key.status(&good.clone().without(4)), 0x14);
        if good.get(3).is_some() {
            assert_eq!(key.status(&good.clone().without(3).with(1, 2)), 0x14);
            assert_eq!(key.status(&good.clone().with(3, numbered([]))), 0x14);
        }
        assert_eq!(key.status(&good.clone().with(1, 2)), 0x02);
        assert_eq!(key.status(&good.clone().with(4, 3)), 0x02);
        assert_eq!(key.status(&good.clone().with(5, bytes([0; 32]))), 0x33);
    }
    let only_id = bio_enrollment(5).with(3, params([(1, bytes(*b"x"))])).auth(&token);
    assert_eq!(key.status(&only_id), 0x14);
    let wrong_mac = rename(b"x", &long).param(vec![0; 32], 2);
    assert_eq!(key.status(&wrong_mac), 0x03, "before the MAC"); // BE-10
    let other = key.token(ALL, Some(RP));
    assert_eq!(key.status(&bio_enrollment(4).auth(&other)), 0x33);
    let bound = key.token(BE, Some(RP));
    assert_eq!(key.status(&bio_enrollment(4).auth(&bound)), 0x2c, "binding is not checked");
}

// BE-20, BE-21, BE-23, BE-24, BE-31, BE-32, GI-54, GI-59; tool BioEnroll P-2
#[test]
fn a_finger_is_learned_sample_by_sample() {
    for protocol in PROTOCOLS {
        let mut key = key();
        assert_eq!((key.option("uv"), key.option("bioEnroll")), (Some(false), Some(false)));
        let token = key.token_with(protocol, BE, None);
        let first = key.ok(&begin().auth(&token));
        assert_eq!((first.keys(), first.number(5), first.number(6)), (vec![4, 5, 6], 0, 3));
        let question = key.asked().remove(0);
        assert_eq!((question.action, question.gesture), (Action::Enroll, Gesture::Finger));
        let template = first.bytes(4);
        assert!(!template.is_empty());
        for left in [2, 1, 0] {
            assert_eq!(key.option("uv"), Some(false));
            let token = key.token_with(protocol, BE, None); // a fresh one for each sample
            let sample = key.ok(&next(&template).auth(&token));
            assert_eq!((sample.keys(), sample.number(5), sample.number(6)), (vec![5, 6], 0, left));
        }
        assert_eq!((key.option("uv"), key.option("bioEnroll")), (Some(true), Some(true)));
        let token = key.token_with(protocol, BE, None);
        assert_eq!(templates(&mut key, &token), [(template.clone(), String::new())]);
        assert_eq!(key.status(&next(&template).auth(&token)), 0x2c, "nothing runs any more");
    }
}

// BE-23, BE-25, BE-21
#[test]
fn a_bad_sample_is_told_in_a_good_answer() {
    let mut key = key();
    let token = key.token(BE, None);
    let enrolled = enroll(&mut key, &token, 1);
    assert!(!enrolled.is_empty());
    key.will(finger(2));
    let template = key.ok(&begin().auth(&token)).bytes(4);
    for (act, status) in [
        (Act::Do(Decision::BadSample(SampleFault::TooHigh)), 0x01),
        (Act::Do(Decision::BadSample(SampleFault::PoorQuality)), 0x07),
        (Act::Do(Decision::BadSample(SampleFault::NoUserPresenceTransition)), 0x0e),
        (finger(1), 0x0b),
        (finger(3), 0x0a),
        (Act::Sleep, 0x0d),
    ] {
        key.will(act);
        let sample = key.ok(&next(&template).auth(&token));
        assert_eq!((sample.number(5), sample.number(6)), (status, 3), "{act:?}");
    }
    assert_eq!(key.state().fingerprints().len(), 1);
    key.will(finger(2));
    let sample = key.ok(&next(&template).auth(&token));
    assert_eq!((sample.number(5), sample.number(6)), (0, 2));
}

// BE-20, BE-21
#[test]
fn the_first_sample_may_be_bad_too() {
    let mut key = key();
    let token = key.token(BE, None);
    for act in [Act::Do(Decision::BadSample(SampleFault::TooFast)), Act::Sleep] {
        key.will(act);
        let first = key.ok(&begin().auth(&token));
        assert_eq!(first.keys(), [4, 5, 6]);
        assert_ne!(first.number(5), 0);
        assert_eq!(first.number(6), 4);
        assert_eq!(key.status(&next(&first.bytes(4)).auth(&token)), 0);
    }
}

// BE-20, BE-29; MSG-50
#[test]
fn the_platform_says_how_long_a_sample_may_take() {
    for (asked, waited) in [(10_000, 10_000), (0, 1), (u64::MAX, 60_000)] {
        let mut key = key();
        let token = key.token(BE, None);
        key.will(Act::Sleep);
        let before = key.now;
        key.ok(&begin().with(3, params([(3, asked.into())])).auth(&token));
        assert_eq!(key.now - before, Duration::from_millis(waited));
    }
}

// BE-05, BE-20, BE-22, BE-29, BE-30
#[test]
fn an_enrolment_runs_until_it_is_cancelled_replaced_or_forgotten() {
    let mut key = key();
    let token = key.token(BE, None);
    let first = key.ok(&begin().auth(&token)).bytes(4);
    key.will(Act::Cancel);
    assert_eq!(key.status(&next(&first).auth(&token)), 0x2d);
    key.will(Act::Do(Decision::Deny));
    assert_eq!(key.status(&next(&first).auth(&token)), 0x27);
    assert_eq!(key.status(&next(&first).auth(&token)), 0, "it stays open");
    assert_eq!(key.status(&next(b"other").auth(&token)), 0x2c);
    let second = key.ok(&begin().auth(&token)).bytes(4);
    assert_ne!(first, second);
    assert_eq!(key.status(&next(&first).auth(&token)), 0x2c, "replaced");
    key.ok(&bio_enrollment(3));
    assert_eq!(key.status(&next(&second).auth(&token)), 0x2c, "cancelled");
    let third = key.ok(&begin().auth(&token)).bytes(4);
    key.power_cycle();
    let token = key.token(BE, None);
    assert_eq!(key.status(&next(&third).auth(&token)), 0x2c, "forgotten");
    assert_eq!(key.status(&bio_enrollment(4).auth(&token)), 0x2c, "nothing was stored");
}

// BE-20, BE-25, P-12
#[test]
fn a_full_sensor_learns_nothing_more() {
    let mut key = key();
    let token = key.token(BE, None);
    for number in 1..=5 {
        enroll(&mut key, &token, number);
    }
    key.asked();
    assert_eq!(key.status(&begin().auth(&token)), 0x17);
    assert_eq!(key.asked(), []);
    let mut key = self::key();
    let token = key.token(BE, None);
    let template = key.ok(&begin().auth(&token)).bytes(4);
    key.ok(&next(&template).auth(&token));
    key.ok(&next(&template).auth(&token));
    key.medium.set(Medium::FailsAfter(0, MemoryError::Full));
    assert_eq!(key.status(&next(&template).auth(&token)), 0x17);
}

// BE-26 to BE-28, BE-32, GI-54; tool EnumerateRenameRemove P-1 to P-3
#[test]
fn fingers_are_listed_named_and_forgotten() {
    let mut key = key();
    let token = key.token(BE, None);
    assert_eq!(key.status(&bio_enrollment(4).auth(&token)), 0x2c);
    let (one, two) = (enroll(&mut key, &token, 1), enroll(&mut key, &token, 2));
    assert_ne!(one, two);
    let name = "ß".repeat(32);
    assert!(key.ok(&rename(&two, &name).auth(&token)).is_empty());
    assert_eq!(templates(&mut key, &token), [(one.clone(), String::new()), (two.clone(), name)]);
    for request in [rename(b"unknown", "x"), remove(b"unknown")] {
        assert_eq!(key.status(&request.auth(&token)), 0x2c);
    }
    assert!(key.ok(&remove(&one).auth(&token)).is_empty());
    assert_eq!(key.option("uv"), Some(true));
    assert_eq!(key.status(&remove(&two).auth(&token)), 0);
    assert_eq!((key.option("uv"), key.option("bioEnroll")), (Some(false), Some(false)));
    assert_eq!(key.status(&bio_enrollment(4).auth(&token)), 0x2c);
    assert_eq!(key.status(&make_credential(RP).option("uv", true)), 0x2c);
}

// BE-26, MSG-61
#[test]
fn the_longest_list_of_fingers_fits_an_answer() {
    let mut key = Key::made(|config| {
        config.max_msg_size = ctap_core::limits::MAX_MESSAGE;
        config.fingerprints = Some(ctap_core::config::FingerprintSensor {
            capacity: ctap_core::limits::MAX_FINGERPRINTS,
            ..Default::default()
        });
    });
    key.set_pin("1234");
    let token = key.token(BE, None);
    for number in 1..=ctap_core::limits::MAX_FINGERPRINTS {
        key.enroll(number);
        key.ok(&rename(&[number; 16], &"n".repeat(64)).auth(&token));
    }
    assert_eq!(templates(&mut key, &token).len(), 88);
}

// BE-40, CP-95 to CP-101, CP-98; tool UsingUvWithPermissions P-1 to P-4
#[test]
fn a_finger_gives_a_token() {
    let mut key = key();
    key.enroll(1);
    let made = key.ok(&make_credential(RP)).new_id();
    let token = key.uv_token(MC | GA, Some(RP));
    let question = key.asked().pop().unwrap();
    assert_eq!((question.action, question.gesture), (Action::Verify, Gesture::Finger));
    assert_eq!(question.rp_id.as_deref(), Some(RP));
    let flags = key.ok(&get_assertion(RP).list(&[&made]).auth(&token)).auth_data().flags;
    assert!(flags.user_present() && flags.user_verified());
    let reader = key.uv_token(PCMR, None);
    assert_eq!(key.status(&credential_management(1).auth(&reader)), 0);
    let manager = key.uv_token(CM | BE | ACFG, None);
    for request in [credential_management(1), bio_enrollment(4), config(4)] {
        assert_eq!(key.status(&request.auth(&manager)), 0);
    }
}

// CP-95 to CP-99, CP-42, CP-87
#[test]
fn a_token_by_finger_is_checked_in_order() {
    let mut key = key();
    let secret = key.agree(PinProtocol::Two);
    let request = with_key(client_pin(6), &secret).with(9, MC).with(0x0a, RP);
    for member in [1, 3, 9, 0x0a] {
        assert_eq!(key.status(&request.clone().with(1, 9).without(member)), 0x14, "{member}");
    }
    assert_eq!(key.status(&request.clone().with(1, 9)), 0x02);
    assert_eq!(key.status(&request.clone().with(9, 0)), 0x02);
    assert_eq!(key.status(&request.clone().with(9, PCMR | CM)), 0x40);
    assert_eq!(key.status(&request.clone().with(3, numbered([]))), 0x11, "no key at all"); // MSG-43
    assert_eq!(key.status(&with_bad_key(&request)), 0x30, "nobody is enrolled");
    key.enroll(1);
    assert_eq!(key.status(&with_bad_key(&request)), 0x02);
    assert_eq!(key.asked(), [], "nobody was asked");
    for (act, status) in [
        (Act::Do(Decision::Deny), 0x27),
        (Act::Sleep, 0x2f),
        (Act::Cancel, 0x2d),
        (finger(9), 0x3f),
        (finger(9), 0x3f),
        (finger(9), 0x3f),
        (finger(9), 0x3f),
        (finger(9), 0x3c),
        (finger(1), 0x3c),
    ] {
        key.will(act);
        assert_eq!(key.status(&request), status, "{act:?}");
        key.now = Duration::ZERO;
    }
    assert_eq!(key.ok(&client_pin(7)).number(5), 0);
}

// CP-87, GI-61, GI-63, GI-72, CP-101
#[test]
fn what_a_finger_may_permit_is_configured() {
    for (uv_bio_enroll, uv_acfg) in [(true, false), (false, true)] {
        let mut key = Key::made(|config| {
            config.fingerprints = Some(ctap_core::config::FingerprintSensor {
                uv_bio_enroll,
                uv_acfg,
                ..Default::default()
            });
            config.no_mc_ga_permissions_with_client_pin = true;
        });
        key.enroll(1);
        assert_eq!(key.option("uvBioEnroll"), uv_bio_enroll.then_some(true));
        assert_eq!(key.option("uvAcfg"), uv_acfg.then_some(true));
        for (bit, granted) in [(BE, uv_bio_enroll), (ACFG, uv_acfg), (MC, true), (GA, true)] {
            let secret = key.agree(PinProtocol::One);
            let request = with_key(client_pin(6), &secret).with(9, bit).with(0x0a, RP);
            assert_eq!(key.status(&request), if granted { 0 } else { 0x40 });
        }
    }
}

// CP-47, CP-97, CP-141 to CP-144, GI-26, GI-32; tool GetRetries
#[test]
fn the_key_or_the_platform_counts_the_tries() {
    for (attempts, gestures) in [(Some(3), 1), (Some(1), 3), (None, 3)] {
        let mut key = Key::made(|config| {
            config.fingerprints = Some(ctap_core::config::FingerprintSensor {
                preferred_platform_uv_attempts: attempts,
                ..Default::default()
            });
        });
        key.enroll(1);
        let secret = key.agree(PinProtocol::Two);
        let request = with_key(client_pin(6), &secret).with(9, CM);
        for _ in 0..gestures {
            key.will(finger(9));
        }
        assert_eq!(key.ok(&client_pin(7)).number(5), 5);
        assert_eq!(key.status(&request), 0x3f);
        assert_eq!(key.asked().len(), gestures);
        assert_eq!(key.ok(&client_pin(7)).number(5), 5 - gestures as u64);
        key.will(finger(1));
        assert_eq!(key.status(&request), 0);
        let after: Body = key.ok(&client_pin(7));
        assert_eq!((after.keys(), after.number(5)), (vec![5], 5));
        assert_eq!(key.info().number(0x17), 1);
        assert_eq!(key.info().get(0x11).is_some(), attempts.is_some());
    }
}

// CP-140, CP-143, CP-28, GI-32
#[test]
fn a_right_pin_unblocks_the_finger_and_a_blocked_pin_blocks_it() {
    let mut key = key();
    key.enroll(1);
    for _ in 0..5 {
        key.will(finger(9));
    }
    for _ in 0..2 {
        key.status(&make_credential(RP).option("uv", true));
    }
    assert_eq!(key.ok(&client_pin(7)).number(5), 0);
    assert_eq!(key.try_pin("1234"), 0);
    assert_eq!(key.ok(&client_pin(7)).number(5), 5);
    key.uv_token(CM, None);
    assert_eq!(key.info().number(0x17), 1);
    assert_eq!(key.try_pin("1234"), 0);
    assert_eq!(key.info().number(0x17), 0);
    key.block_pin();
    key.asked();
    let secret = key.agree(PinProtocol::Two);
    assert_eq!(key.status(&with_key(client_pin(6), &secret).with(9, CM)), 0x3c);
    assert_eq!(key.asked(), []);
    assert_eq!(key.state().uv_retries(), 0);
}

// GI-54, GI-59, GI-61, GI-63, GI-27
#[test]
fn get_info_tells_of_the_sensor() {
    let info = Key::with_finger().info();
    let options = info.get(4).unwrap();
    for name in ["uv", "bioEnroll", "uvBioEnroll", "uvAcfg", "pinUvAuthToken"] {
        assert_eq!(Named::of(options).get(name), Some(&Value::Bool(true)), "{name}");
    }
    assert_eq!((info.number(0x11), info.number(0x12), info.number(0x17)), (3, 2, 0));
}
