//! Small files beside a key's memory, written with the same care: private, durable, no links (P-19, P-21).

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::system;

/// The text in a file that is ours alone, up to 64 KiB of it; `None`: there is no file.
///
/// # Errors
/// The file is open to others, belongs to somebody else, or is not a regular file, each with its cure; or it cannot
/// be read as text, and then `cure` helps.
pub(crate) fn read(path: &Path, cure: &'static str) -> Result<Option<Zeroizing<String>>, Error> {
    let Some(file) = open(path)? else { return Ok(None) };
    // All the room that it may take: a text that grows leaves unwiped copies behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_FILE as usize));
    let read = file.take(LONGEST_FILE.into()).read_to_string(&mut text);
    read.map_err(|error| file_error("read", path, error, cure))?;
    Ok(Some(text))
}

/// The bytes of a file that is ours alone, up to `most` of them; `None`: there is no file.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_bytes(
    path: &Path,
    most: usize,
    cure: &'static str,
) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let Some(file) = open(path)? else { return Ok(None) };
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    let read = file.take(most as u64).read_to_end(&mut bytes);
    read.map_err(|error| file_error("read", path, error, cure))?;
    Ok(Some(bytes))
}

/// Opens a file that is ours alone.
fn open(path: &Path) -> Result<Option<File>, Error> {
    let file = match system::privately(OpenOptions::new().read(true)).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if system::is_link(&error) => {
            return Err(sealed_records::Error::NotAFile { path: path.to_owned() }.into());
        }
        Err(error) => {
            let next = "name a directory that this user may read; keys of root need sudo";
            return Err(file_error("open", path, error, next));
        }
    };
    sealed_records::check_private_file(&file, path)?;
    Ok(Some(file))
}

/// Makes a file with this text: whole or not at all, and durable. A file that somebody else made meanwhile is not replaced.
///
/// # Errors
/// The medium's error. Then there is no such file, or nobody knows whether it survives a power cut.
pub(crate) fn make(path: &Path, text: &str) -> Result<(), Error> {
    write_new(path, text).map_err(|error| file_error("write", path, error, MAKE_ROOM))
}

/// The same in place of an existing file. Until its directory is synced, a power cut may bring the old one back.
///
/// # Errors
/// The medium's error; then the old file is still there.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let replaced = unfinished(path, text).and_then(|file| Ok(file.persist(path)?));
    replaced.map(drop).map_err(|error| file_error("write", path, error, MAKE_ROOM))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    unfinished(path, text)?.persist_noclobber(path)?;
    system::sync_directory(directory_of(path))
}

/// The whole text in a file beside `path`, durable, which has no name of its own yet.
fn unfinished(path: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut unfinished = NamedTempFile::new_in(directory_of(path))?; // mode 0600
    unfinished.write_all(text.as_bytes())?;
    unfinished.as_file().sync_all()?;
    Ok(unfinished)
}

fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// The medium's error, and what helps.
pub(crate) fn file_error(
    doing: &'static str,
    path: &Path,
    error: io::Error,
    next: &'static str,
) -> Error {
    Error::File { doing, path: path.to_owned(), error, next }
}

const MAKE_ROOM: &str = "free some space there, or name a directory that can be written";

/// The longest file: a private key and a handful of certificates take 2 KiB, and nothing else is as long.
const LONGEST_FILE: u32 = 64 * 1024;
