//! `keyfob doctor` on the machine that runs the tests, whatever it is.

use serde_json::Value;

use crate::support::{Key, run};

#[test]
fn the_exit_code_says_whether_anything_is_lacking_and_each_lack_has_a_next_step() {
    let said = run(&["doctor", "--json"]);
    let findings: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    let lacking: Vec<&Value> =
        findings.iter().filter(|finding| finding["state"] == "lacking").collect();
    assert_eq!(said.code, i32::from(!lacking.is_empty()), "{}", said.err);
    assert!(lacking.iter().all(|finding| finding["next"].is_string()));
    let topics: Vec<&str> =
        findings.iter().filter_map(|finding| finding["topic"].as_str()).collect();
    for topic in [
        "vhci-hcd",
        "permission",
        "usbhid",
        "keyfob",
        "port 3240",
        "usbip",
        "fido2-token",
        "udev",
        "keys",
    ] {
        assert!(topics.contains(&topic), "{topic} is not in {topics:?}");
    }
}

#[test]
fn a_running_key_is_found() {
    let text = Key::obliging().run(&["doctor"]).out;
    assert!(text.contains("a key is running"), "{text}");
    let text = run(&["doctor"]).out;
    assert!(text.contains("no key is running"), "{text}");
}
