//! All cases, in chapters.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io, iter};

use include_dir::{Dir, include_dir};

use crate::case::{Case, Chapter};
use crate::notation::SyntaxError;

/// A suite of cases: the built-in one, or your own.
pub struct Suite {
    /// Its chapters, in the order of their files' names.
    pub chapters: Vec<Chapter>,
}

/// Why a suite cannot be read. The message includes the cause, and there is no `source` that would repeat it.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A file or directory cannot be read; with the operating system's error.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// A file does not follow vectors/README.md.
    #[error("{0}: {1}")]
    Syntax(String, SyntaxError),
    /// Two cases have the same id.
    #[error("two cases have the id {0}; give one of them another id")]
    Twice(String),
    /// The directory has no file of cases.
    #[error("{0} has no .toml file in it")]
    Empty(String),
}

impl Suite {
    /// The cases of this crate.
    ///
    /// # Panics
    /// Never: a test of this crate reads all of them.
    #[must_use]
    #[expect(clippy::expect_used, reason = "every_built_in_case_can_be_read")]
    pub fn built_in() -> Self {
        Self::read_built_in().expect("the built-in cases can be read")
    }

    fn read_built_in() -> Result<Self, SuiteError> {
        let files = VECTORS.files().filter_map(|file| {
            let name = file.path().file_name()?.to_str()?.to_owned();
            Some((name, file.contents_utf8()?.to_owned()))
        });
        Self::of_files(files.collect())
    }

    /// Reads every `.toml` file in a directory.
    ///
    /// # Errors
    /// [`SuiteError`]: the fault of the one who wrote the cases.
    pub fn in_directory(directory: &Path) -> Result<Self, SuiteError> {
        let failed = |error| SuiteError::Io(directory.display().to_string(), error);
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let text = match path.extension().is_some_and(|extension| extension == "toml") {
                true => fs::read_to_string(&path)
                    .map_err(|error| SuiteError::Io(path.display().to_string(), error))?,
                false => continue,
            };
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, text));
        }
        match files.is_empty() {
            true => Err(SuiteError::Empty(directory.display().to_string())),
            false => Self::of_files(files),
        }
    }

    fn of_files(mut files: Vec<(String, String)>) -> Result<Self, SuiteError> {
        files.sort();
        let mut chapters = Vec::new();
        for (file, text) in files {
            let Some(name) = file.strip_suffix(".toml") else { continue };
            let chapter = Chapter::read(name, &text);
            chapters.push(chapter.map_err(|error| SuiteError::Syntax(file.clone(), error))?);
        }
        let suite = Self { chapters };
        suite.check_ids()?;
        Ok(suite)
    }

    fn check_ids(&self) -> Result<(), SuiteError> {
        let mut seen = BTreeSet::new();
        match self.cases().find(|case| !seen.insert(&case.id)) {
            Some(case) => Err(SuiteError::Twice(case.id.clone())),
            None => Ok(()),
        }
    }

    /// All cases, in the order of the chapters.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.chapters.iter().flat_map(|chapter| &chapter.cases)
    }

    /// The cases that match at least one of these words; without a word, all cases. A word matches a case if the
    /// case's id contains it, or if it is the case's chapter or one of its rules. A word that is neither a chapter
    /// nor a rule also matches chapters and rules that begin with it: `MC-`. A word with a `*` at its end matches
    /// ids, rules and chapters that begin with the part before it: `client_pin*`.
    #[must_use]
    pub fn filtered(&self, words: &[String]) -> Vec<&Case> {
        let words: Vec<Word<'_>> = words.iter().map(|word| Word::read(word, self)).collect();
        let fits = |case: &&Case| words.is_empty() || words.iter().any(|word| word.fits(case));
        self.cases().filter(fits).collect()
    }
}

/// How a word chooses cases.
enum Word<'w> {
    /// A part of an id, or the whole name of a chapter or a rule.
    Whole(&'w str),
    /// A part of an id, or how chapters or rules begin.
    Part(&'w str),
    /// How ids, chapters or rules begin.
    Beginning(&'w str),
}

impl<'w> Word<'w> {
    fn read(word: &'w str, suite: &Suite) -> Self {
        let is_name =
            |case: &Case| case.chapter == word || case.rules.iter().any(|rule| rule == word);
        match word.strip_suffix('*') {
            Some(beginning) => Self::Beginning(beginning),
            None if suite.cases().any(is_name) => Self::Whole(word),
            None => Self::Part(word),
        }
    }

    fn fits(&self, case: &Case) -> bool {
        let mut names = iter::once(&case.chapter).chain(&case.rules);
        match self {
            Self::Whole(word) => case.id.contains(word) || names.any(|name| name == word),
            Self::Part(word) => case.id.contains(word) || names.any(|name| name.starts_with(word)),
            Self::Beginning(word) => {
                case.id.starts_with(word) || names.any(|name| name.starts_with(word))
            }
        }
    }
}

static VECTORS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/vectors");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_case_can_be_read() {
        if let Err(error) = Suite::read_built_in() {
            panic!("{error}");
        }
    }

    /// The chapters of the cases that a word chooses, each once.
    fn chapters(word: &str) -> BTreeSet<String> {
        let suite = Suite::built_in();
        suite.filtered(&[word.to_owned()]).iter().map(|case| case.chapter.clone()).collect()
    }

    #[test]
    fn a_chapter_that_is_named_is_meant_alone_and_a_beginning_means_all_that_begin_so() {
        assert_eq!(chapters("large_blobs"), BTreeSet::from(["large_blobs".to_owned()]));
        assert!(chapters("large_b").len() == 3, "{:?}", chapters("large_b"));
        assert_eq!(chapters("large_blobs*"), chapters("large_b"));
        assert!(chapters("large_blob.").is_empty());
    }

    #[test]
    fn a_rule_that_is_named_is_meant_alone_and_a_beginning_means_all_that_begin_so() {
        let suite = Suite::built_in();
        let of = |word: &str| suite.filtered(&[word.to_owned()]);
        assert!(of("MC-07").iter().all(|case| case.rules.contains(&"MC-07".to_owned())));
        for word in ["MC-", "MC", "MC-*"] {
            assert!(of(word).len() > of("MC-0").len(), "{word}");
            assert!(of("MC-0").len() > of("MC-07").len() && !of("MC-07").is_empty(), "{word}");
        }
    }

    #[test]
    fn every_built_in_case_says_a_sentence_and_names_a_rule() {
        for case in Suite::built_in().cases() {
            assert!(case.says.ends_with('.') && case.says.len() > 20, "{}: {}", case.id, case.says);
            assert!(!case.rules.is_empty(), "{} proves no rule", case.id);
        }
    }
}
