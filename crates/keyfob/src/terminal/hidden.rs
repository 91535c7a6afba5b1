//! Asking for what nobody else is to see.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Asks on the terminal that this process was started from, and returns the line that is typed, which is not shown.
///
/// However the question ends, the terminal shows again what is typed: a signal that ends or stops this process, such as that of
/// Ctrl-C, waits until it does. Most shells do not see to that.
///
/// # Errors
/// There is no terminal, or what is typed is not UTF-8.
pub(crate) fn ask_hidden(question: &str) -> io::Result<Zeroizing<String>> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    loop {
        write!(terminal, "{question}")?;
        let line = typed_unseen(&mut terminal)?;
        if let Some(line) = line {
            return Ok(line);
        }
        // Somebody stopped the process with Ctrl-Z, and lets it go on now.
    }
}

/// `None`: a signal came first.
fn typed_unseen(terminal: &mut File) -> io::Result<Option<Zeroizing<String>>> {
    let _held = Held::back()?;
    let _unseen = Unseen::begin(terminal)?;
    let signals = SignalFd::with_flags(&ends_or_stops(), SfdFlags::SFD_CLOEXEC)?;
    let mut both = [PollFd::new(&*terminal, PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
    rustix::io::retry_on_intr(|| poll(&mut both, None))?;
    let [_, signals] = &both;
    if !signals.revents().is_empty() {
        writeln!(terminal)?;
        return Ok(None);
    }
    read_line(terminal).map(Some)
}

/// A terminal gives a whole line at a time.
fn read_line(terminal: &mut File) -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; LONGEST_LINE]);
    let count = terminal.read(&mut *bytes)?;
    let line = bytes[..count].strip_suffix(b"\n").unwrap_or(&bytes[..count]);
    match std::str::from_utf8(line) {
        Ok(_) if count == 0 => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(line) => Ok(Zeroizing::new(line.to_owned())),
        Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}

/// While it lives, signals that end or stop this thread wait.
struct Held(SigSet);

impl Held {
    fn back() -> io::Result<Self> {
        Ok(Self(ends_or_stops().thread_swap_mask(SigmaskHow::SIG_BLOCK)?))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // They had their way before, so they can have it again.
        let _ = self.0.thread_set_mask();
    }
}

/// While it lives, the terminal does not show what is typed, but for the end of the line.
struct Unseen {
    terminal: File,
    before: Termios,
}

impl Unseen {
    fn begin(terminal: &File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        unseen.local_modes.insert(LocalModes::ECHONL);
        let terminal = terminal.try_clone()?;
        tcsetattr(&terminal, OptionalActions::Now, &unseen)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing anyway.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

fn ends_or_stops() -> SigSet {
    SigSet::from_iter([
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGTSTP,
    ])
}

/// The kernel's own lines are not longer.
const LONGEST_LINE: usize = 4096;
