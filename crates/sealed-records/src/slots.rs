//! Two slots that say up to where the log is durable. They are written in turn: while one is being written, the
//! other one holds the earlier state. The log has a pair of them (its heads); the witness file is another pair.

use std::io;

use crate::bytes::Fields;
use crate::crypto::{Key, MAC};
use crate::disk::Disk;
use crate::frame::Context;

/// A pair of slots at a place in a file.
pub(crate) struct Slots {
    at: u64,
    context: Context,
    next: Slot,
}

/// The content of a pair of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// All up to this sequence number was durable once.
    Durable(u64),
    /// Another store's, by a slot that is there.
    Foreign,
    /// Neither slot says anything.
    Nothing,
}

impl Slots {
    pub(crate) const fn new(at: u64, context: Context) -> Self {
        Self { at, context, next: Slot::First }
    }

    /// The content of both pages, saying this. They are to be synced before either is written again.
    pub(crate) fn pages(&self, key: &Key, sequence: u64) -> Vec<u8> {
        let mut page = self.encode(key, sequence);
        page.resize(PAGE, 0);
        page.repeat(2)
    }

    /// Reads both, and writes the one next that does not say the most.
    pub(crate) fn read<D: Disk>(
        &mut self,
        (disk, file): (&D, &D::File),
        key: &Key,
    ) -> io::Result<Reading> {
        let pages = disk.read_at(file, self.at, 2 * PAGE)?;
        let (first, second) = pages.split_at_checked(PAGE).unwrap_or((&pages, &[]));
        let (reading, next) = self.judge(key, [first, second]);
        self.next = next;
        Ok(reading)
    }

    fn judge(&self, key: &Key, slots: [&[u8]; 2]) -> (Reading, Slot) {
        let [first, second] = slots.map(|slot| self.decode(key, slot));
        match (first, second) {
            (Some(first), Some(second)) if first <= second => {
                (Reading::Durable(second), Slot::First)
            }
            (Some(first), _) => (Reading::Durable(first), Slot::Second),
            (None, Some(second)) => (Reading::Durable(second), Slot::First),
            (None, None) if slots.iter().any(|slot| self.is_foreign(slot)) => {
                (Reading::Foreign, Slot::First)
            }
            (None, None) => (Reading::Nothing, Slot::First),
        }
    }

    /// Writes the next slot, and the other one the time after. After an error the same one is written again.
    pub(crate) fn write<D: Disk>(
        &mut self,
        (disk, file): (&D, &D::File),
        key: &Key,
        sequence: u64,
    ) -> io::Result<()> {
        disk.write_at(file, self.offset(self.next), &self.encode(key, sequence))?;
        self.next = self.next.other();
        Ok(())
    }

    /// Writes the slot that says the most once more, as it is: it may be there for programs and not on the medium.
    pub(crate) fn write_again<D: Disk>(
        &self,
        (disk, file): (&D, &D::File),
        key: &Key,
        sequence: u64,
    ) -> io::Result<()> {
        disk.write_at(file, self.offset(self.next.other()), &self.encode(key, sequence))
    }

    fn offset(&self, slot: Slot) -> u64 {
        match slot {
            Slot::First => self.at,
            Slot::Second => self.at.saturating_add(PAGE as u64),
        }
    }

    fn encode(&self, key: &Key, sequence: u64) -> Vec<u8> {
        let Context { store, generation } = self.context;
        let sequence = sequence.to_be_bytes();
        let mac = key.vouch(&[&store, &generation.to_be_bytes(), &sequence]);
        [&store[..], &sequence, &mac].concat()
    }

    fn decode(&self, key: &Key, slot: &[u8]) -> Option<u64> {
        let mut fields = Fields(slot);
        let store = fields.array::<16>().filter(|store| *store == self.context.store)?;
        let sequence = fields.array::<8>()?;
        let mac = fields.array::<MAC>()?;
        key.has_vouched(&[&store, &self.context.generation.to_be_bytes(), &sequence], &mac)
            .then_some(u64::from_be_bytes(sequence))
    }

    fn is_foreign(&self, slot: &[u8]) -> bool {
        let store = slot.first_chunk::<16>();
        store.is_some_and(|store| *store != [0; 16] && *store != self.context.store)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    First,
    Second,
}

impl Slot {
    const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// Slots are a page apart: whatever a torn write takes with it, it does not take both.
pub(crate) const PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Context = Context { store: [1; 16], generation: 3 };

    fn key() -> Key {
        Key::of(&[7; 32]).unwrap()
    }

    fn pages(first: u64, second: u64) -> [Vec<u8>; 2] {
        let slots = Slots::new(0, HERE);
        [first, second].map(|sequence| slots.encode(&key(), sequence))
    }

    fn judged([first, second]: &[Vec<u8>; 2]) -> (Reading, Slot) {
        Slots::new(0, HERE).judge(&key(), [first, second])
    }

    #[test]
    fn the_higher_slot_counts_and_the_other_is_written_next() {
        assert_eq!(judged(&pages(4, 5)), (Reading::Durable(5), Slot::First));
        assert_eq!(judged(&pages(6, 5)), (Reading::Durable(6), Slot::Second));
        assert_eq!(judged(&pages(5, 5)), (Reading::Durable(5), Slot::First));
    }

    #[test]
    fn whichever_bit_of_a_slot_flips_the_other_one_counts() {
        for bit in 0..(16 + 8 + MAC) * 8 {
            let mut pages = pages(6, 5);
            pages[0][bit / 8] ^= 1 << (bit % 8);
            assert_eq!(judged(&pages), (Reading::Durable(5), Slot::First), "bit {bit}");
        }
    }

    #[test]
    fn slots_of_another_store_are_told_from_none() {
        let elsewhere = Slots::new(0, Context { store: [2; 16], generation: 3 });
        let foreign = elsewhere.encode(&key(), 9);
        assert_eq!(judged(&[foreign, Vec::new()]).0, Reading::Foreign);
        assert_eq!(judged(&[vec![0; PAGE], Vec::new()]).0, Reading::Nothing);
        // A copy of an older file's head says nothing in the next one.
        let older = Slots::new(0, Context { generation: 2, ..HERE }).encode(&key(), 9);
        assert_eq!(judged(&[older.clone(), older]).0, Reading::Nothing);
    }
}
