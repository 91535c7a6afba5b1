//! A disk in memory for tests. Its calls can fail, and its power can be cut.
//!
//! It is as unreliable as POSIX allows. Bytes that were not synced may survive in part, and names independently of
//! contents. If a sync fails, no later sync saves the bytes that it should have written, although programs still
//! read them.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "only tests run this"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::Disk;

/// A disk with one directory. Clones share the same disk.
#[derive(Clone, Default)]
pub struct SimulatedDisk(Arc<Mutex<Medium>>);

/// Identifies a file, also after it was renamed.
#[derive(Clone, Copy, Debug)]
pub struct FileNumber(usize);

impl SimulatedDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls there have been.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.medium().calls
    }

    /// Makes the calls in this range fail, counted from the next one. `n..usize::MAX` means that power goes off
    /// after `n` calls.
    pub fn fail_calls(&self, range: Range<usize>, kind: ErrorKind) {
        let mut medium = self.medium();
        let from = medium.calls;
        medium.failing = Some((from + range.start..range.end.saturating_add(from), kind));
    }

    /// Makes one call fail, counted from the next one. After `more` further calls the power goes off.
    pub fn fail_calls_then_cut_power(&self, call: usize, more: usize) {
        self.fail_calls(call..call.saturating_add(1), ErrorKind::Other);
        let mut medium = self.medium();
        medium.power_ends = Some(medium.calls + call + 1 + more);
    }

    /// What programs read in this file now; `None`: there is no such file.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let medium = self.medium();
        medium.names.get(name).map(|number| medium.files[*number].seen.clone())
    }

    /// Puts a file there, durably.
    pub fn put(&self, name: &str, contents: &[u8]) {
        let mut medium = self.medium();
        let number = medium.files.len();
        medium.files.push(File::durable(contents.to_vec()));
        medium.names.insert(name.to_owned(), number);
        medium.durable_names.insert(name.to_owned(), number);
    }

    /// Another disk with the contents that programs read on this one now: as after the end of the process without a
    /// power cut.
    #[must_use]
    pub fn copy(&self) -> Self {
        let medium = self.medium();
        disk_with(&medium.names, |number| medium.files[number].seen.clone())
    }

    /// How many times files were synced.
    #[must_use]
    pub fn syncs(&self) -> usize {
        self.medium().syncs
    }

    /// The disks that are possible after a power cut now. If there are more than 256, only some of them: those on
    /// which the least and the most is left, and some in between.
    pub fn after_power_cut(&self) -> impl Iterator<Item = Self> + use<> {
        let disk = self.clone();
        let unsynced = self.medium().unsynced();
        survivors(unsynced).map(move |survivors| disk.medium().after_power_cut(survivors))
    }
}

/// Which of `unsynced` changes reach the medium: one bit for each.
fn survivors(unsynced: usize) -> Box<dyn Iterator<Item = u128>> {
    assert!(unsynced < 128, "{unsynced} unsynced changes are too many");
    if unsynced <= 8 {
        return Box::new(0..1 << unsynced);
    }
    let all = (1_u128 << unsynced) - 1;
    let first_ones = (0..=unsynced).map(|count| (1_u128 << count) - 1);
    let last_ones = (0..=unsynced).map(move |count| all ^ ((1 << count) - 1));
    let only_one = (0..unsynced).map(|one| 1 << one);
    let but_one = (0..unsynced).map(move |one| all ^ 1 << one);
    // Far from random, but no two alike, and each bit set in half of them.
    let others = (1..64_u128).map(move |number| number.wrapping_mul(SPREAD) & all);
    Box::new(first_ones.chain(last_ones).chain(only_one).chain(but_one).chain(others))
}

/// 2^128 divided by the golden ratio: its multiples spread evenly.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

impl Disk for SimulatedDisk {
    type File = FileNumber;

    fn directory(&self) -> &Path {
        Path::new("simulated")
    }

    fn open(&self, name: &str) -> io::Result<Option<FileNumber>> {
        let mut medium = self.medium();
        medium.call()?;
        Ok(medium.names.get(name).copied().map(FileNumber))
    }

    fn create(&self, name: &str) -> io::Result<FileNumber> {
        let mut medium = self.medium();
        medium.call()?;
        if medium.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let number = medium.files.len();
        medium.files.push(File::default());
        medium.rename_all(vec![(name.to_owned(), Some(number))]);
        Ok(FileNumber(number))
    }

    fn length(&self, file: &FileNumber) -> io::Result<u64> {
        let mut medium = self.medium();
        medium.call()?;
        Ok(medium.files[file.0].seen.len() as u64)
    }

    fn read_at(&self, file: &FileNumber, offset: u64, at_most: usize) -> io::Result<Vec<u8>> {
        let mut medium = self.medium();
        medium.call()?;
        let seen = &medium.files[file.0].seen;
        let from = usize::try_from(offset).map_err(io::Error::other)?.min(seen.len());
        let to = from.saturating_add(at_most).min(seen.len());
        Ok(seen[from..to].to_vec())
    }

    /// A failing write gets half way.
    fn write_at(&self, file: &FileNumber, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut medium = self.medium();
        let outcome = medium.call();
        let written = if outcome.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        medium.files[file.0].write(offset, written);
        outcome
    }

