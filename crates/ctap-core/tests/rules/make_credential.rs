//! authenticatorMakeCredential: what a request must look like, in which order it is judged, and who must agree.

use std::time::Duration;

use ctap_core::Decision;
use ctap_core::consent::{Action, Gesture};

use crate::support::request::{config, credential_management, descriptor, parameter};
use crate::support::{
    ALL, Act, CM, GA, Key, LBW, MC, OTHER_RP, RP, Request, Setup, Value, bytes, get_assertion,
    make_credential, map, numbered,
};

fn key() -> Key {
    Key::made(|_| {})
}

fn request() -> Request {
    make_credential(RP)
}

// MSG-10, MSG-39, MSG-40, MSG-45, MC-01; conformance tool MakeCredential Req-1 P-1, F-1 to F-11
#[test]
fn each_member_has_its_type_and_four_are_required() {
    let mut key = key();
    assert_eq!(key.status(&request()), 0);
    for required in 1..=4 {
        assert_eq!(key.status(&request().without(required)), 0x14, "without {required}");
    }
    for member in 1..=0x0b {
        for wrong in [Value::Null, Value::Bool(true), numbered([])] {
            let is_right = matches!((member, &wrong), (6 | 7, Value::Map(_)));
            let status = key.status(&request().with(member, wrong));
            assert_eq!(status, if is_right { 0 } else { 0x11 }, "{member}");
        }
    }
    assert_eq!(key.call(&[0x01]), [0x12], "no map at all");
    assert_eq!(key.status(&Request::new(0x01)), 0x14);
}

// MSG-44, MSG-43
#[test]
fn a_wrong_type_outranks_an_absent_member_which_outranks_the_rest() {
    let mut key = key();
    assert_eq!(key.status(&request().without(1).with(9, "one")), 0x11);
    assert_eq!(key.status(&request().without(1).algorithm(-9)), 0x14);
}

// MSG-46
#[test]
fn a_client_data_hash_has_thirty_two_bytes() {
    for length in [0, 31, 33, 64] {
        assert_eq!(key().status(&request().with(1, bytes(vec![1; length]))), 0x03);
    }
}

// MSG-41, MSG-47, MSG-48, MC-80, MC-78; tool Req-2 F-1, F-2, Req-3 F-1 to F-3
#[test]
fn entities_are_judged_by_type_and_length() {
    let (ok, kind, length) = (0, 0x11, 0x03);
    let rp = |id: Value, name: Value| map([("id", id), ("name", name)]);
    let long = |length: usize| Value::from("a".repeat(length));
    for (entity, status) in [
        (map([("name", "x".into())]), kind),
        (rp(bytes(*b"a"), "x".into()), kind),
        (rp("a".into(), 1.into()), kind),
        (rp("".into(), "x".into()), length),
        (rp(long(512), long(500)), ok),
        (rp(long(513), "x".into()), length),
        (map([("id", "a".into()), ("icon", "https://a/i.png".into())]), ok),
        (map([("id", "a".into()), ("icon", 7.into())]), kind),
    ] {
        assert_eq!(key().status(&request().with(2, entity.clone())), status, "{entity:?}");
    }
    let user = |id: Value, name: &str, value: Value| map([("id", id), (name, value)]);
    for (entity, status) in [
        (map([("name", "x".into())]), kind),
        (user("ada".into(), "name", "x".into()), kind),
        (user(bytes([1]), "name", bytes([1])), kind),
        (user(bytes([1]), "displayName", 1.into()), kind),
        (user(bytes([1]), "icon", "https://a/i.png".into()), ok),
        (user(bytes([1]), "icon", 1.into()), kind),
        (user(bytes([]), "name", "x".into()), ok),
        (user(bytes([1; 64]), "name", "x".into()), ok),
        (user(bytes([1; 65]), "name", "x".into()), length),
    ] {
        assert_eq!(key().status(&request().with(3, entity.clone())), status, "{entity:?}");
    }
}

