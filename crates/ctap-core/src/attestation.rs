//! Attestation statements, WebAuthn section 8 (AT-01 to AT-07), and the choice of one (MC-90 to MC-98).

use alloc::vec::Vec;
use core::fmt::Debug;

use crate::algorithm::{Algorithm, KeyPair, PrivateKey};
use crate::cbor::{Array, Bytes, Item, MapWriter, to_vec};
use crate::consent::Evidence;
use crate::credential::Credential;
use crate::limits::MAX_CERTIFICATES;
use crate::public_key::PublicKey;
use crate::status::Status;

/// The attestation that an authenticator makes for its credentials, unless the platform prefers another format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attestation {
    /// Format `packed`, signed with the credential's own key (AT-03).
    SelfSigned,
    /// Format `packed`, signed with the model's key and backed by its certificates (AT-02).
    Basic,
    /// Format `none`: no attestation (AT-05).
    None,
}

/// An attestation key, with its chain of certificates.
#[derive(Debug)]
pub struct AttestationKey {
    /// Signs the attestation of every credential. It must be ES256 if the authenticator speaks U2F, and it cannot
    /// be ML-DSA.
    pub key: PrivateKey,
    /// Certificates in DER, the key's own first, without the root (AT-04). At least one, and at most
    /// [`MAX_CERTIFICATES`] bytes in all.
    pub x5c: Vec<Vec<u8>>,
}

/// Who vouches: an [`AttestationKey`], or somebody who makes one when it is first needed, because that takes time.
pub trait Attester: Debug + Send + Sync {
    /// What it signs with.
    fn algorithm(&self) -> Algorithm;

    /// Bytes that its certificates have at the most, in the order of [`AttestationKey::x5c`].
    fn certificate_lengths(&self) -> Vec<usize>;

    /// Its key, the same each time. `None`: there can be none, and what it was to vouch for is refused.
    fn key(&self) -> Option<&AttestationKey>;
}

impl Attester for AttestationKey {
    fn algorithm(&self) -> Algorithm {
        self.key.algorithm
    }

    fn certificate_lengths(&self) -> Vec<usize> {
        self.x5c.iter().map(Vec::len).collect()
    }

    fn key(&self) -> Option<&AttestationKey> {
        Some(self)
    }
}

/// Its statements fit an answer, and show who signed (AT-04, AT-07).
pub(crate) fn is_possible(attester: &dyn Attester) -> bool {
    let lengths = attester.certificate_lengths();
    let is_ml_dsa = matches!(attester.algorithm(), Algorithm::MlDsa44 | Algorithm::MlDsa65);
    !lengths.is_empty() && lengths.iter().sum::<usize>() <= MAX_CERTIFICATES && !is_ml_dsa
}

/// The formats that getInfo 0x16 lists: never `none` (MC-94).
pub(crate) fn formats(speaks_u2f: bool) -> Vec<&'static str> {
    let mut formats = alloc::vec!["packed"];
    if speaks_u2f {
        formats.push("fido-u2f");
    }
    formats
}

/// What a key can make attestation with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'c> {
    pub(crate) usual: Attestation,
    /// The model's key.
    pub(crate) model: Option<&'c dyn Attester>,
    /// The device's own key, for enterprise attestation.
    pub(crate) device: Option<&'c dyn Attester>,
    pub(crate) speaks_u2f: bool,
}

/// attestationFormatsPreference, checked when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preference {
    /// Absent, empty, or nothing in it that this crate knows (MC-90, MC-92).
    Default,
    /// The first known format is `packed`.
    Packed,
    /// The first known format is `fido-u2f`, and what comes after it if that cannot be made.
    FidoU2f,
    /// The first known format is `none` (MC-91).
    None,
}

impl Preference {
    /// An array of text; the known entry with the lowest index counts (MC-92, MC-93).
    pub(crate) fn parse(value: Item<'_>) -> Result<Self, Status> {
        let mut preference = Self::Default;
        for format in value.array()? {
            let known = match format.text()? {
                "packed" => Self::Packed,
                "fido-u2f" => Self::FidoU2f,
                "none" => Self::None,
                _ => continue,
            };
            if preference == Self::Default {
                preference = known;
            }
        }
        Ok(preference)
    }

    /// Enterprise attestation is not suppressed by a preference (MC-95).
    pub(crate) fn choose<'c>(
        self,
        enterprise: bool,
        algorithm: Algorithm,
        Means { usual, model, device, speaks_u2f }: Means<'c>,
    ) -> Statement<'c> {
        match (self, model, usual) {
            _ if enterprise && device.is_some() => device.map_or(Statement::None, Statement::Basic),
            (Self::None, ..) => Statement::None,
            (Self::FidoU2f, Some(model), _) if speaks_u2f && algorithm == Algorithm::Es256 => {
                Statement::FidoU2f(model)
            }
            (_, Some(model), Attestation::Basic) => Statement::Basic(model),
            (Self::Default, _, Attestation::None) => Statement::None,
            _ => Statement::SelfSigned,
        }
    }
}

