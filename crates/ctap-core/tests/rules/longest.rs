//! What a key announces as its longest message holds for its own answers.

use ctap_client::arkg::ESP256_SPLIT_ARKG;
use ctap_client::preview_sign::{Demands, generate_key};
use ctap_core::Config;
use ctap_core::algorithm::Algorithm;
use ctap_core::attestation::Attestation;
use ctap_core::config::FingerprintSensor;
use ctap_core::credential::{LargeBlob, User};
use ctap_core::limits::{MAX_MESSAGE, MAX_NAME, MAX_USER_ID};
use ctap_core::state::Fingerprint;
use ctap_core::store::Change;

use crate::attestation::{attestation_key, enterprise, other_key};
use crate::hmac_secret::salts;
use crate::support::pin::{ACFG, BE};
use crate::support::request::{bio_enrollment, config, credential_management, params};
use crate::support::{
    CM, GA, Key, MC, PinProtocol, RP, Request, Value, bytes, get_assertion, make_credential, map,
    sha256,
};

type Edit = fn(&mut Config);

/// The smallest maxMsgSize that a key of this kind may announce.
fn least(edit: Edit) -> usize {
    let fits = |size: usize| {
        let mut config = Config::default();
        edit(&mut config);
        config.max_msg_size = size;
        config.check().is_ok()
    };
    let sizes: Vec<usize> = (1024..=MAX_MESSAGE).collect();
    sizes[sizes.partition_point(|size| !fits(*size))]
}

/// A key of this kind that announces as little as it may, with PIN "1234".
fn key(edit: Edit) -> Key {
    let size = least(edit);
    let mut key = Key::made(|config| {
        edit(config);
        config.max_msg_size = size;
    });
    key.set_pin("1234");
    key
}

/// Bytes of a successful answer.
#[track_caller]
fn length(key: &mut Key, request: &Request) -> usize {
    let answer = key.call(&request.encode());
    assert_eq!(answer[0], 0x00);
    answer.len()
}

/// Everything that can be asked for at a registration.
fn registration(key: &mut Key, algorithm: Algorithm, rk: bool) -> Request {
    let (input, _) = salts(key, PinProtocol::Two, true);
    let token = key.token(MC, Some(RP));
    let request = make_credential(RP)
        .option("rk", rk)
        .algorithm(algorithm.cose().into())
        .extension("credProtect", 1)
        .extension("credBlob", bytes([]))
        .extension("hmac-secret", true)
        .extension("hmac-secret-mc", input)
        .extension("minPinLength", true)
        .extension("pinComplexityPolicy", true)
        .extension("previewSign", generate_key(&[ESP256_SPLIT_ARKG], Demands::Verification))
        .extension("thirdPartyPayment", true);
    let config = key.authenticator.config();
    let request = match config.authenticator_config.enterprise_attestation {
        Some(_) => request.with(0x0a, 2),
        None => request,
    };
    let request = match (config.large_blobs, config.extensions.large_blob) {
        (Some(_), _) if rk => request.extension("largeBlobKey", true),
        (_, Some(_)) => request.extension("largeBlob", map([("support", "preferred".into())])),
        _ => request,
    };
    request.auth(&token)
}

/// Everything that can be asked for at a sign-in.
fn sign_in(key: &mut Key) -> Request {
    let (input, _) = salts(key, PinProtocol::Two, true);
    let token = key.token(GA, Some(RP));
    let request = get_assertion(RP).extension("credBlob", true).extension("hmac-secret", input);
    let request = request.extension("thirdPartyPayment", true);
    let config = key.authenticator.config();
    let request = match (config.large_blobs, config.extensions.large_blob) {
        (Some(_), _) => request.extension("largeBlobKey", true),
        (_, Some(_)) => request.extension("largeBlob", map([("read", true.into())])),
        _ => request,
    };
    request.auth(&token)
}

/// The longest of the answers that this key really gives.
fn longest(key: &mut Key) -> usize {
    let token = key.token(ACFG, None);
    let sites = vec![Value::from(RP)];
    key.ok(&config(3).with(2, params([(2, sites.into())])).auth(&token));
    if key.authenticator.config().authenticator_config.enterprise_attestation.is_some() {
        key.ok(&config(1).auth(&token));
    }
    let algorithms = key.authenticator.config().algorithms.clone();
    let mut lengths = Vec::new();
    for algorithm in algorithms {
        for (rk, vouched) in [(false, true), (false, false), (true, true), (true, false)] {
            let request = registration(key, algorithm, rk).with(0x0b, vec![Value::from("packed")]);
            let request = if vouched { request } else { request.without(0x0a) };
            lengths.push(length(key, &request));
        }
        for user in [7, 8] {
            store_full(key, algorithm, user); // two to choose from, so that names are told
        }
        let request = sign_in(key);
        lengths.push(length(key, &request));
        let token = key.token(CM, None);
        let of_site = params([(1, bytes(sha256(RP.as_bytes())))]);
        let list = credential_management(4).with(2, of_site).auth(&token);
        lengths.push(length(key, &list));
    }
    lengths.into_iter().max().unwrap()
}

