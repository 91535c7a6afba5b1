//! Calls that fail: the commit is refused and nothing has changed, and the next one works.

use std::io::ErrorKind;

use sealed_records::Durability::{Lazy, Wait};
use sealed_records::{Change, CommitError, RECORDS, UNFINISHED};

use crate::everywhere::*;
use crate::support::{held, open};

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

// P-12
#[test]
fn work_that_was_done_meanwhile_does_not_make_a_refused_commit_count() {
    let disk = new_vault();
    let before = held(&disk);
    let mut vault = open(disk.clone()).unwrap().vault;
    let mut commit = |failing, value| {
        let mut done = 0;
        disk.fail_calls(failing..failing + 1, ErrorKind::Other);
        let outcome = vault.commit_while(&[Change::set(b"a", value)], &mut || done += 1);
        (outcome, done)
    };
    // Of a commit's calls the second writes, and the third syncs.
    assert_eq!(commit(1, b"7"), (Err(CommitError::Failed), 0));
    assert_durable(&disk, &before);
    assert_eq!(commit(2, b"7"), (Err(CommitError::Failed), 1));
    assert_durable(&disk, &before);
    assert_eq!(commit(9, b"8"), (Ok(()), 1));
    assert_eq!(held(&disk)[&b"a"[..]], b"8");
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
