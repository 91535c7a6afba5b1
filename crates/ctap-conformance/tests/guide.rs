//! The pages about the suite are true: the cases, words and chapters that they name exist, and the case they show can be run.

#[path = "../examples/own_authenticator.rs"]
#[expect(dead_code, reason = "its main, which is not run here")]
mod own_authenticator;

use std::fs;
use std::path::Path;

use ctap_conformance::{Case, Expectations, Suite};
use ctap_core::CheckedConfig;

fn guide() -> String {
    let page = |name| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        fs::read_to_string(path).unwrap()
    };
    ["conformance.md", "conformance-in-ci.md", "conformance-reference.md"].map(page).concat()
}

/// What stands behind `before` on its line, up to the next space.
fn words_behind<'a>(text: &'a str, before: &'a str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split([' ', '\n', '`']).next()).collect()
}

/// The text between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).expect("both marks").0
}

#[test]
fn the_words_it_filters_by_find_cases() {
    let (guide, suite) = (guide(), Suite::built_in());
    let words = words_behind(&guide, "--filter ");
    assert!(words.len() >= 2, "{words:?}");
    for word in words {
        let word = word.trim_matches('\'');
        assert!(!suite.filtered(&[word.to_owned()]).is_empty(), "nothing fits {word}");
    }
}

#[test]
fn the_cases_and_rules_it_names_exist() {
    let (guide, suite) = (guide(), Suite::built_in());
    let explained = words_behind(&guide, "--explain ");
    assert!(!explained.is_empty());
    for name in explained {
        let is_meant = |case: &Case| case.id == name || case.rules.iter().any(|rule| rule == name);
        assert!(suite.cases().any(is_meant), "there is no case and no rule {name}");
    }
    let known = between(&guide, "$ cat known.txt\n", "$ keyfob");
    assert!(known.lines().count() >= 2);
    assert_eq!(Expectations::read(known).unknown(&suite).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_case_of_ones_own_that_it_shows_passes() {
    let guide = guide();
    let case = between(&guide, "house_rules.toml <<'END'\n", "END\n");
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("house_rules.toml"), case).unwrap();
    let suite = Suite::in_directory(directory.path()).unwrap();
    let report = own_authenticator::test(CheckedConfig::default(), &suite, &[]).unwrap();
    assert_eq!(report.counts(), (1, 0, 0));
}
