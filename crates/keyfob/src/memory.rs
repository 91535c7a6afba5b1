//! Where a key's memory is: a vault in a directory of its own, or nowhere.

mod removed;
mod unsaved;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ctap_core::{MemoryStore, Store};
use rand_core::Rng as _;
use vault::Vault;

pub(crate) use self::removed::guard;
use self::unsaved::Outspoken;
use crate::cli::KeyOptions;
use crate::failure::{advise, failure, usage};
use crate::home;
use crate::platform::system_rng;
use crate::private_file;

/// A key's memory, and the number that is printed on the key.
pub(crate) struct Memory {
    pub(crate) store: Box<dyn Store>,
    /// The USB serial number: the same as long as the memory is the same, a reset notwithstanding, and no secret.
    pub(crate) serial: String,
    /// Where it is kept; `None`: nowhere.
    pub(crate) directory: Option<PathBuf>,
}

impl Memory {
    /// Opens the memory of key `number`, or makes it.
    ///
    /// # Errors
    /// What the vault says: it is in use, damaged, or not private, each with its cure.
    pub(crate) fn open(options: &KeyOptions, number: u8) -> anyhow::Result<Self> {
        match options.ephemeral {
            true => Ok(Self::ephemeral()),
            false => Self::open_in(directory(options.state.as_deref(), number)?),
        }
    }

    /// Opens the memory in this directory, or makes it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn open_in(directory: PathBuf) -> anyhow::Result<Self> {
        let vault = Vault::open_or_create(&directory, &mut system_rng()).map_err(with_cure)?;
        // The vault's lock is held, so nobody else draws a number at the same time.
        let serial = serial_in(&directory.join("serial"))?;
        let store = Box::new(Outspoken::new(vault, directory.clone()));
        Ok(Self { store, serial, directory: Some(directory) })
    }

    fn ephemeral() -> Self {
        let store = Box::new(MemoryStore::new(&mut system_rng()));
        Self { store, serial: draw_serial(), directory: None }
    }
}

/// The vault knows what to do about its own troubles, not what the command line has for them.
fn with_cure(error: vault::Error) -> anyhow::Error {
    let next = match &error {
        vault::Error::InUse { .. } => format!("stop it first, or name {ANOTHER}"),
        vault::Error::Io { path, .. } => match home::occupied(path) {
            Some(by_root) => format!(
                "if a key of root made it, sudo chown -R \"$USER\" '{}'; or name {ANOTHER}",
                by_root.display()
            ),
            None => format!("name {ANOTHER}"),
        },
        other => other.advice(),
    };
    advise(error, next)
}

const ANOTHER: &str =
    "a directory that can be written with --state, or --ephemeral for a key that remembers nothing";

/// Where the memory of key `number` is, under `state` if that is given.
///
/// # Errors
/// Nothing in the environment tells where else.
pub(crate) fn directory(state: Option<&Path>, number: u8) -> anyhow::Result<PathBuf> {
    Ok(state_directory(state)?.join(format!("key-{number}")))
}

/// `--state`, else a directory of the user's.
fn state_directory(state: Option<&Path>) -> anyhow::Result<PathBuf> {
    let own = || home::state_directory().map(|directory| directory.join("keyfob"));
    state.map(Path::to_owned).or_else(own).ok_or_else(|| {
        usage("neither XDG_STATE_HOME nor HOME is set", "name a directory with --state")
    })
}

/// The number in the file, or a new one that is kept there.
fn serial_in(path: &Path) -> anyhow::Result<String> {
    match private_file::read(path, REMOVE_SERIAL)?.as_deref().map(|text| text.trim_end()) {
        Some(text) if is_serial(text) => return Ok(text.to_owned()),
        // Whoever wrote it ran out of power or space before the number was in it.
        Some("") => fs::remove_file(path)
            .with_context(|| format!("cannot remove the empty {}", path.display()))?,
        Some(_) => {
            let what = format_args!("{} is not a serial number", path.display());
            return Err(failure(what, REMOVE_SERIAL));
        }
        None => {}
    }
    let serial = draw_serial();
    private_file::make(path, &format!("{serial}\n"))?;
    Ok(serial)
}

const REMOVE_SERIAL: &str =
    "restore the file from a backup, or remove it and a new number is drawn";

fn draw_serial() -> String {
    format!("{:016X}", system_rng().next_u64())
}

