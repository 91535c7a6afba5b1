//! Keys that are cards, for any way that carries APDUs.

use std::mem;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use apdu_transport::client::{Fault, Next, Request};
use apdu_transport::limits::POLL_PAUSE;
use apdu_transport::{KeepaliveStatus as CardStatus, Length};
use ctap_client::card::{Alone, Transmit};
use ctap_client::{
    ApduPipe, CardChannel, Exchange as _, KeepaliveStatus, Patience, TransportError,
};

use crate::limits::MOST_TAPS;
use crate::operator::Operator;
use crate::transport::{Answer, Hand, Transport, TransportFailure};
use crate::waiting::{self, Deadline, Waited, Waiting};

/// A key on a reader, and its operator.
///
/// Over NFC a tap replaces one touch (NF-40, NF-41). For the next touch the key is given power again, as readers do
/// between two programs. If that would take away something that a case needs, such as a token, the case is skipped.
pub struct CardKey<O: Operator<Pipe: ApduPipe>> {
    operator: O,
    link: Link<O::Pipe>,
    deadline: Deadline,
    /// How many taps a reset wants; 0: power from the reader is enough.
    taps_for_reset: u8,
}

/// The way to the card as far as it is open.
enum Link<P> {
    Down,
    /// Nothing was selected over it, or nobody knows what.
    Raw(Timed<P>),
    Selected(CardChannel<Timed<P>>),
}

/// A pipe that gives up at the deadline.
struct Timed<P> {
    pipe: P,
    deadline: Deadline,
}

impl<P: ApduPipe> ApduPipe for Timed<P> {
    fn alone(&mut self, request: &mut Alone<'_>) -> Result<Vec<u8>, TransportError> {
        let Self { pipe, deadline } = self;
        pipe.alone(&mut |transmit, contact| {
            let mut in_time = |apdu: &[u8]| match deadline.get() {
                Some(end) if end <= Instant::now() => Err(Fault::Gone.into()),
                _ => transmit(apdu),
            };
            request(&mut in_time, contact)
        })
    }
}

impl<P: ApduPipe> Link<P> {
    /// The open pipe, with whatever is selected.
    fn pipe(
        &mut self,
        operator: &mut impl Operator<Pipe = P>,
        deadline: &Deadline,
    ) -> Result<&mut Timed<P>, TransportError> {
        if let Self::Down = self {
            *self = Self::Raw(Timed { pipe: operator.open()?, deadline: Rc::clone(deadline) });
        }
        match self {
            Self::Raw(pipe) => Ok(pipe),
            Self::Selected(channel) => Ok(channel.pipe_mut()),
            Self::Down => Err(Fault::Gone.into()),
        }
    }

    /// The open channel, or a new one.
    fn channel(
        &mut self,
        operator: &mut impl Operator<Pipe = P>,
        deadline: &Deadline,
    ) -> Result<&mut CardChannel<Timed<P>>, TransportError> {
        self.pipe(operator, deadline)?;
        *self = match mem::replace(self, Self::Down) {
            Self::Raw(pipe) => Self::Selected(CardChannel::open(pipe)?),
            open => open,
        };
        match self {
            Self::Selected(channel) => Ok(channel),
            Self::Raw(_) | Self::Down => Err(Fault::Gone.into()),
        }
    }

    /// Another application than expected may be selected.
    fn forget_channel(&mut self) {
        *self = match mem::replace(self, Self::Down) {
            Self::Selected(channel) => Self::Raw(channel.into_pipe()),
            other => other,
        };
    }

    /// After a failure, the connection will not carry another APDU.
    fn drop_if_broken<T>(&mut self, outcome: &Result<T, TransportError>) {
        if let Err(
            TransportError::Io(_) | TransportError::Reader(_) | TransportError::Card(Fault::Gone),
        ) = outcome
        {
            *self = Self::Down;
        }
    }
}

impl<O: Operator<Pipe: ApduPipe>> CardKey<O> {
    /// A key that is on its reader.
    #[must_use]
    pub fn new(operator: O) -> Self {
        Self { operator, link: Link::Down, deadline: Deadline::default(), taps_for_reset: 0 }
    }

    fn answer(
        &mut self,
        waited: Waited,
        outcome: Result<Vec<u8>, TransportError>,
    ) -> Result<Answer, TransportFailure> {
        if waited.is_overdue {
            self.link = Link::Down;
        }
        self.link.drop_if_broken(&outcome);
        waited.answer(outcome)
    }
}

