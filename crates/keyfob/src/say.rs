//! What is told to a person, on the standard output stream.

use std::fmt::Arguments;
use std::io::{self, Write as _};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Tells a line, formatted like `println!`.
macro_rules! say {
    ($($text:tt)*) => { $crate::say::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// Writes a line, unless whoever reads the stream has stopped reading: the key must not wait for them. A closed stream is
/// no failure either.
pub(crate) fn line(text: Arguments<'_>) {
    let mut stream = io::stdout().lock();
    let ready = poll(&mut [PollFd::new(&stream, PollFlags::OUT)], Some(&Timespec::default()));
    if ready.is_ok_and(|count| count > 0) {
        let _ = writeln!(stream, "{text}").and_then(|()| stream.flush());
    }
}
