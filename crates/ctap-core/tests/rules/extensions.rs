//! All extensions but hmac-secret.

use ctap_core::Decision;
use ctap_core::config::{FingerprintSensor, Protection};
use ctap_core::memory::MemoryError;

use crate::support::request::{config, credential_management, get_next_assertion, params};
use crate::support::store::Medium;
use crate::support::{
    Act, Body, GA, Key, MC, OTHER_RP, RP, Request, Value, bytes, get_assertion, make_credential,
    map, numbered,
};

fn key() -> Key {
    Key::made(|_| {})
}

fn rk() -> Request {
    make_credential(RP).rk()
}

/// A key with the largeBlob extension in place of authenticatorLargeBlobs.
fn key_with_large_blob() -> Key {
    Key::made(|config| {
        config.large_blobs = None;
        config.extensions.large_blob = Some(1000);
    })
}

// EX-01, EX-02, MSG-70
#[test]
fn unknown_extensions_are_ignored_whatever_their_value() {
    for name in ["prf", "uvm", "largeBlob", "x"] {
        for value in [Value::Null, Value::Bool(true), bytes([1]), numbered([(1, Value::Null)])] {
            let made = key().ok(&rk().extension(name, value.clone()));
            assert_eq!(made.bytes(2)[32] & 0x80, 0, "no output, no ED");
            let mut key = key();
            key.ok(&rk());
            assert_eq!(key.ok(&get_assertion(RP).extension(name, value)).bytes(2).len(), 37);
        }
    }
}

// EX-02, EX-09
#[test]
fn extensions_that_are_not_offered_are_ignored() {
    let mut key = Key::made(|config| {
        config.large_blobs = None;
        config.authenticator_config.min_pin_length_rp_ids = None;
        config.extensions = ctap_core::config::Extensions {
            hmac_secret: true,
            cred_protect: true,
            ..Default::default()
        };
    });
    for name in ["credBlob", "largeBlobKey", "largeBlob", "minPinLength", "pinComplexityPolicy"] {
        assert_eq!(key.ok(&rk().extension(name, Value::Null)).keys(), [1, 2, 3]);
        assert_eq!(key.status(&get_assertion(RP).extension(name, Value::Null)), 0);
    }
    assert_eq!(key.status(&rk().extension("thirdPartyPayment", 7)), 0);
}

// EX-04, EX-05, MC-38, MSG-51, V-12
#[test]
fn outputs_come_in_canonical_order_and_only_where_asked() {
    let mut key = key();
    let listed = params([(2, vec![Value::from(RP)].into())]);
    key.ok(&config(3).with(2, listed));
    let asked = rk()
        .extension("thirdPartyPayment", true)
        .extension("minPinLength", true)
        .extension("hmac-secret", true)
        .extension("credProtect", 2)
        .extension("credBlob", bytes([9]))
        .extension("pinComplexityPolicy", true);
    let made = key.ok(&asked);
    let told = made.auth_data().extensions.unwrap();
    let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "credBlob",
        "credProtect",
        "hmac-secret",
        "minPinLength",
        "thirdPartyPayment",
        "pinComplexityPolicy",
    ];
    assert_eq!(names, expected);
    assert_eq!(key.ok(&rk()).auth_data().extensions, None);
}

// EX-10 to EX-12, EX-18, EX-03
#[test]
fn cred_protect_reports_the_level_in_force() {
    for level in 1..=3 {
        let made = key().ok(&rk().extension("credProtect", level));
        assert_eq!(made.extension("credProtect"), Some(level.into()));
    }
    for (value, status) in [
        (Value::from(0), 0x02),
        (4.into(), 0x02),
        (u64::MAX.into(), 0x02),
        ((-1).into(), 0x11),
        (true.into(), 0x11),
        ("3".into(), 0x11),
    ] {
        assert_eq!(key().status(&rk().extension("credProtect", value)), status);
    }
    let mut key = key();
    key.ok(&rk());
    assert_eq!(key.status(&get_assertion(RP).extension("credProtect", "ignored")), 0);
}

