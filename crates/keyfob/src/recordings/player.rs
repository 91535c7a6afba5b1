//! The key that a recording is played to: requests, and power cycles.

use ctap_client::trace::Content;
use ctap_client::{CardChannel, Exchange as _, HidChannel, TransportError};
use ctap_conformance::{Operator as _, TransportFailure};

use super::acts::Exchange;
use crate::device::{Address, Channel, Reports};
use crate::failure::failure;
use crate::operator::{CardOperator, ExternalOperator, PowerOptions};
use crate::settings::touch;

/// An open key, and whoever unplugs it and plugs it in again.
pub(super) struct Player {
    operator: Played,
    /// `None` only while the key has no power.
    channel: Option<Channel>,
    /// Whether it has answered getKeyAgreement with the recorded bytes since it has power: then it understands what is encrypted.
    shares_secrets: bool,
}

/// What a key answers to a request.
pub(super) enum Answer {
    Is(Content),
    /// Nothing that could be one: the channel refused it, it was lost, or the key said nothing.
    None(TransportError),
}

enum Played {
    Hid(ExternalOperator),
    Card(CardOperator),
}

impl Player {
    /// Opens the key.
    ///
    /// # Errors
    /// There is no such key, it is in use, or does not answer.
    pub(super) fn open(address: &Address, power: &PowerOptions) -> anyhow::Result<Self> {
        let options = power.clone().into();
        let operator = match address.found()? {
            Address::Pcsc { reader } => {
                Played::Card(CardOperator::new(reader.unwrap_or_default(), &options))
            }
            address => Played::Hid(ExternalOperator::new(&address, &options)?),
        };
        let mut player = Self { operator, channel: None, shares_secrets: false };
        player.channel()?;
        Ok(player)
    }

    /// Whether it understands what was encrypted for the recorded key.
    pub(super) const fn shares_secrets(&self) -> bool {
        self.shares_secrets
    }

    /// Sends a request again. A key that kept silent is asked to begin afresh, and one that went away is looked for with the next
    /// request.
    ///
    /// # Errors
    /// The key is not there, or says nothing at all.
    pub(super) fn ask(&mut self, exchange: &Exchange) -> anyhow::Result<Answer> {
        let channel = self.channel()?;
        let mut wait = touch::listener(touch::words(channel.end()));
        let answer = match &exchange.request.content {
            Content::U2f(apdu) => channel.exchange_u2f(apdu).map(Content::U2f),
            Content::Ctap(message) => channel.exchange(message, &mut wait).map(Content::Ctap),
            other => Ok(other.clone()),
        };
        if exchange.agrees_on_a_secret() {
            let is_same = |now: &Content| *now == exchange.reply.content;
            self.shares_secrets = answer.as_ref().is_ok_and(is_same);
        }
        let why = match answer {
            Ok(now) => return Ok(Answer::Is(now)),
            Err(why) => why,
        };
        match why {
            TransportError::Silent => self.channel()?.resynchronise()?,
            _ if is_away(&why) => (self.channel, self.shares_secrets) = (None, false),
            _ => {}
        }
        Ok(Answer::None(why))
    }

    fn channel(&mut self) -> anyhow::Result<&mut Channel> {
        let channel = match self.channel.take() {
            Some(channel) => channel,
            None => self.operator.open()?,
        };
        Ok(self.channel.insert(channel))
    }

    /// Takes the key's power and gives it back; `Some`: nobody can here, and why.
    ///
    /// # Errors
    /// A command failed, or the key did not come back.
    pub(super) fn power_cycle(&mut self) -> anyhow::Result<Option<String>> {
        (self.channel, self.shares_secrets) = (None, false);
        let (done, hindrance) = match &mut self.operator {
            Played::Hid(operator) => (operator.power_cycle(), operator.hindrance()),
            Played::Card(operator) => (operator.power_cycle(), operator.hindrance()),
        };
        if let Some(hindrance) = hindrance {
            return Err(failure(hindrance, "correct the command of --power-cycle-cmd"));
        }
        let why = match done {
            Ok(()) => None,
            Err(TransportFailure::Unable(why)) => Some(why),
            Err(TransportFailure::Transport(error)) => return Err(error.into()),
            Err(other) => return Err(other.into()),
        };
        // Over USB/IP this is the power cycle.
        self.channel()?;
        Ok(why)
    }
}

impl Played {
    fn open(&mut self) -> anyhow::Result<Channel> {
        Ok(match self {
            Self::Hid(operator) => {
                let pipe = operator.open()?;
                let end = pipe.end();
                Channel::Hid(Box::new(HidChannel::open(Reports::new(pipe, end))?))
            }
            Self::Card(operator) => Channel::Card(CardChannel::open(operator.open()?)?),
        })
    }
}

/// Whether the key is no longer there, so that a channel to it leads nowhere.
const fn is_away(error: &TransportError) -> bool {
    matches!(error, TransportError::Io(_) | TransportError::Reader(_)) || error.is_card_gone()
}
