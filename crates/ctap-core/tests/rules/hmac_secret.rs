//! The hmac-secret and hmac-secret-mc extensions.

use ctap_client::hmac_secret::input;

use crate::support::{
    ALL, Act, Body, GA, HASH, Key, MC, PROTOCOLS, PinProtocol, RP, Request, Setup, SharedSecret,
    Value, bytes, get_assertion, make_credential, numbered,
};

const SALT1: [u8; 32] = [0x22; 32];
const SALT2: [u8; 32] = [0x33; 32];

/// A key with a credential of each kind.
fn key() -> (Key, Vec<Vec<u8>>) {
    let mut key = Key::made(|_| {});
    let stored = key.ok(&make_credential(RP).rk()).new_id();
    let sealed = key.ok(&make_credential(RP).user(b"eve", "Eve")).new_id();
    (key, vec![stored, sealed])
}

fn of(id: &[u8]) -> Request {
    get_assertion(RP).list(&[id])
}

/// The input for one or two salts, and the secret that hides the outputs.
pub(crate) fn salts(key: &mut Key, protocol: PinProtocol, two: bool) -> (Value, SharedSecret) {
    let secret = key.agree(protocol);
    let input = input(&secret, &SALT1, two.then_some(&SALT2), &mut key.rng);
    (input, secret)
}

/// The input for bytes that need not be salts.
fn any_salts(key: &mut Key, protocol: PinProtocol, plain: &[u8]) -> Value {
    let secret = key.agree(protocol);
    let enc = secret.encrypt(plain, &mut key.rng);
    let auth = secret.authenticate(&enc);
    let mut input = vec![(1.into(), secret.platform_key()), (2.into(), bytes(enc))];
    input.extend([(3.into(), bytes(auth)), (4.into(), secret.protocol().number().into())]);
    Value::Map(input)
}

fn opened(body: &Body, name: &'static str, secret: &SharedSecret) -> Vec<u8> {
    let encrypted = body.extension(name).unwrap().as_bytes().unwrap().clone();
    secret.decrypt(&encrypted, name).unwrap().to_vec()
}

/// The outputs for a request.
fn outputs(key: &mut Key, request: &Request, protocol: PinProtocol, two: bool) -> Vec<u8> {
    let (input, secret) = salts(key, protocol, two);
    let used = key.ok(&request.clone().extension("hmac-secret", input));
    opened(&used, "hmac-secret", &secret)
}

// EX-20, EX-04, EX-36; tool hmacSecret P-1, F-1
#[test]
fn a_registration_says_whether_it_was_asked() {
    for (value, output) in [(true, Some(Value::Bool(true))), (false, None)] {
        let mut key = Key::made(|_| {});
        let made = key.ok(&make_credential(RP).extension("hmac-secret", value));
        assert_eq!(made.extension("hmac-secret"), output);
        assert_eq!(made.bytes(2)[32] & 0x80 != 0, value, "ED");
        for wrong in [Value::Null, 1.into(), numbered([])] {
            let request = make_credential(RP).extension("hmac-secret", wrong);
            assert_eq!(key.status(&request), 0x11);
        }
    }
}

// EX-21, EX-22, EX-28, EX-30, EX-31, EX-35, EX-37, EX-38; tool hmacSecret P-2
#[test]
fn the_same_salts_give_the_same_outputs_for_ever() {
    let (mut key, ids) = key();
    for id in ids {
        let both = outputs(&mut key, &of(&id), PinProtocol::Two, true);
        assert_eq!(both.len(), 64);
        assert_ne!(both[..32], both[32..]);
        for protocol in PROTOCOLS {
            assert_eq!(outputs(&mut key, &of(&id), protocol, false), both[..32]);
            assert_eq!(outputs(&mut key, &of(&id), protocol, true), both);
        }
        key.power_cycle();
        key.restart(ctap_core::Config::default());
        assert_eq!(outputs(&mut key, &of(&id), PinProtocol::Two, true), both);
        if key.option("clientPin") == Some(false) {
            key.set_pin("1234");
        }
        assert_eq!(outputs(&mut key, &of(&id), PinProtocol::Two, true), both);
    }
}

