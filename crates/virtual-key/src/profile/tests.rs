mod built_in;
mod refused;

use std::fs;

use ctap_client::commands::get_info::Info;
use ctap_core::config::{Member, NewCredentials, ResetGestures, SignCount, Times};
use ctap_core::credential::Backup;
use ctap_core::{SoftKey, Transport};
use toml::{Table, Value};

use super::*;
use crate::attestation::tests::identity_of;
use crate::error::describe;

const BUILT_IN: [&str; 6] = ["default", "fido2.1", "fido2.0", "u2f-only", "bio", "everything"];

fn profile(text: &str) -> Profile {
    Profile::parse("test", Path::new(""), text).unwrap()
}

fn config(profile: &Profile) -> CheckedConfig {
    let identities = profile.identities(|kind| LazyIdentity::made(&identity_of(kind))).unwrap();
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
fn the_pin_that_a_key_ships_with_is_not_printed() {
    let profile = profile("[shipped]\npin = \"48151623\"");
    let printed = format!("{profile:?} {:?}", config(&profile));
    assert!(printed.contains("\"test\"") && !printed.contains("48151623"), "{printed}");
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
fn what_a_profile_says_as_json_another_process_reads_as_the_same_profile() {
    let imitation =
        "imitates = \"A model\"\n[getInfo]\nmaxMsgSize = 700\nomit = [\"maxPINLength\"]\n";
    let built_in = BUILT_IN.map(|name| Profile::load(name).unwrap());
    for profile in built_in.into_iter().chain([profile(imitation)]) {
        let told = profile.to_json();
        let read = Profile::from_json(profile.name(), &told).unwrap();
        assert_eq!((&read.description, read.name()), (&profile.description, profile.name()));
        let mut other = told.clone();
        other["newMember"] = true.into();
        let said = describe(&Profile::from_json("running", &other).unwrap_err());
        assert!(said.starts_with("profile running: unknown"), "{said}");
        assert!(said.contains("\nnext: use a keyfob of the same version on both sides"), "{said}");
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
    assert_eq!(*identities.model.unwrap().root().unwrap(), brought.root().unwrap());
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

// GI-10, GI-102
#[test]
fn versions_are_told_in_the_order_in_which_they_are_written() {
    let told = |text| info(&profile(text)).versions;
    let first = told("versions = [\"U2F_V2\", \"FIDO_2_0\", \"FIDO_2_1\"]");
    assert_eq!(first, ["U2F_V2", "FIDO_2_0", "FIDO_2_1"]);
    let last = told("versions = [\"FIDO_2_1\", \"FIDO_2_0\", \"U2F_V2\"]");
    assert_eq!(last, ["FIDO_2_1", "FIDO_2_0", "U2F_V2"]);
}

// GI-102, GI-74
#[test]
fn a_key_that_ships_with_always_uv_tells_u2f_only_where_it_works_or_imitates_who_does_otherwise() {
    let text = "versions = [\"U2F_V2\", \"FIDO_2_0\", \"FIDO_2_1\"]\n[options]\nalwaysUv = true\n";
    assert_eq!(info(&profile(text)).versions, ["FIDO_2_0", "FIDO_2_1"]);
    let model = profile(&format!(
        "imitates = \"A model\"\n{text}[getInfo.options]\nmakeCredUvNotRqd = true\n"
    ));
    assert_eq!(info(&model).versions, ["U2F_V2", "FIDO_2_0", "FIDO_2_1"]);
    let rules: Vec<_> = model.contradictions().iter().map(|one| one.rule).collect();
    assert_eq!(rules, ["GI-102", "GI-74"]);
}

#[test]
fn members_of_get_info_are_told_as_they_are_written_or_left_out() {
    let text = "imitates = \"x\"\n[getInfo]\nmaxMsgSize = 1200\nomit = [\"maxPINLength\"]\nomitOptions = [\"up\"]\n\
                algorithms = [-7, -257]\n[getInfo.options]\nplat = true";
    let info = info(&profile(text));
    assert_eq!((info.max_msg_size, info.max_pin_length), (Some(1200), None));
    assert_eq!((info.option("up"), info.option("plat")), (None, Some(true)));
    let numbers: Vec<_> = info.algorithms.unwrap().iter().map(|one| one.algorithm).collect();
    assert_eq!(numbers, [-7, -257]);
}

#[test]
fn lists_in_get_info_may_be_empty() {
    let text =
        "imitates = \"x\"\n[getInfo]\nversions = []\nalgorithms = []\npinUvAuthProtocols = []";
    let told = config(&profile(text)).announced.members.clone();
    assert_eq!(told.get(&0x01), Some(&Some(Member::Names(Vec::new()))));
    assert_eq!(told.get(&0x06), Some(&Some(Member::Numbers(Vec::new()))));
    assert_eq!(told.get(&0x0a), Some(&Some(Member::Algorithms(Vec::new()))));
}
