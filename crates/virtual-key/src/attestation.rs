//! The identity that signs attestation for a key: a private key with its certificates. The key makes it, or the
//! user brings it.
//!
//! ```text
//!   certificate.rs      a new identity: root and leaf as WebAuthn section 8.2.1 wants them
//!   u2f_transports.rs   the ways to reach a key that such a certificate tells
//!   pem.rs              an identity as text
//!   kept.rs             that text in a file beside the key's memory
//!   lazy.rs             an identity of a key without a memory, made when it is first needed
//! ```

mod certificate;
mod kept;
mod lazy;
mod pem;
mod u2f_transports;

use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::attestation::AttestationKey;
use ctap_core::secret::SecretBytes;
use p256::SecretKey;
use x509_cert::Certificate;
use x509_cert::der::{self, Encode as _};
use zeroize::Zeroizing;

use self::certificate::model_of;
use crate::error::Error;

pub use self::certificate::AttestationKind;
pub(crate) use self::kept::is_for_u2f;
pub use self::kept::{Issuer, kept};
pub use self::lazy::LazyIdentity;
pub use self::pem::Unusable;
pub use self::u2f_transports::U2fTransports;

/// A P-256 private key that signs attestation, and its chain of certificates: the key's own first, a root last.
pub struct Identity {
    /// Boxed, so that it leaves no copies where an identity was.
    key: Box<SecretKey>,
    certificates: Vec<Certificate>,
}

impl Identity {
    /// The key and the chain that an authenticator signs with. The chain leaves out the root, unless the root is
    /// the only certificate (AT-04).
    ///
    /// # Errors
    /// [`Error::Certificate`]: a certificate cannot be encoded.
    pub fn attestation_key(&self) -> Result<AttestationKey, Error> {
        let (last, before) = self.certificates.split_last().ok_or_else(none)?;
        let chain =
            if before.is_empty() || !is_root(last) { &self.certificates[..] } else { before };
        Ok(AttestationKey {
            key: PrivateKey {
                algorithm: Algorithm::Es256,
                secret: SecretBytes::new(Zeroizing::new(self.key.to_bytes()).to_vec()),
            },
            x5c: chain.iter().map(Certificate::to_der).collect::<Result<_, der::Error>>()?,
        })
    }

    /// The certificate that relying parties must trust, in DER: the last one of the chain (AT-58).
    ///
    /// # Errors
    /// [`Error::Certificate`]: the certificate cannot be encoded.
    pub fn root(&self) -> Result<Vec<u8>, Error> {
        Ok(self.certificates.last().ok_or_else(none)?.to_der()?)
    }

    /// The AAGUID of the model that the key's own certificate names (AT-23). `None`: the certificate names no
    /// model.
    ///
    /// # Errors
    /// [`Error::Certificate`]: the extension of the certificate is not as AT-23 wants it.
    pub fn model(&self) -> Result<Option<[u8; 16]>, Error> {
        Ok(model_of(self.certificates.first().ok_or_else(none)?)?)
    }
}

/// An identity is made with certificates.
fn none() -> Error {
    Error::Certificate("there is none".to_owned())
}

fn is_root(certificate: &Certificate) -> bool {
    let contents = certificate.tbs_certificate();
    contents.issuer() == contents.subject()
}

#[cfg(test)]
pub(crate) mod tests;
