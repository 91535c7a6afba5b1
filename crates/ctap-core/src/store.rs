//! The store: the state that is remembered, and the medium behind it.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use rand_core::CryptoRng;

pub use crate::change::Change;
use crate::credential::Counter;
use crate::limits::SIGN_COUNT_BLOCK;
use crate::memory::{Durability, Forgetful, Memory, MemoryError, Record};
use crate::records::{self, Edit, LoadError};
use crate::state::State;

/// What an authenticator remembers. Only [`commit`](Self::commit) changes it.
///
/// A change is given to the [`Memory`] as the records that it writes. When the memory has them, the state changes
/// as well, so the state never holds more than the memory was given. After an error both are as before, and the
/// command is answered with an error (P-11, P-12). The cost of a commit does not grow with the amount that is
/// remembered.
pub struct Store {
    state: State,
    memory: Box<dyn Memory + Send>,
}

/// Whether the last write was complete when the medium was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// It was complete.
    Whole,
    /// A power cut may have lost the last commit. If that was the price of a PIN try or of a finger, it counts as
    /// paid. If it was a block of counters, or a counter that was sent, it counts as used.
    Torn,
}

impl Store {
    /// A new key, on a medium that holds nothing yet.
    ///
    /// # Errors
    /// [`MemoryError`]: the medium's fault.
    pub fn create(
        mut memory: Box<dyn Memory + Send>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, MemoryError> {
        let state = State::factory(rng);
        memory.commit(&records::of(&state), Durability::Wait)?;
        Ok(Self { state, memory })
    }

    /// A new key that forgets everything when it is dropped.
    pub fn in_memory(rng: &mut dyn CryptoRng) -> Self {
        Self { state: State::factory(rng), memory: Box::new(Forgetful) }
    }

    /// The key whose records a medium holds, in any order. If the last write was cut off ([`Tail::Torn`]), what
    /// that costs is written before this returns.
    ///
    /// # Errors
    /// [`LoadError`] if these are not all the records of a key, or not records of this version; nothing is used
    /// then. Also if the medium could not write what a torn tail costs.
    pub fn load(
        memory: Box<dyn Memory + Send>,
        records: Vec<Record>,
        tail: Tail,
    ) -> Result<Self, LoadError> {
        let mut store = Self { state: records::load(records)?, memory };
        if tail == Tail::Torn {
            store.pay_for_torn_tail()?;
        }
        Ok(store)
    }

    /// Puts another medium in front of its own. The other medium holds all records of the first, and gets
    /// everything that is committed from now on.
    pub fn lay_over(
        &mut self,
        over: impl FnOnce(Box<dyn Memory + Send>) -> Box<dyn Memory + Send>,
    ) {
        self.memory = over(core::mem::replace(&mut self.memory, Box::new(Forgetful)));
    }

    /// The state after the last successful commit.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Everything that is remembered, as the records that [`load`](Self::load) takes, for a copy elsewhere.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        records::of(&self.state)
    }

    /// Makes one change, whole or not at all. It is durable on return. Two kinds of changes may be lost and are
    /// not: tries that are given back, and signature counters that are reserved ahead.
    ///
    /// # Errors
    /// [`MemoryError`] if the medium failed or is full: the medium's fault. Nothing has changed then.
    pub fn commit(&mut self, change: Change) -> Result<(), MemoryError> {
        let when = change.durability();
        match change {
            Change::Reset(factory) => self.reset(*factory),
            change => self.carry_out(self.state.edits(change), when),
        }
    }

    /// As [`commit`](Self::commit), for a change that is waited for. `work` is done meanwhile, so that its time and
    /// the medium's do not add up. Before the change is durable, its result must not reach anybody who may not know
    /// it.
    pub(crate) fn commit_while<T>(
        &mut self,
        change: Change,
        work: impl FnOnce() -> T,
    ) -> Result<T, MemoryError> {
        let edits = self.state.edits(change);
        let records: Vec<_> = edits.iter().map(Edit::record).collect();
        let (mut work, mut done) = (Some(work), None);
        self.memory.commit_while(&records, &mut || done = work.take().map(|work| work()))?;
        edits.into_iter().for_each(|edit| self.state.apply(edit));
        // A medium that has not done the work has failed.
        done.ok_or(MemoryError::Failed)
    }

