//! The settings of new keys.

use std::sync::Arc;
use std::time::SystemTime;

use ctap_core::Transport;

use crate::error::{Error, Warn};
use crate::faults::FaultDescription;
use crate::key::Touch;
use crate::memory::Place;
use crate::meter::Meter;
use crate::platform::seeded_date;
use crate::profile::Profile;
use crate::recording::Recorder;

/// The settings of new keys. All of them are of the same kind, and each has a memory of its own.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// What kind of key.
    pub profile: Profile,
    /// How hosts reach them.
    pub form: Form,
    /// One entry for each key, on bus ids 1-1, 1-2 and so on: the place of its memory, or `None` for a key that
    /// stores nothing.
    pub memories: Vec<Option<Place>>,
    /// How questions are answered.
    pub touch: Touch,
    /// The fingers that each key knows from the start, enrolled without a PIN. The caller chooses the numbers.
    pub fingers: Vec<u8>,
    /// The seed of everything that the keys draw; `None`: the system's random generator is used.
    pub seed: Option<[u8; 32]>,
    /// The faults on purpose that each key has from its start, in addition to those of its profile.
    pub faults: Vec<FaultDescription>,
    /// Is told what a key could not store.
    pub warn: Warn,
    /// Where the messages of keys and hosts are recorded; `None`: nowhere.
    pub recorder: Option<Recorder>,
    /// Counts what the keys do; `None`: nothing counts it.
    pub meter: Option<Arc<Meter>>,
}

/// The date on what a key with this seed is made with.
pub(super) fn today(seed: Option<[u8; 32]>) -> SystemTime {
    if seed.is_some() { seeded_date() } else { SystemTime::now() }
}

/// How hosts reach a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// In a USB port, over CTAPHID. If the profile has the transport `smart-card`, the key is also a card in a
    /// smart card reader of its own on the same port.
    #[default]
    Usb,
    /// As a card that is laid on a contactless reader: vpcd's (`None`), or the one given here, which is plugged in
    /// with the card. At the start the card does not lie on the reader.
    Card(CardReader),
}

impl Form {
    /// The profile as keys of this form are made with it: a card says that it is one.
    ///
    /// # Errors
    /// [`Error::Profile`]: a key for a USB port whose profile says that it cannot be reached over USB.
    pub(super) fn suited(self, profile: &Profile) -> Result<Profile, Error> {
        match self {
            Self::Usb => profile.check_usb().map(|()| profile.clone()),
            Self::Card(_) => Ok(profile.clone().with_transport(Transport::Nfc)),
        }
    }
}

/// The kinds of contactless readers that are plugged in with a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardReader {
    /// A reader of the USB class CCID, for every driver of that class, such as pcscd's libccid. It has the key's
    /// own USB numbers, and gives power to a card as soon as it is laid on.
    Ccid,
    /// A PN533, for the NFC of Linux's kernel: for tests with programs that use no other NFC. It has the USB
    /// numbers of its maker NXP, because its driver knows it by them. It gives power to a card only while a program
    /// uses it.
    Pn533,
}

impl Form {
    /// Whether the key is a card.
    pub fn is_card(self) -> bool {
        matches!(self, Self::Card(_))
    }
}
