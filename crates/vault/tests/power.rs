//! Power cuts and failing disks, exhaustively, on a simulated disk (P-11, P-12, P-13).

mod support;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;

use ctap_core::credential::{LargeBlob, User};
use ctap_core::secret::Secret;
use ctap_core::store::{Change, Pin, State, Store, StoreError};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use support::{reveal, sample, sample_credential};
use vault::limits::MAX_STATE_FILE;
use vault::simulated::{FileNumber, SimulatedDisk};
use vault::{COUNTER, Disk, Error, STATE, UNFINISHED, Vault};
use zeroize::Zeroizing;

#[test]
fn a_power_cut_leaves_the_old_state_or_the_new_one() {
    let found = cut_power_everywhere(|disk| disk, all_changes);
    assert_eq!(found.violations, Vec::<String>::new());
    assert!(found.disks > 500, "only {} disks were looked at", found.disks);
}

#[test]
fn the_model_notices_a_vault_that_does_not_sync_its_files() {
    let careless = |disk| Careless { disk, syncs_files: false, syncs_names: true };
    assert!(!cut_power_everywhere(careless, two_changes).violations.is_empty());
}

#[test]
fn the_model_notices_a_vault_that_does_not_sync_its_directory() {
    let careless = |disk| Careless { disk, syncs_files: true, syncs_names: false };
    assert!(!cut_power_everywhere(careless, two_changes).violations.is_empty());
}

#[test]
fn a_power_cut_while_a_vault_is_made_leaves_a_whole_one_or_none() {
    let mut left = BTreeMap::new();
    for calls in 0.. {
        let disk = SimulatedDisk::new();
        let done = start_until_cut(&disk, calls);
        let found = disk.after_power_cut();
        if done {
            assert!(calls > 15, "only {calls} calls were tried");
            found.into_iter().for_each(|disk| drop(Vault::open_on(disk).unwrap()));
            break;
        }
        left.extend(found.into_iter().map(|disk| (files(&disk), disk)));
    }
    // And the power fails again, while a vault is made from what the first cut left.
    for first in left.clone().into_values() {
        for calls in 0.. {
            let disk = first.copy();
            let done = start_until_cut(&disk, calls);
            left.extend(disk.after_power_cut().into_iter().map(|disk| (files(&disk), disk)));
            if done {
                break;
            }
        }
    }
    left.into_values().for_each(start_again);
}

/// The process ends, the power stays: names may be there that were never synced.
#[test]
fn a_disk_that_fails_while_a_vault_is_made_does_not_make_the_next_start_refuse() {
    for calls in 0.. {
        let disk = SimulatedDisk::new();
        disk.fail_calls(calls..calls + 1, ErrorKind::StorageFull);
        if Vault::create_on(disk.clone(), &mut rng()).is_ok() {
            assert!(calls > 10, "only {calls} calls were tried");
            return;
        }
        start_again(disk.copy());
        disk.after_power_cut().into_iter().for_each(start_again);
    }
}

/// P-14: whatever a power cut left of a vault that was whole, without its state it is not taken for a new one.
#[test]
fn a_whole_vault_that_lost_its_state_is_never_taken_for_an_unfinished_one() {
    for calls in 0.. {
        let disk = new_vault();
        let mut vault = Vault::open_on(disk.clone()).unwrap();
        disk.fail_calls(calls..usize::MAX, ErrorKind::Other);
        let done = all_changes().into_iter().map_while(|change| vault.commit(change).ok()).count();
        for disk in disk.after_power_cut() {
            disk.remove(STATE).unwrap();
            for result in [Vault::open_on(disk.copy()), Vault::create_on(disk.copy(), &mut rng())] {
                assert!(matches!(result, Err(Error::StateMissing { .. })), "{result:?}");
            }
        }
        if done == all_changes().len() {
            return;
        }
    }
}

/// Starts as if for the first time, until the power is cut after so many calls; `true`: it was not needed for more.
fn start_until_cut(disk: &SimulatedDisk, calls: usize) -> bool {
    disk.fail_calls(calls..usize::MAX, ErrorKind::Other);
    match Vault::open_on(disk.clone()) {
        Err(Error::NoVault { .. }) => Vault::create_on(disk.clone(), &mut rng()).is_ok(),
        opened => opened.is_ok(),
    }
}

