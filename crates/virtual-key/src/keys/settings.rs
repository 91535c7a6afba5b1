//! What keys are made as.

use std::sync::Arc;
use std::time::SystemTime;

use crate::error::Warn;
use crate::faults::FaultDescription;
use crate::key::Touch;
use crate::memory::Place;
use crate::meter::Meter;
use crate::platform::seeded_date;
use crate::profile::Profile;
use crate::recording::Recorder;

/// What keys are made as: all of the same kind, each with a memory of its own.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// What kind of key.
    pub profile: Profile,
    /// How its hosts reach it.
    pub form: Form,
    /// One key for each, on bus ids 1-1, 1-2 and so on: where its memory is, or `None` for a key that remembers nothing.
    pub memories: Vec<Option<Place>>,
    /// What becomes of questions.
    pub touch: Touch,
    /// The fingers that each key knows, by numbers of the caller's choice: enrolled without a PIN.
    pub fingers: Vec<u8>,
    /// What all that the keys draw is made from; `None`: the system draws it.
    pub seed: Option<[u8; 32]>,
    /// What is wrong with each of them on purpose, from its start; beside what its profile says.
    pub faults: Vec<FaultDescription>,
    /// Hears what a key could not keep.
    pub warn: Warn,
    /// Where all that they say to their hosts is recorded, if it is.
    pub recorder: Option<Recorder>,
    /// What counts all that they do, if anything does.
    pub meter: Option<Arc<Meter>>,
}

/// The date on what a key with this seed is made with.
pub(super) fn today(seed: Option<[u8; 32]>) -> SystemTime {
    if seed.is_some() { seeded_date() } else { SystemTime::now() }
}

/// How hosts reach a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// In a USB port: over CTAPHID, and if its profile has the transport `smart-card` as a card in a reader of its own beside that.
    #[default]
    Usb,
    /// As a card that is laid on a contactless reader: vpcd's, or this one, which is plugged in with it. It is made lying off the reader.
    Card(CardReader),
}

/// A contactless reader that is plugged in with a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardReader {
    /// One of the USB class CCID, for every driver of that class, such as pcscd's libccid. It has the key's own numbers, and gives power to
    /// a card that is laid on.
    Ccid,
    /// A PN533, for the NFC of Linux's kernel. It has the numbers of NXP, another maker, for its driver knows it by them: for tests with
    /// programs that know no other NFC. It gives power to a card while a program uses it.
    Pn533,
}

impl Form {
    /// Whether it is a card.
    pub fn is_card(self) -> bool {
        matches!(self, Self::Card(_))
    }
}
