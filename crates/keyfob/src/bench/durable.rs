//! A key's memory in a directory, as any durable key has it, whose syncs are counted.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ctap_core::Store;
use ctap_core::memory::{self, MemoryError, Record};
use ctap_core::secret::SecretBytes;
use sealed_records::{Change, Directory, Disk, Durability, Places, Unlock, Vault};
use virtual_key::platform::system_rng;

/// What a memory has had its disk do.
#[derive(Debug, Default)]
pub(super) struct Counts {
    waited_for: AtomicU64,
    lazy: AtomicU64,
    in_a_hurry: AtomicBool,
}

/// Syncs, as they were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Syncs {
    /// Those that a request waited for: of files and of the directory.
    pub(super) waited_for: u64,
    /// Commits that nobody waited for, each of which is followed by one sync in the background at the most.
    pub(super) in_background: u64,
}

impl Counts {
    /// All since the memory was made.
    pub(super) fn so_far(&self) -> Syncs {
        Syncs {
            waited_for: self.waited_for.load(Ordering::Relaxed),
            in_background: self.lazy.load(Ordering::Relaxed),
        }
    }

    /// Whether nothing is waited for from now on: to fill a memory before it is measured.
    pub(super) fn hurry(&self, in_a_hurry: bool) {
        self.in_a_hurry.store(in_a_hurry, Ordering::Relaxed);
    }

    fn one_more(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Makes a new key's memory in a directory that is not there yet.
///
/// # Errors
/// What the vault says.
pub(super) fn create(directory: &Path, counts: &Arc<Counts>) -> anyhow::Result<Store> {
    let disk = Counting { directory: Directory::make(directory)?, counts: Arc::clone(counts) };
    let places = Places { vault: disk, witness: None };
    let vault = Vault::create_on(places, &Unlock::KeyFile, Box::new(system_rng()))?;
    let memory = Counted { vault, counts: Arc::clone(counts) };
    Ok(Store::create(Box::new(memory), &mut system_rng())?)
}

/// A vault whose commits are counted that nobody waits for.
struct Counted {
    vault: Vault<Counting>,
    counts: Arc<Counts>,
}

impl memory::Memory for Counted {
    fn commit(&mut self, records: &[Record], when: memory::Durability) -> Result<(), MemoryError> {
        let is_lazy = when == memory::Durability::Lazy;
        if is_lazy {
            Counts::one_more(&self.counts.lazy);
        }
        let when = match is_lazy || self.counts.in_a_hurry.load(Ordering::Relaxed) {
            true => Durability::Lazy,
            false => Durability::Wait,
        };
        self.vault.commit(&changes(records), when).map_err(|_| MemoryError::Failed)
    }

    /// Its sync is not this disk's, but is waited for all the same.
    fn commit_while(
        &mut self,
        records: &[Record],
        work: &mut dyn FnMut(),
    ) -> Result<(), MemoryError> {
        if self.counts.in_a_hurry.load(Ordering::Relaxed) {
            work();
            return self.commit(records, memory::Durability::Wait);
        }
        Counts::one_more(&self.counts.waited_for);
        self.vault.commit_while(&changes(records), work).map_err(|_| MemoryError::Failed)
    }

    fn replace_all(&mut self, records: &[Record]) -> Result<(), MemoryError> {
        self.vault.replace_all(&changes(records)).map_err(|_| MemoryError::Failed)
    }

    fn still_kept(&mut self) -> Result<(), MemoryError> {
        self.vault.still_kept().map_err(|_| MemoryError::Failed)
    }
}

fn changes(records: &[Record]) -> Vec<Change<'_>> {
    let values = records.iter().map(|record| record.value.as_ref().map(SecretBytes::expose));
    let changes = records.iter().zip(values);
    changes.map(|(record, value)| Change { name: &record.name, value }).collect()
}

/// A directory on a real disk that counts the syncs which are waited for.
struct Counting {
    directory: Directory,
    counts: Arc<Counts>,
}

impl Disk for Counting {
    type File = File;

    fn directory(&self) -> &Path {
        self.directory.directory()
    }

    fn open(&self, name: &str) -> io::Result<Option<File>> {
        Disk::open(&self.directory, name)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        self.directory.create(name)
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        self.directory.length(file)
    }

    fn read_at(&self, file: &File, offset: u64, at_most: usize) -> io::Result<Vec<u8>> {
        self.directory.read_at(file, offset, at_most)
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.directory.write_at(file, offset, bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        Counts::one_more(&self.counts.waited_for);
        self.directory.sync(file)
    }

    fn opened_again(&self, name: &str) -> Option<File> {
        self.directory.opened_again(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.directory.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.directory.remove(name)
    }

    fn is_at(&self, name: &str, file: &File) -> io::Result<bool> {
        self.directory.is_at(name, file)
    }

    fn sync_directory(&self) -> io::Result<()> {
        Counts::one_more(&self.counts.waited_for);
        self.directory.sync_directory()
    }
}

#[cfg(test)]
mod tests {
    use ctap_core::memory::{Durability, Memory as _};

    use super::*;

    #[test]
    fn syncs_that_are_waited_for_are_told_from_others() {
        let place = tempfile::tempdir().unwrap();
        let counts = Arc::new(Counts::default());
        let disk = Counting {
            directory: Directory::make(&place.path().join("key")).unwrap(),
            counts: Arc::clone(&counts),
        };
        let places = Places { vault: disk, witness: None };
        let vault = Vault::create_on(places, &Unlock::KeyFile, Box::new(system_rng())).unwrap();
        let mut memory = Counted { vault, counts: Arc::clone(&counts) };
        let mut commit = |when| {
            let value = Some(SecretBytes::new(vec![7]));
            let before = counts.so_far();
            memory.commit(&[Record { name: vec![1], value }], when).unwrap();
            let Syncs { waited_for, in_background } = counts.so_far();
            (waited_for - before.waited_for, in_background - before.in_background)
        };
        assert_eq!(commit(Durability::Wait), (1, 0));
        assert_eq!(commit(Durability::Lazy), (0, 1));
        counts.hurry(true);
        assert_eq!(commit(Durability::Wait), (0, 0));
        counts.hurry(false);
        assert_eq!(commit(Durability::Wait), (1, 0));
        let value = Some(SecretBytes::new(vec![7]));
        let before = counts.so_far().waited_for;
        memory.commit_while(&[Record { name: vec![1], value }], &mut || {}).unwrap();
        assert_eq!(counts.so_far().waited_for, before + 1);
    }
}
