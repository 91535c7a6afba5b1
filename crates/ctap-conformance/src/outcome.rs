//! The results of a run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use ctap_client::Value;
use ctap_client::shown::hex;

use crate::case::Level;
use crate::needs::APPROVES_EVERYTHING;
use crate::notation::eval::find;

/// Why a case is skipped that [`Options::may_erase`](crate::Options) does not let run.
pub(crate) const ERASING_NOT_ALLOWED: &str = "it would erase the key, which was not allowed";

/// The results of a whole run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The key.
    pub key: KeyDescription,
    /// When the run began.
    pub begun: SystemTime,
    /// One outcome for each case so far, in the order of the cases.
    pub outcomes: Vec<Outcome>,
    /// How many cases the run should have.
    pub planned: usize,
    /// How long it took.
    pub elapsed: Duration,
    /// Why the run ended early, in a sentence; `None`: it did not. The key is gone, or nobody can operate it any
    /// more ([`Transport::hindrance`](crate::Transport::hindrance)). The cases after that are skipped.
    pub gone: Option<String>,
}

/// What a key says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyDescription {
    /// The tester's name of the key ([`Options::device`](crate::Options)); it may be empty.
    pub device: String,
    /// getInfo's `versions`; empty for a key without CTAP2.
    pub versions: Vec<String>,
    /// Its AAGUID: 32 hexadecimal digits.
    pub aaguid: Option<String>,
}

/// The result of one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The case's id.
    pub id: String,
    /// The name of its chapter.
    pub chapter: String,
    /// The rules that it tests.
    pub rules: Vec<String>,
    /// Its sentence.
    pub says: String,
    /// How binding it is.
    pub level: Level,
    /// Whether the key did what it should.
    pub verdict: Verdict,
    /// How long it took, with its preparation.
    pub elapsed: Duration,
}

/// Whether the key did what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The key did what it should.
    Passed,
    /// The key did not do what it should.
    Failed(Failure),
    /// The case was not run.
    Skipped {
        /// Why not, in a sentence.
        reason: String,
    },
}

/// What a key did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step that failed, as it is written in the case.
    pub step: String,
    /// What differs, and where.
    pub problem: String,
    /// The last message that was sent, decoded.
    pub request: Option<String>,
    /// The answer to it, decoded.
    pub response: Option<String>,
    /// The id for running the case again; `None`: the key could not even be prepared.
    pub rerun: Option<String>,
}

impl Outcome {
    /// The case, how binding it is, the rules that it is about, and what it says: a line for people.
    pub(crate) fn title(&self) -> String {
        let (level, rules) = (self.level.name(), self.rules.join(" "));
        format!("{} ({level}, {rules}): {}", self.id, self.says)
    }
}

impl Report {
    /// The outcomes of the cases that the key failed. There are also none if nothing was tested: see
    /// [`assert_conforms`](Self::assert_conforms).
    pub fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Failed(_)))
    }

    /// Why the run is not complete, in a sentence; `None`: it is. During a run, the sentence says that it is still
    /// running.
    #[must_use]
    pub fn unfinished(&self) -> Option<String> {
        let done = self.outcomes.len();
        let missing = || format!("the run ended after {done} of {} cases", self.planned);
        self.gone.clone().or_else(|| (done < self.planned).then(missing))
    }

    /// How many cases passed, failed and were skipped, in this order.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let skipped = |outcome: &&Outcome| matches!(outcome.verdict, Verdict::Skipped { .. });
        let (failed, skipped) =
            (self.failures().count(), self.outcomes.iter().filter(skipped).count());
        (self.outcomes.len().saturating_sub(failed.saturating_add(skipped)), failed, skipped)
    }

    /// Compares the results with those that were expected: see [`Expectations`].
    #[must_use]
    pub fn judge(&self, expectations: &Expectations) -> Judgement {
        let (passed, failed, _) = self.counts();
        let gone = self.gone.clone();
        let mut judgement =
            Judgement { gone, nothing_tested: passed == 0 && failed == 0, ..Judgement::default() };
        for outcome in &self.outcomes {
            let expected = expectations.contains(&outcome.id);
            match (&outcome.verdict, expected) {
                (Verdict::Failed(_), false) => judgement.surprises.push(outcome.id.clone()),
                (Verdict::Passed, true) => judgement.mended.push(outcome.id.clone()),
                _ => {}
            }
        }
        judgement
    }

    /// For a test: checks that the key was tested to the end and failed nothing. It is not enough that no case
    /// failed, because a skipped case does not fail either. For a key with known failures use
    /// [`judge`](Self::judge) instead.
    ///
    /// # Panics
    /// If a case failed, if every case was skipped, or if the run ended early. The message names the failures with
    /// their rules and says what was wrong, or why nothing was tested.
    #[expect(clippy::panic, reason = "what a test does that fails")]
    #[track_caller]
    pub fn assert_conforms(&self) {
        if !self.judge(&Expectations::default()).is_good() {
            panic!("{}", self.complaint());
        }
    }

    /// The arguments against the key, or against the run: a few lines.
    fn complaint(&self) -> String {
        let failures = self.failures().filter_map(|outcome| match &outcome.verdict {
            Verdict::Failed(failure) => Some(format!("{}\n{failure}", outcome.title())),
            _ => None,
        });
        let mut lines: Vec<String> = failures.collect();
        let (passed, failed, skipped) = self.counts();
        if let Some(gone) = &self.gone {
            lines.push(format!("not finished: {gone}"));
        } else if let (0, 0, Some((reason, times))) = (passed, failed, self.reasons().first()) {
            lines.push(format!("nothing was tested; {times} of {skipped} cases because: {reason}"));
        } else if passed == 0 && failed == 0 {
            lines.push("nothing was tested: there were no cases".to_owned());
        }
        format!("the key does not conform\n{}", lines.join("\n\n"))
    }

    /// How many cases were skipped because the key must not be erased: see [`Options::may_erase`](crate::Options).
    #[must_use]
    pub fn withheld(&self) -> usize {
        self.skipped_because(ERASING_NOT_ALLOWED)
    }

    /// How many cases were skipped because the key does not wait for a person, but approves everything itself.
    #[must_use]
    pub fn unattended(&self) -> usize {
        self.skipped_because(APPROVES_EVERYTHING)
    }

    fn skipped_because(&self, why: &str) -> usize {
        let is_so = |outcome: &&Outcome| match &outcome.verdict {
            Verdict::Skipped { reason } => reason == why,
            _ => false,
        };
        self.outcomes.iter().filter(is_so).count()
    }

    /// The reasons why cases were skipped, with the number of cases for each; the most frequent one first.
    #[must_use]
    pub fn reasons(&self) -> Vec<(&str, usize)> {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for outcome in &self.outcomes {
            if let Verdict::Skipped { reason } = &outcome.verdict {
                let times = reasons.entry(reason).or_default();
                *times = times.saturating_add(1);
            }
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by_key(|(_, times)| Reverse(*times));
        reasons
    }
}

