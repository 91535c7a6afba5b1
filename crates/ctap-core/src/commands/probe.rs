//! The request with an empty pinUvAuthParam: "is somebody there, and is a PIN set?" (CTAP 2.3 sections 6.1.2 and
//! 6.2.2, step 1; MC-02, GA-02). Platforms use it to let a person choose one of several keys.

use super::{Context, Outcome, Waiting};
use crate::consent::{Action, Question, UserPresent};
use crate::status::Status;

/// Waits for a touch; never creates or signs anything.
pub(crate) struct Probe {
    pin_set: bool,
}

impl Probe {
    pub(crate) fn ask(cx: &mut Context<'_>) -> Result<Outcome, Status> {
        let pin_set = cx.policy().pin_set();
        cx.ask(Question::touch(Action::Select), Waiting::Probe(Self { pin_set }))
    }

    /// Touched: the status tells whether a PIN is set.
    pub(crate) const fn answer(self, _: UserPresent) -> Status {
        if self.pin_set { Status::PinInvalid } else { Status::PinNotSet }
    }
}