// EX-32, EX-37
#[test]
fn a_key_without_a_pin_has_secrets_too() {
    let mut key = Key::new(crate::client_pin::without_a_pin());
    let id = key.ok(&make_credential(RP).extension("hmac-secret", true)).new_id();
    for protocol in PROTOCOLS {
        let first = outputs(&mut key, &of(&id), protocol, true);
        assert_eq!(outputs(&mut key, &of(&id), protocol, true), first);
    }
}

// EX-30; V-09
#[test]
fn an_output_is_the_hmac_of_its_salt() {
    use hmac::{KeyInit as _, Mac as _};
    let (mut key, ids) = key();
    let random = key.state().credential(&ids[0]).unwrap().cred_random.without_uv.duplicate();
    let expected = hmac::Hmac::<sha2::Sha256>::new_from_slice(random.expose()).unwrap();
    let expected = expected.chain_update(SALT1).finalize().into_bytes().to_vec();
    assert_eq!(outputs(&mut key, &of(&ids[0]), PinProtocol::One, false), expected);
}

// EX-31
#[test]
fn the_wire_form_has_the_length_of_its_protocol_and_never_the_same_iv() {
    let (mut key, ids) = key();
    for (protocol, two, length) in [
        (PinProtocol::One, false, 32),
        (PinProtocol::One, true, 64),
        (PinProtocol::Two, false, 48),
        (PinProtocol::Two, true, 80),
    ] {
        let (input, _) = salts(&mut key, protocol, two);
        let request = of(&ids[0]).extension("hmac-secret", input);
        let wire = |key: &mut Key| key.ok(&request).extension("hmac-secret").unwrap();
        let (first, second) = (wire(&mut key), wire(&mut key));
        assert_eq!(first.as_bytes().unwrap().len(), length);
        assert_eq!(first == second, protocol == PinProtocol::One);
    }
}

// EX-29; tool hmacSecret P-3
#[test]
fn the_secret_rests_on_the_uv_bit() {
    for number in 0..2 {
        let (mut key, ids) = key();
        let id = &ids[number];
        key.set_pin("1234");
        let without = outputs(&mut key, &of(id), PinProtocol::Two, false);
        let token = key.token(GA, Some(RP));
        let with = outputs(&mut key, &of(id).auth(&token), PinProtocol::Two, false);
        assert_ne!(without, with);
        let token = key.token(GA, Some(RP));
        assert_eq!(outputs(&mut key, &of(id).auth(&token), PinProtocol::One, false), with);
    }
    let mut key = Key::with_finger();
    let id = key.ok(&make_credential(RP)).new_id();
    let touched = outputs(&mut key, &of(&id), PinProtocol::Two, false);
    let by_finger = of(&id).option("uv", true);
    assert_ne!(outputs(&mut key, &by_finger, PinProtocol::Two, false), touched);
}

// EX-21, EX-35, RS-09
#[test]
fn each_credential_has_its_own_secret() {
    let (mut key, ids) = key();
    let one = outputs(&mut key, &of(&ids[0]), PinProtocol::Two, false);
    assert_ne!(outputs(&mut key, &of(&ids[1]), PinProtocol::Two, false), one);
    let again = key.ok(&make_credential(RP).rk()).new_id();
    assert_ne!(outputs(&mut key, &of(&again), PinProtocol::Two, false), one);
}

/// Faulty inputs, with the status of each and whether it is found before anyone is asked.
fn faulty(key: &mut Key, protocol: PinProtocol) -> Vec<(Value, u8, bool)> {
    let (good, _) = salts(key, protocol, false);
    let good = good.as_map().unwrap().clone();
    let with = |label: i64, value: Option<Value>| {
        let mut input = good.clone();
        input.retain(|(key, _)| *key != label.into());
        input.extend(value.map(|value| (label.into(), value)));
        Value::Map(input)
    };
    let mut off_curve = good[0].1.as_map().unwrap().clone();
    off_curve[3].1 = bytes([1; 32]);
    let without_salts = |mut cose: Vec<(Value, Value)>| {
        cose[0].1 = "kty".into();
        numbered([(1, Value::Map(cose))])
    };
    let mac_of_other_protocol = bytes(vec![0; if protocol == PinProtocol::One { 32 } else { 16 }]);
    let mut faults = vec![
        (with(1, None), 0x14, true),
        (with(2, None), 0x14, true),
        (with(3, None), 0x14, true),
        (with(1, Some(Value::Null)), 0x11, true),
        (without_salts(off_curve.clone()), 0x11, true), // MSG-44: outranks what is absent
        (with(2, Some("x".into())), 0x11, true),
        (with(3, Some(1.into())), 0x11, true),
        (with(4, Some("x".into())), 0x11, true),
        (with(4, Some(3.into())), 0x02, false),
        (with(1, Some(Value::Map(off_curve))), 0x02, false),
        (with(3, Some(mac_of_other_protocol)), 0x33, false),
        (with(2, Some(bytes([7; 32]))), 0x33, false),
        (Value::Bool(true), 0x11, true),
    ];
    for length in [0, 16, 48, 80, 96] {
        faults.push((any_salts(key, protocol, &vec![5; length]), 0x02, false));
    }
    faults
}

