//! The locks of a vault: a key file, a passphrase, or a systemd credential.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::crypto::{KEY_LENGTH, Key};
use crate::disk::{Disk, KEY, UNFINISHED_KEY};
use crate::error::{Error, Fault};
use crate::limits::{
    COST, MAX_COST, MAX_CREDENTIAL, MAX_LANES, MAX_PASSPHRASE, MIN_COST, MIN_CREDENTIAL,
    MIN_PASSPHRASE,
};

/// What unlocks a vault. A new vault is locked with it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unlock {
    /// The file [`KEY`] beside the records, which is made with the vault. It protects a copy that has only the
    /// records, and it makes it possible to erase them. It does not protect against anybody who can read the
    /// directory.
    KeyFile,
    /// A passphrase that a person knows.
    Passphrase(Passphrase),
    /// The file of a systemd credential: a key of 32 to 4096 bytes of any form.
    Credential(PathBuf),
}

impl Unlock {
    /// The credential of this name. systemd has put it into the directory that `CREDENTIALS_DIRECTORY` names
    /// (systemd.exec(5), `LoadCredential=`).
    ///
    /// # Errors
    /// [`Error::NoCredentials`]: this process was not started with credentials; the fault of its unit.
    pub fn systemd_credential(name: &str) -> Result<Self, Error> {
        let directory = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or(Error::NoCredentials)?;
        Ok(Self::Credential(Path::new(&directory).join(name)))
    }

    pub(crate) const fn locked_with(&self) -> LockedWith {
        match self {
            Self::KeyFile => LockedWith::KeyFile,
            Self::Passphrase(_) => LockedWith::Passphrase,
            Self::Credential(_) => LockedWith::Credential,
        }
    }
}

/// A passphrase of 8 to 1024 bytes. It is wiped when it is dropped.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// Takes over the passphrase.
    ///
    /// # Errors
    /// [`Error::PassphraseLength`]: it is too short or too long; the fault of the one who chose it.
    pub fn new(text: Zeroizing<Vec<u8>>) -> Result<Self, Error> {
        match (MIN_PASSPHRASE..=MAX_PASSPHRASE).contains(&text.len()) {
            true => Ok(Self(text)),
            false => Err(Error::PassphraseLength),
        }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrase").finish_non_exhaustive()
    }
}

/// The kinds of locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockedWith {
    /// The file `key` beside the records.
    KeyFile,
    /// A passphrase.
    Passphrase,
    /// A systemd credential.
    Credential,
}

impl fmt::Display for LockedWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyFile => "a key file",
            Self::Passphrase => "a passphrase",
            Self::Credential => "a systemd credential",
        })
    }
}

/// How the wrapping key comes from what unlocks; in clear in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) way: Way,
    pub(crate) salt: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    KeyFile,
    Passphrase(Cost),
    Credential,
}

impl Way {
    pub(crate) const fn locked_with(self) -> LockedWith {
        match self {
            Self::KeyFile => LockedWith::KeyFile,
            Self::Passphrase(_) => LockedWith::Passphrase,
            Self::Credential => LockedWith::Credential,
        }
    }
}

/// The cost of one guess at a passphrase (Argon2id, RFC 9106).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Memory in KiB.
    pub(crate) memory: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

impl Cost {
    /// Neither so low that somebody could guess, nor so high that it stops the machine (P-15).
    pub(crate) fn check(self) -> Result<Self, Fault> {
        let memory = (MIN_COST.0..=MAX_COST.0).contains(&self.memory);
        let passes = (MIN_COST.1..=MAX_COST.1).contains(&self.passes);
        let lanes = (1..=MAX_LANES).contains(&self.lanes);
        if memory && passes && lanes { Ok(self) } else { Err(Fault::Cost) }
    }
}

