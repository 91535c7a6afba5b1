//! The vault: a map of records. What was acknowledged is always on the disk.

use std::fmt;
use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Arc;

use crate::batch::Batch;
use crate::crypto::{Key, Keys};
use crate::directory::Directory;
use crate::disk::{Disk, KEY, RECORDS, UNFINISHED, UNFINISHED_KEY, put_in_place};
use crate::error::{CommitError, Error};
use crate::header::{Header, VERSION};
use crate::index::Index;
use crate::limits::MIN_DEAD;
use crate::log::Log;
use crate::opening::Rng;
use crate::record::{Change, Durability};
use crate::snapshot::{Snapshot, copy_live};
use crate::unlock::{Lock, LockedWith, Unlock, Way, forget_key, write_key};
use crate::witness::Witness;

/// An encrypted, atomic and durable map of records.
///
/// A commit is encrypted and appended to the log. It is acknowledged when it is durable (P-11). After any failure,
/// the bytes of a refused commit are removed from the disk before anything else is written (P-12).
pub struct Vault<D: Disk = Directory> {
    disk: D,
    log: Log<D::File>,
    index: Index,
    witness: Option<Witness<D>>,
    rng: Rng,
    state: State,
    /// How many bytes must be dead before the file is written again to get rid of them.
    patience: u64,
    /// The disk's error at the last commit or check.
    failure: Option<io::Error>,
}

/// Whether the file is what memory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sound,
    /// A power cut left something behind the last commit: the file is written again before the next one.
    Torn,
    /// The file may hold a refused commit: it is written anew before anything else.
    InDoubt,
}

/// How a commit becomes durable.
enum Sync<'w> {
    /// Before it returns.
    Now,
    /// Before it returns, and this is done meanwhile.
    While(&'w mut dyn FnMut()),
    /// In the background.
    Soon,
}

impl From<Durability> for Sync<'_> {
    fn from(when: Durability) -> Self {
        match when {
            Durability::Wait => Self::Now,
            Durability::Lazy => Self::Soon,
        }
    }
}

/// Facts about a vault. None of them is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The file's format version.
    pub version: u16,
    /// The vault's identity: drawn when it was made, and the same in all copies.
    pub store: [u8; 16],
    /// How many times the file has been written anew; it begins with 1.
    pub generation: u64,
    /// How many commits there have been, including those that wrote the file anew. It never goes down.
    pub sequence: u64,
    /// How many records there are.
    pub records: usize,
    /// How many bytes the records take, with their names.
    pub live_bytes: u64,
    /// The length of the file in bytes.
    pub file_bytes: u64,
    /// What kind of lock it has.
    pub locked_with: LockedWith,
    /// Whether an older copy would be noticed.
    pub witness: WitnessState,
}

/// Whether an older copy of a vault would be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WitnessState {
    /// No witness file was named.
    None,
    /// There was no witness, or it could not be read, so a new one was made. Nobody knows whether this copy is the
    /// latest.
    New,
    /// The witness agreed when the vault was opened.
    Kept,
}

impl<D: Disk> Vault<D> {
    pub(crate) fn new(
        disk: D,
        log: Log<D::File>,
        index: Index,
        (witness, rng): (Option<Witness<D>>, Rng),
    ) -> Self {
        let (state, patience) = (State::Sound, MIN_DEAD);
        Self { disk, log, index, witness, rng, state, patience, failure: None }
    }

    pub(crate) const fn is_torn(&mut self) {
        self.state = State::Torn;
    }

