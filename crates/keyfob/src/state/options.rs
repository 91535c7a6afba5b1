//! The options that unlock the memories of keys, and say where their witnesses are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealed_records::{Error, LockedWith, Rollback, Unlock, Vault};
use virtual_key::memory::Place;

use super::passphrase;
use super::{cured, directory};
use crate::failure::failure;
use crate::{home, terminal};

/// The heading of options about what a key remembers.
pub(crate) const MEMORY: &str = "Its memory";

/// What unlocks the memories of keys, and where their witnesses are.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = MEMORY)]
pub(crate) struct UnlockOptions {
    /// A file with the passphrase of the keys' memory, on its first line; `-` is standard input. Without this option keyfob asks for it
    #[arg(long, value_name = "FILE", conflicts_with = "credential")]
    passphrase_file: Option<PathBuf>,

    /// The systemd credential that unlocks the keys' memory (LoadCredentialEncrypted= in the unit)
    #[arg(long, value_name = "NAME")]
    credential: Option<String>,

    /// Where to note which copy of the keys' memory is the latest, so that an older copy is refused [default:
    /// ~/.local/share/keyfob for keys
    /// below ~/.local/state; for others nowhere]
    #[arg(long, value_name = "DIR")]
    witness: Option<PathBuf>,

    /// Accept a memory that is older than the latest one, because you put this copy there yourself
    #[arg(long)]
    accept_rollback: bool,
}

impl UnlockOptions {
    /// Where the memory of key `number` is, below `state` if that is given, and how it is opened. A person is asked for the
    /// passphrase if the memory has one and no option tells it.
    ///
    /// # Errors
    /// Nothing in the environment tells where, there is no passphrase where it should come from, or the memory is in use.
    pub(crate) fn place(&self, state: Option<&Path>, number: u8) -> anyhow::Result<Place> {
        let directory = directory(state, number)?;
        let unlock = Arc::new(self.unlock(&directory)?);
        let witness = self.witness_directory(state);
        let witness = witness.map(|directory| directory.join(format!("key-{number}.witness")));
        let rollback = if self.accept_rollback { Rollback::Accept } else { Rollback::Refuse };
        Ok(Place { directory, unlock, witness, rollback })
    }

    /// Memories that are not where they are by default come and go, as in tests: nothing of them is left elsewhere.
    fn witness_directory(&self, state: Option<&Path>) -> Option<PathBuf> {
        let by_default = || match state {
            Some(_) => None,
            None => home::witness_directory().map(|directory| directory.join("keyfob")),
        };
        self.witness.clone().or_else(by_default)
    }

    fn unlock(&self, directory: &Path) -> anyhow::Result<Unlock> {
        match (&self.passphrase_file, &self.credential) {
            (Some(path), _) => Ok(Unlock::Passphrase(passphrase::from_file(path)?)),
            (None, Some(name)) => Unlock::systemd_credential(name).map_err(cured),
            (None, None) => self.unlock_as_it_is_locked(directory),
        }
    }

    fn unlock_as_it_is_locked(&self, directory: &Path) -> anyhow::Result<Unlock> {
        match Vault::locked_with(directory) {
            Ok(Some(LockedWith::Passphrase)) if terminal::is_interactive() => {
                let question = format!("Passphrase of the memory in {}: ", directory.display());
                Ok(Unlock::Passphrase(passphrase::ask(&question)?))
            }
            Ok(Some(with)) if with != LockedWith::KeyFile => {
                Err(cured(Error::LockedOtherwise { directory: directory.to_owned(), with }))
            }
            // What else is wrong is told when the memory is opened.
            _ => Ok(Unlock::KeyFile),
        }
    }
}

/// Which memory a command is for.
#[derive(clap::Args, Debug)]
pub(crate) struct Which {
    /// Where the keys' memory is kept [default: $XDG_STATE_HOME/keyfob or ~/.local/state/keyfob]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Which of the keys in that directory, counted from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = super::key_numbers())]
    key: u8,

    #[command(flatten)]
    unlock: UnlockOptions,
}

impl Which {
    /// Where that is, and how it is opened.
    ///
    /// # Errors
    /// As [`UnlockOptions::place`].
    pub(super) fn place(&self) -> anyhow::Result<Place> {
        self.unlock.place(self.state.as_deref(), self.key)
    }
}

/// What a memory is to be locked with.
#[derive(clap::Args, Debug)]
pub(super) struct NewLockOptions {
    /// A file with the new passphrase, on its first line; `-` is standard input. Without this option keyfob asks for it, twice
    #[arg(long, value_name = "FILE", conflicts_with_all = ["new_credential", "remove"])]
    new_passphrase_file: Option<PathBuf>,

    /// Lock it with this systemd credential instead of a passphrase
    #[arg(long, value_name = "NAME", conflicts_with = "remove")]
    new_credential: Option<String>,

    /// Lock it with a key file in the same directory again: everybody who can read the directory can use it
    #[arg(long)]
    remove: bool,
}

impl NewLockOptions {
    /// What it is, from wherever that is to come.
    ///
    /// # Errors
    /// There is none, or it cannot be a passphrase.
    pub(super) fn unlock(&self) -> anyhow::Result<Unlock> {
        if self.remove {
            return Ok(Unlock::KeyFile);
        }
        if let Some(name) = &self.new_credential {
            return Unlock::systemd_credential(name).map_err(cured);
        }
        let new = match &self.new_passphrase_file {
            Some(path) => passphrase::from_file(path)?,
            None if terminal::is_interactive() => passphrase::ask_twice()?,
            None => {
                let next = "give it with --new-passphrase-file FILE, or - for standard input";
                return Err(failure("there is no terminal to ask for the new passphrase", next));
            }
        };
        Ok(Unlock::Passphrase(new))
    }
}
