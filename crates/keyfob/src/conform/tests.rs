//! Every built-in kind of key, in simulated time, against every case.

use std::time::Duration;

use ctap_conformance::{HidKey, Options, Suite, Verdict, run};

use super::Simulated;
use crate::profile::Profile;

/// Runs the whole suite and returns how many cases passed.
fn passes_all_that_apply(profile: &str) -> usize {
    let suite = Suite::built_in();
    let mut key = HidKey::new(Simulated::new(&Profile::load(profile).unwrap()).unwrap());
    let options = Options { may_erase: true, patience: Duration::ZERO };
    let report = run(&mut key, &suite.filtered(&[]), &options, |_| {}).unwrap();
    for outcome in report.failures() {
        let Verdict::Failed(failure) = &outcome.verdict else { continue };
        println!("{}: {}\n{failure}\n", outcome.id, outcome.says);
    }
    let (passed, failed, _) = report.counts();
    assert_eq!(failed, 0, "of {profile}");
    passed
}

#[test]
fn the_default_key_passes_every_case_that_applies() {
    assert!(passes_all_that_apply("default") > 1000);
}

#[test]
fn the_key_with_a_sensor_passes_every_case_that_applies() {
    assert!(passes_all_that_apply("bio") > 1000);
}

#[test]
fn the_key_with_everything_passes_every_case_that_applies() {
    assert!(passes_all_that_apply("everything") > 1000);
}

#[test]
fn the_key_of_2019_passes_every_case_that_applies() {
    assert!(passes_all_that_apply("fido2.0") > 300);
}

#[test]
fn the_key_with_u2f_alone_passes_every_case_that_applies() {
    assert!(passes_all_that_apply("u2f-only") > 100);
}
