//! The authenticator called directly: no transport, no other process, every touch given at once.

use anyhow::anyhow;
use ctap_client::error::TransportError;
use ctap_client::{Exchange, KeepaliveStatus, Patience};
use ctap_core::limits::MAX_CAPACITY;
use ctap_core::{Authenticator, Channel, Config, Decision, Platform, Step, Store, Transport};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use virtual_key::platform::{Clock, system_rng};

/// A key within this process.
pub(super) struct InProcess {
    authenticator: Authenticator,
    store: Store,
    rng: UnwrapErr<SysRng>,
    clock: Clock,
}

impl InProcess {
    /// A key with nothing on it, which remembers nothing beyond this process.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub(super) fn ephemeral() -> anyhow::Result<Self> {
        Self::with(Store::in_memory(&mut system_rng()))
    }

    /// A key with this memory, and room for as many passkeys as a key can have.
    ///
    /// # Errors
    /// There is no such key.
    pub(super) fn with(mut store: Store) -> anyhow::Result<Self> {
        let (clock, mut rng) = (Clock::start(), system_rng());
        let config = Config { capacity: MAX_CAPACITY, ..Config::default() };
        let config = config.checked().map_err(|contradiction| anyhow!("{contradiction:?}"))?;
        let mut platform = Platform { store: &mut store, rng: &mut rng, now: clock.now() };
        let authenticator = Authenticator::new(config, Transport::Usb, &mut platform);
        Ok(Self { authenticator, store, rng, clock })
    }

    /// Unplugs the key and plugs it in again: what can be done right after that only, can be done now.
    pub(super) fn power_cycle(&mut self) {
        let now = self.clock.now();
        let mut platform = Platform { store: &mut self.store, rng: &mut self.rng, now };
        self.authenticator.power_cycle(Transport::Usb, &mut platform);
    }
}

impl Exchange for InProcess {
    fn exchange(
        &mut self,
        request: &[u8],
        _: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        let now = self.clock.now();
        let mut platform = Platform { store: &mut self.store, rng: &mut self.rng, now };
        let mut step = Some(self.authenticator.handle(Channel(1), request, &mut platform));
        while let Some(Step::Wait(prompt, _)) = step {
            step = self.authenticator.answer(prompt, Decision::Approve, &mut platform);
        }
        match step {
            Some(Step::Reply(response)) => Ok(response.message),
            _ => Err(TransportError::Silent),
        }
    }
}
