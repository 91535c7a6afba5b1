//! Faults on purpose: added, listed and cleared while the key runs, and of a profile from its start.

use std::fs;

use ctap_client::{Error, Status};
use serde_json::{Value, json};

use crate::host::{import_from, refusal, select};
use crate::program::{Home, error_of};

fn status(home: &Home) -> Value {
    serde_json::from_str(&home.succeed(&["status", "--json"])).unwrap()
}

#[test]
fn a_running_key_does_wrong_what_it_is_told_and_then_right_again() {
    let home = Home::new();
    let serving = home.serve(&["--ephemeral", "--touch", "auto"]);
    assert_eq!(status(&home)["keys"][0]["faults"], json!([]));
    let add = ["fault", "add", "status", "--status", "CTAP2_ERR_PIN_BLOCKED"];
    home.succeed(&[&add[..], &["--command", "selection", "--requests", "2"]].concat());
    home.succeed(&["fault", "add", "unsorted-get-info"]);
    let faults = json!([
        { "id": 1, "fault": { "kind": "status", "status": 0x32, "requests": 2, "command": "selection" } },
        { "id": 2, "fault": { "kind": "unsorted-cbor", "recipe": "unsorted-get-info", "requests": "all", "command": "getInfo" } },
    ]);
    assert_eq!(status(&home)["keys"][0]["faults"], faults);
    let told = home.succeed(&["status"]);
    assert!(told.contains("1-1 has faults on purpose: status (status 0x32), the next 2"), "{told}");

    let device = status(&home)["keys"][0]["device"].as_str().unwrap().to_owned();
    let without_bus_id = format!("usbip:localhost:{}", serving.address().port());
    for device in [&device, &without_bus_id] {
        let information = error_of(&home.run(&["info", "--device", device]));
        assert!(information.contains("this key has faults on purpose"), "{device}: {information}");
    }

    let mut key = import_from(serving.address());
    for _ in 0..2 {
        let (same, outcome) = select(key).join().unwrap();
        assert_eq!(refusal(outcome), Some(Status::PinBlocked));
        key = same;
    }
    let (mut key, outcome) = select(key).join().unwrap();
    outcome.expect("the third is right");
    assert!(matches!(key.client().get_info(), Err(Error::Reply(_))), "not canonical CBOR");

    let told = home.succeed(&["fault", "list"]);
    assert!(
        told.contains("   2  unsorted-get-info (unsorted-cbor), all requests of getInfo\n"),
        "{told}"
    );
    assert!(told.contains("delayed-report") && told.contains("deaf-to-cancel"), "{told}");
    let none = home.fail(&["fault", "clear", "1"], 1);
    assert!(none.contains("the key has no fault 1") && none.contains("next: "), "{none}");
    home.succeed(&["fault", "clear", "2"]);
    key.client().get_info().expect("it is right again");
    let (_, said) = serving.end(rustix::process::Signal::TERM);
    assert!(said.contains("warning: 1-1 has a fault on purpose: unsorted-get-info"), "{said}");
}

#[test]
fn what_is_no_fault_is_said_before_any_key_is_asked() {
    let home = Home::new();
    for (words, what) in [
        (&["silense"][..], "there is no fault and no recipe silense\nnext: write silence"),
        (&["slow-answer"], "the fault slow-answer needs milliseconds"),
        (&["busy", "--bytes", "3"], "busy does not use bytes"),
    ] {
        let told = home.fail(&[&["fault", "add"], words].concat(), 2);
        assert!(told.contains(what), "{told}");
    }
    let names = home.run(&["fault", "list"]);
    assert_eq!(names.status.code(), Some(3), "no key runs");
    assert!(String::from_utf8(names.stdout).unwrap().contains("keepalive-storm"));
}

#[test]
fn a_profile_has_faults_and_pulling_the_plug_is_one() {
    let home = Home::new();
    let profile = home.path().join("faulty.toml");
    let faults = "[[faults]]\nkind = \"unplug\"\nreport = 0\ncommand = \"selection\"\n";
    fs::write(&profile, faults).unwrap();
    let arguments = ["--ephemeral", "--touch", "auto", "--profile", profile.to_str().unwrap()];
    let serving = home.serve(&arguments);
    let (_, outcome) = select(import_from(serving.address())).join().unwrap();
    let error = outcome.expect_err("it is gone");
    assert!(matches!(error, Error::Transport(_)), "{error}");
    let (_, outcome) = select(import_from(serving.address())).join().unwrap();
    outcome.expect("it is back, and right");

    fs::write(&profile, "[[faults]]\nkind = \"slow-answer\"\n").unwrap();
    let serve = ["serve", "--profile", profile.to_str().unwrap(), "--ephemeral"];
    let told = home.fail(&serve, 1);
    assert!(told.contains("line 1") && told.contains("needs milliseconds"), "{told}");
}
