//! The authenticator called directly: no transport, no other process, every touch given at once.

use ctap_client::error::TransportError;
use ctap_client::{Exchange, KeepaliveStatus, Patience};
use ctap_core::{Authenticator, Channel, CheckedConfig, Decision, Platform, Step, Store};
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
    /// A key with nothing on it.
    pub(super) fn new() -> Self {
        let (clock, mut rng) = (Clock::start(), system_rng());
        let mut store = Store::in_memory(&mut rng);
        let mut platform = Platform { store: &mut store, rng: &mut rng, now: clock.now() };
        let authenticator = Authenticator::new(CheckedConfig::default(), &mut platform);
        Self { authenticator, store, rng, clock }
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