// EX-50 to EX-55; tool credBlob P-1 to P-3
#[test]
fn a_cred_blob_is_kept_with_a_discoverable_credential() {
    let most = key().info().number(0x0f) as usize;
    assert!(most >= 32);
    for (rk, length, stored) in
        [(true, most, true), (true, 0, true), (true, most + 1, false), (false, 1, false)]
    {
        let mut key = key();
        let blob = vec![7; length];
        let request = make_credential(RP).option("rk", rk);
        let made = key.ok(&request.extension("credBlob", bytes(blob.clone())));
        assert_eq!(made.extension("credBlob"), Some(Value::Bool(stored)));
        key.power_cycle();
        let read = get_assertion(RP).list(&[&made.new_id()]);
        let used = key.ok(&read.clone().silent().extension("credBlob", true)); // GA-43
        let expected = if stored { blob } else { Vec::new() };
        assert_eq!(used.extension("credBlob"), Some(bytes(expected)));
        assert!(used.is_signed_by(&made));
        assert_eq!(key.ok(&read.extension("credBlob", false)).extension("credBlob"), None);
    }
    assert_eq!(key().status(&rk().extension("credBlob", "text")), 0x11);
    assert_eq!(key().status(&get_assertion(RP).extension("credBlob", bytes([1]))), 0x11);
    let mut key = key();
    let id = key.ok(&rk()).new_id();
    let used = key.ok(&get_assertion(RP).list(&[&id]).extension("credBlob", true));
    assert_eq!(used.extension("credBlob"), Some(bytes([])), "nothing stored");
}

// EX-60 to EX-65, MC-81, GA-32; tool largeBlobKey P-1, P-2, F-1 to F-4
#[test]
fn a_large_blob_key_is_told_outside_the_signed_data() {
    let mut key = key();
    let asked = rk().extension("largeBlobKey", true);
    let first = key.ok(&asked);
    assert_eq!((first.keys(), first.bytes(5).len()), (vec![1, 2, 3, 5], 32));
    assert_eq!(first.bytes(2)[32] & 0x80, 0);
    let second = key.ok(&asked.clone().user(b"eve", "Eve"));
    let third = key.ok(&asked.clone().user(b"eve", "Eve"));
    assert_ne!(first.bytes(5), second.bytes(5));
    assert_ne!(second.bytes(5), third.bytes(5), "overwriting makes a new one");
    let without = key.ok(&rk().user(b"bob", "Bob"));
    let read = get_assertion(RP).extension("largeBlobKey", true);
    let keys: Vec<_> =
        [key.ok(&read), key.ok(&get_next_assertion()), key.ok(&get_next_assertion())]
            .iter()
            .map(|used| used.has(7).then(|| used.bytes(7)))
            .collect();
    assert_eq!(keys, [None, Some(third.bytes(5)), Some(first.bytes(5))]);
    let not_asked = key.ok(&get_assertion(RP).list(&[&first.new_id()]));
    assert!(!not_asked.has(7) && !without.has(5));
    for (request, status) in [
        (rk().extension("largeBlobKey", false), 0x2c),
        (make_credential(RP).extension("largeBlobKey", true), 0x2c),
        (rk().extension("largeBlobKey", 1), 0x11),
        (get_assertion(RP).extension("largeBlobKey", false), 0x2c),
        (get_assertion(RP).extension("largeBlobKey", bytes([1])), 0x11),
    ] {
        key.asked();
        assert_eq!(key.status(&request), status);
        assert_eq!(key.asked(), [], "before the touch");
    }
}

fn support(how: &str) -> Value {
    map([("support", how.into())])
}

fn write(blob: &[u8], size: u64) -> Value {
    map([("write", bytes(blob)), ("originalSize", size.into())])
}

