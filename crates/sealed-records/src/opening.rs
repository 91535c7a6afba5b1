//! Makes and opens vaults, and checks everything before it is used.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::batch;
use crate::crypto::{Key, Keys};
use crate::directory::Directory;
use crate::disk::{Disk, KEY, RECORDS, UNFINISHED, UNFINISHED_KEY, put_in_place};
use crate::error::{Error, Fault};
use crate::header::{Header, Sealed};
use crate::index::Index;
use crate::limits::{MAX_FILE, WINDOW};
use crate::log::{End, FRAMES, HEADS, Log};
use crate::record::{Change, Record};
use crate::scan::{Frames, Rest, Source};
use crate::slots::{PAGE, Reading, Slots};
use crate::unlock::{Lock, LockedWith, Unlock, forget_key, write_key};
use crate::vault::Vault;
use crate::witness::Witness;

/// The source of randomness of a vault: each frame needs a nonce.
pub type Rng = Box<dyn CryptoRng + Send>;

/// How a vault is opened or made.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// What unlocks the vault. A new vault is locked with it.
    pub unlock: &'a Unlock,
    /// The witness file, in another directory than the vault. `None`: an older copy is not noticed (P-16).
    pub witness: Option<&'a Path>,
    /// What to do if the records are older than the witness.
    pub rollback: Rollback,
}

/// What to do if the records are older than the witness, or if the witness is that of another vault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rollback {
    /// Refuse the vault.
    #[default]
    Refuse,
    /// The owner has said that this is intended: accept the vault, and correct the witness.
    Accept,
}

/// A vault that has just been opened, and its records.
#[derive(Debug)]
pub struct Opened<D: Disk = Directory> {
    /// The vault.
    pub vault: Vault<D>,
    /// Every record, ordered by name. A vault gives out all records only here.
    pub records: Vec<Record>,
    /// Whether the last commit may be missing.
    pub tail: Tail,
}

/// What the end of the records looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Every commit that was begun is there.
    Whole,
    /// A commit was begun and is not there, as after a power cut. Nobody was told that it was durable. If a commit
    /// may have been the price of a try, take the price as paid. Until the next commit, each opening tells this
    /// again.
    Torn,
}

/// The places of a vault's files.
#[derive(Debug)]
pub struct Places<D> {
    /// The directory of the vault.
    pub vault: D,
    /// The witness.
    pub witness: Option<WitnessPlace<D>>,
}

/// The place of a witness file.
#[derive(Debug)]
pub struct WitnessPlace<D> {
    /// Its directory.
    pub disk: D,
    /// Its name in that directory.
    pub name: String,
}

impl Vault {
    /// Makes a new vault in a directory. If the directory does not exist, makes it with mode 0700.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::RecordsMissing`]; or the directory cannot be used, which is its owner's
    /// fault.
    pub fn create(directory: &Path, access: &Access<'_>, rng: Rng) -> Result<Self, Error> {
        let places = Places { vault: Directory::make(directory)?, witness: witness_place(access)? };
        Self::create_on(places, access.unlock, rng)
    }

    /// Opens the vault in a directory. No other process can open it until this is dropped.
    ///
    /// # Errors
    /// There is no vault, it is in use, or it cannot be used; the [`Error`] says what to do.
    pub fn open(directory: &Path, access: &Access<'_>, rng: Rng) -> Result<Opened, Error> {
        let vault = Directory::open(directory)?;
        let places = Places { vault, witness: witness_place(access)? };
        Self::open_on(places, access.unlock, access.rollback, rng)
    }

    /// Opens the vault in a directory. If there has never been a complete one, makes it.
    ///
    /// # Errors
    /// As [`open`](Self::open), without `NoVault`.
    pub fn open_or_create(
        directory: &Path,
        access: &Access<'_>,
        rng: Rng,
    ) -> Result<Opened, Error> {
        let places = Places { vault: Directory::make(directory)?, witness: witness_place(access)? };
        if exists(&places.vault, RECORDS)? {
            return Self::open_on(places, access.unlock, access.rollback, rng);
        }
        let vault = Self::create_on(places, access.unlock, rng)?;
        Ok(Opened { vault, records: Vec::new(), tail: Tail::Whole })
    }

