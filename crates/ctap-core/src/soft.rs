//! A whole key in one value, for tests that want an authenticator in a few lines.
//!
//! ```
//! use ctap_core::{CheckedConfig, SoftKey};
//!
//! let mut key = SoftKey::new(CheckedConfig::default(), [7; 32]);
//! let info = key.call(&[0x04]); // authenticatorGetInfo
//! assert_eq!(info[0], 0x00);
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::authenticator::{Authenticator, Platform, Step};
use crate::channel::Channel;
use crate::config::CheckedConfig;
use crate::consent::{Decision, Question};
use crate::crypto::HashRng;
use crate::store::Store;
use crate::transport::Transport;

/// An authenticator with everything it needs: memory, randomness, a clock that stands still until it is moved, and a person.
///
/// The same seed gives the same key, byte for byte, so a test that fails will fail again. With the feature
/// `aws-lc`, ECDSA uses random nonces, so these signatures differ. For a key whose secrets nobody knows, take the
/// seed from the system, or use an [`Authenticator`] with your own [`Platform`].
pub struct SoftKey {
    authenticator: Authenticator,
    store: Store,
    rng: HashRng,
    now: Duration,
    person: Person,
}

/// Answers questions; `None`: does nothing.
type Person = Box<dyn FnMut(&Question) -> Option<Decision> + Send>;

impl SoftKey {
    /// A new key that was just plugged in over USB, with a person who approves everything. Other kinds of keys than
    /// the default one come from [`Config::checked`](crate::Config::checked).
    #[must_use]
    pub fn new(config: CheckedConfig, seed: [u8; 32]) -> Self {
        let mut rng = HashRng::new(seed);
        let mut store = Store::in_memory(&mut rng);
        let now = Duration::ZERO;
        let mut platform = Platform { store: &mut store, rng: &mut rng, now };
        let authenticator = Authenticator::new(config, Transport::Usb, &mut platform);
        Self { authenticator, store, rng, now, person: Box::new(|_| Some(Decision::Approve)) }
    }

    /// Sets who answers questions from now on. If the function returns `None`, the person does nothing until the
    /// question times out. A key may move to another thread, and its person moves with it.
    pub fn set_person(
        &mut self,
        person: impl FnMut(&Question) -> Option<Decision> + Send + 'static,
    ) {
        self.person = Box::new(person);
    }

    /// Runs one CTAP message, `command ‖ CBOR`, to its end, with the person's answer, and returns `status ‖ CBOR`.
    /// Any bytes are accepted: a status tells what is wrong with them.
    pub fn call(&mut self, message: &[u8]) -> Vec<u8> {
        self.run(|key, platform| key.handle(Channel(1), message, platform))
    }

    /// Runs one U2F message, an APDU, to its end, and returns the data and the status word.
    ///
    /// If the person does nothing, this returns `6985` after one poll, and does not wait for the whole time-out:
    /// U2F clients ask again.
    pub fn call_u2f(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.run(|key, platform| key.handle_u2f(Channel(1), apdu, platform))
    }

    /// Moves the clock forward by this time.
    pub fn advance(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
    }

    /// Unplugs the key and plugs it in again, over this transport.
    pub fn power_cycle(&mut self, transport: Transport) {
        let Self { authenticator, store, rng, now, .. } = self;
        authenticator.power_cycle(transport, &mut Platform { store, rng, now: *now });
    }

    /// Lays the key on a contactless reader. From now on it is reached over NFC, and nobody is asked for a touch.
    pub fn tap(&mut self) {
        self.authenticator.tap(self.now);
        self.power_cycle(Transport::Nfc);
    }

    /// Its memory.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    fn run(
        &mut self,
        start: impl FnOnce(&mut Authenticator, &mut Platform<'_>) -> Step,
    ) -> Vec<u8> {
        let Self { authenticator, store, rng, now, person } = self;
        let mut platform = Platform { store, rng, now: *now };
        let mut step = start(authenticator, &mut platform);
        loop {
            let (prompt, question) = match step {
                Step::Reply(response) => return response.message,
                Step::Wait(prompt, question) => (prompt, question),
                Step::Kept => return Vec::new(),
            };
            let next = match person(&question) {
                Some(decision) => authenticator.answer(prompt, decision, &mut platform),
                None => sleep(authenticator, &mut platform),
            };
            *now = platform.now;
            step = next.unwrap_or(Step::Kept);
        }
    }
}

/// The person does nothing, until the key tells its client.
fn sleep(authenticator: &mut Authenticator, platform: &mut Platform<'_>) -> Option<Step> {
    while let Some(due) = authenticator.poll_timeout() {
        platform.now = platform.now.max(due);
        if let Some(response) = authenticator.handle_timeout(platform.now) {
            return Some(Step::Reply(response));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_move_to_another_thread() {
        const fn is_send<T: Send>() {}
        is_send::<SoftKey>();
    }
}
