//! The counter file: how far signature counters may have gone (P-13).
//!
//! Raising the ceiling is the only durable write on the way of an assertion, so it is one small write in place. Two slots
//! are written in turn: while one is in flight the other holds what was acknowledged.

use std::io;

use ctap_core::limits::SIGN_COUNT_BLOCK;
use sha2::{Digest, Sha256};

use crate::disk::{COUNTER, Disk};
use crate::error::{Error, Fault};
use crate::format::{DIGEST, MAGIC, VERSION, check_version};

/// The open counter file.
pub(crate) struct Counter<F> {
    file: F,
    next: Slot,
}

impl<F> Counter<F> {
    /// Opens the counter file and tells the ceiling it holds.
    pub(crate) fn load(disk: &impl Disk<File = F>) -> Result<(Self, u32), Error> {
        let path = disk.directory().join(COUNTER);
        let opened = disk.open(COUNTER).map_err(Error::io("open", path.clone()))?;
        let file = opened.ok_or_else(|| Error::CounterMissing { path: path.clone() })?;
        // A killed process may have left its last write to the kernel: durable first, then believed.
        disk.sync(&file).map_err(Error::io("sync", path.clone()))?;
        let bytes =
            disk.read(&file, LENGTH.saturating_add(1)).map_err(Error::io("read", path.clone()))?;
        let (next, ceiling) = judge(&bytes).map_err(|fault| Error::Refused { path, fault })?;
        Ok((Self { file, next }, ceiling))
    }

