//! authenticatorGetAssertion: what a request must look like, who must agree, which credential answers.

use ctap_core::Decision;
use ctap_core::consent::{Action, Gesture};
use ctap_core::memory::MemoryError;

use crate::support::request::{config, descriptor};
use crate::support::store::Medium;
use crate::support::{
    ALL, Act, GA, Key, MC, OTHER_RP, RP, Request, Setup, Value, bytes, get_assertion,
    make_credential, map, numbered,
};

/// A key with one credential of each kind; the request names the one that is not discoverable.
fn key_and_request() -> (Key, Request) {
    let mut key = Key::made(|_| {});
    key.ok(&make_credential(RP).rk());
    let id = key.ok(&make_credential(RP)).new_id();
    key.asked();
    (key, get_assertion(RP).list(&[&id]))
}

// GA-01, MSG-39, MSG-40, MSG-45, MSG-46; tool GetAssertion Req-1 P-1, F-1 to F-6
#[test]
fn each_member_has_its_type_and_two_are_required() {
    let (mut key, request) = key_and_request();
    assert_eq!(key.status(&request), 0);
    for required in 1..=2 {
        assert_eq!(key.status(&request.clone().without(required)), 0x14);
        assert_eq!(key.status(&request.clone().without(required).with(7, "x")), 0x11); // MSG-44
    }
    for member in 1..=7 {
        for wrong in [Value::Null, Value::Bool(true), numbered([])] {
            let is_right = matches!((member, &wrong), (4 | 5, Value::Map(_)));
            let status = key.status(&request.clone().with(member, wrong));
            assert_eq!(status, if is_right { 0 } else { 0x11 }, "{member}");
        }
    }
    assert_eq!(key.status(&request.clone().with(2, bytes([0; 31]))), 0x03);
    assert_eq!(key.call(&[0x02]), [0x12]);
    assert_eq!(key.status(&Request::new(0x02)), 0x14);
    assert_eq!(key.status(&request.with(8, Value::Null).with(9, 9)), 0, "never defined"); // MSG-12
}

// GA-35, GA-36, MSG-41; tool GetAssertion Req-3 P-1, F-1 to F-5
#[test]
fn an_allow_list_is_judged_by_type_and_foreign_entries_are_skipped() {
    let (mut key, request) = key_and_request();
    let good = request.get(3).unwrap().as_array().unwrap()[0].clone();
    for (element, status) in [
        (map([("id", bytes(*b"x")), ("type", "foreign".into())]), 0),
        (descriptor(b"unknown"), 0),
        (descriptor(&[]), 0),
        (Value::Null, 0x11),
        (map([("id", bytes(*b"x"))]), 0x11),
        (map([("id", bytes(*b"x")), ("type", 7.into())]), 0x11),
        (map([("type", "public-key".into())]), 0x11),
        (map([("id", "x".into()), ("type", "public-key".into())]), 0x11),
    ] {
        let list = vec![element.clone(), good.clone()];
        assert_eq!(key.status(&request.clone().with(3, list)), status, "{element:?}");
    }
    let mut foreign = good.as_map().unwrap().clone();
    foreign[1].1 = "foreign".into();
    assert_eq!(key.status(&request.clone().with(3, vec![Value::Map(foreign)])), 0x2e);
    let list = vec![good; 17];
    assert_eq!(key.status(&request.with(3, list)), 0x15); // MSG-63
}

// GA-22, MSG-64
#[test]
fn an_empty_allow_list_is_as_if_it_were_absent() {
    let mut key = Key::made(|_| {});
    let empty = get_assertion(RP).with(3, Vec::<Value>::new());
    assert_eq!(key.status(&empty), 0x2e, "nothing is stored");
    key.ok(&make_credential(RP)); // lives in its id alone
    assert_eq!(key.status(&empty), 0x2e);
    key.ok(&make_credential(RP).rk());
    key.ok(&make_credential(RP).rk().user(b"eve", "Eve"));
    let used = key.ok(&empty);
    assert_eq!((used.number(5), used.keys()), (2, key.ok(&get_assertion(RP)).keys()));
    assert!(key.ok(&Request::new(0x08)).has(4), "and the walk goes on");
}

