//! The previewSign extension.

use ctap_client::attestation::Attestation as Vouched;
use ctap_client::cbor::{decode, encode};
use ctap_client::cose::PublicKey;
use ctap_client::make_credential::Reply;
use ctap_client::preview_sign::{Demands, GeneratedKey, generate_key, sign, signature};
use ctap_core::attestation::Attestation;

use crate::attestation::attestation_key;
use crate::support::{
    Body, GA, HASH, Key, MC, OTHER_RP, RP, Request, Value, bytes, get_assertion, make_credential,
    numbered, sha256,
};

const MESSAGE: &[u8] = b"a deed";
/// All algorithms.
const ALGORITHMS: [i64; 5] = [-9, -7, -300, -70009, ARKG];
const ARKG: i64 = -65539;

fn key() -> Key {
    Key::made(|config| config.extensions.preview_sign = true)
}

fn register(algorithms: &[i64], demands: Demands) -> Request {
    make_credential(RP).extension("previewSign", generate_key(algorithms, demands))
}

/// A credential, and the signing key beside it.
struct Made {
    id: Vec<u8>,
    key: GeneratedKey,
}

impl Made {
    #[track_caller]
    fn of(body: &Body) -> Self {
        Self { id: body.new_id(), key: GeneratedKey::read(&reply(body), &HASH).unwrap() }
    }

    #[track_caller]
    fn by(key: &mut Key, algorithm: i64, demands: Demands) -> Self {
        Self::of(&key.ok(&register(&[algorithm], demands)))
    }

    /// What the message is handed over as.
    fn to_be_signed(&self) -> Vec<u8> {
        match self.key.algorithm {
            -9 | -7 => MESSAGE.to_vec(),
            _ => sha256(MESSAGE).to_vec(),
        }
    }

    /// What verifies, and the arguments that it takes.
    fn verifier(&self) -> (PublicKey, Option<Value>) {
        if self.key.algorithm != ARKG {
            return (self.key.public_key.clone(), None);
        }
        let derived = self.key.seed().unwrap().derive_public_key(&[7; 32], b"deeds").unwrap();
        (derived.public_key, Some(derived.arguments))
    }

    /// A sign-in with this input.
    fn with(&self, input: Value) -> Request {
        get_assertion(RP).list(&[&self.id]).extension("previewSign", input)
    }

    /// The right input.
    fn input(&self) -> Value {
        let (_, arguments) = self.verifier();
        sign(&self.key.key_handle, &self.to_be_signed(), arguments.as_ref())
    }

    fn is_signature(&self, body: &Body) -> bool {
        let signature = signature(&body.auth_data()).unwrap();
        self.verifier().0.verify(MESSAGE, &signature).is_ok()
    }
}

/// As the platform reads it.
fn reply(body: &Body) -> Reply {
    let members = body.keys().into_iter();
    let members = members.map(|key| (key.into(), body.get(key).unwrap().clone())).collect();
    Reply::parse(&encode(&Value::Map(members)), true).unwrap()
}

/// `input` with another value in this place, or without it.
fn changed(input: &Value, label: i64, value: Option<Value>) -> Value {
    let mut members = input.as_map().unwrap().clone();
    members.retain(|(key, _)| *key != label.into());
    members.extend(value.map(|value| (label.into(), value)));
    Value::Map(members)
}

// PS-30, EX-02
#[test]
fn a_key_that_does_not_offer_it_passes_over_it() {
    let mut key = Key::made(|_| {});
    let made = key.ok(&register(&[-9], Demands::Nothing));
    assert_eq!(made.keys(), [1, 2, 3]);
    assert_eq!(made.auth_data().extensions, None);
    let request = get_assertion(RP).list(&[&made.new_id()]).extension("previewSign", Value::Null);
    assert_eq!(key.ok(&request).auth_data().extensions, None);
    let listed = |key: &mut Key| {
        let names = key.info().get(2).unwrap().as_array().unwrap().clone();
        names.contains(&"previewSign".into())
    };
    assert!(!listed(&mut key));
    assert!(listed(&mut self::key()));
}

