use std::fs;

use ctap_client::attestation::Attestation as Verdict;
use ctap_client::commands::get_info::Info;
use ctap_client::commands::make_credential;
use ctap_client::{CredentialParameters, RelyingParty, User};
use ctap_core::attestation::Attestation;
use ctap_core::config::{NewCredentials, ResetGestures, SignCount, Times};
use ctap_core::credential::Backup;
use ctap_core::{Config, SoftKey, Transport};
use p256::pkcs8::DecodePublicKey as _;
use toml::{Table, Value};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use super::*;
use crate::attestation::tests::identity_of;
use crate::error::describe;

const BUILT_IN: [&str; 6] = ["default", "fido2.1", "fido2.0", "u2f-only", "bio", "everything"];

fn profile(text: &str) -> Profile {
    Profile::parse("test", Path::new(""), text).unwrap()
}

fn config(profile: &Profile) -> CheckedConfig {
    let identities = profile.identities(|kind| Ok(identity_of(kind))).unwrap();
    profile.config(&identities).unwrap()
}

fn refusal(text: &str) -> String {
    describe(&Profile::parse("test.toml", Path::new(""), text).unwrap_err())
}

fn info(profile: &Profile) -> Info {
    let reply = SoftKey::new(config(profile), [1; 32]).call(&[0x04]);
    assert_eq!(reply[0], 0);
    Info::parse(&reply[1..], true).unwrap() // strict: canonical, GI-03, GI-87
}