/// The next start finds a vault or makes one: whatever is left of the first try, it is not refused.
fn start_again(disk: SimulatedDisk) {
    match Vault::open_on(disk.clone()) {
        Ok(_) => {}
        Err(Error::NoVault { .. }) => drop(Vault::create_on(disk, &mut rng()).unwrap()),
        Err(error) => panic!("{:?}: {error}", files(&disk).map(|file| file.map(|file| file.len()))),
    }
}

fn files(disk: &SimulatedDisk) -> [Option<Vec<u8>>; 3] {
    [STATE, COUNTER, UNFINISHED].map(|name| disk.contents(name))
}

#[test]
fn a_failing_call_changes_nothing_and_the_next_commit_works() {
    let states = states_along(all_changes);
    for first in 0.. {
        let refused = fail_calls(first, 1, &states, |disk, state| {
            let reopened = Vault::open_on(disk.copy()).unwrap();
            assert_eq!(but_ceiling(reopened.state()), but_ceiling(state), "call {first}");
            assert!(reopened.state().sign_count_ceiling >= state.sign_count_ceiling);
        });
        if refused == 0 {
            assert!(first > 50, "only {first} calls were tried");
            return;
        }
    }
}

/// The change may be seen on the disk while the trouble lasts. It must be gone when anything has been committed.
#[test]
fn a_disk_that_fails_for_a_while_is_put_right_by_the_next_commit() {
    let states = states_along(all_changes);
    for times in [2, 5] {
        for first in 0.. {
            if fail_calls(first, times, &states, |_, _| {}) == 0 {
                assert!(first > 50, "only {first} calls were tried");
                break;
            }
        }
    }
}

#[test]
fn a_refused_change_is_off_the_disk_before_even_the_counter_rises() {
    let disk = new_vault();
    let mut vault = Vault::open_on(disk.clone()).unwrap();
    // Of a commit's six calls the last syncs the directory; putting the old state back fails too.
    disk.fail_calls(5..7, ErrorKind::Other);
    assert_eq!(vault.commit(Change::PinRetries(3)), Err(StoreError::Failed));
    assert_eq!(Vault::open_on(disk.copy()).unwrap().state().pin_retries, 3);
    assert_eq!(vault.commit(Change::SignCountCeiling(64)), Ok(()));
    assert_eq!(Vault::open_on(disk.copy()).unwrap().state().pin_retries, 7);
}

/// Killed before it synced, a process leaves its last writes to the kernel. Whoever opens the vault next acts on them.
#[test]
fn what_is_seen_after_a_kill_survives_a_power_cut_after_that() {
    let disk = new_vault();
    let killed = Careless { disk: disk.clone(), syncs_files: false, syncs_names: false };
    let mut vault = Vault::open_on(killed).unwrap();
    vault.commit(Change::PinRetries(3)).unwrap();
    vault.commit(Change::SignCountCeiling(64)).unwrap();
    drop(vault);
    let seen = Vault::open_on(disk.clone()).unwrap();
    assert_eq!((seen.state().pin_retries, seen.state().sign_count_ceiling), (3, 64));
    assert_durable(&disk, seen.state());
}

#[test]
fn a_full_disk_still_lets_the_signature_counter_rise_and_gets_its_space_back() {
    let disk = new_vault();
    let mut vault = Vault::open_on(disk.clone()).unwrap();
    // Of a commit's calls the third writes the new file.
    disk.fail_calls(2..3, ErrorKind::StorageFull);
    assert_eq!(vault.commit(Change::PinRetries(3)), Err(StoreError::Full));
    assert_eq!(disk.contents(UNFINISHED), None);
    let before = disk.calls();
    assert_eq!(vault.commit(Change::SignCountCeiling(64)), Ok(()));
    assert_eq!(disk.calls() - before, 3, "a ceiling is one look, one write and one sync");
}

#[test]
fn errors_are_told_apart() {
    for (kind, expected) in [
        (ErrorKind::StorageFull, StoreError::Full),
        (ErrorKind::QuotaExceeded, StoreError::Full),
        (ErrorKind::FileTooLarge, StoreError::Full),
        (ErrorKind::ReadOnlyFilesystem, StoreError::Failed),
        (ErrorKind::Other, StoreError::Failed),
    ] {
        let disk = new_vault();
        let mut vault = Vault::open_on(disk.clone()).unwrap();
        disk.fail_calls(0..usize::MAX, kind);
        assert_eq!(vault.commit(Change::PinRetries(3)), Err(expected));
        assert_eq!(vault.commit(Change::SignCountCeiling(64)), Err(expected));
    }
}

