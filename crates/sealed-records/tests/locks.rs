//! What unlocks a vault (P-15), and the witness that notices an older copy (P-16).

mod support;

use std::fs;

use sealed_records::Durability::Wait;
use sealed_records::simulated::SimulatedDisk;
use sealed_records::{
    Access, Change, Disk as _, Error, Fault, KEY, LockedWith, Opened, RECORDS, Rollback, Unlock,
    Vault, WitnessState,
};
use support::{create, held, map, open, passphrase, place, rng, witnessed};

fn open_with(disk: &SimulatedDisk, unlock: &Unlock) -> Result<Opened<SimulatedDisk>, Error> {
    Vault::open_on(place(disk.clone()), unlock, Rollback::Refuse, rng())
}

#[test]
fn a_passphrase_opens_what_it_locked_and_no_other_one_does() {
    let disk = SimulatedDisk::new();
    let right = passphrase("correct horse");
    let mut vault = Vault::create_on(place(disk.clone()), &right, rng()).unwrap();
    vault.commit(&[Change::set(b"a", b"1")], Wait).unwrap();
    drop(vault);
    assert_eq!(disk.contents(KEY), None);
    let refusal = open_with(&disk, &passphrase("battery staple")).unwrap_err();
    assert!(matches!(refusal, Error::WrongPassphrase { .. }), "{refusal}");
    let refusal = open_with(&disk, &Unlock::KeyFile).unwrap_err();
    assert_eq!(refusal.to_string(), "the vault in simulated is locked with a passphrase");
    assert_eq!(refusal.advice(), "unlock it with a passphrase");
    let opened = open_with(&disk, &right).unwrap();
    assert_eq!(opened.records[0].value[..], *b"1");
    assert_eq!(opened.vault.info().locked_with, LockedWith::Passphrase);
}

#[test]
fn a_credential_of_systemd_opens_what_it_locked_and_no_other_one_does() {
    let home = tempfile::tempdir().unwrap();
    let credential = |name: &str, bytes: &[u8]| {
        let path = home.path().join(name);
        fs::write(&path, bytes).unwrap();
        Unlock::Credential(path)
    };
    let (right, other) = (credential("right", &[7; 32]), credential("other", &[8; 32]));
    let disk = SimulatedDisk::new();
    drop(Vault::create_on(place(disk.clone()), &right, rng()).unwrap());
    open_with(&disk, &right).unwrap();
    assert!(matches!(open_with(&disk, &other), Err(Error::OtherKey { .. })));
    let short = credential("short", &[7; 31]);
    assert!(matches!(open_with(&disk, &short), Err(Error::NotAKey { .. })));
    let missing = Unlock::Credential(home.path().join("missing"));
    assert!(matches!(open_with(&disk, &missing), Err(Error::Credential { .. })));
}

#[test]
fn a_key_file_that_is_missing_damaged_or_another_ones_is_told_apart() {
    let disk = SimulatedDisk::new();
    drop(create(disk.clone()));
    let before = disk.contents(RECORDS);
    disk.put(KEY, &[7; 32]);
    assert!(matches!(open(disk.clone()), Err(Error::OtherKey { .. })));
    disk.put(KEY, &[7; 31]);
    assert!(matches!(open(disk.clone()), Err(Error::NotAKey { .. })));
    disk.put(KEY, &[7; 33]);
    assert!(matches!(open(disk.clone()), Err(Error::NotAKey { .. })));
    disk.remove(KEY).unwrap();
    assert!(matches!(open(disk.clone()), Err(Error::KeyMissing { .. })));
    assert_eq!(disk.contents(RECORDS), before);
}

#[test]
fn a_passphrase_is_set_changed_and_removed_and_the_old_way_in_is_shut() {
    let disk = SimulatedDisk::new();
    let mut vault = create(disk.clone());
    vault.commit(&[Change::set(b"a", b"1")], Wait).unwrap();
    let ways = [Unlock::KeyFile, passphrase("correct horse"), passphrase("battery staple")];
    for way in [&ways[1], &ways[2], &ways[0]] {
        vault.rewrap(way).unwrap();
        vault.commit(&[Change::set(b"b", b"2")], Wait).unwrap();
        drop(vault);
        assert_eq!(disk.contents(KEY).is_some(), matches!(way, Unlock::KeyFile));
        for other in ways.iter().filter(|other| !std::ptr::eq(*other, way)) {
            assert!(open_with(&disk, other).is_err());
        }
        let opened = open_with(&disk, way).unwrap();
        assert_eq!(opened.records.len(), 2);
        vault = opened.vault;
    }
}

