//! Texts of any kind as the steps of a conformance case.
//!
//! Steps that are read are kept word for word: written into a file again they make the same cases.
#![no_main]

use std::cell::LazyCell;
use std::fs;

use ctap_conformance::Suite;
use keyfob_fuzz::plant;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

fuzz_target!(init: plant(seeds), |steps: &str| {
    if let Some(cases) = read(steps) {
        let [script] = &cases[..] else { panic!("one case was written: {cases:?}") };
        assert_eq!(read(script).as_ref(), Some(&cases), "read again");
    }
});

/// The scripts of the cases that these steps make.
fn read(steps: &str) -> Option<Vec<String>> {
    if steps.contains("'''") {
        return None;
    }
    let text = format!(
        "about = \"fuzz\"\n[[case]]\nid = \"fuzz\"\nrules = [\"HD-01\"]\nsays = \"Fuzz.\"\nsteps = '''\n{steps}'''\n"
    );
    DIRECTORY.with(|directory| {
        fs::write(directory.path().join("fuzz.toml"), text).expect("a place to write");
        let suite = Suite::in_directory(directory.path()).ok()?;
        Some(suite.cases().map(|case| case.script.clone()).collect())
    })
}

thread_local! {
    static DIRECTORY: LazyCell<TempDir> =
        LazyCell::new(|| TempDir::with_prefix("keyfob-fuzz-").expect("a place to write"));
}

/// Every case that the suite has.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let suite = Suite::built_in();
    let seed = |case: &ctap_conformance::Case| (case.id.clone(), case.script.clone().into_bytes());
    suite.cases().filter(|case| !case.id.contains('[')).map(seed).collect()
}
