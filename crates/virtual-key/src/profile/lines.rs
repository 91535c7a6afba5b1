//! Finds the line of a profile that an error is about.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The line of the byte at `start`, counted from 1.
pub(super) fn line_at(text: &str, start: usize) -> usize {
    text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
}

/// The line with the first key or value that the sentence names; otherwise the line of the only key. `None`: the
/// line cannot be found.
pub(super) fn line_about(text: &str, sentence: &str) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let entries = entries(table.get_ref());
    let named = entries.iter().filter_map(|entry| Some((entry.place_in(sentence)?, entry.start)));
    match (named.min(), &entries[..]) {
        (Some((_, start)), _) => Some(line_at(text, start)),
        (None, [only]) => Some(line_at(text, only.start)),
        (None, _) => None,
    }
}

/// A key that has a value, no table.
struct Entry<'a> {
    key: &'a str,
    /// The texts that it says.
    values: Vec<&'a str>,
    /// The place of the key.
    start: usize,
}

/// All in this table and those within it. Which profile it is like contradicts nothing.
fn entries<'a>(table: &'a DeTable<'_>) -> Vec<Entry<'a>> {
    let of = |(key, value): (&'a Spanned<_>, &'a Spanned<DeValue<'_>>)| match value.get_ref() {
        DeValue::Table(inner) => entries(inner),
        _ if NAMES.contains(&key_text(key)) => Vec::new(),
        value => vec![Entry { key: key_text(key), values: texts(value), start: key.span().start }],
    };
    table.iter().flat_map(of).collect()
}

fn key_text<T: AsRef<str>>(key: &Spanned<T>) -> &str {
    key.get_ref().as_ref()
}

fn texts<'a>(value: &'a DeValue<'_>) -> Vec<&'a str> {
    match value {
        DeValue::String(text) => vec![text.as_ref()],
        DeValue::Array(items) => items.iter().flat_map(|item| texts(item.get_ref())).collect(),
        _ => Vec::new(),
    }
}

impl Entry<'_> {
    /// The first place where the sentence names it.
    fn place_in(&self, sentence: &str) -> Option<usize> {
        // A sentence names one of several: `the extension credBlob`.
        let key = self.key.strip_suffix('s').unwrap_or(self.key);
        let values = self.values.iter().copied().filter(|value| value.len() >= SHORTEST_VALUE);
        values.chain([key]).filter_map(|word| place(sentence, word)).min()
    }
}

/// The place of this word in a sentence, in upper or lower case; it may be several words.
fn place(sentence: &str, word: &str) -> Option<usize> {
    let (sentence, word) = (sentence.to_lowercase(), word.to_lowercase());
    let is_whole = |Range { start, end }: Range<usize>| {
        let before = sentence.get(..start).and_then(|text| text.chars().next_back());
        let behind = sentence.get(end..).unwrap_or_default();
        let behind = behind.strip_prefix('s').unwrap_or(behind).chars().next();
        [before, behind].iter().all(|next| !next.is_some_and(char::is_alphanumeric))
    };
    let places = sentence.match_indices(&word).map(|(start, found)| start..start + found.len());
    places
        .filter(|place| !word.is_empty() && is_whole(place.clone()))
        .map(|place| place.start)
        .min()
}

/// Keys that are no settings.
const NAMES: [&str; 2] = ["extends", "imitates"];
/// Bytes: shorter ones stand in any sentence.
const SHORTEST_VALUE: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sentence_is_about_the_key_or_the_value_that_it_names_first() {
        let text = "extends = \"bio\"\nversions = [\"FIDO_2_3\"]\n\n[options]\nuv = true\nalwaysUv = true\n\
                    [attestation]\nfiles = { key = \"my.pem\" }";
        for (sentence, line) in [
            ("alwaysUv needs a sensor or a version", Some(6)),
            ("a key needs a version to speak", Some(8)),
            ("FIDO_2_3 needs FIDO_2_1", Some(2)),
            ("the options of a sensor, uv", Some(5)),
            ("cannot read ./my.pem: no such file", Some(8)),
            ("transports are listed once each", None),
        ] {
            assert_eq!(line_about(text, sentence), line, "{sentence}");
        }
        assert_eq!(line_about("\n[options]\nrk = false", "nothing that is there"), Some(3));
        assert_eq!(line_about("", "anything"), None);
    }

    proptest! {
        #[test]
        fn no_text_and_no_sentence_make_it_panic(text in "\\PC{0,80}", word in "[a-zA-ZäİßK_]{0,5}", sentence in "\\PC{0,80}") {
            line_about(&text, &sentence);
            line_about(&format!("{word} = 1\nother = [\"{word}\"]"), &format!("{sentence}{word} {word}s"));
        }
    }
}
