//! `keyfob metadata --running`: what a relying party may know of a key that runs.

use base64ct::{Base64, Encoding as _};
use ctap_client::attestation::Attestation;
use ctap_client::{RelyingParty, User, make_credential};
use serde_json::{Value, json};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use crate::host::import_from;
use crate::program::{Home, error_of};

fn told(home: &Home, arguments: &[&str]) -> Value {
    let command = [&["metadata", "--running"], arguments].concat();
    serde_json::from_str(&home.succeed(&command)).unwrap()
}

fn roots(statement: &Value) -> Vec<Certificate> {
    let roots = statement["attestationRootCertificates"].as_array().unwrap().iter();
    roots
        .map(|root| Certificate::from_der(&Base64::decode_vec(root.as_str().unwrap()).unwrap()))
        .collect::<Result<_, _>>()
        .unwrap()
}

#[test]
fn the_root_of_a_key_that_remembers_nothing_can_be_had() {
    // AT-58
    let home = Home::new();
    let key = home.serve(&["--ephemeral", "--touch", "auto"]);
    let mut platform = import_from(key.address());
    let request = make_credential::Request::new(
        [7; 32],
        RelyingParty::new("a.example"),
        User::new(*b"1", "ada"),
    );
    let reply = platform.client().make_credential(&request, None).unwrap();
    let Attestation::Packed { chain } = reply.verify("a.example", &[7; 32]).unwrap() else {
        panic!("certificates are the default")
    };
    let leaf = Certificate::from_der(chain.last().unwrap()).unwrap();
    let [root] = &roots(&told(&home, &[]))[..] else { panic!("one root") };
    // No other root has that name.
    assert_eq!(leaf.tbs_certificate().issuer(), root.tbs_certificate().subject());
}

#[test]
fn each_running_key_tells_its_own_sides() {
    // AT-53
    let home = Home::new();
    let _keys = home.serve(&["--ephemeral", "--keys", "2", "--profile", "everything"]);
    let families = [&[][..], &["--u2f"]].map(|side| told(&home, side)["protocolFamily"].clone());
    assert_eq!(families, ["fido2", "u2f"]);
    let mut names: Vec<_> = [&["--key", "1"], &["--key", "2"]]
        .iter()
        .flat_map(|key| roots(&told(&home, *key)))
        .map(|root| root.tbs_certificate().subject().to_string())
        .collect();
    assert_eq!(names.len(), 4, "each has one for its model and one for enterprises");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4, "{names:?}");
    let error = home.fail(&["metadata", "--running", "--key", "3"], 3);
    assert!(error.contains("there is no such key") && error.contains("next: "), "{error}");
}

