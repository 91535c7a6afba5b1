//! Keys that speak CTAPHID, wherever their reports go.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ctap_client::{
    Exchange as _, HidChannel, KeepaliveStatus, Patience, Report, ReportPipe, TransportError,
};
use hid_transport::Capabilities;

use crate::limits::{
    LONGEST_ENDING, LONGEST_PROMPT, LONGEST_STALL, LONGEST_WORK, MOST_POLLS, POLLING_PAUSE,
};
use crate::transport::{
    Answer, CONDITIONS_NOT_SATISFIED, Endless, Hand, Transport, TransportFailure,
};

/// The operator of a key: plugs it in, touches it, lets time pass.
pub trait Operator {
    /// The way for reports to the key.
    type Pipe: ReportPipe;

    /// Opens a way to the key, which is plugged in. It is used until the key is unplugged, or the way fails.
    ///
    /// # Errors
    /// When there is none.
    fn open(&mut self) -> Result<Self::Pipe, TransportError>;

    /// A request begins: what the key asks for from now on is something new.
    fn expect_question(&mut self) {}

    /// Does what `hand` says to the key, which asks for it. Called at each sign of life of a key that waits, several
    /// times a second perhaps: do it once for each thing it asks for.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` where nobody can.
    fn act(&mut self, hand: Hand) -> Result<(), TransportFailure>;

    /// Unplugs the key and plugs it in again. No pipe is open.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` where nobody can.
    fn power_cycle(&mut self) -> Result<(), TransportFailure>;

    /// Whether [`renew`](Self::renew) can be asked for.
    fn can_renew(&self) -> bool {
        false
    }

    /// See [`Transport::renew`]. No pipe is open.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` where nobody can.
    fn renew(&mut self) -> Result<(), TransportFailure> {
        Err(TransportFailure::Unable("nobody can make this key as new".to_owned()))
    }

    /// How long it may take from the key's asking until [`act`](Self::act) has done what it should: longer for people
    /// than for machines. A key that still asks then is given up.
    fn reaction_time(&self) -> Duration {
        Duration::from_secs(8)
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// [`TransportFailure`].
    fn pass_time(&mut self, time: Duration) -> Result<(), TransportFailure>;

    /// See [`Transport::hindrance`].
    fn hindrance(&self) -> Option<String> {
        None
    }

    /// See [`Transport::is_simulated`].
    fn is_simulated(&self) -> bool {
        false
    }
}

/// A key behind CTAPHID, and its operator.
pub struct HidKey<O: Operator> {
    operator: O,
    link: Link<O::Pipe>,
    deadline: Deadline,
}

/// The way to the key as far as it is open. Channels come and go; the pipe stays while the key is plugged in.
struct Link<P> {
    pipe: Option<Rc<RefCell<P>>>,
    channel: Option<HidChannel<Timed<P>>>,
}

/// When an answer comes too late, whatever signs of life there are.
type Deadline = Rc<Cell<Option<Instant>>>;

/// A pipe that gives up at the deadline.
struct Timed<P> {
    pipe: Rc<RefCell<P>>,
    deadline: Deadline,
}

impl<P: ReportPipe> ReportPipe for Timed<P> {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        self.pipe.borrow_mut().send(report)
    }

    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>> {
        match self.deadline.get() {
            Some(deadline) if deadline <= Instant::now() => Err(io::ErrorKind::TimedOut.into()),
            _ => self.pipe.borrow_mut().receive(timeout),
        }
    }
}

impl<P: ReportPipe> Link<P> {
    const DOWN: Self = Self { pipe: None, channel: None };

    /// The open channel, or a new one.
    fn channel(
        &mut self,
        operator: &mut impl Operator<Pipe = P>,
        deadline: &Deadline,
    ) -> Result<&mut HidChannel<Timed<P>>, TransportError> {
        match &mut self.channel {
            Some(open) => Ok(open),
            none => {
                let pipe = match &self.pipe {
                    Some(pipe) => Rc::clone(pipe),
                    None => Rc::new(RefCell::new(operator.open()?)),
                };
                self.pipe = Some(Rc::clone(&pipe));
                Ok(none.insert(HidChannel::open(Timed { pipe, deadline: Rc::clone(deadline) })?))
            }
        }
    }

    /// What has failed once will not carry another report.
    fn drop_if_broken<T>(&mut self, outcome: &Result<T, TransportError>) {
        if let Err(TransportError::Io(_)) = outcome {
            *self = Self::DOWN;
        }
    }
}

