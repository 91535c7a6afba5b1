//! The boundary to the medium: the few operations that a vault needs, so that tests can replace the disk.

use std::fs;
use std::io;
use std::path::Path;

/// The file that holds the records.
pub const RECORDS: &str = "records.keyfob";

/// The file with the key that encrypts the data key, if neither a passphrase nor a credential does.
pub const KEY: &str = "key";

/// A new version of [`RECORDS`] while it is written. After a power cut it may be left behind; it is then ignored.
pub const UNFINISHED: &str = "new.keyfob";

/// A [`KEY`] while it is written; as [`UNFINISHED`].
pub const UNFINISHED_KEY: &str = "new.key";

/// One directory of a disk and the files in it.
///
/// The disk may be as unreliable as POSIX allows. Bytes that were not synced may survive in part and in any order.
/// After a failed sync the same bytes must be written again, because the success of a second sync would prove
/// nothing.
pub trait Disk {
    /// An open file. It stays open so that a failed sync is reported to the one who wrote.
    type File;

    /// The path of this directory, for messages.
    fn directory(&self) -> &Path;

    /// Opens a file for reading and writing. It does not follow links. `None`: there is no such file.
    ///
    /// # Errors
    /// The medium's error; the same for all methods.
    fn open(&self, name: &str) -> io::Result<Option<Self::File>>;

    /// Makes a new empty file that only its owner can read. It is an error if the name is taken.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// The length of the file in bytes.
    fn length(&self, file: &Self::File) -> io::Result<u64>;

    /// At most `at_most` bytes from `offset` on; fewer if the file ends before.
    fn read_at(&self, file: &Self::File, offset: u64, at_most: usize) -> io::Result<Vec<u8>>;

    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything that was written to the file is durable.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Opens the same file once more, for a thread that syncs it while the owner goes on. `None`: only
    /// [`sync`](Self::sync) syncs. It must be a second opening and not a copy of the handle, because then both are
    /// told of each error.
    fn opened_again(&self, name: &str) -> Option<fs::File> {
        let _ = name;
        None
    }

    /// Gives the file a new name. Another file that has this name loses it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name. Nothing happens if it does not exist.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Whether this name still belongs to this file: somebody may have removed the file, or replaced it with
    /// another.
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