#[test]
fn the_default_profile_is_the_default_device_with_u2f_and_basic_attestation() {
    let profile = Profile::load("default").unwrap();
    let made = config(&profile).into_config();
    let expected = Config {
        attestation: Attestation::Basic,
        attestation_key: config(&profile).into_config().attestation_key,
        u2f: true,
        ..Config::default()
    };
    let without_certificate = |config: Config| {
        let key = config
            .attestation_key
            .map(|key| ctap_core::attestation::AttestationKey { x5c: Vec::new(), ..key });
        format!("{:?}", Config { attestation_key: key, ..config })
    };
    assert_eq!(without_certificate(made), without_certificate(expected));
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

#[test]
fn a_profile_says_how_its_keys_are_reached_and_how_they_are_erased() {
    // GI-18, GI-35, RS-02, RS-19
    let made = |text: &str| config(&profile(text));
    let default = made("");
    assert_eq!(default.transports, [Transport::Usb, Transport::Nfc]);
    assert_eq!(default.transports_for_reset, None);
    let once = ResetGestures { touch: Times::Once, tap: Times::Once };
    assert_eq!(default.reset_gestures, once);
    let card = made("transports = [\"nfc\", \"smart-card\"]\ntransportsForReset = [\"nfc\"]");
    assert_eq!(card.transports, [Transport::Nfc, Transport::SmartCard]);
    assert_eq!(card.transports_for_reset.as_deref(), Some(&[Transport::Nfc][..]));
    let touched = made("[reset]\nusb = \"touch twice\"").reset_gestures;
    assert_eq!(touched, ResetGestures { touch: Times::Twice, ..once });
    let tapped = made("[reset]\nnfc = \"tap twice\"").reset_gestures;
    assert_eq!(tapped, ResetGestures { tap: Times::Twice, ..once });
}

#[test]
fn a_key_that_is_laid_on_a_reader_tells_so_whatever_its_profile_says() {
    // GI-05, GI-18
    let reached = |transport| profile("transports = [\"usb\"]").with_transport(transport);
    let told = |transport| info(&reached(transport)).transports.unwrap();
    assert_eq!(told(Transport::Usb), ["usb"]);
    assert_eq!(told(Transport::SmartCard), ["usb", "smart-card"]);
    assert_eq!(reached(Transport::Nfc).transports(), [Transport::Usb, Transport::Nfc]);
}

#[test]
fn a_key_announces_what_its_way_to_the_host_has_room_for_unless_its_answers_are_longer() {
    // MSG-60, MSG-65
    let announced = |text| info(&profile(text).with_longest_message(1768)).max_msg_size.unwrap();
    assert_eq!(announced(""), 1768);
    assert_eq!(announced("maxMsgSize = 1500"), 1500);
    assert_eq!(announced("extends = \"everything\""), 7609);
}

#[test]
fn a_profile_written_out_reads_the_same() {
    for name in BUILT_IN {
        let description = Profile::load(name).unwrap().description;
        let text = toml::to_string(&description).unwrap();
        assert_eq!(text::parse(&text).unwrap(), description, "{name}");
    }
}

#[test]
fn what_a_profile_does_not_say_the_one_below_says() {
    let described = |text| profile(text).description;
    let default = described("");
    assert_eq!(described("extends = \"default\""), default);
    assert_eq!(described(include_str!("default.toml")), default);
    let bio = described("extends = \"bio\"\n[options]\nalwaysUv = true");
    let mut expected = Profile::load("bio").unwrap().description;
    assert_ne!(bio, expected);
    expected = text::parse(
        &toml::to_string(&expected).unwrap().replace("alwaysUv = false", "alwaysUv = true"),
    )
    .unwrap();
    assert_eq!(bio, expected);
}

#[test]
fn the_command_line_has_the_last_word_on_the_capacity() {
    let capacity =
        |name, capacity| config(&Profile::load(name).unwrap().with_capacity(capacity)).capacity;
    assert_eq!(capacity("default", None), 10);
    assert_eq!(capacity("default", Some(3)), 3);
    assert_eq!(capacity("everything", None), 100);
    assert_eq!(capacity("u2f-only", Some(3)), 0, "none fit where none can be made");
}

#[test]
fn mistakes_are_told_with_their_line_and_the_cure() {
    const SEE: &str = "docs/profiles.md explains every key and value";
    let told = |line: usize, what: &str, next: &str| {
        format!("profile test.toml, line {line}: {what}\nnext: {next}{SEE}")
    };
    let cases = [
        (
            "\n\n[options]\nclientpin = true",
            told(4, "unknown key `clientpin`", "write `clientPin`; "),
        ),
        ("maxMsgSise = 1", told(1, "unknown key `maxMsgSise`", "write `maxMsgSize`; ")),
        ("zzz = 1", told(1, "unknown key `zzz`", "")),
        ("algorithms = [\n\"ES265\"]", told(2, "unknown value `ES265`", "write `ES256`; ")),
        (
            "[attestation]\ntype = \"full\"",
            told(2, "unknown value `full`", "use one of: basic, self, none; "),
        ),
        (
            "[reset]\nusb = \"tap\"",
            told(2, "unknown value `tap`", "use one of: re-insert and touch, touch twice; "),
        ),
        ("[attestation.files]\nkeys = \"a\"", told(2, "unknown key `keys`", "write `key`; ")),
        ("\nextends = \"defualt\"", told(2, "unknown profile `defualt`", "write `default`; ")),
        (
            "extends = 1",
            told(1, "a profile is extended by its name, as in extends = \"default\"", ""),
        ),
        (
            "capacity = \"x\"",
            told(1, "invalid type: string \"x\", expected a whole number, not negative", ""),
        ),
        ("options = 5", told(1, "invalid type: integer `5`, expected a table", "")),
        (
            "\naaguid = \"c196\"",
            told(2, "an aaguid looks like c196d97f-64cf-465a-ab5d-aaf18b481fc4", ""),
        ),
        ("capacity = 1\ncapacity = 2", told(2, "duplicate key", "")),
        ("[options\n", told(1, "unclosed table, expected `]`", "")),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text), expected, "{text}");
    }
}

