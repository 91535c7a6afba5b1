//! The documents are true: what they name exists, and the map of rules is the map of the code.

use std::collections::{BTreeMap, BTreeSet};

use keyfob_tests::addresses;
use keyfob_tests::map;
use keyfob_tests::markdown;
use keyfob_tests::mentions::Mentions;
use keyfob_tests::picture;
use keyfob_tests::rules::{self, FAMILIES, Rule};
use keyfob_tests::tree;

#[test]
fn the_map_of_rules_has_each_rule_once_with_its_code_and_its_tests() {
    let (mentions, all) = (Mentions::read(), rules::all());
    let map = map::of_rules(&mentions);
    let ours = all.iter().filter(|rule| is_of_a_family(&rule.id) && !rule.is_idea());
    for rule in ours {
        let rows: Vec<&str> =
            map.lines().filter(|line| line.starts_with(&format!("| {} |", rule.id))).collect();
        assert_eq!(rows.len(), 1, "{}", rule.id);
        let proof = mentions.tests.get(&rule.id).and_then(BTreeSet::first);
        let proof = proof.map_or("", |place| place.trim_start_matches("crates/"));
        assert!(rows[0].contains(proof), "{} without {proof}", rows[0]);
    }
}

#[test]
fn every_rule_that_code_names_exists() {
    let all = rules::all();
    let known: Vec<&String> = all.iter().map(|rule| &rule.id).collect();
    let Mentions { code, tests, cases, helpers } = Mentions::read();
    let unknown: BTreeMap<_, _> = code
        .iter()
        .chain(&tests)
        .chain(&cases)
        .chain(&helpers)
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
fn every_rule_that_another_names_stands_in_a_line_of_its_own() {
    let known: BTreeSet<_> = rules::all().into_iter().map(|rule| rule.id).collect();
    let files = tree::files("docs/rules", &[".md"]);
    let named: BTreeSet<_> = files.iter().flat_map(|file| rules::ids(&tree::read(file))).collect();
    let hidden: Vec<_> =
        named.iter().filter(|id| is_of_a_family(id) && !known.contains(*id)).collect();
    assert!(hidden.is_empty(), "this reader does not find {hidden:?}");
}

#[test]
fn every_binding_rule_is_named_by_a_test_or_left_out_for_a_reason() {
    let (tests, left_out) = (Mentions::read().tests, rules::left_out());
    let is_proved = |rule: &Rule| tests.contains_key(&rule.id);
    let forgotten: Vec<_> = rules::all()
        .into_iter()
        .filter(|rule| rule.is_binding() && !is_proved(rule))
        .filter(|rule| !left_out.iter().any(|row| row.covers(rule)))
        .map(|rule| format!("{} [{}]", rule.id, rule.mark))
        .collect();
    assert!(forgotten.is_empty(), "no test names {forgotten:?}, and no row leaves them out");
}

#[test]
fn nothing_is_left_out_that_is_tested_or_does_not_exist() {
    let (tests, all) = (Mentions::read().tests, rules::all());
    let rows = rules::left_out();
    assert!(rows.iter().all(|row| row.reason.len() > 20), "each row has a reason");
    let ids: Vec<_> = rows.iter().flat_map(|row| &row.ids).collect();
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "each rule is left out once");
    let tested: Vec<_> = ids.iter().filter(|id| tests.contains_key(**id)).collect();
    assert!(tested.is_empty(), "left out, but a test names them: {tested:?}");
    let known = |id: &String| all.iter().any(|rule| rule.is_binding() && rule.id == *id);
    let unknown: Vec<_> = ids.iter().filter(|id| !known(id)).collect();
    assert!(unknown.is_empty(), "left out, but there is nothing to prove: {unknown:?}");
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
    let tops = ["crates/", "tests/", "docs/", "examples/", ".ci/"];
    words
        .map(|word| word.trim_end_matches(['.', ':', ';']))
        .filter(|word| tops.iter().any(|top| word.starts_with(top)))
        .filter(|word| !word.contains(['*', '{', '<', '…', '#']))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_code_that_a_document_shows_is_code_that_runs() {
    let core = "crates/ctap-core/tests/embedding.rs";
    let whole_key = "crates/virtual-key/tests/embedding.rs";
    let front_page = "crates/ctap-client/src/lib.rs";
    for (document, programs) in [
        ("README.md", &[core, whole_key][..]),
        ("docs/embedding.md", &[core, whole_key]),
        ("docs/nfc.md", &[whole_key]),
        ("crates/ctap-core/README.md", &[core]),
        ("crates/ctap-client/README.md", &[front_page]),
        ("crates/virtual-key/README.md", &[whole_key]),
    ] {
        let runs: Vec<_> =
            programs.iter().map(|program| without_indentation(&tree::read(program))).collect();
        let blocks = markdown::blocks(&tree::read(document), "rust");
        assert!(!blocks.is_empty(), "{document} shows no Rust");
        for block in blocks {
            let block = without_indentation(&block);
            let is_there = runs.iter().any(|program| program.contains(&block));
            assert!(is_there, "{document} shows what {programs:?} do not have:\n{block}");
        }
    }
}

/// Examples in documentation are code as well.
fn without_indentation(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.trim_start_matches("//!").trim())).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for document in tree::files("", &[".md"]) {
        for target in markdown::links(&tree::read(&document)) {
            if !leads_somewhere(&document, &target) {
                broken.push(format!("{document} links to {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Links to the world outside are for people to try.
fn leads_somewhere(document: &str, target: &str) -> bool {
    if target.contains("://") {
        return true;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = if path.is_empty() { document.to_owned() } else { tree::join(folder, path) };
    match heading {
        "" => tree::root().join(path).exists(),
        _ => markdown::anchors(&tree::read(&path)).iter().any(|anchor| anchor == heading),
    }
}

#[test]
fn nobody_is_sent_to_an_address_that_is_not_this_projects() {
    let files = tree::files("", &[""]).into_iter().chain(tree::files(".github", &[""]));
    // The first tells what strays look like.
    let files = files.filter(|file| file != "tests/addresses.rs" && !file.ends_with("Cargo.lock"));
    let texts = files.filter_map(|file| Some((tree::text(&file)?, file)));
    let strays: Vec<_> = texts.flat_map(|(text, file)| addresses::strays(&file, &text)).collect();
    assert!(strays.is_empty(), "say “a clone of this repository” instead: {strays:#?}");
}

#[test]
fn a_dependency_that_a_document_shows_is_where_it_says_in_a_clone_beside_the_project() {
    let mut shown = 0;
    for document in tree::files("", &[".md"]) {
        let blocks = markdown::blocks(&tree::read(&document), "toml");
        for (name, path) in blocks.iter().flat_map(|block| addresses::dependencies(block)) {
            let path = path.unwrap_or_else(|| panic!("{document} shows {name} without a path"));
            let folder = path.strip_prefix("../keyfob/").expect("beside the project");
            let manifest = tree::read(&format!("{folder}/Cargo.toml"));
            assert!(manifest.contains(&format!("\nname = \"{name}\"\n")), "{document}: {path}");
            shown += 1;
        }
    }
    assert!(shown >= 5, "{shown}");
}

#[test]
fn the_picture_of_the_crates_shows_who_uses_whom_today() {
    let is_true = tree::read(picture::PLACE) == picture::of_crates();
    assert!(is_true, "draw it anew: cargo run -p keyfob-tests --bin draw");
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let contents = markdown::links(&tree::read("docs/README.md"));
    let is_page = |file: &String| file.matches('/').count() == 1 && file != "docs/README.md";
    let pages = tree::files("docs", &[".md"]).into_iter().filter(is_page);
    let forgotten: Vec<_> =
        pages.filter(|page| !contents.contains(&page.replace("docs/", ""))).collect();
    assert!(forgotten.is_empty(), "docs/README.md does not name {forgotten:?}");
}

#[test]
fn every_stage_of_dev_that_a_document_names_exists() {
    let dev = tree::read("dev");
    let is_stage = |word: &str| {
        let function = word.replace('-', "_");
        dev.contains(&format!("\n{function}() {{")) || dev.contains(&format!("\n    {word})"))
    };
    for document in tree::files("", &[".md"]) {
        for line in markdown::code_lines(&tree::read(&document)) {
            let mut words = line.split_whitespace().skip_while(|word| !word.ends_with("./dev"));
            let stage = words
                .nth(1)
                .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
            assert!(stage.is_none_or(is_stage), "{document}: {line}");
        }
    }
}
