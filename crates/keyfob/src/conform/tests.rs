//! Every built-in kind of key, and some that are not built in, in simulated time, against the cases.

mod models;
mod shapes;

use std::fs;
use std::time::Duration;

use ctap_client::commands::code;
use ctap_conformance::{
    Hand, HidKey, KnownPin, Options, Report, Suite, Transport as _, Verdict, run,
};
use virtual_key::key::Touch;
use virtual_key::profile::Profile;

use super::Simulated;

/// Runs the cases that have one of `words`, or all if there is none. The key must not fail any.
fn report_on(profile: &Profile, words: &[&str]) -> Report {
    report_on_touched(profile, Touch::Ask, words)
}

fn report_on_touched(profile: &Profile, touch: Touch, words: &[&str]) -> Report {
    let mut key = HidKey::new(Simulated::new(profile, touch).unwrap());
    let options = Options { may_erase: true, ..Options::default() };
    report_of(&mut key, words, Options { imitates: super::imitated(profile).unwrap(), ..options })
}

fn report_of(key: &mut HidKey<Simulated>, words: &[&str], options: Options) -> Report {
    let suite = Suite::built_in();
    let options = Options { patience: Duration::ZERO, ..options };
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let report = run(key, &suite.filtered(&words), &options, |_| {}).unwrap();
    for outcome in report.failures() {
        let Verdict::Failed(failure) = &outcome.verdict else { continue };
        println!("{}: {}\n{failure}\n", outcome.id, outcome.says);
    }
    assert_eq!(report.failures().count(), 0);
    report
}

// `./dev conform` runs all cases against each built-in kind of key, over USB/IP. In process there is one whole run, of a kind that is not built in.

#[test]
fn the_default_key_passes_every_case_that_applies_if_it_ships_with_always_uv() {
    let (passed, ..) = report_on(&described("[options]\nalwaysUv = true"), &[]).counts();
    assert!(passed > 2500, "it is tested with it and without: {passed}");
}

#[test]
fn every_built_in_kind_of_key_passes_a_chapter_in_process_too() {
    for name in ["default", "bio", "everything", "fido2.1", "fido2.0"] {
        let (passed, ..) = report_on(&Profile::load(name).unwrap(), &["get-info", "ga-"]).counts();
        assert!(passed > 50, "{name}: {passed}");
    }
}

#[test]
fn a_key_that_approves_everything_by_itself_fails_nothing_for_that() {
    for (name, words) in [("everything", &["ga-", "u2f"][..]), ("fido2.0", &[]), ("u2f-only", &[])]
    {
        let report = report_on_touched(&Profile::load(name).unwrap(), Touch::Auto, words);
        let (passed, ..) = report.counts();
        assert!(report.unattended() > 20 && passed > report.unattended(), "{name}: {passed}");
    }
}

#[test]
fn a_key_has_room_for_as_many_relying_parties_as_it_says() {
    let words = ["ex-min-pin-length", "ex-complexity", "cf-rp-ids", "rs-minimum-length"];
    for room in [0, 1, 2, 8, 23, 24, 30, 64] {
        let text = format!("extends = \"everything\"\nmaxRPIDsForSetMinPINLength = {room}");
        let (passed, ..) = report_on(&described(&text), &words).counts();
        assert!(passed > if room == 0 { 20 } else { 40 }, "{room}: {passed}");
    }
}

// What a reset takes away is no part of what the key is.
#[test]
fn a_key_that_comes_with_a_pin_is_tested_as_the_reset_leaves_it() {
    let shipped = "extends = \"bio\"\n[shipped]\npin = \"24681357\"\nforcePINChange = true\n";
    let words = ["gi-option", "gi-force", "cp-set", "rs-forgets"];
    let counts = report_on(&described(shipped), &words).counts();
    assert_eq!(counts, report_on(&Profile::load("bio").unwrap(), &words).counts());
    assert!(counts.0 > 30, "{counts:?}");
}

#[test]
fn with_its_pin_a_key_is_tested_further_and_left_as_it_was() {
    let shipped = described("[shipped]\npin = \"24681357\"\n");
    let key = || HidKey::new(Simulated::new(&shipped, Touch::Ask).unwrap());
    let without = report_of(&mut key(), &[], Options::default());
    let mut key = key();
    // The tries that are left, and how much getInfo says.
    let state = |key: &mut HidKey<Simulated>| {
        let mut ask = |message: &[u8]| key.exchange(message, Hand::Nothing).unwrap().message;
        (ask(&[code::CLIENT_PIN, 0xA1, 2, 1]), ask(&[code::GET_INFO]).len())
    };
    let before = state(&mut key);
    let pin = Some(KnownPin("24681357".to_owned()));
    let with = report_of(&mut key, &[], Options { pin, ..Options::default() });
    assert_eq!(state(&mut key), before);
    let (without, with) = (without.counts().0, with.counts().0);
    assert!(with > without, "{without} without the PIN, {with} with it");
}