// GA-03, GA-05 to GA-07, MSG-38; tool GetAssertion Req-2 P-1
#[test]
fn options_and_protocols_are_judged_by_value() {
    let (mut key, request) = key_and_request();
    for (name, value, status) in [
        ("rk", true, 0x2b),
        ("rk", false, 0x2b),
        ("uv", true, 0x2c),
        ("uv", false, 0),
        ("up", true, 0),
        ("up", false, 0),
        ("makeTea", true, 0),
    ] {
        assert_eq!(key.status(&request.clone().option(name, value)), status, "{name} {value}");
    }
    let with_param = request.clone().param(vec![1; 32], 2);
    assert_eq!(key.status(&with_param.clone().without(7)), 0x14);
    assert_eq!(key.status(&with_param.clone().with(7, 3)), 0x02);
    assert_eq!(key.status(&request.with(7, 3)), 0, "without a param it is ignored");
}

// GA-03, GA-05, GA-06, GA-10, GA-17
#[test]
fn the_first_check_that_fails_decides() {
    let mut key = Key::with_pin();
    let faults: [(u8, &dyn Fn(Request) -> Request); 4] = [
        (0x02, &|request| request.with(7, 7)),
        (0x2b, &|request| request.option("rk", false)),
        (0x33, &|request| request.with(6, bytes([0; 32]))),
        (0x2e, &|request| request.list(&[b"unknown"])),
    ];
    let token = key.token(GA, Some(RP));
    let good = get_assertion(RP).auth(&token);
    for first in 0..faults.len() {
        let all = faults[first..].iter().fold(good.clone(), |request, (_, spoil)| spoil(request));
        assert_eq!(key.status(&all), faults[first].0, "fault {first}");
    }
}

/// What GA-05 to GA-13 say: the UP and UV bits, or the refusal.
fn expected(setup: Setup, up: bool, uv: bool) -> Result<(bool, bool), u8> {
    match setup {
        _ if uv && !setup.finger => Err(0x2c),
        _ if uv => Ok((true, true)), // GA-40: the finger counts as a touch
        Setup { always_uv: true, finger: true, .. } if up => Ok((true, true)),
        Setup { always_uv: true, no_mc_ga, .. } if up => Err(if no_mc_ga { 0x27 } else { 0x36 }),
        _ => Ok((up, false)),
    }
}

// GA-04, GA-05, GA-07 to GA-09, GA-11, GA-13, GA-19, GA-20, GA-40, GA-41; tool Req-2 P-2, P-3
#[test]
fn without_a_token_the_truth_table_decides() {
    for setup in Setup::every() {
        let mut key = Setup { always_uv: false, pin: false, finger: false, ..setup }.key();
        let id = key.ok(&make_credential(RP)).new_id();
        key.restart(setup.config());
        key.bring_to(setup);
        key.asked();
        for (up, uv) in [(true, false), (false, false), (true, true), (false, true)] {
            let request = get_assertion(RP).list(&[&id]).option("up", up).option("uv", uv);
            let flags = key.send(&request).map(|used| used.auth_data().flags);
            let bits = flags.map(|flags| (flags.user_present(), flags.user_verified()));
            let expected = expected(setup, up, uv);
            assert_eq!(bits, expected, "{setup:?} up {up} uv {uv}");
            let gestures: Vec<_> = key.asked().iter().map(|question| question.gesture).collect();
            match expected {
                Ok((_, true)) => assert_eq!(gestures, [Gesture::Finger]),
                Ok((true, false)) => assert_eq!(gestures, [Gesture::Touch]),
                Ok((false, false)) | Err(_) => assert_eq!(gestures, []),
            }
        }
    }
}

// GA-10, GA-20, GA-A9, MC-36
#[test]
fn a_token_must_fit_and_is_used_up_by_a_touch() {
    let mut key = Key::with_pin();
    let id = key.ok(&make_credential(RP)).new_id();
    let request = get_assertion(RP).list(&[&id]);
    let mut tried = |permissions, rp_id| {
        let token = key.token(permissions, Some(rp_id));
        key.status(&request.clone().auth(&token))
    };
    assert_eq!((tried(GA, RP), tried(MC, RP), tried(GA, OTHER_RP)), (0, 0x33, 0x33));
    let token = key.token(ALL, Some(RP));
    let used = key.ok(&request.clone().auth(&token));
    assert!(used.auth_data().flags.user_present() && used.auth_data().flags.user_verified());
    for spent in [request, make_credential(RP), config(4)] {
        assert_eq!(key.status(&spent.auth(&token)), 0x33);
    }
}

// GA-10, MC-27
#[test]
fn an_unbound_token_is_bound_to_the_first_relying_party() {
    let mut key = Key::with_pin();
    let token = key.pin_token(crate::support::PinProtocol::One, "1234");
    assert_eq!(key.status(&get_assertion(RP).silent().auth(&token)), 0x2e);
    assert_eq!(key.status(&make_credential(OTHER_RP).auth(&token)), 0x33);
    assert_eq!(key.status(&make_credential(RP).auth(&token)), 0);
}

