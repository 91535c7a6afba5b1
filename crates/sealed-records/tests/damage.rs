//! Every flipped bit and every truncation of a file (P-14): it is refused with a reason, or opens with nothing lost that was
//! acknowledged. And what a power cut leaves is told from what somebody or something damaged.

mod support;

use std::ops::Range;

use sealed_records::Durability::{Lazy, Wait};
use sealed_records::simulated::SimulatedDisk;
use sealed_records::{Change, Disk as _, Error, Fault, KEY, RECORDS, Tail};
use support::{Map, create, map, open, passphrase, rng};

/// Closed as it should be, so that the heads are as new as the records.
fn sample() -> (SimulatedDisk, Map) {
    let disk = SimulatedDisk::new();
    let mut vault = create(disk.clone());
    vault.commit(&[Change::set(b"a", b"1"), Change::set(b"b", &[2; 40])], Wait).unwrap();
    vault.commit(&[Change::set(b"tries", b"7")], Lazy).unwrap();
    vault.commit(&[Change::set(b"tries", b"8"), Change::remove(b"a")], Wait).unwrap();
    drop(vault);
    let opened = open(disk.copy()).unwrap();
    (disk, map(&opened.records))
}

/// Where they begin.
const FRAMES: usize = 12 * 1024;

fn with(disk: &SimulatedDisk, contents: &[u8]) -> SimulatedDisk {
    let copy = SimulatedDisk::new();
    copy.put(KEY, &disk.contents(KEY).unwrap());
    copy.put(RECORDS, contents);
    copy
}

#[test]
fn every_flipped_bit_is_refused_or_harmless() {
    let (disk, expected) = sample();
    let whole = disk.contents(RECORDS).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 64;
    let mut refused = 0;
    // Header, heads and frames; of the zeros between them some.
    let used = (0..240).chain(4096..4160).chain(8192..8256).chain(FRAMES..end);
    for bit in used.chain([300, 5000, 9000]).flat_map(|byte| byte * 8..byte * 8 + 8) {
        let mut contents = whole.clone();
        contents[bit / 8] ^= 1 << (bit % 8);
        match open(with(&disk, &contents)) {
            Ok(opened) => assert_eq!(map(&opened.records), expected, "bit {bit}"),
            Err(Error::Refused { fault, .. }) => {
                assert!(!fault.to_string().is_empty());
                refused += 1;
            }
            Err(error) => panic!("bit {bit}: {error}"),
        }
    }
    // All of the header, and of three frames of 64, 64 and 128 bytes or more.
    assert!(refused > (200 + 3 * 64) * 8, "{refused} bits were noticed");
}

#[test]
fn every_truncation_is_refused_or_harmless() {
    let (disk, expected) = sample();
    let whole = disk.contents(RECORDS).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let all = (0..300).chain(4090..4200).chain(8180..8260).chain(FRAMES - 2..end + 70);
    for length in all.chain([whole.len() - 1]) {
        match open(with(&disk, &whole[..length])) {
            Ok(opened) => {
                assert!(length >= end, "{length} bytes");
                assert_eq!(map(&opened.records), expected, "{length} bytes");
            }
            Err(Error::Refused { fault: Fault::Damaged { .. }, .. }) => assert!(length < end),
            Err(error) => panic!("{length} bytes: {error}"),
        }
    }
}

/// Behind the last frame there may be anything: nothing of it was acknowledged, but somebody may have begun to write.
#[test]
fn rubbish_behind_the_last_commit_is_told_and_told_again_until_the_next_commit() {
    let (disk, expected) = sample();
    let mut contents = disk.contents(RECORDS).unwrap();
    let end = contents.iter().rposition(|byte| *byte != 0).unwrap().next_multiple_of(64);
    contents[end + 5] = 1;
    let torn = with(&disk, &contents);
    for _ in 0..2 {
        let opened = open(torn.clone()).unwrap();
        assert_eq!(opened.tail, Tail::Torn);
        assert_eq!(map(&opened.records), expected);
    }
    let mut opened = open(torn.clone()).unwrap();
    opened.vault.commit(&[Change::set(b"new", b"1")], Wait).unwrap();
    drop(opened);
    let opened = open(torn).unwrap();
    assert_eq!(opened.tail, Tail::Whole);
    assert_eq!(opened.records.len(), expected.len() + 1);
}

