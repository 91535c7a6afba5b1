//! The witness: a small file in another place that stores the number of the last commit, so that an older copy of
//! the records is noticed (P-16).

use std::io;

use crate::crypto::Key;
use crate::disk::Disk;
use crate::error::Error;
use crate::frame::Context;
use crate::opening::{Rollback, WitnessPlace};
use crate::slots::{Reading, Slots};

/// The open witness file.
pub(crate) struct Witness<D: Disk> {
    disk: D,
    file: D::File,
    slots: Slots,
    /// The number that it had last.
    said: u64,
    /// Whether there was none, or none that could be read, when the vault was opened.
    pub(crate) is_new: bool,
}

impl<D: Disk> Witness<D> {
    /// Compares the witness with the records, which go as far as `last`. One that is missing, or says nothing, is made again.
    ///
    /// # Errors
    /// [`Error::RolledBack`], [`Error::OtherWitness`] unless that is accepted; [`Error::Io`]: the medium's fault.
    pub(crate) fn open(
        place: WitnessPlace<D>,
        (key, store, last): (&Key, [u8; 16], u64),
        rollback: Rollback,
    ) -> Result<Self, Error> {
        let WitnessPlace { disk, name } = place;
        let path = disk.directory().join(&name);
        let mut slots = Slots::new(0, Context { store, generation: 0 });
        let failed = || Error::io("use", path.clone());
        let Some(file) = disk.open(&name).map_err(failed())? else {
            return Self::make(disk, &name, key, (slots, last)).map_err(failed());
        };
        let reading = slots.read((&disk, &file), key).map_err(failed())?;
        match (reading, rollback) {
            (Reading::Durable(witnessed), Rollback::Refuse) if witnessed > last => {
                return Err(Error::RolledBack { witness: path, found: last, witnessed });
            }
            (Reading::Foreign, Rollback::Refuse) => return Err(Error::OtherWitness { path }),
            (Reading::Durable(said), _) if said <= last => {
                return Ok(Self { disk, file, slots, said, is_new: false });
            }
            _ => {}
        }
        let is_new = reading == Reading::Nothing;
        Self::fill(disk, file, key, (slots, last))
            .map(|witness| Self { is_new, ..witness })
            .map_err(failed())
    }

    /// Goes with a new vault, whatever the file said of another one.
    pub(crate) fn begin(
        place: WitnessPlace<D>,
        (key, store, last): (&Key, [u8; 16], u64),
    ) -> Result<Self, Error> {
        Self::open(place, (key, store, last), Rollback::Accept)
    }

    fn make(disk: D, name: &str, key: &Key, (slots, last): (Slots, u64)) -> io::Result<Self> {
        let file = disk.create(name)?;
        let witness = Self::fill(disk, file, key, (slots, last))?;
        witness.disk.sync_directory()?;
        Ok(Self { is_new: true, ..witness })
    }

    fn fill(disk: D, file: D::File, key: &Key, (slots, last): (Slots, u64)) -> io::Result<Self> {
        disk.write_at(&file, 0, &slots.pages(key, last))?;
        disk.sync(&file)?;
        Ok(Self { disk, file, slots, said: last, is_new: false })
    }

    /// Remembers that the records are durable as far as this. Nobody waits for it: an attacker gains at most the last seconds.
    pub(crate) fn remember(&mut self, key: &Key, durable: u64) -> io::Result<()> {
        if durable > self.said {
            self.slots.write((&self.disk, &self.file), key, durable)?;
            self.said = durable;
        }
        Ok(())
    }
}
