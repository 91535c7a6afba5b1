//! The numbered rules in `docs/rules/`, and those that `docs/rules-left-out.md` gives up.

use std::collections::BTreeSet;

use crate::tree;

/// The families that concern an authenticator on USB, in the order of the files.
pub const FAMILIES: [&str; 16] = [
    "MSG", "MC", "GA", "GI", "CP", "RS", "SL", "CM", "BE", "LB", "CF", "EX", "PS", "HD", "UF", "AT",
];

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

/// A row has its mark behind the id, in its last column, or in brackets, or stands in a table that is marked as a whole: A.
fn definition(line: &str) -> Option<Rule> {
    let is_row = line.starts_with(['|', '-']);
    let line = line.trim_start_matches(['|', ' ', '-', '*']);
    let id = id_at(line)?;
    let rest = line.strip_prefix(&id)?.trim_start_matches([' ', '|', '[']);
    match mark_before(rest) {
        Some(mark) => Some(Rule { id, mark }),
        None if is_row => {
            let last_cell = line.strip_suffix(" |").and_then(|row| row.rsplit(" | ").next());
            let last_cell = last_cell.filter(|cell| cell.chars().count() == 1);
            let bracketed =
                || ['B', 'C'].into_iter().find(|mark| line.contains(&format!("[{mark}")));
            let mark = last_cell.and_then(mark_before).or_else(bracketed);
            Some(Rule { id, mark: mark.unwrap_or('A') })
        }
        None => None,
    }
}

/// The mark that a text begins with, if it is no part of a word.
fn mark_before(text: &str) -> Option<char> {
    let mut start = text.chars();
    let mark = start.next().filter(|mark| "ABC–".contains(*mark))?;
    start.next().is_none_or(|after| !after.is_alphanumeric()).then_some(mark)
}

impl Rule {
    /// An idea for a test, such as `CP-A10`, not a rule of its own.
    #[must_use]
    pub fn is_idea(&self) -> bool {
        self.id.contains("-A")
    }

    /// The letters that it shares with the rules of its file.
    #[must_use]
    pub fn family(&self) -> &str {
        self.id.split('-').next().unwrap_or_default()
    }

    /// Well enough supported that a test has to prove it.
    #[must_use]
    pub fn is_binding(&self) -> bool {
        !self.is_idea() && "AB".contains(self.mark)
    }
}

/// Rules that no test proves, and why: a row of `docs/rules-left-out.md`.
#[derive(Debug)]
pub struct LeftOut {
    /// Families, such as `NF`: those of their rules that no test names.
    pub families: Vec<String>,
    /// Single rules.
    pub ids: Vec<String>,
    /// The reason, for people.
    pub reason: String,
}

impl LeftOut {
    /// Whether this row is about the rule.
    #[must_use]
    pub fn covers(&self, rule: &Rule) -> bool {
        self.ids.contains(&rule.id) || self.families.iter().any(|family| family == rule.family())
    }
}

/// The rows of `docs/rules-left-out.md`.
#[must_use]
pub fn left_out() -> Vec<LeftOut> {
    tree::read("docs/rules-left-out.md").lines().filter_map(row_left_out).collect()
}

fn row_left_out(line: &str) -> Option<LeftOut> {
    let (which, reason) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
    let is_family = |word: &&str| word.len() <= 3 && word.chars().all(|c| c.is_ascii_uppercase());
    let families: Vec<_> = which.split(", ").filter(is_family).map(str::to_owned).collect();
    let ids = ids(which);
    let is_row = !families.is_empty() || !ids.is_empty();
    is_row.then(|| LeftOut { families, ids, reason: reason.to_owned() })
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
        assert_eq!(definition("| GI-28 | 13 | levels | B |").map(|rule| rule.mark), Some('B'));
        assert!(definition("Clients see MC-50").is_none());
    }

    #[test]
    fn a_row_leaves_out_families_and_single_rules() {
        let row = row_left_out("| NF, MC-37 | no radio |").unwrap();
        assert_eq!((row.families, row.ids), (vec!["NF".to_owned()], vec!["MC-37".to_owned()]));
        assert_eq!(row.reason, "no radio");
        assert!(row_left_out("| rules | why |").is_none());
        assert!(row_left_out("|---|---|").is_none());
    }
}
