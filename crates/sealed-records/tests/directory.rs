//! A vault in a real directory: who may read it, what is not touched, what people are told (P-14, P-18, P-21).

mod support;

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use sealed_records::Durability::{Lazy, Wait};
use sealed_records::{
    Access, Change, CommitError, Directory, Disk, Error, Fault, KEY, LockedWith, Opened, Places,
    RECORDS, Rollback, UNFINISHED, Unlock, Vault,
};
use support::rng;
use tempfile::TempDir;

#[test]
fn what_is_committed_is_there_when_the_vault_is_opened_again() {
    let home = Home::new();
    let opened = home.open_or_create().unwrap();
    assert!(opened.records.is_empty());
    let mut vault = opened.vault;
    vault.commit(&[Change::set(b"a", b"1")], Wait).unwrap();
    vault.commit(&[Change::set(b"b", b"2")], Lazy).unwrap();
    let store = vault.info().store;
    drop(vault);
    let opened = home.open_or_create().unwrap();
    assert_eq!(opened.vault.info().store, store);
    let found: Vec<_> =
        opened.records.iter().map(|record| (&record.name[..], &record.value[..])).collect();
    assert_eq!(found, [(&b"a"[..], &b"1"[..]), (b"b", b"2")]);
}

#[test]
fn a_vault_may_be_used_on_another_thread() {
    let home = Home::with_vault();
    let mut vault = home.open().unwrap().vault;
    let vault = std::thread::spawn(move || {
        vault.commit(&[Change::set(b"a", b"1")], Lazy).unwrap();
        vault
    });
    drop(vault.join().unwrap());
    assert_eq!(home.open().unwrap().records.len(), 1);
}

/// The background thread and barriers in all orders that two threads find by themselves.
#[test]
fn lazy_commits_keep_their_order_and_are_there_after_the_barrier() {
    let home = Home::with_vault();
    let mut vault = home.open().unwrap().vault;
    for number in 0..500_u32 {
        let value = number.to_be_bytes();
        vault.commit(&[Change::set(b"lazy", &value)], Lazy).unwrap();
        match number % 7 {
            0 => vault.commit(&[], Wait).unwrap(),
            3 => vault.commit(&[Change::set(b"wait", &value)], Wait).unwrap(),
            5 => vault.commit_while(&[Change::set(b"while", &value)], &mut || {}).unwrap(),
            _ => {}
        }
    }
    drop(vault);
    let found: Vec<_> =
        home.open().unwrap().records.iter().map(|record| record.value.to_vec()).collect();
    assert_eq!(found, [499_u32, 493, 495].map(|number| number.to_be_bytes().to_vec()));
}

#[test]
fn work_is_done_once_while_a_commit_is_synced_which_has_been_written_then() {
    let home = Home::with_vault();
    let file = home.vault.join(RECORDS);
    let mut vault = home.open().unwrap().vault;
    let before = fs::read(&file).unwrap();
    let mut done = 0;
    let mut work = || {
        done += 1;
        assert_ne!(fs::read(&file).unwrap(), before);
    };
    vault.commit_while(&[Change::set(b"a", b"1")], &mut work).unwrap();
    assert_eq!(done, 1);
    vault.commit_while(&[], &mut || done += 1).unwrap();
    assert_eq!(done, 2, "with nothing to write, too");
    drop(vault);
    assert_eq!(home.open().unwrap().records.len(), 1);
}

// P-12
#[test]
fn what_could_not_be_synced_in_the_background_is_put_into_a_new_file_by_a_later_commit() {
    let home = Home::with_vault();
    let disk = NoSecondHandle(Directory::open(&home.vault).unwrap());
    let places = Places { vault: disk, witness: None };
    let opened = Vault::open_on(places, &Unlock::KeyFile, Rollback::Refuse, rng());
    let mut vault = opened.unwrap().vault;
    let mut number = 0_u32;
    while vault.info().generation == 1 {
        number += 1;
        vault.commit(&[Change::set(b"a", &number.to_be_bytes())], Lazy).unwrap();
    }
    vault.commit(&[], Wait).unwrap();
    drop(vault);
    assert_eq!(home.open().unwrap().records[0].value[..], number.to_be_bytes());
}

