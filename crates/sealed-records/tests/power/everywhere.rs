//! The same steps again and again, with the power cut after each call there is, or each call failing.

use std::io::{self, ErrorKind};
use std::path::Path;

use sealed_records::Durability::{Lazy, Wait};
use sealed_records::simulated::{FileNumber, SimulatedDisk};
use sealed_records::{
    Change, CommitError, Disk, Error, KEY, RECORDS, UNFINISHED, UNFINISHED_KEY, Unlock, Vault,
};

use crate::support::{Map, Step, create, held, map, open, place, rng};

#[derive(Default)]
pub(crate) struct Found {
    pub(crate) disks: usize,
    pub(crate) violations: Vec<String>,
}

/// Carries out the steps once for each call there is, cutting the power after it, and looks at every disk that may be found
/// then.
pub(crate) fn cut_power_everywhere<D: Disk>(
    wrap: impl Fn(SimulatedDisk) -> D,
    steps: &[Step],
) -> Found {
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
pub(crate) fn allowed(steps: &[Step], acknowledged: usize) -> Vec<Map> {
    let durable = steps[..acknowledged].iter().rposition(Step::is_durable);
    let oldest = durable.map_or(0, |step| step + 1);
    let mut states = states_along(steps);
    states.truncate(acknowledged + 2);
    states.split_off(oldest)
}

pub(crate) fn violation(disk: &SimulatedDisk, allowed: &[Map]) -> Option<String> {
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
pub(crate) struct Careless {
    pub(crate) disk: SimulatedDisk,
    pub(crate) syncs_files: bool,
    pub(crate) syncs_names: bool,
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
pub(crate) fn fail_calls_everywhere(
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
pub(crate) fn refusals(
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

pub(crate) fn assert_durable(disk: &SimulatedDisk, state: &Map) {
    disk.after_power_cut().for_each(|disk| assert_eq!(&held(&disk), state));
}

/// Starts as if for the first time, until the power is cut after so many calls; `true`: it was not needed for more.
pub(crate) fn start_until_cut(disk: &SimulatedDisk, calls: usize) -> bool {
    disk.fail_calls(calls..usize::MAX, ErrorKind::Other);
    match open(disk.clone()) {
        Err(Error::NoVault { .. }) => {
            Vault::create_on(place(disk.clone()), &Unlock::KeyFile, rng()).is_ok()
        }
        opened => opened.is_ok(),
    }
}

/// The next start finds a vault or makes one: whatever is left of the first try, it is not refused.
pub(crate) fn start_again(disk: SimulatedDisk) {
    match open(disk.clone()) {
        Ok(_) => {}
        Err(Error::NoVault { .. }) => drop(create(disk)),
        Err(error) => panic!("{:?}: {error}", files(&disk).map(|file| file.map(|file| file.len()))),
    }
}

pub(crate) fn files(disk: &SimulatedDisk) -> [Option<Vec<u8>>; 4] {
    [RECORDS, KEY, UNFINISHED, UNFINISHED_KEY].map(|name| disk.contents(name))
}

pub(crate) fn new_vault() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let mut vault = create(disk.clone());
    vault.commit(&[Change::set(b"a", b"1"), Change::set(b"b", &[2; 40])], Wait).unwrap();
    drop(vault);
    disk
}

/// What there is first, and after each step.
pub(crate) fn states_along(steps: &[Step]) -> Vec<Map> {
    let mut map = held(&new_vault());
    let mut states = vec![map.clone()];
    for step in steps {
        step.apply(&mut map);
        states.push(map.clone());
    }
    states
}

pub(crate) fn two_steps() -> Vec<Step> {
    vec![Step::set("a", b"3", Wait), Step::set("c", &[5; 300], Wait)]
}

pub(crate) fn all_steps() -> Vec<Step> {
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