    /// Makes everything durable that was committed so far. Call it before a key ends. It costs nothing if
    /// everything is durable already.
    ///
    /// # Errors
    /// As [`commit`](Self::commit), the medium's fault: only what may be lost can be lost then.
    pub fn barrier(&mut self) -> Result<(), MemoryError> {
        self.memory.commit(&[], Durability::Wait)
    }

    /// As [`Memory::is_instant`].
    pub(crate) fn is_instant(&self) -> bool {
        self.memory.is_instant()
    }

    /// As [`Memory::still_kept`].
    pub(crate) fn still_kept(&mut self) -> Result<(), MemoryError> {
        self.memory.still_kept()
    }

    fn carry_out(&mut self, edits: Vec<Edit>, when: Durability) -> Result<(), MemoryError> {
        if edits.is_empty() {
            return Ok(());
        }
        let records: Vec<_> = edits.iter().map(Edit::record).collect();
        self.memory.commit(&records, when)?;
        edits.into_iter().for_each(|edit| self.state.apply(edit));
        Ok(())
    }

    /// The signature counter goes on where it was (RS-12).
    fn reset(&mut self, mut factory: State) -> Result<(), MemoryError> {
        factory.sign_count_ceiling = factory.sign_count_ceiling.max(self.state.sign_count_ceiling);
        self.memory.replace_all(&records::of(&factory))?;
        self.state = factory;
        Ok(())
    }

    /// P-1, P-13: what was lost may have been paid by someone who then cut the power.
    fn pay_for_torn_tail(&mut self) -> Result<(), MemoryError> {
        let state = &self.state;
        let ceiling = state.sign_count_ceiling.saturating_add(SIGN_COUNT_BLOCK);
        let mut changes = Vec::from([Change::SignCountCeiling(ceiling)]);
        if state.pin.is_some() {
            changes.push(Change::PinRetries(state.pin_retries.saturating_sub(1)));
        }
        if !state.fingerprints.is_empty() {
            changes.push(Change::UvRetries(state.uv_retries.saturating_sub(1)));
        }
        changes.extend(state.credentials.own_counters().map(|(credential, last)| {
            let (id, backup) = (credential.id.clone(), credential.backup);
            let counter = Counter::Own(last.saturating_add(1));
            Change::CredentialProperties { id, backup, counter }
        }));
        let edits = changes.into_iter().flat_map(|change| state.edits(change)).collect();
        self.carry_out(edits, Durability::Wait)
    }
}

/// Its content must not be printed.
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::seeded;

    #[test]
    fn work_is_done_once_and_what_it_gives_comes_with_the_change() {
        let mut store = Store::in_memory(&mut seeded(1));
        let mut done = 0;
        let given = store.commit_while(Change::SignCountCeiling(7), || {
            done += 1;
            "given"
        });
        assert_eq!((given, done, store.state().sign_count_ceiling), (Ok("given"), 1, 7));
    }

    #[test]
    fn of_a_change_that_the_medium_refuses_nothing_is_given() {
        for refuses in [Refuses::AtOnce, Refuses::Later, Refuses::Work] {
            let mut store = Store::in_memory(&mut seeded(1));
            store.memory = Box::new(refuses);
            let given = store.commit_while(Change::SignCountCeiling(7), || "given");
            assert_eq!(given, Err(MemoryError::Failed));
        }
    }

    /// A medium that refuses before the work is done or after it, or has it not done at all.
    enum Refuses {
        AtOnce,
        Later,
        Work,
    }

    impl Memory for Refuses {
        fn commit(&mut self, _: &[Record], _: Durability) -> Result<(), MemoryError> {
            Err(MemoryError::Failed)
        }

        fn commit_while(
            &mut self,
            _: &[Record],
            work: &mut dyn FnMut(),
        ) -> Result<(), MemoryError> {
            match self {
                Self::AtOnce => Err(MemoryError::Failed),
                Self::Later => {
                    work();
                    Err(MemoryError::Failed)
                }
                Self::Work => Ok(()),
            }
        }

        fn replace_all(&mut self, _: &[Record]) -> Result<(), MemoryError> {
            Err(MemoryError::Failed)
        }
    }
}