// MC-06 to MC-08, MSG-42; tool Req-4 P-1, F-1 to F-7
#[test]
fn the_first_supported_algorithm_of_the_request_is_used() {
    let none: Value = map([("type", "public-key".into())]);
    let foreign = map([("alg", (-7).into()), ("type", "other-key".into())]);
    for (list, outcome) in [
        (vec![parameter(-999), parameter(-8), parameter(-7)], Ok(-8)),
        (vec![parameter(-7), parameter(-8)], Ok(-7)),
        (vec![foreign.clone(), parameter(-8)], Ok(-8)),
        (vec![parameter(i64::MIN), parameter(i64::MAX), parameter(-7)], Ok(-7)),
        (vec![parameter(-999)], Err(0x26)),
        (vec![parameter(-35)], Err(0x26)),
        (vec![foreign], Err(0x26)),
        (vec![], Err(0x26)),
        (vec![parameter(-7), Value::Bool(true)], Err(0x11)),
        (vec![map([("alg", (-7).into())]), parameter(-7)], Err(0x12)),
        (vec![parameter(-7), map([("alg", (-7).into()), ("type", 1.into())])], Err(0x11)),
        (vec![parameter(-7), none], Err(0x12)),
        (vec![parameter(-7), map([("alg", "x".into()), ("type", "t".into())])], Err(0x11)),
    ] {
        let made = key().send(&request().with(4, list.clone()));
        let algorithm = made.map(|made| made.auth_data().attested.unwrap().public_key.algorithm());
        assert_eq!(algorithm, outcome, "{list:?}");
    }
}

// MC-62, MC-63, MSG-41; tool Req-5 P-1, F-1 to F-6
#[test]
fn descriptors_are_judged_by_type_and_foreign_ones_are_skipped() {
    let good = descriptor(b"unknown");
    for (element, status) in [
        (map([("id", bytes(*b"x")), ("type", "foreign".into())]), 0),
        (map([("id", bytes(*b"x")), ("transports", 7.into()), ("type", "public-key".into())]), 0),
        (descriptor(&[7; 2000]), 0),
        (descriptor(&[]), 0),
        ("not a map".into(), 0x11),
        (map([("id", bytes(*b"x"))]), 0x11),
        (map([("id", bytes(*b"x")), ("type", 1.into())]), 0x11),
        (map([("type", "public-key".into())]), 0x11),
        (map([("id", "x".into()), ("type", "public-key".into())]), 0x11),
    ] {
        let list = vec![good.clone(), element.clone()];
        assert_eq!(key().status(&request().with(5, list)), status, "{element:?}");
    }
    assert_eq!(key().status(&request().with(5, Vec::<Value>::new())), 0);
}

// MSG-63
#[test]
fn an_exclude_list_has_as_many_entries_as_get_info_says() {
    let mut key = key();
    let most = key.info().number(7) as usize;
    let list = |length| request().with(5, vec![descriptor(b"x"); length]);
    assert_eq!(key.status(&list(most)), 0);
    assert_eq!(key.status(&list(most + 1)), 0x15);
    assert_eq!(key.asked().len(), 1, "before anyone is asked");
    let mut wrong = vec![descriptor(b"x"); most];
    wrong.push(Value::Null);
    assert_eq!(key.status(&request().with(5, wrong)), 0x11);
}

// MC-02, MC-03, GA-02, SL-07; MC-A9
#[test]
fn an_empty_param_only_asks_whether_somebody_is_there() {
    for command in [request(), get_assertion(RP)] {
        let command = command.option("uv", true).option("up", false).option("rk", true);
        for protocol in [None, Some(1), Some(2), Some(99)] {
            let empty = command.clone().param(Vec::new(), protocol.unwrap_or(1));
            let key_of_protocol = if command.get(4).is_some() { 9 } else { 7 };
            let empty = if protocol.is_some() { empty } else { empty.without(key_of_protocol) };
            for (pin, touched) in [(true, 0x31), (false, 0x35)] {
                let mut key = if pin { Key::with_pin() } else { key() };
                key.seal_store();
                for (act, status) in [
                    (Act::Do(Decision::Approve), touched),
                    (Act::Do(Decision::Deny), 0x27),
                    (Act::Sleep, 0x27),
                    (Act::Cancel, 0x2d),
                ] {
                    key.will(act);
                    assert_eq!(key.status(&empty), status);
                    assert_eq!(key.asked()[0].action, Action::Select);
                }
            }
        }
    }
}

// MC-04, MC-05
#[test]
fn a_param_needs_a_protocol_that_the_key_has() {
    let mut key = key();
    let with_param = request().param(vec![0; 32], 2);
    assert_eq!(key.status(&with_param.clone().without(9)), 0x14);
    for number in [0, 3, u64::MAX] {
        assert_eq!(key.status(&with_param.clone().with(9, number)), 0x02);
    }
    assert_eq!(key.status(&request().with(9, 99)), 0, "without a param it is ignored");
}

