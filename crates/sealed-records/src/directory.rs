//! The real disk: one directory that is the owner's alone, held by one process (P-17, P-21).

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::disk::{Disk, KEY, RECORDS};
use crate::error::Error;

/// A directory on a real disk; a vault's is locked for this process until it is dropped.
///
/// All names are looked up relative to the directory that was checked, and no link in it is followed.
#[derive(Debug)]
pub struct Directory {
    handle: OwnedFd,
    path: PathBuf,
    /// Holds the `flock`; a witness' directory has none.
    _lock: Option<File>,
}

impl Directory {
    /// Takes the directory of an existing vault, or of what is left of one.
    ///
    /// # Errors
    /// [`Error::NoVault`], [`Error::InUse`], [`Error::TooOpen`], [`Error::WrongOwner`], [`Error::NotAFile`],
    /// [`Error::Io`]: the directory's or its owner's fault.
    pub fn open(path: &Path) -> Result<Self, Error> {
        // Whoever mistypes a directory is told just that, and finds no lock file in it afterwards.
        if [RECORDS, KEY].iter().all(|name| is_absent(&path.join(name))) {
            return Err(Error::NoVault { directory: path.to_owned() });
        }
        Self::take(path)
    }

    /// Takes a directory, making it with mode 0700 if it is not there.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for `NoVault`.
    pub fn make(path: &Path) -> Result<Self, Error> {
        make_directory(path)?;
        Self::take(path)
    }

    /// The directory of a file that is kept for a vault, but not beside it, and the file's name in it. It is made as by
    /// [`make`](Self::make), and not locked.
    ///
    /// # Errors
    /// [`Error::NotAFile`]: the path has no name at its end; else as [`make`](Self::make), but for `InUse`.
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

    fn open_with(&self, name: &str, flags: OFlags) -> io::Result<File> {
        open_in(&self.handle, name, flags)
    }
}

impl Disk for Directory {
    type File = File;

    fn directory(&self) -> &Path {
        &self.path
    }

    fn open(&self, name: &str) -> io::Result<Option<File>> {
        match self.open_with(name, OFlags::empty()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    fn create(&self, name: &str) -> io::Result<File> {
        self.open_with(name, OFlags::CREATE | OFlags::EXCL)
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    fn read_at(&self, file: &File, offset: u64, at_most: usize) -> io::Result<Vec<u8>> {
        let left = self.length(file)?.saturating_sub(offset);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(at_most);
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    /// The data and the length: all that reading it again needs. Only time stamps may lag.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn opened_again(&self, name: &str) -> Option<File> {
        self.open_with(name, OFlags::empty()).ok()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.handle, from, &self.handle, to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.handle, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            removed => Ok(removed?),
        }
    }

    fn is_at(&self, name: &str, file: &File) -> io::Result<bool> {
        let own = rustix::fs::fstat(file)?;
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok((found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.handle)?)
    }
}

fn is_absent(path: &Path) -> bool {
    matches!(fs::symlink_metadata(path), Err(error) if error.kind() == ErrorKind::NotFound)
}

/// Like `mkdir -p -m 0700`, durable: each new name is synced into its parent.
fn make_directory(path: &Path) -> Result<(), Error> {
    let failed = |error| Error::io("create", path.to_owned())(error);
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(());
    }
    let parent = parent(path);
    if parent != path {
        make_directory(parent)?;
    }
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        // Another process was faster; the lock decides who goes on.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.and_then(|()| File::open(parent)?.sync_all()).map_err(failed),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Opens a directory, and checks it and the files of these names in it.
fn open_checked(path: &Path, names: &[&str]) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|errno| Error::io("open", path.to_owned())(errno.into()))?;
    check_directory(&handle, path)?;
    names.iter().try_for_each(|name| check_file(&handle, name, path))?;
    Ok(handle)
}

fn check_directory(handle: &OwnedFd, path: &Path) -> Result<(), Error> {
    let stat = rustix::fs::fstat(handle)
        .map_err(|errno| Error::io("examine", path.to_owned())(errno.into()))?;
    check_private(&stat, path, DIRECTORY_MODE)
}

/// Checked by name, not by handle: in a directory that is ours alone nobody else can exchange the file in between.
fn check_file(directory: &OwnedFd, name: &str, path: &Path) -> Result<(), Error> {
    let path = path.join(name);
    let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(Error::io("examine", path)(errno.into())),
    };
    check_regular(&stat, &path)
}

/// Whether an open file is a regular one, this user's, and closed to everybody else, as those of a vault are (P-21): for files
/// that a program keeps beside one. `path` is for the message.
///
/// # Errors
/// [`Error::NotAFile`], [`Error::WrongOwner`], [`Error::TooOpen`], [`Error::Io`]: the file's owner's fault.
pub fn check_private_file(file: &File, path: &Path) -> Result<(), Error> {
    let stat = rustix::fs::fstat(file)
        .map_err(|errno| Error::io("examine", path.to_owned())(errno.into()))?;
    check_regular(&stat, path)
}

fn check_regular(stat: &Stat, path: &Path) -> Result<(), Error> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    check_private(stat, path, FILE_MODE)
}

fn check_private(stat: &Stat, path: &Path, wanted: u32) -> Result<(), Error> {
    let user = rustix::process::geteuid().as_raw();
    if stat.st_uid != user {
        return Err(Error::WrongOwner { path: path.to_owned(), owner: stat.st_uid, user });
    }
    let mode = Mode::from_raw_mode(stat.st_mode).bits();
    if mode & OTHERS != 0 {
        return Err(Error::TooOpen { path: path.to_owned(), mode, wanted });
    }
    Ok(())
}

/// The lock belongs to the open file: the kernel lets go of it however the process ends (P-17).
fn take_lock(directory: &OwnedFd, path: &Path) -> Result<File, Error> {
    let failed = |error| Error::io("lock", path.join(LOCK))(error);
    let mut file = open_in(directory, LOCK, OFlags::CREATE).map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            return Err(Error::InUse { directory: path.to_owned(), pid: read_pid(&mut file) });
        }
        Err(errno) => return Err(failed(errno.into())),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

fn read_pid(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(LONGEST_PID).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}

/// For reading and writing. `NONBLOCK`: a pipe in a file's place must not hang us.
fn open_in(directory: &OwnedFd, name: &str, flags: OFlags) -> io::Result<File> {
    let always = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mode = Mode::from_raw_mode(FILE_MODE);
    Ok(rustix::fs::openat(directory, name, always | flags, mode)?.into())
}

const LOCK: &str = "lock";
const LONGEST_PID: u64 = 16;
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The permission bits of everyone but the owner.
const OTHERS: u32 = 0o077;
