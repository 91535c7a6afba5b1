//! A vault in a real directory: who may read it, what is not touched, what people are told (P-14, P-18, P-21).

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use ctap_core::store::{Change, Store, StoreError};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tempfile::TempDir;
use vault::{COUNTER, Directory, Disk as _, Error, Fault, STATE, UNFINISHED, Vault};

#[test]
fn what_is_committed_is_there_when_the_vault_is_opened_again() {
    let home = Home::new();
    let mut vault = Vault::create(&home.vault, &mut rng()).unwrap();
    let identifier = vault.state().device_identifier;
    vault.commit(Change::PinRetries(3)).unwrap();
    vault.commit(Change::SignCountCeiling(64)).unwrap();
    drop(vault);
    let vault = Vault::open_or_create(&home.vault, &mut rng()).unwrap();
    assert_eq!(vault.state().device_identifier, identifier);
    assert_eq!(vault.state().pin_retries, 3);
    assert_eq!(vault.state().sign_count_ceiling, 64);
}

#[test]
fn everything_is_the_owners_alone_from_the_beginning() {
    let home = Home::new();
    let nested = home.vault.join("a/b");
    let mut vault = Vault::open_or_create(&nested, &mut rng()).unwrap();
    vault.commit(Change::PinRetries(3)).unwrap();
    for directory in [&home.vault, &nested] {
        assert_eq!(mode(directory), 0o700);
    }
    let files: Vec<_> = fs::read_dir(&nested).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
}

// P-11, P-13
#[test]
fn a_vault_whose_directory_was_removed_refuses_what_it_cannot_keep() {
    let home = Home::with_vault();
    let mut vault = Vault::open(&home.vault).unwrap();
    assert_eq!(vault.still_kept(), Ok(()));
    fs::remove_dir_all(&home.vault).unwrap();
    for restored in [false, true] {
        if restored {
            // A backup that is put there now is another vault; this one does not write into it.
            drop(Vault::create(&home.vault, &mut rng()).unwrap());
        }
        assert_eq!(vault.still_kept(), Err(StoreError::Failed));
        assert_eq!(vault.why_refused().unwrap().kind(), ErrorKind::NotFound);
        let ceiling = Change::SignCountCeiling(64);
        for change in [ceiling, Change::PinRetries(3)] {
            assert_eq!(vault.commit(change), Err(StoreError::Failed));
            assert_eq!(vault.why_refused().unwrap().kind(), ErrorKind::NotFound);
        }
    }
}

#[test]
fn a_state_file_that_was_removed_under_a_running_key_is_written_again() {
    let home = Home::with_vault();
    let mut vault = Vault::open(&home.vault).unwrap();
    let identifier = vault.state().device_identifier;
    fs::remove_file(home.file(STATE)).unwrap();
    assert_eq!(vault.still_kept(), Ok(()));
    drop(vault);
    assert_eq!(Vault::open(&home.vault).unwrap().state().device_identifier, identifier);
}

// P-13
#[test]
fn a_counter_file_that_was_exchanged_is_not_counted_on() {
    let home = Home::with_vault();
    let mut vault = Vault::open(&home.vault).unwrap();
    let copy = fs::read(home.file(COUNTER)).unwrap();
    fs::remove_file(home.file(COUNTER)).unwrap();
    fs::write(home.file(COUNTER), copy).unwrap();
    assert_eq!(vault.commit(Change::SignCountCeiling(64)), Err(StoreError::Failed));
    assert_eq!(vault.still_kept(), Err(StoreError::Failed));
}

#[test]
fn a_second_vault_is_not_made_over_the_first() {
    let home = Home::with_vault();
    let before = fs::read(home.file(STATE)).unwrap();
    let error = Vault::create(&home.vault, &mut rng()).unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    assert_eq!(fs::read(home.file(STATE)).unwrap(), before);
}