/// A directory whose files cannot be synced by anybody else.
struct NoSecondHandle(Directory);

impl Disk for NoSecondHandle {
    type File = fs::File;

    fn directory(&self) -> &Path {
        self.0.directory()
    }
    fn open(&self, name: &str) -> io::Result<Option<fs::File>> {
        self.0.open(name)
    }
    fn create(&self, name: &str) -> io::Result<fs::File> {
        self.0.create(name)
    }
    fn length(&self, file: &fs::File) -> io::Result<u64> {
        self.0.length(file)
    }
    fn read_at(&self, file: &fs::File, offset: u64, at_most: usize) -> io::Result<Vec<u8>> {
        self.0.read_at(file, offset, at_most)
    }
    fn write_at(&self, file: &fs::File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(file, offset, bytes)
    }
    fn sync(&self, file: &fs::File) -> io::Result<()> {
        self.0.sync(file)
    }
    fn opened_again(&self, _: &str) -> Option<fs::File> {
        let (reader, _writer) = io::pipe().unwrap();
        Some(OwnedFd::from(reader).into())
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }
    fn is_at(&self, name: &str, file: &fs::File) -> io::Result<bool> {
        self.0.is_at(name, file)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.0.sync_directory()
    }
}

#[test]
fn everything_is_the_owners_alone_from_the_beginning() {
    let home = Home::new();
    let nested = home.vault.join("a/b");
    let mut vault = Vault::open_or_create(&nested, &ACCESS, rng()).unwrap().vault;
    vault.commit(&[Change::set(b"a", b"1")], Wait).unwrap();
    for directory in [&home.vault, &nested] {
        assert_eq!(mode(directory), 0o700);
    }
    let files: Vec<_> = fs::read_dir(&nested).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
}

