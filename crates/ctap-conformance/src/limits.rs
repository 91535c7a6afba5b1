//! Every bound of this crate, with its reason.

use std::time::Duration;

// ---- What cases may ask for ----------------------------------------------------------------------------------------

/// Bytes that one value may be made to have at once: more than any message holds, and no mistake in a case asks for all
/// memory.
pub(crate) const LARGEST_VALUE: usize = 1 << 20;

/// How often `repeat` does a step: as many touches as one can ask of a case.
pub(crate) const MOST_REPETITIONS: usize = 128;

/// Bytes of a CTAPHID report (HD-01): a part of one that is longer fits nowhere.
pub(crate) const LONGEST_REPORT: usize = 64;

// ---- What a key may take -------------------------------------------------------------------------------------------

/// Samples of one finger at an enrolment: more than any sensor wants.
pub(crate) const MOST_SAMPLES: usize = 64;

/// Taps that a reset is given: some makes want two (RS-19).
pub(crate) const MOST_TAPS: u8 = 2;

/// Between two tries of a U2F request that waits for a touch: shorter than hosts make it (UF-34), for the run's sake.
pub(crate) const POLLING_PAUSE: Duration = Duration::from_millis(50);

/// Further tries of a U2F request that gets a touch. If a key still waits after these five seconds, it will not
/// answer any more.
pub(crate) const MOST_POLLS: u32 = 100;

/// How long a key may ask for a person who does nothing. Keys give up after 30 seconds (HD-77), some after a minute.
pub(crate) const LONGEST_PROMPT: Duration = Duration::from_secs(75);

/// How long a key may work on a request without asking for anybody: no key takes that long to make a key pair.
pub(crate) const LONGEST_WORK: Duration = Duration::from_secs(30);

/// How long a key may take to end what was cancelled (HD-81: soon).
pub(crate) const LONGEST_ENDING: Duration = Duration::from_secs(3);

/// As [`LONGEST_ENDING`], for a key in simulated time: longer than this process may have to wait for a processor.
pub(crate) const LONGEST_STALL: Duration = Duration::from_secs(60);

/// How long to wait for a single report that must come.
pub(crate) const LONGEST_SILENCE: Duration = Duration::from_secs(3);

/// How long KEEPALIVEs may put off a report that must come: nobody touches the key meanwhile.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(8);

/// Preparations in a row at which a key gave no answer: it will hang at the next one too.
pub(crate) const MOST_SILENCES: u32 = 3;

/// How long after a power-up a key is reset without another one: well within the ten seconds that it has (RS-03).
pub(crate) const LONGEST_FRESHNESS: Duration = Duration::from_secs(6);
