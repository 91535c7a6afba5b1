//! The map of the rules: for each one the code that carries it out, the tests that prove it, and the conformance cases.

use std::collections::{BTreeMap, BTreeSet};

use crate::mentions::{Mentions, Places};
use crate::rules::{self, FAMILIES, LeftOut, Rule};

/// The map, as Markdown.
#[must_use]
pub fn of_rules(mentions: &Mentions) -> String {
    let mut map = String::from(
        "# Rules, code and tests\n\n\
         Written by `cargo run -p keyfob-tests --bin spec-map`. The rules are in `docs/rules/`; marks: A well supported,\n\
         B one source, C unsure, – sources disagree. Each A and B is named by a test, or left out for a reason that\n\
         `docs/rules-left-out.md` tells too.\n\n\
         ## Families\n\n| family | carried out in |\n|---|---|\n",
    );
    for family in FAMILIES {
        map.push_str(&format!("| {family} | {} |\n", files_of(family, mentions).join("<br>")));
    }
    map.push_str(
        "\n## Rules\n\n| rule | mark | code | tests | conformance cases |\n|---|---|---|---|---|\n",
    );
    let left_out = rules::left_out();
    let is_ours = |rule: &&Rule| !rule.is_idea() && FAMILIES.contains(&rule.family());
    for rule in rules::all().iter().filter(is_ours) {
        let code = mentions.code.get(&rule.id).map(short).unwrap_or_default();
        let tests = proof(rule, &mentions.tests, &left_out);
        let cases = mentions.cases.get(&rule.id).map(short).unwrap_or_default();
        let row = format!("| {} | {} | {code} | {tests} | {cases} |\n", rule.id, rule.mark);
        map.push_str(&row);
    }
    map
}

/// The tests of a rule, or why it has none.
fn proof(rule: &Rule, tests: &Places, left_out: &[LeftOut]) -> String {
    let reason = || left_out.iter().find(|row| row.covers(rule)).map(|row| row.reason.as_str());
    match tests.get(&rule.id) {
        Some(places) => short(places),
        None => reason().map(|reason| format!("left out: {reason}")).unwrap_or_default(),
    }
}

/// The files that name a rule of the family, those with the most first.
fn files_of(family: &str, mentions: &Mentions) -> Vec<String> {
    let mut count: BTreeMap<&String, usize> = BTreeMap::new();
    let of_family = mentions.code.iter().filter(|(id, _)| id.starts_with(&format!("{family}-")));
    for file in of_family.flat_map(|(_, files)| files) {
        *count.entry(file).or_default() += 1;
    }
    let mut files: Vec<_> = count.into_iter().collect();
    files.sort_by_key(|(file, count)| (usize::MAX - count, (*file).clone()));
    files.into_iter().take(6).map(|(file, _)| format!("`{file}`")).collect()
}

fn short(places: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = places.iter().take(3).map(String::as_str).collect();
    let more = places.len().saturating_sub(shown.len());
    let rest = if more > 0 { format!("<br>and {more} more") } else { String::new() };
    let shown: Vec<String> =
        shown.iter().map(|place| place.trim_start_matches("crates/").to_owned()).collect();
    format!("{}{rest}", shown.join("<br>"))
}
