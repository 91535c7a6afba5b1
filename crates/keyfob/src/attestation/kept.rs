//! Identities in files beside a key's memory, with the memory's care: private, durable, no links (P-19, P-21).

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::{Identity, Vouched};
use crate::failure::{advise, failure};
use crate::platform::system_rng;
use crate::profile::Aaguid;

/// The identity of a key whose memory is in `directory`, or nowhere: made when it is first needed, and the same from then
/// on. Only whoever holds the memory may call this.
///
/// # Errors
/// A file that cannot be used; it is left as it is.
pub(crate) fn identity(
    vouched: Vouched,
    serial: &str,
    directory: Option<&Path>,
) -> anyhow::Result<Identity> {
    let new = || {
        let identity = Identity::generate(vouched, serial, &mut system_rng());
        identity.context("cannot make an attestation certificate")
    };
    let Some(directory) = directory else { return new() };
    if let Some(identity) = kept(vouched, directory)? {
        return Ok(identity);
    }
    let (identity, path) = (new()?, path(vouched, directory));
    keep(&path, &identity).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(identity)
}

/// The identity that was made before, if there is one.
///
/// # Errors
/// As [`identity`].
pub(crate) fn kept(vouched: Vouched, directory: &Path) -> anyhow::Result<Option<Identity>> {
    let path = path(vouched, directory);
    let Some(text) = read_private(&path)? else { return Ok(None) };
    let identity = Identity::from_pem(&text, &text)
        .map_err(|error| failure(format_args!("{}: {error}", path.display()), RESTORE))?;
    Ok(Some(identity))
}

/// A file for each model that the memory was ever used as, because a certificate names its model.
fn path(vouched: Vouched, directory: &Path) -> PathBuf {
    let name = match vouched {
        Vouched::Model { .. } => "attestation",
        Vouched::Device { .. } => "enterprise",
    };
    directory.join(format!("{name}-{}.pem", Aaguid(*vouched.aaguid())))
}

/// The text in a file that is ours alone; `None`: there is no file.
fn read_private(path: &Path) -> anyhow::Result<Option<Zeroizing<String>>> {
    // NONBLOCK: a pipe in the file's place must not hang us.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(vault::Error::NotAFile { path: path.to_owned() }.into());
        }
        Err(error) => return Err(error).with_context(|| format!("cannot open {}", path.display())),
    };
    check_private(&file, path)?;
    let mut text = Zeroizing::new(String::new());
    file.take(LONGEST_FILE).read_to_string(&mut text).map_err(|error| {
        advise(
            anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
            RESTORE,
        )
    })?;
    Ok(Some(text))
}

fn check_private(file: &File, path: &Path) -> anyhow::Result<()> {
    let (path, metadata) = (path.to_owned(), file.metadata()?);
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    let mode = metadata.mode() & 0o7777;
    match () {
        () if !metadata.is_file() => Err(vault::Error::NotAFile { path }.into()),
        () if owner != user => Err(vault::Error::WrongOwner { path, owner, user }.into()),
        () if mode & 0o077 != 0 => Err(vault::Error::TooOpen { path, mode, wanted: 0o600 }.into()),
        () => Ok(()),
    }
}

/// Whole or not at all, and durable. A file that somebody else made meanwhile is not replaced.
fn keep(path: &Path, identity: &Identity) -> anyhow::Result<()> {
    let directory = path.parent().context("it is in no directory")?;
    let mut unfinished = tempfile::NamedTempFile::new_in(directory)?; // mode 0600
    unfinished.write_all(identity.to_pem()?.as_bytes())?;
    unfinished.as_file().sync_all()?;
    unfinished.persist_noclobber(path)?;
    File::open(directory)?.sync_all()?;
    Ok(())
}

const RESTORE: &str = "restore the file from a backup, or remove it and a new identity is drawn";

/// A key and a handful of certificates take 2 KiB.
const LONGEST_FILE: u64 = 64 * 1024;