// P-11
#[test]
fn a_vault_whose_directory_was_removed_refuses_what_it_cannot_keep() {
    let home = Home::with_vault();
    let mut vault = home.open().unwrap().vault;
    assert_eq!(vault.still_kept(), Ok(()));
    fs::remove_dir_all(&home.vault).unwrap();
    for restored in [false, true] {
        if restored {
            // A backup that is put there now is another vault; this one does not write into it.
            drop(home.open_or_create().unwrap());
        }
        assert_eq!(vault.still_kept(), Err(CommitError::Failed));
        assert_eq!(vault.why_refused().unwrap().kind(), ErrorKind::NotFound);
        let refusal = vault.commit(&[Change::set(b"a", b"1")], Wait);
        assert_eq!(refusal, Err(CommitError::Failed));
        assert_eq!(vault.why_refused().unwrap().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn files_that_were_removed_under_a_running_key_are_written_again() {
    for name in [RECORDS, KEY] {
        let home = Home::with_vault();
        let mut vault = home.open().unwrap().vault;
        vault.commit(&[Change::set(b"a", b"1")], Wait).unwrap();
        fs::remove_file(home.file(name)).unwrap();
        assert_eq!(vault.still_kept(), Ok(()), "{name}");
        drop(vault);
        assert_eq!(home.open().unwrap().records.len(), 1, "{name}");
    }
}

#[test]
fn a_file_that_was_exchanged_is_not_written_to() {
    let home = Home::with_vault();
    let mut vault = home.open().unwrap().vault;
    let copy = fs::read(home.file(RECORDS)).unwrap();
    fs::remove_file(home.file(RECORDS)).unwrap();
    fs::write(home.file(RECORDS), &copy).unwrap();
    let refusal = vault.commit(&[Change::set(b"a", b"1")], Wait);
    assert_eq!(refusal, Err(CommitError::Failed));
    assert_eq!(vault.still_kept(), Err(CommitError::Failed));
    drop(vault);
    assert_eq!(fs::read(home.file(RECORDS)).unwrap(), copy);
}

#[test]
fn a_second_vault_is_not_made_over_the_first() {
    let home = Home::with_vault();
    let before = fs::read(home.file(RECORDS)).unwrap();
    let error = Vault::create(&home.vault, &ACCESS, rng()).unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    assert_eq!(fs::read(home.file(RECORDS)).unwrap(), before);
}

#[test]
fn where_there_is_no_vault_none_is_opened_and_nothing_is_left_behind() {
    let home = Home::new();
    assert!(matches!(home.open(), Err(Error::NoVault { .. })));
    assert!(!home.vault.exists());
    fs::create_dir(&home.vault).unwrap();
    assert!(matches!(home.open(), Err(Error::NoVault { .. })));
    assert_eq!(Vault::locked_with(&home.vault).unwrap(), None);
    assert_eq!(fs::read_dir(&home.vault).unwrap().count(), 0);
}

#[test]
fn a_vault_in_use_stays_locked_when_its_lock_file_is_removed() {
    let home = Home::with_vault();
    let mut vault = home.open().unwrap().vault;
    fs::remove_file(home.vault.join("lock")).unwrap();
    let error = home.open().unwrap_err();
    assert!(matches!(error, Error::InUse { pid: None, .. }), "{error}");
    vault.commit(&[Change::set(b"a", b"1")], Wait).unwrap();
    drop(vault);
    assert_eq!(home.open().unwrap().records.len(), 1);
}

#[test]
fn what_unlocks_a_vault_can_be_asked_before_it_is_opened() {
    let home = Home::with_vault();
    assert_eq!(Vault::locked_with(&home.vault).unwrap(), Some(LockedWith::KeyFile));
    let mut vault = home.open().unwrap().vault;
    vault.rewrap(&support::passphrase("correct horse")).unwrap();
    assert!(matches!(Vault::locked_with(&home.vault), Err(Error::InUse { .. })));
    drop(vault);
    assert_eq!(Vault::locked_with(&home.vault).unwrap(), Some(LockedWith::Passphrase));
}

#[test]
fn what_others_can_read_is_refused_with_the_line_to_type() {
    for (name, open, wanted) in
        [("", 0o750, 0o700), (RECORDS, 0o640, 0o600), (KEY, 0o602, 0o600), ("lock", 0o644, 0o600)]
    {
        let home = Home::with_vault();
        let path = if name.is_empty() { home.vault.clone() } else { home.file(name) };
        fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
        let error = home.open().unwrap_err();
        assert_eq!(error.advice(), format!("chmod {wanted:o} '{}'", path.display()));
        fs::set_permissions(&path, Permissions::from_mode(wanted)).unwrap();
        home.open().unwrap();
    }
}

#[test]
fn what_belongs_to_someone_else_is_refused() {
    let home = Home::with_vault();
    // Only root can give a file away; everyone else finds root's own directory to be someone else's.
    let result = match std::os::unix::fs::chown(home.file(RECORDS), Some(1), None) {
        Ok(()) => Directory::open(&home.vault),
        Err(_) => Directory::make(Path::new("/")),
    };
    assert!(matches!(result, Err(Error::WrongOwner { .. })), "{result:?}");
}

#[test]
fn links_and_pipes_are_refused_and_not_written_through() {
    for name in [RECORDS, KEY, "lock"] {
        let home = Home::with_vault();
        let elsewhere = home.base.path().join("elsewhere");
        fs::rename(home.file(name), &elsewhere).unwrap();
        let before = fs::read(&elsewhere).unwrap();
        symlink(&elsewhere, home.file(name)).unwrap();
        assert!(matches!(home.open(), Err(Error::NotAFile { .. })), "{name}");
        assert_eq!(fs::read(&elsewhere).unwrap(), before);

        fs::remove_file(home.file(name)).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            home.file(name),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        assert!(matches!(home.open(), Err(Error::NotAFile { .. })), "{name}");
    }
}

#[test]
fn a_link_that_comes_between_looking_and_opening_is_not_followed() {
    for name in [RECORDS, KEY] {
        let home = Home::with_vault();
        let directory = Directory::open(&home.vault).unwrap();
        let elsewhere = home.base.path().join("elsewhere");
        fs::rename(home.file(name), &elsewhere).unwrap();
        symlink(&elsewhere, home.file(name)).unwrap();
        let refusal = directory.open(name).unwrap_err();
        assert_eq!(refusal.raw_os_error(), Some(rustix::io::Errno::LOOP.raw_os_error()), "{name}");
    }
}

#[test]
fn a_link_in_the_place_of_the_temporary_file_is_removed_not_followed() {
    let home = Home::with_vault();
    let mut vault = home.open().unwrap().vault;
    let elsewhere = home.base.path().join("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    symlink(&elsewhere, home.file(UNFINISHED)).unwrap();
    vault.replace_all(&[]).unwrap();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
    assert!(fs::symlink_metadata(home.file(RECORDS)).unwrap().is_file());
}

#[test]
fn what_a_power_cut_left_half_written_is_removed() {
    let home = Home::with_vault();
    fs::write(home.file(UNFINISHED), "half a file").unwrap();
    home.open().unwrap();
    assert!(!home.file(UNFINISHED).exists());
}

// P-17
#[test]
fn one_process_has_a_vault_once() {
    let home = Home::with_vault();
    let vault = home.open().unwrap();
    let error = home.open().unwrap_err();
    let expected = format!(
        "the vault in {} is in use by process {}",
        home.vault.display(),
        std::process::id()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.advice(), "stop it first, or name another directory");
    drop(vault);
    home.open().unwrap();
}

#[test]
fn a_damaged_or_foreign_file_is_refused_and_left_as_it_is() {
    let cut_off = b"keyfob records\0\x01".as_slice();
    for (contents, damaged) in [(b"".as_slice(), true), (b"something else", false), (cut_off, true)]
    {
        let home = Home::with_vault();
        fs::write(home.file(RECORDS), contents).unwrap();
        for result in [home.open(), home.open_or_create()] {
            let Err(Error::Refused { fault, .. }) = result else { panic!("{result:?}") };
            assert_eq!(matches!(fault, Fault::Damaged { .. }), damaged);
            assert_eq!(fault == Fault::Foreign, !damaged);
        }
        assert_eq!(fs::read(home.file(RECORDS)).unwrap(), contents);
    }
}

/// P-14. One that has never held anything is worth as much as any other.
#[test]
fn a_vault_that_lost_its_records_is_refused_and_not_begun_anew() {
    let home = Home::with_vault();
    fs::remove_file(home.file(RECORDS)).unwrap();
    for result in [
        home.open().map(drop),
        home.open_or_create().map(drop),
        Vault::create(&home.vault, &ACCESS, rng()).map(drop),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::RecordsMissing { .. }), "{error}");
        let next = error.advice();
        assert!(next.contains("from a backup") && next.contains("new, empty one"), "{next}");
    }
    assert!(!home.file(RECORDS).exists());

    // Given up on purpose.
    fs::remove_file(home.file(KEY)).unwrap();
    home.open_or_create().unwrap();
}

#[test]
fn a_vault_prints_where_it_is_and_nothing_of_what_it_holds() {
    let home = Home::with_vault();
    let mut vault = home.open().unwrap().vault;
    vault.commit(&[Change::set(b"a", b"secret")], Wait).unwrap();
    let expected = format!("Vault {{ directory: {:?}, .. }}", home.vault);
    assert_eq!(format!("{vault:?}"), expected);
    drop(vault);
    let opened = format!("{:?}", home.open().unwrap());
    assert!(!opened.contains(&format!("{:?}", b"secret")), "{opened}");
    let change = format!("{:?}", Change::set(b"a", b"secret"));
    assert!(!change.contains(&format!("{:?}", b"secret")), "{change}");
}

const ACCESS: Access<'_> =
    Access { unlock: &Unlock::KeyFile, witness: None, rollback: Rollback::Refuse };

struct Home {
    base: TempDir,
    vault: PathBuf,
}

impl Home {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let vault = base.path().join("vault");
        Self { base, vault }
    }

    fn with_vault() -> Self {
        let home = Self::new();
        drop(home.open_or_create().unwrap());
        home
    }

    fn open(&self) -> Result<Opened, Error> {
        Vault::open(&self.vault, &ACCESS, rng())
    }

    fn open_or_create(&self) -> Result<Opened, Error> {
        Vault::open_or_create(&self.vault, &ACCESS, rng())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.vault.join(name)
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}