#[test]
fn where_there_is_no_vault_none_is_opened_and_nothing_is_left_behind() {
    let home = Home::new();
    assert!(matches!(Vault::open(&home.vault), Err(Error::NoVault { .. })));
    assert!(!home.vault.exists());
    fs::create_dir(&home.vault).unwrap();
    assert!(matches!(Vault::open(&home.vault), Err(Error::NoVault { .. })));
    assert_eq!(fs::read_dir(&home.vault).unwrap().count(), 0);
}

#[test]
fn what_others_can_read_is_refused_with_the_line_to_type() {
    for (name, open, wanted) in
        [("", 0o750, 0o700), (STATE, 0o640, 0o600), (COUNTER, 0o602, 0o600), ("lock", 0o644, 0o600)]
    {
        let home = Home::with_vault();
        let path = if name.is_empty() { home.vault.clone() } else { home.file(name) };
        fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
        let error = Vault::open(&home.vault).unwrap_err();
        assert_eq!(error.advice(), format!("chmod {wanted:o} '{}'", path.display()));
        fs::set_permissions(&path, Permissions::from_mode(wanted)).unwrap();
        Vault::open(&home.vault).unwrap();
    }
}

#[test]
fn what_belongs_to_someone_else_is_refused() {
    let home = Home::with_vault();
    // Only root can give a file away; everyone else finds root's own directory to be someone else's.
    let result = match std::os::unix::fs::chown(home.file(STATE), Some(1), None) {
        Ok(()) => Directory::open(&home.vault),
        Err(_) => Directory::make(Path::new("/")),
    };
    assert!(matches!(result, Err(Error::WrongOwner { .. })), "{result:?}");
}

#[test]
fn links_and_pipes_are_refused_and_not_written_through() {
    for name in [STATE, COUNTER, "lock"] {
        let home = Home::with_vault();
        let elsewhere = home.base.path().join("elsewhere");
        fs::rename(home.file(name), &elsewhere).unwrap();
        let before = fs::read(&elsewhere).unwrap();
        symlink(&elsewhere, home.file(name)).unwrap();
        assert!(matches!(Vault::open(&home.vault), Err(Error::NotAFile { .. })), "{name}");
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
        assert!(matches!(Vault::open(&home.vault), Err(Error::NotAFile { .. })), "{name}");
    }
}

#[test]
fn a_link_that_comes_between_looking_and_opening_is_not_followed() {
    for name in [STATE, COUNTER] {
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
    let mut vault = Vault::open(&home.vault).unwrap();
    let elsewhere = home.base.path().join("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    symlink(&elsewhere, home.file(UNFINISHED)).unwrap();
    vault.commit(Change::PinRetries(3)).unwrap();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
    assert!(fs::symlink_metadata(home.file(STATE)).unwrap().is_file());
}

#[test]
fn what_a_power_cut_left_half_written_is_removed() {
    let home = Home::with_vault();
    fs::write(home.file(UNFINISHED), "half a sta").unwrap();
    Vault::open(&home.vault).unwrap();
    assert!(!home.file(UNFINISHED).exists());
}

#[test]
fn one_process_has_a_vault_once() {
    let home = Home::with_vault();
    let vault = Vault::open(&home.vault).unwrap();
    let error = Vault::open(&home.vault).unwrap_err();
    let expected = format!(
        "the vault in {} is in use by process {}",
        home.vault.display(),
        std::process::id()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.advice(), "stop it first, or name another directory");
    drop(vault);
    Vault::open(&home.vault).unwrap();
}

#[test]
fn a_damaged_foreign_or_missing_file_is_refused_and_left_as_it_is() {
    for name in [STATE, COUNTER] {
        for damaged in [&b""[..], b"something else", b"keyfob\0\x01\0"] {
            let home = Home::with_vault();
            fs::write(home.file(name), damaged).unwrap();
            for result in [Vault::open(&home.vault), Vault::open_or_create(&home.vault, &mut rng())]
            {
                assert!(matches!(result, Err(Error::Refused { .. })), "{result:?}");
            }
            assert_eq!(fs::read(home.file(name)).unwrap(), damaged);
        }
    }
    let home = Home::with_vault();
    fs::remove_file(home.file(COUNTER)).unwrap();
    let result = Vault::open_or_create(&home.vault, &mut rng());
    assert!(matches!(result, Err(Error::CounterMissing { .. })), "{result:?}");
    assert!(!home.file(COUNTER).exists());
}

#[test]
fn what_is_left_of_a_cut_off_vault_is_called_damaged_with_the_way_out() {
    for left in [&b""[..], b"key", b"keyfob", b"keyfob\0\x01\0\xad"] {
        let home = Home::with_vault();
        fs::write(home.file(STATE), left).unwrap();
        let error = Vault::open(&home.vault).unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
        assert!(error.advice().contains("from a backup"), "{}", error.advice());
    }
}

/// P-14. A vault that has never counted is worth as much: credentials are made without counting.
#[test]
fn a_vault_that_lost_its_state_is_refused_and_not_begun_anew() {
    for has_counted in [true, false] {
        let home = Home::with_vault();
        if has_counted {
            let mut vault = Vault::open(&home.vault).unwrap();
            vault.commit(Change::SignCountCeiling(64)).unwrap();
        }
        fs::remove_file(home.file(STATE)).unwrap();
        let counter = fs::read(home.file(COUNTER)).unwrap();
        for result in [
            Vault::open(&home.vault),
            Vault::open_or_create(&home.vault, &mut rng()),
            Vault::create(&home.vault, &mut rng()),
        ] {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::StateMissing { .. }), "{error}");
            let next = error.advice();
            assert!(next.contains("from a backup") && next.contains("new, empty one"), "{next}");
        }
        assert!(!home.file(STATE).exists());
        assert_eq!(fs::read(home.file(COUNTER)).unwrap(), counter);

        // Given up on purpose.
        fs::remove_file(home.file(COUNTER)).unwrap();
        Vault::open_or_create(&home.vault, &mut rng()).unwrap();
    }
}

