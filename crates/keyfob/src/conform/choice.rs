//! The choice of cases to run: those that words choose, or those that failed before.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice;

use anyhow::Context as _;
use clap_complete::CompletionCandidate;
use clap_complete::engine::ArgValueCandidates;
use ctap_conformance::{Case, Suite, SuiteError};
use serde::Deserialize;

use crate::failure::{advise, usage};

/// How cases are chosen.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ChoiceOptions {
    /// Only cases with this word in their id, or of this rule or chapter; MC- and client_pin* mean all that begin with that. May
    /// be repeated
    #[arg(long, value_name = "WORD", add = completer())]
    filter: Vec<String>,

    /// Only the cases that failed in this report, which --json wrote
    #[arg(long, value_name = "FILE")]
    failed_in: Option<PathBuf>,

    /// Use your own cases, in the TOML files of this directory, instead of the built-in ones
    #[arg(long, value_name = "DIR")]
    pub(super) cases: Option<PathBuf>,
}

impl ChoiceOptions {
    /// The suite that is chosen from.
    ///
    /// # Errors
    /// When the cases of one's own cannot be read.
    pub(super) fn suite(&self) -> anyhow::Result<Suite> {
        match &self.cases {
            None => Ok(Suite::built_in()),
            Some(directory) => Suite::in_directory(directory).map_err(advise_about_cases),
        }
    }

    /// The chosen cases. None only if nothing failed in the report of which the failures were chosen.
    ///
    /// # Errors
    /// A word that fits no case; a report that cannot be read, or is about other cases.
    pub(super) fn chosen<'s>(&self, suite: &'s Suite) -> anyhow::Result<Vec<&'s Case>> {
        // A misspelt word beside a good one would leave out what somebody relies on.
        let fits_nothing = |word: &&String| suite.filtered(slice::from_ref(*word)).is_empty();
        let lost: Vec<&str> = self.filter.iter().filter(fits_nothing).map(String::as_str).collect();
        if let Some(first) = lost.first() {
            return Err(usage(
                format_args!("no case matches {}", lost.join(", nor ")),
                hint(suite, first),
            ));
        }
        let mut chosen = suite.filtered(&self.filter);
        if let Some(path) = &self.failed_in {
            let failed = failed_in(path, suite)?;
            chosen.retain(|case| failed.contains(&case.id));
        }
        Ok(chosen)
    }

    /// The report that says what is to be run.
    pub(super) fn report(&self) -> Option<&Path> {
        self.failed_in.as_deref()
    }
}

fn advise_about_cases(error: SuiteError) -> anyhow::Error {
    let next = match &error {
        SuiteError::Io(..) => "--cases takes a directory that you may read, with .toml files in it",
        SuiteError::Empty(_) => "put cases into it; vectors/README.md of the crate explains how",
        SuiteError::Syntax(..) => {
            "correct it, or name a directory that has only cases in it; vectors/README.md of the crate explains how \
             to write them"
        }
        SuiteError::Twice(_) => "vectors/README.md of the crate explains how to write them",
    };
    advise(error, next)
}

/// What somebody may have meant who wrote that word.
fn hint(suite: &Suite, word: &str) -> String {
    match nearest(word, names(suite)) {
        Some(name) => {
            format!("try `--filter {name}`; `keyfob conform --chapters` lists the chapters")
        }
        None => {
            "correct the --filter or leave it out; `keyfob conform --chapters` lists the chapters, \
                 and --list all cases"
                .to_owned()
        }
    }
}

/// What cases can be called by: chapters, rules, and ids without their values.
pub(super) fn names(suite: &Suite) -> BTreeSet<&str> {
    let chapters = suite.chapters.iter().map(|chapter| chapter.name.as_str());
    let rules = suite.cases().flat_map(|case| case.rules.iter().map(String::as_str));
    let ids = suite.cases().filter_map(|case| case.id.split('[').next());
    chapters.chain(rules).chain(ids).collect()
}

/// The name that is much like this word, if there is one.
pub(super) fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let word = word.to_lowercase();
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &word);
    let likely = names.into_iter().map(|name| (likeness(name), name));
    let best = likely.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    Some(best).filter(|(likeness, _)| *likeness > ALIKE).map(|(_, name)| name)
}

/// The ids of the cases that failed in a report.
fn failed_in(path: &Path, suite: &Suite) -> anyhow::Result<BTreeSet<String>> {
    let told: Told = fs::read(path)
        .map_err(anyhow::Error::from)
        .and_then(|bytes| Ok(serde_json::from_slice(&bytes)?))
        .with_context(|| format!("{} cannot be read", path.display()))
        .map_err(|error| advise(error, "--failed-in needs a report that --json wrote"))?;
    let failed = told.cases.into_iter().filter(|case| case.verdict == "failed");
    let failed: BTreeSet<String> = failed.map(|case| case.id).collect();
    let known: BTreeSet<&str> = suite.cases().map(|case| &*case.id).collect();
    match failed.iter().find(|id| !known.contains(id.as_str())) {
        Some(id) => Err(usage(
            format_args!("{} names {id}, which is not a case", path.display()),
            "make a new report, or give the same --cases as when it was made",
        )),
        None => Ok(failed),
    }
}

/// As much of a report as says what failed.
#[derive(Deserialize)]
struct Told {
    cases: Vec<ToldCase>,
}

#[derive(Deserialize)]
struct ToldCase {
    id: String,
    verdict: String,
}

/// How alike a misspelt word and what was meant are at least.
const ALIKE: f64 = 0.5;

/// The built-in cases of the conformance suite.
pub(super) fn completer() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let suite = Suite::built_in();
        let chapters = suite.chapters.iter().map(|chapter| chapter.name.clone());
        let cases = suite.chapters.iter().flat_map(|chapter| &chapter.cases);
        chapters.chain(cases.map(|case| case.id.clone())).map(CompletionCandidate::new).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_is_answered_with_what_was_meant() {
        let suite = Suite::built_in();
        for (word, meant) in [
            ("make_credental", Some("make_credential")),
            ("reest", Some("reset")),
            ("mc-07", Some("MC-07")),
            ("mc-rp-mising", Some("mc-rp-missing")),
            ("xyzzy", None),
        ] {
            assert_eq!(nearest(word, names(&suite)), meant, "{word}");
        }
    }
}