/// The kind of statement that is made.
pub(crate) enum Statement<'c> {
    SelfSigned,
    Basic(&'c dyn Attester),
    FidoU2f(&'c dyn Attester),
    None,
}

/// A statement and the key that signs it.
pub(crate) struct Signer<'c> {
    statement: Statement<'c>,
    pair: KeyPair,
}

/// The registration that a statement is about.
pub(crate) struct Registration<'a> {
    pub(crate) credential: &'a Credential,
    pub(crate) public: &'a PublicKey,
    pub(crate) auth_data: &'a [u8],
    pub(crate) client_data_hash: &'a [u8; 32],
    pub(crate) evidence: &'a Evidence,
}

/// `fmt` and `attStmt`.
pub(crate) struct Attested {
    pub(crate) format: &'static str,
    pub(crate) statement: MapWriter,
}

impl<'c> Statement<'c> {
    /// The AAGUID that goes into the authenticator data: a U2F statement has none (AT-06).
    pub(crate) const fn aaguid<'a>(&self, own: &'a [u8; 16]) -> &'a [u8; 16] {
        match self {
            Self::FidoU2f(_) => &[0; 16],
            _ => own,
        }
    }

    /// Ready to sign, with the credential's own key or the one that vouches for it. `None`: that is unusable.
    pub(crate) fn signer(self, own: KeyPair) -> Option<Signer<'c>> {
        let pair = match &self {
            Self::Basic(vouches) | Self::FidoU2f(vouches) => vouches.key()?.key.pair()?,
            Self::SelfSigned | Self::None => own,
        };
        Some(Signer { statement: self, pair })
    }
}

impl Signer<'_> {
    /// Signs. `None`: the arithmetic failed.
    pub(crate) fn attest(&self, what: &Registration<'_>) -> Option<Attested> {
        let signed = [what.auth_data, what.client_data_hash];
        match self.statement {
            Statement::SelfSigned => packed(&self.pair, &[], &signed, what.evidence),
            Statement::Basic(model) => {
                packed(&self.pair, &model.key()?.x5c, &signed, what.evidence)
            }
            Statement::FidoU2f(model) => fido_u2f(&self.pair, &model.key()?.x5c, what),
            Statement::None => Some(Attested::none()),
        }
    }

    /// The attestation object of a signing key, with numbered members (PS-05): the model's key vouches for it where it vouches for
    /// the credential, in the one format that can; nobody does otherwise. `None`: the arithmetic failed.
    pub(crate) fn attest_signing_key(
        &self,
        auth_data: &[u8],
        client_data_hash: &[u8; 32],
        evidence: &Evidence,
    ) -> Option<Vec<u8>> {
        let signed: [&[u8]; 2] = [auth_data, client_data_hash];
        let attested = match self.statement {
            Statement::Basic(model) => packed(&self.pair, &model.key()?.x5c, &signed, evidence)?,
            Statement::SelfSigned | Statement::FidoU2f(_) | Statement::None => Attested::none(),
        };
        Some(attested.object(auth_data))
    }
}

impl Attested {
    /// Nobody vouches.
    pub(crate) fn none() -> Self {
        Self { format: "none", statement: MapWriter::new() }
    }

    /// With the authenticator data it is about.
    pub(crate) fn object(self, auth_data: &[u8]) -> Vec<u8> {
        let mut object = MapWriter::new();
        object.put(0x01_u8, self.format).put(0x02_u8, Bytes(auth_data));
        object.put(0x03_u8, self.statement);
        to_vec(&object)
    }
}

fn packed(
    pair: &KeyPair,
    x5c: &[Vec<u8>],
    signed: &[&[u8]],
    evidence: &Evidence,
) -> Option<Attested> {
    let signature = pair.sign(signed, evidence)?;
    let mut statement = MapWriter::new();
    statement.put("alg", pair.algorithm.cose()).put("sig", Bytes(&signature));
    if !x5c.is_empty() {
        statement.put("x5c", Array(x5c.iter().map(|certificate| Bytes(certificate))));
    }
    Some(Attested { format: "packed", statement })
}

fn fido_u2f(pair: &KeyPair, x5c: &[Vec<u8>], what: &Registration<'_>) -> Option<Attested> {
    let credential = what.credential;
    let public = what.public.uncompressed()?;
    let signed: [&[u8]; 5] =
        [&[0], &credential.rp_id_hash, what.client_data_hash, &credential.id, &public];
    let signature = pair.sign(&signed, what.evidence)?;
    let mut statement = MapWriter::new();
    statement.put("sig", Bytes(&signature));
    statement.put("x5c", Array(x5c.iter().take(1).map(|certificate| Bytes(certificate))));
    Some(Attested { format: "fido-u2f", statement })
}
