//! Reads the frames of a file in their order, and decides what the bytes after the last good one are.

use std::io;

use zeroize::Zeroizing;

use crate::crypto::Key;
use crate::disk::Disk;
use crate::frame::{self, Context, FrameHead, HEAD, UNIT};
use crate::limits::{MAX_CANDIDATES, WINDOW};

/// The frames of a file.
pub(crate) struct Frames<'a, D: Disk> {
    source: Source<'a, D>,
    key: &'a Key,
    context: Context,
    /// The offset where the next frame is read.
    pub(crate) offset: u64,
    /// The sequence number that it must have.
    pub(crate) sequence: u64,
}

/// A frame that is what was written.
pub(crate) struct Found {
    pub(crate) offset: u64,
    pub(crate) sequence: u64,
    pub(crate) text: Zeroizing<Vec<u8>>,
}

/// The bytes after the last good frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Zeros, or nothing.
    Empty,
    /// Bytes that a power cut leaves of commits that were never acknowledged.
    Torn,
    /// A later frame says that the missing one was durable.
    Damaged,
}

impl<'a, D: Disk> Frames<'a, D> {
    pub(crate) const fn new(
        source: Source<'a, D>,
        (key, context): (&'a Key, Context),
        (offset, sequence): (u64, u64),
    ) -> Self {
        Self { source, key, context, offset, sequence }
    }

    /// The next frame; `None`: there is no matching frame at this place.
    ///
    /// # Errors
    /// The medium's error.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found>> {
        let (offset, sequence) = (self.offset, self.sequence);
        let Some(head) = FrameHead::read(self.source.bytes(offset, HEAD)?) else {
            return Ok(None);
        };
        if head.sequence != sequence {
            return Ok(None);
        }
        let bytes = self.source.bytes(offset, head.length)?;
        let Some(text) = frame::open(self.key, self.context, bytes) else { return Ok(None) };
        self.offset = offset.saturating_add(head.length as u64);
        self.sequence = sequence.saturating_add(1);
        Ok(Some(Found { offset, sequence, text }))
    }

    /// Looks through everything behind the last good frame.
    ///
    /// # Errors
    /// The medium's error.
    pub(crate) fn judge_rest(&mut self) -> io::Result<Rest> {
        let mut rest = Rest::Empty;
        let mut candidates = 0_usize;
        let mut offset = self.offset;
        loop {
            let unit = self.source.bytes(offset, UNIT)?;
            if unit.is_empty() {
                return Ok(rest);
            }
            if !ZEROS.starts_with(unit) {
                rest = Rest::Torn;
                let head = FrameHead::read(unit).filter(|head| head.durable >= self.sequence);
                if let Some(head) = head {
                    candidates = candidates.saturating_add(1);
                    if candidates > MAX_CANDIDATES || self.is_frame(offset, head.length)? {
                        return Ok(Rest::Damaged);
                    }
                }
            }
            offset = offset.saturating_add(UNIT as u64);
        }
    }

    fn is_frame(&mut self, offset: u64, length: usize) -> io::Result<bool> {
        let bytes = self.source.bytes(offset, length)?;
        Ok(frame::open(self.key, self.context, bytes).is_some())
    }
}

/// A file's bytes, read in large pieces. What has not been synced yet comes from memory: after a failed sync the system may
/// have forgotten it.
pub(crate) struct Source<'a, D: Disk> {
    disk: &'a D,
    file: &'a D::File,
    pending: (u64, &'a [u8]),
    window: (u64, Vec<u8>),
}

impl<'a, D: Disk> Source<'a, D> {
    pub(crate) fn new(disk: &'a D, file: &'a D::File, pending: (u64, &'a [u8])) -> Self {
        Self { disk, file, pending, window: (0, Vec::new()) }
    }

    /// So many bytes, or fewer where the file ends.
    fn bytes(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let (from, pending) = self.pending;
        if let Some(within) = offset.checked_sub(from) {
            return Ok(part(pending, within, length));
        }
        if part(&self.window.1, offset.wrapping_sub(self.window.0), length).len() < length {
            self.window = (offset, self.disk.read_at(self.file, offset, length.max(WINDOW))?);
        }
        Ok(part(&self.window.1, offset.wrapping_sub(self.window.0), length))
    }
}

fn part(bytes: &[u8], from: u64, length: usize) -> &[u8] {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let rest = bytes.get(from..).unwrap_or_default();
    rest.get(..length).unwrap_or(rest)
}

const ZEROS: [u8; UNIT] = [0; UNIT];
