//! How far something is that takes long, for people at a terminal.

use std::io::{IsTerminal as _, Write as _, stderr};

/// A line that is written over as it grows; for others than terminals there is none.
pub(super) struct Progress {
    what: &'static str,
    of: usize,
    is_seen: bool,
}

impl Progress {
    /// Of that many; few are not worth a line.
    pub(super) fn new(what: &'static str, of: usize) -> Self {
        Self { what, of, is_seen: of > STEP && stderr().is_terminal() }
    }

    /// So many are done.
    pub(super) fn is_at(&mut self, done: usize) {
        if self.is_seen && done.is_multiple_of(STEP) {
            // Whoever does not see it misses nothing.
            let _ = write!(stderr(), "\r{}: {done} of {}", self.what, self.of);
        }
    }

    /// Takes the line away.
    pub(super) fn end(self) {
        if self.is_seen {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

const STEP: usize = 500;
