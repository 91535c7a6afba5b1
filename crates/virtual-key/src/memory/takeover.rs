//! Turns the memory of an earlier keyfob, which is two files, into records, once.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::iter;
use std::path::{Path, PathBuf};

use ctap_core::memory::Record;
use ctap_core::state_v1::{self, COUNTER_FILE, Fault, MAX_STATE_FILE};
use sealed_records::RECORDS;
use zeroize::Zeroizing;

use crate::error::{Error, Warn};
use crate::private_file;

/// The file with everything but the newest signature counter.
const STATE: &str = "state.keyfob";
/// The file with the signature counter.
const COUNTER: &str = "counter.keyfob";
/// The ending of their names after they are set aside.
const SET_ASIDE: &str = ".v1-backup";

/// The records of the key that an earlier keyfob left in this directory; `None`: it left none.
///
/// # Errors
/// There are such files, but one is missing, damaged, or open to others. Nothing is changed.
pub(super) fn find(directory: &Path) -> Result<Option<Vec<Record>>, Error> {
    let (state, counter) = (directory.join(STATE), directory.join(COUNTER));
    match (read(&state, MAX_STATE_FILE)?, read(&counter, COUNTER_FILE)?) {
        (None, None) => Ok(None),
        (None, Some(bytes)) => match state_v1::sign_count_ceiling(&bytes) {
            Ok(0) => Ok(None), // its making was cut off, and it never was a key
            Ok(_) => Err(sealed_records::Error::RecordsMissing { path: state }.into()),
            Err(fault) => Err(refused(&counter, fault)),
        },
        (Some(_), None) => Err(Error::OldCounterMissing { path: counter }),
        (Some(bytes), Some(ceiling)) => {
            state_v1::sign_count_ceiling(&ceiling).map_err(|fault| refused(&counter, fault))?;
            state_v1::records(&bytes, &ceiling).map(Some).map_err(|fault| refused(&state, fault))
        }
    }
}

/// Gives old files another name, which no keyfob reads, and says so. Files that were set aside before stay.
///
/// # Errors
/// They cannot be renamed, or nobody knows whether a power cut takes the new names back.
pub(super) fn set_aside(directory: &Path, warn: Warn) -> Result<(), Error> {
    // The state file comes last: while it is there, this is not done.
    let moved = [COUNTER, STATE].into_iter().map(|name| move_aside(directory, name));
    let moved: Vec<String> = moved.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    if !moved.is_empty() {
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| cannot_rename(directory.to_owned(), error))?;
        warn(format_args!(
            "the memory in {} is in {RECORDS} now, encrypted; files of an earlier keyfob are not encrypted, and are kept as {}: \
             remove them when the key works as before, because a reset does not",
            directory.display(),
            moved.join(" and ")
        ));
    }
    Ok(())
}

/// The new name; `None`: there was no such file.
fn move_aside(directory: &Path, name: &str) -> Result<Option<String>, Error> {
    let aside = free_name(directory, name);
    match fs::rename(directory.join(name), directory.join(&aside)) {
        Ok(()) => Ok(Some(aside)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_rename(directory.join(name), error)),
    }
}

/// The first that no file has.
fn free_name(directory: &Path, name: &str) -> String {
    let usual = format!("{name}{SET_ASIDE}");
    let others = (2..u32::MAX).map(|number| format!("{usual}-{number}"));
    let is_free = |name: &String| fs::symlink_metadata(directory.join(name)).is_err();
    iter::once(usual.clone()).chain(others).find(is_free).unwrap_or(usual)
}

fn cannot_rename(path: PathBuf, error: io::Error) -> Error {
    let next = "make its directory writable, and start the key again";
    Error::File { doing: "rename", path, error, next }
}

fn read(path: &Path, longest: usize) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    private_file::read_bytes(path, longest.saturating_add(1), "restore it from a backup")
}

