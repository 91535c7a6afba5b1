//! authenticatorSelection (0x0B), CTAP 2.3 section 6.9 (SL-01 to SL-06).

use super::{Context, Outcome, Reply, Waiting};
use crate::consent::{Action, Question, UserPresent};
use crate::status::Status;

pub(crate) const COMMAND: u8 = 0x0b;

/// Waits to be touched. Over NFC it does not wait, and leaves the tap for the request that it was made for (SL-06).
pub(crate) struct Checked(());

pub(crate) fn start(cx: &mut Context<'_>) -> Result<Outcome, Status> {
    cx.ask(Question::touch(Action::Select), Waiting::Selection(Checked(())))
}

impl Checked {
    /// Nothing changes, and the touch cannot be used for anything else (SL-04).
    pub(crate) fn commit(self, _: UserPresent) -> Reply {
        Reply::EMPTY
    }
}
