//! The boundary between the suite and a key: messages, a person's hand, the plug, and time.

use std::time::Duration;

use ctap_client::{ReportPipe, TransportError};

/// What the person does when the key asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// Touches the key. If it asks for a finger, places finger 1.
    Touch,
    /// Refuses.
    Refuse,
    /// Does nothing.
    Nothing,
    /// Does nothing, and the platform cancels the request when the key asks. If requests cannot be cancelled,
    /// return [`TransportFailure::Unable`] at that moment and not earlier: most requests come with this hand, and
    /// must be answered without a question.
    Cancel,
    /// Places this finger on the sensor. The suite numbers fingers from 1.
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

/// The answer of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status byte and CBOR, or data and status word.
    pub message: Vec<u8>,
    /// Whether the key asked for a person before: KEEPALIVE with UPNEEDED, or 6985.
    pub asked: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportFailure {
    /// Nobody here can do this to the key: the case is skipped. The text is a sentence for the report.
    #[error("{0}")]
    Unable(String),
    /// The key, or the connection to it, failed: the case fails.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The key sent signs of life but no answer, for longer than it may: the case fails.
    #[error("the key {0} and never answers")]
    Endless(Endless),
}

/// What a key does instead of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Endless {
    /// It does not ask for a person, but says for longer than any request takes that it is busy.
    #[error("goes on working")]
    Working,
    /// It asks for a touch: still, although it was touched; or long after it should have given up.
    #[error("goes on asking for a touch")]
    Asking,
    /// It asked for a touch and goes on asking, although the request was cancelled ([`Hand::Cancel`]).
    #[error("goes on though it was cancelled")]
    ThoughCancelled,
}

/// A key under test. Implement this for your own authenticator. For keys that speak CTAPHID there is
/// [`HidKey`](crate::HidKey), and for cards [`CardKey`](crate::CardKey).
pub trait Transport {
    /// Sends a CTAP2 request (command byte and CBOR) and returns the reply (status byte and CBOR). `hand` is what
    /// the person does each time that the key asks for one.
    ///
    /// # Errors
    /// [`TransportFailure`]. A refusal by the key is an answer, not an error.
    fn exchange(&mut self, message: &[u8], hand: Hand) -> Result<Answer, TransportFailure>;

    /// Sends a U2F APDU and returns data and status word. With [`Hand::Touch`], 6985 is followed by a touch and the
    /// same APDU again, until the answer is another one or five seconds have passed.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` for keys without U2F.
    fn exchange_u2f(&mut self, apdu: &[u8], hand: Hand) -> Result<Answer, TransportFailure> {
        let _ = (apdu, hand);
        Err(TransportFailure::Unable("U2F cannot be sent to the key in this way".to_owned()))
    }

    /// What CTAPHID_INIT says about the key; `None`: there is no CTAPHID, and the key is taken to have CTAP2 only.
    fn capabilities(&mut self) -> Result<Option<hid_transport::Capabilities>, TransportFailure> {
        Ok(None)
    }

    /// The card's answer when FIDO's application is selected (NF-02); `None`: the key is not a card.
    ///
    /// # Errors
    /// [`TransportFailure`]: it cannot be selected.
    fn selected(&mut self) -> Result<Option<Vec<u8>>, TransportFailure> {
        Ok(None)
    }

    /// Transmits command APDUs to a card as they are, up to the first one whose answer is not 9000 without data.
    /// The last answer is fetched whole (NF-17). While the card waits for a person (NF-31), `hand` is what that
    /// person does. Returns the last answer with its status word.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` for a key that is not a card.
    fn transmit(&mut self, apdus: &[Vec<u8>], hand: Hand) -> Result<Answer, TransportFailure> {
        let _ = (apdus, hand);
        Err(TransportFailure::Unable("the key is not a card".to_owned()))
    }

    /// Unplugs the key and plugs it in again. Its stored data stays.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` if nobody can do this.
    fn power_cycle(&mut self) -> Result<(), TransportFailure>;

    /// As [`power_cycle`](Self::power_cycle); but a card loses only its power. That counts as a tap (NF-40), except
    /// for a reset.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` if nobody can do this.
    fn power_anew(&mut self) -> Result<(), TransportFailure> {
        self.power_cycle()
    }

    /// Takes a card off its reader and lays it on again, as a person does. For a reset, some keys do not accept
    /// power from the reader alone as a tap (RS-17, RS-19). `false`: the key is not a card. The suite calls this
    /// when a reset was refused for that reason; after that [`power_cycle`](Self::power_cycle) taps, too.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` if nobody can do this.
    fn tap(&mut self) -> Result<bool, TransportFailure> {
        Ok(false)
    }

    /// Makes the key like new without authenticatorReset, and plugs it in again. `false`: there is no such way. The
    /// suite then prepares cases with it, so that keys can be tested whose reset is missing or wrong.
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

    /// Whether [`pass_time`](Self::pass_time) takes no real time, and a person who never comes costs none.
    fn is_simulated(&self) -> bool {
        false
    }

    /// Why no further case can be run, although the key may be well: what replaces the person's hands, such as a
    /// command, has failed. It is a sentence. The run ends after this case, and the sentence becomes
    /// [`Report::gone`](crate::Report).
    fn hindrance(&self) -> Option<String> {
        None
    }

    /// The pipe for single CTAPHID reports; `None`: there is no CTAPHID.
    ///
    /// # Errors
    /// [`TransportFailure`]: the key cannot be reached.
    fn reports(&mut self) -> Result<Option<&mut dyn ReportPipe>, TransportFailure> {
        Ok(None)
    }

    /// Gives up the channel of [`exchange`](Self::exchange); the next exchange opens another one. The suite calls
    /// this after it has exchanged single reports or transmitted single APDUs.
    fn forget_channel(&mut self) {}
}

/// SW_CONDITIONS_NOT_SATISFIED: U2F's word for a key that waits to be touched (UF-34).
pub(crate) const CONDITIONS_NOT_SATISFIED: u16 = 0x6985;
