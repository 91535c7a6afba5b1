//! The lines that a running key tells people. Where the system does not tell whether a stream takes them, they are written all the same,
//! and a reader that does not read stops the key.

use std::fmt::Display;
use std::io::{self, Write};

/// A standard stream.
pub(crate) trait Stream: Write {}

impl<W: Write> Stream for W {}

/// Tells a line on the standard output stream.
pub(crate) fn say(line: impl Display) {
    tell(io::stdout().lock(), format_args!("{line}\n"));
}

/// Warns on the standard error stream.
pub(crate) fn warn(line: impl Display) {
    tell(io::stderr().lock(), format_args!("warning: {line}\n"));
}

/// Writes `text`. A closed stream is no failure. Whether it was written.
pub(crate) fn tell(mut stream: impl Stream, text: impl Display) -> bool {
    stream.write_all(text.to_string().as_bytes()).and_then(|()| stream.flush()).is_ok()
}