fn is_serial(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};

    use sha2::Digest as _;

    use super::*;
    use crate::failure::describe;

    fn options(state: Option<&Path>) -> KeyOptions {
        KeyOptions {
            state: state.map(Path::to_owned),
            ephemeral: state.is_none(),
            ..KeyOptions::for_tests()
        }
    }

    #[test]
    fn the_serial_number_stays_with_the_memory() {
        let state = tempfile::tempdir().unwrap();
        let options = options(Some(state.path()));
        let serial = |number| Memory::open(&options, number).unwrap().serial;
        let (first, second) = (serial(1), serial(2));
        assert!(is_serial(&first) && is_serial(&second));
        assert_ne!(first, second, "each key has its own");
        assert_eq!([serial(1), serial(2)], [first, second]);
    }

    #[test]
    fn keys_without_memory_are_told_apart_too() {
        let serial = || Memory::open(&options(None), 1).unwrap().serial;
        assert_ne!(serial(), serial());
    }

    #[test]
    fn a_damaged_serial_number_is_refused_and_not_replaced() {
        let state = tempfile::tempdir().unwrap();
        let options = options(Some(state.path()));
        drop(Memory::open(&options, 1).unwrap());
        let path = state.path().join("key-1/serial");
        for damaged in [&b"\x1b[2J"[..], b"\xff", b"0123"] {
            fs::write(&path, damaged).unwrap();
            let said = describe(&Memory::open(&options, 1).err().unwrap());
            assert!(said.contains("serial") && said.contains("remove it"), "{said}");
            assert_eq!(fs::read(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn an_empty_serial_number_is_none_and_a_new_one_is_drawn() {
        let state = tempfile::tempdir().unwrap();
        let options = options(Some(state.path()));
        let first = Memory::open(&options, 1).unwrap().serial;
        fs::write(state.path().join("key-1/serial"), "").unwrap();
        let second = Memory::open(&options, 1).unwrap().serial;
        assert!(is_serial(&second) && second != first);
        assert_eq!(Memory::open(&options, 1).unwrap().serial, second);
    }

    #[test]
    fn whatever_a_cut_off_first_start_leaves_the_next_one_works() {
        let whole = tempfile::tempdir().unwrap();
        drop(Memory::open(&options(Some(whole.path())), 1).unwrap());
        // In the order in which they are made; what is written last may be there in part, under another name.
        let made = ["lock", vault::COUNTER, vault::STATE, "serial"];
        for count in 0..=made.len() {
            let state = tempfile::tempdir().unwrap();
            let directory = state.path().join("key-1");
            fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
            for name in &made[..count] {
                fs::copy(whole.path().join("key-1").join(name), directory.join(name)).unwrap();
            }
            if !made[..count].contains(&vault::STATE) && count > 1 {
                never_whole(&directory.join(vault::COUNTER));
            }
            fs::write(directory.join(vault::UNFINISHED), "hal").unwrap();
            fs::write(directory.join(".tmpserial"), "0123").unwrap();
            let memory = Memory::open(&options(Some(state.path())), 1);
            assert!(memory.is_ok(), "{made:?}, {count}: {}", describe(&memory.err().unwrap()));
        }
    }

    #[test]
    fn a_memory_without_its_state_is_refused_not_begun_anew() {
        let state = tempfile::tempdir().unwrap();
        let options = options(Some(state.path()));
        drop(Memory::open(&options, 1).unwrap());
        fs::remove_file(state.path().join("key-1").join(vault::STATE)).unwrap();
        let said = describe(&Memory::open(&options, 1).err().unwrap());
        assert!(said.contains("state.keyfob is missing") && said.contains("backup"), "{said}");
    }

    #[test]
    fn a_serial_number_that_is_not_ours_alone_is_refused_and_left() {
        // P-21
        let state = tempfile::tempdir().unwrap();
        let options = options(Some(state.path()));
        drop(Memory::open(&options, 1).unwrap());
        let refusal = || describe(&Memory::open(&options, 1).err().unwrap());
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

    /// As the counter file is before the first state is there.
    fn never_whole(counter: &Path) {
        let mut slot = b"keyfob\0\x01\0\0\0\0".to_vec();
        slot.extend_from_slice(&sha2::Sha256::digest(&slot));
        let mut file = fs::read(counter).unwrap();
        file[..slot.len()].copy_from_slice(&slot);
        file[4096..4096 + slot.len()].copy_from_slice(&slot);
        fs::write(counter, file).unwrap();
    }

    #[test]
    fn where_nothing_can_be_written_the_reason_is_told_once_and_what_to_do() {
        let options = options(Some(Path::new("/dev/null")));
        let said = describe(&Memory::open(&options, 1).err().unwrap());
        assert_eq!(said.matches("(os error").count(), 1, "{said}");
        assert!(
            said.starts_with("keyfob: cannot create /dev/null") && said.contains("--state"),
            "{said}"
        );
    }

    #[test]
    fn one_memory_has_one_process() {
        let state = tempfile::tempdir().unwrap();
        let options = options(Some(state.path()));
        let _held = Memory::open(&options, 1).unwrap();
        assert!(Memory::open(&options, 1).is_err());
    }
}
