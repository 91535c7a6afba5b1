//! Companions: the files beside a memory's records that belong to the key as well. They hold its serial number and
//! its attestation identities.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use super::{SERIAL, is_serial};
use crate::attestation::{Identity, is_for_u2f};
use crate::error::{Error, REMOVE_SERIAL, RESTORE_IDENTITY};
use crate::private_file;
use crate::profile::Aaguid;

/// One of these files.
pub struct Companion {
    name: String,
    text: Zeroizing<String>,
}

/// The kind of such a file.
enum Kind {
    Serial,
    Identity,
}

impl Companion {
    /// A companion with this name and text. `None`: a key has no companion of this name.
    #[must_use]
    pub fn new(name: &str, text: Zeroizing<String>) -> Option<Self> {
        let is_good = match kind(name)? {
            Kind::Serial => is_serial(text.trim_end()),
            Kind::Identity => Identity::from_pem(&text, &text).is_ok(),
        };
        is_good.then(|| Self { name: name.to_owned(), text })
    }

    /// Its name in the directory: `serial`, or a name that ends in `.pem`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its content.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The companions in this directory, ordered by name. Only the process that has the memory open may call this.
///
/// # Errors
/// One of them cannot be used; all are left as they are.
pub fn read(directory: &Path) -> Result<Vec<Companion>, Error> {
    let mut found = Vec::new();
    for name in names(directory)? {
        let path = directory.join(&name);
        let cure = if name == SERIAL { REMOVE_SERIAL } else { RESTORE_IDENTITY };
        let Some(text) = private_file::read(&path, cure)? else { continue };
        let companion = Companion::new(&name, text);
        found.push(companion.ok_or(Error::Companion { path })?);
    }
    Ok(found)
}

/// Replaces all companions in this directory with these. Only the process that has the memory open may call this.
/// Each file is written whole or not at all; after an error, call it again.
///
/// # Errors
/// [`Error::File`] and the like: the medium failed.
pub fn replace(directory: &Path, companions: &[Companion]) -> Result<(), Error> {
    for Companion { name, text } in companions {
        private_file::replace(&directory.join(name), text)?;
    }
    let is_kept = |name: &String| companions.iter().any(|kept| kept.name == *name);
    for name in names(directory)?.iter().filter(|name| !is_kept(name)) {
        let path = directory.join(name);
        fs::remove_file(&path).map_err(|error| failed("remove", &path, error))?;
    }
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| failed("write", directory, error))
}

/// The names that may be theirs, in order.
fn names(directory: &Path) -> Result<Vec<String>, Error> {
    let listed = || -> io::Result<Vec<String>> {
        let entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
        Ok(entries.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    };
    let mut names = listed().map_err(|error| failed("read", directory, error))?;
    names.retain(|name| kind(name).is_some());
    names.sort();
    Ok(names)
}

fn kind(name: &str) -> Option<Kind> {
    if name == SERIAL {
        return Some(Kind::Serial);
    }
    let model = name.strip_suffix(".pem")?;
    let whose = model.strip_prefix("attestation-").or_else(|| model.strip_prefix("enterprise-"))?;
    let is_model = Aaguid::try_from(whose.to_owned()).is_ok();
    (is_model || is_for_u2f(name)).then_some(Kind::Identity)
}

fn failed(doing: &'static str, path: &Path, error: io::Error) -> Error {
    let next = "check that this directory can be read and written, and has space";
    private_file::file_error(doing, path, error, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attestation::{AttestationKind, Issuer, U2fTransports};
    use crate::platform::{seeded_date, system_rng};

    /// A directory with a serial number and the identities of a model.
    fn key(serial: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        private_file::make(&home.path().join(SERIAL), &format!("{serial}\n")).unwrap();
        let mut rng = system_rng();
        let mut issuer =
            Issuer { serial, directory: Some(home.path()), rng: &mut rng, today: seeded_date() };
        let aaguid = [7; 16];
        for kind in [
            AttestationKind::Model { aaguid },
            AttestationKind::Device { aaguid },
            AttestationKind::U2f { transports: U2fTransports::USUAL },
        ] {
            issuer.identity(kind).unwrap();
        }
        home
    }

    fn told(companions: &[Companion]) -> Vec<(&str, &str)> {
        companions.iter().map(|companion| (companion.name(), companion.text())).collect()
    }

    #[test]
    fn a_key_has_its_serial_number_and_identities_beside_its_records_and_nothing_else() {
        let home = key("0123456789ABCDEF");
        for other in ["key", "records.keyfob", "lock", "notes.pem", ".tmp1", "attestation-x.pem"] {
            fs::write(home.path().join(other), "x").unwrap();
        }
        let found = read(home.path()).unwrap();
        let names: Vec<_> = found.iter().map(Companion::name).collect();
        let model = "07070707-0707-0707-0707-070707070707.pem";
        assert_eq!(
            names,
            [
                &format!("attestation-{model}"),
                "attestation-u2f.pem",
                &format!("enterprise-{model}"),
                "serial"
            ]
        );
    }

    #[test]
    fn they_take_the_place_of_all_that_are_there() {
        let (one, other) = (key("0123456789ABCDEF"), key("FEDCBA9876543210"));
        fs::rename(
            other.path().join("attestation-u2f.pem"),
            other.path().join("attestation-08080808-0808-0808-0808-080808080808.pem"),
        )
        .unwrap();
        let companions = read(one.path()).unwrap();
        replace(other.path(), &companions).unwrap();
        assert_eq!(told(&read(other.path()).unwrap()), told(&companions));
    }

    #[test]
    fn no_other_name_and_no_other_text_is_a_companion() {
        let serial = || Zeroizing::new("0123456789ABCDEF\n".to_owned());
        assert!(Companion::new("serial", serial()).is_some());
        for name in ["../serial", "records.keyfob", "key", "", "attestation-../x.pem", "x.pem"] {
            assert!(Companion::new(name, serial()).is_none(), "{name}");
        }
        assert!(Companion::new("attestation-u2f.pem", serial()).is_none());
        assert!(Companion::new("serial", Zeroizing::new("12".to_owned())).is_none());
    }
}
