//! Keys that speak CTAPHID, for any way that carries reports.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ctap_client::{Exchange as _, HidChannel, Report, ReportPipe, TransportError};
use hid_transport::Capabilities;

use crate::operator::Operator;
use crate::transport::{Answer, Hand, Transport, TransportFailure};
use crate::waiting::{self, Deadline, Waiting};

/// A key behind CTAPHID, and its operator.
pub struct HidKey<O: Operator<Pipe: ReportPipe>> {
    operator: O,
    link: Link<O::Pipe>,
    deadline: Deadline,
}

/// The way to the key as far as it is open. Channels come and go; the pipe stays while the key is plugged in.
struct Link<P> {
    pipe: Option<Rc<RefCell<P>>>,
    channel: Option<HidChannel<Timed<P>>>,
}

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

    /// After a failure, the connection will not carry another report.
    fn drop_if_broken<T>(&mut self, outcome: &Result<T, TransportError>) {
        if let Err(TransportError::Io(_)) = outcome {
            *self = Self::DOWN;
        }
    }
}

impl<O: Operator<Pipe: ReportPipe>> HidKey<O> {
    /// A key that is plugged in.
    #[must_use]
    pub fn new(operator: O) -> Self {
        Self { operator, link: Link::DOWN, deadline: Deadline::default() }
    }

    fn channel(&mut self) -> Result<&mut HidChannel<Timed<O::Pipe>>, TransportError> {
        self.link.channel(&mut self.operator, &self.deadline)
    }
}

impl<O: Operator<Pipe: ReportPipe>> Transport for HidKey<O> {
    fn exchange(&mut self, message: &[u8], hand: Hand) -> Result<Answer, TransportFailure> {
        let Self { operator, link, deadline } = self;
        let mut waiting = Waiting::begin(operator, hand, deadline);
        let outcome = link
            .channel(waiting.operator, deadline)
            .and_then(|channel| channel.exchange(message, &mut |status| waiting.keepalive(status)));
        let waited = waiting.end();
        if waited.is_overdue {
            link.channel = None;
        } else {
            link.drop_if_broken(&outcome);
        }
        waited.answer(outcome)
    }

    fn exchange_u2f(&mut self, apdu: &[u8], hand: Hand) -> Result<Answer, TransportFailure> {
        let Self { operator, link, deadline } = self;
        waiting::exchange_u2f(operator, hand, |operator| {
            let outcome =
                link.channel(operator, deadline).and_then(|channel| channel.exchange_u2f(apdu));
            link.drop_if_broken(&outcome);
            outcome
        })
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