#[test]
fn what_is_left_of_another_way_in_after_a_power_cut_is_removed() {
    let disk = SimulatedDisk::new();
    let unlock = passphrase("correct horse");
    drop(Vault::create_on(place(disk.clone()), &unlock, rng()).unwrap());
    disk.put(KEY, &[7; 32]);
    open_with(&disk, &unlock).unwrap();
    assert_eq!(disk.contents(KEY), None);
}

#[test]
fn a_passphrase_of_seven_bytes_is_no_passphrase() {
    let refusal = sealed_records::Passphrase::new(b"1234567".to_vec().into()).unwrap_err();
    assert_eq!(refusal.to_string(), "a passphrase has 8 to 1024 bytes");
    assert!(sealed_records::Passphrase::new(vec![b'x'; 1024].into()).is_ok());
    assert!(sealed_records::Passphrase::new(vec![b'x'; 1025].into()).is_err());
}

// P-15
#[test]
fn a_header_that_asks_for_a_cheaper_hash_is_refused() {
    let disk = SimulatedDisk::new();
    let unlock = passphrase("correct horse");
    drop(Vault::create_on(place(disk.clone()), &unlock, rng()).unwrap());
    let mut contents = disk.contents(RECORDS).unwrap();
    contents[52..56].copy_from_slice(&1024_u32.to_be_bytes());
    let digest: [u8; 32] = sha2_of(&contents[..200]);
    contents[200..232].copy_from_slice(&digest);
    disk.put(RECORDS, &contents);
    let refusal = open_with(&disk, &unlock).unwrap_err();
    assert!(matches!(refusal, Error::Refused { fault: Fault::Cost, .. }), "{refusal}");
}

