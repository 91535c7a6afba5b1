//! Who vouches for a key's credentials: a private key with its certificates, made here or brought by the user.
//!
//! ```text
//!   certificate.rs   a new identity: root and leaf as WebAuthn section 8.2.1 wants them
//!   pem.rs           an identity as text
//!   kept.rs          that text in a file beside the key's memory
//! ```

mod certificate;
mod kept;
mod pem;

use anyhow::Context as _;
use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::attestation::AttestationKey;
use ctap_core::secret::SecretBytes;
use p256::SecretKey;
use x509_cert::Certificate;
use x509_cert::der::Encode as _;
use zeroize::Zeroizing;

use self::certificate::model_of;

pub use self::certificate::Vouched;
pub use self::kept::{identity, kept};

/// A P-256 key that vouches, and the certificates that say for whom: the key's own first, a root last.
pub struct Identity {
    /// Boxed, so that it leaves no copies where an identity was.
    key: Box<SecretKey>,
    certificates: Vec<Certificate>,
}

impl Identity {
    /// What an authenticator signs with. The root is left out of its chain, unless it is all there is (AT-04).
    ///
    /// # Errors
    /// A certificate that cannot be encoded.
    pub fn attestation_key(&self) -> anyhow::Result<AttestationKey> {
        let (last, before) = self.certificates.split_last().context("no certificate")?;
        let chain =
            if before.is_empty() || !is_root(last) { &self.certificates[..] } else { before };
        Ok(AttestationKey {
            key: PrivateKey {
                algorithm: Algorithm::Es256,
                secret: SecretBytes::new(Zeroizing::new(self.key.to_bytes()).to_vec()),
            },
            x5c: chain.iter().map(Certificate::to_der).collect::<Result<_, _>>()?,
        })
    }

    /// The certificate that relying parties are to trust, DER: the last of the chain (AT-58).
    ///
    /// # Errors
    /// A certificate that cannot be encoded.
    pub fn root(&self) -> anyhow::Result<Vec<u8>> {
        Ok(self.certificates.last().context("no certificate")?.to_der()?)
    }

    /// The model that the key's own certificate names (AT-23); `None`: it names none.
    ///
    /// # Errors
    /// The certificate's extension is not what it should be.
    pub fn model(&self) -> anyhow::Result<Option<[u8; 16]>> {
        Ok(model_of(self.certificates.first().context("no certificate")?)?)
    }
}

fn is_root(certificate: &Certificate) -> bool {
    let contents = certificate.tbs_certificate();
    contents.issuer() == contents.subject()
}

#[cfg(test)]
pub(crate) mod tests;
