//! Keys of shapes that no built-in profile and no model has, against the cases that could ask too much of them.

use super::{described, passes, report_on};

/// A key of this shape fails none of the cases that have one of these words, and passes so many at least.
fn passes_most(shape: &str, words: &[&str], least: usize) {
    println!("{shape}");
    let (passed, ..) = report_on(&described(shape), words).counts();
    assert!(passed >= least, "{shape}: {passed}");
}

#[test]
fn what_takes_more_passkeys_than_there_is_room_for_does_not_apply() {
    passes_most("capacity = 1", &["get_next_assertion", "cm-metadata", "mc-replaces"], 10);
    passes_most("extends = \"fido2.0\"\ncapacity = 1", &["get_next_assertion"], 2);
    passes_most("maxCredentialIdLength = 16\ncapacity = 2", &["ga-counter", "u2f_interop"], 10);
}

#[test]
fn pins_of_a_case_are_as_long_as_the_key_wants_them() {
    let words = ["cf-settings", "cf-complexity", "client_pin_policy", "cp-set-padding"];
    for shape in ["minPINLength = 8", "minPINLength = 63", "maxPINLength = 8"] {
        passes_most(&format!("extends = \"everything\"\n{shape}"), &words, 20);
    }
}

#[test]
fn large_blobs_are_read_in_pieces_that_a_short_message_holds() {
    let shape = "imitates = \"A model\"\nalgorithms = [\"ES256\"]\nmaxMsgSize = 510";
    passes_most(shape, &["lb-"], 60);
}

#[test]
fn one_template_is_all_that_some_sensors_hold() {
    passes_most(
        "extends = \"bio\"\nmaxTemplates = 1",
        &["be-two", "be-same", "be-second", "be-remove"],
        4,
    );
}

#[test]
fn no_key_needs_es256_nor_credentials_without_verification() {
    passes_most("algorithms = [\"EdDSA\"]", &["get_info", "algorithms"], 40);
    let always = "extends = \"bio\"\n[options]\nalwaysUv = true\nmakeCredUvNotRqd = false";
    passes_most(always, &["gi-2-3", "gi-option"], 4);
}

#[test]
fn whichever_way_a_key_counts_it_is_judged_by_that() {
    // MC-77, UF-39: U2F counts even where new credentials have no counter.
    passes("[credentials]\nsignCount = \"zero\"\n", &["uf-counter", "gna-flags-and-counter"]);
    let each = "[credentials]\nsignCount = \"perCredential\"\nkeepNonDiscoverable = true\n";
    passes(each, &["uf-counter", "ga-counter", "gna-flags-and-counter"]);
}

#[test]
fn blobs_of_a_case_are_as_long_as_the_key_takes_them() {
    // EX-76
    let shape = "maxLargeBlobLength = 64\nextensions = [\"hmac-secret\", \"credProtect\", \"largeBlob\"]\n\
                 [options]\nlargeBlobs = false\n";
    passes_most(shape, &["ext_large_blob"], 30);
}

#[test]
fn a_key_that_is_reset_over_another_transport_alone_is_tested_as_far_as_it_goes() {
    // GI-35, RS-02
    let report = report_on(
        &described("transportsForReset = [\"nfc\"]\n"),
        &["get_info", "make_credential_request", "reset"],
    );
    let why = "the key takes a reset over nfc alone (transportsForReset)";
    assert!(report.reasons().iter().any(|(reason, _)| *reason == why), "{:?}", report.reasons());
    assert!(report.counts().0 > 50, "{:?}", report.counts());
}

#[test]
fn a_key_without_es256_is_tested_with_the_algorithm_that_it_has() {
    // GI-19, MC-06: a key of FIDO_2_0 lists none, so the suite finds out.
    let words = ["algorithms", "ga-signature", "mc-attestation", "credential_management"];
    for algorithm in ["EdDSA", "ES384", "ES512", "ES256K"] {
        let older = format!(
            "imitates = \"A model\"\nextends = \"fido2.0\"\nversions = [\"FIDO_2_0\"]\nalgorithms = [\"{algorithm}\"]"
        );
        passes_most(&older, &words, 20);
        passes_most(&format!("algorithms = [\"{algorithm}\"]"), &words, 60);
    }
}

#[test]
fn an_algorithm_that_a_key_only_announces_is_not_asked_for() {
    let shape =
        "imitates = \"A model\"\nalgorithms = [\"EdDSA\"]\n[getInfo]\nalgorithms = [-7, -8]";
    passes_most(shape, &["algorithms", "mc-attestation"], 20);
}
