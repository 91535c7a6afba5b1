//! The seam to the medium: the few operations a vault needs, so that tests can own the disk.

use std::fs;
use std::io;
use std::path::Path;

/// The file that holds the records.
pub const RECORDS: &str = "records.keyfob";

/// The file that holds the key which wraps the data key, where no passphrase and no credential does.
pub const KEY: &str = "key";

/// A replacement of [`RECORDS`] being written. After a power cut it may be left behind, and means nothing.
pub const UNFINISHED: &str = "new.keyfob";

/// A [`KEY`] being written; as [`UNFINISHED`].
pub const UNFINISHED_KEY: &str = "new.key";

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

    /// How long the file is, in bytes.
    fn length(&self, file: &Self::File) -> io::Result<u64>;

    /// So many bytes from `offset` on, or fewer where the file ends.
    fn read_at(&self, file: &Self::File, offset: u64, at_most: usize) -> io::Result<Vec<u8>>;

    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything written to the file is durable.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// The same file opened once more, for a thread that syncs it while the owner goes on; `None` where nothing is synced but
    /// by [`sync`](Self::sync). A second opening, not a copy of the handle: each is told of each error.
    fn opened_again(&self, name: &str) -> Option<fs::File> {
        let _ = name;
        None
    }

    /// Gives the file a new name, taking it away from whichever file has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name; nothing happens if it is not there.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Whether this name still stands for this file: somebody else may have removed it, or put another in its place.
    fn is_at(&self, name: &str, file: &Self::File) -> io::Result<bool>;

    /// Returns when all names are durable.
    fn sync_directory(&self) -> io::Result<()>;
}

/// Puts a file that is whole and synced in its place, durably: a power cut leaves the old one or the new (P-11). After an error
/// it may be the one or the other.
pub(crate) fn put_in_place(disk: &impl Disk, from: &str, to: &str) -> io::Result<()> {
    disk.rename(from, to)?;
    disk.sync_directory()
}
