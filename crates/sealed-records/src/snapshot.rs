//! A new file with the current records, in large frames.

use std::io::{self, ErrorKind};
use std::mem;

use rand_core::CryptoRng;

use crate::batch::{self, Batch};
use crate::disk::Disk;
use crate::index::Index;
use crate::limits::SNAPSHOT_FRAME;
use crate::log::Log;
use crate::record::{Change, Record};

/// A new file, which takes records in large frames.
pub(crate) struct Snapshot<'a, D: Disk> {
    disk: &'a D,
    rng: &'a mut dyn CryptoRng,
    log: Log<D::File>,
    index: Index,
    gathered: Vec<Record>,
    bytes: usize,
}

impl<'a, D: Disk> Snapshot<'a, D> {
    pub(crate) fn new(disk: &'a D, rng: &'a mut dyn CryptoRng, log: Log<D::File>) -> Self {
        Self { disk, rng, log, index: Index::default(), gathered: Vec::new(), bytes: 0 }
    }

    pub(crate) fn add(&mut self, change: Change<'_>) -> io::Result<()> {
        let Some(value) = change.value else { return Ok(()) };
        let bytes = batch::length(change);
        if self.bytes.saturating_add(bytes) > SNAPSHOT_FRAME {
            self.append()?;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.gathered.push(Record { name: change.name.to_vec(), value: value.to_vec().into() });
        Ok(())
    }

    fn append(&mut self) -> io::Result<()> {
        let gathered = mem::take(&mut self.gathered);
        self.bytes = 0;
        if gathered.is_empty() {
            return Ok(());
        }
        let changes: Vec<_> =
            gathered.iter().map(|record| Change::set(&record.name, &record.value)).collect();
        let batch = Batch::new(&changes)?;
        let offset = self.log.append_unseen(self.disk, &batch, self.rng)?;
        self.index.apply(batch.changes(), offset);
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<(Log<D::File>, Index)> {
        self.append()?;
        self.log.finish(self.disk)?;
        Ok((self.log, self.index))
    }
}

/// Reads the frames of a file and passes on what counts of them.
pub(crate) fn copy_live<D: Disk>(
    disk: &D,
    log: &Log<D::File>,
    index: &Index,
    snapshot: &mut Snapshot<'_, D>,
) -> io::Result<()> {
    let mut frames = log.frames(disk);
    while frames.offset < log.end().offset {
        let found = frames.next()?.ok_or(ErrorKind::InvalidData)?;
        let changes = batch::read(&found.text).ok_or(ErrorKind::InvalidData)?;
        let live = |change: &&Change<'_>| index.is_alive(change.name, found.offset);
        changes.iter().filter(live).try_for_each(|change| snapshot.add(*change))?;
    }
    Ok(())
}
