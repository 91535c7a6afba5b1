//! How many wrong passwords are borne, for one name and altogether.

use crate::expiring::{Expiring, Seconds};

/// Wrong passwords for one name within [`WINDOW`] before there is a wait. Keys are not affected, so whoever locks a name
/// does not lock its owner out.
pub(crate) const PER_NAME: u32 = 5;

/// Wrong passwords for all names together within [`WINDOW`]: guessing one password for many names is guessing too.
pub(crate) const ALTOGETHER: u32 = 100;

/// Fifteen minutes, counted from the first wrong password.
pub(crate) const WINDOW: Seconds = 15 * 60;

/// Counts wrong passwords.
pub(crate) struct Throttle {
    names: Expiring<Failures>,
    all: Failures,
}

#[derive(Clone, Copy, Default)]
struct Failures {
    since: Seconds,
    count: u32,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self { names: Expiring::new(WINDOW, 10_000), all: Failures::default() }
    }

    /// Takes a try before the password is looked at, so that tries at the same moment count too.
    ///
    /// # Errors
    /// How many seconds to wait: no try is left.
    pub(crate) fn take_try(&mut self, name: &str, now: Seconds) -> Result<(), Seconds> {
        let name = name.to_lowercase();
        let mut failures = self.names.get_mut(&name, now).map_or(Failures::default(), |it| *it);
        self.all.check(ALTOGETHER, now)?;
        failures.check(PER_NAME, now)?;
        self.all.add(now);
        failures.add(now);
        self.names.put(name, failures, now);
        Ok(())
    }

    /// The password was right: its name has all its tries again, and the try that was taken is given back.
    pub(crate) fn was_right(&mut self, name: &str, now: Seconds) {
        self.names.take(&name.to_lowercase(), now);
        self.all.count = self.all.count.saturating_sub(1);
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
    use super::*;

    fn tries(throttle: &mut Throttle, count: u32, name: &str, now: Seconds) {
        for _ in 0..count {
            throttle.take_try(name, now).unwrap();
        }
    }

    #[test]
    fn after_five_wrong_passwords_a_name_waits_a_quarter_of_an_hour() {
        let mut throttle = Throttle::new();
        tries(&mut throttle, PER_NAME, "alice", 1000);
        assert_eq!(throttle.take_try("Alice", 1000), Err(WINDOW));
        assert_eq!(throttle.take_try("alice", 1000 + WINDOW - 1), Err(1));
        assert_eq!(throttle.take_try("alice", 1000 + WINDOW), Ok(()));
    }

    #[test]
    fn asking_while_waiting_does_not_lengthen_the_wait() {
        let mut throttle = Throttle::new();
        tries(&mut throttle, PER_NAME, "alice", 0);
        assert_eq!(throttle.take_try("alice", 10), Err(WINDOW - 10));
        assert_eq!(throttle.take_try("alice", 20), Err(WINDOW - 20));
    }

    #[test]
    fn a_right_password_restores_the_tries() {
        let mut throttle = Throttle::new();
        tries(&mut throttle, PER_NAME - 1, "alice", 0);
        tries(&mut throttle, 1, "alice", 0);
        throttle.was_right("alice", 0);
        tries(&mut throttle, PER_NAME, "alice", 0);
        assert!(throttle.take_try("alice", 0).is_err());
    }

    #[test]
    fn one_name_does_not_make_another_wait_but_many_names_do() {
        let mut throttle = Throttle::new();
        for guess in 0..ALTOGETHER {
            throttle.take_try(&format!("name {guess}"), 0).unwrap();
        }
        assert_eq!(throttle.take_try("bob", 0), Err(WINDOW));
        assert_eq!(throttle.take_try("bob", WINDOW), Ok(()));
    }
}