impl<O: Operator<Pipe: ApduPipe>> Transport for CardKey<O> {
    fn exchange(&mut self, message: &[u8], hand: Hand) -> Result<Answer, TransportFailure> {
        let Self { operator, link, deadline, .. } = self;
        let mut waiting = Waiting::begin(operator, hand, deadline);
        let outcome = link
            .channel(waiting.operator, deadline)
            .and_then(|channel| channel.exchange(message, &mut |status| waiting.keepalive(status)));
        let waited = waiting.end();
        self.answer(waited, outcome)
    }

    fn exchange_u2f(&mut self, apdu: &[u8], hand: Hand) -> Result<Answer, TransportFailure> {
        let Self { operator, link, deadline, .. } = self;
        waiting::exchange_u2f(operator, hand, |operator| {
            let outcome =
                link.channel(operator, deadline).and_then(|channel| channel.exchange_u2f(apdu));
            link.drop_if_broken(&outcome);
            outcome
        })
    }

    fn selected(&mut self) -> Result<Option<Vec<u8>>, TransportFailure> {
        let Self { operator, link, deadline, .. } = self;
        let outcome = link.channel(operator, deadline).map(|channel| channel.version().to_vec());
        self.link.drop_if_broken(&outcome);
        Ok(Some(outcome?))
    }

    fn transmit(&mut self, apdus: &[Vec<u8>], hand: Hand) -> Result<Answer, TransportFailure> {
        let Self { operator, link, deadline, .. } = self;
        let mut waiting = Waiting::begin(operator, hand, deadline);
        let outcome = link.pipe(waiting.operator, deadline).and_then(|pipe| {
            let on_keepalive = &mut |status| waiting.keepalive(status);
            pipe.alone(&mut |transmit, _| in_full(transmit, apdus, on_keepalive))
        });
        let waited = waiting.end();
        self.answer(waited, outcome)
    }

    fn power_cycle(&mut self) -> Result<(), TransportFailure> {
        if self.taps_for_reset == 0 {
            return self.power_anew();
        }
        self.link = Link::Down;
        (0..self.taps_for_reset).try_for_each(|_| self.operator.tap())
    }

    fn power_anew(&mut self) -> Result<(), TransportFailure> {
        self.link = Link::Down;
        self.operator.power_cycle()
    }

    fn tap(&mut self) -> Result<bool, TransportFailure> {
        self.link = Link::Down;
        self.taps_for_reset = self.taps_for_reset.saturating_add(1).min(MOST_TAPS);
        self.operator.tap().map(|()| true)
    }

    fn renew(&mut self) -> Result<bool, TransportFailure> {
        if !self.operator.can_renew() {
            return Ok(false);
        }
        self.link = Link::Down;
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

    fn forget_channel(&mut self) {
        self.link.forget_channel();
    }
}

/// Transmits APDUs as they are, up to one that is refused; of the last one the whole answer is fetched (NF-17), and waited
/// for (NF-31).
fn in_full(
    transmit: &mut Transmit<'_>,
    apdus: &[Vec<u8>],
    on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
) -> Result<Vec<u8>, TransportError> {
    let Some((last, parts)) = apdus.split_last() else { return Ok(Vec::new()) };
    for part in parts {
        let response = transmit(part)?;
        if response != NO_ERROR {
            return Ok(response);
        }
    }
    let (poller, _) = Request::ctap(&[0], Length::Short, true)?;
    let (mut apdu, mut patience) = (last.clone(), Patience::Wait);
    loop {
        let answer = whole_answer(transmit, &apdu)?;
        let &[status, 0x91, 0x00] = answer.as_slice() else { return Ok(answer) };
        let was_cancelled = patience == Patience::Cancel;
        if let (Some(status), false) = (CardStatus::from_byte(status), was_cancelled) {
            patience = on_keepalive(match status {
                CardStatus::Processing => KeepaliveStatus::Processing,
                CardStatus::UpNeeded => KeepaliveStatus::UpNeeded,
            });
        }
        apdu = match patience {
            Patience::Cancel if !was_cancelled => poller.cancel(),
            _ => {
                thread::sleep(POLL_PAUSE);
                poller.poll()
            }
        };
    }
}

/// Data and status word; to a U2F message every status word is an answer, and so to this.
fn whole_answer(transmit: &mut Transmit<'_>, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
    let version = Request::u2f(&U2F_VERSION, Length::Short);
    let (mut collecting, _) = version.map_err(Fault::Refused)?;
    let mut response = transmit(apdu)?;
    loop {
        match collecting.receive(&response)? {
            Next::Transmit(next) => response = transmit(&next)?,
            Next::Done(answer) => return Ok(answer),
            // Only CTAP messages are polled for.
            Next::Poll(_) => return Ok(response),
        }
    }
}

const NO_ERROR: [u8; 2] = [0x90, 0x00];
const U2F_VERSION: [u8; 4] = [0x00, 0x03, 0x00, 0x00];
