//! Built-in user verification by fingerprint: performBuiltInUv, CTAP 2.3 section 6.5.3.1 (CP-140 to CP-146).
//!
//! As for a PIN, the price of a finger's try is on disk before the finger is checked. If no finger is shown,
//! nothing is paid: a request that was refused, cancelled or left alone has tried nothing (CP-146). A command that
//! needs a finger waits here, with everything that it needs to go on, and goes on with the proof.

use crate::change::Change;
use crate::commands::{
    Ask, Context, Outcome, Unanswered, client_pin, get_assertion, make_credential,
};
use crate::consent::{Finger, Gesture, Question, UserPresent, UserVerified};
use crate::limits::{MAX_UV_ATTEMPTS_FOR_INTERNAL_RETRIES, USER_ACTION_TIMEOUT};
use crate::status::Status;

use alloc::boxed::Box;

/// What happens after the user is verified.
pub(crate) enum Purpose {
    MakeCredential(Box<make_credential::Checked>),
    GetAssertion(Box<get_assertion::Checked>),
    Token(Box<client_pin::TokenByUv>),
}

/// Waits for a finger.
pub(crate) struct Verification {
    purpose: Purpose,
    /// Fingers that may follow this one inside the same command.
    attempts_left: u8,
}

/// The side that counts the attempts (CP-141).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retries {
    /// The key asks again by itself.
    Internal,
    /// The platform sends the command again.
    Platform,
}

impl Verification {
    /// Asks for a finger, unless the tries are used up.
    pub(crate) fn begin(
        purpose: Purpose,
        retries: Retries,
        cx: &mut Context<'_>,
    ) -> Result<Outcome, Status> {
        let state = cx.store.state();
        if state.pin.is_some() && state.pin_retries == 0 && state.uv_retries > 0 {
            cx.store.commit(Change::UvRetries(0))?; // CP-140
        }
        let attempts = match retries {
            Retries::Internal => MAX_UV_ATTEMPTS_FOR_INTERNAL_RETRIES,
            Retries::Platform => 1,
        };
        Self { purpose, attempts_left: attempts }.ask(cx)
    }

    /// Asks for a finger; no try left is a failure (CP-143).
    fn ask(mut self, cx: &mut Context<'_>) -> Result<Outcome, Status> {
        let tries = self.attempts_left.min(cx.store.state().uv_retries);
        if tries == 0 {
            return Err(self.purpose.failed(cx));
        }
        self.attempts_left = self.attempts_left.saturating_sub(1);
        let mut question = self.purpose.question();
        question.gesture = Gesture::Finger;
        Ok(Outcome::Ask(Ask {
            question,
            waiting: crate::commands::Waiting::Verify(self),
            timeout: USER_ACTION_TIMEOUT,
        }))
    }

    /// A finger was shown: it is paid for, then looked at (CP-142). An enrolled one verifies the user and is a touch as well
    /// (BE-40, MC-34); any other, or a bad sample, costs the try.
    pub(crate) fn shown(
        self,
        finger: Finger,
        present: UserPresent,
        cx: &mut Context<'_>,
    ) -> Result<Outcome, Status> {
        let left = cx.store.state().uv_retries.saturating_sub(1);
        cx.store.commit(Change::UvRetries(left))?;
        if !finger.is_enrolled(cx.store.state().fingers()) {
            return self.ask(cx);
        }
        cx.store.commit(Change::UserVerified)?;
        self.purpose.go_on(UserVerified::by_finger(), present, cx)
    }

    /// Nobody showed a finger, and nothing is paid.
    pub(crate) fn refuse(self, why: Unanswered) -> Status {
        match why {
            Unanswered::TimedOut => Status::UserActionTimeout, // CP-145
            Unanswered::Denied => Status::OperationDenied,
        }
    }
}

impl Purpose {
    fn go_on(
        self,
        verified: UserVerified,
        present: UserPresent,
        cx: &mut Context<'_>,
    ) -> Result<Outcome, Status> {
        match self {
            Self::MakeCredential(checked) => checked.go_on(Some(verified), Some(present), cx),
            Self::GetAssertion(checked) => checked.go_on(Some(verified), Some(present), cx),
            Self::Token(request) => request.issue(present, cx).map(Outcome::Done),
        }
    }

    /// The user could not be verified (MC-28, GA-11, CP-99).
    fn failed(&self, cx: &mut Context<'_>) -> Status {
        let blocked = cx.store.state().uv_retries == 0;
        match (self, cx.policy().deny_uv()) {
            (Self::Token(_), _) if blocked => Status::UvBlocked,
            (Self::Token(_), _) => Status::UvInvalid,
            (_, Status::PuatRequired) => Status::PuatRequired,
            _ if blocked => Status::PinBlocked,
            _ => Status::OperationDenied,
        }
    }

    fn question(&self) -> Question {
        match self {
            Self::MakeCredential(checked) => checked.question(),
            Self::GetAssertion(checked) => checked.question(),
            Self::Token(request) => request.question(),
        }
    }
}
