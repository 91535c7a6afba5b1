//! authenticatorReset (0x07), CTAP 2.3 section 6.6 (RS-01 to RS-18).

use alloc::boxed::Box;

use super::{Context, Outcome, Reply, Waiting};
use crate::change::Change;
use crate::consent::{Action, Gesture, Question, UserPresent};
use crate::limits::RESET_WINDOW;
use crate::state::State;
use crate::status::Status;

pub(crate) const COMMAND: u8 = 0x07;

/// In the window, not yet approved.
pub(crate) struct Checked(());

/// Only within ten seconds of power-up, measured when the command arrives (RS-03, RS-04). Other commands before it do not
/// use the window up (RS-05).
pub(crate) fn start(cx: &mut Context<'_>) -> Result<Outcome, Status> {
    if cx.now.saturating_sub(cx.session.powered_up) > RESET_WINDOW {
        return Err(Status::NotAllowed);
    }
    let mut question = Question::touch(Action::Reset);
    if cx.store.state().settings.long_touch_for_reset {
        question.gesture = Gesture::LongTouch; // RS-06
    }
    Ok(Outcome::ask(question, Waiting::Reset(Checked(()))))
}

impl Checked {
    /// Everything is as from the factory in one durable step, then the session is new (RS-08 to RS-11).
    pub(crate) fn commit(self, _: UserPresent, cx: &mut Context<'_>) -> Result<Reply, Status> {
        cx.store.commit(Change::Reset(Box::new(State::factory(cx.rng))))?;
        cx.session.reset(&cx.store.state().wrapping_key, cx.rng);
        Ok(Reply::EMPTY)
    }
}
