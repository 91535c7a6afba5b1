//! Power cuts and failing disks, exhaustively, on a simulated disk (P-11, P-12).

mod support;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;

use sealed_records::Durability::{Lazy, Wait};
use sealed_records::simulated::{FileNumber, SimulatedDisk};
use sealed_records::{
    Change, CommitError, Disk, Error, KEY, RECORDS, UNFINISHED, UNFINISHED_KEY, Unlock, Vault,
};
use support::{Map, Step, create, held, map, open, place, rng};

// ---- Power cuts ----

#[test]
fn a_power_cut_leaves_what_was_acknowledged_and_no_half_of_a_commit() {
    let found = cut_power_everywhere(|disk| disk, &all_steps());
    assert_eq!(found.violations, Vec::<String>::new());
    assert!(found.disks > 1000, "only {} disks were looked at", found.disks);
}

#[test]
fn the_model_notices_a_vault_that_does_not_sync_its_files() {
    let careless = |disk| Careless { disk, syncs_files: false, syncs_names: true };
    assert!(!cut_power_everywhere(careless, &two_steps()).violations.is_empty());
}

#[test]
fn the_model_notices_a_vault_that_does_not_sync_its_directory() {
    let careless = |disk| Careless { disk, syncs_files: true, syncs_names: false };
    let steps = [vec![Step::ReplaceAll(Vec::new())], two_steps()].concat();
    assert!(!cut_power_everywhere(careless, &steps).violations.is_empty());
}

/// Three commits, the second of which makes most of the file dead, so that the third begins with a new one.
#[test]
fn a_power_cut_while_the_file_is_made_smaller_loses_nothing() {
    let steps = [
        Step::set("long", &[7; 140 * 1024], Wait),
        Step::set("long", b"short", Lazy),
        Step::set("a", b"3", Wait),
    ];
    let found = cut_power_everywhere(|disk| disk, &steps);
    assert_eq!(found.violations, Vec::<String>::new());
    assert!(found.disks > 300, "only {} disks were looked at", found.disks);
}

/// A call fails, and a few calls later the power: while what was refused is being settled, or after that.
#[test]
fn a_power_cut_after_a_failed_call_leaves_what_was_acknowledged_and_no_half_of_a_commit() {
    let mut disks = 0;
    for failing in 0.. {
        let mut refused = false;
        for calls in [0, 1, 2, 3, 5, 8, 13] {
            let disk = new_vault();
            let mut vault = open(disk.clone()).unwrap().vault;
            let steps = short_steps();
            disk.fail_calls_then_cut_power(failing, calls);
            let acknowledged = steps.iter().take_while(|step| step.ask(&mut vault).is_ok()).count();
            refused |= acknowledged < steps.len();
            let allowed = allowed(&steps, acknowledged);
            for disk in disk.after_power_cut() {
                disks += 1;
                let violation = violation(&disk, &allowed);
                assert_eq!(
                    violation, None,
                    "call {failing} failed, and after {calls} more the power"
                );
            }
            std::mem::forget(vault);
        }
        if !refused {
            assert!(failing > 20 && disks > 500, "{failing} calls, {disks} disks");
            return;
        }
    }
}

fn short_steps() -> Vec<Step> {
    vec![
        Step::set("a", b"3", Wait),
        Step::set("tries", b"7", Lazy),
        Step::set("c", &[5; 100], Wait),
        Step::ReplaceAll(vec![(b"z".to_vec(), b"1".to_vec())]),
        Step::set("a", b"4", Wait),
    ]
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
            found.for_each(|disk| drop(open(disk).unwrap()));
            break;
        }
        left.extend(found.map(|disk| (files(&disk), disk)));
    }
    // And the power fails again, while a vault is made from what the first cut left.
    for first in left.clone().into_values() {
        for calls in 0.. {
            let disk = first.copy();
            let done = start_until_cut(&disk, calls);
            left.extend(disk.after_power_cut().map(|disk| (files(&disk), disk)));
            if done {
                break;
            }
        }
    }
    left.into_values().for_each(start_again);
}

