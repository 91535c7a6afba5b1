//! authenticatorGetInfo.

use ctap_core::algorithm::Algorithm;
use ctap_core::config::{AAGUID, Version};
use ctap_core::{Config, Step};

use crate::attestation::{attestation_key, enterprise};
use crate::support::key::CHANNEL;
use crate::support::pin::padded;
use crate::support::request::{config, credential_management, descriptor, parameter, params};
use crate::support::{
    CM, Key, PCMR, PinProtocol, RP, Request, Setup, Value, bytes, make_credential, map,
};

pub(crate) fn texts(list: &[&str]) -> Value {
    Value::Array(list.iter().map(|text| (*text).into()).collect())
}

fn numbers(list: &[u64]) -> Value {
    Value::Array(list.iter().map(|number| (*number).into()).collect())
}

// GI-03, GI-04, GI-10 to GI-25, GI-29, GI-31, GI-33 to GI-40, GI-50 to GI-69, GI-70, GI-73, GI-75 to GI-87, GI-104,
// GI-114, GI-116, GI-118, GI-133, GI-134, GI-136, GI-137, GI-6A, MSG-14, MSG-32; tool Generic-1 P-1, P-2
#[test]
fn a_fresh_default_key_says_exactly_this() {
    let info = Key::made(|_| {}).info();
    let expected = [
        (0x01, texts(&["FIDO_2_0", "FIDO_2_1", "FIDO_2_3"])),
        (
            0x02,
            texts(&[
                "credBlob",
                "credProtect",
                "hmac-secret",
                "hmac-secret-mc",
                "largeBlobKey",
                "minPinLength",
                "pinComplexityPolicy",
                "thirdPartyPayment",
            ]),
        ),
        (0x03, bytes(AAGUID)),
        (0x05, 3072.into()),
        (0x06, numbers(&[2, 1])),
        (0x07, 16.into()),
        (0x08, 113.into()),
        (0x09, texts(&["usb", "nfc"])),
        (0x0b, 4096.into()),
        (0x0c, false.into()),
        (0x0d, 4.into()),
        (0x0e, 1.into()),
        (0x0f, 128.into()),
        (0x10, 8.into()),
        (0x14, 10.into()),
        (0x16, texts(&["packed"])),
        (0x18, false.into()),
        (0x1b, false.into()),
        (0x1d, 63.into()),
        (0x1f, numbers(&[2, 3, 4])),
    ];
    for (member, value) in &expected {
        assert_eq!(info.get(*member), Some(value), "{member:#x}");
    }
    let mut members: Vec<i64> = expected.iter().map(|(member, _)| *member).collect();
    members.extend([0x04, 0x0a, 0x19, 0x1e]);
    members.sort_unstable();
    assert_eq!(info.keys(), members, "nothing else");
    let options: Vec<(&str, bool)> = vec![
        ("rk", true),
        ("up", true),
        ("plat", false),
        ("alwaysUv", false),
        ("credMgmt", true),
        ("authnrCfg", true),
        ("clientPin", false),
        ("largeBlobs", true),
        ("perCredMgmtRO", true),
        ("pinUvAuthToken", true),
        ("setMinPINLength", true),
        ("makeCredUvNotRqd", true),
    ];
    let told: Vec<_> = info.named(4).keys();
    assert_eq!(told, options.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, value) in options {
        assert_eq!(info.named(4).get(name), Some(&Value::Bool(value)), "{name}");
    }
}

// GI-19, GI-130, GI-132
#[test]
fn algorithms_are_told_in_order_of_preference() {
    let list = |algorithms: Vec<Algorithm>| {
        let info = Key::made(|config| config.algorithms = algorithms).info();
        let told = info.get(0x0a).unwrap().as_array().unwrap().clone();
        told.iter().map(|one| crate::support::Named::of(one).keys().len()).for_each(|members| {
            assert_eq!(members, 2);
        });
        told
    };
    let entry = |number: i64| map([("alg", number.into()), ("type", "public-key".into())]);
    assert_eq!(list(vec![Algorithm::Es256, Algorithm::EdDsa]), [entry(-7), entry(-8)]);
    let all = [-35, -47, -7].map(entry);
    assert_eq!(list(vec![Algorithm::Es384, Algorithm::Es256K, Algorithm::Es256]), all);
}