#[test]
fn what_an_imitated_model_says_against_the_standard_is_not_held_against_the_key() {
    let model = described("imitates = \"A model\"\n[getInfo]\nomit = [\"minPINLength\"]\n");
    let reasons = |imitates| {
        let mut key = HidKey::new(Simulated::new(&model, Touch::Ask).unwrap());
        let options = Options { may_erase: true, imitates, ..Options::default() };
        let suite = Suite::built_in();
        let cases = suite.filtered(&["gi-min-pin-length".to_owned()]);
        run(&mut key, &cases, &options, |_| {}).unwrap()
    };
    assert!(reasons(None).failures().count() > 0, "it is the key's own");
    let report = reasons(super::imitated(&model).unwrap());
    assert_eq!(report.failures().count(), 0);
    assert!(report.reasons().iter().any(|(why, _)| why.contains("what the model says")));
}

fn described(text: &str) -> Profile {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("profile.toml");
    fs::write(&path, text).unwrap();
    Profile::load(path.to_str().unwrap()).unwrap()
}

/// A key that is described by `text` passes all the cases that have one of `words`, and skips none of them.
fn passes(text: &str, words: &[&str]) {
    let report = report_on(&described(text), words);
    for outcome in &report.outcomes {
        assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.id);
    }
    for word in words {
        let is_meant = |id: &str| id.contains(word);
        assert!(report.outcomes.iter().any(|outcome| is_meant(&outcome.id)), "no case: {word}");
    }
}

// No built-in kind of key runs the cases below.

#[test]
fn a_key_that_keeps_blobs_with_its_credentials_passes() {
    let profile = r#"
        extends = "everything"
        extensions = ["credBlob", "credProtect", "hmac-secret", "largeBlob"]
        [options]
        largeBlobs = false
        perCredMgmtRO = false
    "#;
    passes(
        profile,
        &[
            "ex-large-blob-excludes-the-array",
            "ex-large-blob-support",
            "ex-large-blob-not-asked",
            "ex-large-blob-write",
            "ex-large-blob-read",
            "ex-large-blob-not-stored",
            "ex-large-blob-silent",
            "ex-large-blob-survives",
            "ex-large-blob-replaced",
            "ex-large-blob-own",
            "ex-large-blob-registration",
            "ex-large-blob-assertion",
            "ex-large-blob-hidden",
            "ex-large-blob-verified",
            "ex-large-blob-deleted",
            "cp-grant-lbw-not-offered",
            "cp-grant-pcmr-not-offered",
            "cf-complexity-not-offered",
            "cm-credentials-no-payment",
            "ex-payment-not-offered-management",
        ],
    );
}

#[test]
fn a_key_that_signs_what_it_is_handed_passes() {
    passes(
        r#"extensions = ["credProtect", "hmac-secret", "previewSign"]"#,
        &[
            "ps-registration",
            "ps-attestation",
            "ps-not-asked",
            "ps-first-known-algorithm",
            "ps-no-known-algorithm",
            "ps-no-list",
            "ps-flags",
            "ps-wrong-type",
            "ps-another",
            "ps-sign",
            "ps-split",
            "ps-digest",
            "ps-seed",
            "ps-arguments",
            "ps-no-allow-list",
            "ps-member-missing",
            "ps-untouched",
            "ps-unverified",
            "ps-unattended",
            "ps-altered",
            "ps-handle",
            "ps-gone",
        ],
    );
}

#[test]
fn a_key_that_signs_as_few_do_and_tells_how_its_user_was_verified_passes() {
    let profile = r#"
        algorithms = ["ES256", "ES512", "RS256", "PS256"]
        extensions = ["credProtect", "hmac-secret", "hmac-secret-mc", "pinComplexityPolicy", "uvm"]
    "#;
    passes(profile, &["mc-es512", "mc-rs256", "mc-ps256", "ex-uvm"]);
}

#[test]
fn a_key_whose_sensor_may_what_its_pin_may_not_passes() {
    let profile = r#"
        extends = "everything"
        versions = ["FIDO_2_0", "FIDO_2_1", "U2F_V2"]
        [options]
        noMcGaPermissionsWithClientPin = true
        makeCredUvNotRqd = false
        uvAcfg = false
        uvBioEnroll = false
        perCredMgmtRO = false
    "#;
    passes(
        profile,
        &[
            "cp-uv-not-grantable-acfg",
            "cp-uv-not-grantable-be",
            "cp-grant-mc-ga-not-by-pin",
            "cp-grant-legacy-without-mc-ga",
            "gi-no-mc-ga-needs-pin",
            "gi-option-no-mc-ga",
            "gi-option-no-uv-bio-enroll",
            "gi-option-no-uv-acfg",
            "gi-option-no-read-only-management",
            "mc-pin-cannot-help",
        ],
    );
}

