//! Everything that a key remembers, as one text, in clear: for copies, for looking into, for another machine.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use ctap_core::Store;
use ctap_core::memory::{Durability, Memory, MemoryError, Record};
use ctap_core::secret::SecretBytes;
use ctap_core::store::Tail;
use sealed_records::{Change, Error, Opened, RECORDS, Vault};
use serde::Deserialize;
use virtual_key::memory::Place;
use virtual_key::platform::system_rng;
use zeroize::Zeroizing;

use super::cured;
use crate::failure::{advise, failure};

/// What the text says it is.
const FORMAT: &str = "keyfob records";
/// The version that is written, and the only one that is read.
const VERSION: u16 = 1;

/// All records of the memory in `place`, as JSON: `format`, `version`, and `records` with `name` and `value` in base64url.
///
/// # Errors
/// What the vault says: there is none, it is in use, or not fit to be used.
pub(super) fn export(place: &Place) -> anyhow::Result<Zeroizing<String>> {
    let opened = Vault::open(&place.directory, &place.access(), Box::new(system_rng()));
    let Opened { records, .. } = opened.map_err(cured)?;
    let lengths = records.iter().map(|record| record.name.len() + record.value.len());
    // Room enough: a text that grows leaves unwiped copies behind.
    let room = 2 * lengths.sum::<usize>() + 64 * records.len() + 128;
    let mut text = Zeroizing::new(String::with_capacity(room));
    write!(text, "{{\n\"format\": \"{FORMAT}\",\n\"version\": {VERSION},\n\"records\": [")?;
    for (number, record) in records.iter().enumerate() {
        let [name, value] = [&record.name[..], &record.value]
            .map(|bytes| Zeroizing::new(Base64UrlUnpadded::encode_string(bytes)));
        let comma = if number == 0 { "" } else { "," };
        write!(text, "{comma}\n{{\"name\": \"{}\", \"value\": \"{}\"}}", *name, *value)?;
    }
    text.push_str("\n]\n}\n");
    Ok(text)
}

/// The same in a new file of mode 0600.
///
/// # Errors
/// As [`export`]; or the file is there already, or cannot be made.
pub(super) fn export_into(path: &Path, place: &Place) -> anyhow::Result<()> {
    let text = export(place)?;
    let failed = || format!("cannot write {}", path.display());
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = opened.with_context(failed).map_err(|error| advise(error, "name a new file"))?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.with_context(failed).map_err(|error| {
        // A part of it is worth nothing; if this fails too, the error tells of the file.
        let _ = fs::remove_file(path);
        advise(error, "make room there, or name another file")
    })
}

/// Makes a memory in `place` of what [`export`] wrote, and returns how many records it has. With `replace` it may take the
/// place of one that is there, at once or not at all.
///
/// # Errors
/// The text is not what `export` writes, or no key's; or there is a memory already. Nothing is changed then. Or what the
/// vault says.
pub(super) fn import(place: &Place, text: &str, replace: bool) -> anyhow::Result<usize> {
    let records = read(text)?;
    let is_there = |name: &&str| place.directory.join(name).exists();
    if !replace && [RECORDS, EARLIER].iter().any(is_there) {
        let error = Error::AlreadyExists { directory: place.directory.clone() };
        let next = "name another directory, or --replace: what that memory remembers is lost then";
        return Err(advise(error, next));
    }
    let rng = Box::new(system_rng());
    let opened = Vault::open_or_create(&place.directory, &place.access(), rng);
    let changes: Vec<_> = records.iter().map(|(name, value)| Change::set(name, value)).collect();
    let outcome = opened.map_err(cured)?.vault.replace_all(&changes);
    outcome
        .with_context(|| format!("cannot write the memory in {}", place.directory.display()))
        .map_err(|error| advise(error, "make room on its disk, then try again"))?;
    Ok(records.len())
}

/// What an earlier keyfob called the file of a memory.
const EARLIER: &str = "state.keyfob";

/// Names and values.
type Records = Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exported<'a> {
    format: &'a str,
    version: u16,
    #[serde(borrow)]
    records: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    name: &'a str,
    value: &'a str,
}

