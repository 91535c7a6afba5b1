use ctap_client::commands::get_info::Info;
use ctap_client::commands::{code, make_credential};
use ctap_client::{RelyingParty, User};
use ctap_core::algorithm::Algorithm;
use ctap_core::config::Protection;
use ctap_core::{SoftKey, Transport};
use serde_json::json;

use super::*;
use crate::attestation::U2fTransports;
use crate::error::describe;

/// A model that none of our own profiles is like.
fn statement() -> Json {
    json!({
        "description": "A key of some maker, with a title that is longer than sixty-three characters",
        "aaguid": "01020304-0506-0708-0910-111213141516",
        "protocolFamily": "fido2",
        "attestationTypes": ["basic_full"],
        "keyProtection": ["hardware", "secure_element", "magic"],
        "authenticatorGetInfo": {
            "versions": ["U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_2"],
            "extensions": ["txAuthSimple", "hmac-secret", "credProtect", "uvm"],
            "aaguid": "01020304050607080910111213141516",
            "options": {
                "rk": true, "plat": true, "clientPin": true, "credentialMgmtPreview": true, "makeCredUvNotRqd": false
            },
            "maxMsgSize": 510,
            "pinUvAuthProtocols": [1],
            "maxCredentialCountInList": 8,
            "maxCredentialIdLength": 300,
            "transports": ["ble", "usb"],
            "algorithms": [{ "type": "public-key", "alg": -7 }, { "type": "public-key", "alg": -65535 }],
            "transportsForReset": ["USB", "ble"],
            "minPINLength": 6,
            "certifications": { "FIPS-CMVP-3": 2, "FIDO": 3 },
            "pinComplexityPolicyURL": "68747470733a2f2f61",
        },
    })
}

fn model() -> Aaguid {
    Aaguid([1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16])
}

fn profile(statement: &Json, aaguid: Aaguid) -> Profile {
    let text = like(statement, aaguid).unwrap();
    Profile::from_toml("a model", &text)
        .unwrap_or_else(|error| panic!("{}\n{text}", describe(&error)))
}

fn told(profile: &Profile) -> Json {
    members(&live_info(profile.imitation().unwrap()).unwrap(), None)
}

// GI-05, GI-10 to GI-40
#[test]
fn a_key_like_a_model_tells_what_that_tells_apart_from_its_state() {
    let statement = statement();
    let profile = profile(&statement, model());
    let differing = differences(&statement["authenticatorGetInfo"], &told(&profile));
    let names: Vec<_> = differing.iter().map(|one| (one.member.as_str(), one.is_state)).collect();
    assert_eq!(names, [("options.clientPin", true)]);
    assert_eq!(profile.imitates(), statement["description"].as_str());
    assert_eq!(profile.title().len(), 63);
}

// MC-70
#[test]
fn it_has_the_models_aaguid_only_where_that_is_claimed() {
    let other = profile(&statement(), Aaguid([9; 16]));
    assert_eq!(told(&other)["aaguid"], "09".repeat(16));
    let differing = differences(&statement()["authenticatorGetInfo"], &told(&other));
    assert_eq!(differing.iter().filter(|one| !one.is_state).count(), 1);
}

#[test]
fn what_it_tells_and_does_not_do_is_listed_and_so_are_its_contradictions() {
    let profile = profile(&statement(), model());
    let lines: Vec<_> = profile.only_announced().unwrap().iter().map(ToString::to_string).collect();
    let expected = [
        "algorithms: -65535",
        "certifications",
        "extensions: txAuthSimple",
        "maxCredentialIdLength: 300, but it is 255",
        "options.plat: true, but it is false",
        "pinComplexityPolicyURL: https://a",
        "transports: ble",
        "transportsForReset: USB, ble",
        "versions: FIDO_2_2",
    ];
    assert_eq!(lines, expected);
    let rules: Vec<_> = profile.contradictions().iter().map(|one| one.rule).collect();
    assert_eq!(rules, ["MSG-60", "MSG-60"]);
    assert_eq!(Profile::load("default").unwrap().only_announced().unwrap(), []);
}

