//! Waits for a key's answer. Meanwhile the person acts. No wait is without an end.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use ctap_client::{KeepaliveStatus, Patience, TransportError};

use crate::limits::{
    LONGEST_ENDING, LONGEST_PROMPT, LONGEST_STALL, LONGEST_WORK, MOST_POLLS, POLLING_PAUSE,
};
use crate::operator::Operator;
use crate::transport::{Answer, CONDITIONS_NOT_SATISFIED, Endless, Hand, TransportFailure};

/// When an answer comes too late, whatever signs of life there are.
pub(crate) type Deadline = Rc<Cell<Option<Instant>>>;

/// A request that is waited for. The operator acts when the key asks. If the key never ends, the waiting does.
pub(crate) struct Waiting<'w, O> {
    pub(crate) operator: &'w mut O,
    hand: Hand,
    deadline: &'w Deadline,
    begun: Instant,
    /// Since when the key asks.
    asked: Option<Instant>,
    failure: Option<TransportFailure>,
}

/// How a wait came out.
pub(crate) struct Waited {
    asked: bool,
    failure: Option<TransportFailure>,
    /// The key was told to stop and did not: what it sends later must not be taken for an answer to another
    /// request.
    pub(crate) is_overdue: bool,
}

impl Waited {
    /// The answer, if there is one.
    pub(crate) fn answer(
        self,
        outcome: Result<Vec<u8>, TransportError>,
    ) -> Result<Answer, TransportFailure> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(Answer { message: outcome?, asked: self.asked }),
        }
    }
}

impl<'w, O: Operator> Waiting<'w, O> {
    /// From now on the operator expects the key's question.
    pub(crate) fn begin(operator: &'w mut O, hand: Hand, deadline: &'w Deadline) -> Self {
        operator.expect_question();
        Self { operator, hand, deadline, begun: Instant::now(), asked: None, failure: None }
    }

    pub(crate) fn keepalive(&mut self, status: KeepaliveStatus) -> Patience {
        let outcome = match status {
            KeepaliveStatus::UpNeeded => self.is_asked(),
            _ if self.begun.elapsed() > LONGEST_WORK => {
                Err(TransportFailure::Endless(Endless::Working))
            }
            _ => Ok(Patience::Wait),
        };
        let patience = outcome.unwrap_or_else(|failure| {
            self.failure = Some(failure);
            Patience::Cancel
        });
        if patience == Patience::Cancel {
            let longest = if self.operator.is_simulated() { LONGEST_STALL } else { LONGEST_ENDING };
            self.deadline.set(Some(Instant::now() + longest));
        }
        patience
    }

    /// The request is over, however.
    pub(crate) fn end(self) -> Waited {
        let is_overdue = self.deadline.take().is_some_and(|end| end <= Instant::now());
        let overdue = is_overdue.then_some(TransportFailure::Endless(Endless::ThoughCancelled));
        Waited { asked: self.asked.is_some(), failure: self.failure.or(overdue), is_overdue }
    }

    fn is_asked(&mut self) -> Result<Patience, TransportFailure> {
        let since = *self.asked.get_or_insert_with(Instant::now);
        let longest = match self.hand {
            Hand::Cancel => return Ok(Patience::Cancel),
            Hand::Nothing => LONGEST_PROMPT,
            _ => self.operator.reaction_time(),
        };
        if since.elapsed() > longest {
            return Err(TransportFailure::Endless(Endless::Asking));
        }
        match self.hand {
            Hand::Nothing => Ok(Patience::Wait),
            hand => self.operator.act(hand).map(|()| Patience::Wait),
        }
    }
}

/// Sends a U2F APDU, and as long as it is answered 6985 touches the key and sends it again (UF-34).
pub(crate) fn exchange_u2f<O: Operator>(
    operator: &mut O,
    hand: Hand,
    mut send: impl FnMut(&mut O) -> Result<Vec<u8>, TransportError>,
) -> Result<Answer, TransportFailure> {
    operator.expect_question();
    let mut message = send(operator)?;
    let asked = waits_for_a_touch(&message);
    for _ in 0..MOST_POLLS {
        if !hand.acts() || !waits_for_a_touch(&message) {
            break;
        }
        operator.act(hand)?;
        operator.pass_time(POLLING_PAUSE)?;
        message = send(operator)?;
    }
    Ok(Answer { message, asked })
}

fn waits_for_a_touch(message: &[u8]) -> bool {
    message.ends_with(&CONDITIONS_NOT_SATISFIED.to_be_bytes())
}
