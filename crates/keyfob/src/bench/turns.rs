//! Measuring several things in turns.

use std::time::{Duration, Instant};

use rustix::thread::ClockId;

use super::name::{Name, Place};

/// Something to measure: each call is one exchange, one signature, one whatever it is.
pub(super) struct Subject<'a> {
    name: Name,
    /// Calls in one turn.
    calls: usize,
    /// One call does so many of what is measured.
    parts: u32,
    before: Act<'a>,
    call: Act<'a>,
}

type Act<'a> = Box<dyn FnMut() -> anyhow::Result<()> + 'a>;

/// What a call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    /// Time, waiting included.
    pub(super) wall: Duration,
    /// Of this thread: time of a processor.
    pub(super) processor: Duration,
}

/// What the calls of one subject took; of a peer that cannot do it, why not.
pub(super) struct Taken {
    pub(super) name: Name,
    pub(super) calls: Result<Vec<Spent>, String>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(name: Name, call: impl FnMut() -> anyhow::Result<()> + 'a) -> Self {
        Self { name, calls: CALLS, parts: 1, before: Box::new(|| Ok(())), call: Box::new(call) }
    }

    /// What has to be done before each call, and is not measured.
    pub(super) fn after(self, before: impl FnMut() -> anyhow::Result<()> + 'a) -> Self {
        Self { before: Box::new(before), ..self }
    }

    /// Something that takes long: so many times in a turn are enough.
    pub(super) fn in_a_turn(self, calls: usize) -> Self {
        Self { calls, ..self }
    }

    /// A call does so many of what is measured.
    pub(super) fn each_of(self, parts: u32) -> Self {
        Self { parts, ..self }
    }

    pub(super) const fn name(&self) -> Name {
        self.name
    }

    /// Does what has to be done before a call.
    ///
    /// # Errors
    /// Of the key.
    pub(super) fn prepare(&mut self) -> anyhow::Result<()> {
        (self.before)()
    }

    /// Makes one call.
    ///
    /// # Errors
    /// Of the key.
    pub(super) fn call(&mut self) -> anyhow::Result<Spent> {
        let (processor, begun) = (processor_time(), Instant::now());
        (self.call)()?;
        let (wall, processor) = (begun.elapsed(), processor_time().saturating_sub(processor));
        Ok(Spent { wall: wall / self.parts, processor: processor / self.parts })
    }

    fn turn(&mut self, spent: &mut Vec<Spent>) -> anyhow::Result<()> {
        for _ in 0..self.calls {
            self.prepare()?;
            spent.push(self.call()?);
        }
        Ok(())
    }
}

/// Enough to be warm, few enough that a disturbance meets everybody.
const CALLS: usize = 20;

/// Lets each subject have its turns, one after the other and again; a first turn is for warming up.
///
/// # Errors
/// What a call failed with that was not a peer's.
pub(super) fn take(subjects: &mut [Subject<'_>], turns: usize) -> anyhow::Result<Vec<Taken>> {
    let begin = |subject: &Subject<'_>| Taken { name: subject.name, calls: Ok(Vec::new()) };
    let mut taken: Vec<Taken> = subjects.iter().map(begin).collect();
    for turn in 0..=turns {
        for (subject, Taken { name, calls }) in subjects.iter_mut().zip(&mut taken) {
            let Ok(spent) = calls else { continue };
            match subject.turn(spent) {
                Err(error) if name.place == Place::Peer => *calls = Err(format!("{error:#}")),
                outcome => outcome?,
            }
            if let Ok(spent) = calls
                && turn == 0
            {
                spent.clear();
            }
        }
    }
    Ok(taken)
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::name::{GET_INFO, TOKEN};
    use super::*;

    fn name(place: Place) -> Name {
        Name::new(GET_INFO, place)
    }

    #[test]
    fn everybody_has_as_many_turns_and_the_first_is_not_counted() {
        let calls = Cell::new(0);
        let count = || {
            calls.set(calls.get() + 1);
            Ok(())
        };
        let mut subjects = [
            Subject::new(name(Place::Usbip), count),
            Subject::new(Name::new(TOKEN, Place::Usbip), count).in_a_turn(1),
        ];
        let taken = take(&mut subjects, 3).unwrap();
        assert_eq!(calls.get(), 4 * (CALLS + 1));
        let counts: Vec<_> = taken
            .iter()
            .map(|taken| (taken.name.what, taken.calls.as_ref().unwrap().len()))
            .collect();
        assert_eq!(counts, [(GET_INFO, 3 * CALLS), (TOKEN, 3)]);
    }

    #[test]
    fn what_comes_before_a_call_is_done_each_time_and_not_measured() {
        let (asked, used) = (Cell::new(0), Cell::new(0));
        let mut subject = Subject::new(name(Place::Usbip), || {
            used.set(used.get() + 1);
            Ok(())
        })
        .after(|| {
            asked.set(asked.get() + 1);
            anyhow::ensure!(asked.get() == used.get() + 1);
            Ok(())
        })
        .in_a_turn(3);
        let mut spent = Vec::new();
        subject.turn(&mut spent).unwrap();
        assert_eq!((asked.get(), used.get(), spent.len()), (3, 3, 3));
    }

    #[test]
    fn a_call_that_fails_ends_the_measurement() {
        let mut subjects = [Subject::new(name(Place::UsbipDurable), || anyhow::bail!("no"))];
        assert!(take(&mut subjects, 1).is_err());
    }

    #[test]
    fn a_peer_that_cannot_do_it_is_a_reason_and_asked_no_more() {
        let asked = Cell::new(0);
        let refuse = || {
            asked.set(asked.get() + 1);
            anyhow::bail!("it has no PIN")
        };
        let mut subjects =
            [Subject::new(name(Place::Peer), refuse), Subject::new(name(Place::Usbip), || Ok(()))];
        let taken = take(&mut subjects, 2).unwrap();
        assert_eq!(taken[0].calls, Err("it has no PIN".to_owned()));
        assert_eq!(asked.get(), 1);
        assert!(taken[1].calls.as_ref().is_ok_and(|calls| calls.len() == 2 * CALLS));
    }

    #[test]
    fn processor_time_is_told_beside_time() {
        let mut subject = Subject::new(name(Place::InProcess), || {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(2) {}
            Ok(())
        })
        .each_of(2);
        let spent = subject.call().unwrap();
        assert!(spent.wall >= Duration::from_millis(1) && spent.processor > Duration::ZERO);
    }
}
