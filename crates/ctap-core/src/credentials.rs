//! The credentials of a key that are records, with indexes, so that the cost of a command does not grow with the
//! number of credentials.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::credential::{Counter, Credential, Kept};

/// First the discoverable credentials, each with its account, oldest first (GA-26). Apart from them, the other
/// stored credentials, which are found only by their ids.
///
/// No two credentials have the same id. No two discoverable ones have the same user at the same relying party
/// (MC-40).
#[derive(Debug, Default)]
pub struct Credentials {
    /// Credentials by their order numbers.
    all: BTreeMap<u64, Credential>,
    by_id: BTreeMap<Vec<u8>, u64>,
    by_rp: BTreeMap<[u8; 32], Accounts>,
    /// Those that are not discoverable, by their ids.
    kept: BTreeMap<Vec<u8>, Kept>,
    /// How many ids, of all, have this length.
    id_lengths: BTreeMap<usize, usize>,
    /// How many of all have a counter of their own.
    own_counters: usize,
}

/// The credentials of one relying party.
#[derive(Debug, Default)]
struct Accounts {
    numbers: BTreeSet<u64>,
    by_user: BTreeMap<Vec<u8>, u64>,
}

impl Credentials {
    /// How many discoverable credentials there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is no discoverable credential.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All discoverable credentials, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Credential> {
        self.all.values()
    }

    /// The discoverable credential with this id.
    #[must_use]
    pub fn get(&self, id: &[u8]) -> Option<&Credential> {
        self.all.get(self.by_id.get(id)?)
    }

    /// The one with this id, discoverable or not.
    pub(crate) fn find(&self, id: &[u8]) -> Option<&Credential> {
        self.get(id).or_else(|| self.get_kept(id).map(|kept| &kept.credential))
    }

    /// The one with this id that is not discoverable.
    pub(crate) fn get_kept(&self, id: &[u8]) -> Option<&Kept> {
        self.kept.get(id)
    }

    /// Those that are not discoverable, in the order of their ids.
    pub(crate) fn kept(&self) -> impl ExactSizeIterator<Item = &Kept> {
        self.kept.values()
    }

    /// Bytes of the longest of all ids; 0: there is none.
    pub(crate) fn longest_id(&self) -> usize {
        self.id_lengths.last_key_value().map_or(0, |(length, _)| *length)
    }

    /// Any of all has a counter of its own.
    pub(crate) const fn count_themselves(&self) -> bool {
        self.own_counters > 0
    }

    /// Those of all that have a counter of their own, with the last value that was sent.
    pub(crate) fn own_counters(&self) -> impl Iterator<Item = (&Credential, u32)> {
        let all = self.iter().chain(self.kept().map(|kept| &kept.credential));
        all.filter_map(|credential| match credential.counter {
            Counter::Own(last) => Some((credential, last)),
            Counter::OfKey | Counter::Zero => None,
        })
    }

    /// The discoverable credentials of the relying party with this SHA-256 of its id, oldest first.
    pub fn of_rp(&self, rp_id_hash: &[u8; 32]) -> impl DoubleEndedIterator<Item = &Credential> {
        let accounts = self.by_rp.get(rp_id_hash);
        let numbers = accounts.into_iter().flat_map(|accounts| &accounts.numbers);
        numbers.filter_map(|number| self.all.get(number))
    }

    /// The discoverable credential of this user at this relying party (MC-40).
    #[must_use]
    pub fn of_account(&self, rp_id_hash: &[u8; 32], user_id: &[u8]) -> Option<&Credential> {
        self.all.get(self.by_rp.get(rp_id_hash)?.by_user.get(user_id)?)
    }

    /// The relying parties by the SHA-256 of their ids. The one with the newest credential comes first.
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
            && self.find(&credential.id).is_none()
            && same_account.is_none()
    }

    /// Keeps a credential, which has an account, under this number, instead of the one with the same id if there is one.
    pub(crate) fn put(&mut self, number: u64, credential: Credential) {
        let Some(account) = &credential.account else { return };
        let user_id = account.user.id.clone();
        self.remove(&credential.id);
        let of_rp = self.by_rp.entry(credential.rp_id_hash).or_default();
        of_rp.numbers.insert(number);
        of_rp.by_user.insert(user_id, number);
        self.by_id.insert(credential.id.clone(), number);
        self.take_in(&credential);
        self.all.insert(number, credential);
    }

    /// Keeps one that is not discoverable, instead of the one with the same id if there is one.
    pub(crate) fn put_kept(&mut self, kept: Kept) {
        self.remove_kept(&kept.credential.id);
        self.take_in(&kept.credential);
        self.kept.insert(kept.credential.id.clone(), kept);
    }

    /// Forgets the one with this id that is not discoverable.
    pub(crate) fn remove_kept(&mut self, id: &[u8]) {
        if let Some(kept) = self.kept.remove(id) {
            self.take_out(&kept.credential);
        }
    }

    /// Forgets the discoverable one with this id.
    pub(crate) fn remove(&mut self, id: &[u8]) {
        let Some(number) = self.by_id.remove(id) else { return };
        let Some(credential) = self.all.remove(&number) else { return };
        self.take_out(&credential);
        let Some(of_rp) = self.by_rp.get_mut(&credential.rp_id_hash) else { return };
        of_rp.numbers.remove(&number);
        if let Some(account) = &credential.account {
            of_rp.by_user.remove(&account.user.id);
        }
        if of_rp.numbers.is_empty() {
            self.by_rp.remove(&credential.rp_id_hash);
        }
    }

    /// Counts what is true of this one as well.
    fn take_in(&mut self, credential: &Credential) {
        let ids = self.id_lengths.entry(credential.id.len()).or_default();
        *ids = ids.saturating_add(1);
        let counts = matches!(credential.counter, Counter::Own(_));
        self.own_counters = self.own_counters.saturating_add(usize::from(counts));
    }

    /// The counterpart of [`take_in`](Self::take_in).
    fn take_out(&mut self, credential: &Credential) {
        let length = credential.id.len();
        let left = self.id_lengths.get(&length).map_or(0, |ids| ids.saturating_sub(1));
        match left {
            0 => self.id_lengths.remove(&length),
            left => self.id_lengths.insert(length, left),
        };
        let counts = matches!(credential.counter, Counter::Own(_));
        self.own_counters = self.own_counters.saturating_sub(usize::from(counts));
    }
}