#[test]
fn contradictions_are_told_with_their_rule() {
    let told = |what: &str| {
        format!(
            "profile test.toml contradicts itself: {what}\n\
             next: change one of these settings; docs/profiles.md says what each of them means"
        )
    };
    let cases = [
        ("extensions = []", "FIDO_2_1 and later need the extension hmac-secret (GI-110)"),
        ("versions = [\"FIDO_2_3\"]", "FIDO_2_3 needs FIDO_2_1 and FIDO_2_0 beside it (GI-101)"),
        (
            "[options]\ncredMgmt = false\nrk = false",
            "perCredMgmtRO needs credMgmt and user verification (GI-86)",
        ),
        (
            "authenticatorConfigCommands = [\"setMinPINLength\"]\n[options]\nalwaysUv = true",
            "alwaysUv needs the configuration command toggleAlwaysUv (GI-78)",
        ),
        (
            "extends = \"fido2.0\"\nextensions = [\"hmac-secret\", \"largeBlobKey\"]",
            "the extension largeBlobKey needs largeBlobs (GI-81)",
        ),
        (
            "extends = \"fido2.0\"\nextensions = [\"hmac-secret\", \"minPinLength\"]",
            "the extension minPinLength needs the configuration command setMinPINLength (GI-84)",
        ),
        ("pinUvAuthProtocols = [2, 3]", "the PIN/UV auth protocols are 1 and 2 (GI-15)"),
        (
            "capacity = 0",
            "the capacity is 1 to 100000, and without discoverable credentials rk is false (GI-29)",
        ),
        (
            "maxSerializedLargeBlobArray = 65537",
            "maxSerializedLargeBlobArray is at most 65536 (LB-02)",
        ),
        ("transports = []", "a key needs a transport, and lists each once (GI-18)"),
        (
            "transportsForReset = [\"smart-card\"]",
            "transportsForReset are one or more of the transports, listed once each (GI-35)",
        ),
        ("vendorId = 0", "the vendorId is not 0, which some hosts refuse (HD-94)"),
        ("description = \"\"", "the description is 1 to 63 ASCII characters (AT-51)"),
        (
            "algorithms = [\"ES256\", \"ES256\"]",
            "versions, algorithms and PIN/UV auth protocols are listed once each (GI-19)",
        ),
        (
            SENSOR_WITHOUT_PIN,
            "a fingerprint sensor needs clientPin: only a PIN can authorise enrolling the first finger (BE-31)",
        ),
    ];
    for (text, what) in cases {
        assert_eq!(refusal(text), told(what), "{text}");
    }
    let limits = "capacity = 100000\nmaxSerializedLargeBlobArray = 65536";
    assert_eq!(config(&profile(limits)).capacity, 100_000);
}

/// No finger could ever be enrolled on it.
const SENSOR_WITHOUT_PIN: &str = r#"
extends = "bio"
authenticatorConfigCommands = ["toggleAlwaysUv", "enableLongTouchForReset"]
extensions = ["credBlob", "credProtect", "hmac-secret", "hmac-secret-mc", "thirdPartyPayment"]
[options]
clientPin = false
"#;

#[test]
fn a_profile_whose_answers_are_longer_than_announced_is_told_what_it_takes() {
    // MSG-60
    for text in [
        "algorithms = [\"ML-DSA-65\"]",
        "algorithms = [\"ML-DSA-44\"]\nmaxMsgSize = 1024",
        "algorithms = [\"ML-DSA-65\"]\nmaxMsgSize = 1024\n[attestation]\ntype = \"self\"",
    ] {
        let refusal = refusal(text);
        let (_, rest) = refusal.split_once("maxMsgSize must be ").expect(&refusal);
        let (size, rest) = rest.split_once(" at least, because").expect(&refusal);
        assert!(size.parse::<usize>().unwrap() > 2500 && rest.contains("(MSG-60)"), "{refusal}");
    }
}

#[test]
fn a_key_without_a_pin_agrees_on_keys_for_hmac_secret() {
    // EX-32, EX-37, GI-15
    let profile = profile(
        r#"
authenticatorConfigCommands = []
extensions = ["hmac-secret"]
[options]
rk = false
clientPin = false
credMgmt = false
perCredMgmtRO = false
largeBlobs = false
"#,
    );
    assert_eq!(info(&profile).pin_uv_auth_protocols.as_deref(), Some(&[2, 1][..]));
    let mut key = SoftKey::new(config(&profile), [1; 32]);
    assert_eq!(key.call(&[0x06, 0xa2, 0x01, 0x02, 0x02, 0x02])[0], 0x00, "getKeyAgreement");
}

