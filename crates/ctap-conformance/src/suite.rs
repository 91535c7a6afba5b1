//! All cases, in chapters.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use include_dir::{Dir, include_dir};

use crate::case::{Case, Chapter};
use crate::notation::SyntaxError;

/// A suite of cases: the built-in one, or one of somebody's own.
pub struct Suite {
    /// Its chapters, in the order of their files' names.
    pub chapters: Vec<Chapter>,
}

/// A suite cannot be read. The message has the cause in it; there is no `source` that would tell it again.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A file or directory cannot be read: what the operating system says.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// A file is not written as vectors/README.md says.
    #[error("{0}: {1}")]
    Syntax(String, SyntaxError),
    /// Two cases have the same id.
    #[error("two cases are called {0}; give one another id")]
    Twice(String),
    /// A directory without a file of cases.
    #[error("{0} has no .toml file in it")]
    Empty(String),
}

impl Suite {
    /// The cases that this crate carries.
    ///
    /// # Panics
    /// Never: a test of this crate reads them all.
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

    /// Reads every `.toml` file of a directory.
    ///
    /// # Errors
    /// [`SuiteError`]: whoever wrote the cases has to mend them.
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

    /// All cases, chapter by chapter.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.chapters.iter().flat_map(|chapter| &chapter.cases)
    }

    /// The cases whose id, or one of whose rules, or whose chapter has one of these words in it; all, if there is none.
    #[must_use]
    pub fn filtered(&self, words: &[String]) -> Vec<&Case> {
        let mut found = Vec::new();
        for chapter in &self.chapters {
            found.extend(chapter.cases.iter().filter(|case| {
                let fits = |word: &String| {
                    case.id.contains(word.as_str())
                        || case.rules.contains(word)
                        || chapter.name == *word
                };
                words.is_empty() || words.iter().any(fits)
            }));
        }
        found
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

    #[test]
    fn every_built_in_case_says_a_sentence_and_names_a_rule() {
        for case in Suite::built_in().cases() {
            assert!(case.says.ends_with('.') && case.says.len() > 20, "{}: {}", case.id, case.says);
            assert!(!case.rules.is_empty(), "{} proves no rule", case.id);
        }
    }
}
