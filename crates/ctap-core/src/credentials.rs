//! The discoverable credentials of a key, with indexes: what one command costs does not grow with how many there are.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::credential::Credential;

/// The discoverable credentials, each with its account, oldest first (GA-26).
///
/// No two have the same id, or the same user at the same relying party (MC-40).
#[derive(Debug, Default)]
pub struct Credentials {
    /// By their order numbers.
    all: BTreeMap<u64, Credential>,
    by_id: BTreeMap<Vec<u8>, u64>,
    by_rp: BTreeMap<[u8; 32], Accounts>,
}

/// The credentials of one relying party.
#[derive(Debug, Default)]
struct Accounts {
    numbers: BTreeSet<u64>,
    by_user: BTreeMap<Vec<u8>, u64>,
}

impl Credentials {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Credential> {
        self.all.values()
    }

    /// The one with this id.
    #[must_use]
    pub fn get(&self, id: &[u8]) -> Option<&Credential> {
        self.all.get(self.by_id.get(id)?)
    }

    /// Those of the relying party with this SHA-256 of its id, oldest first.
    pub fn of_rp(&self, rp_id_hash: &[u8; 32]) -> impl DoubleEndedIterator<Item = &Credential> {
        let accounts = self.by_rp.get(rp_id_hash);
        let numbers = accounts.into_iter().flat_map(|accounts| &accounts.numbers);
        numbers.filter_map(|number| self.all.get(number))
    }

    /// The one of this user at this relying party (MC-40).
    #[must_use]
    pub fn of_account(&self, rp_id_hash: &[u8; 32], user_id: &[u8]) -> Option<&Credential> {
        self.all.get(self.by_rp.get(rp_id_hash)?.by_user.get(user_id)?)
    }

    /// The relying parties by the SHA-256 of their ids, that of the newest credential first.
    pub(crate) fn rps(&self) -> Vec<[u8; 32]> {
        let newest =
            |(hash, accounts): (&[u8; 32], &Accounts)| (accounts.numbers.last().copied(), *hash);
        let mut rps: Vec<_> = self.by_rp.iter().map(newest).collect();
        rps.sort_unstable_by(|one, other| other.cmp(one));
        rps.into_iter().map(|(_, hash)| hash).collect()
    }

    /// The order number of the credential with this id.
    pub(crate) fn number(&self, id: &[u8]) -> Option<u64> {
        self.by_id.get(id).copied()
    }

    /// An order number for a new credential: it is the newest then.
    pub(crate) fn next_number(&self) -> u64 {
        self.all.last_key_value().map_or(0, |(last, _)| last.saturating_add(1))
    }

    /// All of them with their order numbers, oldest first.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u64, &Credential)> {
        self.all.iter().map(|(number, credential)| (*number, credential))
    }

    /// Whether a credential with an account can be put there without taking the place of another one.
    pub(crate) fn has_room_for(&self, number: u64, credential: &Credential) -> bool {
        let Some(account) = &credential.account else { return false };
        let same_account = self.of_account(&credential.rp_id_hash, &account.user.id);
        !self.all.contains_key(&number)
            && !self.by_id.contains_key(&credential.id)
            && same_account.is_none()
    }

    /// Keeps a credential, which has an account, under this number, in the place of the one with the same id if there is one.
    pub(crate) fn put(&mut self, number: u64, credential: Credential) {
        let Some(account) = &credential.account else { return };
        let user_id = account.user.id.clone();
        self.remove(&credential.id);
        let of_rp = self.by_rp.entry(credential.rp_id_hash).or_default();
        of_rp.numbers.insert(number);
        of_rp.by_user.insert(user_id, number);
        self.by_id.insert(credential.id.clone(), number);
        self.all.insert(number, credential);
    }

    /// Forgets the one with this id.
    pub(crate) fn remove(&mut self, id: &[u8]) {
        let Some(number) = self.by_id.remove(id) else { return };
        let Some(credential) = self.all.remove(&number) else { return };
        let Some(of_rp) = self.by_rp.get_mut(&credential.rp_id_hash) else { return };
        of_rp.numbers.remove(&number);
        if let Some(account) = &credential.account {
            of_rp.by_user.remove(&account.user.id);
        }
        if of_rp.numbers.is_empty() {
            self.by_rp.remove(&credential.rp_id_hash);
        }
    }
}
