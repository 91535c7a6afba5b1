//! How this process stands towards others: what it keeps from them, and how they ask it to end.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::fs::Mode;
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::LocalSet;

/// How others ask this process to end: Ctrl-C, a service manager, a terminal that closes, or the program that started it by being
/// gone.
pub(crate) struct EndSignal {
    interrupt: Signal,
    terminate: Signal,
    /// `None`: who started this process wants it to outlive its terminal, as `nohup` does.
    hangup: Option<Signal>,
    starter: Option<Starter>,
}

/// What ends with the program that started this one.
type Starter = Box<dyn AsyncRead + Send + Unpin>;

impl EndSignal {
    /// Listens from now on; without this the signals kill.
    ///
    /// # Errors
    /// If the handlers cannot be installed.
    pub(crate) fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        let hangup = (!ignores_hangups()).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self { interrupt, terminate, hangup, starter: None })
    }

    /// Listens for the end of the standard input stream too. Whoever holds its other end need not live to close it: the
    /// kernel does that for a process that was killed.
    ///
    /// # Errors
    /// If the stream is neither a pipe nor a socket: the fault of the one who started this process.
    pub(crate) fn or_end_of_input(self) -> io::Result<Self> {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        Ok(Self { starter: Some(starter(input)?), ..self })
    }

    /// Returns when one of them came.
    pub(crate) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = hung_up(self.hangup.as_mut()) => {}
            () = end_of(self.starter.as_mut()) => {}
        }
    }
}

/// Ctrl-C, heard instead of ending the process.
pub(crate) struct Interrupts(Signal);

impl Interrupts {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the handler cannot be installed.
    pub(crate) fn listen() -> io::Result<Self> {
        signal(SignalKind::interrupt()).map(Self)
    }

    /// Returns at the next one.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// A pipe, or what Node.js has in its place: one end of a socket pair.
fn starter(input: OwnedFd) -> io::Result<Starter> {
    let input = File::from(input);
    if !input.metadata()?.file_type().is_socket() {
        return Ok(Box::new(pipe::Receiver::from_owned_fd(input.into())?));
    }
    let socket = UnixStream::from(OwnedFd::from(input));
    socket.set_nonblocking(true)?;
    Ok(Box::new(tokio::net::UnixStream::from_std(socket)?))
}

/// Whether this process was started with SIGHUP ignored: a mask in `/proc/self/status`, whose lowest bit is signal 1.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

async fn hung_up(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// What is written there means nothing. Never, if there is no stream.
async fn end_of(stream: Option<&mut Starter>) {
    let Some(stream) = stream else { return std::future::pending().await };
    while let Ok(1..) = stream.read(&mut [0; 64]).await {}
}

/// Keeps secrets in this process: files and sockets it makes are its owner's alone, and no core is dumped (P-19, P-21).
pub(crate) fn harden() {
    let users = rustix::process::umask(OTHERS);
    let _ = USERS_UMASK.set(users); // called once
    // Neither can fail for a process that only gives something up.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// A number in the text of `/proc/PID/status`: of memory in KiB. `None`: there is none of this name.
pub(crate) fn status_field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How much processor time this process has taken, if the system tells.
pub(crate) fn processor_time() -> Option<Duration> {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).ok()
}

/// How many files this process may open; `None`: any number.
pub(crate) fn most_open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// What helps where `told` has the system's words for too many open files, whatever those were wanted for.
pub(crate) fn advice_on_open_files(told: &str) -> Option<&'static str> {
    let are_told = |errno: Errno| told.contains(&io::Error::from(errno).to_string());
    let of_process = are_told(Errno::MFILE).then_some(MORE_FILES);
    of_process.or_else(|| are_told(Errno::NFILE).then_some(MORE_FILES_OF_ALL))
}

const MORE_FILES: &str = "let it open more: `ulimit -n NUMBER` in its shell, as root where `ulimit -Hn` is lower; \
                          LimitNOFILE=NUMBER of a service";
const MORE_FILES_OF_ALL: &str =
    "end other programs, or have the machine open more: sudo sysctl fs.file-max=NUMBER";

/// Makes files with mode 0600.
pub(crate) fn for_this_user_alone(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Gives a file for other people's programs, such as a report, the permissions that the user's other programs would give it.
///
/// # Errors
/// As the system says.
pub(crate) fn publish(path: &Path) -> io::Result<()> {
    let kept = USERS_UMASK.get().copied().unwrap_or(OTHERS);
    fs::set_permissions(path, Permissions::from_mode(0o666 & !wide(kept.bits())))
}

/// Modes have 16 bits on some systems, and 32 on others.
fn wide(bits: impl Into<u32>) -> u32 {
    bits.into()
}

static USERS_UMASK: OnceLock<Mode> = OnceLock::new();
const OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);

/// Runs `task` on this thread; everything that waits runs there, and nothing else does.
///
/// # Errors
/// What `task` failed with.
pub(crate) fn on_one_thread<T>(task: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_open_files_are_found_in_the_middle_of_a_sentence() {
        let sentence = |errno: Errno| format!("no way: {}; sorry", io::Error::from(errno));
        assert_eq!(advice_on_open_files(&sentence(Errno::MFILE)), Some(MORE_FILES));
        assert_eq!(advice_on_open_files(&sentence(Errno::NFILE)), Some(MORE_FILES_OF_ALL));
        assert_eq!(advice_on_open_files(&sentence(Errno::NOENT)), None);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status = "VmRSSx:\t1 kB\nVmRSS:\t  2048 kB\n";
        assert_eq!(status_field(status, "VmRSS"), Some(2048));
        assert_eq!(status_field(status, "VmSwap"), None);
    }
}