/// The cases that a key is known to fail. The list is strict: a case that passes must be removed from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations(BTreeSet<String>);

impl Expectations {
    /// Reads a list: one id on each line; `#` begins a comment.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let ids = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        Self(ids.filter(|id| !id.is_empty()).map(str::to_owned).collect())
    }

    /// Whether the case with this id is known to fail.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.0.contains(id)
    }

    /// The entries that are not the id of any case: typing errors, or cases that no longer exist.
    pub fn unknown<'a>(&'a self, suite: &'a crate::Suite) -> impl Iterator<Item = &'a str> {
        let known: BTreeSet<&str> = suite.cases().map(|case| &*case.id).collect();
        self.0.iter().map(|id| &**id).filter(move |id| !known.contains(id))
    }
}

/// How a report compares with what was expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Cases that failed and were not expected to.
    pub surprises: Vec<String>,
    /// Cases that passed and were expected to fail.
    pub mended: Vec<String>,
    /// Why the run ended early, if it did: see [`Report::gone`]. Nobody expects that.
    pub gone: Option<String>,
    /// Every case was skipped. A check that accepts this is useless.
    pub nothing_tested: bool,
}

/// The meaning of one outcome for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Passed or skipped.
    Fine,
    /// Failed, as expected.
    Known,
    /// Failed though nobody expected it.
    Surprise,
    /// Passed though it was expected to fail.
    Mended,
}

impl Judgement {
    /// The meaning of an outcome of the judged report.
    pub(crate) fn standing(&self, outcome: &Outcome) -> Standing {
        match &outcome.verdict {
            Verdict::Failed(_) if self.surprises.contains(&outcome.id) => Standing::Surprise,
            Verdict::Failed(_) => Standing::Known,
            Verdict::Passed if self.mended.contains(&outcome.id) => Standing::Mended,
            Verdict::Passed | Verdict::Skipped { .. } => Standing::Fine,
        }
    }

    /// The result of the run, in a few words.
    pub(crate) fn headline(&self) -> String {
        match self.surprises.len() {
            _ if self.nothing_tested => "Nothing was tested".to_owned(),
            0 if self.is_good() => "The key conforms, or fails what it was expected to".to_owned(),
            0 => "Not as expected".to_owned(),
            1 => "1 case failed".to_owned(),
            several => format!("{several} cases failed"),
        }
    }

    /// Whether something was tested, and everything came out as expected.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let as_expected = self.surprises.is_empty() && self.mended.is_empty();
        as_expected && self.gone.is_none() && !self.nothing_tested
    }
}

impl KeyDescription {
    pub(crate) fn of(info: Option<&Value>, device: &str) -> Self {
        let member = |number: i64| find(info?, &number.into());
        let versions = member(1).and_then(Value::as_array).into_iter().flatten();
        Self {
            device: device.to_owned(),
            versions: versions.filter_map(|text| text.as_text().map(str::to_owned)).collect(),
            aaguid: member(3).and_then(Value::as_bytes).map(|bytes| hex(bytes)),
        }
    }
}
