//! `keyfob config`.

use serde_json::Value;

use crate::browser::{PIN, key_with_passkeys};
use crate::support::Key;

fn settings(key: &Key) -> Value {
    let said = key.run(&["config", "show", "--json"]);
    said.did("");
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn settings_are_shown_and_what_the_key_does_not_have_is_said() {
    let key = Key::obliging();
    let said = key.run(&["config", "show"]);
    let fact = |label: &str| {
        let line = said.out.lines().find(|line| line.starts_with(label)).unwrap();
        line.split_once(':').unwrap().1.trim().to_owned()
    };
    assert_eq!(fact("Always Require UV"), "Off");
    assert_eq!(fact("Minimum PIN length"), "4");
    assert_eq!(fact("Enterprise Attestation"), "Not supported");
    assert!(settings(&key)["ep"].is_null());
}

#[test]
fn always_uv_is_what_one_says_however_often() {
    let key = key_with_passkeys(&[]);
    key.type_in(&["config", "always-uv", "on"], PIN).did("always verifies its user.");
    key.run(&["config", "always-uv", "on"]).did("already");
    assert_eq!(settings(&key)["alwaysUv"], true);
    key.type_in(&["config", "always-uv", "off"], PIN).did("when it is asked to.");
    assert_eq!(settings(&key)["alwaysUv"], false);
    key.run(&["config", "always-uv", "perhaps"]).failed(2, &["perhaps"]);
}

#[test]
fn a_key_that_nothing_protects_asks_for_no_pin() {
    let key = Key::obliging();
    key.run(&["config", "long-touch"]).did("five seconds");
    assert_eq!(settings(&key)["longTouchForReset"], true);
}

#[test]
fn a_protected_key_wants_its_owner() {
    let key = key_with_passkeys(&[]);
    key.type_in(&["config", "long-touch"], "0000").failed(4, &["wrong PIN"]);
    assert_eq!(settings(&key)["longTouchForReset"], false);
}

#[test]
fn longer_pins_are_demanded_and_the_old_one_has_to_go() {
    let key = key_with_passkeys(&[]);
    let said = key.type_in(&["config", "min-pin-length", "6", "--rp-id", "example.org"], PIN);
    said.did("at least 6 characters");
    assert!(said.err.contains("keyfob pin change"), "{}", said.err);
    assert_eq!(settings(&key)["minPINLength"], 6);
    key.type_in(&["credentials", "list"], PIN).failed(4, &["must be changed", "keyfob pin change"]);
    key.type_in(&["pin", "change"], "1234\n123456\n").did("The PIN is changed.");
    key.type_in(&["config", "min-pin-length", "5"], "123456").failed(1, &["6 characters"]);
    let many = ["--rp-id", "example.org"].repeat(9);
    key.run(&[&["config", "min-pin-length", "7"], &many[..]].concat()).failed(1, &["8 RP IDs"]);
}

#[test]
fn a_pin_that_somebody_else_chose_is_changed_before_its_next_use() {
    let key = key_with_passkeys(&[]);
    key.type_in(&["config", "force-pin-change"], PIN).did("must be changed");
    assert_eq!(settings(&key)["forcePINChange"], true);
    key.type_in(&["config", "long-touch"], PIN).failed(4, &["must be changed"]);
    Key::obliging().run(&["config", "force-pin-change"]).failed(1, &["no PIN to change"]);
}

#[test]
fn a_setting_that_the_key_does_not_have_is_named() {
    Key::obliging()
        .run(&["config", "enterprise-attestation"])
        .failed(1, &["no such setting (enterprise attestation)", "keyfob config show"]);
}
