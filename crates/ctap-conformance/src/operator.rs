//! The boundary between a key under test and its operator.

use std::time::Duration;

use ctap_client::TransportError;

use crate::transport::{Hand, TransportFailure};

/// The operator of a key plugs it in, touches it, and lets time pass. A card is plugged in by laying it on its
/// reader.
pub trait Operator {
    /// The connection to the key: a [`ReportPipe`](ctap_client::ReportPipe) for a [`HidKey`](crate::HidKey), an
    /// [`ApduPipe`](ctap_client::ApduPipe) for a [`CardKey`](crate::CardKey).
    type Pipe;

    /// Opens a connection to the key, which is plugged in. It is used until the key is unplugged, or until the
    /// connection fails.
    ///
    /// # Errors
    /// There is no connection.
    fn open(&mut self) -> Result<Self::Pipe, TransportError>;

    /// A request begins: from now on, the key's question is a new one.
    fn expect_question(&mut self) {}

    /// Does what `hand` says to the key, which is waiting for it. The suite calls this each time that the waiting
    /// key sends a sign of life, perhaps several times a second: do it once for each question.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` if nobody can do this.
    fn act(&mut self, hand: Hand) -> Result<(), TransportFailure>;

    /// Unplugs the key and plugs it in again. For a card, its reader takes its power away and gives it back. No
    /// pipe is open then.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` if nobody can do this.
    fn power_cycle(&mut self) -> Result<(), TransportFailure>;

    /// See [`Transport::tap`](crate::Transport::tap); only for a card. No pipe is open then.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` if nobody can do this.
    fn tap(&mut self) -> Result<(), TransportFailure> {
        self.power_cycle()
    }

    /// Whether [`renew`](Self::renew) is possible.
    fn can_renew(&self) -> bool {
        false
    }

    /// See [`Transport::renew`](crate::Transport::renew). No pipe is open then.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` if nobody can do this.
    fn renew(&mut self) -> Result<(), TransportFailure> {
        Err(TransportFailure::Unable("nobody can make this key as new".to_owned()))
    }

    /// The longest time from the key's question until [`act`](Self::act) has had its effect: longer for people than
    /// for machines. If the key still asks then, the suite stops waiting for it.
    fn reaction_time(&self) -> Duration {
        Duration::from_secs(8)
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// [`TransportFailure`].
    fn pass_time(&mut self, time: Duration) -> Result<(), TransportFailure>;

    /// See [`Transport::hindrance`](crate::Transport::hindrance).
    fn hindrance(&self) -> Option<String> {
        None
    }

    /// See [`Transport::is_simulated`](crate::Transport::is_simulated).
    fn is_simulated(&self) -> bool {
        false
    }
}