// GA-21, GA-42
#[test]
fn a_silent_request_leaves_the_token_for_the_real_one() {
    let mut key = Key::with_pin();
    let id = key.ok(&make_credential(RP)).new_id();
    let token = key.token(GA, Some(RP));
    let request = get_assertion(RP).list(&[&id]);
    key.asked();
    for _ in 0..3 {
        let silent = key.ok(&request.clone().silent().auth(&token));
        let flags = silent.auth_data().flags;
        assert!(!flags.user_present() && flags.user_verified());
        assert_eq!(key.asked(), []);
    }
    assert_eq!(key.status(&request.auth(&token)), 0);
}

// GA-20, GA-21, CP-100
#[test]
fn a_touch_in_a_token_stays_until_a_request_reaches_the_presence_step() {
    let mut key = Key::with_finger();
    let id = key.ok(&make_credential(RP)).new_id();
    let token = key.uv_token(GA, Some(RP));
    let request = get_assertion(RP).list(&[&id]);
    assert_eq!(key.status(&get_assertion(RP).list(&[b"unknown"]).auth(&token)), 0x2e);
    assert_eq!(key.status(&request.clone().silent().auth(&token)), 0);
    key.asked();
    let used = key.ok(&request.auth(&token));
    assert!(used.auth_data().flags.user_present());
    assert_eq!(key.asked(), [], "the finger was the touch");
}

// GA-12
#[test]
fn a_param_is_nothing_where_nobody_can_be_verified() {
    let (mut key, request) = key_and_request();
    let used = key.ok(&request.param(vec![9; 32], 2));
    assert!(!used.auth_data().flags.user_verified());
}

// GA-11, CP-145; MC-28
#[test]
fn a_finger_that_fails_has_the_status_that_helps_most() {
    for (pin, status, blocked) in [(false, 0x27, 0x32), (true, 0x36, 0x36)] {
        let mut key = Setup { pin, finger: true, not_rqd: true, ..Setup::default() }.key();
        let id = key.ok(&make_credential(RP)).new_id();
        let request = get_assertion(RP).list(&[&id]).option("uv", true);
        for _ in 0..3 {
            key.will(Act::Do(Decision::Finger(9)));
        }
        assert_eq!(key.status(&request), status);
        key.will(Act::Sleep);
        assert_eq!(key.status(&request), 0x2f, "and nothing is paid (CP-146)");
        key.will(Act::Do(Decision::Finger(9))).will(Act::Do(Decision::Finger(9)));
        assert_eq!(key.status(&request), blocked);
    }
}

// GA-17, GA-18, GA-20
#[test]
fn nothing_is_signed_without_consent() {
    let (mut key, request) = key_and_request();
    key.seal_store();
    for (act, status) in [(Act::Do(Decision::Deny), 0x27), (Act::Sleep, 0x27), (Act::Cancel, 0x2d)]
    {
        key.will(act);
        assert_eq!(key.status(&request), status);
        let question = key.asked().remove(0);
        assert_eq!((question.action, question.gesture), (Action::SignIn, Gesture::Touch));
        assert_eq!(question.rp_id.as_deref(), Some(RP));
    }
}

// GA-17, GA-18
#[test]
fn a_key_that_knows_nothing_says_so_to_the_person_who_picks_it() {
    let mut key = Key::with_pin();
    for request in [get_assertion(RP), get_assertion(RP).list(&[b"unknown"])] {
        assert_eq!(key.status(&request), 0x2e);
        let question = key.asked().remove(0);
        assert_eq!((question.action, question.gesture), (Action::SignIn, Gesture::Touch));
        assert_eq!((question.rp_id.as_deref(), question.user), (Some(RP), None));
        key.will(Act::Do(Decision::Deny));
        assert_eq!(key.status(&request), 0x27, "who does not pick it learns nothing");
        assert_eq!(key.asked().len(), 1);
        assert_eq!(key.status(&request.clone().silent()), 0x2e);
        let token = key.token(GA, Some(RP));
        assert_eq!(key.status(&request.auth(&token)), 0x2e, "picked already");
        assert_eq!(key.asked(), []);
    }
}

