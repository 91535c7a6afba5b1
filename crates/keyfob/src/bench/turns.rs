//! Measuring several things in turns.

use std::time::{Duration, Instant};

/// Something to measure: each call is one exchange, one signature, one whatever it is.
pub(super) struct Subject<'a> {
    name: &'static str,
    /// Calls in one turn.
    calls: usize,
    call: Box<dyn FnMut() -> anyhow::Result<()> + 'a>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(name: &'static str, call: impl FnMut() -> anyhow::Result<()> + 'a) -> Self {
        Self { name, calls: CALLS, call: Box::new(call) }
    }

    /// Something that takes long: once in a turn is enough.
    pub(super) fn slow(name: &'static str, call: impl FnMut() -> anyhow::Result<()> + 'a) -> Self {
        Self { calls: 1, ..Self::new(name, call) }
    }
}

/// How long each call of one subject took.
pub(super) type Times = (&'static str, Vec<Duration>);

/// Enough to be warm, few enough that a disturbance meets everybody.
const CALLS: usize = 20;

/// Lets each subject have its turns, one after the other and again; a first turn is for warming up.
///
/// # Errors
/// What a call failed with.
pub(super) fn take(subjects: &mut [Subject<'_>], turns: usize) -> anyhow::Result<Vec<Times>> {
    let mut times: Vec<Times> = subjects.iter().map(|subject| (subject.name, Vec::new())).collect();
    for turn in 0..=turns {
        for (subject, (_, times)) in subjects.iter_mut().zip(&mut times) {
            for _ in 0..subject.calls {
                let begun = Instant::now();
                (subject.call)()?;
                let elapsed = begun.elapsed();
                if turn > 0 {
                    times.push(elapsed);
                }
            }
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn everybody_has_as_many_turns_and_the_first_is_not_counted() {
        let calls = Cell::new(0);
        let count = || {
            calls.set(calls.get() + 1);
            Ok(())
        };
        let mut subjects = [Subject::new("one", count), Subject::slow("other", count)];
        let times = take(&mut subjects, 3).unwrap();
        assert_eq!(calls.get(), 4 * (CALLS + 1));
        assert_eq!(
            times.iter().map(|(name, times)| (*name, times.len())).collect::<Vec<_>>(),
            [("one", 3 * CALLS), ("other", 3)]
        );
    }

    #[test]
    fn a_call_that_fails_ends_the_measurement() {
        let mut subjects = [Subject::new("one", || anyhow::bail!("no"))];
        assert!(take(&mut subjects, 1).is_err());
    }
}