#[test]
fn a_damaged_counter_without_a_state_is_refused_before_anything_is_made() {
    let home = Home::with_vault();
    fs::remove_file(home.file(STATE)).unwrap();
    fs::write(home.file(COUNTER), "short").unwrap();
    let result = Vault::open_or_create(&home.vault, &mut rng());
    assert!(matches!(result, Err(Error::Refused { .. })), "{result:?}");
    assert!(!home.file(STATE).exists());
}

#[test]
fn a_file_far_too_long_is_refused_without_being_read() {
    let home = Home::with_vault();
    fs::File::options().write(true).open(home.file(STATE)).unwrap().set_len(1 << 40).unwrap();
    let result = Vault::open(&home.vault);
    assert!(matches!(result, Err(Error::Refused { fault: Fault::TooLong, .. })), "{result:?}");
}

#[test]
fn an_older_state_with_the_newer_counter_does_not_take_the_counter_back() {
    let home = Home::with_vault();
    let backup = fs::read(home.file(STATE)).unwrap();
    let mut vault = Vault::open(&home.vault).unwrap();
    vault.commit(Change::SignCountCeiling(640)).unwrap();
    vault.commit(Change::PinRetries(1)).unwrap();
    drop(vault);
    let later = fs::read(home.file(STATE)).unwrap();
    fs::write(home.file(STATE), backup).unwrap();
    assert_eq!(Vault::open(&home.vault).unwrap().state().sign_count_ceiling, 640);

    // And the other way round: the state file holds what the ceiling was when it was written.
    let other = Home::with_vault();
    fs::write(other.file(STATE), later).unwrap();
    assert_eq!(Vault::open(&other.vault).unwrap().state().sign_count_ceiling, 640);
}

#[test]
fn a_vault_prints_where_it_is_and_nothing_of_what_it_holds() {
    let home = Home::with_vault();
    let vault = Vault::open(&home.vault).unwrap();
    let expected = format!("Vault {{ directory: {:?}, .. }}", home.vault);
    assert_eq!(format!("{vault:?}"), expected);
}

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
        Vault::create(&home.vault, &mut rng()).unwrap();
        home
    }

    fn file(&self, name: &str) -> PathBuf {
        self.vault.join(name)
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}