#[test]
fn a_disk_that_fails_while_a_vault_is_made_does_not_make_the_next_start_refuse() {
    for calls in 0.. {
        let disk = SimulatedDisk::new();
        disk.fail_calls(calls..calls + 1, ErrorKind::StorageFull);
        if Vault::create_on(place(disk.clone()), &Unlock::KeyFile, rng()).is_ok() {
            assert!(calls > 15, "only {calls} calls were tried");
            return;
        }
        start_again(disk.copy());
        disk.after_power_cut().for_each(start_again);
    }
}

/// P-14: whatever a power cut left of a vault that was whole, without its records it is not taken for a new one.
#[test]
fn a_whole_vault_that_lost_its_records_is_never_taken_for_an_unfinished_one() {
    for calls in 0.. {
        let disk = new_vault();
        let mut vault = open(disk.clone()).unwrap().vault;
        disk.fail_calls(calls..usize::MAX, ErrorKind::Other);
        let done = all_steps().iter().take_while(|step| step.ask(&mut vault).is_ok()).count();
        for disk in disk.after_power_cut() {
            disk.remove(RECORDS).unwrap();
            let made = Vault::create_on(place(disk.copy()), &Unlock::KeyFile, rng()).map(drop);
            for result in [open(disk.copy()).map(drop), made] {
                assert!(matches!(result, Err(Error::RecordsMissing { .. })), "{result:?}");
            }
        }
        if done == all_steps().len() {
            return;
        }
    }
}

/// Opening repairs what a power cut left; the power may fail then, too.
#[test]
fn a_power_cut_while_a_torn_vault_is_opened_and_repaired_loses_nothing() {
    let disk = new_vault();
    let mut vault = open(disk.clone()).unwrap().vault;
    vault.commit(&[Change::set(b"kept", b"1")], Wait).unwrap();
    let kept = held(&disk);
    vault.commit(&[Change::set(b"lost", &[7; 200])], Lazy).unwrap();
    let torn: Vec<_> = disk.after_power_cut().filter(is_torn).collect();
    assert!(torn.len() > 5, "{} torn", torn.len());
    for first in torn.iter().step_by(torn.len() / 4) {
        for calls in 0.. {
            let disk = first.copy();
            disk.fail_calls(calls..usize::MAX, ErrorKind::Other);
            let done = open(disk.clone())
                .is_ok_and(|opened| opened.vault_commits(&[Change::set(b"new", b"2")]));
            let mut new = kept.clone();
            new.insert(b"new".to_vec(), b"2".to_vec());
            for disk in disk.after_power_cut() {
                let found = held(&disk);
                assert!(found == new || (!done && found == kept), "{calls} calls: {found:?}");
            }
            if done {
                break;
            }
        }
    }
}

