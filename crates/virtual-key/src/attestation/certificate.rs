//! Makes new identities: a root, and a certificate for the key's attestation that this root has issued, as WebAuthn
//! section 8.2.1 wants them (AT-20 to AT-29).

use std::str::FromStr as _;
use std::time::{Duration, SystemTime};

use p256::SecretKey;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::Generate as _;
use rand_core::CryptoRng;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder, Error, Result};
use x509_cert::der::asn1::{BitString, OctetString};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::referenced::OwnedToRef as _;
use x509_cert::der::{self, Decode as _};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension as _};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate};

use super::{Identity, U2fTransports};

/// What a certificate vouches for.
#[derive(Clone, Copy)]
pub enum AttestationKind {
    /// Every key of the model.
    Model {
        /// The AAGUID of the model.
        aaguid: [u8; 16],
    },
    /// Keys that speak U2F alone. U2F has no AAGUID.
    U2f {
        /// The transports of these keys.
        transports: U2fTransports,
    },
    /// One device of the model: enterprise attestation.
    Device {
        /// The AAGUID of its model.
        aaguid: [u8; 16],
    },
}

impl Identity {
    /// Draws a key, and a certificate for it from a root that is made only for this. The root's own key is dropped
    /// at once, so nothing else can ever be issued under it. `serial` (letters and digits) is the serial number of
    /// the device; only a device's certificate has it (AT-26).
    ///
    /// # Errors
    /// A name that does not fit a certificate, or a clock outside of what certificates can tell.
    pub(crate) fn generate(
        kind: AttestationKind,
        serial: &str,
        today: SystemTime,
        mut rng: &mut dyn CryptoRng,
    ) -> Result<Self> {
        let (root_key, key) =
            (SigningKey::generate_from_rng(&mut rng), SecretKey::generate_from_rng(&mut rng));
        let (root_info, key_info) =
            (public_key_info(&root_key)?, public_key_info(&SigningKey::from(&key))?);
        let root_name = root_name(&root_info)?;
        let root = Contents {
            subject: root_name.clone(),
            issuer: root_name.clone(),
            extensions: root_extensions(&root_name, &root_info)?,
        };
        let subject = kind.name(serial)?;
        let extensions = kind.extensions(serial, &subject, &key_info, &root_info)?;
        let leaf = Contents { subject, issuer: root_name, extensions };
        let certificates = vec![
            leaf.signed(key_info, &root_key, today, &mut rng)?,
            root.signed(root_info, &root_key, today, &mut rng)?,
        ];
        Ok(Self { key: Box::new(key), certificates })
    }
}

impl AttestationKind {
    /// The model, if there is one.
    const fn aaguid(&self) -> Option<&[u8; 16]> {
        match self {
            Self::Model { aaguid } | Self::Device { aaguid } => Some(aaguid),
            Self::U2f { .. } => None,
        }
    }

    /// A certificate that names a model tells no transports: getInfo does.
    const fn transports(&self) -> U2fTransports {
        match self {
            Self::Model { .. } | Self::Device { .. } => U2fTransports::USB,
            Self::U2f { transports } => *transports,
        }
    }

    /// Bytes that a new certificate of such a key has at the most; `None`: that depends on the key's serial number.
    pub(super) fn longest_certificate(&self) -> Option<usize> {
        match self {
            Self::Model { .. } => Some(LONGEST_OF_MODEL),
            Self::U2f { transports } => match transports.byte() {
                Some(_) => Some(LONGEST_OF_U2F),
                None => Some(LONGEST_OF_U2F - TRANSPORTS_LENGTH),
            },
            Self::Device { .. } => None,
        }
    }

    /// C, O, OU and CN as AT-21 prescribes them.
    fn name(&self, serial: &str) -> Result<Name> {
        let name = match self {
            Self::Model { .. } | Self::U2f { .. } => "keyfob attestation".to_owned(),
            Self::Device { .. } => format!("keyfob device {serial}"),
        };
        Ok(Name::from_str(&format!(
            "CN={name},OU=Authenticator Attestation,O={VENDOR},C={COUNTRY}"
        ))?)
    }

    fn extensions(
        &self,
        serial: &str,
        subject: &Name,
        key: &SubjectPublicKeyInfoOwned,
        issuer: &SubjectPublicKeyInfoOwned,
    ) -> Result<Vec<Extension>> {
        let not_an_authority = BasicConstraints { ca: false, path_len_constraint: None };
        let identifier = SubjectKeyIdentifier::try_from(key.owned_to_ref())?;
        let authority = AuthorityKeyIdentifier::try_from(issuer.owned_to_ref())?;
        let mut extensions = vec![
            not_an_authority.to_extension(subject, &[])?,
            identifier.to_extension(subject, &[])?,
            authority.to_extension(subject, &[])?,
        ];
        if let Some((byte, unused)) = self.transports().byte() {
            extensions.push(plain(TRANSPORTS, &BitString::new(unused, [byte])?)?);
        }
        if let Some(aaguid) = self.aaguid() {
            extensions.push(plain(AAGUID, &OctetString::new(*aaguid)?)?);
        }
        if let Self::Device { .. } = self {
            extensions.push(plain(DEVICE_SERIAL, &OctetString::new(serial.as_bytes())?)?);
        }
        Ok(extensions)
    }
}

