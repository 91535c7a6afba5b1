//! Files that hold secrets in clear: new ones, for this user alone, and what is read from others.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use zeroize::Zeroizing;

use crate::failure::advise;
use crate::process::for_this_user_alone;

/// Writes this into a new file of mode 0600.
///
/// # Errors
/// It is there already, or cannot be made.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let opened = for_this_user_alone(&mut options).open(path);
    let mut file = opened.with_context(failed).map_err(|error| advise(error, "name a new file"))?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.with_context(failed).map_err(|error| {
        // A part of it is worth nothing; if this fails too, the error tells of the file.
        let _ = fs::remove_file(path);
        advise(error, "make room there, or name another file")
    })
}

/// Reads a file, or standard input for `-`. `next`: what to do if there is none.
///
/// # Errors
/// It cannot be read, or is no text.
pub(crate) fn read(path: &Path, next: &str) -> anyhow::Result<Zeroizing<String>> {
    let text = match path == Path::new("-") {
        true => {
            let mut text = Zeroizing::new(String::new());
            io::stdin().lock().read_to_string(&mut text).map(|_| text)
        }
        false => fs::read_to_string(path).map(Zeroizing::new),
    };
    text.with_context(|| format!("cannot read {}", path.display()))
        .map_err(|error| advise(error, next))
}
