//! Files that hold secrets in clear: new ones, for this user alone, and what is read from others.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::Path;

use anyhow::Context as _;
use virtual_key::platform::text_of;
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
/// It cannot be read, is no text, or longer than 16 MiB.
pub(crate) fn read(path: &Path, next: &str) -> anyhow::Result<Zeroizing<String>> {
    let text = match path == Path::new("-") {
        true => whole(io::stdin().lock()),
        false => fs::File::open(path).and_then(whole),
    };
    text.with_context(|| format!("cannot read {}", path.display()))
        .map_err(|error| advise(error, next))
}

fn whole(file: impl Read) -> io::Result<Zeroizing<String>> {
    text_of(file, LONGEST)
}

/// Bytes of what is read: thousands of credentials, or a browser's whole storage state, take less.
const LONGEST: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_not_read_for_ever() {
        assert_eq!(whole(io::repeat(b'a').take(LONGEST)).unwrap().len() as u64, LONGEST);
        let told = whole(io::repeat(b'a')).unwrap_err().to_string();
        assert_eq!(told, "it is longer than 16777216 bytes");
    }
}
