//! `keyfob fingerprints`, and `keyfob touch` for a sensor.

use std::io::{BufRead as _, BufReader};

use serde_json::Value;

use crate::browser::PIN;
use crate::support::{Key, Said};

/// A key with a sensor and a PIN.
fn bio(touch: &str) -> Key {
    let key = Key::serve(&["--profile", "bio", "--touch", touch]);
    key.type_in(&["pin", "set"], PIN).did("The PIN is set.");
    key
}

fn list(key: &Key) -> Value {
    let said = key.run(&["fingerprints", "list", "--json", "-P", PIN]);
    said.did("");
    serde_json::from_str(&said.out).unwrap()
}

fn id(key: &Key) -> String {
    list(key)[0]["templateId"].as_str().unwrap().to_owned()
}

#[test]
fn a_finger_is_learned_named_renamed_and_forgotten() {
    let key = bio("auto");
    let said = key.type_in(&["fingerprints", "list"], PIN);
    assert!(said.err.contains("No finger is enrolled"), "{}", said.err);
    let said = key.type_in(&["fingerprints", "add", "left thumb"], PIN);
    said.did("left thumb");
    assert!(said.err.contains("Good.") && said.err.contains("1 sample to go"), "{}", said.err);
    key.type_in(&["fingerprints", "list"], PIN).did("left thumb");
    key.type_in(&["fingerprints", "rename", "--", &id(&key), "toe"], PIN).did("called “toe”");
    assert_eq!(list(&key)[0]["name"], "toe");
    key.type_in(&["fingerprints", "delete", "--", &id(&key)], PIN).failed(2, &["--force"]);
    key.type_in(&["fingerprints", "delete", "-f", "--", &id(&key)], PIN).did("is deleted");
    assert_eq!(list(&key), Value::Array(Vec::new()));
}

#[test]
fn a_finger_needs_no_name_and_a_name_must_fit() {
    let key = bio("auto");
    key.type_in(&["fingerprints", "add"], PIN).did("The finger is enrolled");
    let said = key.type_in(&["fingerprints", "add", &"x".repeat(1000)], PIN);
    said.failed(1, &["names of up to"]);
    assert_eq!(list(&key).as_array().unwrap().len(), 1, "it was refused before anybody touched");
}

#[test]
fn every_sample_is_told_with_what_was_wrong_with_it() {
    let key = bio("ask");
    let mut adding = key.start(&["fingerprints", "add", "-P", PIN]);
    let mut lines = BufReader::new(adding.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut next = |word: &str| {
        let line = lines.next().unwrap();
        assert!(line.contains(word), "{word:?} is not in {line:?}");
    };
    let sample = |arguments: &[&str]| {
        key.run(&["wait", "--timeout", "10"]).did("\"gesture\":\"finger\"");
        key.run(&[&["touch"], arguments].concat()).did("");
    };
    next("Touch the key");
    sample(&["--finger", "3"]);
    next("Good.");
    sample(&["--bad-sample", "too-high"]);
    next("too high");
    // Another finger than before.
    sample(&["--finger", "4"]);
    next("do not fit together");
    sample(&["--finger", "3"]);
    next("Good.");
    sample(&[]);
    next("1 sample to go");
    sample(&[]);
    drop(lines);
    Said::by(adding.wait_with_output().unwrap()).did("The finger is enrolled");
}

#[test]
fn a_refused_sample_leaves_no_half_learned_finger() {
    let key = bio("deny");
    let said = key.type_in(&["fingerprints", "add"], PIN);
    said.failed(5, &["the finger was not enrolled", "CTAP2_ERR_"]);
    assert_eq!(list(&key), Value::Array(Vec::new()));
}

#[test]
fn a_key_without_a_sensor_says_so() {
    Key::obliging().run(&["fingerprints", "list"]).failed(1, &["no fingerprint sensor"]);
}

#[test]
fn a_prompt_for_a_touch_takes_any_finger_but_no_spoilt_one() {
    let key = Key::serve(&["--touch", "ask"]);
    let select = key.start(&["select"]);
    key.run(&["wait", "--timeout", "10"]).did("\"gesture\":\"touch\"");
    key.run(&["touch", "--bad-sample", "too-fast"]).failed(1, &["does not ask for a finger"]);
    key.run(&["touch", "--bad-sample", "good"]).failed(2, &["possible values"]);
    key.run(&["touch", "--finger", "2"]).did("");
    Said::by(select.wait_with_output().unwrap()).did("This is the key");
}
