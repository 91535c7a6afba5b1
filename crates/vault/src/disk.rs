//! The seam to the medium: the few operations a vault needs, so that tests can own the disk.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

/// The file that holds the state.
pub const STATE: &str = "state.keyfob";

/// The file that holds the signature counter's ceiling.
pub const COUNTER: &str = "counter.keyfob";

/// A replacement being written. After a power cut it may be left behind, and means nothing.
pub const UNFINISHED: &str = "new.keyfob";

/// One directory of a disk and the files in it.
///
/// The disk is assumed to be no better than POSIX says: what was not synced may survive in any part and in any order,
/// and after a failed sync the same bytes must be written again, because a second sync would tell nothing.
pub trait Disk {
    /// A file held open, so that a failed sync is told to the one who wrote.
    type File;

    /// Where this directory is, for messages.
    fn directory(&self) -> &Path;

    /// Opens a file for reading and writing, not following links; `None` if there is none.
    ///
    /// # Errors
    /// As the medium says; so for all methods.
    fn open(&self, name: &str) -> io::Result<Option<Self::File>>;

    /// Makes a new empty file that only its owner may read; an error if the name is taken.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// The first `at_most` bytes, or all if there are fewer.
    fn read(&self, file: &Self::File, at_most: usize) -> io::Result<Zeroizing<Vec<u8>>>;

    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything written to the file is durable.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Gives the file a new name, taking it away from whichever file has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name; nothing happens if it is not there.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Whether this name still stands for this file: somebody else may have removed it, or put another in its place.
    fn is_at(&self, name: &str, file: &Self::File) -> io::Result<bool>;

    /// Returns when all names are durable.
    fn sync_directory(&self) -> io::Result<()>;
}

/// How replacing a file failed.
#[derive(Debug)]
pub(crate) enum ReplaceError {
    /// The file is as it was.
    Unchanged(io::Error),
    /// The new file may be there or the old one, now and after a power cut.
    InDoubt(io::Error),
}

impl ReplaceError {
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            Self::Unchanged(error) | Self::InDoubt(error) => error,
        }
    }
}

/// Makes `bytes` the durable content of the file `name`: a power cut leaves the old content or the new (P-11).
pub(crate) fn replace(disk: &impl Disk, name: &str, bytes: &[u8]) -> Result<(), ReplaceError> {
    write_unfinished(disk, bytes).map_err(|error| {
        // A full disk should have its space back; if even this fails, the next attempt does it.
        let _ = disk.remove(UNFINISHED);
        ReplaceError::Unchanged(error)
    })?;
    disk.rename(UNFINISHED, name)
        .and_then(|()| disk.sync_directory())
        .map_err(ReplaceError::InDoubt)
}

/// Always a new file: one whose sync failed is never synced again.
fn write_unfinished(disk: &impl Disk, bytes: &[u8]) -> io::Result<()> {
    disk.remove(UNFINISHED)?;
    let file = disk.create(UNFINISHED)?;
    disk.write_at(&file, 0, bytes)?;
    disk.sync(&file)
}
