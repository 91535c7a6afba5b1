//! A BLOB as FIDO publishes it (MDS 3.1.1 section 3.1.7): a JWT in compact form, whose certificates lead to a root.

use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use chrono::DateTime;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde::Deserialize;
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use super::algorithms::{Algorithm, OF_CERTIFICATES, of_jwt};
use super::blob::FETCH;
use crate::failure::failure;
use crate::terminal::shown::name;

/// Whom a chain of certificates must lead to.
pub(super) struct Root {
    certificate: CertificateDer<'static>,
    /// Who must have signed, where the root vouches for others as well.
    signer: Option<&'static str>,
}

/// The part of the header that matters (RFC 7515 section 4.1).
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    x5c: Vec<String>,
    /// What a reader must understand (section 4.1.11). Metadata has none, and keyfob knows none.
    crit: Option<serde::de::IgnoredAny>,
}

impl Root {
    /// GlobalSign Root R46, which FIDO names since August 2026. It vouches for half the Internet: so FIDO itself must have signed.
    pub(super) fn fido() -> Self {
        let certificate = CertificateDer::from(GLOBALSIGN.to_vec());
        Self { certificate, signer: Some("mds.fidoalliance.org") }
    }

    /// One that a person brings, in PEM or DER: whoever it vouches for may have signed.
    ///
    /// # Errors
    /// It is no certificate: the fault of the one who brought it.
    pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Self> {
        let none = || anyhow!("this is not an X.509 certificate of version 3");
        let certificate = CertificateDer::from_pem_slice(bytes)
            .unwrap_or_else(|_| CertificateDer::from(bytes.to_vec()));
        anchor_from_trusted_cert(&certificate).map_err(|_| none())?;
        Ok(Self { certificate, signer: None })
    }

    /// Whether these certificates, the signer's first, lead here, and the signature is the signer's.
    fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let (signer, others) = chain.split_first().ok_or(Refusal::NoCertificates)?;
        let signer = EndEntityCert::try_from(signer)?;
        let anchors = [anchor_from_trusted_cert(&self.certificate)?];
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let (now, usage) = (UnixTime::since_unix_epoch(now), KeyUsage::server_auth());
        signer.verify_for_usage(&OF_CERTIFICATES, &anchors, others, now, usage, None, None)?;
        if let Some(name) = self.signer {
            let expected = ServerName::try_from(name).map_err(|_| Refusal::OtherSigner)?;
            signer.verify_is_valid_for_subject_name(&expected).map_err(|_| Refusal::OtherSigner)?;
        }
        signer.verify_signature(&algorithm, message, signature).map_err(|_| Refusal::Signature)
    }
}

/// What a JWT says, if it is signed by whom the root vouches for.
///
/// # Errors
/// It is no JWT, not signed, by somebody else, or not any more.
pub(super) fn payload(text: &str, root: &Root, now: SystemTime) -> anyhow::Result<String> {
    read(text, root, now).map_err(|refusal| failure(refusal.what(), refusal.next()))
}

fn read(text: &str, root: &Root, now: SystemTime) -> Result<String, Refusal> {
    let text = text.trim();
    let no_jwt = || if text.starts_with(BEGINNING) { Refusal::CutOff } else { Refusal::NotAJwt };
    let (message, signature) = text.rsplit_once('.').ok_or_else(no_jwt)?;
    let (header, payload) = message.split_once('.').ok_or_else(no_jwt)?;
    let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| Refusal::NotAJwt)?;
    if header.alg == "none" {
        return Err(Refusal::Unsigned);
    }
    if header.crit.is_some() {
        return Err(Refusal::Critical);
    }
    let algorithm = of_jwt(&header.alg).ok_or(Refusal::Algorithm(header.alg))?;
    let certificate = |text: &String| {
        Base64::decode_vec(text).map(CertificateDer::from).map_err(|_| Refusal::NoCertificates)
    };
    let chain: Vec<_> = header.x5c.iter().map(certificate).collect::<Result<_, _>>()?;
    // What is cut off ends in the middle of a letter, as likely as not.
    let signature = Base64UrlUnpadded::decode_vec(signature).map_err(|_| Refusal::Signature)?;
    root.judge(&chain, algorithm, message.as_bytes(), &signature, now)?;
    String::from_utf8(decoded(payload)?).map_err(|_| Refusal::NotAJwt)
}

