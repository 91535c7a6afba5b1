//! The terminal that a person types on, read without blocking anybody.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::fs::OFlags;
use rustix::process::getpgrp;
use rustix::termios::{QueueSelector, tcflush, tcgetpgrp, tcgetwinsize};
use tokio::net::unix::pipe;

/// The standard input stream, while a prompt is open.
pub(super) struct Tty {
    input: pipe::Receiver,
    typed: Vec<u8>,
}

impl Tty {
    /// Opens it if it and the standard error stream are a terminal, and what is typed there is meant for this process.
    /// What was typed before is thrown away: it was no answer to a question that nobody had seen.
    pub(super) fn open() -> Option<Self> {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return None;
        }
        // Opened once more: setting the stream itself to non-blocking would do so for the shell too.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let flags = i32::try_from(flags.bits()).ok()?;
        let input = File::options().read(true).custom_flags(flags).open("/proc/self/fd/0").ok()?;
        let tty =
            Self { input: pipe::Receiver::from_file_unchecked(input).ok()?, typed: Vec::new() };
        if !tty.is_in_front() {
            return None;
        }
        tcflush(&tty.input, QueueSelector::IFlush).ok()?;
        Some(tty)
    }

    /// Characters to a line.
    pub(super) fn width(&self) -> usize {
        let width = tcgetwinsize(&self.input).map_or(0, |size| size.ws_col);
        if width == 0 { USUAL_WIDTH } else { width.into() }
    }

    /// The next line, without its end; `None` when there will be no more. Cancelling it loses nothing.
    pub(super) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.typed.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.typed.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim().to_owned());
            }
            self.input.readable().await.ok()?;
            if !self.is_in_front() {
                return None;
            }
            self.read_more()?;
        }
    }

    /// `None`: there will be no more.
    fn read_more(&mut self) -> Option<()> {
        let mut bytes = [0; 256];
        match self.input.try_read(&mut bytes) {
            Ok(0) => None,
            Ok(count) => {
                self.typed.extend_from_slice(&bytes[..count]);
                // The kernel's own lines are shorter; more without an end is no typing.
                self.typed.truncate(LONGEST_LINE);
                Some(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(()),
            Err(_) => None,
        }
    }

    /// In the background (`keyfob serve &`) what is typed is meant for the shell, and reading it would stop this process.
    fn is_in_front(&self) -> bool {
        tcgetpgrp(&self.input).map_or(true, |group| group == getpgrp())
    }
}

const LONGEST_LINE: usize = 4096;
const USUAL_WIDTH: usize = 80;
