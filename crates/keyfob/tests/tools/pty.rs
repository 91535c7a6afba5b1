//! A terminal, and commands typed on it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// A terminal of its own.
pub(crate) struct Pty {
    /// Where a person sits.
    pub(crate) person: File,
    /// Kept, so that it outlives what is typed on it.
    line: OwnedFd,
}

impl Pty {
    pub(crate) fn of(columns: u16) -> Self {
        let person =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&person).and_then(|()| unlockpt(&person)).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&person, size).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let line = rustix::fs::open(&name, flags, Mode::empty()).unwrap();
        Self { person: File::from(person), line }
    }

    /// One end of it, for a process.
    pub(crate) fn line(&self) -> Stdio {
        self.line.try_clone().unwrap().into()
    }

    /// Runs `command` as the one that this terminal controls.
    pub(crate) fn controlling(&self, command: &Command) -> Command {
        let mut setsid = Command::new("/usr/bin/setsid");
        setsid.arg("--ctty").arg(command.get_program()).args(command.get_args()).env_clear();
        for (name, value) in command.get_envs() {
            setsid.envs(value.map(|value| (name, value)));
        }
        setsid.stdin(self.line()).stdout(self.line()).stderr(self.line());
        setsid
    }

    /// Whether it shows what is typed.
    pub(crate) fn echoes(&self) -> bool {
        tcgetattr(&self.line).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Waits for it to show what is typed, or to stop doing so.
    pub(crate) fn await_echo(&self, wanted: bool) {
        let begun = Instant::now();
        while self.echoes() != wanted {
            assert!(begun.elapsed() < Duration::from_secs(20), "never: echo {wanted}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What was written on it by a command that has ended.
    pub(crate) fn shown(&mut self) -> String {
        end(self.line.try_clone().unwrap());
        self.read_to(END).replace(END, "")
    }

    /// What this command prints on it. It is read meanwhile: a terminal takes a few kilobytes.
    pub(crate) fn shown_by(&mut self, command: &mut Command) -> String {
        let command = command.stdin(Stdio::null()).stdout(self.line()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let line = self.line.try_clone().unwrap();
        let ended = thread::spawn(move || {
            let status = child.wait().unwrap();
            end(line);
            status
        });
        let shown = self.read_to(END).replace(END, "");
        assert!(ended.join().unwrap().success(), "{shown}");
        shown
    }

    /// Reads what is written on it, up to these words.
    pub(crate) fn read_to(&mut self, words: &str) -> String {
        let mut read = String::new();
        let mut bytes = [0; 1024];
        while !read.contains(words) {
            let count = self.person.read(&mut bytes).unwrap();
            read.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        read
    }
}

fn end(line: OwnedFd) {
    File::from(line).write_all(END.as_bytes()).unwrap();
}

/// Stands behind all that a command has printed.
const END: &str = "(end)";
