//! Vaults to test with: on a simulated disk or in a directory, with randomness that repeats.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses its part of this")]

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sealed_records::simulated::SimulatedDisk;
use sealed_records::{
    Change, CommitError, Disk, Durability, Error, Opened, Passphrase, Places, Record, Rng,
    Rollback, Unlock, Vault, WitnessPlace,
};

/// What a vault holds, or should hold.
pub type Map = BTreeMap<Vec<u8>, Vec<u8>>;

pub fn rng() -> Rng {
    Box::new(ChaCha20Rng::seed_from_u64(1))
}

pub fn passphrase(text: &str) -> Unlock {
    Unlock::Passphrase(Passphrase::new(text.as_bytes().to_vec().into()).unwrap())
}

pub fn map(records: &[Record]) -> Map {
    records.iter().map(|record| (record.name.clone(), record.value.to_vec())).collect()
}

/// Without a witness.
pub fn place<D>(disk: D) -> Places<D> {
    Places { vault: disk, witness: None }
}

/// With one on the same disk.
pub fn witnessed(disk: SimulatedDisk) -> Places<SimulatedDisk> {
    let witness = Some(WitnessPlace { disk: disk.clone(), name: "witness".to_owned() });
    Places { vault: disk, witness }
}

pub fn create<D: Disk>(disk: D) -> Vault<D> {
    Vault::create_on(place(disk), &Unlock::KeyFile, rng()).unwrap()
}

pub fn open<D: Disk>(disk: D) -> Result<Opened<D>, Error> {
    Vault::open_on(place(disk), &Unlock::KeyFile, Rollback::Refuse, rng())
}

/// What a copy of the disk holds.
pub fn held(disk: &SimulatedDisk) -> Map {
    map(&open(disk.copy()).unwrap().records)
}

/// Something that is asked of a vault.
#[derive(Clone, Debug)]
pub enum Step {
    Commit(Vec<(Vec<u8>, Option<Vec<u8>>)>, Durability),
    ReplaceAll(Vec<(Vec<u8>, Vec<u8>)>),
    Rewrap,
    Reopen,
}

impl Step {
    pub fn set(name: &str, value: &[u8], when: Durability) -> Self {
        Self::Commit(vec![(name.into(), Some(value.to_vec()))], when)
    }

    /// Carries it out; reopening is the caller's.
    pub fn ask<D: Disk>(&self, vault: &mut Vault<D>) -> Result<(), CommitError> {
        match self {
            Self::Commit(changes, when) => {
                let changes: Vec<_> = changes
                    .iter()
                    .map(|(name, value)| Change { name, value: value.as_deref() })
                    .collect();
                vault.commit(&changes, *when)
            }
            Self::ReplaceAll(records) => {
                let records: Vec<_> =
                    records.iter().map(|(name, value)| Change::set(name, value)).collect();
                vault.replace_all(&records)
            }
            Self::Rewrap => vault.rewrap(&Unlock::KeyFile).map_err(|_| CommitError::Failed),
            Self::Reopen => Ok(()),
        }
    }

    /// What it makes of a map.
    pub fn apply(&self, map: &mut Map) {
        match self {
            Self::Commit(changes, _) => {
                for (name, value) in changes.iter().cloned() {
                    match value {
                        Some(value) => map.insert(name, value),
                        None => map.remove(&name),
                    };
                }
            }
            Self::ReplaceAll(records) => *map = records.iter().cloned().collect(),
            Self::Rewrap | Self::Reopen => {}
        }
    }

    /// Whether everything so far is durable once this is acknowledged.
    pub fn is_durable(&self) -> bool {
        !matches!(self, Self::Commit(_, Durability::Lazy))
    }
}