    /// The kind of lock of the vault in a directory, without opening it. `None`: there is no vault.
    ///
    /// # Errors
    /// The vault is in use, or cannot be used.
    pub fn locked_with(directory: &Path) -> Result<Option<LockedWith>, Error> {
        let disk = match Directory::open(directory) {
            Err(Error::NoVault { .. }) => return Ok(None),
            opened => opened?,
        };
        match disk.open(RECORDS).map_err(Error::io("open", directory.join(RECORDS)))? {
            Some(file) => Ok(Some(read_header(&disk, &file)?.header.lock.way.locked_with())),
            None => Ok(None),
        }
    }
}

fn witness_place(access: &Access<'_>) -> Result<Option<WitnessPlace<Directory>>, Error> {
    access
        .witness
        .map(Directory::of_file)
        .transpose()
        .map(|place| place.map(|(disk, name)| WitnessPlace { disk, name }))
}

impl<D: Disk> Vault<D> {
    /// Makes a new vault on this disk.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`]. [`Error::RecordsMissing`]: the rest of another vault is there. [`Error::Io`]: the
    /// disk failed. Also the errors of a credential.
    pub fn create_on(places: Places<D>, unlock: &Unlock, mut rng: Rng) -> Result<Self, Error> {
        let disk = places.vault;
        if exists(&disk, RECORDS)? {
            return Err(Error::AlreadyExists { directory: disk.directory().to_owned() });
        }
        give_up_unfinished(&disk)?;
        let log = make_log(&disk, unlock, rng.as_mut())?;
        let known = (&log.keys.witness, log.header.store, log.end().last);
        let witness = places.witness.map(|place| Witness::begin(place, known)).transpose()?;
        Ok(Self::new(disk, log, Index::default(), (witness, rng)))
    }

    /// Opens the vault on this disk. Everything is checked before anything on the disk is changed.
    ///
    /// # Errors
    /// [`Error::NoVault`], [`Error::RecordsMissing`], [`Error::Refused`]. [`Error::Io`]: the disk failed. Also the
    /// errors of the key or the witness.
    pub fn open_on(
        places: Places<D>,
        unlock: &Unlock,
        rollback: Rollback,
        rng: Rng,
    ) -> Result<Opened<D>, Error> {
        let disk = places.vault;
        let path = disk.directory().join(RECORDS);
        let Some(file) = disk.open(RECORDS).map_err(Error::io("open", path.clone()))? else {
            return Err(missing(&disk));
        };
        let sealed = read_header(&disk, &file)?;
        let wrapping = sealed.header.lock.wrapping_key(unlock, &disk)?;
        let keys = sealed.unwrap_with(wrapping).ok_or_else(|| wrong_key(&disk, unlock))?;
        let contents = read_contents((&disk, &file), &sealed.header, &keys)?;
        let known = (&keys.witness, sealed.header.store, contents.end.last);
        let witness =
            places.witness.map(|place| Witness::open(place, known, rollback)).transpose()?;
        contents.make_durable((&disk, &file), &keys).map_err(Error::io("sync", path))?;
        tidy(&disk, sealed.header.lock.way.locked_with())?;
        let Contents { heads, index, records, tail, end, length, .. } = contents;
        let log = Log::new(file, sealed.header, Arc::new(keys), (end, length)).with_heads(heads);
        let mut vault = Self::new(disk, log, index, (witness, rng));
        if tail == Tail::Torn {
            vault.is_torn();
        }
        Ok(Opened { vault, records, tail })
    }
}

// ---- Making ----

