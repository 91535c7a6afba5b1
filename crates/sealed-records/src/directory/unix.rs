//! A directory of a Unix system. All names are looked up relative to the directory that was checked.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::Opening;
use crate::error::Error;

/// An open directory.
#[derive(Debug)]
pub(super) struct Handle(OwnedFd);

impl Handle {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Checks that it belongs to this user, and that nobody else can access it; `path` is for the message.
    pub(super) fn check(&self, path: &Path) -> Result<(), Error> {
        let stat = rustix::fs::fstat(&self.0)
            .map_err(|errno| Error::io("examine", path.to_owned())(errno.into()))?;
        check_private(&stat, path, DIRECTORY_MODE)
    }

    /// The same for the file with this name, if there is one. It is checked by name and not by handle: the
    /// directory is ours alone, so nobody else can exchange the file meanwhile.
    pub(super) fn check_file(&self, name: &str, directory: &Path) -> Result<(), Error> {
        let path = directory.join(name);
        let stat = match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(Error::io("examine", path)(errno.into())),
        };
        check_regular(&stat, &path)
    }

    /// `NONBLOCK`: a pipe in a file's place must not hang us.
    pub(super) fn file(&self, name: &str, opening: Opening) -> io::Result<File> {
        let how = match opening {
            Opening::Existing => OFlags::empty(),
            Opening::New => OFlags::CREATE | OFlags::EXCL,
            Opening::Either => OFlags::CREATE,
        };
        let always = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(rustix::fs::openat(&self.0, name, always | how, FILE_MODE)?.into())
    }

    /// Locks it until it is dropped. `false`: another process has locked it. Some file systems, such as NFS, have no locks of
    /// directories: there the lock of the file alone counts.
    pub(super) fn try_lock(&self) -> bool {
        let locked = rustix::fs::flock(&self.0, FlockOperation::NonBlockingLockExclusive);
        locked != Err(Errno::WOULDBLOCK)
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    pub(super) fn is_at(&self, name: &str, file: &File) -> io::Result<bool> {
        let own = rustix::fs::fstat(file)?;
        let found = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok((found.st_dev, found.st_ino) == (own.st_dev, own.st_ino))
    }

    /// Returns when all names in it are durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}

/// Makes one directory, for this user alone.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(wide(DIRECTORY_MODE.bits())).create(path)
}

pub(super) fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(bytes, offset)
}

pub(super) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// Whether that is so because this process, or the whole machine, has as many files open as it may.
pub(crate) fn is_too_many_files(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Checks that an open file is a regular file of this user which nobody else can access, like the files of a vault
/// (P-21). It is for files that a program stores beside a vault. `path` is for the message.
///
/// # Errors
/// [`Error::NotAFile`], [`Error::WrongOwner`], [`Error::TooOpen`], [`Error::Io`]: the fault of the file's owner.
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

fn check_private(stat: &Stat, path: &Path, wanted: Mode) -> Result<(), Error> {
    let user = rustix::process::geteuid().as_raw();
    if stat.st_uid != user {
        return Err(Error::WrongOwner { path: path.to_owned(), owner: stat.st_uid, user });
    }
    let mode = Mode::from_raw_mode(stat.st_mode);
    if mode.intersects(OTHERS) {
        let (mode, wanted) = (wide(mode.bits()), wide(wanted.bits()));
        return Err(Error::TooOpen { path: path.to_owned(), mode, wanted });
    }
    Ok(())
}

/// Modes have 16 bits on some systems, and 32 on others.
fn wide(bits: impl Into<u32>) -> u32 {
    bits.into()
}

const DIRECTORY_MODE: Mode = Mode::RWXU;
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// The permissions of everyone but the owner.
const OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);