/// The content of a certificate, without its key, its number and its dates.
struct Contents {
    subject: Name,
    issuer: Name,
    extensions: Vec<Extension>,
}

impl Contents {
    fn signed(
        self,
        key: SubjectPublicKeyInfoOwned,
        signer: &SigningKey,
        today: SystemTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Certificate> {
        let number = SerialNumber::generate(rng); // positive, at most 20 bytes (AT-29)
        CertificateBuilder::new(self, number, validity(today)?, key)?
            .build::<_, DerSignature>(signer)
    }
}

impl BuilderProfile for Contents {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> Result<Vec<Extension>> {
        Ok(self.extensions.clone())
    }
}

/// No other root has it: relying parties look roots up by name, and try one of each name.
fn root_name(key: &SubjectPublicKeyInfoOwned) -> Result<Name> {
    let SubjectKeyIdentifier(identifier) = SubjectKeyIdentifier::try_from(key.owned_to_ref())?;
    let digits: String =
        identifier.as_bytes().iter().take(8).map(|byte| format!("{byte:02X}")).collect();
    Ok(Name::from_str(&format!("CN=keyfob attestation root {digits},O={VENDOR},C={COUNTRY}"))?)
}

fn root_extensions(subject: &Name, key: &SubjectPublicKeyInfoOwned) -> Result<Vec<Extension>> {
    let authority = BasicConstraints { ca: true, path_len_constraint: Some(0) };
    let identifier = SubjectKeyIdentifier::try_from(key.owned_to_ref())?;
    Ok(vec![
        authority.to_extension(subject, &[])?,
        KeyUsage(KeyUsages::KeyCertSign.into()).to_extension(subject, &[])?,
        identifier.to_extension(subject, &[])?,
    ])
}

/// An extension that is not critical. Its value is wrapped once here, and once as an octet string by X.509 (AT-23).
fn plain(id: ObjectIdentifier, value: &impl der::Encode) -> der::Result<Extension> {
    let extn_value = OctetString::new(value.to_der()?)?;
    Ok(Extension { extn_id: id, critical: false, extn_value })
}

fn public_key_info(key: &SigningKey) -> Result<SubjectPublicKeyInfoOwned> {
    Ok(SubjectPublicKeyInfoOwned::from_key(key.verifying_key())?)
}

/// From yesterday, for hosts whose clock is behind, for twenty years (AT-24).
fn validity(today: SystemTime) -> Result<Validity> {
    let day = Duration::from_secs(24 * 60 * 60);
    let before = today.checked_sub(day).ok_or_else(no_such_date)?;
    let after = today.checked_add(day * 365 * 20).ok_or_else(no_such_date)?;
    Ok(Validity::new(Time::try_from(before)?, Time::try_from(after)?))
}

/// # Errors
/// No certificate can be valid from then on.
pub(super) fn check_date(today: SystemTime) -> Result<()> {
    validity(today).map(drop)
}

fn no_such_date() -> Error {
    der::Error::from(der::ErrorKind::DateTime).into()
}

/// The model that a certificate names.
///
/// # Errors
/// The extension is not an octet string of 16 bytes.
pub(crate) fn model_of(certificate: &Certificate) -> der::Result<Option<[u8; 16]>> {
    let mut extensions = certificate.tbs_certificate().extensions().into_iter().flatten();
    let Some(extension) = extensions.find(|extension| extension.extn_id == AAGUID) else {
        return Ok(None);
    };
    let inner = OctetString::from_der(extension.extn_value.as_bytes())?;
    let aaguid = inner.as_bytes().try_into();
    aaguid.map(Some).map_err(|_| der::ErrorKind::Length { tag: der::Tag::OctetString }.into())
}

/// id-fido-gen-ce-aaguid (AT-23).
const AAGUID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.45724.1.1.4");
/// id-fido-gen-ce-sernum (AT-26).
const DEVICE_SERIAL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.45724.1.1.2");
/// id-fido-u2f-ce-transports (AT-27).
const TRANSPORTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.45724.2.1.1");

/// Bytes of certificates with the longest number and signature, and with dates from 2050 on, which take two bytes more.
const LONGEST_OF_MODEL: usize = 579;
const LONGEST_OF_U2F: usize = 542;
/// Bytes of the extension that tells transports.
const TRANSPORTS_LENGTH: usize = 21;

const VENDOR: &str = "keyfob";
/// A certificate must name a country of ISO 3166, and software is of none: Antarctica belongs to nobody.
const COUNTRY: &str = "AQ";
