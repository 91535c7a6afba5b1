//! The vault: a [`Store`] whose memory is always what its disk holds.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

use ctap_core::store::{Change, State, Store, StoreError};
use rand_core::CryptoRng;

use crate::counter::{self, Counter};
use crate::directory::Directory;
use crate::disk::{COUNTER, Disk, ReplaceError, STATE, UNFINISHED, replace};
use crate::error::{Error, Fault};
use crate::format;
use crate::limits::MAX_STATE_FILE;

/// An authenticator's durable memory.
///
/// A change is carried out on a draft, the draft is written, and only when it is durable does it become the state: the
/// disk never knows less than what was acknowledged, and memory never more than the disk (P-11, P-12).
pub struct Vault<D: Disk = Directory> {
    disk: D,
    state: State,
    counter: Counter<D::File>,
    /// The state file may be one whose change was refused: it is written again before anything else.
    in_doubt: bool,
    /// What was wrong with the disk at the last commit or look.
    trouble: Option<io::Error>,
}

impl Vault {
    /// Makes a new vault in a directory, and the directory with mode 0700 if it is not there.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::StateMissing`], or the directory cannot be used: its owner's fault.
    pub fn create(directory: &Path, rng: &mut dyn CryptoRng) -> Result<Self, Error> {
        Self::create_on(Directory::make(directory)?, rng)
    }

    /// Opens the vault in a directory and holds it, alone, until it is dropped.
    ///
    /// # Errors
    /// There is none, it is in use, or it is not fit to be used; the [`Error`] tells what to do.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        Self::open_on(Directory::open(directory)?)
    }

    /// Opens the vault in a directory, or makes one if there has never been a whole one.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for `NoVault`.
    pub fn open_or_create(directory: &Path, rng: &mut dyn CryptoRng) -> Result<Self, Error> {
        let disk = Directory::make(directory)?;
        if exists(&disk, STATE)? { Self::open_on(disk) } else { Self::create_on(disk, rng) }
    }
}

impl<D: Disk> Vault<D> {
    /// Makes a new vault on this disk.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`]; [`Error::StateMissing`] and [`Error::Refused`] where the rest of another vault is;
    /// [`Error::Io`] when the disk failed.
    pub fn create_on(disk: D, rng: &mut dyn CryptoRng) -> Result<Self, Error> {
        if exists(&disk, STATE)? {
            return Err(Error::AlreadyExists { directory: disk.directory().to_owned() });
        }
        check_never_whole(&disk)?;
        // The state file comes last: where it is, the vault is whole.
        if !exists(&disk, COUNTER)? {
            write_whole(&disk, COUNTER, &counter::fresh())?;
        }
        write_whole(&disk, STATE, &format::encode(&State::factory(rng)))?;
        Self::open_on(disk)
    }

    /// Opens the vault on this disk.
    ///
    /// # Errors
    /// [`Error::NoVault`], [`Error::StateMissing`], [`Error::CounterMissing`], [`Error::Refused`]; [`Error::Io`] when
    /// the disk failed.
    pub fn open_on(disk: D) -> Result<Self, Error> {
        let mut state = read_state(&disk)?;
        let (mut counter, mut ceiling) = Counter::load(&disk)?;
        if ceiling == counter::UNFINISHED {
            // The state is durable: from now on its file may be lost, but never not yet be there.
            ceiling = counter::WHOLE;
            counter
                .raise(&disk, ceiling)
                .map_err(Error::io("write", disk.directory().join(COUNTER)))?;
        }
        state.apply(Change::SignCountCeiling(ceiling));
        disk.remove(UNFINISHED).map_err(Error::io("remove", disk.directory().join(UNFINISHED)))?;
        Ok(Self { disk, state, counter, in_doubt: false, trouble: None })
    }

    /// Why the last commit was refused, or the last look found nothing, in the operating system's words, or with `FileTooLarge` for a state of more than
    /// [`MAX_STATE_FILE`] bytes; `None`: it was not. The medium's fault. A status has no room for this, but whoever looks
    /// after the disk needs it.
    #[must_use]
    pub fn why_refused(&self) -> Option<&io::Error> {
        self.trouble.as_ref()
    }

    fn carry_out(&mut self, change: Change) -> io::Result<()> {
        if self.in_doubt {
            self.settle()?;
        }
        match change {
            Change::SignCountCeiling(ceiling) => self.raise_ceiling(ceiling),
            change => self.replace_state(change),
        }
    }

    /// Cheap, for it is on the way of an assertion: the state file is left alone (P-13).
    fn raise_ceiling(&mut self, ceiling: u32) -> io::Result<()> {
        if ceiling > self.state.sign_count_ceiling {
            self.counter.raise(&self.disk, ceiling)?;
            self.state.apply(Change::SignCountCeiling(ceiling));
        }
        Ok(())
    }

