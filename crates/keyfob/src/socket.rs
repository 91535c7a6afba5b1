//! A Unix socket that belongs to one process and one user.

mod door;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use tokio::net::UnixListener;

pub(crate) use self::door::Door;
use crate::failure::failure;

/// A listening socket with mode 0600.
pub(crate) struct PrivateSocket {
    pub(crate) listener: UnixListener,
    pub(crate) place: Place,
}

/// The socket's name. Dropping it removes the socket, unless somebody else has put something in its place.
///
/// A socket that is already there is replaced if nobody listens on it: its process was killed. The lock beside it keeps
/// two keyfobs that start at once from taking each other's for such a one; the kernel releases it however a process ends.
pub(crate) struct Place {
    path: PathBuf,
    /// The very file that was made.
    file: FileId,
    _lock: File,
}

/// Device and inode.
type FileId = (u64, u64);

impl PrivateSocket {
    /// Listens at `path`. Its directory must be there.
    ///
    /// # Errors
    /// Another process listens there, keyfob or not, or something that is no socket has the name.
    pub(crate) fn bind(path: &Path) -> anyhow::Result<Self> {
        let context = || format!("cannot listen on {}", path.display());
        let lock = lock_beside(path).with_context(context)?;
        remove_stale(path).with_context(context)?;
        // The process's umask keeps others out until this has its final mode.
        let listener = UnixListener::bind(path).with_context(context)?;
        let file = file_id(path).with_context(context)?;
        let place = Place { path: path.to_owned(), file, _lock: lock };
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).with_context(context)?;
        Ok(Self { listener, place })
    }
}

impl Place {
    /// Whether the name still stands for this very socket.
    fn is_there(&self) -> bool {
        file_id(&self.path).is_ok_and(|file| file == self.file)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // If somebody removed it before, that is fine too.
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes a directory for private sockets, or checks the one that is there: in a place like `/tmp` somebody else may have
/// been faster.
///
/// # Errors
/// It is somebody else's, a link, or open to others.
pub(crate) fn make_private_directory(path: &Path) -> anyhow::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("cannot make {}", path.display()));
        }
        _ => {}
    }
    let metadata = fs::symlink_metadata(path)?;
    let is_ours = metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw();
    match is_ours && metadata.mode() & 0o077 == 0 {
        true => Ok(()),
        false => Err(failure(
            format_args!("{} is not a private directory of this user", path.display()),
            "remove it, set XDG_RUNTIME_DIR, or name a socket with --control",
        )),
    }
}

fn lock_beside(path: &Path) -> anyhow::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let lock: File = rustix::fs::open(&name, flags, Mode::RUSR | Mode::WUSR)?.into();
    match rustix::fs::flock(lock.as_fd(), FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(failure(
            "another keyfob listens there",
            "stop it, or give this one a socket of its own, for instance with --control PATH",
        )),
        Err(errno) => Err(errno.into()),
    }
}

fn remove_stale(path: &Path) -> anyhow::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(metadata) if !metadata.file_type().is_socket() => Err(failure(
            "something that is no socket has that name",
            "remove it, or name another path with --control or --unix",
        )),
        Ok(_) if is_deserted(path)? => Ok(fs::remove_file(path)?),
        Ok(_) => Err(failure(
            "another program has that socket",
            "name another path with --control or --unix",
        )),
    }
}

/// Whether nobody listens on this socket. A refused connection is the one proof: other programs, which know nothing of
/// our lock, may listen for datagrams, or have a full queue.
fn is_deserted(path: &Path) -> io::Result<bool> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let caller = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok(connect(&caller, &SocketAddrUnix::new(path)?) == Err(Errno::CONNREFUSED))
}

fn file_id(path: &Path) -> io::Result<FileId> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::fs::symlink;
    use std::os::unix::net::{UnixDatagram, UnixListener as StdListener, UnixStream};

    use tempfile::tempdir;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap()
    }

    #[test]
    fn a_live_socket_is_respected_and_a_stale_one_replaced() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("control");
        let runtime = runtime();
        let _guard = runtime.enter();
        let live = PrivateSocket::bind(&path).unwrap();
        let error = PrivateSocket::bind(&path).err().unwrap();
        assert!(crate::failure::describe(&error).contains("another keyfob"), "{error:#}");
        assert!(path.exists(), "a refused process must not remove it");
        drop(live);
        assert!(!path.exists());
        // What a killed process leaves.
        drop(StdListener::bind(&path).unwrap());
        assert!(path.exists());
        PrivateSocket::bind(&path).unwrap();
    }

    fn refusal(path: &Path) -> String {
        let runtime = runtime();
        let _guard = runtime.enter();
        crate::failure::describe(&PrivateSocket::bind(path).err().unwrap())
    }

    #[test]
    fn the_socket_of_another_program_is_neither_taken_nor_removed() {
        let directory = tempdir().unwrap();
        let (agent, log) = (directory.path().join("agent"), directory.path().join("log"));
        let _agent = StdListener::bind(&agent).unwrap();
        let _log = UnixDatagram::bind(&log).unwrap();
        for path in [&agent, &log] {
            let error = refusal(path);
            assert!(error.contains("another program") && error.contains("--unix"), "{error}");
        }
        UnixStream::connect(&agent).unwrap();
        UnixDatagram::unbound().unwrap().send_to(b"a line", &log).unwrap();
    }

    #[test]
    fn a_program_that_lets_its_callers_wait_is_not_taken_for_dead_and_stops_nobody() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("agent");
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = || socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        let address = SocketAddrUnix::new(&path).unwrap();
        let agent = socket();
        rustix::net::bind(&agent, &address).unwrap();
        rustix::net::listen(&agent, 0).unwrap();
        let first = socket();
        connect(&first, &address).unwrap();
        assert!(refusal(&path).contains("another program"));
        assert!(path.exists());
    }

    #[test]
    fn what_others_have_put_in_its_place_is_not_removed_at_the_end() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("control");
        let runtime = runtime();
        let _guard = runtime.enter();
        let ours = PrivateSocket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _theirs = StdListener::bind(&path).unwrap();
        drop(ours);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("precious");
        fs::write(&path, "data").unwrap();
        let runtime = runtime();
        let _guard = runtime.enter();
        assert!(PrivateSocket::bind(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "data");
    }

    #[test]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let directory = tempdir().unwrap();
        let elsewhere = directory.path().join("elsewhere");
        symlink(&elsewhere, directory.path().join("control.lock")).unwrap();
        let _ = refusal(&directory.path().join("control"));
        assert!(!elsewhere.exists(), "nothing is made where it leads");
        fs::write(&elsewhere, "data").unwrap();
        let _ = refusal(&directory.path().join("control"));
    }

    #[test]
    fn only_a_private_directory_of_our_own_will_do() {
        let parent = tempdir().unwrap();
        let path = parent.path().join("keyfob");
        make_private_directory(&path).unwrap();
        make_private_directory(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(make_private_directory(&path).is_err(), "open to others");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        let link = parent.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(make_private_directory(&link).is_err(), "a link");
    }
}
