//! Identities that are made when they are first needed: two key pairs and two signatures, which is more than the rest of a start.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use ctap_core::algorithm::Algorithm;
use ctap_core::attestation::{AttestationKey, Attester};
use rand_core::CryptoRng;

use super::{AttestationKind, Identity};
use crate::error::Error;
use crate::platform::without_traces;

/// An identity that is there, or that is made when something is first vouched for, or somebody asks for its certificates.
pub struct LazyIdentity {
    certificate_lengths: Vec<usize>,
    made: LazyLock<Result<Made, String>, Maker>,
}

/// As it is used. There is no other copy of the key.
struct Made {
    key: AttestationKey,
    root: Vec<u8>,
}

type Maker = Box<dyn FnOnce() -> Result<Made, String> + Send>;

impl LazyIdentity {
    /// This one.
    ///
    /// # Errors
    /// A certificate that cannot be encoded.
    pub fn made(identity: &Identity) -> Result<Arc<Self>, Error> {
        let made = Made::of(identity)?;
        let certificate_lengths = made.key.certificate_lengths();
        Ok(Arc::new(Self { certificate_lengths, made: LazyLock::new(Box::new(|| Ok(made))) }))
    }

    /// A new one, with a certificate of this length at the most, drawn from `rng` when it is needed.
    pub(super) fn later(
        kind: AttestationKind,
        longest: usize,
        serial: String,
        today: SystemTime,
        mut rng: Box<dyn CryptoRng + Send>,
    ) -> Arc<Self> {
        let make = move || {
            let identity = Identity::generate(kind, &serial, today, &mut *rng);
            Made::of(&identity?)
        };
        let make = || {
            without_traces(make).map_err(|error| match error {
                Error::Certificate(why) => why,
                other => other.to_string(),
            })
        };
        Arc::new(Self { certificate_lengths: vec![longest], made: LazyLock::new(Box::new(make)) })
    }

    /// The certificate that relying parties are to trust, DER (AT-58).
    ///
    /// # Errors
    /// [`Error::Certificate`]: it cannot be made.
    pub fn root(&self) -> Result<&[u8], Error> {
        Ok(&self.get()?.root)
    }

    /// The certificates that it sends, DER, its own first.
    ///
    /// # Errors
    /// As [`root`](Self::root).
    pub fn chain(&self) -> Result<&[Vec<u8>], Error> {
        Ok(&self.get()?.key.x5c)
    }

    fn get(&self) -> Result<&Made, Error> {
        self.made.as_ref().map_err(|why| Error::Certificate(why.clone()))
    }
}

impl Made {
    fn of(identity: &Identity) -> Result<Self, Error> {
        Ok(Self { key: identity.attestation_key()?, root: identity.root()? })
    }
}

impl Attester for LazyIdentity {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Es256
    }

    fn certificate_lengths(&self) -> Vec<usize> {
        self.certificate_lengths.clone()
    }

    fn key(&self) -> Option<&AttestationKey> {
        let made = self.made.as_ref();
        made.inspect_err(
            |why| tracing::warn!(%why, "there is no attestation certificate for new credentials"),
        )
        .ok()
        .map(|made| &made.key)
    }
}

impl fmt::Debug for LazyIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyIdentity").finish_non_exhaustive()
    }
}