// GI-135: Windows asks for listed algorithms only
#[test]
fn an_algorithm_is_told_exactly_when_credentials_can_have_it() {
    let lists = [
        vec![Algorithm::Es256],
        vec![Algorithm::EdDsa, Algorithm::Es384],
        vec![Algorithm::Es256K, Algorithm::MlDsa65, Algorithm::MlDsa44],
        vec![Algorithm::Es512],
    ];
    let others = [-9, -19, -258, -65535];
    for offered in lists {
        let mut key = Key::made(|config| {
            config.algorithms = offered;
            config.max_msg_size = ctap_core::limits::MAX_MESSAGE;
        });
        let told = key.info().get(0x0a).unwrap().as_array().unwrap().clone();
        for number in Algorithm::ALL.map(|known| known.cose().into()).into_iter().chain(others) {
            let is_told = told.contains(&parameter(number));
            let status = key.status(&make_credential(RP).algorithm(number));
            assert_eq!(status, if is_told { 0 } else { 0x26 }, "{number}");
        }
    }
}

/// A key with hardly anything.
fn bare(config: &mut Config) {
    config.versions = vec![Version::Fido20];
    config.capacity = 0;
    config.client_pin = false;
    config.pin_uv_auth_protocols = Vec::new();
    config.make_cred_uv_not_rqd = false;
    config.credential_management = false;
    config.per_cred_mgmt_ro = false;
    config.large_blobs = None;
    config.authenticator_config = Default::default();
    config.extensions = Default::default();
}

// GI-04, GI-15, GI-21, GI-22, GI-30, GI-40, GI-75 to GI-79, GI-85, EX-09
#[test]
fn what_does_not_apply_is_absent() {
    let info = Key::made(bare).info();
    assert_eq!(info.keys(), [0x01, 0x03, 0x04, 0x05], "CTAP 2.0 had no more");
    assert_eq!(info.named(4).keys(), ["up", "plat"]);
    let info = Key::made(|config| {
        bare(config);
        config.versions.push(Version::Fido21);
        config.extensions.hmac_secret = true;
        config.pin_uv_auth_protocols.push(ctap_core::pin::Protocol::Two);
    })
    .info();
    let always = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0e, 0x16];
    assert_eq!(info.keys(), always, "hmac-secret takes a protocol (EX-32)");
}

// GI-76 to GI-79, GI-82, GI-84, GI-81, GI-117, EX-09, EX-70
#[test]
fn members_come_and_go_with_their_features() {
    let info = Key::made(|config| {
        config.large_blobs = None;
        config.extensions.large_blob = Some(1024);
        config.extensions.cred_blob = None;
        config.extensions.pin_complexity_policy = false;
        config.authenticator_config = Default::default();
        config.authenticator_config.enterprise_attestation = Some(enterprise());
    })
    .info();
    for member in [0x0b, 0x0f, 0x10, 0x18, 0x1b] {
        assert!(!info.has(member), "{member:#x}");
    }
    assert_eq!(info.get(0x1f), Some(&numbers(&[1])));
    let extensions =
        ["credProtect", "hmac-secret", "hmac-secret-mc", "largeBlob", "thirdPartyPayment"];
    assert_eq!(info.get(0x02), Some(&texts(&extensions)));
    assert_eq!(info.named(4).get("ep"), Some(&Value::Bool(false)));
    assert_eq!(info.named(4).get("alwaysUv"), None);
}

// GI-100 to GI-102, GI-74, UF-50, UF-51, CF-33
#[test]
fn u2f_is_told_only_while_it_works() {
    for setup in Setup::every().filter(|setup| !setup.no_mc_ga && setup.not_rqd) {
        let mut key = Key::made(|config| {
            config.u2f = true;
            config.attestation_key = Some(attestation_key(1));
            config.fingerprints = Some(Default::default());
            config.authenticator_config.always_uv = Some(setup.always_uv);
        });
        if setup.finger {
            key.enroll(1);
        }
        let versions = key.info().get(1).unwrap().as_array().unwrap().clone();
        assert_eq!(versions.contains(&"U2F_V2".into()), !setup.always_uv);
        assert!(!versions.contains(&"FIDO_2_2".into()));
        let works = key.call_u2f(&[0, 3, 0, 0]).ends_with(&[0x90, 0x00]);
        assert_eq!(works, !setup.always_uv);
    }
}

// GI-01
#[test]
fn it_always_answers_and_changes_nothing() {
    let mut key = Key::with_pin();
    key.block_pin();
    key.seal_store();
    assert_eq!(key.status(&Request::new(0x04)), 0);
    assert_eq!(key.call(&[0x04, 0xde, 0xad])[0], 0, "parameters are ignored"); // MSG-04
    assert_eq!(key.asked(), []);
}

