//! authenticatorReset (0x07), CTAP 2.3 section 6.6 (RS-01 to RS-19).

use alloc::boxed::Box;

use super::{Context, Outcome, Reply, Waiting};
use crate::change::Change;
use crate::config::Times;
use crate::consent::{Action, Gesture, Question, UserPresent};
use crate::limits::RESET_WINDOW;
use crate::state::State;
use crate::status::Status;
use crate::transport::Transport;

pub(crate) const COMMAND: u8 = 0x07;

/// A reset within the window, not approved yet.
pub(crate) struct Checked {
    /// Waits for this.
    gesture: Gesture,
}

/// Only over the transports that are for it (RS-02), and only within ten seconds of power-up, measured when the command arrives
/// (RS-03, RS-04, NF-43). Other commands before it do not use the window up (RS-05).
pub(crate) fn start(cx: &mut Context<'_>) -> Result<Outcome, Status> {
    let transport = cx.session.transport;
    if !cx.config.accepts_reset_over(transport) {
        return Err(Status::OperationDenied);
    }
    if cx.now.saturating_sub(cx.session.powered_up) > RESET_WINDOW {
        return Err(Status::NotAllowed);
    }
    let gestures = cx.config.reset_gestures;
    let tapped = match transport {
        Transport::Nfc => Some(cx.taps.presence_for_reset(gestures.tap, cx.now)?), // RS-19
        Transport::Usb | Transport::SmartCard => None,
    };
    let is_long = cx.store.state().settings.long_touch_for_reset;
    match (tapped, gestures.touch) {
        _ if is_long => Ok(Checked { gesture: Gesture::LongTouch }.ask()), // RS-06
        (Some(present), _) => Checked::erase(present, cx),
        (None, Times::Twice) => Ok(Checked { gesture: Gesture::TouchTwice }.ask()),
        (None, Times::Once) => Ok(Checked { gesture: Gesture::Touch }.ask()),
    }
}

impl Checked {
    fn ask(self) -> Outcome {
        let question = Question { gesture: self.gesture, ..Question::touch(Action::Reset) };
        Outcome::ask(question, Waiting::Reset(self))
    }

    /// The person did it. The first of two touches erases nothing.
    pub(crate) fn commit(
        self,
        present: UserPresent,
        cx: &mut Context<'_>,
    ) -> Result<Outcome, Status> {
        match self.gesture {
            Gesture::TouchTwice => Ok(Self { gesture: Gesture::TouchAgain }.ask()),
            _ => Self::erase(present, cx),
        }
    }

    /// Everything is as from the factory in one durable step, then the session is new (RS-08 to RS-11).
    fn erase(_: UserPresent, cx: &mut Context<'_>) -> Result<Outcome, Status> {
        cx.store.commit(Change::Reset(Box::new(State::factory(cx.rng))))?;
        cx.session.reset(&cx.store.state().wrapping_key, cx.rng);
        cx.taps.spend(); // RS-10
        Ok(Outcome::Done(Reply::EMPTY))
    }
}