/// The heads say that the last commit was durable; a later frame says it of an earlier one.
#[test]
fn a_commit_that_is_gone_is_damage_and_no_torn_end() {
    let (disk, _) = sample();
    let whole = disk.contents(RECORDS).unwrap();
    for frame in frames(&whole) {
        let mut contents = whole.clone();
        contents[frame].fill(0);
        assert_is_damage(with(&disk, &contents));
    }
}

/// Each is sealed for its place in the order.
#[test]
fn a_commit_in_the_place_of_another_is_damage_and_counts_nowhere() {
    let disk = SimulatedDisk::new();
    let mut vault = create(disk.clone());
    for tries in [b"8", b"7", b"6"] {
        vault.commit(&[Change::set(b"tries", tries)], Wait).unwrap();
    }
    drop(vault);
    let whole = disk.contents(RECORDS).unwrap();
    let [first, second, third] = frames(&whole);
    let mut repeated = whole.clone();
    repeated.copy_within(first, second.start);
    assert_is_damage(with(&disk, &repeated));
    let exchanged = [&whole[..second.start], &whole[third.clone()], &whole[second]].concat();
    assert_is_damage(with(&disk, &[&exchanged, &whole[third.end..]].concat()));
}

/// Where the three frames of a file are.
fn frames(whole: &[u8]) -> [Range<usize>; 3] {
    let mut end = FRAMES;
    let frames = [(); 3].map(|()| {
        let length = whole[end..].first_chunk().map_or(0, |length| u32::from_be_bytes(*length));
        let begin = end;
        end += length as usize;
        begin..end
    });
    assert_eq!(whole[end..end + 4], [0; 4], "there is no fourth one");
    frames
}

fn assert_is_damage(disk: SimulatedDisk) {
    let refusal = open(disk).unwrap_err();
    let damaged = matches!(refusal, Error::Refused { fault: Fault::Damaged { .. }, .. });
    assert!(damaged, "{refusal}");
    assert_eq!(refusal.advice(), "restore the vault from a backup");
}

#[test]
fn what_is_refused_is_left_as_it_is() {
    let (disk, _) = sample();
    let whole = disk.contents(RECORDS).unwrap();
    for at in [3, 20, 13 * 1024 - 900] {
        let mut contents = whole.clone();
        contents[at] ^= 1;
        let damaged = with(&disk, &contents);
        assert!(open(damaged.clone()).is_err(), "byte {at}");
        let made = sealed_records::Vault::create_on(
            support::place(damaged.clone()),
            &sealed_records::Unlock::KeyFile,
            rng(),
        );
        assert!(matches!(made, Err(Error::AlreadyExists { .. })));
        assert_eq!(damaged.contents(RECORDS), Some(contents));
    }
}

#[test]
fn a_file_far_too_long_is_refused_without_being_read() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("vault");
    let access = sealed_records::Access {
        unlock: &sealed_records::Unlock::KeyFile,
        witness: None,
        rollback: sealed_records::Rollback::Refuse,
    };
    drop(sealed_records::Vault::create(&directory, &access, rng()).unwrap());
    let file = std::fs::File::options().write(true).open(directory.join(RECORDS)).unwrap();
    file.set_len(sealed_records::limits::MAX_FILE + 1).unwrap();
    let refusal = sealed_records::Vault::open(&directory, &access, rng()).unwrap_err();
    assert!(matches!(refusal, Error::Refused { fault: Fault::TooLong, .. }), "{refusal}");
}

// P-15
#[test]
fn no_name_and_no_value_can_be_read_in_the_files() {
    let disk = SimulatedDisk::new();
    let mut vault = create(disk.clone());
    let canaries = [b"example.com canary".as_slice(), b"private key canary"];
    vault.commit(&[Change::set(canaries[0], canaries[1])], Wait).unwrap();
    vault.replace_all(&[Change::set(canaries[1], canaries[0])]).unwrap();
    vault.rewrap(&passphrase("correct horse")).unwrap();
    drop(vault);
    for name in [RECORDS, KEY, "new.keyfob", "new.key"] {
        let contents = disk.contents(name).unwrap_or_default();
        for canary in canaries {
            assert!(
                !contents.windows(6).any(|window| canary.windows(6).any(|part| part == window))
            );
        }
    }
    assert!(disk.open(KEY).unwrap().is_none());
}
