//! An identity as PEM text: a private key, then its certificates.

use p256::SecretKey;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use x509_cert::Certificate;
use x509_cert::der::{DecodePem as _, EncodePem as _};
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use zeroize::Zeroizing;

use super::Identity;
use crate::error::Error;

/// Why a PEM text cannot be used as an identity. The fault is the writer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// No block of the text is a private key.
    #[error("there is no private key in it (PEM, PKCS #8 or SEC 1)")]
    NoKey,
    /// A private key of another kind, or one with a passphrase.
    #[error("its private key is not a P-256 key without a passphrase")]
    OtherKey,
    /// No block of the text is a certificate.
    #[error("there is no certificate in it (PEM)")]
    NoCertificate,
    /// A block has the label of a certificate, but its content is not one.
    #[error("a certificate in it cannot be read")]
    DamagedCertificate,
    /// The first certificate does not go with the private key.
    #[error("its first certificate is for another private key")]
    OtherCertificate,
    /// A certificate is not issued by the one that follows.
    #[error(
        "its certificates are not a chain: each must be issued by the next one, and the key's own comes first"
    )]
    NoChain,
}

impl Identity {
    /// Reads a private key from one text and its certificates, the key's own first, from another, or the same.
    ///
    /// The names must form a chain, and the key must belong to the first certificate. Signatures are not checked
    /// here: a relying party that trusts the root checks them.
    ///
    /// # Errors
    /// [`Unusable`]: the fault of the one who wrote the text.
    pub(crate) fn from_pem(key: &str, certificates: &str) -> Result<Self, Unusable> {
        let key = read_key(key)?;
        let certificates = read_certificates(certificates)?;
        let leaf = certificates.first().ok_or(Unusable::NoCertificate)?;
        let public = SubjectPublicKeyInfoOwned::from_key(&key.public_key())
            .map_err(|_| Unusable::OtherKey)?;
        if *leaf.tbs_certificate().subject_public_key_info() != public {
            return Err(Unusable::OtherCertificate);
        }
        Ok(Self { key, certificates })
    }

    /// Writes the text that [`from_pem`](Self::from_pem) reads.
    ///
    /// # Errors
    /// A key or certificate that cannot be encoded.
    pub(crate) fn to_pem(&self) -> Result<Zeroizing<String>, Error> {
        let key = self.key.to_pkcs8_pem(LineEnding::LF).map_err(certificate)?;
        let certificates: String = self
            .certificates
            .iter()
            .map(|certificate| certificate.to_pem(LineEnding::LF))
            .collect::<Result<_, _>>()
            .map_err(certificate)?;
        // In one piece: a text that grows leaves unwiped copies of the key behind.
        let mut text = Zeroizing::new(String::with_capacity(key.len() + certificates.len()));
        text.push_str(&key);
        text.push_str(&certificates);
        Ok(text)
    }
}

fn certificate(error: impl std::fmt::Display) -> Error {
    Error::Certificate(error.to_string())
}

fn read_key(text: &str) -> Result<Box<SecretKey>, Unusable> {
    let mut keys = blocks(text).filter(|block| label(block).ends_with("PRIVATE KEY"));
    let key = keys.next().ok_or(Unusable::NoKey)?;
    let read = match label(key) {
        "EC PRIVATE KEY" => SecretKey::from_sec1_pem(key).ok(),
        _ => SecretKey::from_pkcs8_pem(key).ok(),
    };
    read.map(Box::new).ok_or(Unusable::OtherKey)
}

fn read_certificates(text: &str) -> Result<Vec<Certificate>, Unusable> {
    let blocks = blocks(text).filter(|block| label(block) == "CERTIFICATE");
    let certificates: Vec<_> = blocks
        .map(|block| Certificate::from_pem(block).map_err(|_| Unusable::DamagedCertificate))
        .collect::<Result<_, _>>()?;
    let mut links = certificates.iter().zip(certificates.iter().skip(1));
    let is_chain = links.all(|(issued, issuer)| {
        issued.tbs_certificate().issuer() == issuer.tbs_certificate().subject()
    });
    if is_chain { Ok(certificates) } else { Err(Unusable::NoChain) }
}

/// The blocks of the text, each from one `-----BEGIN` to the next, without the text before the first.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices(BEGIN).map(|(start, _)| start);
    let ends = starts.clone().skip(1).chain([text.len()]);
    starts.zip(ends).map(|(start, end)| text[start..end].trim_end())
}

fn label(block: &str) -> &str {
    let label = block.strip_prefix(BEGIN).unwrap_or(block);
    label.split_once("-----").map_or(label, |(label, _)| label)
}

const BEGIN: &str = "-----BEGIN ";
