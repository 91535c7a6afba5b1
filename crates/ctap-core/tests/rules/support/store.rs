//! A medium that can fail and lose power, and that shows what was written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use ctap_core::Memory;
use ctap_core::memory::{Durability, MemoryError, Record};
use ctap_core::secret::SecretBytes;
use ctap_core::state::State;

/// What a store and its test both hold.
#[derive(Clone)]
pub(crate) struct TestMedium(Arc<Mutex<Inside>>);

struct Inside {
    medium: Medium,
    /// Successful commits so far, barriers not counted.
    commits: usize,
    calls: Vec<Call>,
    /// Whatever was asked of the medium, looks and refusals among it.
    asked: usize,
    durable: Kept,
    /// Commits that are not durable yet, in their order.
    lazy: Vec<Edits>,
}

/// What is remembered, by name.
pub(crate) type Kept = BTreeMap<Vec<u8>, Vec<u8>>;
type Edits = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// How the medium behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    Good,
    /// Works for so many calls more, then fails for ever.
    FailsAfter(usize, MemoryError),
    /// Nobody may write: a commit is a fault of the authenticator.
    Sealed,
    /// It was taken away.
    Gone,
}

/// What the store asked of its medium, with the names of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Wait(Vec<Vec<u8>>),
    Lazy(Vec<Vec<u8>>),
    Barrier,
    ReplaceAll,
}

impl TestMedium {
    pub(crate) fn new() -> Self {
        let (durable, lazy, calls) = (Kept::new(), Vec::new(), Vec::new());
        Self(Arc::new(Mutex::new(Inside {
            medium: Medium::Good,
            commits: 0,
            calls,
            asked: 0,
            durable,
            lazy,
        })))
    }

    /// A good medium that holds this.
    pub(crate) fn holding(kept: Kept) -> Self {
        let medium = Self::new();
        medium.inside().durable = kept;
        medium
    }

    pub(crate) fn set(&self, medium: Medium) {
        self.inside().medium = medium;
    }

    /// Successful commits so far.
    pub(crate) fn commits(&self) -> usize {
        self.inside().commits
    }

    /// How often anything was asked of it so far.
    pub(crate) fn asked(&self) -> usize {
        self.inside().asked
    }

    /// The successful calls since the last time.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.inside().calls)
    }

    /// What a reader would find now.
    pub(crate) fn kept(&self) -> Kept {
        let inside = self.inside();
        let mut kept = inside.durable.clone();
        inside.lazy.iter().for_each(|edits| carry_out(&mut kept, edits));
        kept
    }

    /// What is left after a power cut that takes with it all that is not durable.
    pub(crate) fn durable(&self) -> Kept {
        self.inside().durable.clone()
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }
}

impl Inside {
    fn call(&mut self, call: Call) -> Result<(), MemoryError> {
        self.asked += 1;
        match &mut self.medium {
            Medium::Good => {}
            Medium::FailsAfter(0, error) => return Err(*error),
            Medium::FailsAfter(left, _) => *left -= 1,
            Medium::Sealed if call == Call::Barrier => {}
            Medium::Sealed => panic!("committed without consent: {call:?}"),
            Medium::Gone => return Err(MemoryError::Failed),
        }
        self.commits += usize::from(call != Call::Barrier);
        self.calls.push(call);
        Ok(())
    }

    fn settle(&mut self) {
        for edits in std::mem::take(&mut self.lazy) {
            carry_out(&mut self.durable, &edits);
        }
    }
}

impl Memory for TestMedium {
    fn commit(&mut self, records: &[Record], when: Durability) -> Result<(), MemoryError> {
        let names: Vec<_> = records.iter().map(|record| record.name.clone()).collect();
        let mut inside = self.inside();
        inside.call(match (when, records) {
            (Durability::Wait, []) => Call::Barrier,
            (Durability::Wait, _) => Call::Wait(names),
            (Durability::Lazy, _) => Call::Lazy(names),
        })?;
        inside.lazy.push(records.iter().map(edit).collect());
        if when == Durability::Wait {
            inside.settle();
        }
        Ok(())
    }

    fn replace_all(&mut self, records: &[Record]) -> Result<(), MemoryError> {
        let mut inside = self.inside();
        inside.call(Call::ReplaceAll)?;
        inside.lazy.clear();
        inside.durable = kept(records);
        Ok(())
    }

    fn still_kept(&mut self) -> Result<(), MemoryError> {
        let mut inside = self.inside();
        inside.asked += 1;
        match inside.medium {
            Medium::Gone => Err(MemoryError::Failed),
            _ => Ok(()),
        }
    }
}

fn edit(record: &Record) -> (Vec<u8>, Option<Vec<u8>>) {
    (record.name.clone(), record.value.as_ref().map(|value| value.expose().to_vec()))
}

fn carry_out(kept: &mut Kept, edits: &Edits) {
    for (name, value) in edits {
        match value {
            Some(value) => drop(kept.insert(name.clone(), value.clone())),
            None => drop(kept.remove(name)),
        }
    }
}

/// These records by their names.
pub(crate) fn kept(records: &[Record]) -> Kept {
    records.iter().filter_map(|record| Some((edit(record).0, edit(record).1?))).collect()
}

/// The records with these names and values.
pub(crate) fn records(kept: &Kept) -> Vec<Record> {
    let record = |(name, value): (&Vec<u8>, &Vec<u8>)| Record {
        name: name.clone(),
        value: Some(SecretBytes::new(value.clone())),
    };
    kept.iter().map(record).collect()
}

/// All that a refused command may not change. Tries and the reserved part of the signature counter are paid in advance.
#[derive(Debug, PartialEq)]
pub(crate) struct Snapshot {
    secrets: Vec<Vec<u8>>,
    credentials: Vec<String>,
    kept: String,
    rest: String,
}

impl Snapshot {
    pub(crate) fn of(state: &State) -> Self {
        let pin = state.pin();
        let secrets = [
            state.wrapping_key().expose().to_vec(),
            state.device_identifier().to_vec(),
            state.cred_store_state().to_vec(),
            state.persistent_token().expose().to_vec(),
            pin.map_or(Vec::new(), |pin| pin.hash.expose().to_vec()),
            state.large_blobs().to_vec(),
        ];
        let credentials = state.credentials().iter().map(|credential| format!("{credential:?}"));
        let fingerprints: Vec<_> = state.fingerprints().collect();
        Self {
            secrets: secrets.into(),
            credentials: credentials.collect(),
            kept: format!("{:?}", state.kept().collect::<Vec<_>>()),
            rest: format!("{fingerprints:?} {:?}", state.settings()),
        }
    }
}