/// The payload of a metadata BLOB with two models of different names.
fn blob(home: &Home) -> String {
    let entry = |name: &str, aaguid: &str| {
        json!({
            "aaguid": aaguid,
            "metadataStatement": {
                "description": name,
                "protocolFamily": "fido2",
                "authenticatorVersion": 1,
                "schema": 3,
                "attestationTypes": ["basic_full"],
                "aaguid": aaguid,
                "authenticatorGetInfo": {
                    "versions": ["FIDO_2_0"],
                    "aaguid": aaguid.replace('-', ""),
                    "options": { "rk": true },
                },
            },
            "statusReports": [],
        })
    };
    let [one, other] =
        ["1", "2"].map(|digit| "f0f0f0f0-f0f0-f0f0-f0f0-f0f0f0f0f0f0".replace('0', digit));
    let entries = [entry("Alpha", &one), entry("Beta", &other)];
    let payload = json!({ "no": 1, "nextUpdate": "2999-01-01", "entries": entries });
    let path = home.path().join("blob.json");
    std::fs::write(&path, payload.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn no_models_words_are_mixed_with_the_root_of_a_key_like_another() {
    // AT-58
    let home = Home::new();
    let blob = blob(&home);
    let like = |model: &'static str| ["--like", model, "--metadata", &blob];
    let running = home.serve(&[&["--ephemeral"][..], &like("Alpha")].concat());
    let statement = told(&home, &like("Alpha"));
    assert_eq!(statement["description"], "Alpha");
    assert_eq!(
        statement["attestationRootCertificates"],
        told(&home, &[])["attestationRootCertificates"]
    );
    let refused = |arguments: &[&str], code| {
        home.fail(&[&["metadata", "--running"], arguments].concat(), code)
    };
    let said = refused(&like("Beta"), 1);
    assert!(
        said.contains("imitates “Alpha”, but --like names “Beta”\nnext: leave out --like"),
        "{said}"
    );
    let said = refused(&[&like("Alpha")[..], &["--with-its-aaguid"]].concat(), 2);
    assert!(said.contains("the AAGUID that it was started with\nnext: leave out"), "{said}");
    drop(running);
    let _plain = home.serve(&["--ephemeral"]);
    let said = refused(&like("Beta"), 1);
    assert!(said.contains("imitates no model, but --like names “Beta”"), "{said}");
}

/// The payload of a BLOB with Titan, once for U2F alone and once for CTAP2 with U2F beside it.
fn blob_of_titans(home: &Home) -> String {
    let statement = |family: &str, more: Value| {
        let mut statement = json!({
            "description": format!("Titan {family}"),
            "protocolFamily": family,
            "authenticatorVersion": 1,
            "schema": 3,
            "attestationTypes": ["basic_full"],
            "keyProtection": ["hardware", "secure_element"],
        });
        statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        statement
    };
    let old = statement("u2f", json!({ "attachmentHint": ["external", "wired", "nfc"] }));
    let info = json!({ "versions": ["FIDO_2_0", "U2F_V2"], "aaguid": AAGUID.replace('-', "") });
    let new = statement("fido2", json!({ "aaguid": AAGUID, "authenticatorGetInfo": info }));
    let entries = json!([
        { "attestationCertificateKeyIdentifiers": [KEY_ID], "metadataStatement": old, "statusReports": [] },
        { "aaguid": AAGUID, "metadataStatement": new, "statusReports": [] },
    ]);
    let payload = json!({ "no": 1, "nextUpdate": "2999-01-01", "entries": entries });
    let path = home.path().join("titans.json");
    std::fs::write(&path, payload.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

const AAGUID: &str = "42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3";
const KEY_ID: &str = "a6b1ae0823a7e6a7b0e0a53f2b6a7db98848a61f";

#[test]
fn a_key_like_a_u2f_model_is_named_by_its_key_identifier_and_speaks_u2f_alone() {
    // AT-27
    let home = Home::new();
    let blob = blob_of_titans(&home);
    for name in [KEY_ID, "titan u2f"] {
        let key =
            home.serve(&["--ephemeral", "--touch", "auto", "--like", name, "--metadata", &blob]);
        let mut platform = import_from(key.address());
        assert!(platform.client().get_info().is_err(), "it has no CTAP2");
        let made = platform.client().u2f_register(&[7; 32], &[1; 32]).unwrap();
        made.verify(&[7; 32], &[1; 32]).unwrap();
        let statement = told(&home, &["--u2f"]);
        assert_eq!(statement["protocolFamily"], "u2f");
        assert_eq!(statement["attachmentHint"], json!(["external", "wired", "wireless", "nfc"]));
    }
}

#[test]
fn the_u2f_side_of_a_key_like_a_fido2_model_is_keyfobs_own_with_the_models_key_protection() {
    let home = Home::new();
    let blob = blob_of_titans(&home);
    let like = ["--like", "titan fido2", "--metadata", &blob];
    let side = |more: &[&str]| -> Value {
        let command = [&["metadata"][..], &like, more].concat();
        serde_json::from_str(&home.succeed(&command)).unwrap()
    };
    let (models, own) = (side(&[]), side(&["--u2f"]));
    assert_eq!(models["description"], "Titan fido2");
    assert_eq!(
        (&models["protocolFamily"], &own["protocolFamily"]),
        (&json!("fido2"), &json!("u2f"))
    );
    assert_eq!(own["keyProtection"], models["keyProtection"]);
    let key = home.serve(&[&["--ephemeral", "--touch", "auto"][..], &like].concat());
    let mut platform = import_from(key.address());
    assert_eq!(platform.client().get_info().unwrap().versions, ["FIDO_2_0", "U2F_V2"]);
    platform.client().u2f_register(&[7; 32], &[1; 32]).unwrap().verify(&[7; 32], &[1; 32]).unwrap();
    let running = told(&home, &["--u2f"]);
    assert_eq!(running["keyProtection"], own["keyProtection"]);
}

#[test]
fn a_running_key_without_u2f_says_so() {
    let home = Home::new();
    let profile = home.path().join("mine.toml");
    std::fs::write(&profile, "versions = [\"FIDO_2_0\", \"FIDO_2_1\"]").unwrap();
    let _key = home.serve(&["--ephemeral", "--profile", profile.to_str().unwrap()]);
    let error = home.fail(&["metadata", "--running", "--u2f"], 1);
    assert!(error.contains("does not speak U2F") && error.contains("next: "), "{error}");
}

#[test]
fn a_state_that_cannot_be_looked_into_is_told_with_a_next_step() {
    let home = Home::new();
    let error = home.fail(&["metadata", "--state", "/etc/passwd/keys"], 1);
    assert!(error.contains("cannot open /etc/passwd/keys/"), "{error}");
    assert!(error.contains("next: name a directory with --state"), "{error}");
}

#[test]
fn what_a_running_key_tells_and_does_not_do_is_listed_by_info() {
    let home = Home::new();
    let profile = home.path().join("mine.toml");
    let text = "imitates = \"A model\"\n[getInfo]\nextensions = [\"credProtect\", \"exts\"]\n";
    std::fs::write(&profile, text).unwrap();
    let _key = home.serve(&["--ephemeral", "--profile", profile.to_str().unwrap()]);
    let status: Value = serde_json::from_str(&home.succeed(&["status", "--json"])).unwrap();
    let device = status["keys"][0]["device"].as_str().unwrap();
    let told = error_of(&home.run(&["info", "--device", device]));
    assert!(
        told.contains("this key says that it can do what it cannot do:\n  extensions: exts\n"),
        "{told}"
    );
}