/// The data of the new file comes first, then the key file, then the name that makes it a vault: where there is a key without
/// records, the records that are still called unfinished tell that this has never been one.
fn make_log<D: Disk>(
    disk: &D,
    unlock: &Unlock,
    rng: &mut dyn CryptoRng,
) -> Result<Log<D::File>, Error> {
    let lock = Lock::new(unlock.locked_with(), rng);
    let mut key = None;
    let wrapping = match unlock {
        Unlock::KeyFile => lock.of_key_file(key.insert(Key::random(rng))),
        _ => lock.wrapping_key(unlock, disk)?,
    };
    let mut store = [0; 16];
    rng.fill_bytes(&mut store);
    let header = Header { store, generation: 1, first: 1, lock };
    let keys = Arc::new(Keys::new(Key::random(rng), Key::random(rng), wrapping));
    let failed = || Error::io("write", disk.directory().join(RECORDS));
    let mut log = Log::begin(disk, header, keys, rng).map_err(failed())?;
    log.finish(disk).map_err(failed())?;
    if let Some(key) = &key {
        write_key(disk, key).and_then(|()| disk.sync_directory()).map_err(failed())?;
        put_in_place(disk, UNFINISHED_KEY, KEY).map_err(failed())?;
    }
    put_in_place(disk, UNFINISHED, RECORDS).map_err(failed())?;
    Ok(log)
}

/// A vault that was never whole is begun again from nothing. One that lost its records is not (P-14).
fn give_up_unfinished(disk: &impl Disk) -> Result<(), Error> {
    match missing(disk) {
        Error::NoVault { .. } => disk
            .remove(KEY)
            .and_then(|()| disk.sync_directory())
            .map_err(Error::io("remove", disk.directory().join(KEY))),
        lost => Err(lost),
    }
}

/// There are no records. Tells whether there never were any.
fn missing(disk: &impl Disk) -> Error {
    let lost = || Error::RecordsMissing { path: disk.directory().join(RECORDS) };
    match was_never_whole(disk) {
        Ok(true) => Error::NoVault { directory: disk.directory().to_owned() },
        Ok(false) => lost(),
        Err(error) => error,
    }
}

fn was_never_whole(disk: &impl Disk) -> Result<bool, Error> {
    if !exists(disk, KEY)? {
        return Ok(true);
    }
    let opened = disk.open(UNFINISHED);
    let Some(file) = opened.map_err(Error::io("open", disk.directory().join(UNFINISHED)))? else {
        return Ok(false);
    };
    Ok(read_header(disk, &file).is_ok_and(|sealed| sealed.header.generation == 1))
}

// ---- Opening ----

fn read_header<D: Disk>(disk: &D, file: &D::File) -> Result<Sealed, Error> {
    let path = || disk.directory().join(RECORDS);
    let page = disk.read_at(file, 0, PAGE).map_err(Error::io("read", path()))?;
    Sealed::read(&page).map_err(|fault| Error::Refused { path: path(), fault })
}

fn wrong_key(disk: &impl Disk, unlock: &Unlock) -> Error {
    match unlock {
        Unlock::KeyFile => Error::OtherKey { path: disk.directory().join(KEY) },
        Unlock::Passphrase(_) => Error::WrongPassphrase { directory: disk.directory().to_owned() },
        Unlock::Credential(path) => Error::OtherKey { path: path.clone() },
    }
}

/// The checked content of the file; nothing is changed.
struct Contents {
    heads: Slots,
    /// What the heads say.
    headed: u64,
    /// The offset of the first frame that the heads do not name as durable.
    unheaded: u64,
    index: Index,
    records: Vec<Record>,
    tail: Tail,
    end: End,
    length: u64,
}