impl<O: Operator> HidKey<O> {
    /// A key that is plugged in.
    #[must_use]
    pub fn new(operator: O) -> Self {
        Self { operator, link: Link::DOWN, deadline: Deadline::default() }
    }

    fn channel(&mut self) -> Result<&mut HidChannel<Timed<O::Pipe>>, TransportError> {
        self.link.channel(&mut self.operator, &self.deadline)
    }

    fn send_u2f(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        let outcome = self.channel().and_then(|channel| channel.exchange_u2f(apdu));
        self.link.drop_if_broken(&outcome);
        outcome
    }
}

impl<O: Operator> Transport for HidKey<O> {
    fn exchange(&mut self, message: &[u8], hand: Hand) -> Result<Answer, TransportFailure> {
        let Self { operator, link, deadline } = self;
        operator.expect_question();
        let mut waiting = Waiting::new(operator, hand, deadline);
        let outcome = link
            .channel(waiting.operator, deadline)
            .and_then(|channel| channel.exchange(message, &mut |status| waiting.keepalive(status)));
        let (asked, mut failure) = (waiting.asked.is_some(), waiting.failure);
        if deadline.take().is_some_and(|end| end <= Instant::now()) {
            // What still arrives on this channel must not be taken for an answer to another request.
            link.channel = None;
            failure = failure.or(Some(TransportFailure::Endless(Endless::ThoughCancelled)));
        } else {
            link.drop_if_broken(&outcome);
        }
        match failure {
            Some(failure) => Err(failure),
            None => Ok(Answer { message: outcome?, asked }),
        }
    }

    fn exchange_u2f(&mut self, apdu: &[u8], hand: Hand) -> Result<Answer, TransportFailure> {
        let acts = !matches!(hand, Hand::Nothing | Hand::Cancel);
        self.operator.expect_question();
        let mut message = self.send_u2f(apdu)?;
        let asked = waits_for_a_touch(&message);
        for _ in 0..MOST_POLLS {
            if !acts || !waits_for_a_touch(&message) {
                break;
            }
            self.operator.act(hand)?;
            self.operator.pass_time(POLLING_PAUSE)?;
            message = self.send_u2f(apdu)?;
        }
        Ok(Answer { message, asked })
    }

    fn capabilities(&mut self) -> Result<Option<Capabilities>, TransportFailure> {
        let outcome = self.channel().map(|channel| channel.capabilities());
        self.link.drop_if_broken(&outcome);
        Ok(Some(outcome?))
    }

    fn power_cycle(&mut self) -> Result<(), TransportFailure> {
        self.link = Link::DOWN;
        self.operator.power_cycle()
    }

    fn renew(&mut self) -> Result<bool, TransportFailure> {
        // A key that stays as it is keeps its connection: there are some that do not bear another one.
        if !self.operator.can_renew() {
            return Ok(false);
        }
        self.link = Link::DOWN;
        self.operator.renew().map(|()| true)
    }

    fn pass_time(&mut self, time: Duration) -> Result<(), TransportFailure> {
        self.operator.pass_time(time)
    }

    fn is_simulated(&self) -> bool {
        self.operator.is_simulated()
    }

    fn hindrance(&self) -> Option<String> {
        self.operator.hindrance()
    }

    fn reports(&mut self) -> Result<Option<&mut dyn ReportPipe>, TransportFailure> {
        Ok(Some(self.channel()?.pipe_mut()))
    }

    fn forget_channel(&mut self) {
        self.link.channel = None;
    }
}

/// A request that is waited for: the operator acts when the key asks, and it is given up when it goes on for ever.
struct Waiting<'w, O> {
    operator: &'w mut O,
    hand: Hand,
    deadline: &'w Deadline,
    begun: Instant,
    /// Since when the key asks.
    asked: Option<Instant>,
    failure: Option<TransportFailure>,
}

impl<'w, O: Operator> Waiting<'w, O> {
    fn new(operator: &'w mut O, hand: Hand, deadline: &'w Deadline) -> Self {
        Self { operator, hand, deadline, begun: Instant::now(), asked: None, failure: None }
    }

    fn keepalive(&mut self, status: KeepaliveStatus) -> Patience {
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

fn waits_for_a_touch(message: &[u8]) -> bool {
    message.ends_with(&CONDITIONS_NOT_SATISFIED.to_be_bytes())
}