fn sha2_of(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

#[test]
fn what_was_before_a_replacement_cannot_be_read_with_the_key_of_after() {
    let disk = SimulatedDisk::new();
    let mut vault = create(disk.clone());
    vault.commit(&[Change::set(b"a", b"1")], Wait).unwrap();
    let (before, file) = (disk.contents(RECORDS).unwrap(), disk.open(RECORDS).unwrap().unwrap());
    vault.replace_all(&[]).unwrap();
    // The old file has no name any more, and its wrapped keys are overwritten.
    assert_eq!(disk.read_at(&file, 0, 4096).unwrap()[..], [0; 4096]);
    // With the old header, the key file opens the old frames; with the new one it does not.
    let mut spliced = disk.contents(RECORDS).unwrap();
    spliced[3 * 4096..].copy_from_slice(&before[3 * 4096..]);
    disk.put(RECORDS, &spliced);
    assert!(map(&open(disk.copy()).unwrap().records).is_empty());
}

// ---- The witness ----

fn open_witnessed(
    disk: &SimulatedDisk,
    rollback: Rollback,
) -> Result<Opened<SimulatedDisk>, Error> {
    Vault::open_on(witnessed(disk.clone()), &Unlock::KeyFile, rollback, rng())
}

fn create_witnessed(disk: &SimulatedDisk) -> Vault<SimulatedDisk> {
    Vault::create_on(witnessed(disk.clone()), &Unlock::KeyFile, rng()).unwrap()
}

#[test]
fn an_older_copy_is_refused_until_its_owner_accepts_it() {
    let disk = SimulatedDisk::new();
    let mut vault = create_witnessed(&disk);
    vault.commit(&[Change::set(b"tries", b"8")], Wait).unwrap();
    let older = disk.contents(RECORDS).unwrap();
    vault.commit(&[Change::set(b"tries", b"1")], Wait).unwrap();
    drop(vault);
    disk.put(RECORDS, &older);
    let refusal = open_witnessed(&disk, Rollback::Refuse).unwrap_err();
    assert!(matches!(refusal, Error::RolledBack { found: 1, witnessed: 2, .. }), "{refusal}");
    assert!(refusal.advice().contains("accept the rollback only if"), "{}", refusal.advice());
    assert_eq!(disk.contents(RECORDS), Some(older));

    drop(open_witnessed(&disk, Rollback::Accept).unwrap());
    open_witnessed(&disk, Rollback::Refuse).unwrap();
}

#[test]
fn a_copy_from_before_a_replacement_or_a_rewriting_is_an_older_copy() {
    for way in 0..2 {
        let disk = SimulatedDisk::new();
        let mut vault = create_witnessed(&disk);
        vault.commit(&[Change::set(b"tries", b"8")], Wait).unwrap();
        let older = disk.contents(RECORDS).unwrap();
        match way {
            0 => vault.replace_all(&[]).unwrap(),
            _ => vault.rewrap(&Unlock::KeyFile).unwrap(),
        }
        drop(vault);
        disk.put(RECORDS, &older);
        let refusal = open_witnessed(&disk, Rollback::Refuse).unwrap_err();
        assert!(matches!(refusal, Error::RolledBack { .. }), "{refusal}");
    }
}

#[test]
fn a_witness_that_is_missing_or_unreadable_is_made_anew_and_told() {
    let disk = SimulatedDisk::new();
    drop(create_witnessed(&disk));
    let state = || open_witnessed(&disk, Rollback::Refuse).unwrap().vault.info().witness;
    assert_eq!(state(), WitnessState::Kept);
    disk.remove("witness").unwrap();
    assert_eq!(state(), WitnessState::New);
    assert_eq!(state(), WitnessState::Kept);
    disk.put("witness", &[0; 100]);
    assert_eq!(state(), WitnessState::New);
    assert_eq!(state(), WitnessState::Kept);
    assert_eq!(open(disk.clone()).unwrap().vault.info().witness, WitnessState::None);
}

#[test]
fn the_witness_of_another_vault_is_told() {
    let (disk, other) = (SimulatedDisk::new(), SimulatedDisk::new());
    drop(create_witnessed(&disk));
    let rng = Box::new(
        <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(2),
    );
    drop(Vault::create_on(witnessed(other.clone()), &Unlock::KeyFile, rng).unwrap());
    disk.put("witness", &other.contents("witness").unwrap());
    let refusal = open_witnessed(&disk, Rollback::Refuse).unwrap_err();
    assert!(matches!(refusal, Error::OtherWitness { .. }), "{refusal}");
    drop(open_witnessed(&disk, Rollback::Accept).unwrap());
    open_witnessed(&disk, Rollback::Refuse).unwrap();
}

/// The owner has removed the vault on purpose: nobody is kept from a new one.
#[test]
fn a_new_vault_takes_the_witness_of_an_old_one_over() {
    let disk = SimulatedDisk::new();
    let mut vault = create_witnessed(&disk);
    vault.commit(&[Change::set(b"a", b"1")], Wait).unwrap();
    drop(vault);
    [RECORDS, KEY].iter().for_each(|name| disk.remove(name).unwrap());
    drop(create_witnessed(&disk));
    open_witnessed(&disk, Rollback::Refuse).unwrap();
}

/// P-12: what nobody waits for refuses nothing.
#[test]
fn a_witness_that_cannot_be_written_refuses_no_commit() {
    let disk = SimulatedDisk::new();
    let mut vault = create_witnessed(&disk);
    // Of a commit's five calls the last writes the witness.
    disk.fail_calls(4..5, std::io::ErrorKind::Other);
    vault.commit(&[Change::set(b"a", b"1")], Wait).unwrap();
    assert_eq!(held(&disk).len(), 1);
    drop(vault);
    open_witnessed(&disk, Rollback::Refuse).unwrap();
}

#[test]
fn a_witness_lies_in_a_directory_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let (directory, witness) = (home.path().join("vault"), home.path().join("elsewhere/witness"));
    let access = |rollback| Access { unlock: &Unlock::KeyFile, witness: Some(&witness), rollback };
    let mut vault = Vault::create(&directory, &access(Rollback::Refuse), rng()).unwrap();
    vault.commit(&[Change::set(b"a", b"1")], Wait).unwrap();
    let older = fs::read(directory.join(RECORDS)).unwrap();
    vault.commit(&[Change::set(b"a", b"2")], Wait).unwrap();
    drop(vault);
    fs::write(directory.join(RECORDS), older).unwrap();
    let refusal = Vault::open(&directory, &access(Rollback::Refuse), rng()).unwrap_err();
    assert!(matches!(refusal, Error::RolledBack { .. }), "{refusal}");
    Vault::open(&directory, &access(Rollback::Accept), rng()).unwrap();
}
