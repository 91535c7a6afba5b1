//! The seam between the suite and a key: messages, a person's hand, the plug, and time.

use std::time::Duration;

use ctap_client::{ReportPipe, TransportError};

/// What the person does when the key asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// Touches the key; where it asks for a finger, places finger 1.
    Touch,
    /// Says no.
    Refuse,
    /// Does nothing at all.
    Nothing,
    /// Does nothing, and the platform cancels the request once the key asks. Where requests cannot be cancelled, that is the
    /// time for [`TransportFailure::Unable`], and not before: most requests come with this hand and must be answered unasked.
    Cancel,
    /// Places this finger on the sensor, numbered from 1 by the suite.
    Finger(u8),
    /// Places a finger so that the sample is bad, with this lastEnrollSampleStatus (BE-23).
    BadSample(u8),
}

impl Hand {
    /// Whether it does anything.
    pub(crate) const fn acts(self) -> bool {
        !matches!(self, Self::Nothing | Self::Cancel)
    }
}

/// What a key answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status byte and CBOR, or data and status word.
    pub message: Vec<u8>,
    /// Whether the key asked for a person meanwhile: KEEPALIVE with UPNEEDED, or 6985.
    pub asked: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportFailure {
    /// Nobody here can do that to this key: the case is skipped. A sentence for the report.
    #[error("{0}")]
    Unable(String),
    /// The key, or the way to it, failed: the case fails.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The key gave signs of life, but no answer, for longer than it may: the case fails.
    #[error("the key {0} and never answers")]
    Endless(Endless),
}

/// What a key goes on doing that never answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Endless {
    /// It asks for nobody, and says that it is busy for longer than any request takes.
    #[error("goes on working")]
    Working,
    /// It asks for a touch: still, though it was touched, or long after a key should have given up.
    #[error("goes on asking for a touch")]
    Asking,
    /// It asked for a touch, was told to stop ([`Hand::Cancel`]), and does not.
    #[error("goes on though it was cancelled")]
    ThoughCancelled,
}

/// A key under test. Implement this for an authenticator of your own; keys that speak CTAPHID have
/// [`HidKey`](crate::HidKey), and cards [`CardKey`](crate::CardKey).
pub trait Transport {
    /// Sends a CTAP2 request (command byte and CBOR) and returns the reply (status byte and CBOR). As often as the key
    /// asks for a person meanwhile, `hand` is what that person does.
    ///
    /// # Errors
    /// [`TransportFailure`]. What the key refuses is an answer, not an error.
    fn exchange(&mut self, message: &[u8], hand: Hand) -> Result<Answer, TransportFailure>;

    /// Sends a U2F APDU and returns data and status word. With [`Hand::Touch`], 6985 is followed by a touch and the same
    /// APDU again, until something else is answered or five seconds are over.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` for keys without U2F.
    fn exchange_u2f(&mut self, apdu: &[u8], hand: Hand) -> Result<Answer, TransportFailure> {
        let _ = (apdu, hand);
        Err(TransportFailure::Unable("U2F cannot be sent to the key in this way".to_owned()))
    }

    /// What CTAPHID_INIT says the key can do; `None` where there is no CTAPHID, which stands for CTAP2 alone.
    fn capabilities(&mut self) -> Result<Option<hid_transport::Capabilities>, TransportFailure> {
        Ok(None)
    }

    /// What a card answers when FIDO's application is selected (NF-02); `None` for a key that is no card.
    ///
    /// # Errors
    /// [`TransportFailure`] when it cannot be selected.
    fn selected(&mut self) -> Result<Option<Vec<u8>>, TransportFailure> {
        Ok(None)
    }

    /// Transmits command APDUs to a card as they are, up to the first that is not answered 9000 without data. The answer to the
    /// last one is fetched whole (NF-17), waited for with that hand (NF-31), and returned with its status word.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` for a key that is no card.
    fn transmit(&mut self, apdus: &[Vec<u8>], hand: Hand) -> Result<Answer, TransportFailure> {
        let _ = (apdus, hand);
        Err(TransportFailure::Unable("the key is not a card".to_owned()))
    }

    /// Unplugs the key and plugs it in again; what it stores remains.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` where nobody can.
    fn power_cycle(&mut self) -> Result<(), TransportFailure>;

    /// As [`power_cycle`](Self::power_cycle), but of a card power alone, which counts as a tap (NF-40) for all but a reset.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` where nobody can.
    fn power_anew(&mut self) -> Result<(), TransportFailure> {
        self.power_cycle()
    }

    /// Takes a card off its reader and lays it on again, as a person does: power from the reader alone is no tap to some keys that are
    /// to be reset (RS-17, RS-19). `false`: the key is not a card. Asked where a reset was refused for want of it; from then on
    /// [`power_cycle`](Self::power_cycle) does so, too.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` where nobody can.
    fn tap(&mut self) -> Result<bool, TransportFailure> {
        Ok(false)
    }

    /// Makes the key as new in another way than by authenticatorReset, plugged in again; `false` if there is none. Cases
    /// are then prepared with it, so that keys can be tested whose reset is missing or wrong.
    ///
    /// # Errors
    /// [`TransportFailure`].
    fn renew(&mut self) -> Result<bool, TransportFailure> {
        Ok(false)
    }

    /// Lets time pass for the key.
    ///
    /// # Errors
    /// [`TransportFailure`].
    fn pass_time(&mut self, time: Duration) -> Result<(), TransportFailure>;

    /// Whether [`pass_time`](Self::pass_time) takes no time of ours, nor a person who never comes.
    fn is_simulated(&self) -> bool {
        false
    }

    /// Why no further case can be tested though the key may be well: what the person's hands are, such as a command, has
    /// failed. A sentence; the run ends after the case in which there is one, and it becomes [`Report::gone`](crate::Report).
    fn hindrance(&self) -> Option<String> {
        None
    }

    /// The way for single CTAPHID reports; `None` where there is no CTAPHID.
    ///
    /// # Errors
    /// [`TransportFailure`] when the key cannot be reached.
    fn reports(&mut self) -> Result<Option<&mut dyn ReportPipe>, TransportFailure> {
        Ok(None)
    }

    /// The channel that [`exchange`](Self::exchange) uses is given up, the next exchange opens another one. Called after
    /// single reports were exchanged, or single APDUs transmitted.
    fn forget_channel(&mut self) {}
}

/// SW_CONDITIONS_NOT_SATISFIED: U2F's word for a key that waits to be touched (UF-34).
pub(crate) const CONDITIONS_NOT_SATISFIED: u16 = 0x6985;
