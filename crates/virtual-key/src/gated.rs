//! For tests: a memory that writes only when the test allows it, and a store on top of any memory.

use std::sync::mpsc::{Receiver, Sender, channel};

use ctap_core::memory::{Durability, MemoryError, Record};
use ctap_core::store::Tail;
use ctap_core::{Memory, Store};
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng as _;

/// A memory that says when it begins to write, and waits until the other end of its gate is gone.
pub(crate) struct GatedMemory {
    begins: Box<dyn FnMut() + Send>,
    gate: Receiver<()>,
}

impl GatedMemory {
    /// Calls `begins` whenever it begins to write. Dropping the gate lets it write.
    pub(crate) fn new(begins: impl FnMut() + Send + 'static) -> (Self, Sender<()>) {
        let (open, gate) = channel();
        (Self { begins: Box::new(begins), gate }, open)
    }
}

impl Memory for GatedMemory {
    fn commit(&mut self, _: &[Record], when: Durability) -> Result<(), MemoryError> {
        if when == Durability::Wait {
            (self.begins)();
            let _ = self.gate.recv();
        }
        Ok(())
    }

    fn replace_all(&mut self, records: &[Record]) -> Result<(), MemoryError> {
        self.commit(records, Durability::Wait)
    }
}

/// A new key's store on this medium, which has all of it already.
pub(crate) fn store_on(memory: impl Memory + Send + 'static) -> Store {
    let new = Store::in_memory(&mut ChaCha12Rng::seed_from_u64(1));
    Store::load(Box::new(memory), new.records(), Tail::Whole).expect("a whole key")
}
