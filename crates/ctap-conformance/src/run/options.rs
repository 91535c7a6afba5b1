//! The options of a run.

use std::fmt;
use std::time::Duration;

use super::imitated::Imitated;
use crate::outcome::{Expectations, Outcome, Verdict};

/// The options of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the key may be reset, many times: everything that it stores is lost. Otherwise only cases that
    /// change nothing are run.
    pub may_erase: bool,
    /// The PIN that the key has. If the key may not be erased, or cannot be, cases that need a PIN use this one, as
    /// far as they change nothing.
    pub pin: Option<KnownPin>,
    /// The model that the key imitates on purpose, with the model's faults.
    pub imitates: Option<Imitated>,
    /// How much time a case may take on a key whose clock cannot be moved. Cases that need more are skipped.
    pub patience: Duration,
    /// Whether the run ends at the first failure. Failures in this list do not count, because they are known.
    pub fail_fast: Option<Expectations>,
    /// The name of the key in reports, for instance its place. It may be empty.
    pub device: String,
}

impl Default for Options {
    /// Erases nothing, knows no PIN, waits two seconds, runs to the end, and does not name the key.
    fn default() -> Self {
        let patience = Duration::from_secs(2);
        let device = String::new();
        Self { may_erase: false, pin: None, imitates: None, patience, fail_fast: None, device }
    }
}

/// The PIN of a key under test. It is never shown.
#[derive(Clone)]
pub struct KnownPin(pub String);

impl fmt::Debug for KnownPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownPin(..)")
    }
}

impl Options {
    /// Whether the run ends with this outcome.
    pub(super) fn ends_with(&self, outcome: &Outcome) -> bool {
        let Some(known) = &self.fail_fast else { return false };
        matches!(outcome.verdict, Verdict::Failed(_)) && !known.contains(&outcome.id)
    }
}
