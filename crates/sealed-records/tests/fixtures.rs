//! Every released format has its files here, and every later version opens them (P-18).

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use sealed_records::Durability::Wait;
use sealed_records::simulated::SimulatedDisk;
use sealed_records::{Change, KEY, RECORDS, Rollback, Tail, Unlock, Vault};
use support::{Map, map, passphrase, place, rng};

#[test]
fn version_1_is_opened_however_it_is_locked() {
    for (name, unlock) in ways() {
        let disk = SimulatedDisk::new();
        disk.put(RECORDS, &kept(&name));
        disk.put(KEY, &kept("key"));
        let opened = Vault::open_on(place(disk), &unlock, Rollback::Refuse, rng()).unwrap();
        assert_eq!(map(&opened.records), contents(), "{name}");
        assert_eq!(opened.tail, Tail::Whole);
    }
}

/// The format cannot change by accident. While version 1 is not released, its files are made again from what the failing test
/// leaves in the directory it names.
#[test]
fn version_1_is_what_is_written_byte_for_byte() {
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("version-1");
    fs::create_dir_all(&made).unwrap();
    let mut same = true;
    for (name, unlock) in ways() {
        let disk = SimulatedDisk::new();
        let mut vault = Vault::create_on(place(disk.clone()), &unlock, rng()).unwrap();
        for (name, value) in contents() {
            vault.commit(&[Change::set(b"gone", b"1"), Change::set(&name, &value)], Wait).unwrap();
        }
        vault.commit(&[Change::remove(b"gone")], Wait).unwrap();
        drop(vault);
        let mut files = vec![(name, used(disk.contents(RECORDS).unwrap()))];
        files.extend(disk.contents(KEY).map(|key| ("key".to_owned(), key)));
        for (name, bytes) in files {
            fs::write(made.join(&name), &bytes).unwrap();
            same &= fs::read(fixture(&name)).is_ok_and(|kept| kept == bytes);
        }
    }
    assert!(same, "the format has changed: see the files in {}", made.display());
}

fn ways() -> [(String, Unlock); 3] {
    [
        ("key-file.keyfob".to_owned(), Unlock::KeyFile),
        ("passphrase.keyfob".to_owned(), passphrase("correct horse battery staple")),
        ("credential.keyfob".to_owned(), Unlock::Credential(fixture("credential"))),
    ]
}

/// Without the zeros at the end.
fn used(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(end);
    bytes
}

fn contents() -> Map {
    [("", "an empty name"), ("empty", ""), ("tries", "\x08"), ("long", &"0123456789".repeat(50))]
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn kept(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).unwrap()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/version-1").join(name)
}
