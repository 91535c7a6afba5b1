//! Identities in private files beside a key's memory (P-19).

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Identity, Vouched};
use crate::failure::failure;
use crate::platform::system_rng;
use crate::private_file;
use crate::profile::Aaguid;

/// The identity of a key whose memory is in `directory`, or nowhere: made when it is first needed, and the same from then
/// on. Only whoever holds the memory may call this.
///
/// # Errors
/// A file that cannot be used; it is left as it is.
pub fn identity(
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
    private_file::make(&path, &identity.to_pem()?)?;
    Ok(identity)
}

/// The identity that was made before, if there is one.
///
/// # Errors
/// As [`identity`].
pub fn kept(vouched: Vouched, directory: &Path) -> anyhow::Result<Option<Identity>> {
    let path = path(vouched, directory);
    let Some(text) = private_file::read(&path, RESTORE)? else { return Ok(None) };
    let identity = Identity::from_pem(&text, &text)
        .map_err(|error| failure(format_args!("{}: {error}", path.display()), RESTORE))?;
    Ok(Some(identity))
}

/// A file for each model that the memory was ever used as, because a certificate names its model, and one for U2F alone.
fn path(vouched: Vouched, directory: &Path) -> PathBuf {
    directory.join(match vouched {
        Vouched::Model { aaguid } => format!("attestation-{}.pem", Aaguid(aaguid)),
        Vouched::U2f => "attestation-u2f.pem".to_owned(),
        Vouched::Device { aaguid } => format!("enterprise-{}.pem", Aaguid(aaguid)),
    })
}

const RESTORE: &str = "restore the file from a backup, or remove it and a new identity is drawn";
