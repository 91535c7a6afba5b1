//! A Unix socket that belongs to one process and one user.

mod listening_socket;

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::{Errno, FdFlags, fcntl_setfd, ioctl_fionbio};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};
use tokio::net::{UnixListener, UnixStream};

pub(crate) use self::listening_socket::ListeningSocket;
use crate::failure::{advise, failure};

/// A caller, as the one who listens has it.
pub(crate) type Stream = UnixStream;

/// A caller's own end.
pub(crate) type Caller = UnixStream;

/// Calls whoever listens there.
///
/// # Errors
/// Nobody does, or not for this user.
pub(crate) async fn call(path: &Path) -> io::Result<Caller> {
    UnixStream::connect(path).await
}

/// Tells a caller something at once or not at all, and hangs up.
///
/// # Errors
/// As the system says.
pub(crate) fn tell_at_once(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    stream.into_std()?.write_all(bytes)
}

/// A USB/IP server behind the socket with this path.
///
/// # Errors
/// There is none, or not for this user.
pub(crate) fn usbip(path: &str) -> io::Result<usbip_server::client::Socket> {
    Ok(std::os::unix::net::UnixStream::connect(path)?.into())
}

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
    _lock: Lock,
    /// Goes last: only an empty directory can be removed.
    _directory: Option<PrivateDirectory>,
}

/// A directory for private sockets. Dropping it removes it, unless something is in it.
pub(crate) struct PrivateDirectory(PathBuf);

/// A locked file. Dropping it removes the file.
struct Lock {
    path: PathBuf,
    file: File,
}

/// Device and inode.
type FileId = (u64, u64);

impl PrivateSocket {
    /// Listens at `path`. Its directory must be there.
    ///
    /// # Errors
    /// Another process listens there, keyfob or not, something that is no socket has the name, or it cannot be made.
    pub(crate) fn bind(path: &Path) -> anyhow::Result<Self> {
        listen(path, None).map_err(|error| with_cure(error, path))
    }

    /// Listens at `path` in `directory`, which goes with the socket.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub(crate) fn bind_in(directory: PrivateDirectory, path: &Path) -> anyhow::Result<Self> {
        listen(path, Some(directory)).map_err(|error| with_cure(error, path))
    }
}

fn listen(path: &Path, directory: Option<PrivateDirectory>) -> anyhow::Result<PrivateSocket> {
    check_length(path)?;
    let lock = Lock::beside(path)?;
    remove_stale(path)?;
    // The process's umask keeps others out until this has its final mode.
    let listener = UnixListener::bind(path)?;
    let file = file_id(path)?;
    let place = Place { path: path.to_owned(), file, _lock: lock, _directory: directory };
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(PrivateSocket { listener, place })
}

/// Says where, and what helps against what the file system had against it.
fn with_cure(error: anyhow::Error, path: &Path) -> anyhow::Error {
    let error = error.context(format!("cannot listen on {}", path.display()));
    match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        None => error,
        Some(io::ErrorKind::NotFound) => {
            let parent = path.parent().unwrap_or(path).display();
            let next = format!("make its directory first: mkdir -p '{parent}'; or {ANOTHER_PATH}");
            advise(error, next)
        }
        Some(_) => advise(error, format_args!("{ANOTHER_PATH}, where this user can write")),
    }
}

fn check_length(path: &Path) -> anyhow::Result<()> {
    let length = path.as_os_str().len();
    match length <= LONGEST_PATH {
        true => Ok(()),
        false => Err(failure(
            format_args!("the path has {length} bytes, and a socket's may have {LONGEST_PATH}"),
            format_args!("{ANOTHER_PATH}; it may begin at the working directory, as in ./control"),
        )),
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
        remove_own(&self.path, self.file);
    }
}

impl PrivateDirectory {
    /// Makes it, or checks the one that is there: in a place like `/tmp` somebody else may have been faster.
    ///
    /// # Errors
    /// It is somebody else's, a link, or open to others; or it cannot be made.
    pub(crate) fn make(path: &Path) -> anyhow::Result<Self> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                let context = format!("cannot make {}", path.display());
                Err(advise(anyhow::Error::new(error).context(context), CONTROL_ELSEWHERE))
            }
            _ => check_private(path).map(|()| Self(path.to_owned())),
        }
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        // With something in it, it stays.
        let _ = fs::remove_dir(&self.0);
    }
}

fn check_private(path: &Path) -> anyhow::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let (owner, shown) = (metadata.uid(), path.display());
    let (what, next) = if !metadata.is_dir() {
        ("is not a directory (links are not followed)".to_owned(), format!("remove {shown}"))
    } else if owner != rustix::process::geteuid().as_raw() {
        let left_by_root = format!("if a key of root left it there, sudo rm -r '{shown}'");
        (format!("belongs to another user, uid {owner}"), left_by_root)
    } else if metadata.mode() & 0o077 != 0 {
        ("is open to other users".to_owned(), format!("chmod 700 '{shown}'"))
    } else {
        return Ok(());
    };
    Err(failure(format_args!("{shown} {what}"), format_args!("{next}; or {CONTROL_ELSEWHERE}")))
}