// MC-11 to MC-13, MC-51, MC-A8; tool Req-6 P-1, P-3, F-1
#[test]
fn options_are_judged_by_value() {
    for (name, value, status) in [
        ("up", true, 0),
        ("up", false, 0x2c),
        ("uv", true, 0x2c),
        ("uv", false, 0),
        ("rk", true, 0),
        ("rk", false, 0),
        ("makeTea", true, 0),
    ] {
        assert_eq!(key().status(&request().option(name, value)), status, "{name} {value}");
        assert_eq!(
            key().status(&request().option(name, 1)),
            if name == "makeTea" { 0 } else { 0x11 }
        );
    }
    let mut without_rk = Key::made(|config| {
        config.capacity = 0;
        config.large_blobs = None;
    });
    for value in [true, false] {
        assert_eq!(without_rk.status(&request().option("rk", value)), 0x2b);
    }
    assert_eq!(without_rk.status(&request()), 0);
}

// MC-04, MC-06, MC-10, MC-12, MC-20, MC-25, MC-30, MC-32
#[test]
fn the_first_check_that_fails_decides() {
    let mut key = Key::with_pin();
    let known = key.ok(&request()).new_id();
    let token = key.token(MC, Some(RP));
    let good = request().list(&[&known]).auth(&token);
    let mut bad_mac = good.get(8).unwrap().as_bytes().unwrap().clone();
    bad_mac[0] ^= 1;
    let faults: [(u8, &dyn Fn(Request) -> Request); 5] = [
        (0x02, &|request| request.with(9, 7)),
        (0x26, &|request| request.algorithm(-9)),
        (0x2c, &|request| request.option("up", false)),
        (0x02, &|request| request.with(0x0a, 1)),
        (0x33, &|request| request.with(8, bytes(bad_mac.clone()))),
    ];
    for first in 0..faults.len() {
        let all = faults[first..].iter().fold(good.clone(), |request, (_, spoil)| spoil(request));
        assert_eq!(key.status(&all), faults[first].0, "fault {first}");
    }
    assert_eq!(key.status(&good), 0x19);
}

/// What MC-10 to MC-19 say: the UV bit of the credential, or the refusal.
fn expected(setup: Setup, rk: bool, uv: bool) -> Result<bool, u8> {
    let deny = |pin_helps: bool| Err(if pin_helps && !setup.no_mc_ga { 0x36 } else { 0x27 });
    match setup {
        _ if uv && !setup.finger => Err(0x2c),
        Setup { always_uv: true, finger: true, .. } => Ok(true),
        Setup { always_uv: true, .. } => deny(true),
        _ if uv => Ok(true),
        _ if setup.protected() && (rk || !setup.not_rqd) => deny(setup.pin),
        _ => Ok(false),
    }
}

// MC-10, MC-14 to MC-19, MC-24, MC-28, MC-34, MC-50 to MC-53, MC-09, CP-142
#[test]
fn without_a_token_the_truth_table_decides() {
    for setup in Setup::every() {
        let mut key = setup.key();
        for (rk, uv) in [
            (false, None),
            (true, None),
            (false, Some(false)),
            (false, Some(true)),
            (true, Some(true)),
        ] {
            let mut request = request().option("rk", rk);
            if let Some(uv) = uv {
                request = request.option("uv", uv);
            }
            let made = key.send(&request);
            let verified = made.map(|made| {
                assert!(made.auth_data().flags.user_present());
                made.auth_data().flags.user_verified()
            });
            let expected = expected(setup, rk, uv == Some(true));
            assert_eq!(verified, expected, "{setup:?} rk {rk} uv {uv:?}");
            let gestures: Vec<_> = key.asked().iter().map(|question| question.gesture).collect();
            let gesture = if expected == Ok(true) { Gesture::Finger } else { Gesture::Touch };
            assert_eq!(gestures, vec![gesture; usize::from(expected.is_ok())], "one question");
        }
    }
}

// MC-25, MC-10, MC-50, MC-29, MC-15, CP-12
#[test]
fn with_a_token_the_user_is_verified_wherever_there_is_a_pin() {
    for setup in Setup::every().filter(|setup| setup.pin && !setup.no_mc_ga) {
        let mut key = setup.key();
        let token = key.token(MC, Some(RP));
        let made = key.ok(&request().rk().option("uv", true).auth(&token));
        assert!(made.auth_data().flags.user_verified());
        assert_eq!(key.asked()[0].gesture, Gesture::Touch, "uv is nothing beside a token");
    }
    let mut open = key();
    let made = open.ok(&request().rk().param(vec![7; 32], 2));
    assert!(!made.auth_data().flags.user_verified(), "no bit for a param that nobody can check");
}