fn read_contents<D: Disk>(
    (disk, file): (&D, &D::File),
    header: &Header,
    keys: &Keys,
) -> Result<Contents, Error> {
    let path = disk.directory().join(RECORDS);
    let failed = || Error::io("read", path.clone());
    let refused = |fault| Error::Refused { path: path.clone(), fault };
    let length = disk.length(file).map_err(failed())?;
    if length > MAX_FILE {
        return Err(refused(Fault::TooLong));
    }
    let mut heads = Slots::new(HEADS, header.context());
    let Reading::Durable(headed) = heads.read((disk, file), &keys.heads).map_err(failed())? else {
        return Err(refused(Fault::Damaged { what: "its list of heads" }));
    };
    let source = Source::new(disk, file, (u64::MAX, &[]));
    let from = (FRAMES, header.first);
    let mut frames = Frames::new(source, (&keys.frames, header.context()), from);
    let mut reading = Collected::default();
    while let Some(found) = frames.next().map_err(failed())? {
        let changes = batch::read(&found.text).ok_or_else(|| refused(Fault::Malformed))?;
        reading.take(&changes, found.offset);
        if found.sequence == headed {
            reading.unheaded = Some(frames.offset);
        }
    }
    let end = End { offset: frames.offset, last: frames.sequence.saturating_sub(1) };
    let rest = frames.judge_rest().map_err(failed())?;
    let tail = judge(rest, headed, end.last).map_err(refused)?;
    let Collected { index, values, unheaded } = reading;
    let records = values.into_iter().map(|(name, value)| Record { name: name.into(), value });
    let records = records.collect();
    let unheaded = unheaded.unwrap_or(FRAMES);
    Ok(Contents { heads, headed, unheaded, index, records, tail, end, length })
}

/// Only commits that were never acknowledged may be missing.
fn judge(rest: Rest, headed: u64, last: u64) -> Result<Tail, Fault> {
    match rest {
        _ if headed > last => Err(Fault::Damaged { what: "a commit that was durable" }),
        Rest::Damaged => Err(Fault::Damaged { what: "a commit before others" }),
        Rest::Torn => Ok(Tail::Torn),
        Rest::Empty => Ok(Tail::Whole),
    }
}

#[derive(Default)]
struct Collected {
    index: Index,
    values: BTreeMap<Box<[u8]>, Zeroizing<Vec<u8>>>,
    unheaded: Option<u64>,
}

impl Collected {
    fn take(&mut self, changes: &[Change<'_>], frame: u64) {
        self.index.apply(changes.iter().copied(), frame);
        for change in changes {
            match change.value {
                Some(value) => {
                    self.values.insert(change.name.into(), Zeroizing::new(value.to_vec()));
                }
                None => {
                    self.values.remove(change.name);
                }
            }
        }
    }
}

impl Contents {
    /// A killed process may have left its last commits to the kernel, and a sync may have failed unseen: what will be believed
    /// is written once more, and is durable first.
    fn make_durable<D: Disk>(&self, (disk, file): (&D, &D::File), keys: &Keys) -> io::Result<()> {
        self.heads.write_again((disk, file), &keys.heads, self.headed)?;
        let mut offset = self.unheaded;
        while offset < self.end.offset {
            let rest = self.end.offset.saturating_sub(offset);
            let length = usize::try_from(rest).unwrap_or(usize::MAX).min(WINDOW);
            let bytes = disk.read_at(file, offset, length)?;
            disk.write_at(file, offset, &bytes)?;
            offset = offset.saturating_add(length as u64);
        }
        disk.sync(file)?;
        disk.sync_directory()
    }
}

/// Takes away what a power cut left behind: a file that was being written, and a key file that locks nothing any more.
fn tidy(disk: &impl Disk, with: LockedWith) -> Result<(), Error> {
    let remove = |name| disk.remove(name).map_err(Error::io("remove", disk.directory().join(name)));
    remove(UNFINISHED)?;
    remove(UNFINISHED_KEY)?;
    match with {
        LockedWith::KeyFile => Ok(()),
        _ => forget_key(disk).map_err(Error::io("remove", disk.directory().join(KEY))),
    }
}

fn exists(disk: &impl Disk, name: &str) -> Result<bool, Error> {
    disk.open(name)
        .map(|file| file.is_some())
        .map_err(Error::io("open", disk.directory().join(name)))
}
