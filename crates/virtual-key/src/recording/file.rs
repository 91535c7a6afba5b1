//! The file of a recording. It is private, belongs to one process, and holds only whole blocks.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};

use super::pcapng::whole;
use crate::error::Error;
use crate::private_file::file_error;
use crate::system;

/// An open recording. Each block is one write, so a process that is killed leaves at most the last of them unfinished.
pub(super) struct RecordingFile {
    file: File,
    path: PathBuf,
    /// Bytes of whole blocks.
    length: u64,
}

impl RecordingFile {
    /// Opens it, or makes it, and cuts off what is no whole block.
    ///
    /// # Errors
    /// It cannot be written, is open to others, is no recording, or another process records into this file.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let cannot = |error| file_error("record in", path, in_words(error), A_FILE);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let file = system::privately(&mut options).open(path).map_err(cannot)?;
        let is_private = sealed_records::check_private_file(&file, path);
        is_private.map_err(|error| cannot(io::Error::other(error)))?;
        file.try_lock().map_err(|_| {
            let error = io::Error::other("another process records into this file");
            file_error("record in", path, error, "name another file, or end that process")
        })?;
        let mut opened = Self { file, path: path.to_owned(), length: 0 };
        opened.cut().map_err(cannot)?;
        Ok(opened)
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a block.
    ///
    /// # Errors
    /// The medium's error. Then the file is as before, unless restoring it fails as well.
    pub(super) fn add(&mut self, block: &[u8]) -> io::Result<()> {
        match self.file.write_all(block) {
            Ok(()) => {
                self.length = self.length.saturating_add(block.len() as u64);
                Ok(())
            }
            Err(error) => {
                let _ = self.file.set_len(self.length);
                Err(error)
            }
        }
    }

    fn cut(&mut self) -> io::Result<()> {
        let whole = whole(&mut BufReader::new(&self.file))?
            .ok_or_else(|| io::Error::other("it is not a recording, so it was not changed"))?;
        self.length = whole;
        if whole < self.file.metadata()?.len() { self.file.set_len(whole) } else { Ok(()) }
    }
}

fn in_words(error: io::Error) -> io::Error {
    match system::is_link(&error) {
        true => io::Error::other("it is a symbolic link, which keyfob does not follow here"),
        false => error,
    }
}

const A_FILE: &str = "name a file that does not exist, or a regular file of yours that other users cannot open (chmod \
600)";
