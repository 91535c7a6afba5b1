//! How a run goes about.

use std::fmt;
use std::time::Duration;

use super::imitated::Imitated;
use crate::outcome::{Expectations, Outcome, Verdict};

/// How a run goes about.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the key may be reset, again and again: all that it stores is lost. Without this only those cases run that leave
    /// everything as it is.
    pub may_erase: bool,
    /// The PIN that the key has. Where it may not be erased, or cannot be, the cases that want a PIN are played with this one, as far as they
    /// leave everything as it is.
    pub pin: Option<KnownPin>,
    /// The model that the key imitates on purpose, in what it says and in what is wrong with that.
    pub imitates: Option<Imitated>,
    /// How long a case may let time pass on a key whose clock cannot be moved. Cases that need longer are skipped.
    pub patience: Duration,
    /// Whether the run ends at the first failure, and which failures do not count there because they are known.
    pub fail_fast: Option<Expectations>,
    /// What the reports call the key: where it is, for instance. Empty: nothing.
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

/// The PIN of a key that is tested; never shown.
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
