//! The numbered rules in `docs/rules/`, and where code and tests name them.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree;

/// The families that concern an authenticator on USB, in the order of the files.
pub const FAMILIES: [&str; 15] =
    ["MSG", "MC", "GA", "GI", "CP", "RS", "SL", "CM", "BE", "LB", "CF", "EX", "HD", "UF", "AT"];

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its id, such as `MC-07`.
    pub id: String,
    /// `A`: well supported, `B`: one source, `C`: unsure, `–`: sources disagree.
    pub mark: char,
}

/// The rules as tables define them: `| MC-07 | B | … |`, and as paragraphs do: `MC-50 [A] …`.
#[must_use]
pub fn all() -> Vec<Rule> {
    let files = tree::files("docs/rules", &[".md"]);
    files
        .iter()
        .flat_map(|file| tree::read(file).lines().filter_map(definition).collect::<Vec<_>>())
        .collect()
}

/// A row without a column for marks has its mark in brackets, or stands in a table that is marked as a whole: A.
fn definition(line: &str) -> Option<Rule> {
    let is_row = line.starts_with(['|', '-']);
    let line = line.trim_start_matches(['|', ' ', '-', '*']);
    let id = id_at(line)?;
    let rest = line.strip_prefix(&id)?.trim_start_matches([' ', '|', '[']);
    let mut start = rest.chars();
    let mark = start.next().filter(|mark| "ABC–".contains(*mark));
    let stands_alone = start.next().is_none_or(|after| !after.is_alphanumeric());
    let bracketed = || ['B', 'C'].into_iter().find(|mark| line.contains(&format!("[{mark}")));
    match mark.filter(|_| stands_alone) {
        Some(mark) => Some(Rule { id, mark }),
        None if is_row => Some(Rule { id, mark: bracketed().unwrap_or('A') }),
        None => None,
    }
}

impl Rule {
    /// An idea for a test, such as `CP-A10`, not a rule of its own.
    #[must_use]
    pub fn is_idea(&self) -> bool {
        self.id.contains("-A")
    }
}

/// The rule id that a text starts with.
fn id_at(text: &str) -> Option<String> {
    let (family, rest) = text.split_once('-')?;
    let is_family =
        (2..=3).contains(&family.len()) && family.chars().all(|c| c.is_ascii_uppercase());
    let number: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    let is_number = (2..=3).contains(&number.len())
        && number.starts_with(|c: char| c.is_ascii_digit() || c == 'A');
    (is_family && is_number).then(|| format!("{family}-{number}"))
}

/// Where rules are named: rule id to file, or to file and test.
pub type Places = BTreeMap<String, BTreeSet<String>>;

/// Where source code and tests name rules.
#[derive(Debug, Default)]
pub struct Mentions {
    /// Files of the crates that carry a rule out.
    pub code: Places,
    /// Tests that prove it, as `file: test`.
    pub tests: Places,
}

/// Reads the whole tree.
#[must_use]
pub fn mentions() -> Mentions {
    let mut mentions = Mentions::default();
    for file in tree::files("crates", &[".rs", ".toml"])
        .into_iter()
        .chain(tree::files("tests", &[".rs", ".py"]))
    {
        read_file(&file, &tree::read(&file), &mut mentions);
    }
    mentions
}

fn read_file(file: &str, text: &str, mentions: &mut Mentions) {
    let mut in_tests = file.contains("/tests") || file.starts_with("tests/");
    let mut name = String::new();
    let mut above: Vec<String> = Vec::new();
    for line in text.lines() {
        in_tests |= line.contains("#[cfg(test)]");
        let is_comment = line.trim_start().starts_with("//") || line.trim_start().starts_with('#');
        if let Some(function) = function(line) {
            name = function;
            for id in above.drain(..) {
                note(mentions, in_tests, file, &name, id);
            }
        } else if !is_comment {
            above.clear();
        }
        for id in ids(line) {
            above.push(id.clone());
            note(mentions, in_tests, file, &name, id);
        }
    }
}

fn note(mentions: &mut Mentions, in_tests: bool, file: &str, name: &str, id: String) {
    if in_tests {
        mentions.tests.entry(id).or_default().insert(format!("{file}: {name}"));
    } else {
        mentions.code.entry(id).or_default().insert(file.to_owned());
    }
}

fn function(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("fn ").or_else(|| line.split_once("def "))?;
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// The ids in a line; `MC-06 to MC-08` names all three.
#[must_use]
pub fn ids(line: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, _) in line.char_indices() {
        let starts = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '-');
        let Some(id) = line.get(at..).filter(|_| starts).and_then(id_at) else { continue };
        if line[..at].ends_with(" to ") {
            let from = found.last().cloned();
            found.extend(from.into_iter().flat_map(|from| between(&from, &id)));
        }
        found.push(id);
    }
    found
}

/// Whether this id stands for nothing, between two rules of its family.
#[must_use]
pub fn is_gap(id: &str, rules: &[Rule]) -> bool {
    let Some((family, number)) = id.split_once('-') else { return false };
    let Ok(number) = number.parse::<u32>() else { return false };
    let numbers: BTreeSet<u32> = rules
        .iter()
        .filter_map(|rule| rule.id.strip_prefix(family)?.strip_prefix('-')?.parse().ok())
        .collect();
    let within = numbers.first().is_some_and(|first| *first < number)
        && numbers.last().is_some_and(|last| number < *last);
    within && !numbers.contains(&number)
}

fn between(from: &str, to: &str) -> Vec<String> {
    let split = |id: &str| {
        let (family, number) = id.split_once('-')?;
        Some((family.to_owned(), number.parse::<u32>().ok()?))
    };
    match (split(from), split(to)) {
        (Some((family, first)), Some((other, last))) if family == other => {
            (first + 1..last).map(|number| format!("{family}-{number:02}")).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_names_all_that_is_between() {
        assert_eq!(ids("see MC-06 to MC-09, GA-17"), ["MC-06", "MC-07", "MC-08", "MC-09", "GA-17"]);
    }

    #[test]
    fn a_table_row_and_a_paragraph_define_rules() {
        assert_eq!(definition("| MC-07 | B | Empty |").map(|rule| rule.mark), Some('B'));
        assert_eq!(definition("MC-50 [A] options").map(|rule| rule.mark), Some('A'));
        assert!(definition("Clients see MC-50").is_none());
    }
}