    /// Changes records: all of them or none, also after a power cut. With `Wait`, these changes and all earlier
    /// commits are durable when this returns. With `Lazy`, they become durable some time later, in the same order.
    /// A call with no changes and `Wait` is a barrier, which usually need not wait.
    ///
    /// # Errors
    /// Nothing has changed, neither in memory nor on the disk. It is the medium's fault, or there is no room.
    pub fn commit(&mut self, changes: &[Change<'_>], when: Durability) -> Result<(), CommitError> {
        let outcome = self.carry_out(changes, when.into());
        self.judge(outcome, "a commit was not saved")
    }

    /// As [`commit`](Self::commit) with `Wait`. In addition, `work` is done once, while a thread of the vault waits
    /// for the disk, so that the two times do not add up. At that moment the changes have been written. If nothing
    /// could be written, `work` is not done.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn commit_while(
        &mut self,
        changes: &[Change<'_>],
        work: &mut dyn FnMut(),
    ) -> Result<(), CommitError> {
        let outcome = self.carry_out(changes, Sync::While(work));
        self.judge(outcome, "a commit was not saved")
    }

    /// Replaces all records with these, at once or not at all, in a new file with a new data key. The old key is
    /// overwritten as well as the medium allows it, so that nothing of before can be read. A change without a value
    /// is ignored.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn replace_all(&mut self, records: &[Change<'_>]) -> Result<(), CommitError> {
        let outcome = self.begin_anew(records);
        self.judge(outcome, "the old content could not be replaced")
    }

    /// Checks that the file is where the next start will look for it. If somebody has removed it from a directory
    /// that is still there, it is written again, and so is the key file.
    ///
    /// # Errors
    /// The directory is gone, or it holds another vault.
    pub fn still_kept(&mut self) -> Result<(), CommitError> {
        let outcome = self.look().and_then(|()| self.look_after_key());
        self.judge(outcome, "the saved files are not there any more")
    }