// EX-22 to EX-28, EX-06, EX-36, CP-14; tool hmacSecret F-2, F-3
#[test]
fn an_assertion_judges_the_input_in_order() {
    let (mut key, ids) = key();
    for protocol in PROTOCOLS {
        for (input, status, early) in faulty(&mut key, protocol) {
            key.asked();
            let request = of(&ids[0]).extension("hmac-secret", input.clone());
            assert_eq!(key.status(&request), status, "{input:?}");
            assert_eq!(key.asked().is_empty(), early, "faults of form come before the touch");
        }
    }
}

// EX-25, EX-22
#[test]
fn without_a_protocol_member_it_is_protocol_one() {
    let (mut key, ids) = key();
    let (input, _) = salts(&mut key, PinProtocol::Two, false);
    let mut unnamed = input.as_map().unwrap().clone();
    unnamed.retain(|(label, _)| *label != 4.into());
    assert_eq!(
        key.status(&of(&ids[0]).extension("hmac-secret", Value::Map(unnamed.clone()))),
        0x33
    );
    let mut only_two =
        Key::made(|config| config.pin_uv_auth_protocols = vec![ctap_core::pin::Protocol::Two]);
    let id = only_two.ok(&make_credential(RP)).new_id();
    let request = of(&id).extension("hmac-secret", Value::Map(unnamed));
    assert_eq!(only_two.status(&request), 0x02);
}

// EX-24, GA-43
#[test]
fn a_silent_assertion_gives_no_secret() {
    let (mut key, ids) = key();
    let (input, _) = salts(&mut key, PinProtocol::Two, false);
    let request = of(&ids[0]).silent().extension("hmac-secret", input);
    assert_eq!(key.status(&request), 0x2b);
}

// EX-32, CP-15
#[test]
fn it_spends_no_tries_and_keeps_the_key_agreement_key() {
    let (mut key, ids) = key();
    key.set_pin("1234");
    let (input, secret) = salts(&mut key, PinProtocol::Two, false);
    let bad = any_salts(&mut key, PinProtocol::Two, &[1; 16]);
    assert_ne!(key.status(&of(&ids[0]).extension("hmac-secret", bad)), 0);
    assert_eq!(key.state().pin_retries(), 8);
    let used = key.ok(&of(&ids[0]).extension("hmac-secret", input.clone()));
    let first = opened(&used, "hmac-secret", &secret);
    let used = key.ok(&of(&ids[0]).extension("hmac-secret", input));
    assert_eq!(opened(&used, "hmac-secret", &secret), first, "the same input again");
}

// EX-34, GA-23, GA-53
#[test]
fn every_account_of_a_walk_has_its_own_output() {
    let mut key = Key::made(|_| {});
    let ids: Vec<_> = [b"A", b"B", b"C"]
        .iter()
        .map(|user| key.ok(&make_credential(RP).rk().user(*user, "x")).new_id())
        .collect();
    let (input, secret) = salts(&mut key, PinProtocol::Two, true);
    let mut told = vec![key.ok(&get_assertion(RP).extension("hmac-secret", input))];
    told.extend((0..2).map(|_| key.ok(&crate::support::request::get_next_assertion())));
    for used in told {
        let alone = outputs(&mut key, &of(&used.used_id()), PinProtocol::One, true);
        assert_eq!(opened(&used, "hmac-secret", &secret), alone);
        assert!(ids.contains(&used.used_id()));
    }
}

// EX-33, EX-02
#[test]
fn where_it_is_not_offered_it_is_ignored() {
    let mut key = Key::made(|config| config.extensions.hmac_secret_mc = false);
    let request = make_credential(RP).extension("hmac-secret-mc", "anything");
    assert_eq!(key.ok(&request).bytes(2)[32] & 0x80, 0);
}