fn refused(path: &Path, fault: Fault) -> Error {
    Error::OldMemory { path: path.to_owned(), fault }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::error::describe;
    use crate::memory::{Memory, Place};
    use crate::platform::system_rng;

    const STATE_1: &[u8] =
        include_bytes!("../../../ctap-core/tests/fixtures/state-v1/state.keyfob");
    const COUNTER_1: &[u8] =
        include_bytes!("../../../ctap-core/tests/fixtures/state-v1/counter.keyfob");

    fn put(path: &Path, bytes: &[u8]) {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A directory as an earlier keyfob left it.
    fn old(parent: &tempfile::TempDir) -> std::path::PathBuf {
        let directory = parent.path().join("key-1");
        fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
        put(&directory.join(STATE), STATE_1);
        put(&directory.join(COUNTER), COUNTER_1);
        directory
    }

    fn open(directory: &Path, warn: Warn) -> Result<Memory, Error> {
        Memory::open(&Place::new(directory.to_owned()), warn, &mut system_rng())
    }

    // P-18
    #[test]
    fn an_old_memory_is_taken_over_once_and_kept_beside() {
        static TOLD: AtomicUsize = AtomicUsize::new(0);
        let count = |_: std::fmt::Arguments<'_>| {
            TOLD.fetch_add(1, Ordering::Relaxed);
        };
        let parent = tempfile::tempdir().unwrap();
        let directory = old(&parent);
        for _ in 0..2 {
            let memory = open(&directory, count).unwrap();
            let state = memory.store.state();
            assert_eq!(state.credentials().len(), 2);
            assert!(state.pin().is_some() && state.sign_count_ceiling() >= 0x0102_03c4);
            assert_eq!(TOLD.load(Ordering::Relaxed), 1, "in one sentence");
        }
        for (name, bytes) in [(STATE, STATE_1), (COUNTER, COUNTER_1)] {
            assert!(!directory.join(name).exists());
            assert_eq!(fs::read(directory.join(format!("{name}{SET_ASIDE}"))).unwrap(), bytes);
        }
    }

    // P-18
    #[test]
    fn old_files_go_aside_even_if_others_did_before_and_none_is_lost() {
        let parent = tempfile::tempdir().unwrap();
        let directory = old(&parent);
        let earlier = directory.join(format!("{STATE}{SET_ASIDE}"));
        put(&earlier, b"earlier");
        drop(open(&directory, crate::error::log).unwrap());
        assert_eq!(fs::read(&earlier).unwrap(), b"earlier");
        let second = directory.join(format!("{STATE}{SET_ASIDE}-2"));
        assert_eq!(fs::read(second).unwrap(), STATE_1);
        assert!(!directory.join(STATE).exists());
    }

    // P-11
    #[test]
    fn wherever_a_takeover_is_cut_off_the_next_start_goes_on() {
        let parent = tempfile::tempdir().unwrap();
        let directory = old(&parent);
        drop(open(&directory, crate::error::log).unwrap());
        // The records are there, and one of the files or both have their old names still.
        for name in [STATE, COUNTER] {
            fs::rename(directory.join(format!("{name}{SET_ASIDE}")), directory.join(name)).unwrap();
            let memory = open(&directory, crate::error::log).unwrap();
            assert_eq!(memory.store.state().credentials().len(), 2);
            assert!(!directory.join(name).exists());
        }
        // A vault was made, and nothing taken into it.
        let empty = tempfile::tempdir().unwrap();
        let directory = old(&empty);
        drop(crate::memory::tests::vault_in(&directory));
        let memory = open(&directory, crate::error::log).unwrap();
        assert_eq!(memory.store.state().credentials().len(), 2);
    }

    // P-13, P-14
    #[test]
    fn an_old_memory_with_a_fault_is_refused_and_nothing_is_made() {
        let mut damaged = STATE_1.to_vec();
        damaged[20] ^= 1;
        type Edit<'a> = (&'a str, Option<&'a [u8]>, &'a str);
        let edits: [Edit<'_>; 5] = [
            (STATE, Some(&damaged), "the file is damaged"),
            (STATE, Some(b""), "the file is damaged"),
            (STATE, None, "state.keyfob is missing"),
            (COUNTER, None, "counter.keyfob is missing"),
            (COUNTER, Some(b"keyfob"), "the file is damaged"),
        ];
        for (name, bytes, expected) in edits {
            let parent = tempfile::tempdir().unwrap();
            let directory = old(&parent);
            match bytes {
                Some(bytes) => put(&directory.join(name), bytes),
                None => fs::remove_file(directory.join(name)).unwrap(),
            }
            let before = fs::read_dir(&directory).unwrap().count();
            let said = describe(&open(&directory, crate::error::log).err().unwrap());
            assert!(said.contains(expected) && said.contains("restore"), "{said}");
            assert_eq!(fs::read_dir(&directory).unwrap().count(), before);
        }
    }
}
