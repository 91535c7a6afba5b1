//! `keyfob doctor` on the machine that runs the tests, whatever it is.

use serde_json::Value;

use crate::support::{Key, run};

#[test]
fn each_way_to_a_key_has_a_verdict_and_each_lack_a_next_step() {
    let said = run(&["doctor", "--json"]);
    assert_eq!(said.code, 0, "a key can be served everywhere: {}", said.err);
    let findings: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    let lacking: Vec<&Value> =
        findings.iter().filter(|finding| finding["state"] == "lacking").collect();
    assert!(lacking.iter().all(|finding| finding["next"].is_string()));
    let about = |topic: &str| findings.iter().find(|finding| finding["topic"] == topic);
    for topic in [
        "vhci-hcd",
        "uhid",
        "permission",
        "usbhid",
        "hidraw",
        "keyfob",
        "port 3240",
        "usbip",
        "fido2-token",
        "udev",
        "keys",
    ] {
        assert!(about(topic).is_some(), "nothing about {topic}");
    }
    let attach = about("attach").unwrap();
    assert_eq!(attach["state"] == "lacking", !lacking.is_empty());
    assert_eq!(about("serve").unwrap()["state"], "good");
}

#[test]
fn the_exit_code_is_for_the_way_that_was_asked_for() {
    let attach = run(&["doctor", "attach"]);
    let is_possible = attach.out.contains("yes: `keyfob attach`");
    assert_eq!(attach.code, i32::from(!is_possible), "{}", attach.err);
    if !is_possible {
        attach.failed(1, &["keyfob: attach: no, because ", "\nnext: "]);
    }
    run(&["doctor", "serve"]).did("yes: `keyfob serve`");
}

#[test]
fn the_udev_rule_is_printed_as_it_goes_into_its_file() {
    run(&["doctor", "--udev-rule"]).did("TAG+=\"snap_firefox_firefox\"");
    run(&["doctor", "--udev-rule", "--uhid"]).did("KERNEL==\"uhid\"");
    run(&["doctor", "--uhid"]).failed(2, &["--udev-rule"]);
    run(&["doctor", "--udev-rule", "--json"]).failed(2, &["cannot be used with"]);
}

#[test]
fn what_a_bridge_needs_as_a_service_is_printed_as_it_goes_into_its_files() {
    run(&["doctor", "--polkit-rule"]).did("polkit.addRule(");
    run(&["doctor", "--bridge-unit"]).did("/keyfob\" bridge --uhid");
    run(&["doctor", "--polkit-rule", "--bridge-unit"]).failed(2, &["cannot be used with"]);
}

#[test]
fn a_running_key_is_found() {
    let text = Key::obliging().run(&["doctor"]).out;
    assert!(text.contains("a key is running"), "{text}");
    let text = run(&["doctor"]).out;
    assert!(text.contains("no key is running"), "{text}");
}