/// hmac-secret-mc for this input.
fn with_mc(request: Request, input: Value) -> Request {
    request.extension("hmac-secret", true).extension("hmac-secret-mc", input)
}

// EX-40, EX-42, EX-43; tool hmacSecretMC P-2, P-3
#[test]
fn a_registration_gives_what_an_assertion_will() {
    for protocol in PROTOCOLS {
        for (rk, two) in [(true, false), (true, true), (false, false), (false, true)] {
            let mut key = Key::made(|_| {});
            let (input, secret) = salts(&mut key, protocol, two);
            let made = key.ok(&with_mc(make_credential(RP).option("rk", rk), input));
            assert_eq!(made.extension("hmac-secret"), Some(Value::Bool(true)));
            let told = opened(&made, "hmac-secret-mc", &secret);
            assert_eq!(told, outputs(&mut key, &of(&made.new_id()), protocol, two));
        }
    }
}

// EX-43; tool hmacSecretMC P-1
#[test]
fn a_registration_without_a_verified_user_gives_the_other_secret() {
    let mut key = Setup { pin: true, not_rqd: true, ..Setup::default() }.key();
    let (input, secret) = salts(&mut key, PinProtocol::Two, false);
    let made = key.ok(&with_mc(make_credential(RP), input.clone()));
    let without = opened(&made, "hmac-secret-mc", &secret);
    let token = key.token(GA, Some(RP));
    let request = of(&made.new_id());
    let with = outputs(&mut key, &request.clone().auth(&token), PinProtocol::Two, false);
    assert_ne!(without, with);
    assert_eq!(outputs(&mut key, &request, PinProtocol::Two, false), without);
    let token = key.token(MC, Some(RP));
    let (input, secret) = salts(&mut key, PinProtocol::Two, false);
    let made = key.ok(&with_mc(make_credential(RP), input).auth(&token));
    let verified = opened(&made, "hmac-secret-mc", &secret);
    let token = key.token(GA, Some(RP));
    let request = of(&made.new_id()).auth(&token);
    assert_eq!(outputs(&mut key, &request, PinProtocol::Two, false), verified);
}

// EX-41, EX-42, EX-44, EX-06, EX-08; tool hmacSecretMC F-1 to F-4
#[test]
fn a_faulty_input_makes_no_credential() {
    let mut key = Key::made(|_| {});
    let (input, _) = salts(&mut key, PinProtocol::Two, false);
    let alone = make_credential(RP).rk().extension("hmac-secret-mc", input.clone());
    assert_eq!(key.status(&alone), 0x14);
    assert_eq!(key.status(&alone.extension("hmac-secret", false)), 0x14);
    assert_eq!(key.asked(), []);
    for protocol in PROTOCOLS {
        for (input, status, early) in faulty(&mut key, protocol) {
            key.asked();
            let request = with_mc(make_credential(RP).rk(), input);
            assert_eq!(key.status(&request), status);
            assert_eq!(key.asked().is_empty(), early);
            assert_eq!(key.state().credentials().len(), 0);
        }
    }
}

// MC-36, EX-06
#[test]
fn a_fault_found_after_the_touch_has_used_the_token_up() {
    let mut key = Key::with_pin();
    let id = key.ok(&make_credential(RP)).new_id();
    let bad = any_salts(&mut key, PinProtocol::Two, &[1; 16]);
    for request in
        [of(&id).extension("hmac-secret", bad.clone()), with_mc(make_credential(RP), bad)]
    {
        let token = key.token(ALL, Some(RP));
        let request = request.auth(&token);
        assert_eq!(key.status(&request), 0x02);
        assert_eq!(key.status(&request), 0x33);
    }
}

// EX-32
#[test]
fn a_question_waits_with_the_secret_it_will_need() {
    let (mut key, ids) = key();
    let (input, secret) = salts(&mut key, PinProtocol::Two, false);
    let request = of(&ids[0]).extension("hmac-secret", input);
    key.will(Act::Cancel);
    assert_eq!(key.status(&request), 0x2d);
    let used = key.ok(&request);
    assert_eq!(opened(&used, "hmac-secret", &secret).len(), 32);
    assert_eq!(used.bytes(2)[..32], crate::support::sha256(RP.as_bytes()));
    assert_eq!(request.get(2), Some(&bytes(HASH)));
}
