//! What the owner of a running key does with it directly, without a transport.

use std::fmt;
use std::time::Duration;

use ctap_core::consent::{Gesture, SampleFault};
use ctap_core::{Authenticator, Decision, Platform, Question};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::worker::Order;
use super::{Key, Touch};

/// How prompts for a finger are answered while [`Touch::Auto`] answers the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// The right finger is placed.
    #[default]
    Succeed,
    /// A finger is placed in a way that the sensor cannot read. That costs a try.
    Fail,
    /// The prompt is refused. That costs no try.
    Deny,
}

/// Something that is done with the authenticator on the key's thread.
pub(super) struct Act {
    acting: Box<Acting>,
    /// It only reads: nobody has to look again afterwards.
    pub(super) is_look: bool,
}

type Acting = dyn FnOnce(&mut Authenticator, &mut Platform<'_>) + Send;

impl Act {
    pub(super) fn run(self, authenticator: &mut Authenticator, platform: &mut Platform<'_>) {
        (self.acting)(authenticator, platform);
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Act")
    }
}

/// How questions are answered without asking anybody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answers {
    pub(super) touch: Touch,
    pub(super) verification: Verification,
}

impl Answers {
    /// The decision that is made at once; `None`: somebody must decide.
    pub(super) fn to(self, question: &Question) -> Option<Decision> {
        match (self.touch, question.gesture, self.verification) {
            (Touch::Ask, ..) => None,
            (Touch::Deny, ..) | (Touch::Auto, Gesture::Finger, Verification::Deny) => {
                Some(Decision::Deny)
            }
            (Touch::Auto, Gesture::Finger, Verification::Fail) => {
                Some(Decision::BadSample(SampleFault::PoorQuality))
            }
            (Touch::Auto, ..) => Some(Decision::Approve),
        }
    }
}

impl Key {
    /// Runs this function with the authenticator and its memory, after the orders that came before, with power or
    /// without. The receiver is given the result.
    pub fn act<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut Authenticator, &mut Platform<'_>) -> T + Send + 'static,
        now: Duration,
    ) -> oneshot::Receiver<T> {
        let (reply, done) = oneshot::channel();
        self.carry_out(act, reply, false, now);
        done
    }

    /// The same, for a function that changes nothing.
    pub fn look<T: Send + 'static>(
        &mut self,
        look: impl FnOnce(&mut Authenticator, &mut Platform<'_>) -> T + Send + 'static,
        now: Duration,
    ) -> oneshot::Receiver<T> {
        let (reply, done) = oneshot::channel();
        self.carry_out(look, reply, true, now);
        done
    }

    fn carry_out<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut Authenticator, &mut Platform<'_>) -> T + Send + 'static,
        reply: oneshot::Sender<T>,
        is_look: bool,
        now: Duration,
    ) {
        let acting =
            Box::new(move |authenticator: &mut Authenticator, platform: &mut Platform<'_>| {
                // The one who wanted it may have gone away meanwhile.
                let _ = reply.send(act(authenticator, platform));
            });
        // While no host has the key, nobody else does.
        self.catch_up(now);
        self.order(Order::Act { act: Act { acting, is_look }, now }, now);
    }

    /// From now on prompts are answered in this way, also those that are open. The receiver is told when this is
    /// set.
    pub fn set_answers(
        &mut self,
        touch: Option<Touch>,
        verification: Option<Verification>,
        now: Duration,
    ) -> oneshot::Receiver<()> {
        let (reply, done) = oneshot::channel();
        self.order(Order::SetAnswers { touch, verification, now, reply }, now);
        done
    }
}