// MC-26, MC-27, GA-10, CP-124
#[test]
fn a_token_must_fit_the_request() {
    let mut key = Key::with_pin();
    let mut tried = |permissions, rp_id| {
        let token = key.token(permissions, rp_id);
        key.status(&request().auth(&token))
    };
    assert_eq!(tried(MC, Some(RP)), 0);
    assert_eq!(tried(GA | LBW, Some(RP)), 0x33);
    assert_eq!(tried(MC, Some(OTHER_RP)), 0x33);
    let token = key.token(MC, Some(RP));
    let mut other_hash = request().auth(&token);
    other_hash = other_hash.with(1, bytes([0xce; 32]));
    assert_eq!(key.status(&other_hash), 0x33);
}

// MC-27
#[test]
fn an_unbound_token_is_bound_by_its_first_use_even_a_refused_one() {
    let mut key = Key::with_pin();
    let token = key.pin_token(crate::support::PinProtocol::Two, "1234");
    key.will(Act::Do(Decision::Deny));
    assert_eq!(key.status(&request().auth(&token)), 0x27);
    assert_eq!(key.status(&make_credential(OTHER_RP).auth(&token)), 0x33);
    assert_eq!(key.status(&request().auth(&token)), 0);
}

// MC-36, MC-A4, CP-125, LB-40
#[test]
fn a_touch_uses_the_token_up_but_for_large_blobs() {
    let mut key = Key::with_pin();
    let token = key.token(ALL, Some(RP));
    assert_eq!(key.status(&request().auth(&token)), 0);
    for spent in [request(), get_assertion(RP), config(4)] {
        assert_eq!(key.status(&spent.auth(&token)), 0x33);
    }
    let empty = ctap_core::state::EMPTY_LARGE_BLOBS;
    let write = crate::support::request::write_blobs(0, &empty, Some(17));
    assert_eq!(key.status(&write.auth(&token)), 0);
    let token = key.token(ALL, Some(RP));
    assert_eq!(key.status(&request()), 0, "a touch for a request without it, too");
    assert_eq!(key.status(&request().auth(&token)), 0x33);
}

// MC-36
#[test]
fn a_touch_uses_the_token_up_even_if_a_later_step_fails() {
    let mut key = Key::made(|config| config.capacity = 1);
    key.set_pin("1234");
    let token = key.token(MC, Some(RP));
    key.ok(&request().rk().auth(&token));
    let token = key.token(MC, Some(RP));
    let other_user = request().rk().user(b"eve", "Eve");
    assert_eq!(key.status(&other_user.auth(&token)), 0x28);
    assert_eq!(key.status(&request().rk().auth(&token)), 0x33);
}

// MC-A5, MC-35, MC-32
#[test]
fn a_request_that_ends_before_the_touch_leaves_the_token() {
    let mut key = Key::with_pin();
    let known = key.ok(&request()).new_id();
    let token = key.token(MC, Some(RP));
    assert_eq!(key.status(&request().algorithm(-9).auth(&token)), 0x26);
    for act in [Act::Do(Decision::Deny), Act::Sleep, Act::Cancel] {
        key.will(act);
        assert_ne!(key.status(&request().auth(&token)), 0);
        key.now = Duration::ZERO;
    }
    assert_eq!(key.status(&request().list(&[&known]).auth(&token)), 0x19, "excluded");
    assert_eq!(key.status(&request().auth(&token)), 0);
}

// MC-35, MC-A9, MC-60
#[test]
fn nothing_is_made_without_consent() {
    for rk in [false, true] {
        let mut key = key();
        key.seal_store();
        for (act, status) in
            [(Act::Do(Decision::Deny), 0x27), (Act::Sleep, 0x27), (Act::Cancel, 0x2d)]
        {
            key.will(act);
            assert_eq!(key.status(&request().option("rk", rk)), status);
            let question = key.asked().remove(0);
            assert_eq!((question.action, question.gesture), (Action::Register, Gesture::Touch));
            assert_eq!(question.rp_id.as_deref(), Some(RP));
            assert_eq!(question.user.as_deref(), Some("Ada"));
        }
    }
}

