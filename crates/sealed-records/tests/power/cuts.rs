//! Power cuts: what was acknowledged is found, and no half of a commit.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use sealed_records::Durability::{Lazy, Wait};
use sealed_records::simulated::SimulatedDisk;
use sealed_records::{Change, Disk, Error, RECORDS, Unlock, Vault};

use crate::everywhere::*;
use crate::support::{Step, held, map, open, place, rng};

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
