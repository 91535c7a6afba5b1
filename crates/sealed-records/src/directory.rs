//! The real disk: one directory that only its owner can read, used by one process (P-17, P-21).

#[cfg_attr(unix, path = "directory/unix.rs")]
#[cfg_attr(windows, path = "directory/windows.rs")]
mod system;

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

pub use self::system::check_private_file;
pub(crate) use self::system::is_too_many_files;
use self::system::{Handle, make_private};
use crate::disk::{Disk, KEY, RECORDS};
use crate::error::Error;

/// A directory on a real disk. The directory of a vault is locked for this process until this is dropped.
///
/// All names are looked up relative to the directory that was checked. Links in it are not followed.
#[derive(Debug)]
pub struct Directory {
    /// Of a vault's directory it holds a lock, and of a witness' none.
    handle: Handle,
    path: PathBuf,
    /// As the handle.
    _lock: Option<File>,
}

impl Directory {
    /// Takes the directory of an existing vault, or of the rest of one.
    ///
    /// # Errors
    /// [`Error::NoVault`], [`Error::InUse`], [`Error::TooOpen`], [`Error::WrongOwner`], [`Error::NotAFile`],
    /// [`Error::Io`]: the directory's or its owner's fault.
    pub fn open(path: &Path) -> Result<Self, Error> {
        // A mistyped directory gets only this error, and no lock file.
        if [RECORDS, KEY].iter().all(|name| is_absent(&path.join(name))) {
            return Err(Error::NoVault { directory: path.to_owned() });
        }
        Self::take(path)
    }

    /// Takes a directory. If it does not exist, makes it with mode 0700.
    ///
    /// # Errors
    /// As [`open`](Self::open), without `NoVault`.
    pub fn make(path: &Path) -> Result<Self, Error> {
        make_directory(path)?;
        Self::take(path)
    }

    /// The directory of a file that belongs to a vault but is stored elsewhere, and the file's name in it. The
    /// directory is made as by [`make`](Self::make), and not locked.
    ///
    /// # Errors
    /// [`Error::NotAFile`]: the path does not end in a name. Otherwise as [`make`](Self::make), without `InUse`.
    pub fn of_file(path: &Path) -> Result<(Self, String), Error> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Error::NotAFile { path: path.to_owned() })?;
        let directory = parent(path);
        make_directory(directory)?;
        let handle = open_checked(directory, &[name])?;
        Ok((Self { handle, path: directory.to_owned(), _lock: None }, name.to_owned()))
    }

    fn take(path: &Path) -> Result<Self, Error> {
        let handle = open_checked(path, &[LOCK, RECORDS, KEY])?;
        let lock = take_lock(&handle, path)?;
        Ok(Self { handle, path: path.to_owned(), _lock: Some(lock) })
    }
}

/// How a file is opened: always for reading and writing, and no link is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    /// It must be there.
    Existing,
    /// It must not.
    New,
    /// It is made if need be.
    Either,
}

impl Disk for Directory {
    type File = File;

    fn directory(&self) -> &Path {
        &self.path
    }

    fn open(&self, name: &str) -> io::Result<Option<File>> {
        match self.handle.file(name, Opening::Existing) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    fn create(&self, name: &str) -> io::Result<File> {
        self.handle.file(name, Opening::New)
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    fn read_at(&self, file: &File, offset: u64, at_most: usize) -> io::Result<Vec<u8>> {
        let left = self.length(file)?.saturating_sub(offset);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(at_most);
        let mut bytes = vec![0; length];
        system::read_exact_at(file, &mut bytes, offset)?;
        Ok(bytes)
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        system::write_all_at(file, bytes, offset)
    }

    /// The data and the length: all that reading it again needs. Only time stamps may lag.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn opened_again(&self, name: &str) -> Option<File> {
        self.handle.file(name, Opening::Existing).ok()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.handle.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match self.handle.remove(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn is_at(&self, name: &str, file: &File) -> io::Result<bool> {
        match self.handle.is_at(name, file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            found => found,
        }
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.handle.sync()
    }
}

fn is_absent(path: &Path) -> bool {
    matches!(fs::symlink_metadata(path), Err(error) if error.kind() == ErrorKind::NotFound)
}

/// Like `mkdir -p -m 0700`, durable where the system can do that: each new name is synced into its parent.
fn make_directory(path: &Path) -> Result<(), Error> {
    let failed = |error| Error::io("create", path.to_owned())(error);
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(());
    }
    let parent = parent(path);
    if parent != path {
        make_directory(parent)?;
    }
    match make_private(path) {
        // Another process was faster; the lock decides who goes on.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.and_then(|()| Handle::open(parent)?.sync()).map_err(failed),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Opens a directory, and checks it and the files of these names in it.
fn open_checked(path: &Path, names: &[&str]) -> Result<Handle, Error> {
    let handle = Handle::open(path).map_err(Error::io("open", path.to_owned()))?;
    handle.check(path)?;
    names.iter().try_for_each(|name| handle.check_file(name, path))?;
    Ok(handle)
}

/// The locks belong to the open file and the open directory: the kernel lets go of them however the process ends (P-17). The file
/// tells who has them; the directory cannot be removed while a vault is in it, as the file can.
fn take_lock(directory: &Handle, path: &Path) -> Result<File, Error> {
    let failed = |error| Error::io("lock", path.join(LOCK))(error);
    if !directory.try_lock() {
        let pid =
            directory.file(LOCK, Opening::Existing).ok().and_then(|mut lock| read_pid(&mut lock));
        return Err(Error::InUse { directory: path.to_owned(), pid });
    }
    let mut file = directory.file(LOCK, Opening::Either).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::InUse { directory: path.to_owned(), pid: read_pid(&mut file) });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

fn read_pid(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(LONGEST_PID).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}

const LOCK: &str = "lock";
const LONGEST_PID: u64 = 16;
