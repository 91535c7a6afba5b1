//! The files that keyfob wrote up to version 1, `state.keyfob` and `counter.keyfob`. They are turned into records.
//!
//! The state file is a header, a CBOR body and a checksum; the counter file has two slots. `docs/state-format.md`
//! describes them byte by byte. They are read for one purpose only: to be replaced with records, once.

mod body;
mod reader;

use alloc::vec::Vec;

use crate::crypto;
use crate::limits::SIGN_COUNT_BLOCK;
use crate::memory::Record;
use crate::records;
use crate::state::State;

/// The records of the key with these two files.
///
/// # Errors
/// [`Fault`]: somebody or something has changed a file, or it is of another version (P-14, P-18).
pub fn records(state_file: &[u8], counter_file: &[u8]) -> Result<Vec<Record>, Fault> {
    let ceiling = sign_count_ceiling(counter_file)?;
    let mut state = state(state_file)?;
    state.sign_count_ceiling = state.sign_count_ceiling.max(ceiling);
    let taken = records::of(&state);
    // What a record may not hold was in no file of keyfob.
    match records::load(records::of(&state)) {
        Ok(_) => Ok(taken),
        Err(error) => Err(Fault::Malformed { field: error.kind() }),
    }
}

/// The highest signature counter that a counter file reserves. 0: the key of this file was never complete.
///
/// # Errors
/// [`Fault`] if neither of its slots can be read, or one is of a later version.
pub fn sign_count_ceiling(counter_file: &[u8]) -> Result<u32, Fault> {
    if counter_file.len() != COUNTER_FILE {
        return Err(Fault::Damaged);
    }
    let (first, second) = counter_file.split_at_checked(SECOND_SLOT).ok_or(Fault::Damaged)?;
    match (slot(first), slot(second)) {
        (Err(newer @ Fault::Newer { .. }), _) | (_, Err(newer @ Fault::Newer { .. })) => Err(newer),
        (Ok(first), Ok(second)) => Ok(first.max(second)),
        // A power cut while the other one was written is harmless; but a bit may also have flipped in an acknowledged
        // ceiling, one block above this one. Counters may skip, never repeat (P-13).
        (Ok(readable), Err(_)) | (Err(_), Ok(readable)) => {
            Ok(readable.saturating_add(SIGN_COUNT_BLOCK))
        }
        (Err(fault), Err(_)) => Err(fault),
    }
}

/// The longest state file that keyfob wrote, in bytes.
pub const MAX_STATE_FILE: usize = 4 << 20;

/// The length of a counter file, in bytes.
pub const COUNTER_FILE: usize = 2 * SECOND_SLOT;

/// What is wrong with a file's content (P-14, P-18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It does not begin like a file of keyfob.
    #[error("this is not a file of keyfob")]
    Foreign,
    /// Its checksum is wrong or missing: bytes were changed, or are missing. An empty file counts as this.
    #[error("the file is damaged (its checksum is wrong or missing)")]
    Damaged,
    /// It is longer than [`MAX_STATE_FILE`].
    #[error("the file is far longer than a file of keyfob can be")]
    TooLong,
    /// The checksum is right, but keyfob has not written this content.
    #[error("the file does not have the layout of version {VERSION}, at `{field}`")]
    Malformed {
        /// The last field that was read or missing.
        field: &'static str,
    },
    /// A later keyfob wrote it.
    #[error("the file has format version {found}, and the last version of such files is {VERSION}")]
    Newer {
        /// The version in the file.
        found: u16,
    },
    /// It is encrypted, and keyfob never wrote such files.
    #[error("the file is sealed in a way this keyfob does not know (number {found})")]
    Sealed {
        /// The number in the file.
        found: u8,
    },
}

impl Fault {
    /// What a person can do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Foreign => "name another directory",
            Self::Damaged | Self::TooLong => "restore it from a backup",
            Self::Malformed { .. } => "restore it from a backup, and report this",
            Self::Newer { .. } | Self::Sealed { .. } => "use the keyfob that wrote it",
        }
    }
}

/// The format version of these files.
const VERSION: u16 = 1;
/// How they begin.
const MAGIC: [u8; 6] = *b"keyfob";
/// The length of a SHA-256.
const DIGEST: usize = 32;
/// Magic, version, sealing.
const HEADER: usize = MAGIC.len() + 2 + 1;
/// The body is not encrypted.
const UNSEALED: u8 = 0;
/// Magic, version, ceiling.
const SLOT: usize = MAGIC.len() + 2 + 4;
/// The offset of the second slot in a counter file.
const SECOND_SLOT: usize = 4096;

/// The state that a file holds.
fn state(file: &[u8]) -> Result<State, Fault> {
    if file.len() > MAX_STATE_FILE {
        return Err(Fault::TooLong);
    }
    // It was cut off before anything else could be known of it, or is empty: by its name it was keyfob's.
    if MAGIC.starts_with(file) {
        return Err(Fault::Damaged);
    }
    if !file.starts_with(&MAGIC) {
        return Err(Fault::Foreign);
    }
    let (content, digest) = file.split_last_chunk::<DIGEST>().ok_or(Fault::Damaged)?;
    if crypto::sha256(&[content]) != *digest {
        return Err(Fault::Damaged);
    }
    let [.., v1, v0, sealing] = *content.first_chunk::<HEADER>().ok_or(Fault::Damaged)?;
    check_version(u16::from_be_bytes([v1, v0]))?;
    match sealing {
        UNSEALED => body::read(content.get(HEADER..).unwrap_or_default()),
        found => Err(Fault::Sealed { found }),
    }
}

/// The ceiling in a slot of a counter file.
fn slot(bytes: &[u8]) -> Result<u32, Fault> {
    let (content, rest) = bytes.split_first_chunk::<SLOT>().ok_or(Fault::Damaged)?;
    if rest.first_chunk::<DIGEST>() != Some(&crypto::sha256(&[content])) {
        return Err(Fault::Damaged);
    }
    let [magic @ .., v1, v0, c3, c2, c1, c0] = *content;
    if magic != MAGIC {
        return Err(Fault::Foreign);
    }
    check_version(u16::from_be_bytes([v1, v0]))?;
    Ok(u32::from_be_bytes([c3, c2, c1, c0]))
}

const fn check_version(found: u16) -> Result<(), Fault> {
    match found {
        VERSION => Ok(()),
        0 => Err(Fault::Malformed { field: "version" }),
        found => Err(Fault::Newer { found }),
    }
}

#[cfg(test)]
mod tests;
