//! A whole key, what it remembers and what it is known by, as one text, in clear: for copies, for looking into, for another machine.

use std::fmt::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use ctap_core::Store;
use ctap_core::memory::{Durability, Memory, MemoryError, Record};
use ctap_core::secret::SecretBytes;
use ctap_core::store::Tail;
use sealed_records::{Change, Error, RECORDS, Vault};
use serde::Deserialize;
use virtual_key::memory::Place;
use virtual_key::memory::companions::{self, Companion};
use virtual_key::platform::system_rng;
use zeroize::Zeroizing;

use super::{cured, with_cure};
use crate::failure::{advise, failure};
use crate::secret_file;

/// What the text says it is.
const FORMAT: &str = "keyfob records";
/// The version that is written. Version 1, which is read as well, has no `files`.
const VERSION: u16 = 2;

/// The key that has its memory in `place`, as JSON: `format`, `version`, `records` and `files`, the latter with `name` and
/// `value`. Values, and the names of records, are in base64url.
///
/// # Errors
/// What the vault says: there is none, it is in use, or not fit to be used; or a file beside it is not.
pub(super) fn export(place: &Place) -> anyhow::Result<Zeroizing<String>> {
    // The vault is held until all is read.
    let opened = Vault::open(&place.directory, &place.access(), Box::new(system_rng()));
    let opened = opened.map_err(cured)?;
    let files = companions::read(&place.directory).map_err(with_cure)?;
    let lengths = opened.records.iter().map(|record| record.name.len() + record.value.len());
    let beside = files.iter().map(|file| file.name().len() + file.text().len());
    // Room enough: a text that grows leaves unwiped copies behind.
    let entries = opened.records.len() + files.len();
    let room = 2 * (lengths.sum::<usize>() + beside.sum::<usize>()) + 64 * entries + 128;
    let mut text = Zeroizing::new(String::with_capacity(room));
    write!(text, "{{\n\"format\": \"{FORMAT}\",\n\"version\": {VERSION},\n\"records\": [")?;
    for (number, record) in opened.records.iter().enumerate() {
        let name = Base64UrlUnpadded::encode_string(&record.name);
        write_entry(&mut text, number, &name, &record.value)?;
    }
    text.push_str("\n],\n\"files\": [");
    for (number, file) in files.iter().enumerate() {
        write_entry(&mut text, number, file.name(), file.text().as_bytes())?;
    }
    text.push_str("\n]\n}\n");
    Ok(text)
}

fn write_entry(text: &mut String, number: usize, name: &str, value: &[u8]) -> fmt::Result {
    let value = Zeroizing::new(Base64UrlUnpadded::encode_string(value));
    let comma = if number == 0 { "" } else { "," };
    write!(text, "{comma}\n{{\"name\": \"{name}\", \"value\": \"{}\"}}", *value)
}

/// The same in a new file of mode 0600.
///
/// # Errors
/// As [`export`]; or the file is there already, or cannot be made.
pub(super) fn export_into(path: &Path, place: &Place) -> anyhow::Result<()> {
    secret_file::write(path, &export(place)?)
}

/// Makes a memory in `place` of what [`export`] wrote, and returns how many records it has. With `replace` it may take the
/// place of one that is there, at once or not at all.
///
/// # Errors
/// The text is not what `export` writes, or no key's; or there is a memory already. Nothing is changed then. Or what the
/// vault says.
pub(super) fn import(place: &Place, text: &str, replace: bool) -> anyhow::Result<usize> {
    let Key { records, files } = read(text)?;
    let is_there = |name: &&str| place.directory.join(name).exists();
    if !replace && [RECORDS, EARLIER].iter().any(is_there) {
        let error = Error::AlreadyExists { directory: place.directory.clone() };
        let next = "name another directory, or --replace: everything in that memory is then lost";
        return Err(advise(error, next));
    }
    let rng = Box::new(system_rng());
    let opened = Vault::open_or_create(&place.directory, &place.access(), rng);
    let changes: Vec<_> = records.iter().map(|(name, value)| Change::set(name, value)).collect();
    let mut vault = opened.map_err(cured)?.vault;
    vault
        .replace_all(&changes)
        .with_context(|| format!("cannot write the memory in {}", place.directory.display()))
        .map_err(|error| advise(error, "free some space on its disk, then try again"))?;
    if let Some(files) = files {
        companions::replace(&place.directory, &files).map_err(|error| {
            let next = format!("{}; then import it again with --replace", error.advice());
            advise(anyhow::Error::new(error), next)
        })?;
    }
    Ok(records.len())
}

/// What an earlier keyfob called the file of a memory.
const EARLIER: &str = "state.keyfob";

/// What an exported text has.
struct Key {
    records: Records,
    /// `None`: it is of version 1, and does not tell.
    files: Option<Vec<Companion>>,
}

