//! Where a key's memory is: a vault in a directory of its own, or nowhere.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ctap_core::{MemoryStore, Store};
use rand_core::Rng as _;
use vault::Vault;

use crate::cli::KeyOptions;
use crate::failure::{advise, usage};
use crate::platform::system_rng;

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
        let store = Vault::open_or_create(&directory, &mut system_rng()).map_err(with_cure)?;
        // The vault's lock is held, so nobody else draws a number at the same time.
        let path = directory.join("serial");
        let serial = serial_in(&path).with_context(|| format!("cannot use {}", path.display()))?;
        Ok(Self { store: Box::new(store), serial, directory: Some(directory) })
    }

    fn ephemeral() -> Self {
        let store = Box::new(MemoryStore::new(&mut system_rng()));
        Self { store, serial: draw_serial(), directory: None }
    }
}

/// The vault knows what to do about its own troubles, not about the file system's.
fn with_cure(error: vault::Error) -> anyhow::Error {
    match error {
        vault::Error::Io { .. } => advise(
            error,
            "name a directory that can be written with --state, or --ephemeral for a key that remembers nothing",
        ),
        other => other.into(),
    }
}

/// Where the memory of key `number` is, under `state` if that is given.
///
/// # Errors
/// Nothing in the environment tells where else.
pub(crate) fn directory(state: Option<&Path>, number: u8) -> anyhow::Result<PathBuf> {
    Ok(state_directory(state)?.join(format!("key-{number}")))
}

/// `--state`, else `$XDG_STATE_HOME/keyfob`, else `~/.local/state/keyfob`.
fn state_directory(state: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(directory) = state {
        return Ok(directory.to_owned());
    }
    let state_home = variable("XDG_STATE_HOME").filter(|directory| directory.is_absolute());
    let state_home =
        state_home.or_else(|| Some(variable("HOME")?.join(".local/state"))).ok_or_else(|| {
            usage("neither XDG_STATE_HOME nor HOME is set", "name a directory with --state")
        })?;
    Ok(state_home.join("keyfob"))
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The number in the file, or a new one that is kept there.
fn serial_in(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) if is_serial(text.trim_end()) => Ok(text.trim_end().to_owned()),
        Ok(_) => {
            Err(io::Error::other("it is not a serial number; remove it and a new one is drawn"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let serial = draw_serial();
            fs::write(path, format!("{serial}\n"))?;
            Ok(serial)
        }
        Err(error) => Err(error),
    }
}

fn draw_serial() -> String {
    format!("{:016X}", system_rng().next_u64())
}

fn is_serial(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
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
        fs::write(&path, "\u{1b}[2J").unwrap();
        let error = format!("{:#}", Memory::open(&options, 1).err().unwrap());
        assert!(error.contains("serial") && error.contains("remove it"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "\u{1b}[2J");
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
