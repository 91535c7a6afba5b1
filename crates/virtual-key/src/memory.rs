//! A key's memory: a vault in a directory of its own, or nowhere.

pub mod companions;
#[cfg(test)]
mod power;
pub(crate) mod stuck;
mod takeover;
mod unsaved;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ctap_core::Store;
use ctap_core::memory::{self, MemoryError, Record};
use ctap_core::records::LoadError;
use ctap_core::secret::SecretBytes;
use ctap_core::store;
use rand_core::CryptoRng;
use sealed_records::{Access, Opened, RECORDS, Rollback, Tail, Unlock, Vault, WitnessState};

use self::unsaved::WarningVault;
use crate::error::{Error, REMOVE_SERIAL, Warn};
use crate::platform::system_rng;
use crate::private_file;

/// A key's memory, and its serial number.
pub struct Memory {
    /// The records of the key.
    pub store: Store,
    /// The USB serial number. It stays the same as long as the memory does, also after a reset. It is not secret.
    pub serial: String,
    /// The directory of the memory; `None`: it is not stored.
    pub directory: Option<PathBuf>,
    /// Whether the memory was empty: then the key is new.
    pub is_new: bool,
}

/// The file with the number that is printed on the key.
const SERIAL: &str = "serial";

/// Where a key's memory is stored, and how it is opened.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directory, for this memory alone.
    pub directory: PathBuf,
    /// What unlocks the memory. A new memory is locked with it.
    pub unlock: Arc<Unlock>,
    /// A file in another directory that shows whether the memory is an older copy (P-16). `None`: an older copy is
    /// not noticed.
    pub witness: Option<PathBuf>,
    /// What to do if the memory is an older copy.
    pub rollback: Rollback,
}

impl Place {
    /// A memory that is unlocked by its key file and has no witness file.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        let (unlock, rollback) = (Arc::new(Unlock::KeyFile), Rollback::Refuse);
        Self { directory, unlock, witness: None, rollback }
    }

    /// The same place, as `sealed-records` names it.
    #[must_use]
    pub fn access(&self) -> Access<'_> {
        let witness = self.witness.as_deref();
        Access { unlock: &self.unlock, witness, rollback: self.rollback }
    }
}

impl Memory {
    /// Opens the memory in `place`. If there is none, makes one, with secrets drawn from `rng`. `warn` is told what
    /// the key could not store, and once that the memory of an earlier keyfob was taken over.
    ///
    /// # Errors
    /// The errors of the vault: the memory is in use, damaged, or not private. Each has its advice.
    pub fn open(place: &Place, warn: Warn, rng: &mut dyn CryptoRng) -> Result<Self, Error> {
        let directory = place.directory.clone();
        if directory.is_dir() && !directory.join(RECORDS).exists() {
            check_nothing_is_lost(&directory)?;
        }
        let nonces = Box::new(system_rng());
        let opened = Vault::open_or_create(&directory, &place.access(), nonces)?;
        tell_of_new_witness(place, &opened, warn);
        let is_new = opened.records.is_empty() && takeover::find(&directory)?.is_none();
        // The vault is locked by this process, so no other one draws a number at the same time.
        let serial = serial_in(&directory.join(SERIAL), rng)?;
        let store = store_in(&directory, opened, warn, rng)?;
        Ok(Self { store, serial, directory: Some(directory), is_new })
    }

    /// An empty memory that is not stored anywhere.
    pub fn ephemeral(rng: &mut dyn CryptoRng) -> Self {
        let store = Store::in_memory(rng);
        Self { store, serial: draw_serial(rng), directory: None, is_new: true }
    }
}

/// There are no records in this directory: it has the memory of an earlier keyfob, which can be taken over, or never had any. What a
/// key file does not tell, a serial number does: it is drawn when the records are there (P-14).
fn check_nothing_is_lost(directory: &Path) -> Result<(), Error> {
    if takeover::find(directory)?.is_none()
        && private_file::read(&directory.join(SERIAL), REMOVE_SERIAL)?.is_some()
    {
        return Err(sealed_records::Error::RecordsMissing { path: directory.join(RECORDS) }.into());
    }
    Ok(())
}

