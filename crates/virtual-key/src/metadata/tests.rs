use std::collections::BTreeSet;

use ctap_client::commands::u2f::{Registration, apdu};

use super::*;
use crate::attestation::tests::identity_of;

const BUILT_IN: [&str; 6] = ["default", "fido2.1", "fido2.0", "u2f-only", "bio", "everything"];
const WITH_CTAP2: [&str; 5] = ["default", "fido2.1", "fido2.0", "bio", "everything"];

fn made(name: &str) -> (Profile, Identities, Value) {
    let (profile, identities, statements) = all_of(name);
    (profile, identities, statements.of(false).unwrap().unwrap())
}

fn all_of(name: &str) -> (Profile, Identities, Statements) {
    let profile = Profile::load(name).unwrap();
    let identities = profile.identities(|kind| LazyIdentity::made(&identity_of(kind))).unwrap();
    let statements = Statements::new(profile.clone(), identities.clone());
    (profile, identities, statements)
}

/// The statement about a kind of key that is written like this.
fn written(text: &str) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mine.toml");
    std::fs::write(&file, text).unwrap();
    made(file.to_str().unwrap()).2
}

#[test]
fn the_statement_has_what_the_key_answers() {
    // AT-52, AT-68: another key of the kind, asked again
    for name in WITH_CTAP2 {
        let (profile, identities, statement) = made(name);
        let mut key = SoftKey::new(profile.config(&identities).unwrap(), [9; 32]);
        let reply = key.call(&[code::GET_INFO]);
        let mut answered = members(&Info::parse(&reply[1..], true).unwrap(), None);
        // These two differ each time.
        for changing in ["encIdentifier", "encCredStoreState"] {
            let is_there = answered.as_object_mut().unwrap().remove(changing).is_some();
            assert_eq!(is_there, name == "default" || name == "bio" || name == "everything");
        }
        assert_eq!(statement["authenticatorGetInfo"], answered, "{name}");
        let version = answered.get("firmwareVersion").cloned().unwrap_or(json!(1));
        assert_eq!(statement["authenticatorVersion"], version);
        let aaguid = statement["aaguid"].as_str().unwrap().replace('-', "");
        assert_eq!(answered["aaguid"], aaguid.as_str());
    }
}

#[test]
fn it_protects_its_keys_and_its_fingers_as_uvm_says() {
    // AT-61, AT-62, EX-96
    let statement = written(
        "keyProtection = [\"hardware\", \"secure_element\"]\nmatcherProtection = [\"on_chip\"]",
    );
    assert_eq!(statement["keyProtection"], json!(["hardware", "secure_element"]));
    assert_eq!(statement["matcherProtection"], json!(["on_chip"]));
}

#[test]
fn versions_and_algorithms_have_the_registrys_names() {
    // AT-53 to AT-56
    let (_, _, statement) = made("everything");
    assert_eq!(statement["protocolFamily"], "fido2");
    assert_eq!(statement["schema"], 3);
    let versions = json!([
        { "major": 1, "minor": 0 }, { "major": 1, "minor": 1 }, { "major": 1, "minor": 3 },
    ]);
    assert_eq!(statement["upv"], versions);
    let algorithms = json!([
        "secp256r1_ecdsa_sha256_raw",
        "ed25519_eddsa_sha512_raw",
        "secp384r1_ecdsa_sha384_raw",
        "secp521r1_ecdsa_sha512_raw",
        "secp256k1_ecdsa_sha256_raw",
        "rsassa_pkcsv15_sha256_raw",
        "rsassa_pss_sha256_raw",
    ]);
    assert_eq!(statement["authenticationAlgorithms"], algorithms);
    assert_eq!(made("fido2.0").2["upv"], json!([{ "major": 1, "minor": 0 }]));
}

