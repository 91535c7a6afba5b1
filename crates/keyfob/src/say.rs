//! The lines that a running key tells people. It never waits for them: a line that nobody takes is lost.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use crate::journal;

/// A stream that can be asked whether it takes something.
pub(crate) trait Stream: Write + AsFd {}

impl<S: Write + AsFd> Stream for S {}

/// Tells a line on the standard output stream.
pub(crate) fn say(line: impl Display) {
    tell(io::stdout().lock(), format_args!("{line}\n"));
}

/// Warns on the standard error stream.
pub(crate) fn warn(line: impl Display) {
    let stream = io::stderr().lock();
    let text = format!("warning: {line}");
    match journal::takes(&stream) {
        true => tell(stream, as_warning(&text)),
        false => tell(stream, format_args!("{text}\n")),
    };
}

/// Line by line as the journal reads it.
fn as_warning(text: &str) -> String {
    text.lines().map(|line| format!("{}{line}\n", journal::WARNING)).collect()
}

/// Writes `text`, of less than 4096 bytes, if `stream` takes it without blocking: a pipe that is not read, or a terminal
/// that was stopped with Ctrl-S, must not stop the key. A closed stream is no failure either. Whether it was written.
pub(crate) fn tell(mut stream: impl Stream, text: impl Display) -> bool {
    let ready = poll(&mut [PollFd::new(&stream, PollFlags::OUT)], Some(&Timespec::default()));
    if ready.is_ok_and(|count| count > 0) {
        let text = text.to_string();
        return match terminal(&stream) {
            Some(mut terminal) => terminal.write_all(text.as_bytes()).is_ok(),
            None => stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).is_ok(),
        };
    }
    false
}

/// The terminal that `stream` is, not blocking. A terminal is ready when it has room for one byte, and would block whoever
/// writes more. Opened once more: setting the stream itself to non-blocking would do so for the shell too.
fn terminal(stream: &impl AsFd) -> Option<File> {
    let stream = stream.as_fd();
    if !stream.is_terminal() {
        return None;
    }
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC).bits()).ok()?;
    let path = format!("/proc/self/fd/{}", stream.as_raw_fd());
    File::options().write(true).custom_flags(flags).open(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::Read as _;

    use rustix::fs::Mode;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    #[test]
    fn the_journal_is_told_of_each_line_of_a_warning_that_it_is_one() {
        assert_eq!(as_warning("warning: lost\nnext: look"), "<4>warning: lost\n<4>next: look\n");
    }

    #[test]
    fn a_reader_that_does_not_read_stops_nobody() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let (mut read, write) = (File::from(read), File::from(write));
        // A pipe holds 64 KiB: without the check this would block for ever.
        for number in 0..2000 {
            tell(&write, format_args!("{number:063}\n"));
        }
        drop(write);
        let mut text = String::new();
        read.read_to_string(&mut text).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines.len() < 2000 && lines.iter().all(|line| line.len() == 63),
            "whole lines only"
        );
        assert_eq!(lines[0].trim_start_matches('0'), "");
    }

    #[test]
    fn a_terminal_that_is_not_read_stops_nobody() {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).and_then(|()| unlockpt(&master)).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let name = ptsname(&master, Vec::new()).unwrap();
        let screen = File::from(rustix::fs::open(&name, flags, Mode::empty()).unwrap());
        assert!(tell(&screen, "there is room at first\n"));
        // It holds some kibibytes, and is ready up to the last one.
        let taken =
            (0..2000).filter(|number| tell(&screen, format_args!("{number:063}\n"))).count();
        assert!((1..2000).contains(&taken), "{taken}");
    }
}
