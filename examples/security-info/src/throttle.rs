//! How many wrong passwords are borne, for one name and from one source. There is no limit for all together: whoever used
//! it up would lock everybody out.

use std::hash::{BuildHasher as _, RandomState};

use crate::expiring::{Expiring, Seconds};
use crate::source::Source;

/// Wrong passwords for one name within [`WINDOW`] before there is a wait. Keys are not affected, so whoever locks a name
/// does not lock its owner out.
pub(crate) const PER_NAME: u32 = 5;

/// Wrong passwords from one source within [`WINDOW`]: guessing one password for many names is guessing too.
pub(crate) const PER_SOURCE: u32 = 100;

/// Fifteen minutes, counted from the first wrong password.
pub(crate) const WINDOW: Seconds = 15 * 60;

/// Names counted at a time, in about 9 MB. Two passwords are hashed at a time, each for five thousandths of a second or more:
/// nobody gets through as many names within [`WINDOW`], and so makes a count vanish before its time.
const MAX_NAMES: usize = 200_000;

/// Sources counted at a time.
const MAX_SOURCES: usize = 10_000;

/// Counts wrong passwords.
pub(crate) struct Throttle {
    /// By a hash of the name, for names are as long as somebody likes. Nobody outside can tell which names share one.
    names: Expiring<u64, Failures>,
    hasher: RandomState,
    sources: Expiring<Source, Failures>,
}

#[derive(Clone, Copy, Default)]
struct Failures {
    since: Seconds,
    count: u32,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self {
            names: Expiring::new(WINDOW, MAX_NAMES),
            hasher: RandomState::new(),
            sources: Expiring::new(WINDOW, MAX_SOURCES),
        }
    }

    /// Takes a try before the password is looked at, so that tries at the same moment count too. `None`: where it comes from
    /// is not known, and only the name counts.
    ///
    /// # Errors
    /// How many seconds to wait: no try is left.
    pub(crate) fn take_try(
        &mut self,
        name: &str,
        source: Option<Source>,
        now: Seconds,
    ) -> Result<(), Seconds> {
        let name = self.key(name);
        let mut of_name = self.names.get_mut(&name, now).map_or(Failures::default(), |it| *it);
        let of_source = source.and_then(|source| self.sources.get_mut(&source, now));
        let mut of_source = of_source.map_or(Failures::default(), |it| *it);
        of_source.check(PER_SOURCE, now)?;
        of_name.check(PER_NAME, now)?;
        of_name.add(now);
        self.names.put(name, of_name, now);
        if let Some(source) = source {
            of_source.add(now);
            self.sources.put(source, of_source, now);
        }
        Ok(())
    }

    /// The password was right: its name has all its tries again, and the try that was taken is given back to its source.
    pub(crate) fn was_right(&mut self, name: &str, source: Option<Source>, now: Seconds) {
        let name = self.key(name);
        self.names.take(&name, now);
        if let Some(failures) = source.and_then(|source| self.sources.get_mut(&source, now)) {
            failures.count = failures.count.saturating_sub(1);
        }
    }

    fn key(&self, name: &str) -> u64 {
        self.hasher.hash_one(name.to_lowercase())
    }
}

impl Failures {
    fn check(&self, limit: u32, now: Seconds) -> Result<(), Seconds> {
        let left = self.since.saturating_add(WINDOW).saturating_sub(now);
        if self.count >= limit && left > 0 { Err(left) } else { Ok(()) }
    }

    fn add(&mut self, now: Seconds) {
        if self.count == 0 || now >= self.since.saturating_add(WINDOW) {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    fn source(number: u8) -> Option<Source> {
        Source::of([192, 0, 2, number].into(), &HeaderMap::new(), false)
    }

    fn tries(throttle: &mut Throttle, count: u32, name: &str, now: Seconds) {
        for _ in 0..count {
            throttle.take_try(name, None, now).unwrap();
        }
    }

    /// One wrong password each for this many names, from one source.
    fn guess(throttle: &mut Throttle, names: u32, source: Option<Source>) {
        for number in 0..names {
            throttle.take_try(&format!("name {number}"), source, 0).unwrap();
        }
    }

    #[test]
    fn after_five_wrong_passwords_a_name_waits_a_quarter_of_an_hour() {
        let mut throttle = Throttle::new();
        tries(&mut throttle, PER_NAME, "alice", 1000);
        assert_eq!(throttle.take_try("Alice", source(1), 1000), Err(WINDOW));
        assert_eq!(throttle.take_try("alice", None, 1000 + WINDOW - 1), Err(1));
        assert_eq!(throttle.take_try("alice", None, 1000 + WINDOW), Ok(()));
    }

    #[test]
    fn asking_while_waiting_does_not_lengthen_the_wait() {
        let mut throttle = Throttle::new();
        tries(&mut throttle, PER_NAME, "alice", 0);
        assert_eq!(throttle.take_try("alice", None, 10), Err(WINDOW - 10));
        assert_eq!(throttle.take_try("alice", None, 20), Err(WINDOW - 20));
    }

    #[test]
    fn a_right_password_restores_the_tries() {
        let mut throttle = Throttle::new();
        tries(&mut throttle, PER_NAME - 1, "alice", 0);
        tries(&mut throttle, 1, "alice", 0);
        throttle.was_right("alice", None, 0);
        tries(&mut throttle, PER_NAME, "alice", 0);
        assert!(throttle.take_try("alice", None, 0).is_err());
    }

    #[test]
    fn a_source_that_guesses_for_many_names_waits_and_nobody_else_does() {
        let mut throttle = Throttle::new();
        guess(&mut throttle, PER_SOURCE, source(1));
        assert_eq!(throttle.take_try("bob", source(1), 0), Err(WINDOW));
        assert_eq!(throttle.take_try("bob", source(2), 0), Ok(()));
        assert_eq!(throttle.take_try("bob", None, 0), Ok(()));
        assert_eq!(throttle.take_try("bob", source(1), WINDOW), Ok(()));
    }

    #[test]
    fn a_source_has_its_try_back_when_the_password_was_right() {
        let mut throttle = Throttle::new();
        guess(&mut throttle, PER_SOURCE - 1, source(1));
        for _ in 0..3 {
            throttle.take_try("bob", source(1), 0).unwrap();
            throttle.was_right("bob", source(1), 0);
        }
        throttle.take_try("bob", source(1), 0).unwrap();
        assert!(throttle.take_try("carol", source(1), 0).is_err());
    }

    #[test]
    fn however_many_names_are_guessed_for_a_name_keeps_its_count() {
        let mut throttle = Throttle::new();
        tries(&mut throttle, PER_NAME, "alice", 0);
        guess(&mut throttle, 20_000, None);
        assert_eq!(throttle.take_try("alice", None, 0), Err(WINDOW));
    }
}