/// Only what a key can be made of.
fn read(text: &str) -> anyhow::Result<Records> {
    let exported: Exported<'_> = serde_json::from_str(text)
        .context("this is not what `keyfob state export` writes")
        .map_err(|error| advise(error, EXPORT_AGAIN))?;
    if (exported.format, exported.version) != (FORMAT, VERSION) {
        let what = format_args!(
            "it says that it is `{}` of version {}, and this keyfob reads `{FORMAT}` of version {VERSION}",
            exported.format.escape_default(),
            exported.version
        );
        return Err(failure(what, "use the keyfob that wrote it, or a newer one"));
    }
    let records =
        exported.records.iter().map(Entry::decode).collect::<anyhow::Result<Records>>()?;
    check(&records)?;
    Ok(records)
}

impl Entry<'_> {
    fn decode(&self) -> anyhow::Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        let decode = |text| {
            Base64UrlUnpadded::decode_vec(text)
                .context("a record is not in base64url")
                .map_err(|error| advise(error, EXPORT_AGAIN))
        };
        Ok((decode(self.name)?, Zeroizing::new(decode(self.value)?)))
    }
}

/// Whether these are the records of a key, all of them.
fn check(records: &Records) -> anyhow::Result<()> {
    let records = records.iter().map(|(name, value)| Record {
        name: name.clone(),
        value: Some(SecretBytes::new(value.to_vec())),
    });
    match Store::load(Box::new(Nowhere), records.collect(), Tail::Whole) {
        Ok(_) => Ok(()),
        Err(error) => {
            let next = error.advice();
            let context = "these are not the records of a key";
            Err(advise(anyhow::Error::new(error).context(context), next))
        }
    }
}

/// Keeps nothing: a key is made only to see whether that can be done.
struct Nowhere;

impl Memory for Nowhere {
    fn commit(&mut self, _: &[Record], _: Durability) -> Result<(), MemoryError> {
        Ok(())
    }

    fn replace_all(&mut self, _: &[Record]) -> Result<(), MemoryError> {
        Ok(())
    }
}

const EXPORT_AGAIN: &str = "export it again, or restore the file from a backup";

#[cfg(test)]
mod tests {
    use super::*;
    use virtual_key::log;
    use virtual_key::memory::Memory as KeyMemory;

    use crate::failure::describe;

    fn place(home: &tempfile::TempDir, name: &str) -> Place {
        Place::new(home.path().join(name))
    }

    #[test]
    fn what_is_exported_is_the_same_key_where_it_is_imported() {
        let home = tempfile::tempdir().unwrap();
        let (here, there) = (place(&home, "here"), place(&home, "there"));
        drop(KeyMemory::open(&here, log, &mut system_rng()).unwrap());
        let text = export(&here).unwrap();
        let count = import(&there, &text, false).unwrap();
        assert_eq!(text.matches("\"name\"").count(), count);
        assert_eq!(*export(&there).unwrap(), *text);
        drop(KeyMemory::open(&there, log, &mut system_rng()).unwrap());
    }

    #[test]
    fn a_memory_that_is_there_is_replaced_only_if_that_is_asked_for() {
        let home = tempfile::tempdir().unwrap();
        let (here, there) = (place(&home, "here"), place(&home, "there"));
        for place in [&here, &there] {
            drop(KeyMemory::open(place, log, &mut system_rng()).unwrap());
        }
        let (text, before) = (export(&here).unwrap(), export(&there).unwrap());
        let told = describe(&import(&there, &text, false).unwrap_err());
        assert!(told.contains("already") && told.contains("--replace"), "{told}");
        assert_eq!(*export(&there).unwrap(), *before);
        import(&there, &text, true).unwrap();
        assert_eq!(*export(&there).unwrap(), *text);
    }

    #[test]
    fn what_no_key_can_be_made_of_is_refused_and_nothing_is_made() {
        let home = tempfile::tempdir().unwrap();
        let (here, there) = (place(&home, "here"), place(&home, "there"));
        drop(KeyMemory::open(&here, log, &mut system_rng()).unwrap());
        let text = export(&here).unwrap();
        let fewer: Vec<_> = text.lines().filter(|line| !line.ends_with("\"},")).collect();
        for (damaged, reason) in [
            (text.replace("\"version\": 1", "\"version\": 2"), "version 2"),
            (text.replace(FORMAT, "something else"), "something else"),
            (text.replace("\"value\": \"", "\"value\": \"!"), "base64url"),
            (text[..text.len() / 2].to_owned(), "state export"),
            (fewer.join("\n"), "the records of a key"),
            (String::new(), "state export"),
        ] {
            let told = describe(&import(&there, &damaged, true).unwrap_err());
            assert!(told.contains(reason) && told.contains("next: "), "{told}");
            assert!(!there.directory.exists());
        }
    }
}
