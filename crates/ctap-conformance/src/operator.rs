//! The seam between a key under test and who looks after it.

use std::time::Duration;

use ctap_client::TransportError;

use crate::transport::{Hand, TransportFailure};

/// The operator of a key: plugs it in, touches it, lets time pass. A card is plugged in by laying it on its reader.
pub trait Operator {
    /// The way to the key: of a [`HidKey`](crate::HidKey) a [`ReportPipe`](ctap_client::ReportPipe), of a
    /// [`CardKey`](crate::CardKey) an [`ApduPipe`](ctap_client::ApduPipe).
    type Pipe;

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

    /// Unplugs the key and plugs it in again; for a card its reader takes its power and gives it back. No pipe is open.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` where nobody can.
    fn power_cycle(&mut self) -> Result<(), TransportFailure>;

    /// See [`Transport::tap`](crate::Transport::tap); only of a card. No pipe is open.
    ///
    /// # Errors
    /// [`TransportFailure`]; `Unable` where nobody can.
    fn tap(&mut self) -> Result<(), TransportFailure> {
        self.power_cycle()
    }

    /// Whether [`renew`](Self::renew) can be asked for.
    fn can_renew(&self) -> bool {
        false
    }

    /// See [`Transport::renew`](crate::Transport::renew). No pipe is open.
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

    /// See [`Transport::hindrance`](crate::Transport::hindrance).
    fn hindrance(&self) -> Option<String> {
        None
    }

    /// See [`Transport::is_simulated`](crate::Transport::is_simulated).
    fn is_simulated(&self) -> bool {
        false
    }
}