/// Stores a credential with the longest names and blobs that it may have.
fn store_full(key: &mut Key, algorithm: Algorithm, user: u8) {
    let extensions = &key.authenticator.config().extensions;
    let (cred_blob, large_blob) = (extensions.cred_blob.unwrap_or(0), extensions.large_blob);
    let token = key.token(MC, Some(RP));
    let request = make_credential(RP).rk().user(&[user; MAX_USER_ID], "x");
    let request = request.algorithm(algorithm.cose().into());
    let request = request.extension("credBlob", bytes(vec![1; cred_blob]));
    let request = match large_blob {
        Some(_) => request.extension("largeBlob", map([("support", "required".into())])),
        None => request.extension("largeBlobKey", true),
    };
    let id = key.ok(&request.auth(&token)).new_id();
    let name = Some("x".repeat(MAX_NAME));
    let user = User { id: vec![user; MAX_USER_ID], name: name.clone(), display_name: name };
    let cred_store_state = [0; 16];
    key.store.commit(Change::UpdateUser { id: id.clone(), user, cred_store_state }).unwrap();
    if let Some(longest) = large_blob {
        let large_blob = LargeBlob::Written { blob: vec![1; longest], original_size: u64::MAX };
        key.store.commit(Change::SaveLargeBlob { id, large_blob }).unwrap();
    }
}

// MSG-60, MSG-61, GI-14
#[test]
fn no_answer_is_longer_than_announced_and_no_more_is_asked_for_than_it_takes() {
    let kinds: [Edit; 9] = [
        |config| config.algorithms = vec![Algorithm::MlDsa65],
        |config| config.algorithms = vec![Algorithm::Es384, Algorithm::MlDsa44],
        |config| {
            config.algorithms = vec![Algorithm::MlDsa65, Algorithm::Es256];
            config.attestation = Attestation::Basic;
            config.attestation_key = Some(attestation_key(1));
            config.u2f = true;
        },
        |config| {
            config.algorithms = vec![Algorithm::MlDsa44];
            config.authenticator_config.enterprise_attestation = Some(enterprise());
            config.attestation = Attestation::None;
        },
        |config| {
            config.attestation = Attestation::Basic;
            config.attestation_key = Some(other_key(1, |key| key.x5c.push(vec![0x30; 2500])));
        },
        |config| config.extensions.cred_blob = Some(3000),
        |config| {
            config.large_blobs = None;
            config.extensions.large_blob = Some(2000);
        },
        |config| {
            config.algorithms = vec![Algorithm::MlDsa44];
            config.extensions.preview_sign = true;
        },
        |config| {
            config.extensions.preview_sign = true;
            config.attestation = Attestation::Basic;
            config.attestation_key = Some(attestation_key(1));
            config.authenticator_config.enterprise_attestation = Some(enterprise());
        },
    ];
    for (number, edit) in kinds.into_iter().enumerate() {
        let announced = least(edit);
        let longest = longest(&mut key(edit));
        // Signatures of ECDSA differ in length, and so do small numbers.
        assert!(
            (announced - 16..=announced).contains(&longest),
            "{number}: {longest}, {announced}"
        );
    }
}

// MSG-60, BE-26
#[test]
fn the_names_of_all_fingers_fit() {
    let edit: Edit = |config| {
        config.fingerprints = Some(FingerprintSensor { capacity: 60, ..Default::default() });
    };
    let mut key = key(edit);
    for finger in 1..=60 {
        let friendly_name = Some("x".repeat(64));
        let learned = Fingerprint { template_id: vec![finger; 16], friendly_name, finger };
        key.store.commit(Change::SaveFingerprint(learned)).unwrap();
    }
    let token = key.token(BE, None);
    assert_eq!(length(&mut key, &bio_enrollment(4).auth(&token)), least(edit));
}

// MSG-60, GI-14
#[test]
fn a_key_that_announces_too_little_is_told_how_much_it_takes() {
    for (algorithm, attestation, announced) in [
        (Algorithm::MlDsa65, Attestation::Basic, 3072),
        (Algorithm::MlDsa44, Attestation::Basic, 1024),
        (Algorithm::MlDsa65, Attestation::SelfSigned, 1024),
    ] {
        let mut config = Config {
            algorithms: vec![algorithm],
            attestation,
            attestation_key: Some(attestation_key(1)),
            max_msg_size: announced,
            ..Config::default()
        };
        let contradiction = config.check().unwrap_err();
        assert_eq!(contradiction.rule, "MSG-60");
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        config.max_msg_size = digits(&contradiction.what).parse().unwrap();
        assert!(config.max_msg_size > announced);
        assert_eq!(config.check(), Ok(()));
    }
}