    /// Why the last commit was refused, or the last check found nothing: the operating system's error. It is
    /// `FileTooLarge` if one commit, or the vault, was too large. `None`: there was no refusal. A [`CommitError`]
    /// does not hold this, but people who look after the disk need it.
    #[must_use]
    pub fn why_refused(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Facts about the vault.
    #[must_use]
    pub fn info(&self) -> Info {
        let Header { store, generation, lock, .. } = self.log.header;
        Info {
            version: VERSION,
            store,
            generation,
            sequence: self.log.end().last,
            records: self.index.records(),
            live_bytes: self.index.live(),
            file_bytes: self.log.room(),
            locked_with: lock.way.locked_with(),
            witness: match &self.witness {
                None => WitnessState::None,
                Some(witness) if witness.is_new => WitnessState::New,
                Some(_) => WitnessState::Kept,
            },
        }
    }

    /// Locks the vault with another lock from now on, at once or not at all. Old copies of the file keep their
    /// lock.
    ///
    /// # Errors
    /// The errors of a credential; [`Error::Io`]: the medium's fault. The vault has its old lock then.
    pub fn rewrap(&mut self, unlock: &Unlock) -> Result<(), Error> {
        let path = self.disk.directory().join(RECORDS);
        let before = self.log.header.lock.way;
        let outcome = match unlock {
            Unlock::KeyFile if before != Way::KeyFile => self.lock_with_new_key(),
            _ => {
                let lock = Lock::new(unlock.locked_with(), self.rng.as_mut());
                let wrapping = lock.wrapping_key(unlock, &self.disk)?;
                self.lock_with(lock, wrapping)
            }
        };
        let outcome = outcome.and_then(|()| match unlock {
            Unlock::KeyFile => Ok(()),
            _ => forget_key(&self.disk),
        });
        self.settle_if_refused(outcome.is_err());
        outcome.map_err(Error::io("write", path))
    }

    fn carry_out(&mut self, changes: &[Change<'_>], sync: Sync<'_>) -> io::Result<()> {
        self.catch_up();
        self.settle()?;
        if changes.is_empty() {
            return self.wait_for_nothing_new(sync);
        }
        self.look()?;
        let batch = Batch::new(changes)?;
        if !matches!(sync, Sync::Soon) {
            self.compact_if_due()?;
        }
        let before = self.log.end();
        let frame = self.log.prepare(&self.disk, &batch, self.rng.as_mut())?;
        match self.append(&frame, sync) {
            Ok(offset) => {
                self.index.apply(batch.changes(), offset);
                Ok(())
            }
            Err(error) => {
                self.log.go_back_to(before);
                self.state = State::InDoubt;
                Err(error)
            }
        }
    }

    /// Learns what became of what nobody waits for.
    fn catch_up(&mut self) {
        if self.log.catch_up().is_err() {
            self.state = State::InDoubt;
        }
    }

    fn wait_for_nothing_new(&mut self, sync: Sync<'_>) -> io::Result<()> {
        match sync {
            Sync::Soon => return Ok(()),
            Sync::Now => {}
            Sync::While(work) => work(),
        }
        self.wait_for_all()
    }

    fn append(&mut self, frame: &[u8], sync: Sync<'_>) -> io::Result<u64> {
        let offset = self.log.append(&self.disk, frame)?;
        match sync {
            Sync::Now => self.sync()?,
            Sync::Soon => self.log.sync_soon(&self.disk),
            Sync::While(work) => {
                self.log.sync_while(&self.disk, work)?;
                self.tell_witness();
            }
        }
        Ok(offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.log.sync(&self.disk)?;
        self.tell_witness();
        Ok(())
    }

    /// A failed sync is put right by a new file, and with it everything is durable.
    fn wait_for_all(&mut self) -> io::Result<()> {
        if self.log.durable() == self.log.end().last {
            return Ok(());
        }
        self.sync().or_else(|_| {
            self.state = State::InDoubt;
            self.settle()
        })
    }

    /// Nobody waits for this. It may fail without refusing what is already durable.
    fn tell_witness(&mut self) {
        if let Some(witness) = &mut self.witness
            && let Err(error) = witness.remember(&self.log.keys.witness, self.log.durable())
        {
            tracing::warn!(%error, "the witness could not be written");
        }
    }

    /// Puts what counts into a new file, and so takes what was refused off the disk. What failed is never synced again.
    fn settle(&mut self) -> io::Result<()> {
        match self.state {
            State::Sound => Ok(()),
            State::Torn | State::InDoubt => self.write_anew(),
        }
    }

    /// At once, so that it does not come back if the process dies. If this fails too, the next commit tries again.
    fn settle_if_refused(&mut self, refused: bool) {
        if refused && self.state == State::InDoubt {
            let _ = self.settle();
        }
    }

    fn compact_if_due(&mut self) -> io::Result<()> {
        let dead = self.log.used().saturating_sub(self.index.live());
        if dead < self.patience || dead < self.index.live() {
            return Ok(());
        }
        let outcome = self.write_anew();
        if outcome.is_err() && self.state == State::Sound {
            // The file is as good as before, only longer than it need be.
            self.patience = self.patience.saturating_mul(2);
            return Ok(());
        }
        self.patience = MIN_DEAD;
        outcome
    }

    fn begin_anew(&mut self, records: &[Change<'_>]) -> io::Result<()> {
        self.look()?;
        let batch = Batch::new(records)?;
        let keys = Arc::new(self.log.keys.renewed(self.rng.as_mut()));
        self.replace(self.log.header, keys, Some(&batch))
    }

    fn look(&mut self) -> io::Result<()> {
        self.settle()?;
        if self.disk.is_at(RECORDS, &self.log.file)? {
            return Ok(());
        }
        match self.disk.open(RECORDS)? {
            // Somebody put another vault there.
            Some(_) => Err(ErrorKind::NotFound.into()),
            None => self.write_anew(),
        }
    }

    /// Without its key file a vault could not be opened again.
    fn look_after_key(&mut self) -> io::Result<()> {
        match self.log.header.lock.way {
            Way::KeyFile if self.disk.open(KEY)?.is_none() => self.lock_with_new_key(),
            _ => Ok(()),
        }
    }

    fn judge(&mut self, outcome: io::Result<()>, what: &str) -> Result<(), CommitError> {
        self.failure = outcome.err();
        self.settle_if_refused(self.failure.is_some());
        let Some(error) = &self.failure else { return Ok(()) };
        tracing::error!(%error, vault = %self.disk.directory().display(), "{what}");
        Err(refusal(error.kind()))
    }

    // ---- A lock ----

    /// The key comes first: a file that is locked with it is never without it.
    fn lock_with_new_key(&mut self) -> io::Result<()> {
        let key = Key::random(self.rng.as_mut());
        write_key(&self.disk, &key)?;
        put_in_place(&self.disk, UNFINISHED_KEY, KEY)?;
        let lock = Lock::new(LockedWith::KeyFile, self.rng.as_mut());
        let wrapping = lock.of_key_file(&key);
        self.lock_with(lock, wrapping)
    }

    fn lock_with(&mut self, lock: Lock, wrapping: Key) -> io::Result<()> {
        self.settle()?;
        let keys = Arc::new(self.log.keys.wrapped_by(wrapping));
        self.replace(Header { lock, ..self.log.header }, keys, None)
    }

    // ---- A new file ----

    fn write_anew(&mut self) -> io::Result<()> {
        self.replace(self.log.header, Arc::clone(&self.log.keys), None)
    }

    /// Replaces this file by a new one: with these records, or with what counts here.
    fn replace(
        &mut self,
        header: Header,
        keys: Arc<Keys>,
        records: Option<&Batch<'_>>,
    ) -> io::Result<()> {
        match self.write_new(header, keys, records) {
            Ok((log, index)) => self.exchange(log, index),
            Err(error) => {
                // A full disk should have its space back; if even this fails, the next attempt does it.
                let _ = self.disk.remove(UNFINISHED);
                Err(error)
            }
        }
    }

    fn exchange(&mut self, log: Log<D::File>, index: Index) -> io::Result<()> {
        match put_in_place(&self.disk, UNFINISHED, RECORDS) {
            Ok(()) => {
                let old = mem::replace(&mut self.log, log);
                self.index = index;
                self.state = State::Sound;
                self.tell_witness();
                if !Arc::ptr_eq(&old.keys, &self.log.keys) {
                    // The best that can be done; what counts is durable already.
                    let _ = old.forget(&self.disk);
                }
                Ok(())
            }
            Err(error) => {
                self.state = State::InDoubt;
                Err(error)
            }
        }
    }

    fn write_new(
        &mut self,
        header: Header,
        keys: Arc<Keys>,
        records: Option<&Batch<'_>>,
    ) -> io::Result<(Log<D::File>, Index)> {
        let header = Header {
            generation: header.generation.saturating_add(1),
            // A new file counts as a commit, so that the witness tells it from the one before.
            first: self.log.end().last.saturating_add(2),
            ..header
        };
        let Self { disk, log, index, rng, .. } = self;
        let new = Log::begin(disk, header, keys, rng.as_mut())?;
        let mut snapshot = Snapshot::new(disk, rng.as_mut(), new);
        match records {
            Some(batch) => batch.changes().try_for_each(|change| snapshot.add(change))?,
            None => copy_live(disk, log, index, &mut snapshot)?,
        }
        snapshot.finish()
    }
}

/// Makes everything durable that is not durable yet.
impl<D: Disk> Drop for Vault<D> {
    fn drop(&mut self) {
        self.catch_up();
        let flushed = match self.state {
            State::InDoubt => self.settle(),
            State::Sound | State::Torn => self.wait_for_all(),
        };
        // The last head, which nobody has waited for.
        if let Err(error) = flushed.and_then(|()| self.disk.sync(&self.log.file)) {
            tracing::error!(%error, "what was not durable yet may be lost");
        }
    }
}

/// The content of a vault must not be printed.
impl<D: Disk> fmt::Debug for Vault<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("directory", &self.disk.directory()).finish_non_exhaustive()
    }
}

fn refusal(kind: ErrorKind) -> CommitError {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            CommitError::Full
        }
        _ => CommitError::Failed,
    }
}
