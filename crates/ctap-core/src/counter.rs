//! The signature counter of the key. All credentials share it, except those with their own. It is reserved in
//! blocks before it is used (MC-77, GA-31, P-13).

use crate::change::Change;
use crate::credential::Counter;
use crate::limits::SIGN_COUNT_BLOCK;
use crate::memory::MemoryError;
use crate::state::State;
use crate::store::Store;

/// The counter, and how far it may go without asking the memory.
///
/// A block is handed to the memory long before it is needed, and nobody waits for it. Before the first number of a block is
/// used a barrier makes sure that it is durable, which normally takes no time.
pub(crate) struct SignCounter {
    last: u32,
    /// The end of the last block that is known to be durable.
    durable: u32,
}

impl SignCounter {
    /// Starts after everything that was ever reserved: a crash skips numbers and repeats none. A key that never counted begins at
    /// `start`.
    pub(crate) fn new(start: u32, store: &mut Store) -> Self {
        if store.state().sign_count_ceiling < start {
            // If it is refused, it is tried again before a number is used.
            let _ = store.commit(Change::SignCountCeiling(start));
        }
        let last = store.state().sign_count_ceiling;
        let counter = Self { last, durable: last };
        counter.reserve_ahead(store);
        counter
    }

    /// The last value sent.
    pub(crate) const fn current(&self) -> u32 {
        self.last
    }

    /// The count of a new credential with this counter before its first signature.
    pub(crate) const fn of_new(&self, counter: Counter) -> u32 {
        match counter {
            Counter::OfKey => self.last,
            Counter::Own(start) => start,
            Counter::Zero => 0,
        }
    }

    /// The next value, durably reserved.
    pub(crate) fn next(&mut self, store: &mut Store) -> Result<u32, MemoryError> {
        let next = self.last.saturating_add(1);
        if next > self.durable {
            self.enter_block(next, store)?;
        }
        self.last = next;
        self.reserve_ahead(store);
        Ok(next)
    }

    /// Whether [`next`](Self::next) will have nothing to ask of the memory.
    pub(crate) fn is_at_hand(&self, state: &State) -> bool {
        let next = self.last.saturating_add(1);
        next <= self.durable && !self.is_low_after(next, state)
    }

    /// The block that begins with `next` is durable on return.
    fn enter_block(&mut self, next: u32, store: &mut Store) -> Result<(), MemoryError> {
        if next > store.state().sign_count_ceiling {
            let ceiling = self.last.saturating_add(SIGN_COUNT_BLOCK);
            store.commit(Change::SignCountCeiling(ceiling))?;
        }
        store.barrier()?;
        self.durable = store.state().sign_count_ceiling;
        Ok(())
    }

    /// Half a block before the end of what is durable the next block is reserved. Where the memory refuses it nothing is lost
    /// yet: the next value tries again, and the first of the next block insists.
    fn reserve_ahead(&self, store: &mut Store) {
        let ceiling = store.state().sign_count_ceiling;
        if self.is_low_after(self.last, store.state()) {
            let _ =
                store.commit(Change::SignCountCeiling(ceiling.saturating_add(SIGN_COUNT_BLOCK)));
        }
    }

    /// Whether at most half a block is left after this value, and no other block is reserved.
    const fn is_low_after(&self, last: u32, state: &State) -> bool {
        let ceiling = state.sign_count_ceiling;
        ceiling == self.durable && ceiling.saturating_sub(last) <= SIGN_COUNT_BLOCK / 2
    }
}