// GI-02: clients ask right after INIT and before each operation
#[test]
fn it_is_answered_at_once_and_costs_no_write() {
    for setup in Setup::every() {
        let mut key = setup.key();
        key.power_cycle();
        key.seal_store();
        for _ in 0..3 {
            let Step::Reply(answer) = key.begin(CHANNEL, &[0x04]) else { panic!("{setup:?}") };
            assert_eq!(answer.message[0], 0);
        }
    }
}

// GI-34, GI-39, GI-90 to GI-96, CP-135; V-10; tool Generic P-4, P-5, UpdateAndDelete P-1, P-2
#[test]
fn only_holders_of_the_persistent_token_recognise_the_key() {
    for protocol in [PinProtocol::One, PinProtocol::Two] {
        let mut key = Key::with_pin();
        let before = key.info();
        let (again, token) = (key.info(), key.token_with(protocol, PCMR, None));
        assert_ne!(before.bytes(0x19)[..16], again.bytes(0x19)[..16], "a fresh IV each time");
        assert_ne!(before.bytes(0x19), before.bytes(0x1e));
        let device = key.state().device_identifier();
        for info in [&before, &again] {
            assert_eq!(token.open_identifier(&info.bytes(0x19)), Ok(device));
        }
        let state_of = |key: &mut Key| token.open_cred_store_state(&key.info().bytes(0x1e));
        let mut states = vec![state_of(&mut key)];
        assert_eq!(states[0], Ok(key.state().cred_store_state()));
        let mc = key.token(1, Some(RP));
        let id = key.ok(&make_credential(RP).rk().auth(&mc)).new_id();
        states.push(state_of(&mut key));
        let cm = key.token(CM, None);
        let user = map([("id", bytes(*b"ada"))]);
        let update = params([(2, descriptor(&id)), (3, user)]);
        key.ok(&credential_management(7).with(2, update).auth(&cm));
        states.push(state_of(&mut key));
        let delete = params([(2, descriptor(&id))]);
        key.ok(&credential_management(6).with(2, delete).auth(&cm));
        states.push(state_of(&mut key));
        let distinct: std::collections::HashSet<_> = states.iter().flatten().collect();
        assert_eq!(distinct.len(), 4);
        key.ok(&Request::new(7));
        assert_ne!(token.open_identifier(&key.info().bytes(0x19)), Ok(device));
    }
}

// GI-96, CP-132
#[test]
fn whoever_knew_the_key_by_its_old_token_must_ask_anew_after_a_change_of_pin() {
    let mut key = Key::with_pin();
    let old = key.token(PCMR, None);
    let device = key.state().device_identifier();
    assert_eq!(old.open_identifier(&key.info().bytes(0x19)), Ok(device));
    let change = key.change_pin_request(PinProtocol::Two, "1234", &padded("5678"));
    key.ok(&change);
    assert_eq!(key.state().device_identifier(), device, "it is the same key still");
    assert_ne!(old.open_identifier(&key.info().bytes(0x19)), Ok(device));
    let (request, secret) = key.token_request(PinProtocol::Two, 0x09, "5678");
    let new = key.receive_token(&request.with(9, PCMR), &secret);
    assert_eq!(new.open_identifier(&key.info().bytes(0x19)), Ok(device));
}

// GI-58, GI-68, GI-69, CF-12
#[test]
fn options_follow_the_state() {
    let mut key = crate::attestation::enterprise_key();
    for (option, change) in [("ep", 1), ("alwaysUv", 2)] {
        assert_eq!(key.option(option), Some(false));
        assert_eq!(key.status(&config(change)), 0);
        assert_eq!(key.option(option), Some(true));
    }
    let mut key = Key::made(|config| config.make_cred_uv_not_rqd = false);
    assert_eq!(key.option("makeCredUvNotRqd"), None);
}

// GI-14, MSG-60, MSG-62
#[test]
fn a_message_may_be_as_long_as_it_says() {
    let mut key = Key::made(|config| config.max_msg_size = 1024);
    assert_eq!(key.info().number(5), 1024);
    let request = make_credential(RP);
    let short = request.clone().with(100, bytes([])).encode().len();
    let filled = |length: usize| request.clone().with(100, bytes(vec![0; length]));
    let fits = filled(1024 - short - 2); // the longer head takes two bytes more
    assert_eq!(fits.encode().len(), 1024);
    assert_eq!(key.status(&fits), 0);
    assert_eq!(key.status(&filled(1025 - short - 2)), 0x39);
}