#[test]
fn the_reason_of_a_refusal_can_be_asked_for_until_the_next_commit() {
    let disk = new_vault();
    let mut vault = Vault::open_on(disk.clone()).unwrap();
    assert!(vault.why_refused().is_none());
    disk.fail_calls(0..usize::MAX, ErrorKind::ReadOnlyFilesystem);
    vault.commit(Change::PinRetries(3)).unwrap_err();
    assert_eq!(vault.why_refused().unwrap().kind(), ErrorKind::ReadOnlyFilesystem);
    disk.fail_calls(0..0, ErrorKind::Other);
    vault.commit(Change::PinRetries(3)).unwrap();
    assert!(vault.why_refused().is_none());
}

#[test]
fn the_longest_state_is_saved_and_read_and_one_byte_more_is_refused() {
    let disk = new_vault();
    let mut vault = Vault::open_on(disk.clone()).unwrap();
    vault.commit(Change::LargeBlobs(vec![0; 70_000])).unwrap();
    let room = MAX_STATE_FILE - disk.contents(STATE).unwrap().len() + 70_000;
    assert_eq!(vault.commit(Change::LargeBlobs(vec![0; room + 1])), Err(StoreError::Full));
    assert_eq!(vault.state().large_blobs.len(), 70_000);
    vault.commit(Change::LargeBlobs(vec![0; room])).unwrap();
    assert_eq!(disk.contents(STATE).unwrap().len(), MAX_STATE_FILE);
    assert_eq!(Vault::open_on(disk.copy()).unwrap().state().large_blobs.len(), room);
}

// ---- Power cuts ----

#[derive(Default)]
struct Found {
    disks: usize,
    violations: Vec<String>,
}

/// Carries out the changes once for each call there is, cutting the power after it, and looks at every disk that may be
/// found then.
fn cut_power_everywhere<D: Disk>(
    wrap: impl Fn(SimulatedDisk) -> D,
    changes: fn() -> Vec<Change>,
) -> Found {
    let states = states_along(changes);
    let mut found = Found::default();
    for calls in 0.. {
        let disk = new_vault();
        let mut vault = Vault::open_on(wrap(disk.clone())).unwrap();
        disk.fail_calls(calls..usize::MAX, ErrorKind::Other);
        let acknowledged =
            changes().into_iter().map_while(|change| vault.commit(change).ok()).count();
        assert_eq!(reveal(vault.state()), reveal(&states[acknowledged]));
        for disk in disk.after_power_cut() {
            found.disks += 1;
            found.violations.extend(
                violation(disk, &states, acknowledged).map(|what| format!("{calls} calls: {what}")),
            );
        }
        if acknowledged + 1 == states.len() {
            break;
        }
    }
    found
}

fn violation(disk: SimulatedDisk, states: &[State], acknowledged: usize) -> Option<String> {
    let mut vault = match Vault::open_on(disk.clone()) {
        Ok(vault) => vault,
        Err(error) => return Some(error.to_string()),
    };
    let state = but_ceiling(vault.state());
    let mut allowed = states[acknowledged..].iter().take(2);
    if !allowed.any(|allowed| but_ceiling(allowed) == state) {
        return Some(format!("after {acknowledged} changes there was {state}"));
    }
    let ceiling = vault.state().sign_count_ceiling;
    if ceiling < states[acknowledged].sign_count_ceiling {
        return Some(format!("the ceiling went back to {ceiling}"));
    }
    // Life goes on, and the ceiling does not go back later either.
    vault.commit(Change::SignCountCeiling(ceiling + 1)).unwrap();
    vault.commit(Change::UvRetries(1)).unwrap();
    let reopened = Vault::open_on(disk).unwrap();
    assert_eq!(reopened.state().sign_count_ceiling, ceiling + 1);
    assert_eq!(reopened.state().uv_retries, 1);
    None
}

/// A disk whose vault forgets to sync.
struct Careless {
    disk: SimulatedDisk,
    syncs_files: bool,
    syncs_names: bool,
}

impl Disk for Careless {
    type File = FileNumber;

