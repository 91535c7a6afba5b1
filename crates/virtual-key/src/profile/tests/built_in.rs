//! What the built-in profiles are.

use ctap_client::attestation::Attestation as Verdict;
use ctap_client::commands::make_credential;
use ctap_client::{CredentialParameters, RelyingParty, User};
use ctap_core::attestation::Attestation;
use p256::pkcs8::DecodePublicKey as _;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use super::*;

#[test]
fn the_default_profile_is_the_default_device_with_u2f_and_basic_attestation() {
    let profile = Profile::load("default").unwrap();
    let made = config(&profile).into_config();
    let attestation_key = config(&profile).into_config().attestation_key;
    let attestation = Attestation::Basic;
    let expected = Config { attestation, attestation_key, u2f: true, ..Config::default() };
    assert_eq!(format!("{made:?}"), format!("{expected:?}"));
}

#[test]
fn every_built_in_profile_fits_together_and_tells_its_model() {
    let mut models = Vec::new();
    for name in BUILT_IN {
        let profile = Profile::load(name).unwrap();
        config(&profile);
        models.push(profile.description.aaguid.to_string());
    }
    models.sort();
    models.dedup();
    assert_eq!(models.len(), BUILT_IN.len(), "each is a model of its own");
}

#[test]
fn every_built_in_profile_answers_get_info_as_the_rules_have_it() {
    for name in ["default", "fido2.0", "bio", "everything"] {
        let info = info(&Profile::load(name).unwrap());
        for (rule, holds) in rules_of_get_info(&info) {
            assert!(holds, "{name}: {rule}");
        }
    }
}

/// Members that come with each other, and options that need each other.
fn rules_of_get_info(info: &Info) -> Vec<(&'static str, bool)> {
    let has = |option| info.option(option).is_some();
    let later = info.speaks("FIDO_2_1");
    let commands = info.authenticator_config_commands.as_deref().unwrap_or_default();
    let verifies = has("clientPin") || has("uv");
    let mut versions = info.versions.clone();
    versions.dedup();
    vec![
        ("GI-10", !info.versions.is_empty() && versions.len() == info.versions.len()),
        ("GI-14", info.max_msg_size.is_some_and(|size| size >= 1024)),
        ("GI-15", info.pin_uv_auth_protocols.is_some() == verifies),
        ("GI-20", info.max_serialized_large_blob_array.is_some() == has("largeBlobs")),
        ("GI-22", info.min_pin_length.is_some() == (later && has("clientPin"))),
        ("GI-24", info.max_cred_blob_length.is_some() == info.has_extension("credBlob")),
        ("GI-25", info.max_rp_ids_for_set_min_pin_length.is_some() == has("setMinPINLength")),
        ("GI-27", info.uv_modality.is_some() == has("uv")),
        ("GI-31", info.attestation_formats.iter().flatten().all(|format| format != "none")),
        ("GI-55", has("pinUvAuthToken") == (later && verifies)),
        ("GI-71", !has("noMcGaPermissionsWithClientPin") || has("clientPin")),
        (
            "GI-72",
            (!has("uvBioEnroll") || has("bioEnroll")) && (!has("uvAcfg") || has("authnrCfg")),
        ),
        ("GI-75", has("authnrCfg") == info.authenticator_config_commands.is_some()),
        ("GI-76", has("setMinPINLength") == commands.contains(&3)),
        ("GI-77", has("ep") == commands.contains(&1)),
        ("GI-78", has("alwaysUv") == commands.contains(&2)),
        ("GI-79", info.long_touch_for_reset.is_some() == commands.contains(&4)),
        ("GI-80", !has("largeBlobs") || info.is_on("rk")),
        ("GI-81", info.has_extension("largeBlobKey") == has("largeBlobs")),
        ("GI-82", !info.has_extension("credBlob") || info.has_extension("credProtect")),
        ("GI-83", !info.has_extension("hmac-secret-mc") || info.has_extension("hmac-secret")),
        ("GI-84", info.has_extension("minPinLength") == has("setMinPINLength")),
        ("GI-86", !has("perCredMgmtRO") || (has("credMgmt") && has("pinUvAuthToken"))),
        ("GI-101", !info.speaks("FIDO_2_3") || (later && info.speaks("FIDO_2_0"))),
        ("GI-110", !later || info.has_extension("hmac-secret")),
        ("GI-112", !later || !info.is_on("rk") || info.is_on("credMgmt")),
        ("GI-115", !later || info.pin_uv_auth_protocols.iter().flatten().any(|one| *one == 2)),
    ]
}

