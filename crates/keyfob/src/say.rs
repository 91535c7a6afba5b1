//! What a running key tells people. It never waits for them: a line that nobody takes is lost.

use std::fmt::Display;
use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Tells a line on the standard output stream.
pub(crate) fn say(line: impl Display) {
    tell(io::stdout().lock(), format_args!("{line}\n"));
}

/// Warns on the standard error stream.
pub(crate) fn warn(line: impl Display) {
    tell(io::stderr().lock(), format_args!("warning: {line}\n"));
}

/// Writes `text`, of less than 4096 bytes, if `stream` takes it without blocking: a pipe that is not read, or a terminal
/// that was stopped with Ctrl-S, must not stop the key. A closed stream is no failure either.
pub(crate) fn tell(mut stream: impl Write + AsFd, text: impl Display) {
    let ready = poll(&mut [PollFd::new(&stream, PollFlags::OUT)], Some(&Timespec::default()));
    if ready.is_ok_and(|count| count > 0) {
        let _ = stream.write_all(text.to_string().as_bytes()).and_then(|()| stream.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs::File;
    use std::io::Read as _;

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
}
