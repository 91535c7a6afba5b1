//! authenticatorSelection (0x0B), CTAP 2.3 section 6.9 (SL-01 to SL-05).

use super::{Outcome, Reply, Waiting};
use crate::consent::{Action, Question, UserPresent};

pub(crate) const COMMAND: u8 = 0x0b;

/// Waits to be touched.
pub(crate) struct Checked(());

pub(crate) fn start() -> Outcome {
    Outcome::ask(Question::touch(Action::Select), Waiting::Selection(Checked(())))
}

impl Checked {
    /// Nothing changes, and the touch is good for nothing else (SL-04).
    pub(crate) fn commit(self, _: UserPresent) -> Reply {
        Reply::EMPTY
    }
}