trait Commits {
    fn vault_commits(self, changes: &[Change<'_>]) -> bool;
}

impl Commits for sealed_records::Opened<SimulatedDisk> {
    fn vault_commits(mut self, changes: &[Change<'_>]) -> bool {
        self.vault.commit(changes, Wait).is_ok()
    }
}

fn is_torn(disk: &SimulatedDisk) -> bool {
    open(disk.copy()).unwrap().tail == sealed_records::Tail::Torn
}

/// Killed before it synced, a process leaves its last writes to the kernel. Whoever opens the vault next acts on them.
#[test]
fn what_is_seen_after_a_kill_survives_a_power_cut_after_that() {
    let disk = new_vault();
    let killed = Careless { disk: disk.clone(), syncs_files: false, syncs_names: false };
    let mut vault = open(killed).unwrap().vault;
    vault.commit(&[Change::set(b"a", b"7")], Wait).unwrap();
    vault.replace_all(&[Change::set(b"a", b"8")]).unwrap();
    vault.commit(&[Change::set(b"b", b"9")], Wait).unwrap();
    std::mem::forget(vault);
    let seen = map(&open(disk.clone()).unwrap().records);
    assert_eq!(seen.len(), 2);
    assert_durable(&disk, &seen);
}

/// A sync failed, the process died before it could settle that, and the system still shows what is not on the medium.
#[test]
fn what_the_next_start_believes_is_durable_even_if_a_sync_failed_before() {
    let disk = new_vault();
    let mut vault = open(disk.clone()).unwrap().vault;
    // Of a commit's calls the third syncs. All that would settle it fails too.
    disk.fail_calls(2..usize::MAX, ErrorKind::Other);
    vault.commit(&[Change::set(b"a", b"7")], Wait).unwrap_err();
    drop(vault);
    disk.fail_calls(0..0, ErrorKind::Other);
    let seen = map(&open(disk.clone()).unwrap().records);
    assert_durable(&disk, &seen);
}

// ---- Failing calls ----

#[test]
fn a_failing_call_changes_nothing_and_the_next_commit_works() {
    let states = states_along(&all_steps());
    let refused = fail_calls_everywhere(1, &states, |disk, state| assert_eq!(&held(disk), state));
    assert!(refused > 50, "only {refused} steps were refused");
}

/// What was refused may be seen on the disk while the trouble lasts. It must be gone when anything has been committed.
#[test]
fn a_disk_that_fails_for_a_while_is_put_right_by_the_next_commit() {
    let states = states_along(&all_steps());
    for times in [2, 5] {
        let refused = fail_calls_everywhere(times, &states, |_, _| {});
        assert!(refused > 50, "only {refused} steps were refused");
    }
}

#[test]
fn a_refused_commit_does_not_come_back_when_the_process_dies_at_once() {
    let disk = new_vault();
    let before = held(&disk);
    let mut vault = open(disk.clone()).unwrap().vault;
    // Of a commit's calls the third syncs.
    disk.fail_calls(2..3, ErrorKind::Other);
    assert_eq!(vault.commit(&[Change::set(b"a", b"7")], Wait), Err(CommitError::Failed));
    assert_eq!(held(&disk), before);
    assert_durable(&disk, &before);
}

#[test]
fn a_lazy_commit_is_durable_at_the_barrier_even_if_a_sync_fails() {
    for failing in 0.. {
        let disk = new_vault();
        let mut vault = open(disk.clone()).unwrap().vault;
        vault.commit(&[Change::set(b"a", b"7")], Lazy).unwrap();
        let expected = held(&disk);
        disk.fail_calls(failing..failing + 1, ErrorKind::Other);
        let before = disk.calls();
        vault.commit(&[], Wait).unwrap();
        assert_durable(&disk, &expected);
        if disk.calls() - before <= failing {
            return;
        }
    }
}

#[test]
fn a_commit_is_one_look_one_write_and_one_sync_and_a_head_that_nobody_waits_for() {
    let disk = new_vault();
    let mut vault = open(disk.clone()).unwrap().vault;
    let before = (disk.calls(), disk.syncs());
    vault.commit(&[Change::set(b"tries", b"7")], Wait).unwrap();
    assert_eq!((disk.calls() - before.0, disk.syncs() - before.1), (4, 1));
    let before = (disk.calls(), disk.syncs());
    vault.commit(&[Change::set(b"tries", b"8")], Lazy).unwrap();
    assert_eq!((disk.calls() - before.0, disk.syncs() - before.1), (2, 0));
    vault.commit(&[], Wait).unwrap();
    assert_eq!(disk.syncs() - before.1, 1);
    vault.commit(&[], Wait).unwrap();
    assert_eq!(disk.syncs() - before.1, 1, "nothing is left to wait for");
}

#[test]
fn a_full_disk_gets_its_space_back_and_the_file_stays_as_it_was() {
    let disk = new_vault();
    let mut vault = open(disk.clone()).unwrap().vault;
    let before = disk.contents(RECORDS);
    // The fourth call of a replacement writes.
    disk.fail_calls(3..4, ErrorKind::StorageFull);
    assert_eq!(vault.replace_all(&[]), Err(CommitError::Full));
    assert_eq!(disk.contents(UNFINISHED), None);
    assert_eq!(disk.contents(RECORDS), before);
    vault.commit(&[Change::set(b"a", b"7")], Wait).unwrap();
}

#[test]
fn errors_are_told_apart_and_their_reason_can_be_asked_for_until_the_next_commit() {
    for (kind, expected) in [
        (ErrorKind::StorageFull, CommitError::Full),
        (ErrorKind::QuotaExceeded, CommitError::Full),
        (ErrorKind::FileTooLarge, CommitError::Full),
        (ErrorKind::ReadOnlyFilesystem, CommitError::Failed),
        (ErrorKind::Other, CommitError::Failed),
    ] {
        let disk = new_vault();
        let mut vault = open(disk.clone()).unwrap().vault;
        assert!(vault.why_refused().is_none());
        disk.fail_calls(0..usize::MAX, kind);
        assert_eq!(vault.commit(&[Change::set(b"a", b"7")], Wait), Err(expected));
        assert_eq!(vault.why_refused().unwrap().kind(), kind);
        disk.fail_calls(0..0, kind);
        assert_eq!(vault.commit(&[Change::set(b"a", b"7")], Wait), Ok(()));
        assert!(vault.why_refused().is_none());
    }
}

// ---- How ----

#[derive(Default)]
struct Found {
    disks: usize,
    violations: Vec<String>,
}

/// Carries out the steps once for each call there is, cutting the power after it, and looks at every disk that may be found
/// then.
fn cut_power_everywhere<D: Disk>(wrap: impl Fn(SimulatedDisk) -> D, steps: &[Step]) -> Found {
    let mut found = Found::default();
    for calls in 0..2000 {
        let disk = new_vault();
        let Ok(opened) = open(wrap(disk.clone())) else { panic!("a vault that is whole") };
        let mut vault = opened.vault;
        disk.fail_calls(calls..usize::MAX, ErrorKind::Other);
        let acknowledged = steps.iter().take_while(|step| step.ask(&mut vault).is_ok()).count();
        let allowed = allowed(steps, acknowledged);
        for disk in disk.after_power_cut() {
            found.disks += 1;
            found
                .violations
                .extend(violation(&disk, &allowed).map(|what| format!("{calls} calls: {what}")));
        }
        std::mem::forget(vault);
        if acknowledged == steps.len() {
            return found;
        }
    }
    panic!("the steps never end");
}

/// What may be found when so many steps were acknowledged: nothing older than the last of them that was waited for, and at most
/// one step more.
fn allowed(steps: &[Step], acknowledged: usize) -> Vec<Map> {
    let durable = steps[..acknowledged].iter().rposition(Step::is_durable);
    let oldest = durable.map_or(0, |step| step + 1);
    let mut states = states_along(steps);
    states.truncate(acknowledged + 2);
    states.split_off(oldest)
}

fn violation(disk: &SimulatedDisk, allowed: &[Map]) -> Option<String> {
    let opened = match open(disk.clone()) {
        Ok(opened) => opened,
        Err(error) => return Some(error.to_string()),
    };
    let (mut vault, mut found) = (opened.vault, map(&opened.records));
    if !allowed.contains(&found) {
        return Some(format!("there was {found:?}, not one of {allowed:?}"));
    }
    // Life goes on.
    vault.commit(&[Change::set(b"later", b"1")], Wait).unwrap();
    found.insert(b"later".to_vec(), b"1".to_vec());
    assert_eq!(held(disk), found);
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
    fn length(&self, file: &FileNumber) -> io::Result<u64> {
        self.disk.length(file)
    }
    fn read_at(&self, file: &FileNumber, offset: u64, at_most: usize) -> io::Result<Vec<u8>> {
        self.disk.read_at(file, offset, at_most)
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

/// Carries out all steps while some calls fail, once for each call that may be the first to fail, and each step again until it is
/// done. After each refusal `examine` sees the disk and what should be on it. Returns how many were refused.
fn fail_calls_everywhere(
    times: usize,
    states: &[Map],
    examine: impl Fn(&SimulatedDisk, &Map),
) -> usize {
    let mut refused = 0;
    for first in 0.. {
        let disk = new_vault();
        let mut vault = open(disk.clone()).unwrap().vault;
        let before = disk.calls();
        disk.fail_calls(first..first + times, ErrorKind::StorageFull);
        let mut matters = false;
        for (number, step) in all_steps().iter().enumerate() {
            let refusals = refusals(step, &mut vault, times, || examine(&disk, &states[number]));
            refused += refusals;
            matters |= refusals > 0;
            if matters && step.is_durable() {
                matters = false;
                assert_durable(&disk, &states[number + 1]);
            }
        }
        assert_eq!(held(&disk), states[states.len() - 1], "call {first}");
        if disk.calls() - before <= first {
            break;
        }
    }
    refused
}

/// How often the step is refused before it is done.
fn refusals(
    step: &Step,
    vault: &mut Vault<SimulatedDisk>,
    times: usize,
    examine: impl Fn(),
) -> usize {
    for refusals in 0..=times {
        let Err(error) = step.ask(vault) else { return refusals };
        assert!(matches!((step, error), (Step::Rewrap, _) | (_, CommitError::Full)));
        examine();
    }
    panic!("{step:?} is refused for ever");
}

fn assert_durable(disk: &SimulatedDisk, state: &Map) {
    disk.after_power_cut().for_each(|disk| assert_eq!(&held(&disk), state));
}

/// Starts as if for the first time, until the power is cut after so many calls; `true`: it was not needed for more.
fn start_until_cut(disk: &SimulatedDisk, calls: usize) -> bool {
    disk.fail_calls(calls..usize::MAX, ErrorKind::Other);
    match open(disk.clone()) {
        Err(Error::NoVault { .. }) => {
            Vault::create_on(place(disk.clone()), &Unlock::KeyFile, rng()).is_ok()
        }
        opened => opened.is_ok(),
    }
}

/// The next start finds a vault or makes one: whatever is left of the first try, it is not refused.
fn start_again(disk: SimulatedDisk) {
    match open(disk.clone()) {
        Ok(_) => {}
        Err(Error::NoVault { .. }) => drop(create(disk)),
        Err(error) => panic!("{:?}: {error}", files(&disk).map(|file| file.map(|file| file.len()))),
    }
}

fn files(disk: &SimulatedDisk) -> [Option<Vec<u8>>; 4] {
    [RECORDS, KEY, UNFINISHED, UNFINISHED_KEY].map(|name| disk.contents(name))
}

fn new_vault() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let mut vault = create(disk.clone());
    vault.commit(&[Change::set(b"a", b"1"), Change::set(b"b", &[2; 40])], Wait).unwrap();
    drop(vault);
    disk
}

/// What there is first, and after each step.
fn states_along(steps: &[Step]) -> Vec<Map> {
    let mut map = held(&new_vault());
    let mut states = vec![map.clone()];
    for step in steps {
        step.apply(&mut map);
        states.push(map.clone());
    }
    states
}

fn two_steps() -> Vec<Step> {
    vec![Step::set("a", b"3", Wait), Step::set("c", &[5; 300], Wait)]
}

fn all_steps() -> Vec<Step> {
    vec![
        Step::set("a", b"3", Wait),
        Step::set("tries", b"7", Wait),
        Step::set("tries", b"8", Lazy),
        Step::Commit(vec![(b"a".to_vec(), None), (b"c".to_vec(), Some(vec![4; 300]))], Wait),
        Step::set("x", b"1", Lazy),
        Step::set("y", b"2", Lazy),
        Step::Commit(Vec::new(), Wait),
        Step::set("x", b"3", Lazy),
        Step::ReplaceAll(vec![(b"z".to_vec(), b"1".to_vec())]),
        Step::set("y", b"4", Lazy),
        Step::Rewrap,
        Step::set("a", b"5", Wait),
        Step::ReplaceAll(Vec::new()),
        Step::set("a", b"6", Wait),
    ]
}
