//! A directory of Windows.
//!
//! New files get the access rights of the folder above: in a user's profile, that is this user, the system and
//! administrators. keyfob does not read access lists, so a vault belongs in a profile (docs/windows.md). NTFS keeps
//! a journal of its names, so a directory need not be synced.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::Opening;
use crate::error::Error;

/// A directory, by its whole path.
#[derive(Debug)]
pub(super) struct Handle(PathBuf);

impl Handle {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        fs::canonicalize(path).map(Self)
    }

    pub(super) fn check(&self, path: &Path) -> Result<(), Error> {
        match self.0.is_dir() {
            true => Ok(()),
            false => Err(Error::io("open", path.to_owned())(io::ErrorKind::NotADirectory.into())),
        }
    }

    /// Whether what has this name is a file, if there is anything.
    pub(super) fn check_file(&self, name: &str, directory: &Path) -> Result<(), Error> {
        match fs::symlink_metadata(self.0.join(name)) {
            Ok(metadata) if !metadata.is_file() => {
                Err(Error::NotAFile { path: directory.join(name) })
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("examine", directory.join(name))(error))
            }
            _ => Ok(()),
        }
    }

    /// A link is opened itself, and then is no file.
    pub(super) fn file(&self, name: &str, opening: Opening) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(opening == Opening::Either)
            .create_new(opening == Opening::New)
            .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
            .open(self.0.join(name))?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::other("it is a link, not a file")),
        }
    }

    /// A directory of Windows has no lock: that of the file alone counts.
    pub(super) fn try_lock(&self) -> bool {
        true
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    pub(super) fn is_at(&self, name: &str, file: &File) -> io::Result<bool> {
        let own = same_file::Handle::from_file(file.try_clone()?)?;
        Ok(own == same_file::Handle::from_path(self.0.join(name))?)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes one directory, for whom the one above is for.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

pub(super) fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.seek_read(bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                bytes = bytes.get_mut(count..).unwrap_or_default();
                offset = offset.saturating_add(count as u64);
            }
        }
    }
    Ok(())
}

pub(super) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.seek_write(bytes, offset)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => {
                bytes = bytes.get(count..).unwrap_or_default();
                offset = offset.saturating_add(count as u64);
            }
        }
    }
    Ok(())
}

/// Whether that is so because there are as many handles as there may be.
pub(crate) fn is_too_many_files(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ERROR_TOO_MANY_OPEN_FILES)
}

/// Checks that an open file is a regular one. It is for files that a program stores beside a vault. Windows has
/// access lists instead of modes, and keyfob does not read them. `path` is for the message.
///
/// # Errors
/// [`Error::NotAFile`], [`Error::Io`]: the fault of the file's owner.
pub fn check_private_file(file: &File, path: &Path) -> Result<(), Error> {
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(Error::NotAFile { path: path.to_owned() }),
        Err(error) => Err(Error::io("examine", path.to_owned())(error)),
    }
}

const ERROR_TOO_MANY_OPEN_FILES: i32 = 4;
/// `CreateFile`: a link is not followed.
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
