//! The documents are true: what they name exists, and the map of rules is the map of the code.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::{env, fs};

use keyfob_tests::rules::{self, FAMILIES, Mentions};
use keyfob_tests::tree;

/// `KEYFOB_BLESS=1 cargo test -p keyfob-tests --test documents` writes it anew.
#[test]
fn the_map_of_rules_is_up_to_date() {
    let expected = spec_map(&rules::mentions());
    if env::var_os("KEYFOB_BLESS").is_some() {
        fs::write(tree::root().join("docs/spec-map.md"), &expected).unwrap();
    }
    assert!(
        tree::read("docs/spec-map.md") == expected,
        "docs/spec-map.md is out of date; type: KEYFOB_BLESS=1 cargo test -p keyfob-tests --test documents"
    );
}

#[test]
fn every_rule_that_code_names_exists() {
    let all = rules::all();
    let known: Vec<&String> = all.iter().map(|rule| &rule.id).collect();
    let Mentions { code, tests } = rules::mentions();
    let unknown: BTreeMap<_, _> = code
        .iter()
        .chain(&tests)
        .filter(|(id, _)| is_of_a_family(id) && !rules::is_gap(id, &all) && !known.contains(id))
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// Numbers within a family have gaps, which ranges name too; beyond the first and last there is nothing.
fn is_of_a_family(id: &str) -> bool {
    let family = id.split('-').next().unwrap_or_default();
    FAMILIES.contains(&family)
}

#[test]
fn every_file_that_a_document_names_exists() {
    let mut missing = Vec::new();
    for document in tree::files("", &[".md"]).iter().filter(|file| !file.contains("docs/rules")) {
        for path in named_paths(&tree::read(document)) {
            let beside = document
                .rsplit_once('/')
                .map_or(path.clone(), |(folder, _)| format!("{folder}/{path}"));
            if !tree::root().join(&path).exists() && !tree::root().join(beside).exists() {
                missing.push(format!("{document} names {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// What looks like a path of the tree: in backquotes or a link, with a slash, starting with a folder of ours.
fn named_paths(text: &str) -> Vec<String> {
    let words = text.split(|c: char| "`()[] \n|,".contains(c));
    let tops = ["crates/", "tests/", "docs/", "examples/", "fuzz/", ".ci/"];
    words
        .map(|word| word.trim_end_matches(['.', ':', ';']))
        .filter(|word| tops.iter().any(|top| word.starts_with(top)))
        .filter(|word| !word.contains(['*', '{', '<', '…', '#']))
        .map(str::to_owned)
        .collect()
}

fn spec_map(mentions: &Mentions) -> String {
    let mut map = String::from(
        "# Rules, code and tests\n\n\
         Written by `KEYFOB_BLESS=1 cargo test -p keyfob-tests --test documents` and checked by `./dev check`.\n\
         The rules are in [rules/](rules/00-readme.md); marks: A well supported, B one source, C unsure, – sources disagree.\n\n\
         ## Families\n\n| family | carried out in |\n|---|---|\n",
    );
    for family in FAMILIES {
        let files = files_of(family, mentions);
        writeln!(map, "| {family} | {} |", files.join("<br>")).unwrap();
    }
    map.push_str("\n## Rules\n\n| rule | mark | code | tests |\n|---|---|---|---|\n");
    for rule in rules::all()
        .iter()
        .filter(|rule| !rule.is_idea())
        .filter(|rule| FAMILIES.iter().any(|family| rule.id.starts_with(&format!("{family}-"))))
    {
        let code = mentions.code.get(&rule.id).map(short).unwrap_or_default();
        let tests = mentions.tests.get(&rule.id).map(short).unwrap_or_default();
        writeln!(map, "| {} | {} | {code} | {tests} |", rule.id, rule.mark).unwrap();
    }
    map
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

fn short(places: &std::collections::BTreeSet<String>) -> String {
    let shown: Vec<&str> = places.iter().take(3).map(String::as_str).collect();
    let more = places.len().saturating_sub(shown.len());
    let rest = if more > 0 { format!("<br>and {more} more") } else { String::new() };
    let shown: Vec<String> = shown
        .iter()
        .map(|place| place.trim_start_matches("crates/").trim_end_matches(": ").to_owned())
        .collect();
    format!("{}{rest}", shown.join("<br>"))
}