// GI-29, GI-105
#[test]
fn a_key_of_ctap_20_that_tells_how_much_room_is_left_counts_it() {
    let mut statement = statement();
    let info = &mut statement["authenticatorGetInfo"];
    info["versions"] = json!(["FIDO_2_0"]);
    info["remainingDiscoverableCredentials"] = 51.into();
    info["extensions"] = json!(["hmac-secret"]);
    let profile = profile(&statement, model());
    let mut key = SoftKey::new(profile.imitation().unwrap(), [1; 32]);
    let told = |key: &mut SoftKey| Info::parse(&key.call(&[code::GET_INFO])[1..], true).unwrap();
    let before = told(&mut key);
    assert_eq!(
        (before.versions, before.remaining_discoverable_credentials),
        (vec!["FIDO_2_0".to_owned()], Some(51))
    );
    let (site, user) = (RelyingParty::new("example.org"), User::new(*b"1", "ada"));
    let passkey = make_credential::Request::new([1; 32], site, user).with_option("rk", true);
    assert_eq!(key.call(&passkey.encode())[0], 0);
    assert_eq!(told(&mut key).remaining_discoverable_credentials, Some(50));
}

// AT-27
#[test]
fn a_model_of_u2f_tells_in_its_certificate_the_ways_to_reach_it() {
    let of = |hints: &[&str]| {
        let statement = json!({ "description": "An old key", "protocolFamily": "u2f", "attachmentHint": hints });
        let profile = profile(&statement, Aaguid([0; 16]));
        let only_told: Vec<_> =
            profile.only_announced().unwrap().iter().map(ToString::to_string).collect();
        (profile.description.u2f_transports(), profile.transports(), only_told)
    };
    let told = |names: &[&str]| U2fTransports::of(names.iter().copied());
    assert_eq!(of(&["external", "wired"]), (told(&["usb"]), vec![Transport::Usb], vec![]));
    assert_eq!(of(&["external"]), (told(&["usb"]), vec![Transport::Usb], vec![]));
    assert_eq!(of(&["wireless", "nfc"]), (told(&["nfc"]), vec![Transport::Nfc], vec![]));
    let ble = vec!["transports: ble".to_owned()];
    let bluetooth = of(&["external", "wired", "wireless", "nfc", "bluetooth"]);
    let both = vec![Transport::Usb, Transport::Nfc];
    assert_eq!(bluetooth, (told(&["usb", "nfc", "ble"]), both, ble.clone()));
    assert_eq!(of(&["bluetooth"]), (told(&["ble"]), vec![Transport::Usb], ble));
}

// GI-36
#[test]
fn where_a_model_tells_a_policy_for_pins_the_key_has_it() {
    let mut statement = statement();
    statement["authenticatorGetInfo"]["pinComplexityPolicy"] = true.into();
    let has =
        |statement: &Json| profile(statement, model()).imitation().unwrap().pin_complexity_policy;
    assert!(has(&statement));
    let differing =
        differences(&statement["authenticatorGetInfo"], &told(&profile(&statement, model())));
    assert!(differing.iter().all(|one| one.is_state), "{differing:?}");
    statement["authenticatorGetInfo"]["pinComplexityPolicy"] = false.into();
    assert!(!has(&statement));
}

// EX-96
#[test]
fn what_uvm_tells_of_protection_is_in_the_words_of_the_statement() {
    let config = profile(&statement(), model()).imitation().unwrap();
    assert_eq!(config.extensions.uvm, Some(Protection { keys: 2 | 8, matcher: 1 }));
}