/// Names and values.
type Records = Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exported<'a> {
    format: &'a str,
    version: u16,
    #[serde(borrow)]
    records: Vec<Entry<'a>>,
    #[serde(borrow)]
    files: Option<Vec<Entry<'a>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    name: &'a str,
    value: &'a str,
}

/// Only what a key can be made of.
fn read(text: &str) -> anyhow::Result<Key> {
    let exported: Exported<'_> = serde_json::from_str(text)
        .context("this is not a file from `keyfob state export`")
        .map_err(|error| advise(error, EXPORT_AGAIN))?;
    match (exported.format, exported.version, &exported.files) {
        (FORMAT, 1, None) | (FORMAT, VERSION, Some(_)) => {}
        (FORMAT, 1 | VERSION, _) => {
            return Err(failure("it lacks what files of its version have", EXPORT_AGAIN));
        }
        (format, version, _) => {
            let what = format_args!(
                "it says that it is `{}` of version {version}, and this keyfob reads `{FORMAT}` of versions 1 and {VERSION}",
                format.escape_default(),
            );
            return Err(failure(what, "use the keyfob that wrote it, or a newer one"));
        }
    }
    let records =
        exported.records.iter().map(Entry::record).collect::<anyhow::Result<Records>>()?;
    check(&records)?;
    let files = exported.files.map(|files| files.iter().map(Entry::file).collect());
    Ok(Key { records, files: files.transpose()? })
}

impl Entry<'_> {
    fn record(&self) -> anyhow::Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        Ok((decoded(self.name)?, Zeroizing::new(decoded(self.value)?)))
    }

    fn file(&self) -> anyhow::Result<Companion> {
        let text = String::from_utf8(decoded(self.value)?).ok().map(Zeroizing::new);
        let file = text.and_then(|text| Companion::new(self.name, text));
        file.ok_or_else(|| {
            let what =
                format_args!("its file `{}` does not belong to a key", self.name.escape_default());
            failure(what, EXPORT_AGAIN)
        })
    }
}

fn decoded(text: &str) -> anyhow::Result<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text)
        .context("a record is not in base64url")
        .map_err(|error| advise(error, EXPORT_AGAIN))
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
    use std::time::SystemTime;

    use virtual_key::attestation::{AttestationKind, Issuer, U2fTransports};
    use virtual_key::log;
    use virtual_key::memory::Memory as KeyMemory;

    use super::*;

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
        assert_eq!(text.matches("\"name\"").count(), count + 1, "and its serial number");
        assert_eq!(*export(&there).unwrap(), *text);
        drop(KeyMemory::open(&there, log, &mut system_rng()).unwrap());
    }

    #[test]
    fn an_imported_key_has_the_serial_number_and_the_attestation_of_the_exported_one() {
        let home = tempfile::tempdir().unwrap();
        let (here, there) = (place(&home, "here"), place(&home, "there"));
        let (one, other) = (with_attestation(&here), with_attestation(&there));
        assert_ne!(one, other);
        let text = export(&here).unwrap();
        import(&there, &text, true).unwrap();
        assert_eq!(with_attestation(&there), one);
        drop(KeyMemory::open(&here, log, &mut system_rng()).unwrap());
        assert_eq!(with_attestation(&here), one, "it is left as it was");
    }

    #[test]
    fn an_export_of_version_1_is_read_and_leaves_the_serial_number_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let (here, there) = (place(&home, "here"), place(&home, "there"));
        let before = with_attestation(&there);
        drop(KeyMemory::open(&here, log, &mut system_rng()).unwrap());
        let text = export(&here).unwrap().replace("\"version\": 2", "\"version\": 1");
        let (records, _) = text.split_once(",\n\"files\"").unwrap();
        import(&there, &format!("{records}\n}}\n"), true).unwrap();
        assert_eq!(with_attestation(&there), before);
        assert!(export(&there).unwrap().starts_with(&records.replace(": 1,", ": 2,")));
    }

    /// The serial number of the key there, and its attestation, which is made if there is none.
    fn with_attestation(place: &Place) -> (String, Vec<u8>) {
        let memory = KeyMemory::open(place, log, &mut system_rng()).unwrap();
        let mut rng = system_rng();
        let mut issuer = Issuer {
            serial: &memory.serial,
            directory: memory.directory.as_deref(),
            rng: &mut rng,
            today: SystemTime::now(),
        };
        let transports = U2fTransports::of(["usb"]);
        let identity = issuer.identity(AttestationKind::U2f { transports }).unwrap();
        (memory.serial.clone(), identity.root().unwrap())
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
            (text.replace("\"version\": 2", "\"version\": 3"), "version 3"),
            (text.replace("\"version\": 2", "\"version\": 1"), "its version"),
            (
                text.replace("\"name\": \"serial\"", "\"name\": \"../serial\""),
                "does not belong to a key",
            ),
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