// PS-03 to PS-05, PS-07, PS-10, PS-11, PS-16, PS-20 to PS-22
#[test]
fn every_algorithm_signs_unattended_beside_credentials_of_both_kinds() {
    for rk in [false, true] {
        for algorithm in ALGORITHMS {
            let mut key = key();
            let body = key.ok(&register(&[algorithm], Demands::Nothing).option("rk", rk));
            let output = body.extension("previewSign").unwrap();
            assert_eq!(output, numbered([(3, algorithm.into())]));
            let made = Made::of(&body);
            assert_eq!((made.key.algorithm, made.key.flags), (algorithm, 0));
            let asked = key.asked().len();
            let signed = key.ok(&made.with(made.input()).silent());
            assert_eq!(key.asked().len(), 0, "{asked} for the registration alone");
            assert!(made.is_signature(&signed), "{algorithm}, rk {rk}");
            assert!(signed.is_signed_by(&body)); // the assertion itself is right, too
        }
    }
}

// PS-05, PS-21, PS-22
#[test]
fn public_keys_say_what_verifies_the_signatures() {
    let mut key = key();
    for (algorithm, told) in [(-9, -9), (-7, -7), (-300, -9), (-70009, -9)] {
        let made = Made::by(&mut key, algorithm, Demands::Nothing);
        assert_eq!(made.key.public_key.algorithm(), told);
    }
    let made = Made::by(&mut key, ARKG, Demands::Nothing);
    let seed = made.key.cose_key.as_map().unwrap().clone();
    let head: Vec<_> = seed[..2].iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    assert_eq!(head, [(1.into(), Value::from(-65537)), (3.into(), (-65700).into())]);
    assert_eq!(seed[4], ((-3).into(), (-9).into()));
    assert_eq!(seed.len(), 5);
}

// PS-01, PS-03
#[test]
fn the_first_algorithm_that_the_key_has_is_used() {
    let mut key = key();
    for (list, used) in [(&[-18, -300, -9][..], -300), (&[-9, -300], -9), (&[0, -257, ARKG], ARKG)]
    {
        let made = Made::of(&key.ok(&register(list, Demands::Nothing)));
        assert_eq!(made.key.algorithm, used);
    }
    for list in [&[][..], &[-18], &[-8, i64::MIN]] {
        assert_eq!(key.status(&register(list, Demands::Nothing)), 0x26);
    }
}

// PS-01, PS-02, EX-03, EX-06, MSG-44
#[test]
fn inputs_of_a_registration_are_judged_before_anyone_is_asked() {
    let good = generate_key(&[-9], Demands::Nothing);
    let mut key = key();
    let mut refused = |input: Value, status: u8| {
        let request = make_credential(RP).extension("previewSign", input.clone());
        assert_eq!(key.status(&request), status, "{input:?}");
        assert!(key.asked().is_empty());
    };
    for flags in (0..256_u64).filter(|flags| ![0, 1, 5].contains(flags)).chain([256, u64::MAX]) {
        refused(changed(&good, 4, Some(flags.into())), 0x2c);
    }
    refused(changed(&good, 3, None), 0x2c);
    refused(changed(&good, 4, Some((-1).into())), 0x11);
    refused(changed(&good, 3, Some((-9).into())), 0x11);
    refused(changed(&good, 3, Some(vec![Value::from(-9), "x".into()].into())), 0x11);
    refused(Value::Bool(true), 0x11);
    refused(numbered([(3, "x".into()), (4, 2.into())]), 0x11);
}

// PS-01
#[test]
fn a_touch_is_demanded_by_default() {
    let input = changed(&generate_key(&[-9], Demands::Nothing), 4, None);
    let made = Made::of(&key().ok(&make_credential(RP).extension("previewSign", input)));
    assert_eq!(made.key.flags, 1);
}

// PS-06
#[test]
fn every_registration_makes_another_key() {
    let mut key = key();
    for algorithm in ALGORITHMS {
        let [one, two] = [0; 2].map(|_| Made::by(&mut key, algorithm, Demands::Nothing));
        assert_ne!(one.key.key_handle, two.key.key_handle);
        assert_ne!(encode(&one.key.cose_key), encode(&two.key.cose_key));
        let signed = key.ok(&one.with(one.input()));
        assert!(one.is_signature(&signed) && !two.is_signature(&signed));
    }
}