#[test]
fn a_key_signs_with_what_its_model_tells_where_that_can_be_done() {
    let mut statement = statement();
    statement["authenticatorGetInfo"]["algorithms"] =
        json!([{ "alg": -257 }, { "alg": -37 }, { "alg": -36 }, { "alg": -54 }]);
    let config = profile(&statement, model()).imitation().unwrap();
    assert_eq!(config.algorithms, [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es512]);
}

#[test]
fn a_model_of_u2f_is_a_key_that_speaks_u2f_and_no_other_is_none() {
    let of = |family: &str| json!({ "description": "An old key", "protocolFamily": family });
    let profile = profile(&of("u2f"), Aaguid([0; 16]));
    assert!(profile.speaks_u2f() && !profile.speaks_ctap2());
    assert_eq!(profile.title(), "An old key");
    assert_eq!(profile.only_announced().unwrap(), []);
    let nameless = json!({ "description": " ", "protocolFamily": "u2f" });
    assert_eq!(self::profile(&nameless, Aaguid([0; 16])).title(), "a model without a name");
    let refusal = describe(&like(&of("uaf"), Aaguid([0; 16])).unwrap_err());
    let what = "keyfob cannot imitate An old key: its metadata statement is of neither family";
    assert!(refusal.starts_with(what) && refusal.contains("\nnext: choose another"), "{refusal}");
}

#[test]
fn the_state_of_the_day_stands_in_comments_and_is_had_without_their_signs() {
    let mut statement = statement();
    statement["authenticatorGetInfo"]["options"]["uv"] = true.into();
    statement["authenticatorGetInfo"]["options"]["ep"] = true.into();
    statement["authenticatorGetInfo"]["forcePINChange"] = true.into();
    let text = like(&statement, model()).unwrap();
    let lines =
        "[shipped]\n# pin = \"123456\"\n# fingers = [1]\n# ep = true\n# forcePINChange = true\n";
    assert!(text.ends_with(lines), "{text}");
    let shipped = lines.replace("# ", "");
    let profile = Profile::from_toml("a model", &text.replace(lines, &shipped)).unwrap();
    let expected = json!({ "pin": "123456", "fingers": [1], "ep": true, "forcePINChange": true });
    assert_eq!(profile.to_json()["shipped"], expected);
    statement["authenticatorGetInfo"]["pinComplexityPolicy"] = true.into();
    let text = like(&statement, model()).unwrap();
    let complex = text.replace("# pin = \"741852\"\n", "pin = \"741852\"\n");
    assert_ne!(complex, text, "CF-51: a PIN that does not count");
    Profile::from_toml("a model", &complex).unwrap();
    let options = &mut statement["authenticatorGetInfo"]["options"];
    *options = json!({ "rk": true, "clientPin": false });
    statement["authenticatorGetInfo"]["forcePINChange"] = false.into();
    assert!(!like(&statement, model()).unwrap().contains("[shipped]"), "it was new");
}

#[test]
fn metadata_that_no_key_can_follow_is_told_with_the_model_and_the_member() {
    for (member, value, what) in [
        (
            "certifications",
            json!({ "FIDO": -1 }),
            "certifications of its authenticatorGetInfo: invalid value: integer `-1`, expected a whole number, not negative",
        ),
        ("maxCredentialIdLength", json!(-1), "maxCredentialIdLength of getInfo is a whole number"),
        ("uvModality", json!("finger"), "uvModality of getInfo is a whole number"),
        ("versions", json!([1]), "versions"),
        ("maxMsgSiz", json!(1), "unknown member `maxMsgSiz` of getInfo"),
        ("encIdentifier", json!({ "a": [1.5] }), "encIdentifier"),
    ] {
        let mut statement = statement();
        statement["description"] = "A model".into();
        statement["authenticatorGetInfo"][member] = value;
        let said = describe(&like(&statement, model()).unwrap_err());
        assert!(said.starts_with("keyfob cannot imitate A model: "), "{said}");
        assert!(said.contains(what) && !said.contains("line"), "{member}: {said}");
        assert!(said.contains("\nnext: choose another model, or"), "{said}");
    }
}
