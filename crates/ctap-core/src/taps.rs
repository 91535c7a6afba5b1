//! Presence by tap: over NFC a person lays the key on a reader instead of touching it (NF-40, NF-41, NF-43).
//!
//! Two things must be told apart. *A tap* is what a person does. *Power* comes from the reader: it takes power from
//! a key that lies there, and gives it back, whenever a program opens or closes the reader. So the standard's
//! presence, which begins with power, is good enough for requests that can be repeated; a reset needs a tap.

use core::time::Duration;

use crate::config::Times;
use crate::consent::UserPresent;
use crate::limits::{RESET_WINDOW, TAP_PRESENCE};
use crate::status::Status;
use crate::transport::Transport;

/// What it means when the key is laid on a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tap {
    /// The person agrees to the next request, which uses up the agreement.
    #[default]
    Agrees,
    /// The person agrees to every request while the key has power: for tests.
    AgreesToAll,
    /// The person agrees to nothing.
    Refuses,
}

/// Whether a person is there, as far as nobody need be asked.
pub(crate) enum Presence {
    /// The tap proves it.
    Tapped(UserPresent),
    /// The person who laid the key on the reader refuses.
    Refused,
    /// The tap is used up, or too old; a key on a reader cannot wait for the next one, which takes its power away.
    Missing,
}

/// The taps that are still good for something. They outlive power-ups.
#[derive(Default)]
pub(crate) struct Taps {
    meaning: Tap,
    /// Until when this power-up's presence lasts; `None`: it is used up, or there was none.
    present_until: Option<Duration>,
    /// When the key was laid on a reader: the last time, and the time before.
    last: [Option<Duration>; 2],
}

impl Taps {
    /// Sets the meaning of taps from now on.
    pub(crate) const fn set_meaning(&mut self, meaning: Tap) {
        self.meaning = meaning;
    }

    /// The key was laid on a reader.
    pub(crate) const fn tap(&mut self, now: Duration) {
        let [before, _] = self.last;
        self.last = [Some(now), before];
    }

    /// Power has come, from a reader or from elsewhere (NF-07, NF-40).
    pub(crate) fn power_up(&mut self, transport: Transport, now: Duration) {
        let is_tapped = transport == Transport::Nfc;
        self.present_until = is_tapped.then(|| now.saturating_add(TAP_PRESENCE));
    }

    /// Whether the tap that brought power is still good (NF-40).
    pub(crate) fn presence(&self, now: Duration) -> Presence {
        let lasts = self.present_until.is_some_and(|until| now < until);
        match self.meaning {
            Tap::Refuses => Presence::Refused,
            Tap::AgreesToAll => Presence::Tapped(UserPresent::by_tap()),
            Tap::Agrees if lasts => Presence::Tapped(UserPresent::by_tap()),
            Tap::Agrees => Presence::Missing,
        }
    }

    /// Whether the key was laid on the reader as often as a reset takes, in the time that there is for it (RS-19, NF-43).
    pub(crate) fn presence_for_reset(
        &self,
        wanted: Times,
        now: Duration,
    ) -> Result<UserPresent, Status> {
        let is_in_time = |tap: &&Duration| now.saturating_sub(**tap) <= RESET_WINDOW;
        let done = self.last.iter().flatten().filter(is_in_time).count();
        match (self.meaning, wanted, done) {
            (Tap::Refuses, ..) => Err(Status::OperationDenied),
            (Tap::AgreesToAll, ..) | (_, Times::Once, 1..) | (_, Times::Twice, 2..) => {
                Ok(UserPresent::by_tap())
            }
            (_, Times::Twice, 1) => Err(Status::UpRequired),
            (_, _, 0) => Err(Status::NotAllowed),
        }
    }

    /// Something was done with a person's presence: what they did before it is used up, for a reset too (NF-41, RS-17).
    pub(crate) const fn spend(&mut self) {
        self.present_until = None;
        self.last = [None; 2];
    }
}