#[test]
fn a_key_that_remembers_no_credentials_and_is_not_configured_passes() {
    let profile = r#"
        extends = "bio"
        extensions = ["credProtect", "hmac-secret"]
        authenticatorConfigCommands = []
        [options]
        rk = false
        credMgmt = false
        perCredMgmtRO = false
        largeBlobs = false
        uvAcfg = false
        uvBioEnroll = false
    "#;
    passes(
        profile,
        &["cp-uv-not-grantable-cm", "cp-grant-cm-not-offered", "cp-grant-acfg-not-offered"],
    );
}

#[test]
fn a_key_with_the_second_protocol_and_without_u2f_passes() {
    let profile = r#"
        versions = ["FIDO_2_0", "FIDO_2_1", "FIDO_2_3"]
        pinUvAuthProtocols = [2]
    "#;
    passes(
        profile,
        &["cp-key-agreement-protocol-one-not-offered", "hd-no-msg", "mc-probe-with-protocol-1"],
    );
}

#[test]
fn a_key_without_a_pin_passes() {
    let profile = r#"
        extensions = ["hmac-secret"]
        authenticatorConfigCommands = []
        [options]
        rk = false
        clientPin = false
        credMgmt = false
        perCredMgmtRO = false
        largeBlobs = false
    "#;
    passes(
        profile,
        &[
            "gi-force-pin-change-without-pin",
            "gi-protocols-for-hmac-secret",
            "gi-min-pin-length-without-pin",
            "gi-option-no-rk",
        ],
    );
}

#[test]
fn a_key_that_announces_the_prototypes_passes() {
    let options = "[options]\ncredentialMgmtPreview = true\nuserVerificationMgmtPreview = true\n";
    let versions = "versions = [\"FIDO_2_0\", \"FIDO_2_1_PRE\", \"FIDO_2_1\", \"FIDO_2_3\"]\ntransportsForReset = [\"usb\"]\n";
    passes(
        &format!("extends = \"bio\"\n{versions}{options}"),
        &["gi-versions-prototype", "cm-preview", "be-preview", "gi-transports-for-reset"],
    );
    let of_2018 = "extends = \"fido2.0\"\nversions = [\"FIDO_2_0\", \"FIDO_2_1_PRE\"]\n[options]\ncredentialMgmtPreview = true\n";
    passes(of_2018, &["cp-preview-management"]);
    let with_a_sensor = of_2018.replace("credentialMgmtPreview", "userVerificationMgmtPreview");
    let of_all = report_on(&described(&with_a_sensor), &["get_info*", "bio_enrollment*"]);
    of_all.assert_conforms();
}

#[test]
fn a_key_like_one_without_protocols_and_older_versions_is_not_blamed_for_that() {
    let text = "imitates = \"A model\"\nversions = [\"FIDO_2_3\"]\nextensions = []\npinUvAuthProtocols = []\n";
    report_on(&described(text), &["config*", "selection"]).assert_conforms();
}

#[test]
fn a_key_that_cannot_be_reached_over_usb_is_not_tested_over_it() {
    let refused = Simulated::new(&described("transports = [\"nfc\"]\n"), Touch::Ask);
    let told = refused.err().expect("it is a card").to_string();
    assert!(told.contains("its transports do not say so (GI-18)"), "{told}");
}

#[test]
fn a_key_like_one_that_has_a_setting_without_its_extension_passes() {
    let text = "imitates = \"A model\"\n[getInfo]\nextensions = [\"hmac-secret\"]\n";
    passes(text, &["cf-rp-ids-no-extension"]);
}

#[test]
fn a_key_of_2019_without_a_pin_and_extensions_passes() {
    let profile = r#"
        extends = "fido2.0"
        extensions = []
        [options]
        clientPin = false
    "#;
    passes(profile, &["gi-protocols-without-pin", "ex-not-offered-hmac-secret"]);
}

#[test]
fn a_key_that_always_wants_to_know_who_is_there_passes() {
    let profile = r#"
        extends = "bio"
        [options]
        alwaysUv = true
        makeCredUvNotRqd = false
    "#;
    passes(profile, &["gi-always-uv-shipped"]);
}

#[test]
fn keys_with_one_command_of_authenticator_config_pass() {
    passes(
        r#"authenticatorConfigCommands = ["setMinPINLength"]"#,
        &["cf-always-uv-not-offered", "cf-long-touch-not-offered"],
    );
    let profile = r#"
        extensions = ["credProtect", "hmac-secret"]
        authenticatorConfigCommands = ["toggleAlwaysUv"]
    "#;
    passes(profile, &["cf-min-not-offered", "gi-option-no-set-min-pin-length"]);
}

/// The certificate in `chain.pem` was issued by another one, and tells a firmware version; it is valid until the end of 2059.
#[test]
fn a_key_whose_certificate_has_an_issuer_passes() {
    let chain = concat!(env!("CARGO_MANIFEST_DIR"), "/src/conform/chain.pem");
    let profile = format!("[attestation]\nfiles = {{ key = {chain:?}, certificates = {chain:?} }}");
    passes(
        &profile,
        &["mc-certificate-chain", "mc-certificate-firmware-version", "mc-certificate-subject"],
    );
}