// GA-24, GA-25, GA-33, GA-A5, GA-A6, GA-50, MSG-13; tool Resp-1 P-1, P-2, F-1
#[test]
fn a_list_is_answered_once() {
    let mut key = Key::made(|_| {});
    let one = key.ok(&make_credential(RP).rk());
    let two = key.ok(&make_credential(RP).rk().user(b"eve", "Eve"));
    let elsewhere = key.ok(&make_credential(OTHER_RP).rk());
    let ids = [elsewhere.new_id(), two.new_id(), one.new_id()];
    let used = key.ok(&get_assertion(RP).list(&ids.each_ref().map(|id| &id[..])));
    assert!(used.is_signed_by(&two));
    assert_eq!(used.keys(), [1, 2, 3, 4]);
    assert_eq!(used.named(1).keys(), ["id", "type"]);
    assert_eq!(used.bytes(2).len(), 37);
    assert_eq!(key.status(&Request::new(0x08)), 0x30);
    let single = key.ok(&get_assertion(OTHER_RP));
    assert!(single.is_signed_by(&elsewhere) && !single.has(5), "one account has no number");
}

// GA-29, GA-55; tool ResidentKey-1 P-2, P-3
#[test]
fn names_are_for_verified_users_who_have_to_choose() {
    let mut key = Key::with_pin();
    let id = key.ok(&make_credential(RP)).new_id();
    assert!(!key.ok(&get_assertion(RP).list(&[&id])).has(4), "not discoverable: no user");
    for (user, names) in [("ada", &["id"][..]), ("eve", &["id", "name", "displayName"])] {
        let token = key.token(MC, Some(RP));
        key.ok(&make_credential(RP).rk().user(user.as_bytes(), user).auth(&token));
        assert_eq!(key.ok(&get_assertion(RP)).named(4).keys(), ["id"]);
        let token = key.token(GA, Some(RP));
        assert_eq!(key.ok(&get_assertion(RP).auth(&token)).named(4).keys(), names, "{user}");
    }
}

// GA-14 to GA-16, GA-42, EX-13 to EX-16; tool credProtect P-1 to P-3
#[test]
fn protected_credentials_hide_from_users_who_are_not_verified() {
    for (level, by_id, by_discovery) in [(1, true, true), (2, true, false), (3, false, false)] {
        for rk in [true, false] {
            let mut key = Key::with_pin();
            let token = key.token(MC, Some(RP));
            let request =
                make_credential(RP).option("rk", rk).extension("credProtect", level).auth(&token);
            let id = key.ok(&request).new_id();
            for up in [true, false] {
                let named = get_assertion(RP).list(&[&id]).option("up", up);
                let discovered = get_assertion(RP).option("up", up);
                let status = |shown: bool| if shown { 0 } else { 0x2e };
                assert_eq!(key.status(&named), status(by_id), "{level}");
                assert_eq!(key.status(&discovered), status(by_discovery && rk), "{level}");
                let token = key.token(GA, Some(RP));
                assert_eq!(key.status(&discovered.auth(&token)), status(rk));
                let token = key.token(GA, Some(RP));
                assert_eq!(key.status(&named.auth(&token)), 0);
            }
        }
    }
}

// GA-31, MC-77, P-13; tool Resp-1 P-3
#[test]
fn the_counter_rises_with_every_signature_over_restarts_and_power_cuts() {
    let (mut key, request) = key_and_request();
    let mut last = 0;
    for round in 0..300 {
        let request = if round % 3 == 0 { request.clone().silent() } else { request.clone() };
        let count = key.ok(&request).auth_data().sign_count;
        assert!(count > last, "{count} after {last}");
        last = count;
        match round % 50 {
            17 => key.power_cycle(),
            34 => key.restart(ctap_core::Config::default()),
            _ => {}
        }
    }
}

// GA-31, P-12, P-13
#[test]
fn a_counter_that_cannot_be_reserved_signs_nothing() {
    // A full medium, too: 0x28 would tell people to remove passkeys.
    for error in [MemoryError::Failed, MemoryError::Full] {
        let (mut key, request) = key_and_request();
        key.medium.set(Medium::FailsAfter(0, error));
        assert_eq!(key.status(&request), 0x7f);
        key.medium.set(Medium::Good);
        assert_eq!(key.ok(&request).auth_data().sign_count, 1);
    }
}

// GA-14, MC-06
#[test]
fn credentials_of_an_algorithm_that_is_no_longer_offered_still_sign() {
    let mut key = Key::made(|_| {});
    let made = key.ok(&make_credential(RP).algorithm(-8));
    let only_es256 = ctap_core::Config {
        algorithms: vec![ctap_core::algorithm::Algorithm::Es256],
        ..ctap_core::Config::default()
    };
    key.restart(only_es256);
    assert!(key.ok(&get_assertion(RP).list(&[&made.new_id()])).is_signed_by(&made));
}