fn read() -> Value {
    map([("read", true.into())])
}

/// What the largeBlob extension answers.
fn answered(body: &Body, member: i64) -> Option<Value> {
    body.get(member).map(|outputs| {
        assert_eq!(crate::support::Named::of(outputs).keys(), ["largeBlob"]);
        crate::support::Named::of(outputs).get("largeBlob").unwrap().clone()
    })
}

// EX-70, EX-71 to EX-73; tool largeBlob P-1, P-2, F-1
#[test]
fn a_place_for_a_large_blob_is_asked_for_in_one_form() {
    let mut key = key_with_large_blob();
    for (rk, how, supported) in
        [(true, "required", true), (true, "preferred", true), (false, "preferred", false)]
    {
        let request = make_credential(RP).option("rk", rk).extension("largeBlob", support(how));
        let made = key.ok(&request);
        assert_eq!(answered(&made, 6), Some(map([("supported", supported.into())])));
        assert_eq!((made.keys(), made.bytes(2)[32] & 0x80), (vec![1, 2, 3, 6], 0));
    }
    let required = make_credential(RP).extension("largeBlob", support("required"));
    assert_eq!(key.status(&required), 0x18);
    for wrong in [
        Value::Bool(true),
        support("maybe"),
        map([("support", true.into())]),
        map([]),
        map([("supports", "required".into())]),
        map([("support", "required".into()), ("x", 1.into())]),
        bytes([0xa0]),
    ] {
        assert_eq!(key.status(&rk().extension("largeBlob", wrong)), 0x12);
    }
    assert_eq!(key.status(&crate::support::request::read_blobs(0, 1)), 0x01);
}

// EX-74 to EX-76, EX-78, GA-32, MSG-13; tool largeBlob P-3, P-4
#[test]
fn a_large_blob_is_written_and_read_with_its_credential() {
    let mut key = key_with_large_blob();
    let made = key.ok(&rk().extension("largeBlob", support("required")));
    let request = get_assertion(RP).list(&[&made.new_id()]);
    let reading = request.clone().extension("largeBlob", read());
    assert_eq!(answered(&key.ok(&reading), 8), None, "nothing there yet");
    for (blob, size) in [(&b"compressed"[..], 99_u64), (b"", 0), (&[7; 1000], u64::MAX)] {
        let written = key.ok(&request.clone().extension("largeBlob", write(blob, size)));
        assert_eq!(answered(&written, 8), Some(map([("written", true.into())])));
        assert!(written.is_signed_by(&made));
        key.power_cycle();
        let told = map([("blob", bytes(blob)), ("originalSize", size.into())]);
        assert_eq!(answered(&key.ok(&reading), 8), Some(told));
    }
    let too_long = key.ok(&request.extension("largeBlob", write(&[7; 1001], 1)));
    assert_eq!(answered(&too_long, 8), Some(map([("written", false.into())])));
    key.ok(&rk().extension("largeBlob", support("required")));
    assert_eq!(answered(&key.ok(&get_assertion(RP).extension("largeBlob", read())), 8), None);
}

// EX-76, EX-77; tool largeBlob P-5, P-6
#[test]
fn a_large_blob_is_not_written_where_it_may_not_be() {
    let mut key = key_with_large_blob();
    let id = key.ok(&rk().extension("largeBlob", support("preferred"))).new_id();
    let plain = key.ok(&rk().user(b"eve", "Eve")).new_id();
    let sealed = key.ok(&make_credential(RP)).new_id();
    let writing = |request: Request| request.extension("largeBlob", write(b"x", 1));
    for request in [
        writing(get_assertion(RP)),
        writing(get_assertion(RP).list(&[&plain])),
        writing(get_assertion(RP).list(&[&sealed])),
        writing(get_assertion(RP).list(&[&id]).silent()),
    ] {
        let answer = answered(&key.ok(&request), 8);
        assert_eq!(answer, Some(map([("written", false.into())])));
    }
    key.medium.set(Medium::FailsAfter(2, MemoryError::Full)); // after the counter and its barrier
    key.restart({
        let mut config = ctap_core::Config { large_blobs: None, ..Default::default() };
        config.extensions.large_blob = Some(1000);
        config
    });
    let full = key.ok(&writing(get_assertion(RP).list(&[&id])));
    assert_eq!(answered(&full, 8), Some(map([("written", false.into())])));
    key.will(Act::Do(Decision::Deny));
    assert_eq!(key.status(&writing(get_assertion(RP).list(&[&id]))), 0x27);
}