// MC-31 to MC-33, MC-60, MC-61, EX-14; tool Req-5 F-7
#[test]
fn an_excluded_credential_answers_the_same_whatever_the_person_does() {
    for level in [None, Some(1), Some(2), Some(3)] {
        for rk in [false, true] {
            let mut key = key();
            let made = match level {
                Some(level) => request().option("rk", rk).extension("credProtect", level),
                None => request().option("rk", rk),
            };
            let id = key.ok(&made).new_id();
            key.asked();
            let again = request().user(b"eve", "Eve").list(&[b"foreign", &id, &id]);
            let hidden = level == Some(3);
            for (act, shown, not_shown) in [
                (Act::Do(Decision::Approve), 0x19, 0),
                (Act::Do(Decision::Deny), 0x19, 0x27),
                (Act::Sleep, 0x19, 0x27),
                (Act::Cancel, 0x2d, 0x2d),
            ] {
                key.will(act);
                assert_eq!(key.status(&again), if hidden { not_shown } else { shown });
                key.will(act);
                assert_eq!(key.status(&again.clone().without(5)), not_shown);
                let questions = key.asked();
                assert_eq!(questions[0], questions[1], "the question does not tell");
            }
            let elsewhere = make_credential(OTHER_RP).list(&[&id]);
            assert_eq!(key.status(&elsewhere), 0);
        }
    }
}

// MC-31, MC-32
#[test]
fn a_verified_user_is_excluded_by_a_hidden_credential_too() {
    let mut key = Key::with_pin();
    let token = key.token(MC, Some(RP));
    let hidden = request().extension("credProtect", 3).auth(&token);
    let id = key.ok(&hidden).new_id();
    let token = key.token(MC, Some(RP));
    assert_eq!(key.status(&request().list(&[&id]).auth(&token)), 0x19);
    assert_eq!(key.status(&request().list(&[&id])), 0);
}

// MC-32, MC-34, MC-35, CP-100, CP-124
#[test]
fn a_finger_shown_for_the_token_is_the_touch() {
    let mut key = Key::with_finger();
    let known = key.ok(&request()).new_id();
    let token = key.uv_token(MC, Some(RP));
    key.asked();
    let made = key.ok(&request().rk().auth(&token));
    assert_eq!(key.asked(), [], "no new touch");
    assert!(made.auth_data().flags.user_present() && made.auth_data().flags.user_verified());
    let token = key.uv_token(MC, Some(RP));
    key.asked();
    assert_eq!(key.status(&request().list(&[&known]).auth(&token)), 0x19);
    assert_eq!(key.asked(), [], "excluded at once");
}

// CP-123, CP-124, CP-100
#[test]
fn the_touch_in_a_token_stands_for_thirty_seconds() {
    for (age, questions) in [(29_999, 0), (30_000, 1)] {
        let mut key = Key::with_finger();
        let token = key.uv_token(MC | CM, Some(RP));
        let params = numbered([(1, bytes(crate::support::sha256(RP.as_bytes())))]);
        let list = credential_management(4).with(2, params).auth(&token);
        assert_eq!(key.status(&list), 0x2e, "used, so that only the touch grows old");
        key.asked();
        key.advance(age);
        assert!(key.ok(&request().auth(&token)).auth_data().flags.user_verified());
        assert_eq!(key.asked().len(), questions);
    }
}

// MC-28, CP-141 to CP-146
#[test]
fn a_finger_that_fails_has_the_status_that_helps_most() {
    let wrong = Act::Do(Decision::Finger(9));
    for (pin, no_mc_ga, status) in [(false, false, 0x27), (true, false, 0x36), (true, true, 0x27)] {
        let setup = Setup { pin, finger: true, no_mc_ga, ..Setup::default() };
        let mut key = setup.key();
        key.will(wrong).will(wrong).will(wrong);
        assert_eq!(key.status(&request().option("uv", true)), status, "three tries inside");
        assert_eq!(key.state().uv_retries(), 2);
        key.will(Act::Sleep);
        assert_eq!(key.status(&request().option("uv", true)), 0x2f);
        assert_eq!(key.state().uv_retries(), 2, "nothing was tried");
        key.will(wrong).will(wrong);
        let blocked = if status == 0x36 { 0x36 } else { 0x32 };
        assert_eq!(key.status(&request().option("uv", true)), blocked);
        assert_eq!(key.state().uv_retries(), 0);
        key.asked();
        assert_eq!(key.status(&request().option("uv", true)), blocked);
        assert_eq!(key.asked(), [], "blocked: no prompt");
    }
}
