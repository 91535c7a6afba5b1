//! The numbered rules of docs/rules, carried in the program for whoever asks what a case is about.

use std::iter;

use include_dir::{Dir, include_dir};

/// A rule, as its document has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// Such as `MC-07`.
    pub(super) id: String,
    /// What it says, with whatever else its table tells of it.
    pub(super) text: String,
    /// The document's name in docs/rules.
    pub(super) source: String,
}

/// All of them, in the order of the documents.
pub(super) fn all() -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for file in RULES.files() {
        let (path, text) =
            (file.path().display().to_string(), file.contents_utf8().unwrap_or_default());
        let found = rules_of(text).into_iter();
        rules.extend(found.map(|(id, text)| Rule { id, text, source: path.clone() }));
    }
    rules
}

/// A rule is a row of a table (`| MC-07 | B | … |`), an item of a list (`- GI-74 …`), or a paragraph (`GI-01 [A] …`).
fn rules_of(document: &str) -> Vec<(String, String)> {
    let mut heads: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for line in document.lines() {
        match line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) {
            Some(row) => {
                let cells: Vec<&str> = row.split(" | ").map(str::trim).collect();
                match cells.split_first().and_then(|(first, rest)| row_of(first, &heads, rest)) {
                    Some(rule) => found.push(rule),
                    None => heads = cells,
                }
            }
            None => found.extend(rule_in_words(line)),
        }
    }
    found
}

/// A row whose first cell has an id in it, and perhaps what the row is about, and a mark: `MSG-22 largeBlobs response [A]`.
fn row_of(first: &str, heads: &[&str], rest: &[&str]) -> Option<(String, String)> {
    let (id, about) = first.split_once(' ').unwrap_or((first, ""));
    let id = id.trim_matches('*');
    let about = about.split('[').next().unwrap_or_default().trim();
    let text = told(heads, rest);
    let text = if about.is_empty() { text } else { format!("{about}: {text}") };
    is_id(id).then(|| (id.to_owned(), text))
}

fn rule_in_words(line: &str) -> Option<(String, String)> {
    let (id, text) = line.trim_start_matches("- ").split_once(' ')?;
    is_id(id).then(|| (id.to_owned(), plain(text)))
}

/// What a row says: its last cell, or each cell under its heading if there are several that say something.
fn told(heads: &[&str], cells: &[&str]) -> String {
    let heads = heads.iter().copied().skip(1).chain(iter::repeat(""));
    let telling: Vec<(&str, &str)> = heads
        .zip(cells.iter().copied())
        .filter(|(head, cell)| *head != "mark" && !cell.is_empty())
        .collect();
    match telling[..] {
        [(_, only)] => plain(only),
        _ => {
            let lines = telling.iter().map(|(head, cell)| format!("{head}: {}", plain(cell)));
            lines.collect::<Vec<_>>().join("\n")
        }
    }
}

/// Without the marks that make Markdown bold.
fn plain(text: &str) -> String {
    text.replace("**", "")
}

/// `MC-07`: what families of rules are called, and a number.
fn is_id(word: &str) -> bool {
    let Some((family, number)) = word.split_once('-') else { return false };
    let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    (2..=3).contains(&family.len()) && family.bytes().all(|c| c.is_ascii_uppercase()) && is_number
}

static RULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ctap_conformance::Suite;

    use super::*;

    #[test]
    fn every_rule_that_a_case_proves_can_be_explained() {
        let known: BTreeSet<String> = all().into_iter().map(|rule| rule.id).collect();
        let suite = Suite::built_in();
        for rule in suite.cases().flat_map(|case| &case.rules) {
            assert!(known.contains(rule), "{rule}");
        }
    }

    #[test]
    fn a_rule_is_read_from_a_table_a_list_or_a_paragraph() {
        let document = "GI-01 [A] No parameters.\n\n| id | mark | rule |\n|---|---|---|\n| MC-07 | B | **So** it is. |\n\n\
                        | id | option | when true | mark |\n| GI-50 | plat | built in | A |\n\n| | |\n|---|---|\n| MSG-22 config response [A] | nothing |\n\n- GI-74 alwaysUv ends it.\n- Listing X.\n";
        let expected = [
            ("GI-01", "[A] No parameters."),
            ("MC-07", "So it is."),
            ("GI-50", "option: plat\nwhen true: built in"),
            ("MSG-22", "config response: nothing"),
            ("GI-74", "alwaysUv ends it."),
        ];
        let expected = expected.map(|(id, text)| (id.to_owned(), text.to_owned()));
        assert_eq!(rules_of(document), expected);
    }
}
