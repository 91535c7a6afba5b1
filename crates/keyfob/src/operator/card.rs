//! The operator of a key that is a card on a reader of this host.

use std::thread;
use std::time::{Duration, Instant};

use ctap_client::{ReaderFault, TransportError};
use ctap_conformance::{Hand, Operator, TransportFailure};
use virtual_key::key::Touch;
use virtual_key::profile::Profile;

use super::hands::LastAct;
use super::means::Means;
use super::plug::Plug;
use super::running_key::RunningKey;
use super::tapper::Tapper;
use super::{APPEARING, OperatorOptions, PAUSE};
use crate::device::cards::PcscCard;

/// Lays a key on its reader, takes it off, lets time pass.
pub(crate) struct CardOperator {
    /// The reader's whole name.
    reader: String,
    means: Means,
    tapper: Tapper,
    last_act: LastAct,
    ours: Option<RunningKey>,
    touch: Option<Touch>,
}

impl CardOperator {
    /// Finds out who is there. The reader alone takes a card's power and gives it back, if no command does; who taps is needed for
    /// resets alone, by keys that do not agree to everything.
    pub(crate) fn new(reader: String, options: &OperatorOptions) -> Self {
        let ours = RunningKey::find_card(&options.power.connection, &reader);
        let (ours, touch) = ours.unzip();
        let tapper = Tapper::of(options, ours.as_ref());
        let means = Means::new(options, ours.clone(), Some(Plug::Reader(reader.clone())));
        Self { reader, means, tapper, last_act: LastAct::default(), ours, touch }
    }

    /// Who decides about touches, if the key runs in a keyfob of this host.
    pub(crate) const fn touch(&self) -> Option<Touch> {
        self.touch
    }

    /// What kind of key it is; `None`: no keyfob of this host has it.
    ///
    /// # Errors
    /// What its keyfob tells cannot be had, or read.
    pub(crate) fn profile(&self) -> Option<anyhow::Result<Profile>> {
        self.ours.as_ref().map(RunningKey::profile)
    }
}

impl Operator for CardOperator {
    type Pipe = PcscCard;

    /// A reader takes its time to find a card that was laid on it.
    fn open(&mut self) -> Result<Self::Pipe, TransportError> {
        let until = Instant::now() + APPEARING;
        loop {
            match PcscCard::connect(&self.reader) {
                Err(ReaderFault::NoCard | ReaderFault::NoReader | ReaderFault::Unresponsive)
                    if Instant::now() < until =>
                {
                    thread::sleep(PAUSE);
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    fn expect_question(&mut self) {
        self.last_act = LastAct::default();
    }

    fn act(&mut self, hand: Hand) -> Result<(), TransportFailure> {
        let is_due = self.last_act.is_due(hand);
        self.means.act(hand, is_due)
    }

    fn power_cycle(&mut self) -> Result<(), TransportFailure> {
        self.means.power_cycle()
    }

    fn tap(&mut self) -> Result<(), TransportFailure> {
        let done = self.tapper.tap();
        self.means.note_failed_command(done)
    }

    fn can_renew(&self) -> bool {
        self.means.can_renew()
    }

    fn renew(&mut self) -> Result<(), TransportFailure> {
        self.means.renew()
    }

    fn hindrance(&self) -> Option<String> {
        self.means.hindrance()
    }

    fn reaction_time(&self) -> Duration {
        self.means.reaction_time()
    }

    fn pass_time(&mut self, time: Duration) -> Result<(), TransportFailure> {
        thread::sleep(time);
        Ok(())
    }
}
