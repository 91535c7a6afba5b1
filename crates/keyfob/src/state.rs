//! The memories of keys, and `keyfob state`, which looks after them.

mod exported;
mod info;
mod lock;
mod options;
mod passphrase;
mod transfer;

use std::io;
use std::path::{Path, PathBuf};

use clap::builder::RangedI64ValueParser;
use sealed_records::{Error, LockedWith};

use self::options::Which;
pub(crate) use self::options::{MEMORY, UnlockOptions};
use crate::failure::{advise, usage};
use crate::home;

/// Look after a virtual key's memory: its lock, and copies of it
///
/// The key must not run meanwhile. docs/state-format.md explains what a memory is made of, and how to back it up.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// Show where the memory is, how it is locked, and how large it is
    #[command(after_help = INFO_EXAMPLES)]
    Info(info::Options),
    /// Copy a whole key, with its serial number and attestation, into one unencrypted file
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(transfer::ExportOptions),
    /// Make a key's memory from such a file
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(transfer::ImportOptions),
    /// Lock the memory with a passphrase, change the passphrase, or remove it
    #[command(after_help = PASSPHRASE_EXAMPLES)]
    Passphrase(lock::Options),
}

/// Runs the command.
///
/// # Errors
/// The memory is in use, cannot be unlocked, or is not fit to be used.
pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Info(options) => info::run(options),
        Command::Export(options) => transfer::export(options),
        Command::Import(options) => transfer::import(options),
        Command::Passphrase(options) => lock::run(options),
    }
}

/// Keys of one process, and the last number of one: a key for each browser of a farm. Each has a thread or two, and a few descriptors.
pub(crate) const MAX_KEYS: u8 = 250;

/// Reads a number of keys, or the number of one.
pub(crate) fn key_numbers() -> RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(1..=i64::from(MAX_KEYS))
}

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

/// A vault knows what to do about its own troubles, not which options there are.
fn cured(error: Error) -> anyhow::Error {
    let next = advice(&error);
    advise(error, next)
}

fn advice(error: &Error) -> String {
    match error {
        Error::LockedOtherwise { with, .. } => match with {
            LockedWith::Passphrase => {
                "give the passphrase with --passphrase-file FILE, or - for standard input".to_owned()
            }
            LockedWith::Credential => {
                "name it with --credential NAME, in a systemd unit that loads it".to_owned()
            }
            _ => "leave out --passphrase-file and --credential: the memory is not locked with either".to_owned(),
        },
        Error::RolledBack { .. } | Error::OtherWitness { .. } => {
            "put the latest copy back; or, if you put this one there yourself, --accept-rollback: PIN tries that were spent \
             since come back, and signature counters repeat"
                .to_owned()
        }
        Error::NoVault { .. } => {
            "name another with --state or --key; a key makes its memory when it first starts".to_owned()
        }
        other => other.advice(),
    }
}

/// The same for a key that is to run, and for what is kept beside its memory.
pub(crate) fn with_cure(error: virtual_key::Error) -> anyhow::Error {
    let next = match &error {
        virtual_key::Error::Memory(error) => match error {
            Error::InUse { .. } => format!("stop it first, or name {ANOTHER}"),
            Error::Io { source, .. } if is_full(source) => {
                format!("free some space on its disk, or name {ANOTHER}")
            }
            Error::Io { path, .. } => match home::occupied(path) {
                Some(by_root) => format!(
                    "if a key of root made it, sudo chown -R \"$USER\" '{}'; or name {ANOTHER}",
                    by_root.display()
                ),
                None => format!("name {ANOTHER}"),
            },
            other => advice(other),
        },
        virtual_key::Error::File { doing: "open", .. } => {
            "name a directory with --state that this user may read; keys of root need sudo"
                .to_owned()
        }
        virtual_key::Error::File { doing: "write", .. } => {
            "free some space there, or name a directory that can be written with --state".to_owned()
        }
        _ => return error.into(),
    };
    advise(error, next)
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

const ANOTHER: &str =
    "a directory that can be written with --state, or --ephemeral for a key that remembers nothing";

const EXAMPLES: &str = "\
Examples:
  keyfob state info        of the first key
  keyfob state passphrase  lock it with one
  keyfob state export key.json && keyfob state import key.json --state ./copy";

const INFO_EXAMPLES: &str = "\
Examples:
  keyfob state info
  keyfob state info --state ./keys --key 2 --json | jq -r .lockedWith";

const EXPORT_EXAMPLES: &str = "\
Examples:
  keyfob state export key.json
  keyfob state export | age -p > key.json.age  never unencrypted on a disk

The file holds private keys. Serial number and attestation are files of their own beside the memory.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  keyfob state import key.json --state ./keys
  age -d key.json.age | keyfob state import - --replace

Two keys with one memory send the same signature counters: use one of them.";

const PASSPHRASE_EXAMPLES: &str = "\
Examples:
  keyfob state passphrase           set it, or change it; asks for both
  keyfob state passphrase --remove  back to a key file
  keyfob state passphrase --passphrase-file old --new-passphrase-file new

`keyfob attach` and `keyfob serve` ask for it, or take --passphrase-file.";

#[cfg(test)]
mod tests {
    use virtual_key::log;
    use virtual_key::memory::{Memory, Place};
    use virtual_key::platform::system_rng;

    use super::*;
    use crate::failure::describe;

    // P-12
    #[test]
    fn a_full_disk_wants_room_before_another_directory() {
        let source = io::ErrorKind::StorageFull.into();
        let full = Error::Io { action: "write", path: "/full".into(), source };
        let said = describe(&with_cure(full.into()));
        assert!(said.contains("\nnext: free some space") && said.contains("--ephemeral"), "{said}");
    }

    #[test]
    fn where_nothing_can_be_written_the_reason_is_told_once_and_what_to_do() {
        let place = Place::new(directory(Some(Path::new("/dev/null")), 1).unwrap());
        let opened = Memory::open(&place, log, &mut system_rng());
        let error = opened.map_err(with_cure).err().unwrap();
        let said = describe(&error);
        assert_eq!(said.matches("(os error").count(), 1, "{said}");
        assert!(
            said.starts_with("keyfob: cannot create /dev/null") && said.contains("--state"),
            "{said}"
        );
    }
}