    fn sync(&self, file: &FileNumber) -> io::Result<()> {
        let mut medium = self.medium();
        let outcome = medium.call();
        medium.syncs += 1;
        let file = &mut medium.files[file.0];
        if outcome.is_ok() {
            file.sync()
        } else {
            file.lose()
        }
        outcome
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut medium = self.medium();
        medium.call()?;
        let number = *medium.names.get(from).ok_or(ErrorKind::NotFound)?;
        medium.rename_all(vec![(from.to_owned(), None), (to.to_owned(), Some(number))]);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut medium = self.medium();
        medium.call()?;
        if medium.names.contains_key(name) {
            medium.rename_all(vec![(name.to_owned(), None)]);
        }
        Ok(())
    }

    fn is_at(&self, name: &str, file: &FileNumber) -> io::Result<bool> {
        let mut medium = self.medium();
        medium.call()?;
        Ok(medium.names.get(name) == Some(&file.0))
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut medium = self.medium();
        medium.call()?;
        medium.durable_names = medium.names.clone();
        medium.unsynced_names.clear();
        Ok(())
    }
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedDisk").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Medium {
    files: Vec<File>,
    /// The names that programs see, and those on the medium.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    unsynced_names: Vec<Renaming>,
    calls: usize,
    syncs: usize,
    failing: Option<(Range<usize>, ErrorKind)>,
    /// No call works from this one on.
    power_ends: Option<usize>,
}

/// Names that change together, and the file each stands for from then on.
type Renaming = Vec<(String, Option<usize>)>;

impl Medium {
    fn call(&mut self) -> io::Result<()> {
        let call = self.calls;
        self.calls += 1;
        match &self.failing {
            _ if self.power_ends.is_some_and(|end| call >= end) => Err(ErrorKind::Other.into()),
            Some((range, kind)) if range.contains(&call) => Err((*kind).into()),
            _ => Ok(()),
        }
    }

    fn rename_all(&mut self, renaming: Renaming) {
        apply(&renaming, &mut self.names);
        self.unsynced_names.push(renaming);
    }

    fn unsynced(&self) -> usize {
        self.unsynced_names.len() + self.files.iter().map(|file| file.unsynced.len()).sum::<usize>()
    }

    /// Each bit of `survivors` tells whether one unsynced change made it to the medium.
    fn after_power_cut(&self, survivors: u128) -> SimulatedDisk {
        let mut bits = (0..u128::BITS).map(|bit| survivors >> bit & 1 == 1);
        let mut survives = || bits.next() == Some(true);
        let mut names = self.durable_names.clone();
        for renaming in self.unsynced_names.iter().filter(|_| survives()) {
            apply(renaming, &mut names);
        }
        let contents: Vec<_> =
            self.files.iter().map(|file| file.surviving(&mut survives)).collect();
        disk_with(&names, |number| contents[number].clone())
    }
}

fn disk_with(
    names: &BTreeMap<String, usize>,
    contents: impl Fn(usize) -> Vec<u8>,
) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    names.iter().for_each(|(name, number)| disk.put(name, &contents(*number)));
    disk
}

fn apply(renaming: &Renaming, names: &mut BTreeMap<String, usize>) {
    for (name, number) in renaming {
        match number {
            Some(number) => names.insert(name.clone(), *number),
            None => names.remove(name),
        };
    }
}

#[derive(Default)]
struct File {
    seen: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Write>,
}

struct Write {
    offset: usize,
    bytes: Vec<u8>,
    /// A sync failed: it may be on the medium, and no later sync puts it there.
    lost: bool,
}

impl File {
    fn durable(contents: Vec<u8>) -> Self {
        Self { seen: contents.clone(), durable: contents, unsynced: Vec::new() }
    }

    /// Writes in quarters. Each of them may survive alone.
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let quarter = bytes.len().div_ceil(4).max(1);
        for (number, bytes) in bytes.chunks(quarter).enumerate() {
            let write =
                Write { offset: offset + number * quarter, bytes: bytes.to_vec(), lost: false };
            write.apply(&mut self.seen);
            self.unsynced.push(write);
        }
    }

    fn sync(&mut self) {
        let (lost, synced): (Vec<_>, Vec<_>) =
            self.unsynced.drain(..).partition(|write| write.lost);
        synced.iter().for_each(|write| write.apply(&mut self.durable));
        let overwritten = |lost: &Write| synced.iter().any(|write| write.overlaps(lost));
        self.unsynced = lost.into_iter().filter(|lost| !overwritten(lost)).collect();
    }

    fn lose(&mut self) {
        self.unsynced.iter_mut().for_each(|write| write.lost = true);
    }

    fn surviving(&self, survives: &mut impl FnMut() -> bool) -> Vec<u8> {
        let mut contents = self.durable.clone();
        self.unsynced.iter().filter(|_| survives()).for_each(|write| write.apply(&mut contents));
        contents
    }
}

impl Write {
    fn apply(&self, contents: &mut Vec<u8>) {
        let end = self.offset + self.bytes.len();
        contents.resize(contents.len().max(end), 0);
        contents[self.offset..end].copy_from_slice(&self.bytes);
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.offset < other.offset + other.bytes.len()
            && other.offset < self.offset + self.bytes.len()
    }
}
