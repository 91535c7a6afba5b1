//! A conversation with a key, whatever way it is reached.

use ctap_client::commands::code::GET_INFO;
use ctap_client::{CardChannel, Exchange, HidChannel, KeepaliveStatus, Patience, TransportError};

use super::cards::PcscCard;
use super::reports::{End, Reports};
use crate::failure::failure;

/// A key that is open.
pub(crate) enum Channel {
    /// It speaks in reports.
    Hid(Box<HidChannel<Reports>>),
    /// It is a card on a reader.
    Card(CardChannel<PcscCard>),
}

impl Channel {
    /// Whether it has CTAP2, and not U2F alone. A card that has both says so in getInfo only.
    ///
    /// # Errors
    /// When the key does not answer.
    pub(crate) fn has_ctap2(&mut self) -> Result<bool, TransportError> {
        match self {
            Self::Hid(channel) => Ok(channel.capabilities().cbor),
            Self::Card(channel) if !channel.has_u2f() => Ok(true),
            Self::Card(channel) => match channel.exchange(&[GET_INFO], &mut |_| Patience::Wait) {
                Ok(reply) => Ok(reply.first() == Some(&0)),
                Err(TransportError::Card(_)) => Ok(false),
                Err(error) => Err(error),
            },
        }
    }

    /// What is at the other end. A card is there itself, or it could not be open.
    pub(crate) const fn end(&mut self) -> End {
        match self {
            Self::Hid(channel) => channel.pipe_mut().end(),
            Self::Card(_) => End::Key,
        }
    }

    /// Has the key show itself (HD-61).
    ///
    /// # Errors
    /// When it does not, and cards never do.
    pub(crate) fn wink(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Hid(channel) => Ok(channel.wink()?),
            Self::Card(_) => Err(failure(
                "a card cannot blink",
                "take cards off the reader until the right one is left",
            )),
        }
    }

    /// Has the key begin afresh on this channel: an answer that comes too late is none to the next request. Cards have nothing of the kind.
    ///
    /// # Errors
    /// When the key says nothing at all.
    pub(crate) fn resynchronise(&mut self) -> Result<(), TransportError> {
        match self {
            Self::Hid(channel) => channel.resynchronise(),
            Self::Card(_) => Ok(()),
        }
    }

    fn exchange_mut(&mut self) -> &mut dyn Exchange {
        match self {
            Self::Hid(channel) => channel,
            Self::Card(channel) => channel,
        }
    }
}

impl Exchange for Channel {
    fn exchange(
        &mut self,
        request: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        self.exchange_mut().exchange(request, on_keepalive)
    }

    fn exchange_u2f(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.exchange_mut().exchange_u2f(apdu)
    }
}