/// If there was a memory but no readable witness, nobody knows what the witness would have said.
fn tell_of_new_witness(place: &Place, opened: &Opened, warn: Warn) {
    let is_new = opened.vault.info().witness == WitnessState::New && !opened.records.is_empty();
    if let Some(witness) = place.witness.as_deref().filter(|_| is_new) {
        warn(format_args!(
            "{} was missing or damaged, so a new one was made: from now on keyfob notices an older copy of the memory \
             in {}, but it could not now",
            witness.display(),
            place.directory.display()
        ));
    }
}

/// The key whose records the vault has. An empty vault is a new one: it gets what an earlier keyfob left there, or a new key.
fn store_in(
    directory: &Path,
    opened: Opened,
    warn: Warn,
    rng: &mut dyn CryptoRng,
) -> Result<Store, Error> {
    let Opened { vault, records, tail } = opened;
    let mut memory = Box::new(WarningVault::new(vault, directory.to_owned(), warn));
    if !records.is_empty() {
        takeover::set_aside(directory, warn)?; // a crash may have come between
        return load(directory, memory, taken(records), tail);
    }
    let refused = |error: MemoryError| refused(directory, error.into());
    match takeover::find(directory)? {
        None => Store::create(memory, rng).map_err(refused),
        Some(records) => {
            memory::Memory::replace_all(&mut *memory, &records).map_err(refused)?;
            takeover::set_aside(directory, warn)?;
            load(directory, memory, records, Tail::Whole)
        }
    }
}

fn load(
    directory: &Path,
    memory: Box<dyn memory::Memory + Send>,
    records: Vec<Record>,
    tail: Tail,
) -> Result<Store, Error> {
    let tail = match tail {
        Tail::Whole => store::Tail::Whole,
        Tail::Torn => store::Tail::Torn,
    };
    Store::load(memory, records, tail).map_err(|error| refused(directory, error))
}

fn refused(directory: &Path, error: LoadError) -> Error {
    Error::Records { directory: directory.to_owned(), error }
}

/// A vault's records as the core has them.
fn taken(records: Vec<sealed_records::Record>) -> Vec<Record> {
    let taken = |sealed_records::Record { name, mut value }| Record {
        name,
        value: Some(SecretBytes::new(std::mem::take(&mut *value))),
    };
    records.into_iter().map(taken).collect()
}

/// The number in the file, or a new one that is kept there.
fn serial_in(path: &Path, rng: &mut dyn CryptoRng) -> Result<String, Error> {
    match private_file::read(path, REMOVE_SERIAL)?.as_deref().map(|text| text.trim_end()) {
        Some(text) if is_serial(text) => return Ok(text.to_owned()),
        // The writer ran out of power or space before the number was in the file.
        Some("") => fs::remove_file(path)
            .map_err(|error| private_file::file_error("remove", path, error, REMOVE_SERIAL))?,
        Some(_) => return Err(Error::Serial { path: path.to_owned() }),
        None => {}
    }
    let serial = draw_serial(rng);
    private_file::make(path, &format!("{serial}\n"))?;
    Ok(serial)
}

fn draw_serial(rng: &mut dyn CryptoRng) -> String {
    format!("{:016X}", rng.next_u64())
}

