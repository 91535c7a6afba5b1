//! What a key remembers, as far as the rules speak of it.

use ctap_core::state::State;

/// Taken before and after each step, and compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Changes with each reset.
    pub(crate) device: [u8; 16],
    pub(crate) pin: Option<[u8; 16]>,
    pub(crate) pin_retries: u8,
    pub(crate) credentials: Vec<Vec<u8>>,
    pub(crate) fingerprints: Vec<Vec<u8>>,
    pub(crate) large_blobs: Vec<u8>,
    pub(crate) settings: String,
    pub(crate) sign_count_ceiling: u32,
}

impl Memory {
    pub(crate) fn of(state: &State) -> Self {
        Self {
            device: state.device_identifier(),
            pin: state.pin().map(|pin| *pin.hash.expose()),
            pin_retries: state.pin_retries(),
            credentials: state
                .credentials()
                .iter()
                .map(|credential| credential.id.clone())
                .collect(),
            fingerprints: state.fingerprints().map(|one| one.template_id.clone()).collect(),
            large_blobs: state.large_blobs().to_vec(),
            settings: format!("{:?}", state.settings()),
            sign_count_ceiling: state.sign_count_ceiling(),
        }
    }

    /// The same but for retries and counters, which are paid for before anybody agrees.
    pub(crate) fn is_paid_up(&self, before: &Self) -> bool {
        let Self { pin_retries, sign_count_ceiling, .. } = self.clone();
        *self == Self { pin_retries, sign_count_ceiling, ..before.clone() }
    }
}