    fn directory(&self) -> &Path {
        self.disk.directory()
    }
    fn open(&self, name: &str) -> io::Result<Option<FileNumber>> {
        self.disk.open(name)
    }
    fn create(&self, name: &str) -> io::Result<FileNumber> {
        self.disk.create(name)
    }
    fn read(&self, file: &FileNumber, at_most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
        self.disk.read(file, at_most)
    }
    fn write_at(&self, file: &FileNumber, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.write_at(file, offset, bytes)
    }
    fn sync(&self, file: &FileNumber) -> io::Result<()> {
        if self.syncs_files { self.disk.sync(file) } else { Ok(()) }
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn is_at(&self, name: &str, file: &FileNumber) -> io::Result<bool> {
        self.disk.is_at(name, file)
    }
    fn sync_directory(&self) -> io::Result<()> {
        if self.syncs_names { self.disk.sync_directory() } else { Ok(()) }
    }
}

// ---- Failing calls ----

/// Carries out all changes while some calls fail, each again until it is done. After each refusal `examine` sees the disk and
/// the state that should be on it. Returns how many commits were refused.
fn fail_calls(
    first: usize,
    times: usize,
    states: &[State],
    examine: impl Fn(&SimulatedDisk, &State),
) -> usize {
    let disk = new_vault();
    let mut vault = Vault::open_on(disk.clone()).unwrap();
    disk.fail_calls(first..first + times, ErrorKind::StorageFull);
    let mut refused = 0;
    for (number, change) in all_changes().into_iter().enumerate() {
        let mut result = vault.commit(change);
        if result.is_ok() {
            continue;
        }
        for tries in 0.. {
            assert!(tries < times, "change {number} is refused for ever");
            assert_eq!(result, Err(StoreError::Full));
            assert_eq!(reveal(vault.state()), reveal(&states[number]));
            examine(&disk, vault.state());
            refused += 1;
            result = vault.commit(all_changes().swap_remove(number));
            if result.is_ok() {
                break;
            }
        }
        assert_durable(&disk, &states[number + 1]);
    }
    assert_eq!(reveal(vault.state()), reveal(&states[states.len() - 1]));
    refused
}

fn assert_durable(disk: &SimulatedDisk, state: &State) {
    for disk in disk.after_power_cut() {
        let found = Vault::open_on(disk).unwrap();
        assert_eq!(but_ceiling(found.state()), but_ceiling(state));
        assert!(found.state().sign_count_ceiling >= state.sign_count_ceiling);
    }
}

// ---- What happens ----

fn new_vault() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let mut vault = Vault::create_on(disk.clone(), &mut rng()).unwrap();
    vault.commit(Change::Reset(Box::new(State { sign_count_ceiling: 1, ..sample() }))).unwrap();
    disk
}

/// The first state and the one after each change.
fn states_along(changes: fn() -> Vec<Change>) -> Vec<State> {
    let after = |done| {
        let mut state = State { sign_count_ceiling: 1, ..sample() };
        changes().into_iter().take(done).for_each(|change| state.apply(change));
        state
    };
    (0..=changes().len()).map(after).collect()
}

fn two_changes() -> Vec<Change> {
    vec![Change::PinRetries(5), Change::LargeBlobs(vec![5; 300])]
}

fn all_changes() -> Vec<Change> {
    let id = vec![1; 40];
    vec![
        Change::PinRetries(6),
        Change::SignCountCeiling(64),
        Change::PinVerified,
        Change::SignCountCeiling(128),
        Change::SignCountCeiling(192),
        Change::SaveCredential {
            credential: Box::new(sample_credential(9)),
            cred_store_state: [1; 16],
        },
        Change::UpdateUser {
            id: id.clone(),
            user: User { id: vec![1; 16], name: None, display_name: Some("Ada".to_owned()) },
            cred_store_state: [2; 16],
        },
        Change::SaveLargeBlob { id: id.clone(), large_blob: LargeBlob::Empty },
        Change::DeleteCredential { id, cred_store_state: [3; 16] },
        Change::ChangePin {
            pin: Pin { hash: Secret::new(&[7; 16]), code_points: 8 },
            persistent_token: Secret::new(&[8; 32]),
        },
        Change::SignCountCeiling(256),
        Change::Reset(Box::new(State { sign_count_ceiling: 0, pin: None, ..sample() })),
        Change::SignCountCeiling(320),
        Change::LargeBlobs(vec![9; 300]),
    ]
}

/// Everything but the ceiling, which may be ahead of what was acknowledged.
fn but_ceiling(state: &State) -> String {
    let ceiling = format!("sign_count_ceiling: {} }}", state.sign_count_ceiling);
    let revealed = reveal(state);
    assert!(revealed.contains(&ceiling));
    revealed.replace(&ceiling, "")
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}