#[test]
fn everything_can_register_with_every_algorithm() {
    // AT-07: the longest public keys fit a message
    let profile = Profile::load("everything").unwrap();
    let mut key = SoftKey::new(config(&profile), [1; 32]);
    let hash = [0xCD; 32];
    for algorithm in &config(&profile).algorithms {
        let (rp, user) = (RelyingParty::new("example.org"), User::new([1], "name"));
        let mut request = make_credential::Request::new(hash, rp, user);
        let parameters = CredentialParameters::new(algorithm.cose().into());
        request.pub_key_cred_params = Some(vec![parameters]);
        let reply = key.call(&request.encode());
        assert_eq!(reply[0], 0, "{algorithm:?}");
        let reply = make_credential::Reply::parse(&reply[1..], true).unwrap();
        assert!(matches!(reply.verify("example.org", &hash), Ok(Verdict::Packed { .. })));
    }
}

#[test]
fn a_key_as_shipped_enrols_wherever_hosts_judge_attestation() {
    // MC-99, GI-131: no host of today refuses a certificate on P-256; some do refuse EdDSA that vouches for itself
    let profile = Profile::load("default").unwrap();
    let mut key = SoftKey::new(config(&profile), [1; 32]);
    let algorithms = info(&profile).algorithms.unwrap();
    let numbers: Vec<_> = algorithms.iter().map(|one| one.algorithm).collect();
    assert_eq!(numbers, [-7, -8]);
    for parameters in algorithms {
        let (rp, user) = (RelyingParty::new("example.org"), User::new([1], "name"));
        let mut request = make_credential::Request::new([0xCD; 32], rp, user);
        request.pub_key_cred_params = Some(vec![parameters]);
        let reply = key.call(&request.encode());
        let reply = make_credential::Reply::parse(&reply[1..], true).unwrap();
        let Ok(Verdict::Packed { chain }) = reply.verify("example.org", &[0xCD; 32]) else {
            panic!("not packed, or not with a certificate")
        };
        let key = Certificate::from_der(&chain[0]).unwrap();
        let key = key.tbs_certificate().subject_public_key_info().to_der().unwrap();
        assert!(p256::PublicKey::from_public_key_der(&key).is_ok());
    }
}

#[test]
fn the_profile_of_2019_tells_what_keys_told_then() {
    // GI-105
    let info = info(&Profile::load("fido2.0").unwrap());
    assert_eq!(info.versions, ["FIDO_2_0", "U2F_V2"]);
    assert_eq!(info.extensions.as_deref().unwrap(), ["hmac-secret"]);
    let options = [("rk", true), ("up", true), ("plat", false), ("clientPin", false)];
    assert_eq!(info.options.as_deref().unwrap(), options.map(|(name, on)| (name.to_owned(), on)));
    assert_eq!(info.pin_uv_auth_protocols.as_deref().unwrap(), [1]);
    let later = Info { versions: vec![], extensions: None, aaguid: [0; 16], options: None, ..info };
    let later = Info { max_msg_size: None, pin_uv_auth_protocols: None, ..later };
    assert_eq!(later, Info::default());
}

#[test]
fn the_u2f_profile_speaks_u2f_alone() {
    let profile = Profile::load("u2f-only").unwrap();
    assert!(!profile.speaks_ctap2());
    let mut key = SoftKey::new(config(&profile), [1; 32]);
    assert_eq!(key.call(&[0x04]), [0x01]);
    assert_eq!(key.call_u2f(&[0, 3, 0, 0, 0, 0, 0]), b"U2F_V2\x90\x00");
}
