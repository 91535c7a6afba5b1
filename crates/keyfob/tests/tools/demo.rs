//! `keyfob demo`.

use std::time::{Duration, Instant};

use crate::support::run;

#[test]
fn the_whole_journey_succeeds_quickly_and_plainly() {
    let begun = Instant::now();
    let said = run(&["demo"]);
    said.did("All 13 steps did what they should");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(!said.out.contains('\u{1b}'), "escape sequences where there is no terminal");
    assert!(!said.out.contains("failed"));
}

#[test]
fn every_step_tells_what_went_over_the_wire_and_every_touch_is_shown() {
    let said = run(&["demo", "--fast"]);
    let count =
        |label: &str| said.out.lines().filter(|line| line.trim_start().starts_with(label)).count();
    assert_eq!(
        [count("ok "), count("wire "), count("key asks "), count("person ")],
        [13, 12, 6, 6],
        "{}",
        said.out
    );
    assert_eq!(said.out.matches("keyfob touch").count(), 5);
    assert_eq!(said.out.matches("keyfob deny").count(), 1);
    for word in [
        "makeCredential",
        "getNextAssertion",
        "CTAP2_ERR_PIN_INVALID",
        "CTAP2_ERR_OPERATION_DENIED",
        "reset 1",
    ] {
        assert!(said.out.contains(word), "{word} is not in:\n{}", said.out);
    }
}