impl Lock {
    /// A new lock of this kind.
    pub(crate) fn new(with: LockedWith, rng: &mut dyn CryptoRng) -> Self {
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        let way = match with {
            LockedWith::KeyFile => Way::KeyFile,
            LockedWith::Passphrase => {
                Way::Passphrase(Cost { memory: COST.0, passes: COST.1, lanes: 1 })
            }
            LockedWith::Credential => Way::Credential,
        };
        Self { way, salt }
    }

    /// The wrapping key that belongs to a passphrase or a credential, or, with a key file, to that.
    ///
    /// # Errors
    /// [`Error::LockedOtherwise`], [`Error::KeyMissing`], [`Error::Credential`], [`Error::NotAKey`], [`Error::Io`]: the user's
    /// fault.
    pub(crate) fn wrapping_key(&self, unlock: &Unlock, disk: &impl Disk) -> Result<Key, Error> {
        match (unlock, self.way) {
            (Unlock::KeyFile, Way::KeyFile) => Ok(self.of_key_file(&key_file(disk)?)),
            (Unlock::Passphrase(passphrase), Way::Passphrase(cost)) => {
                stretched(passphrase, &self.salt, cost)
            }
            (Unlock::Credential(path), Way::Credential) => {
                let credential = read_credential(path)?;
                Ok(Key::derived(&self.salt, &credential, b"keyfob records: credential"))
            }
            (_, way) => Err(Error::LockedOtherwise {
                directory: disk.directory().to_owned(),
                with: way.locked_with(),
            }),
        }
    }

    pub(crate) fn of_key_file(&self, key: &Key) -> Key {
        Key::derived(&self.salt, key.expose(), b"keyfob records: key file")
    }
}

fn stretched(passphrase: &Passphrase, salt: &[u8; 32], cost: Cost) -> Result<Key, Error> {
    let failed = |error: argon2::Error| Error::Stretching { reason: error.to_string() };
    let parameters = Params::new(cost.memory, cost.passes, cost.lanes, Some(KEY_LENGTH));
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters.map_err(failed)?);
    let mut outcome = Ok(());
    let key = Key::filled(|key| outcome = argon2.hash_password_into(&passphrase.0, salt, key));
    outcome.map_err(failed)?;
    Ok(Key::derived(salt, key.expose(), b"keyfob records: passphrase"))
}

/// The key in the key file.
fn key_file(disk: &impl Disk) -> Result<Key, Error> {
    let path = disk.directory().join(KEY);
    let opened = disk.open(KEY).map_err(Error::io("open", path.clone()))?;
    let Some(file) = opened else { return Err(Error::KeyMissing { path }) };
    let bytes = disk
        .read_at(&file, 0, KEY_LENGTH.saturating_add(1))
        .map(Zeroizing::new)
        .map_err(Error::io("read", path.clone()))?;
    Key::of(&bytes).ok_or(Error::NotAKey { path })
}

/// Writes a key under a name that has no meaning yet. The content is durable, the name is not.
pub(crate) fn write_key(disk: &impl Disk, key: &Key) -> io::Result<()> {
    disk.remove(UNFINISHED_KEY)?;
    let file = disk.create(UNFINISHED_KEY)?;
    disk.write_at(&file, 0, key.expose())?;
    disk.sync(&file)
}

/// Takes the key file away, after it was overwritten as well as the medium lets that be done.
pub(crate) fn forget_key(disk: &impl Disk) -> io::Result<()> {
    let Some(file) = disk.open(KEY)? else { return Ok(()) };
    disk.write_at(&file, 0, &[0; KEY_LENGTH])?;
    disk.sync(&file)?;
    disk.remove(KEY)?;
    disk.sync_directory()
}

/// systemd puts it where only this user reads it, and makes no link of it.
fn read_credential(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_CREDENTIAL.saturating_add(1)));
    let most = u64::try_from(MAX_CREDENTIAL).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(|source| Error::Credential { path: path.to_owned(), source })?;
    match (MIN_CREDENTIAL..=MAX_CREDENTIAL).contains(&bytes.len()) {
        true => Ok(bytes),
        false => Err(Error::NotAKey { path: path.to_owned() }),
    }
}