#[test]
fn a_key_has_the_numbers_of_usb_that_its_profile_says() {
    let ids = |text| profile(text).usb_ids();
    assert_eq!(ids(""), UsbIds { vendor: 0x1209, product: 0x0005 });
    assert_eq!(ids("extends = \"bio\"\nproductId = 7"), UsbIds { vendor: 0x1209, product: 7 });
    let told = refusal("vendorId = 0x10000");
    assert!(told.contains("expected a whole number from 0 to 65535"), "{told}");
}

#[test]
fn a_name_that_is_neither_built_in_nor_a_file_is_told_the_nearest_and_what_there_is() {
    let error = describe(&Profile::load("boi").unwrap_err());
    let expected = "there is no profile boi\n\
         next: use bio, which is like it; or one of: default, fido2.1, fido2.0, u2f-only, bio, everything; or a TOML file";
    assert_eq!(error, expected);
    let error = describe(&Profile::load("passkeys").unwrap_err());
    assert!(error.contains("\nnext: use one of: default") && error.ends_with("./passkeys.toml"));
    let error = describe(&Profile::load("./no/such.toml").unwrap_err());
    assert!(error.starts_with("cannot read the profile ./no/such.toml: "), "{error}");
}

#[test]
fn a_key_and_certificates_are_read_from_beside_the_profile() {
    let directory = tempfile::tempdir().unwrap();
    let aaguid = [7; 16];
    let brought = identity_of(AttestationKind::Model { aaguid });
    fs::write(directory.path().join("key.pem"), &*brought.to_pem().unwrap()).unwrap();
    let files = "[attestation]\nfiles = { key = \"key.pem\", certificates = \"key.pem\" }";
    let file = directory.path().join("mine.toml");
    let load = |text: String| {
        fs::write(&file, text).unwrap();
        let profile = Profile::load(file.to_str().unwrap()).unwrap();
        profile.identities(|_| panic!("nothing else is asked for"))
    };
    let identities = load(format!("aaguid = \"{}\"\n{files}", Aaguid(aaguid))).unwrap();
    assert_eq!(identities.model.unwrap().root().unwrap(), brought.root().unwrap());
    // AT-08
    let error = describe(&load(files.to_owned()).err().unwrap());
    assert!(
        error.contains("for the model 07070707-0707-0707-0707-070707070707 (AT-08)"),
        "{error}"
    );
    fs::write(directory.path().join("key.pem"), "").unwrap();
    let error = describe(&load(files.to_owned()).err().unwrap());
    assert!(error.contains("there is no private key in it"), "{error}");
    fs::remove_file(directory.path().join("key.pem")).unwrap();
    let error = describe(&load(files.to_owned()).err().unwrap());
    assert!(error.contains("key.pem: ") && error.contains("\nnext: correct the name"), "{error}");
}

#[test]
fn the_documented_example_has_every_key_and_is_a_profile() {
    let document = include_str!("../../../../docs/profiles.md");
    let examples: Vec<_> = document.split("```toml\n").skip(1).collect();
    assert!(examples.len() > 1);
    for example in &examples {
        let text = example.split("```").next().unwrap();
        profile(text);
    }
    let complete: Table = examples[0].split("```").next().unwrap().parse().unwrap();
    let written: Table =
        toml::to_string(&Profile::load("default").unwrap().description).unwrap().parse().unwrap();
    assert_eq!(missing(&written, &complete), Vec::<String>::new());
    for name in BUILT_IN {
        assert!(document.contains(&format!("`{name}`")), "{name}");
    }
}

fn missing(wanted: &Table, there: &Table) -> Vec<String> {
    let lacks = |(key, value): (&String, &Value)| match (value, there.get(key)) {
        (_, None) => vec![key.clone()],
        (Value::Table(wanted), Some(Value::Table(there))) => missing(wanted, there),
        _ => Vec::new(),
    };
    wanted.iter().flat_map(lacks).collect()
}