// EX-74, EX-03; tool largeBlob F-2 to F-5
#[test]
fn a_large_blob_is_read_or_written_in_one_form_each() {
    let mut key = key_with_large_blob();
    let id = key.ok(&rk().extension("largeBlob", support("preferred"))).new_id();
    for wrong in [
        Value::Null,
        map([]),
        map([("read", false.into())]),
        map([("read", 1.into())]),
        map([("write", bytes([1]))]),
        map([("originalSize", 1.into())]),
        map([("write", "text".into()), ("originalSize", 1.into())]),
        map([("write", bytes([1])), ("originalSize", (-1).into())]),
        map([("write", bytes([1])), ("originalSize", 1.into()), ("read", true.into())]),
        map([("read", true.into()), ("x", true.into())]),
        numbered([(1, true.into())]),
    ] {
        let request = get_assertion(RP).list(&[&id]).extension("largeBlob", wrong);
        assert_eq!(key.status(&request), 0x12);
    }
}

// EX-79: an older release of the conformance tool sent and expected that
#[test]
fn large_blob_maps_are_not_wrapped_in_byte_strings() {
    let mut key = key_with_large_blob();
    let wrapped = |input: Value| bytes(ctap_client::cbor::encode(&input));
    let supporting = wrapped(support("required"));
    assert_eq!(key.status(&rk().extension("largeBlob", supporting)), 0x12);
    let made = key.ok(&rk().extension("largeBlob", support("required")));
    assert!(answered(&made, 6).unwrap().is_map());
    let request = get_assertion(RP).list(&[&made.new_id()]);
    for input in [write(b"x", 1), read()] {
        let refused = request.clone().extension("largeBlob", wrapped(input.clone()));
        assert_eq!(key.status(&refused), 0x12);
        let used = key.ok(&request.clone().extension("largeBlob", input));
        assert!(answered(&used, 8).unwrap().is_map());
    }
}

// EX-80 to EX-84, CF-48; tool minPINLength P-1, F-1, pinComplexityPolicy P-1, P-2
#[test]
fn listed_relying_parties_learn_the_pin_policy() {
    let mut key = key();
    let listed = [(1, 6.into()), (2, vec![Value::from(RP)].into()), (4, true.into())];
    key.ok(&config(3).with(2, params(listed)));
    let asking = |rp_id: &str, value: bool| {
        let request = make_credential(rp_id).extension("minPinLength", value);
        request.extension("pinComplexityPolicy", value)
    };
    let made = key.ok(&asking(RP, true));
    assert_eq!(made.extension("minPinLength"), Some(key.info().get(0x0d).unwrap().clone()));
    assert_eq!(made.extension("pinComplexityPolicy"), Some(Value::Bool(true)));
    for request in [
        asking(RP, false),
        asking(OTHER_RP, true),
        asking("sub.example.com", true),
        asking("Example.com", true),
    ] {
        assert_eq!(key.ok(&request).auth_data().extensions, None);
    }
    for name in ["minPinLength", "pinComplexityPolicy"] {
        assert_eq!(key.status(&make_credential(RP).extension(name, 1)), 0x11);
        assert_eq!(key.status(&make_credential(OTHER_RP).extension(name, "x")), 0x11);
    }
}

