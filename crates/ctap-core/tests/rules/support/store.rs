//! A store that can fail, and that shows what changed.

use ctap_core::store::{Change, State, StoreError};
use ctap_core::{MemoryStore, Store};

/// A [`MemoryStore`] with a medium that may be bad.
pub(crate) struct TestStore {
    inner: MemoryStore,
    /// Successful commits so far.
    pub(crate) commits: usize,
    pub(crate) medium: Medium,
}

/// How the medium behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    Good,
    /// Works for so many commits more, then fails for ever.
    FailsAfter(usize, StoreError),
    /// Nobody may write: a commit is a fault of the authenticator.
    Sealed,
    /// It was taken away.
    Gone,
}

impl TestStore {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        Self { inner, commits: 0, medium: Medium::Good }
    }
}

impl Store for TestStore {
    fn state(&self) -> &State {
        self.inner.state()
    }

    fn commit(&mut self, change: Change) -> Result<(), StoreError> {
        match &mut self.medium {
            Medium::Good => {}
            Medium::FailsAfter(0, error) => return Err(*error),
            Medium::FailsAfter(left, _) => *left -= 1,
            Medium::Sealed => panic!("committed without consent: {change:?}"),
            Medium::Gone => return Err(StoreError::Failed),
        }
        self.commits += 1;
        self.inner.commit(change)
    }

    fn still_kept(&mut self) -> Result<(), StoreError> {
        match self.medium {
            Medium::Gone => Err(StoreError::Failed),
            _ => Ok(()),
        }
    }
}

/// All that a refused command may not change. Tries and the reserved part of the signature counter are paid in advance.
#[derive(Debug, PartialEq)]
pub(crate) struct Snapshot {
    secrets: Vec<Vec<u8>>,
    credentials: Vec<String>,
    rest: String,
}

impl Snapshot {
    pub(crate) fn of(state: &State) -> Self {
        let pin = state.pin.as_ref();
        let secrets = [
            state.wrapping_key.expose().to_vec(),
            state.device_identifier.to_vec(),
            state.cred_store_state.to_vec(),
            state.persistent_token.expose().to_vec(),
            pin.map_or(Vec::new(), |pin| pin.hash.expose().to_vec()),
            state.large_blobs.clone(),
        ];
        let credentials = state.credentials.iter().map(|credential| format!("{credential:?}"));
        Self {
            secrets: secrets.into(),
            credentials: credentials.collect(),
            rest: format!("{:?} {:?}", state.fingerprints, state.settings),
        }
    }
}