// MC-76, MC-77, AT-67
#[test]
fn a_profile_says_what_new_credentials_are_like() {
    let text = "[credentials]\nbackupEligibility = true\nbackupState = true\nsignCount = \"perCredential\"\nsignCountStart = 7\n\
                keepNonDiscoverable = true\nmultiDeviceCredentialSupport = \"implicit\"\n";
    let expected = NewCredentials {
        backup: Backup { eligible: true, state: true },
        sign_count: SignCount::PerCredential { start: 7 },
        keep_non_discoverable: true,
    };
    assert_eq!(config(&profile(text)).credentials, expected);
    let default = Profile::load("default").unwrap();
    assert_eq!(
        default.clone().with_credentials(expected).unwrap().description,
        profile(text).description
    );
    let zero = NewCredentials { sign_count: SignCount::Zero, ..NewCredentials::default() };
    assert_eq!(config(&default.with_credentials(zero).unwrap()).credentials, zero);
}

#[test]
fn new_credentials_that_contradict_themselves_are_refused() {
    for (text, rule) in [
        ("backupState = true", "MC-76"),
        ("backupEligibility = true", "AT-67"),
        ("signCount = \"perCredential\"", "MC-77"),
    ] {
        let said = refusal(&format!("[credentials]\n{text}\n"));
        assert!(said.contains(rule) && said.contains("next: "), "{said}");
    }
    let unknown = refusal("[credentials]\nsignCount = \"globl\"\n");
    assert!(unknown.contains("next: write `global`"), "{unknown}");
}

// GI-10, GI-102
#[test]
fn versions_are_told_in_the_order_in_which_they_are_written() {
    let told = |text| info(&profile(text)).versions;
    let first = told("versions = [\"U2F_V2\", \"FIDO_2_0\", \"FIDO_2_1\"]");
    assert_eq!(first, ["U2F_V2", "FIDO_2_0", "FIDO_2_1"]);
    let last = told("versions = [\"FIDO_2_1\", \"FIDO_2_0\", \"U2F_V2\"]");
    assert_eq!(last, ["FIDO_2_1", "FIDO_2_0", "U2F_V2"]);
}

#[test]
fn members_of_get_info_are_told_as_they_are_written_or_left_out() {
    let text = "[getInfo]\nmaxMsgSize = 1200\nomit = [\"maxPINLength\"]\nomitOptions = [\"up\"]\n\
                algorithms = [-7, -257]\n[getInfo.options]\nplat = true";
    let info = info(&profile(text));
    assert_eq!((info.max_msg_size, info.max_pin_length), (Some(1200), None));
    assert_eq!((info.option("up"), info.option("plat")), (None, Some(true)));
    let numbers: Vec<_> = info.algorithms.unwrap().iter().map(|one| one.algorithm).collect();
    assert_eq!(numbers, [-7, -257]);
}

#[test]
fn a_member_that_is_none_or_of_another_kind_is_refused() {
    for (text, what) in [
        ("maxMsgSiz = 1", "unknown member `maxMsgSiz` of getInfo"),
        ("omit = [\"maxPinLength\"]", "unknown member `maxPinLength` of getInfo"),
        ("maxMsgSize = -1", "maxMsgSize of getInfo is a whole number, not negative"),
        ("versions = [1]", "versions of getInfo is a list of texts"),
        ("aaguid = \"xy\"", "aaguid of getInfo is a text of hexadecimal digits"),
        ("omit = true", "omit is a list of names"),
    ] {
        let said = refusal(&format!("[getInfo]\n{text}\n"));
        assert!(said.contains(what) && said.contains("next: "), "{said}");
    }
    assert!(refusal("[getInfo]\nmaxMsgSiz = 1").contains("write `maxMsgSize`"));
}

#[test]
fn a_state_that_no_key_can_be_shipped_in_is_refused() {
    for (text, rule) in [
        ("pin = \"123\"", "CP-20"),
        ("forcePINChange = true", "CF-45"),
        ("ep = true", "GI-77"),
        ("fingers = [1]", "BE-21"),
    ] {
        let said = refusal(&format!("[shipped]\n{text}\n"));
        assert!(said.contains(rule) && said.contains("next: "), "{said}");
    }
}