fn is_serial(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};

    use sealed_records::KEY;

    use super::*;
    use crate::error::{describe, log};
    use crate::platform::system_rng;

    /// The memory of key `number` below `state`.
    fn open(state: &Path, number: u8) -> Result<Memory, Error> {
        let place = Place::new(state.join(format!("key-{number}")));
        Memory::open(&place, log, &mut system_rng())
    }

    #[test]
    fn the_serial_number_stays_with_the_memory() {
        let state = tempfile::tempdir().unwrap();
        let serial = |number| open(state.path(), number).unwrap().serial;
        let (first, second) = (serial(1), serial(2));
        assert!(is_serial(&first) && is_serial(&second));
        assert_ne!(first, second, "each key has its own");
        assert_eq!([serial(1), serial(2)], [first, second]);
    }

    #[test]
    fn keys_without_memory_are_told_apart_too() {
        let serial = || Memory::ephemeral(&mut system_rng()).serial;
        assert_ne!(serial(), serial());
    }

    #[test]
    fn a_damaged_serial_number_is_refused_and_not_replaced() {
        let state = tempfile::tempdir().unwrap();
        drop(open(state.path(), 1).unwrap());
        let path = state.path().join("key-1/serial");
        for damaged in [&b"\x1b[2J"[..], b"\xff", b"0123"] {
            fs::write(&path, damaged).unwrap();
            let said = describe(&open(state.path(), 1).err().unwrap());
            assert!(said.contains("serial") && said.contains("remove it"), "{said}");
            assert_eq!(fs::read(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn an_empty_serial_number_is_none_and_a_new_one_is_drawn() {
        let state = tempfile::tempdir().unwrap();
        let first = open(state.path(), 1).unwrap().serial;
        fs::write(state.path().join("key-1/serial"), "").unwrap();
        let second = open(state.path(), 1).unwrap().serial;
        assert!(is_serial(&second) && second != first);
        assert_eq!(open(state.path(), 1).unwrap().serial, second);
    }

    #[test]
    fn whatever_a_cut_off_first_start_leaves_the_next_one_works() {
        let whole = tempfile::tempdir().unwrap();
        drop(open(whole.path(), 1).unwrap());
        drop(vault_in(&whole.path().join("empty")));
        // In the order in which they are made; what is written last may be there in part, under another name.
        let made = ["lock", KEY, RECORDS, "serial"];
        for count in 0..=made.len() {
            let state = tempfile::tempdir().unwrap();
            let directory = state.path().join("key-1");
            fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
            for name in &made[..count] {
                let from = if *name == "serial" { "key-1" } else { "empty" };
                fs::copy(whole.path().join(from).join(name), directory.join(name)).unwrap();
            }
            if made[..count].contains(&KEY) && !made[..count].contains(&RECORDS) {
                let unfinished = directory.join(sealed_records::UNFINISHED);
                fs::copy(whole.path().join("empty").join(RECORDS), unfinished).unwrap();
            }
            fs::write(directory.join(".tmpserial"), "0123").unwrap();
            let memory = open(state.path(), 1);
            assert!(memory.is_ok(), "{made:?}, {count}: {}", describe(&memory.err().unwrap()));
        }
    }

    #[test]
    fn a_memory_without_its_state_is_refused_not_begun_anew() {
        let state = tempfile::tempdir().unwrap();
        drop(open(state.path(), 1).unwrap());
        fs::remove_file(state.path().join("key-1").join(RECORDS)).unwrap();
        let said = describe(&open(state.path(), 1).err().unwrap());
        assert!(said.contains("records.keyfob is missing") && said.contains("backup"), "{said}");
    }

    #[test]
    fn nor_is_one_without_a_key_file() {
        // P-14
        let state = tempfile::tempdir().unwrap();
        let directory = state.path().join("key-1");
        drop(open(state.path(), 1).unwrap());
        fs::remove_file(directory.join(RECORDS)).unwrap();
        // As where a passphrase locks it.
        fs::remove_file(directory.join(KEY)).unwrap();
        let said = describe(&open(state.path(), 1).err().unwrap());
        assert!(said.contains("records.keyfob is missing") && said.contains("backup"), "{said}");
        assert!(!directory.join(RECORDS).exists() && !directory.join(KEY).exists());
    }

    #[test]
    fn a_serial_number_that_is_not_ours_alone_is_refused_and_left() {
        // P-21
        let state = tempfile::tempdir().unwrap();
        drop(open(state.path(), 1).unwrap());
        let refusal = || describe(&open(state.path(), 1).err().unwrap());
        let path = state.path().join("key-1/serial");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(refusal().contains("chmod 600"), "{}", refusal());
        let elsewhere = state.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(refusal().contains("not a regular file"), "{}", refusal());
        fs::remove_file(&path).unwrap();
        let (fifo, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o600));
        rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, mode, 0).unwrap();
        assert!(refusal().contains("not a regular file"), "{}", refusal());
    }

    /// A vault that was made, and in which there is no key yet.
    pub(super) fn vault_in(directory: &Path) -> Vault {
        Vault::create(directory, &Place::new(directory.to_owned()).access(), Box::new(system_rng()))
            .unwrap()
    }

    #[test]
    fn where_nothing_can_be_written_the_reason_is_told_once_and_what_to_do() {
        let said = describe(&open(Path::new("/dev/null"), 1).err().unwrap());
        assert_eq!(said.matches("(os error").count(), 1, "{said}");
        assert!(said.starts_with("cannot create /dev/null") && said.contains("next: "), "{said}");
    }

    #[test]
    fn one_memory_has_one_process() {
        let state = tempfile::tempdir().unwrap();
        let _held = open(state.path(), 1).unwrap();
        assert!(open(state.path(), 1).is_err());
    }
}
