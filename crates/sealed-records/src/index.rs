//! The index: which records exist, and where. It is all that the vault keeps of them in memory.

use std::collections::BTreeMap;

use crate::batch;
use crate::record::Change;

/// The live records by name.
#[derive(Default)]
pub(crate) struct Index {
    places: BTreeMap<Box<[u8]>, Place>,
    live: u64,
}

#[derive(Clone, Copy)]
struct Place {
    /// The offset of its frame.
    frame: u64,
    /// How many bytes of it are this record's.
    bytes: u64,
}

impl Index {
    /// Applies the changes of the frame at this offset.
    pub(crate) fn apply<'a>(&mut self, changes: impl Iterator<Item = Change<'a>>, frame: u64) {
        for change in changes {
            let bytes = batch::length(change) as u64;
            let before = match change.value {
                Some(_) => self.places.insert(change.name.into(), Place { frame, bytes }),
                None => self.places.remove(change.name),
            };
            let gained = if change.value.is_some() { bytes } else { 0 };
            let lost = before.map_or(0, |before| before.bytes);
            self.live = self.live.saturating_add(gained).saturating_sub(lost);
        }
    }

    /// Whether the frame at this offset holds the value that counts.
    pub(crate) fn is_alive(&self, name: &[u8], frame: u64) -> bool {
        self.places.get(name).is_some_and(|place| place.frame == frame)
    }

    /// How many records there are.
    pub(crate) fn records(&self) -> usize {
        self.places.len()
    }

    /// How many bytes of frames the live records take.
    pub(crate) const fn live(&self) -> u64 {
        self.live
    }
}
