//! `keyfob bench`.

use serde_json::Value;

use crate::support::{Key, run};

/// One run, beside a peer that refuses every touch, and takes a PIN.
#[test]
fn figures_are_told_beside_what_they_are_compared_with_and_beside_a_peer() {
    let peer = Key::serve(&["--touch", "deny"]);
    let page = peer.home().join("page.md");
    let address = format!("usbip:{}", peer.server);
    let page_name = page.to_str().unwrap();
    let said = run(&["bench", "--quick", "--json", "--peer", &address, "--markdown", page_name]);
    assert_eq!(said.code, 0, "{}", said.err);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    goals_and_medians(&report);
    syncs_and_peer(&report);
    growth_and_page(&report, &std::fs::read_to_string(page).unwrap());
}

fn goals_and_medians(report: &Value) {
    let figures = report["figures"].as_array().unwrap();
    let positive = |figure: &&Value| figure["value"].as_f64().unwrap() > 0.0;
    let mut times = figures.iter().filter(|figure| figure["samples"].is_u64());
    assert!(times.all(|figure| positive(&figure)));
    let goals: Vec<f64> =
        figures.iter().filter_map(|figure| figure["comparison"]["at_most"].as_f64()).collect();
    assert_eq!(goals, [4.0, 3.0, 3.0, 3.0, 3.0]);
    assert!(positive(&figures.iter().find(|figure| figure["unit"] == "MiB").unwrap()));
}

fn syncs_and_peer(report: &Value) {
    let figures = report["figures"].as_array().unwrap();
    let named = |name: &str| figures.iter().find(|figure| figure["name"] == name).unwrap();
    let waited_for = |name| named(name)["syncs"]["waited_for"].as_f64().unwrap();
    // What is more than one is a file that is written again, once in a thousand commits.
    assert!((1.0..1.2).contains(&waited_for("PIN token, durable, in process")));
    assert!((1.0..1.2).contains(&waited_for("makeCredential with rk, durable, in process")));
    assert!(waited_for("getAssertion with a touch, durable, in process") < 0.1);
    for name in ["getInfo, USB/IP", "PIN token, durable, USB/IP", "CTAPHID ping, 1 KiB, USB/IP"] {
        assert!(named(name)["peer"]["ratio"].as_f64().unwrap() > 0.0, "{name}");
    }
    let reason = named("getAssertion with a touch, USB/IP")["peer"]["reason"].as_str().unwrap();
    assert!(reason.contains("CTAP2_ERR_OPERATION_DENIED"), "{reason}");
}

fn growth_and_page(report: &Value, page: &str) {
    for curve in report["growth"].as_array().unwrap() {
        let points = curve["points"].as_array().unwrap();
        let sizes: Vec<_> = points.iter().map(|point| point["credentials"].as_u64()).collect();
        assert_eq!(sizes, [10, 100, 1000].map(Some), "{}", curve["name"]);
    }
    assert!(page.starts_with("# Performance\n"), "{page}");
    assert!(page.contains("| PIN token, durable, USB/IP |") && page.contains("× peer's"));
    assert!(page.contains("| passkeys | PIN token |"), "{page}");
}

#[test]
fn a_farm_is_measured_with_one_client_and_with_all() {
    let size = ["--keys", "3", "--clients", "2", "--rate", "2000", "--samples", "20"];
    let said = run(&[&["bench", "--farm", "--json"], &size[..]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let rows = report["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let expected = [
        "getInfo",
        "makeCredential",
        "getAssertion",
        "a passkey, durable",
        "getAssertion, durable",
    ];
    assert_eq!(names, expected);
    for row in rows {
        assert_eq!(
            (&row["alone"]["samples"], &row["together"]["samples"]),
            (&20.into(), &20.into())
        );
        assert!(row["ratio"].as_f64().unwrap() > 0.0, "{row}");
    }
    // Its thread, and one for its memory's disk.
    let threads = |number: usize| report["costs"][number]["each"]["threads"].as_f64();
    assert_eq!((threads(0), threads(1)), (Some(1.0), Some(2.0)));
    assert_ne!(run(&["bench", "--farm", "--keys", "2", "--clients", "3"]).code, 0);
}

#[test]
fn a_peer_that_is_not_there_is_an_error_with_a_next_step() {
    let said = run(&["bench", "--quick", "--peer", "usbip:127.0.0.1:1"]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("cannot connect to 127.0.0.1:1") && said.err.contains("next:"));
}
