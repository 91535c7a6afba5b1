//! Identities that are stored in private files beside a key's memory (P-19).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rand_core::CryptoRng;

use super::certificate::check_date;
use super::{AttestationKind, Identity, LazyIdentity, U2fTransports};
use crate::error::{Error, RESTORE_IDENTITY};
use crate::platform::without_traces;
use crate::private_file;
use crate::profile::Aaguid;

/// Makes the identities of a key, or reads those that were made before.
pub struct Issuer<'a> {
    /// The serial number of the key, as text.
    pub serial: &'a str,
    /// The directory of the key's memory, where its identities are stored too; `None`: they are not stored. Only
    /// the process that has the memory open may make identities there.
    pub directory: Option<&'a Path>,
    /// The source of randomness for new identities.
    pub rng: &'a mut dyn CryptoRng,
    /// Today's date. New certificates are valid from yesterday on.
    pub today: SystemTime,
}

impl Issuer<'_> {
    /// The identity of this kind. The first call makes it; later calls return the same one.
    ///
    /// # Errors
    /// [`Error::Identity`], [`Error::File`], [`Error::Memory`]: a file cannot be used, and is left as it is.
    /// [`Error::Certificate`]: a certificate cannot be made.
    pub fn identity(&mut self, kind: AttestationKind) -> Result<Identity, Error> {
        let Some(directory) = self.directory else { return self.new_identity(kind) };
        if let Some(identity) = kept(kind, directory)? {
            return Ok(identity);
        }
        let (identity, path) = (self.new_identity(kind)?, path(kind, directory));
        private_file::make(&path, &identity.to_pem()?)?;
        Ok(identity)
    }

    /// The same for a key that starts. Without a memory, nobody else knows of the identity: it is made when it is first needed, from `rng`, unless
    /// its certificate tells the one device, of which few kinds of keys make use.
    ///
    /// # Errors
    /// As [`identity`](Self::identity); a date that no certificate can tell.
    pub fn lazy_identity(
        &mut self,
        kind: AttestationKind,
        rng: Box<dyn CryptoRng + Send>,
    ) -> Result<Arc<LazyIdentity>, Error> {
        match (self.directory, kind.longest_certificate()) {
            (None, Some(longest)) => {
                check_date(self.today)?;
                Ok(LazyIdentity::later(kind, longest, self.serial.to_owned(), self.today, rng))
            }
            _ => without_traces(|| LazyIdentity::made(&self.identity(kind)?)),
        }
    }

    fn new_identity(&mut self, kind: AttestationKind) -> Result<Identity, Error> {
        Ok(Identity::generate(kind, self.serial, self.today, self.rng)?)
    }
}

/// The identity of this kind, if it was made before.
///
/// # Errors
/// As [`Issuer::identity`], without [`Error::Certificate`].
pub fn kept(kind: AttestationKind, directory: &Path) -> Result<Option<Identity>, Error> {
    let path = path(kind, directory);
    let Some(text) = private_file::read(&path, RESTORE_IDENTITY)? else { return Ok(None) };
    match Identity::from_pem(&text, &text) {
        Ok(identity) => Ok(Some(identity)),
        Err(why) => Err(Error::Identity { path, why }),
    }
}

/// A file for each model that the memory was ever used as, because a certificate names its model. For U2F alone one, whose name has the
/// ways that the certificate tells where they are not the usual ones.
fn path(kind: AttestationKind, directory: &Path) -> PathBuf {
    directory.join(match kind {
        AttestationKind::Model { aaguid } => format!("attestation-{}.pem", Aaguid(aaguid)),
        AttestationKind::U2f { transports } => u2f_name(transports),
        AttestationKind::Device { aaguid } => format!("enterprise-{}.pem", Aaguid(aaguid)),
    })
}

/// Whether a file of this name is one of those for U2F alone.
pub(crate) fn is_for_u2f(name: &str) -> bool {
    U2fTransports::each().any(|transports| name == u2f_name(transports))
}

fn u2f_name(transports: U2fTransports) -> String {
    let ways = match transports {
        U2fTransports::USUAL => String::new(),
        U2fTransports::NONE => "-other".to_owned(),
        others => others.names().map(|name| format!("-{name}")).collect(),
    };
    format!("attestation-u2f{ways}.pem")
}