fn decoded(part: &str) -> Result<Vec<u8>, Refusal> {
    Base64UrlUnpadded::decode_vec(part).map_err(|_| Refusal::NotAJwt)
}

/// Why a JWT is not believed.
#[derive(Debug)]
enum Refusal {
    NotAJwt,
    CutOff,
    Unsigned,
    Critical,
    Algorithm(String),
    NoCertificates,
    Chain(Error),
    OtherSigner,
    Signature,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Chain(error)
    }
}

impl Refusal {
    fn what(&self) -> String {
        match self {
            Self::NotAJwt => "it is neither JSON nor a JWT".to_owned(),
            Self::CutOff => "it is a JWT that ends before its signature: it is cut off".to_owned(),
            Self::Unsigned => "it is not signed".to_owned(),
            Self::Critical => {
                "its header has extensions that a reader must understand (`crit`), and keyfob knows none".to_owned()
            }
            Self::Algorithm(other) => {
                let known = "RS256, RS384, RS512 and ES256";
                format!(
                    "it is signed with the algorithm {}, and keyfob knows only {known}",
                    name(other)
                )
            }
            Self::NoCertificates => "it does not have the certificates of its signer".to_owned(),
            Self::Chain(error) => of_chain(error),
            Self::OtherSigner => "somebody other than FIDO has signed it".to_owned(),
            Self::Signature => {
                "its signature does not fit what it says: it is cut off, or was changed".to_owned()
            }
        }
    }

    fn next(&self) -> &'static str {
        match self {
            Self::Chain(Error::UnknownIssuer) => {
                "name the root that its publisher states with --metadata-root, if you trust it"
            }
            Self::Chain(Error::CaUsedAsEndEntity) => {
                "have it signed by a certificate that a CA has issued (basicConstraints CA:FALSE), and name that CA with \
                 --metadata-root; or fetch FIDO's from https://mds.fidoalliance.org/"
            }
            Self::Chain(Error::CertNotValidYet { .. }) => "check that the machine's date is right",
            Self::Unsigned => {
                "fetch the signed one from https://mds.fidoalliance.org/; its payload, as JSON, is accepted without a \
                 signature"
            }
            _ => FETCH,
        }
    }
}

/// Why its certificates are not believed.
fn of_chain(error: &Error) -> String {
    match error {
        Error::UnknownIssuer => "its certificates do not lead to the root".to_owned(),
        Error::CaUsedAsEndEntity => "the certificate of its signer is that of a certificate authority, as most are that \
             sign themselves"
            .to_owned(),
        Error::InvalidSignatureForPublicKey => {
            "one of its certificates is not signed by the issuer that it names".to_owned()
        }
        Error::CertExpired { not_after, .. } => {
            format!("a certificate of its signer expired on {}", day(not_after))
        }
        Error::CertNotValidYet { not_before, .. } => {
            format!("a certificate of its signer is not valid before {}", day(not_before))
        }
        Error::EndEntityUsedAsCa => {
            "one of its certificates is signed by a certificate that is not a certificate authority's".to_owned()
        }
        Error::RequiredEkuNotFoundContext(_) => {
            "the certificate of its signer is for another purpose than that of a server".to_owned()
        }
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "a certificate of its signer is signed with an algorithm that keyfob does not know".to_owned()
        }
        other => format!(
            "a certificate of its signer is damaged, or of a kind that keyfob does not accept ({other})"
        ),
    }
}

/// How a JWT begins: a JSON object's first characters in base64url.
const BEGINNING: &str = "eyJ";

fn day(time: &UnixTime) -> String {
    let day = i64::try_from(time.as_secs()).ok().and_then(|time| DateTime::from_timestamp(time, 0));
    day.map_or("no day".to_owned(), |day| day.date_naive().to_string())
}

/// GlobalSign Root R46, as certificate stores have it.
const GLOBALSIGN: &[u8] = include_bytes!("globalsign-root-r46.der");

#[cfg(test)]
mod tests;