#[test]
fn roots_are_those_of_the_certificates_that_are_sent() {
    // AT-57, AT-58
    let (_, identities, statement) = made("everything");
    assert_eq!(statement["attestationTypes"], json!(["basic_full"]));
    let roots = [identities.model.unwrap(), identities.device.unwrap()]
        .map(|one| one.root().unwrap().to_vec());
    let told = statement["attestationRootCertificates"].as_array().unwrap();
    let told: Vec<_> =
        told.iter().map(|root| Base64::decode_vec(root.as_str().unwrap()).unwrap()).collect();
    assert_eq!(told, roots);
    // Two libraries look roots up by name, and try one of each.
    let names: BTreeSet<_> = told
        .iter()
        .map(|root| Certificate::from_der(root).unwrap().tbs_certificate().subject().to_string())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_key_that_vouches_for_itself_has_no_roots() {
    // AT-57, AT-58
    let statement =
        written("versions = [\"FIDO_2_0\", \"FIDO_2_1\"]\n[attestation]\ntype = \"self\"");
    assert_eq!(statement["attestationTypes"], json!(["basic_surrogate"]));
    assert_eq!(statement["attestationRootCertificates"], json!([]));
}

#[test]
fn a_key_that_does_not_attest_does_it_itself_for_who_insists() {
    // AT-57, MC-92
    let statement =
        written("versions = [\"FIDO_2_0\", \"FIDO_2_1\"]\n[attestation]\ntype = \"none\"");
    assert_eq!(statement["attestationTypes"], json!(["none", "basic_surrogate"]));
}

#[test]
fn every_way_to_verify_the_user_is_told() {
    // AT-59, AT-60
    let methods = |name| {
        let details = made(name).2["userVerificationDetails"].take();
        let details = details.as_array().unwrap().clone();
        details.iter().map(|all| all[0]["userVerificationMethod"].clone()).collect::<Value>()
    };
    assert_eq!(methods("default"), json!(["presence_internal", "passcode_external"]));
    let with_sensor = json!(["presence_internal", "passcode_external", "fingerprint_internal"]);
    assert_eq!(methods("bio"), with_sensor);
    let (_, _, statement) = made("bio");
    let description = &statement["userVerificationDetails"][1][0]["caDesc"];
    let expected = json!({ "base": 64, "minLength": 4, "maxRetries": 8, "blockSlowdown": 0 });
    assert_eq!(*description, expected);
    assert_eq!(statement["userVerificationDetails"][2][0]["baDesc"]["maxTemplates"], 5);
}

#[test]
fn the_statement_has_no_member_that_the_standard_does_not_know() {
    // AT-50, AT-69, AT-72
    let of_both = [
        "attachmentHint",
        "attestationRootCertificates",
        "attestationTypes",
        "authenticationAlgorithms",
        "authenticatorVersion",
        "cryptoStrength",
        "description",
        "friendlyNames",
        "icon",
        "isFreshUserVerificationRequired",
        "isKeyRestricted",
        "keyProtection",
        "legalHeader",
        "matcherProtection",
        "multiDeviceCredentialSupport",
        "protocolFamily",
        "publicKeyAlgAndEncodings",
        "schema",
        "tcDisplay",
        "upv",
        "userVerificationDetails",
    ];
    for name in BUILT_IN {
        let (_, _, statement) = made(name);
        let of_its_family: &[&str] = match statement["protocolFamily"].as_str() {
            Some("u2f") => &["attestationCertificateKeyIdentifiers"],
            _ => &["aaguid", "authenticatorGetInfo"],
        };
        let told: BTreeSet<_> = statement.as_object().unwrap().keys().map(String::as_str).collect();
        let expected: BTreeSet<_> = of_both.iter().chain(of_its_family).copied().collect();
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn what_is_true_of_every_keyfob_is_said_of_each() {
    // AT-61 to AT-67, AT-71; no `keyScope`, as the test above says
    for name in BUILT_IN {
        let (_, _, statement) = made(name);
        for (member, expected) in [
            ("keyProtection", json!(["software"])),
            ("matcherProtection", json!(["software"])),
            ("cryptoStrength", json!(128)),
            ("isKeyRestricted", json!(true)),
            ("isFreshUserVerificationRequired", json!(false)),
            ("attachmentHint", json!(["external", "wired", "wireless", "nfc"])),
            ("tcDisplay", json!([])),
            ("multiDeviceCredentialSupport", json!("unsupported")),
            ("legalHeader", json!(LEGAL_HEADER)),
        ] {
            assert_eq!(statement[member], expected, "{name}: {member}");
        }
        let icon = statement["icon"].as_str().unwrap();
        let icon = icon.strip_prefix("data:image/svg+xml;base64,").unwrap();
        assert!(Base64::decode_vec(icon).unwrap().starts_with(b"<svg "));
    }
}

#[test]
fn keys_that_sign_what_they_are_handed_are_not_restricted() {
    // PS-32
    let statement = written("extensions = [\"credProtect\", \"hmac-secret\", \"previewSign\"]");
    assert_eq!(statement["isKeyRestricted"], json!(false));
    let extensions = statement["authenticatorGetInfo"]["extensions"].as_array().unwrap();
    assert!(extensions.contains(&json!("previewSign")));
}

#[test]
fn each_model_has_a_name_and_a_number_of_its_own() {
    // AT-50, AT-51, AT-70
    let mut seen = BTreeSet::new();
    for name in BUILT_IN {
        let (_, _, statement) = made(name);
        let description = statement["description"].as_str().unwrap().to_owned();
        assert!(description.is_ascii() && (1..=63).contains(&description.len()), "{name}");
        assert_eq!(statement["friendlyNames"], json!({ "en-US": description }));
        assert!(seen.insert(description));
        if let Some(aaguid) = statement["aaguid"].as_str() {
            let groups: Vec<_> = aaguid.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12]);
            assert_ne!(aaguid, "0132d110-bf4e-4208-a403-ab4f5f12efe5", "the published sample's");
            assert!(seen.insert(aaguid.to_owned()));
        }
    }
    assert_eq!(seen.len(), 2 * BUILT_IN.len() - 1, "all but the U2F key have both");
}

#[test]
fn a_u2f_key_is_known_by_the_certificate_it_registers_with() {
    // AT-30, AT-53, AT-54, AT-56 to AT-59
    let (profile, identities, statement) = made("u2f-only");
    let mut key = SoftKey::new(profile.config(&identities).unwrap(), [3; 32]);
    let reply = key.call_u2f(&apdu(0x01, 0x03, &[7; 64]));
    let registration = Registration::parse(reply.strip_suffix(&[0x90, 0x00]).unwrap()).unwrap();
    let identifier = key_identifier(&registration.certificate).unwrap();
    let identity = identities.model.unwrap();
    let leaf = Certificate::from_der(&identity.chain().unwrap()[0]).unwrap();
    let extensions = leaf.tbs_certificate().extensions().unwrap();
    let names_a_model = |id: &str| id == "1.3.6.1.4.1.45724.1.1.4";
    let mut ids = extensions.iter().map(|extension| extension.extn_id.to_string());
    assert!(!ids.any(|id| names_a_model(&id)), "U2F knows no models");
    for (member, expected) in [
        ("protocolFamily", json!("u2f")),
        ("attestationCertificateKeyIdentifiers", json!([identifier])),
        ("attestationRootCertificates", json!([Base64::encode_string(identity.root().unwrap())])),
        ("attestationTypes", json!(["basic_full"])),
        ("upv", json!([{ "major": 1, "minor": 2 }])),
        ("authenticationAlgorithms", json!(["secp256r1_ecdsa_sha256_raw"])),
        ("publicKeyAlgAndEncodings", json!(["ecc_x962_raw"])),
        ("userVerificationDetails", json!([[{ "userVerificationMethod": "presence_internal" }]])),
    ] {
        assert_eq!(statement[member], expected, "{member}");
    }
}

#[test]
fn the_u2f_side_of_a_key_has_a_statement_of_its_own() {
    // AT-30, AT-53, AT-58
    let (_, identities, statements) = all_of("everything");
    let statement = statements.of(true).unwrap().unwrap();
    let identity = identities.model.unwrap();
    let leaf = &identity.chain().unwrap()[0];
    assert_eq!(statement["protocolFamily"], "u2f");
    let identifiers = &statement["attestationCertificateKeyIdentifiers"];
    assert_eq!(*identifiers, json!([key_identifier(leaf).unwrap()]));
    let root = Base64::encode_string(identity.root().unwrap());
    assert_eq!(statement["attestationRootCertificates"], json!([root]), "not the device's");
    assert_eq!(statements.of(false).unwrap().unwrap()["protocolFamily"], "fido2");
    let alone = all_of("u2f-only").2;
    assert_eq!(alone.of(true).unwrap(), alone.of(false).unwrap());
}

#[test]
fn a_key_identifier_is_the_one_that_openssl_writes() {
    let certificate = Base64::decode_vec(CERTIFICATE_OF_OPENSSL).unwrap();
    let identifier = "7b6a927723fefcba22999e243ca0c353579dd3f5";
    assert_eq!(key_identifier(&certificate).unwrap(), identifier);
    assert!(key_identifier(b"no certificate").is_err());
}

/// `openssl req -x509`; `openssl x509 -ext subjectKeyIdentifier` shows the identifier.
const CERTIFICATE_OF_OPENSSL: &str = "\
    MIIBbDCCARKgAwIBAgIUT1pmvDvvcOmS+k4PuqfjYeErz88wCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBeDAgFw0yNjExMjIwNDMz\
    MzRaGA8yMDgxMDgyNTA0MzMzNFowDDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABH4+PpBbnT5UUdQoYU1m\
    hgGRynlSxlpfH4ncQjUJeZpdHH17Bdlz6ubZIVyvEUxuErhnlgja9p3Ii8BzYOK7dDCjUDBOMB0GA1UdDgQWBBR7apJ3I/78uiKZ\
    niQ8oMNTV53T9TAfBgNVHSMEGDAWgBR7apJ3I/78uiKZniQ8oMNTV53T9TAMBgNVHRMBAf8EAjAAMAoGCCqGSM49BAMCA0gAMEUC\
    IE8HEULGLs5gH7XYtG0KMqMmJDHBH5XYGPz0zVJ/5fDiAiEAk3PCbodVdbw85hduz0kaT0xgn+mhu9P3CMYVYcRbXKc=";

#[test]
fn a_kind_of_key_whose_credentials_are_copied_says_so() {
    // AT-67
    for support in ["implicit", "explicit"] {
        let statement = written(&format!(
            "[credentials]\nbackupEligibility = true\nmultiDeviceCredentialSupport = \"{support}\"\n"
        ));
        assert_eq!(statement["multiDeviceCredentialSupport"], support);
    }
}