impl Lock {
    /// Locks the file beside `path` that is named like it.
    fn beside(path: &Path) -> anyhow::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        loop {
            let file = locked(&path)?;
            // Who held it before may have removed it after we opened it: then this is a file without a name.
            let own = file.metadata().map(|metadata| (metadata.dev(), metadata.ino()))?;
            if file_id(&path).is_ok_and(|named| named == own) {
                return Ok(Self { path, file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Ok(metadata) = self.file.metadata() {
            remove_own(&self.path, (metadata.dev(), metadata.ino()));
        }
    }
}

fn locked(path: &Path) -> anyhow::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file: File =
        rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(io::Error::from)?.into();
    match rustix::fs::flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(failure(
            "another keyfob listens there",
            "stop it, or give this one a socket of its own, for instance with --control PATH",
        )),
        Err(errno) => Err(io::Error::from(errno).into()),
    }
}

/// Removes the file, if it is still the one that we made. If somebody removed it before, that is fine too.
fn remove_own(path: &Path, file: FileId) {
    if file_id(path).is_ok_and(|found| found == file) {
        let _ = fs::remove_file(path);
    }
}

fn remove_stale(path: &Path) -> anyhow::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(metadata) if !metadata.file_type().is_socket() => Err(failure(
            "a file that is not a socket has that name",
            format_args!("remove it, or {ANOTHER_PATH}"),
        )),
        Ok(_) if is_deserted(path)? => Ok(fs::remove_file(path)?),
        Ok(_) => Err(failure("another program has that socket", ANOTHER_PATH)),
    }
}

/// Whether nobody listens on this socket. A refused connection is the one proof: other programs, which know nothing of
/// our lock, may listen for datagrams, or have a full queue.
fn is_deserted(path: &Path) -> io::Result<bool> {
    let caller = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    fcntl_setfd(&caller, FdFlags::CLOEXEC)?;
    ioctl_fionbio(&caller, true)?;
    Ok(connect(&caller, &SocketAddrUnix::new(path)?) == Err(Errno::CONNREFUSED))
}

fn file_id(path: &Path) -> io::Result<FileId> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// `sun_path` has 108 bytes, and a zero at its end (unix(7)).
const LONGEST_PATH: usize = 107;
const ANOTHER_PATH: &str = "name another path with --control or --unix";
const CONTROL_ELSEWHERE: &str = "name a socket elsewhere with --control PATH";

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::fs::symlink;
    use std::os::unix::net::{UnixDatagram, UnixListener as StdListener, UnixStream as StdStream};

    use rustix::net::{SocketFlags, socket_with};
    use tempfile::tempdir;

    use crate::failure::describe;

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
        assert!(describe(&error).contains("another keyfob"), "{error:#}");
        assert!(path.exists(), "a refused process must not remove it");
        drop(live);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "neither socket nor lock");
        // What a killed process leaves.
        drop(StdListener::bind(&path).unwrap());
        assert!(path.exists());
        PrivateSocket::bind(&path).unwrap();
    }

    fn refusal(path: &Path) -> String {
        let runtime = runtime();
        let _guard = runtime.enter();
        describe(&PrivateSocket::bind(path).err().unwrap())
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
        StdStream::connect(&agent).unwrap();
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
        StdStream::connect(&path).unwrap();
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
        let lock = directory.path().join("control.lock");
        symlink(&elsewhere, &lock).unwrap();
        assert!(locked(&lock).is_err() && !elsewhere.exists(), "nothing is made where it leads");
        fs::write(&elsewhere, "data").unwrap();
        assert!(locked(&lock).is_err());
        let _ = refusal(&directory.path().join("control"));
    }

    #[test]
    fn only_a_private_directory_of_our_own_will_do() {
        let parent = tempdir().unwrap();
        let path = parent.path().join("keyfob");
        let keep = PrivateDirectory::make(&path).unwrap();
        let refused = |path: &Path| describe(&PrivateDirectory::make(path).err().unwrap());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let error = refused(&path);
        assert!(error.contains("\nnext: chmod 700 "), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        let link = parent.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(refused(&link).contains("links are not followed"), "a link");
        drop(keep);
        assert!(!path.exists(), "what was made is removed");
    }

    #[test]
    fn a_directory_that_somebody_uses_stays() {
        let parent = tempdir().unwrap();
        let path = parent.path().join("keyfob");
        let directory = PrivateDirectory::make(&path).unwrap();
        fs::write(path.join("file"), "").unwrap();
        drop(directory);
        assert!(path.join("file").exists());
    }

    #[test]
    fn whatever_keeps_a_socket_from_being_made_the_next_step_is_told() {
        let directory = tempdir().unwrap();
        let (here, file) = (directory.path(), directory.path().join("file"));
        fs::write(&file, "").unwrap();
        for (path, next) in [
            (here.join("missing/control"), "next: make its directory first: mkdir -p '"),
            (file.join("control"), "next: name another path with --control or --unix, where"),
            (here.join("x".repeat(200)), "next: name another path with --control or --unix; it"),
        ] {
            let error = refusal(&path);
            assert!(error.contains(next) && error.contains("cannot listen on"), "{error}");
        }
        let error = PrivateDirectory::make(&here.join("missing/keyfob")).err().unwrap();
        assert!(describe(&error).contains("\nnext: name a socket elsewhere"), "{error:#}");
    }

    #[test]
    fn a_path_may_have_as_many_bytes_as_the_kernel_takes_and_no_more() {
        let path = |length: usize| PathBuf::from("x".repeat(length));
        check_length(&path(LONGEST_PATH)).unwrap();
        check_length(&path(LONGEST_PATH + 1)).unwrap_err();
        assert!(SocketAddrUnix::new(path(LONGEST_PATH)).is_ok());
    }
}