    /// Whether the file is still where the next start looks for it. Its directory may have been removed, and an open file does
    /// not mind: what is written to it then goes nowhere.
    pub(crate) fn is_kept(&self, disk: &impl Disk<File = F>) -> io::Result<()> {
        match disk.is_at(COUNTER, &self.file)? {
            true => Ok(()),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Makes a higher ceiling durable. After an error the acknowledged one still is, and the same slot is written
    /// again the next time.
    pub(crate) fn raise(&mut self, disk: &impl Disk<File = F>, ceiling: u32) -> io::Result<()> {
        self.is_kept(disk)?;
        disk.write_at(&self.file, self.next.offset(), &encode(ceiling))?;
        disk.sync(&self.file)?;
        self.next = self.next.other();
        Ok(())
    }
}

/// The ceiling of a vault that is being made: its state file has never been there.
pub(crate) const UNFINISHED: u32 = 0;

/// The lowest ceiling of a vault that was whole once. It is raised to this before any use, so that even a vault that has
/// never counted can be told from one whose making was cut off.
pub(crate) const WHOLE: u32 = 1;

/// The counter file of a vault that is being made.
pub(crate) fn fresh() -> Vec<u8> {
    let mut file = encode(UNFINISHED);
    file.resize(SECOND, 0);
    file.extend(encode(UNFINISHED));
    file.resize(LENGTH, 0);
    file
}

/// Which slot to write next, and the ceiling.
fn judge(file: &[u8]) -> Result<(Slot, u32), Fault> {
    if file.len() != LENGTH {
        return Err(Fault::Damaged);
    }
    let (first, second) = file.split_at_checked(SECOND).ok_or(Fault::Damaged)?;
    match (decode(first), decode(second)) {
        (Err(newer @ Fault::Newer { .. }), _) | (_, Err(newer @ Fault::Newer { .. })) => Err(newer),
        (Ok(first), Ok(second)) if first <= second => Ok((Slot::First, second)),
        (Ok(first), Ok(_)) => Ok((Slot::Second, first)),
        (Ok(first), Err(_)) => Ok((Slot::Second, beyond(first))),
        (Err(_), Ok(second)) => Ok((Slot::First, beyond(second))),
        (Err(fault), Err(_)) => Err(fault),
    }
}

/// The other slot is unreadable. A power cut while it was written is harmless; but a bit may also have flipped in an
/// acknowledged ceiling, one block above this one. Counters may skip, never repeat.
fn beyond(readable: u32) -> u32 {
    readable.saturating_add(SIGN_COUNT_BLOCK)
}

fn encode(ceiling: u32) -> Vec<u8> {
    let content = [&MAGIC[..], &VERSION.to_be_bytes(), &ceiling.to_be_bytes()].concat();
    let digest = Sha256::digest(&content);
    [&content[..], &digest].concat()
}

fn decode(bytes: &[u8]) -> Result<u32, Fault> {
    let (content, rest) = bytes.split_first_chunk::<CONTENT>().ok_or(Fault::Damaged)?;
    if rest.first_chunk::<DIGEST>() != Some(&Sha256::digest(content).into()) {
        return Err(Fault::Damaged);
    }
    let [magic @ .., v1, v0, c3, c2, c1, c0] = *content;
    if magic != MAGIC {
        return Err(Fault::Foreign);
    }
    check_version(u16::from_be_bytes([v1, v0]))?;
    Ok(u32::from_be_bytes([c3, c2, c1, c0]))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    First,
    Second,
}

impl Slot {
    const fn offset(self) -> u64 {
        match self {
            Self::First => 0,
            Self::Second => SECOND as u64,
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// Magic, version, ceiling.
const CONTENT: usize = MAGIC.len() + 2 + 4;
/// Where the second slot begins: in another sector and another page, whatever a torn write takes with it.
const SECOND: usize = 4096;
const LENGTH: usize = 2 * SECOND;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SLOT: usize = CONTENT + DIGEST;

    fn file(first: u32, second: u32) -> Vec<u8> {
        let mut file = fresh();
        file[..SLOT].copy_from_slice(&encode(first));
        file[SECOND..SECOND + SLOT].copy_from_slice(&encode(second));
        file
    }

    #[test]
    fn the_higher_slot_counts_and_the_other_is_written_next() {
        assert_eq!(judge(&fresh()), Ok((Slot::First, 0)));
        assert_eq!(judge(&file(64, 128)), Ok((Slot::First, 128)));
        assert_eq!(judge(&file(192, 128)), Ok((Slot::Second, 192)));
    }

    #[test]
    fn no_flipped_bit_takes_the_ceiling_back() {
        let whole = file(192, 128);
        for bit in 0..LENGTH * 8 {
            let mut file = whole.clone();
            file[bit / 8] ^= 1 << (bit % 8);
            assert!(judge(&file).unwrap().1 >= 192, "bit {bit}");
        }
    }

    proptest! {
        /// P-13: what one of the slots holds is the least that is believed, whatever the other has become.
        #[test]
        fn whatever_becomes_of_one_slot_the_ceiling_does_not_go_back(
            ceiling in any::<u32>(),
            other in proptest::collection::vec(any::<u8>(), SLOT),
            swapped in any::<bool>(),
        ) {
            let mut file = file(ceiling, ceiling);
            let at = if swapped { 0 } else { SECOND };
            file[at..at + SLOT].copy_from_slice(&other);
            prop_assert!(judge(&file).unwrap().1 >= ceiling);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&bytes);
            let mut file = fresh();
            file[..bytes.len()].copy_from_slice(&bytes);
            let _ = judge(&file);
        }
    }

    #[test]
    fn a_file_without_a_readable_slot_or_of_another_length_is_refused() {
        let mut both = file(64, 128);
        both[0] ^= 1;
        both[SECOND] ^= 1;
        assert_eq!(judge(&both), Err(Fault::Damaged));
        for length in 0..LENGTH {
            assert_eq!(judge(&fresh()[..length]), Err(Fault::Damaged));
        }
        assert_eq!(judge(&[fresh(), vec![0]].concat()), Err(Fault::Damaged));
    }

    #[test]
    fn a_newer_slot_is_refused_even_if_the_other_is_ours() {
        let mut newer = file(64, 128);
        newer[7] = 2;
        let digest = Sha256::digest(&newer[..CONTENT]);
        newer[CONTENT..SLOT].copy_from_slice(&digest);
        assert_eq!(judge(&newer), Err(Fault::Newer { found: 2 }));
    }

    #[test]
    fn the_ceiling_does_not_wrap() {
        let mut torn = file(u32::MAX, 0);
        torn[SECOND] ^= 1;
        assert_eq!(judge(&torn), Ok((Slot::Second, u32::MAX)));
    }
}