// EX-90 to EX-92; tool thirdPartyPayment P-1, P-2, F-1
#[test]
fn payment_is_told_of_every_credential() {
    for rk in [true, false] {
        for (asked, stored) in [(Some(true), true), (Some(false), false), (None, false)] {
            let mut key = key();
            let mut request = make_credential(RP).option("rk", rk);
            if let Some(asked) = asked {
                request = request.extension("thirdPartyPayment", asked);
            }
            let made = key.ok(&request);
            let output = (asked == Some(true)).then_some(Value::Bool(true));
            assert_eq!(made.extension("thirdPartyPayment"), output);
            let assertion = get_assertion(RP).list(&[&made.new_id()]);
            let used = key.ok(&assertion.clone().extension("thirdPartyPayment", true));
            assert_eq!(used.extension("thirdPartyPayment"), Some(Value::Bool(stored)));
            let used = key.ok(&assertion.extension("thirdPartyPayment", false));
            assert_eq!(used.auth_data().extensions, None);
        }
    }
    assert_eq!(key().status(&rk().extension("thirdPartyPayment", 1)), 0x11);
}

/// The methods that uvm told.
fn methods(reply: &Body) -> Vec<Vec<i128>> {
    let told = reply.extension("uvm").expect("it was asked for").into_array().unwrap();
    let numbers = |triple: Value| {
        let numbers = triple.into_array().unwrap().into_iter();
        numbers.map(|number| number.into_integer().unwrap().into()).collect()
    };
    told.into_iter().map(numbers).collect()
}

// EX-95 to EX-97; tool uvm P-1
#[test]
fn uvm_tells_by_what_the_user_was_verified_and_how_that_is_protected() {
    let mut key = Key::made(|config| {
        config.fingerprints = Some(FingerprintSensor::default());
        config.extensions.uvm = Some(Protection { keys: 2 | 8, matcher: 4 });
    });
    let made = key.ok(&make_credential(RP).extension("uvm", true));
    assert_eq!(methods(&made), [[0x1, 10, 4]], "a touch");
    let asked = get_assertion(RP).list(&[&made.new_id()]).extension("uvm", true);
    assert_eq!(methods(&key.ok(&asked.clone().silent())), [[0x200, 10, 4]], "nothing");
    assert_eq!(methods(&key.ok(&asked)), [[0x1, 10, 4]]);
    key.set_pin("1234");
    let token = key.token(GA, Some(RP));
    let by_pin = key.ok(&asked.clone().auth(&token));
    assert_eq!(methods(&by_pin), [[0x800, 10, 4], [0x1, 10, 4]]);
    key.enroll(1);
    key.will(Act::Do(Decision::Finger(1)));
    let by_finger = key.ok(&asked.clone().option("uv", true));
    assert_eq!(methods(&by_finger), [[0x2, 10, 4], [0x1, 10, 4]]);
    let refused = get_assertion(RP).extension("uvm", 1);
    assert_eq!(key.status(&refused), 0x11);
    let silent = key.ok(&get_assertion(RP).list(&[&made.new_id()]).extension("uvm", false));
    assert_eq!(silent.auth_data().extensions, None);
}

// EX-07, EX-14, EX-16, EX-64, CM-28
#[test]
fn what_belongs_to_a_hidden_credential_is_hidden_with_it() {
    let mut key = Key::with_pin();
    let token = key.token(MC, Some(RP));
    let hidden = rk().extension("credProtect", 3).extension("largeBlobKey", true);
    let id = key.ok(&hidden.auth(&token)).new_id();
    let request = get_assertion(RP).list(&[&id]).extension("largeBlobKey", true);
    assert_eq!(key.status(&request.clone().silent()), 0x2e);
    let token = key.token(crate::support::GA, Some(RP));
    assert!(key.ok(&request.auth(&token)).has(7));
    assert_eq!(key.status(&credential_management(4)), 0x36);
}