// PS-05
#[test]
fn the_model_s_key_vouches_where_it_vouches_for_the_credential() {
    let mut key = Key::made(|config| {
        config.extensions.preview_sign = true;
        config.attestation = Attestation::Basic;
        config.attestation_key = Some(attestation_key(1));
        config.u2f = true;
    });
    let request = register(&[ARKG], Demands::Nothing);
    let object = |body: &Body| {
        let output = body.named(6).get("previewSign").unwrap().as_map().unwrap()[0].1.clone();
        decode(output.as_bytes().unwrap()).unwrap().into_map().unwrap()
    };
    let vouched = object(&key.ok(&request));
    assert_eq!(vouched[0], (1.into(), "packed".into()));
    let auth_data = vouched[1].1.as_bytes().unwrap();
    let statement = vouched[2].1.as_map().unwrap();
    let signed = [auth_data, &HASH[..]].concat();
    let model = crate::attestation::verifying_key(1);
    let model = PublicKey::Es256(model);
    assert_eq!(model.verify(&signed, statement[1].1.as_bytes().unwrap()), Ok(()));
    for format in ["fido-u2f", "none"] {
        let body = key.ok(&request.clone().with(0x0b, vec![Value::from(format)]));
        assert_eq!(body.text(1), format);
        assert_eq!(object(&body)[0], (1.into(), "none".into()));
        let (outer, inner) = (body.bytes(2), object(&body)[1].1.as_bytes().unwrap().clone());
        assert_eq!(outer[37..53], inner[37..53], "the AAGUID");
    }
    let by_itself = Made::by(&mut self::key(), -9, Demands::Nothing);
    assert_eq!(by_itself.key.attestation, Vouched::None);
}

// PS-12, PS-13, EX-03, MSG-44
#[test]
fn inputs_of_a_sign_in_are_judged_before_anyone_is_asked() {
    let mut key = key();
    let made = Made::of(&key.ok(&register(&[-9], Demands::Nothing).rk()));
    let unlisted = get_assertion(RP);
    assert_eq!(key.status(&unlisted), 0);
    key.asked();
    let asked = unlisted.extension("previewSign", made.input());
    assert_eq!(key.status(&asked), 0x2c);
    assert_eq!(key.status(&asked.with(3, Vec::<Value>::new())), 0x2c, "GA-22");
    for (label, value, status) in [
        (2, None, 0x2c),
        (6, None, 0x2c),
        (2, Some("x".into()), 0x11),
        (6, Some(1.into()), 0x11),
        (7, Some(numbered([])), 0x11),
    ] {
        let input = changed(&made.input(), label, value);
        assert_eq!(key.status(&made.with(input)), status, "{label}");
    }
    assert_eq!(key.status(&made.with(Value::Bool(true))), 0x11);
    assert!(key.asked().is_empty());
}

// PS-14 to PS-16
#[test]
fn a_signing_key_gets_what_it_demands_or_does_not_sign() {
    for (demands, silent, touched, verified) in [
        (Demands::Nothing, 0, 0, 0),
        (Demands::Presence, 0x3b, 0, 0),
        (Demands::Verification, 0x3b, 0x36, 0),
    ] {
        let mut key = key();
        key.set_pin("1234");
        let token = key.token(MC, Some(RP));
        let made = Made::of(&key.ok(&register(&[-9], demands).auth(&token)));
        let request = made.with(made.input());
        assert_eq!(key.status(&request.clone().silent()), silent, "{demands:?}");
        assert_eq!(key.status(&request), touched, "{demands:?}");
        let token = key.token(GA, Some(RP));
        assert_eq!(key.status(&request.clone().auth(&token)), verified, "{demands:?}");
        let token = key.token(GA, Some(RP));
        let without_a_touch = key.status(&request.silent().auth(&token));
        assert_eq!(without_a_touch, silent, "{demands:?}");
    }
}

// PS-17
#[test]
fn a_key_handle_is_for_the_credential_that_it_was_made_with() {
    for rk in [false, true] {
        let mut key = key();
        let made = Made::of(&key.ok(&register(&[-9], Demands::Nothing).option("rk", rk)));
        let other = Made::of(
            &key.ok(&register(&[-9], Demands::Nothing).option("rk", rk).user(b"eve", "Eve")),
        );
        let elsewhere = make_credential(OTHER_RP).option("rk", rk);
        let elsewhere = key.ok(&elsewhere).new_id();
        assert_eq!(key.status(&other.with(made.input())), 0x22);
        let request = get_assertion(OTHER_RP).list(&[&elsewhere]);
        assert_eq!(key.status(&request.extension("previewSign", made.input())), 0x22);
        for handle in [made.id.clone(), Vec::new(), vec![2; 97], vec![7; 2000]] {
            let input = changed(&made.input(), 2, Some(bytes(handle)));
            assert_eq!(key.status(&made.with(input)), 0x22);
        }
        let mut handle = made.key.key_handle.clone();
        for at in 0..handle.len() {
            handle[at] ^= 1;
            let input = changed(&made.input(), 2, Some(bytes(handle.clone())));
            assert_eq!(key.status(&made.with(input)), 0x22, "byte {at}");
            handle[at] ^= 1;
        }
        let as_id = get_assertion(RP).list(&[&made.key.key_handle]);
        assert_eq!(key.status(&as_id), 0x2e, "a handle is no credential id");
        assert!(made.is_signature(&key.ok(&made.with(made.input()))));
    }
}

