//! Keys that speak CTAPHID, wherever their reports go.

use std::time::Duration;

use ctap_client::{
    Exchange as _, HidChannel, KeepaliveStatus, Patience, ReportPipe, TransportError,
};
use hid_transport::Capabilities;

use crate::transport::{Answer, Hand, Transport, Trouble};

/// Who looks after a key: plugs it in, touches it, lets time pass.
pub trait Caretaker {
    /// The way for reports to the key.
    type Pipe: ReportPipe;

    /// Opens a way to the key, which is plugged in.
    ///
    /// # Errors
    /// When there is none.
    fn open(&mut self) -> Result<Self::Pipe, TransportError>;

    /// Does what `hand` says to the key, which asks for it. Called at each sign of life of a key that waits, several
    /// times a second perhaps: do it once for each thing it asks for.
    ///
    /// # Errors
    /// [`Trouble`]; `Unable` where nobody can.
    fn act(&mut self, hand: Hand) -> Result<(), Trouble>;

    /// Unplugs the key and plugs it in again. No pipe is open.
    ///
    /// # Errors
    /// [`Trouble`]; `Unable` where nobody can.
    fn power_cycle(&mut self) -> Result<(), Trouble>;

    /// Lets time pass.
    ///
    /// # Errors
    /// [`Trouble`].
    fn pass_time(&mut self, time: Duration) -> Result<(), Trouble>;

    /// See [`Transport::is_simulated`].
    fn is_simulated(&self) -> bool {
        false
    }
}

/// A key behind CTAPHID, and its caretaker.
pub struct HidKey<C: Caretaker> {
    caretaker: C,
    channel: Option<HidChannel<C::Pipe>>,
}

impl<C: Caretaker> HidKey<C> {
    /// A key that is plugged in.
    #[must_use]
    pub const fn new(caretaker: C) -> Self {
        Self { caretaker, channel: None }
    }

    fn channel(&mut self) -> Result<&mut HidChannel<C::Pipe>, TransportError> {
        open(&mut self.channel, &mut self.caretaker)
    }
}

impl<C: Caretaker> Transport for HidKey<C> {
    fn exchange(&mut self, message: &[u8], hand: Hand) -> Result<Answer, Trouble> {
        let Self { caretaker, channel } = self;
        let channel = open(channel, caretaker)?;
        let (mut asked, mut trouble) = (false, None);
        let outcome = channel.exchange(message, &mut |status| {
            if status != KeepaliveStatus::UpNeeded {
                return Patience::Wait;
            }
            asked = true;
            let acted = match hand {
                Hand::Nothing => Ok(()),
                Hand::Cancel => return Patience::Cancel,
                hand => caretaker.act(hand),
            };
            match acted {
                Ok(()) => Patience::Wait,
                Err(what) => {
                    trouble = Some(what);
                    Patience::Cancel
                }
            }
        });
        match trouble {
            Some(trouble) => Err(trouble),
            None => Ok(Answer { message: outcome?, asked }),
        }
    }

    fn exchange_u2f(&mut self, apdu: &[u8], hand: Hand) -> Result<Answer, Trouble> {
        let acts = !matches!(hand, Hand::Nothing | Hand::Cancel);
        let mut message = self.channel()?.exchange_u2f(apdu)?;
        let asked = message.ends_with(&CONDITIONS_NOT_SATISFIED);
        for _ in 0..MOST_POLLS {
            if !acts || !message.ends_with(&CONDITIONS_NOT_SATISFIED) {
                break;
            }
            self.caretaker.act(hand)?;
            self.caretaker.pass_time(POLLING_PAUSE)?;
            message = self.channel()?.exchange_u2f(apdu)?;
        }
        Ok(Answer { message, asked })
    }

    fn capabilities(&mut self) -> Result<Option<Capabilities>, Trouble> {
        Ok(Some(self.channel()?.capabilities()))
    }

    fn power_cycle(&mut self) -> Result<(), Trouble> {
        self.channel = None;
        self.caretaker.power_cycle()
    }

    fn pass_time(&mut self, time: Duration) -> Result<(), Trouble> {
        self.caretaker.pass_time(time)
    }

    fn is_simulated(&self) -> bool {
        self.caretaker.is_simulated()
    }

    fn reports(&mut self) -> Result<Option<&mut dyn ReportPipe>, Trouble> {
        Ok(Some(self.channel()?.pipe_mut()))
    }

    fn forget_channel(&mut self) {
        self.channel = None;
    }
}

fn open<'c, C: Caretaker>(
    channel: &'c mut Option<HidChannel<C::Pipe>>,
    caretaker: &mut C,
) -> Result<&'c mut HidChannel<C::Pipe>, TransportError> {
    match channel {
        Some(open) => Ok(open),
        none => Ok(none.insert(HidChannel::open(caretaker.open()?)?)),
    }
}

/// SW_CONDITIONS_NOT_SATISFIED: U2F's word for a key that waits to be touched (UF-20).
const CONDITIONS_NOT_SATISFIED: [u8; 2] = [0x69, 0x85];
const POLLING_PAUSE: Duration = Duration::from_millis(50);
/// Five seconds: a key that is touched and still waits then will wait for ever.
const MOST_POLLS: u32 = 100;