    /// The state has no `Clone`, so that secrets are not copied by accident: the draft is read from what would be
    /// written. The next state, too, is what was read from the very bytes that are on the disk.
    fn replace_state(&mut self, change: Change) -> io::Result<()> {
        let mut draft = format::decode(&format::encode(&self.state)).map_err(io::Error::other)?;
        draft.apply(change);
        let file = format::encode(&draft);
        if file.len() > MAX_STATE_FILE {
            return Err(ErrorKind::FileTooLarge.into());
        }
        let next = format::decode(&file).map_err(io::Error::other)?;
        match replace(&self.disk, STATE, &file) {
            Ok(()) => {
                self.state = next;
                Ok(())
            }
            Err(ReplaceError::Unchanged(error)) => Err(error),
            Err(ReplaceError::InDoubt(error)) => {
                self.in_doubt = true;
                // If this fails too, the next commit tries again.
                let _ = self.settle();
                Err(error)
            }
        }
    }

    /// Looks whether the files are where the next start will look for them. A state file that somebody removed from a directory
    /// that is still there is written again.
    fn look(&mut self) -> io::Result<()> {
        self.counter.is_kept(&self.disk)?;
        match self.disk.open(STATE)? {
            Some(_) => Ok(()),
            None => self.settle(),
        }
    }

    fn judge(&mut self, outcome: io::Result<()>, what: &str) -> Result<(), StoreError> {
        self.trouble = outcome.err();
        let Some(error) = &self.trouble else { return Ok(()) };
        tracing::error!(%error, vault = %self.disk.directory().display(), "{what}");
        Err(refusal(error.kind()))
    }

    /// Puts the state on the disk as it is, and so takes a refused change off it.
    fn settle(&mut self) -> io::Result<()> {
        replace(&self.disk, STATE, &format::encode(&self.state)).map_err(ReplaceError::into_io)?;
        self.in_doubt = false;
        Ok(())
    }
}

impl<D: Disk> Store for Vault<D> {
    fn state(&self) -> &State {
        &self.state
    }

    fn commit(&mut self, change: Change) -> Result<(), StoreError> {
        let outcome = self.carry_out(change);
        self.judge(outcome, "a change was not saved")
    }

    fn still_kept(&mut self) -> Result<(), StoreError> {
        let outcome = self.look();
        self.judge(outcome, "what was saved is not there any more")
    }
}

/// What the vault holds is nobody's to print.
impl<D: Disk> fmt::Debug for Vault<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("directory", &self.disk.directory()).finish_non_exhaustive()
    }
}

fn refusal(kind: ErrorKind) -> StoreError {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            StoreError::Full
        }
        _ => StoreError::Failed,
    }
}

fn read_state(disk: &impl Disk) -> Result<State, Error> {
    let path = disk.directory().join(STATE);
    let opened = disk.open(STATE).map_err(Error::io("open", path.clone()))?;
    let Some(file) = opened else {
        check_never_whole(disk)?;
        return Err(Error::NoVault { directory: disk.directory().to_owned() });
    };
    // A killed process may have left its last change to the kernel: durable first, then believed.
    disk.sync(&file)
        .and_then(|()| disk.sync_directory())
        .map_err(Error::io("sync", path.clone()))?;
    let bytes = disk
        .read(&file, MAX_STATE_FILE.saturating_add(1))
        .map_err(Error::io("read", path.clone()))?;
    if bytes.len() > MAX_STATE_FILE {
        return Err(Error::Refused { path, fault: Fault::TooLong });
    }
    format::decode(&bytes).map_err(|fault| Error::Refused { path, fault })
}

/// There is no state file. Tells whether there never was one, as on an empty disk and after a power cut while a vault was
/// made, or it is lost: a lost one is not replaced by a new and empty one (P-14).
fn check_never_whole(disk: &impl Disk) -> Result<(), Error> {
    if exists(disk, COUNTER)? && Counter::load(disk)?.1 != counter::UNFINISHED {
        return Err(Error::StateMissing { path: disk.directory().join(STATE) });
    }
    Ok(())
}

fn write_whole(disk: &impl Disk, name: &str, bytes: &[u8]) -> Result<(), Error> {
    replace(disk, name, bytes)
        .map_err(ReplaceError::into_io)
        .map_err(Error::io("write", disk.directory().join(name)))
}

fn exists(disk: &impl Disk, name: &str) -> Result<bool, Error> {
    disk.open(name)
        .map(|file| file.is_some())
        .map_err(Error::io("open", disk.directory().join(name)))
}
