//! Remembers the last messages of a key, and what changed the key.

use ctap_client::cbor::decode;
use ctap_client::commands::code;
use ctap_client::{Exchange, KeepaliveStatus, Patience, TransportError, Value};

use crate::notation::eval::find;
use crate::transport::{Answer, Hand, Transport, TransportFailure};

/// The key under test during one case.
pub(crate) struct Watch<'k> {
    pub(crate) key: &'k mut dyn Transport,
    /// The last request, and its answer if one came.
    pub(crate) last: Option<(Said, Option<Vec<u8>>)>,
    /// What the case has left behind in the key.
    pub(crate) traces: Traces,
    /// A tap is all the presence that it takes, and it waits for nobody (NF-41).
    pub(crate) takes_taps: bool,
    /// A tap was missing.
    pub(crate) missed_tap: bool,
    /// Whether what would change the key for good is not said to it, nor what depends on what is stored.
    pub(crate) leaves_as_it_is: bool,
}

/// A message to the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Ctap(Vec<u8>),
    U2f(Vec<u8>),
    /// Single APDUs for a card; the last one.
    Apdu(Vec<u8>),
    /// Single reports; the last one.
    Hid(Vec<u8>),
}

/// How much of a key a case may have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Traces {
    #[default]
    None,
    /// A power cycle removes it.
    Volatile,
    /// Only a reset removes it.
    Stored,
}

impl<'k> Watch<'k> {
    pub(crate) fn new(key: &'k mut dyn Transport) -> Self {
        let (traces, takes_taps, missed_tap) = (Traces::default(), false, false);
        Self { key, last: None, traces, takes_taps, missed_tap, leaves_as_it_is: false }
    }

    pub(crate) fn exchange(
        &mut self,
        message: &[u8],
        hand: Hand,
    ) -> Result<Answer, TransportFailure> {
        self.may_say(message)?;
        self.last = Some((Said::Ctap(message.to_vec()), None));
        // Whatever happens on the way, the key may have carried it out.
        self.traces = self.traces.max(traces(message));
        let answer = self.key.exchange(message, hand)?;
        self.heard(&answer.message);
        if spends_a_try(&answer) {
            self.traces = Traces::Stored;
        }
        Ok(answer)
    }

    /// Whether this may be said to a key that is to be left as it is.
    ///
    /// # Errors
    /// [`TransportFailure::Unable`]: it may not.
    pub(crate) fn may_say(&self, message: &[u8]) -> Result<(), TransportFailure> {
        match self.leaves_as_it_is && is_for_an_empty_key(message) {
            true => Err(TransportFailure::Unable(FOR_AN_EMPTY_KEY.to_owned())),
            false => Ok(()),
        }
    }

    pub(crate) fn exchange_u2f(
        &mut self,
        apdu: &[u8],
        hand: Hand,
    ) -> Result<Answer, TransportFailure> {
        self.last = Some((Said::U2f(apdu.to_vec()), None));
        self.traces = self.traces.max(Traces::Volatile);
        let answer = self.key.exchange_u2f(apdu, hand)?;
        self.heard(&answer.message);
        Ok(answer)
    }

    pub(crate) fn transmit(
        &mut self,
        apdus: &[Vec<u8>],
        hand: Hand,
    ) -> Result<Answer, TransportFailure> {
        let last = apdus.last().cloned().unwrap_or_default();
        self.last = Some((Said::Apdu(last), None));
        // Nobody looks into them.
        self.traces = Traces::Stored;
        let answer = self.key.transmit(apdus, hand)?;
        self.heard(&answer.message);
        Ok(answer)
    }

    /// Whether a card refused with this because a tap is missing. It did nothing then.
    pub(crate) fn misses_tap(&mut self, answer: &Answer, refusal: &[u8], hand: Hand) -> bool {
        let is_missing = self.takes_taps && hand.acts() && answer.message == refusal;
        self.missed_tap |= is_missing;
        is_missing
    }

    pub(crate) fn heard(&mut self, bytes: &[u8]) {
        if let Some((_, answer)) = &mut self.last {
            *answer = Some(bytes.to_vec());
        }
    }
}

/// What a request may leave behind. In doubt, it counts as a trace: one reset too many costs less than a case that
/// fails because of the case before it.
fn traces(message: &[u8]) -> Traces {
    let Some((&command, body)) = message.split_first() else { return Traces::None };
    let body = decode(body).ok();
    let number = |key: i64| -> Option<i128> {
        find(body.as_ref()?, &key.into())?.as_integer().map(i128::from)
    };
    match (command, number(2)) {
        (code::MAKE_CREDENTIAL, _) if body.as_ref().is_some_and(is_discoverable) => Traces::Stored,
        (code::MAKE_CREDENTIAL | code::GET_ASSERTION | code::GET_NEXT_ASSERTION, _) => {
            Traces::Volatile
        }
        (code::GET_INFO | code::SELECTION, _) => Traces::None,
        // Retries, and key agreement.
        (code::CLIENT_PIN, Some(1 | 2 | 7)) => Traces::None,
        (code::CLIENT_PIN, Some(5 | 6 | 9)) if number(9) != Some(PCMR) => Traces::Volatile,
        (code::CREDENTIAL_MANAGEMENT | CREDENTIAL_MANAGEMENT_PREVIEW, _) => match number(1) {
            Some(1..=5) => Traces::Volatile,
            _ => Traces::Stored,
        },
        _ => Traces::Stored,
    }
}

/// Whether it changes what is stored, or its answer depends on that.
fn is_for_an_empty_key(message: &[u8]) -> bool {
    let lists = [code::CREDENTIAL_MANAGEMENT, CREDENTIAL_MANAGEMENT_PREVIEW];
    traces(message) == Traces::Stored
        || message.first().is_some_and(|command| lists.contains(command))
}

/// A wrong PIN or finger, and none where one was asked for, costs a try that a power cycle does not give back.
fn spends_a_try(answer: &Answer) -> bool {
    match answer.message.first() {
        None | Some(0) => false,
        Some(status) => answer.asked || PIN_REFUSALS.contains(status),
    }
}

/// Whether makeCredential is to make a passkey.
pub(crate) fn is_discoverable(request: &Value) -> bool {
    let option = find(request, &7.into()).and_then(|options| find(options, &"rk".into()));
    option.is_some_and(|rk| *rk != Value::Bool(false))
}

/// A watched key and a hand, as `ctap-client` wants them.
pub(crate) struct WithHand<'w, 'k> {
    pub(crate) watch: &'w mut Watch<'k>,
    pub(crate) hand: Hand,
    /// An error for which `ctap-client` has no variant.
    pub(crate) failure: &'w mut Option<TransportFailure>,
}

impl Exchange for WithHand<'_, '_> {
    fn exchange(
        &mut self,
        request: &[u8],
        _: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        match self.watch.exchange(request, self.hand) {
            Ok(answer) => Ok(answer.message),
            Err(TransportFailure::Transport(error)) => Err(error),
            Err(failure) => {
                *self.failure = Some(failure);
                Err(TransportError::Silent)
            }
        }
    }
}

/// credentialManagement's number in keys of FIDO_2_1_PRE.
pub(crate) const CREDENTIAL_MANAGEMENT_PREVIEW: u8 = 0x41;
const FOR_AN_EMPTY_KEY: &str = "it is for an empty key, and this one may not be erased";
/// PIN_INVALID, PIN_BLOCKED, PIN_AUTH_BLOCKED.
const PIN_REFUSALS: [u8; 3] = [0x31, 0x32, 0x34];
/// A persistent token outlives a power cycle.
const PCMR: i128 = 0x40;