// PS-31, RS-09
#[test]
fn signing_keys_end_with_a_reset() {
    let mut key = key();
    let made = Made::by(&mut key, -9, Demands::Nothing);
    key.power_cycle();
    assert!(made.is_signature(&key.ok(&made.with(made.input()))));
    key.ok(&Request::new(0x07));
    assert_eq!(key.status(&made.with(made.input())), 0x2e);
    let again = key.ok(&make_credential(RP)).new_id();
    let request = get_assertion(RP).list(&[&again]).extension("previewSign", made.input());
    assert_eq!(key.status(&request), 0x22);
}

// PS-21
#[test]
fn a_digest_has_32_bytes() {
    let mut key = key();
    for algorithm in [-300, -70009, ARKG] {
        let made = Made::by(&mut key, algorithm, Demands::Nothing);
        for length in [0, 31, 33, 64] {
            let input = changed(&made.input(), 6, Some(bytes(vec![1; length])));
            assert_eq!(key.status(&made.with(input)), 0x03, "{algorithm}, {length} bytes");
        }
    }
    for algorithm in [-9, -7] {
        let made = Made::by(&mut key, algorithm, Demands::Nothing);
        let input = changed(&made.input(), 6, Some(bytes([])));
        assert_eq!(key.status(&made.with(input)), 0, "there a message may have any length");
    }
}

// PS-18, PS-22
#[test]
fn arguments_are_those_of_the_key_s_algorithm() {
    let mut key = key();
    let made = Made::by(&mut key, ARKG, Demands::Nothing);
    let right = made.verifier().1.unwrap();
    let mut status =
        |arguments: Option<Value>| key.status(&made.with(changed(&made.input(), 7, arguments)));
    assert_eq!(status(None), 0x14);
    let encoded = |arguments: Value| Some(bytes(encode(&arguments)));
    for (label, value) in [
        (3, None),
        (3, Some((-65538).into())),
        (3, Some((-9).into())),
        (-1, None),
        (-2, None),
        (-1, Some(bytes([1; 81]))),
        (-2, Some(bytes(*b"other deeds"))),
        (-2, Some(bytes([0; 65]))),
    ] {
        assert_eq!(status(encoded(changed(&right, label, value))), 0x22, "{label}");
    }
    assert_eq!(status(encoded(changed(&right, 3, Some("x".into())))), 0x11);
    assert_eq!(status(Some(bytes([0xff]))), 0x12);
    assert_eq!(status(encoded(changed(&right, 42, Some(1337.into())))), 0);
    let plain = Made::by(&mut key, -9, Demands::Nothing);
    let input = changed(&plain.input(), 7, Some(bytes([0xff])));
    assert!(plain.is_signature(&key.ok(&plain.with(input))), "PS-10: not looked at");
}

// EX-05, PS-04, PS-11
#[test]
fn outputs_stand_where_their_name_does() {
    let mut key = key();
    let request = register(&[-9], Demands::Nothing).rk().extension("credProtect", 1);
    let body = key.ok(&request.extension("hmac-secret", true).extension("thirdPartyPayment", true));
    let names = |body: &Body| -> Vec<String> {
        body.auth_data().extensions.unwrap().into_iter().map(|(name, _)| name).collect()
    };
    let expected = ["credProtect", "hmac-secret", "previewSign", "thirdPartyPayment"];
    assert_eq!(names(&body), expected);
    let made = Made::of(&body);
    let request = made.with(made.input()).extension("credBlob", true);
    let signed = key.ok(&request.extension("thirdPartyPayment", true));
    assert_eq!(names(&signed), ["credBlob", "previewSign", "thirdPartyPayment"]);
}

// PS-05, EX-73
#[test]
fn a_place_for_a_large_blob_is_told_beside_it() {
    let mut key = Key::made(|config| {
        config.extensions.preview_sign = true;
        config.large_blobs = None;
        config.extensions.large_blob = Some(100);
    });
    let support = crate::support::map([("support", "preferred".into())]);
    let body = key.ok(&register(&[-9], Demands::Nothing).rk().extension("largeBlob", support));
    assert_eq!(body.named(6).keys(), ["largeBlob", "previewSign"]);
    Made::of(&body);
}
