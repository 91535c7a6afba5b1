//! Attestation statements, WebAuthn section 8 (AT-01 to AT-07).

use alloc::vec::Vec;

use crate::algorithm::PrivateKey;
use crate::cbor::{Array, Bytes, MapWriter};
use crate::consent::Evidence;

/// How an authenticator vouches for the credentials it makes.
#[derive(Debug)]
#[non_exhaustive]
pub enum Attestation {
    /// Format `packed`, signed with the credential's own key (AT-03).
    SelfSigned,
    /// Format `packed`, signed with the model's key and backed by its certificates (AT-02).
    Basic(AttestationKey),
    /// Format `none`: not at all (AT-05).
    None,
}

/// The key of a whole model, and the chain that says so.
#[derive(Debug)]
pub struct AttestationKey {
    /// Signs for every credential.
    pub key: PrivateKey,
    /// DER certificates, the key's own first, the root left out (AT-04).
    pub x5c: Vec<Vec<u8>>,
}

/// A statement about one new credential: `fmt` and `attStmt`.
pub(crate) struct Statement {
    pub(crate) format: &'static str,
    pub(crate) statement: MapWriter,
}

impl Attestation {
    /// Vouches for `credential_key`. `signed`: authenticator data and client data hash (AT-02). `None`: a key is unusable.
    pub(crate) fn attest(
        &self,
        credential_key: &PrivateKey,
        signed: &[&[u8]],
        evidence: &Evidence,
    ) -> Option<Statement> {
        match self {
            Self::SelfSigned => packed(credential_key, &[], signed, evidence),
            Self::Basic(model) => packed(&model.key, &model.x5c, signed, evidence),
            Self::None => Some(Statement::none()),
        }
    }
}

impl Statement {
    /// The empty statement.
    pub(crate) fn none() -> Self {
        Self { format: "none", statement: MapWriter::new() }
    }
}

fn packed(
    key: &PrivateKey,
    x5c: &[Vec<u8>],
    signed: &[&[u8]],
    evidence: &Evidence,
) -> Option<Statement> {
    let signature = key.sign(signed, evidence)?;
    let mut statement = MapWriter::new();
    statement.put("alg", key.algorithm.cose()).put("sig", Bytes(&signature));
    if !x5c.is_empty() {
        statement.put("x5c", Array(x5c.iter().map(|certificate| Bytes(certificate))));
    }
    Some(Statement { format: "packed", statement })
}
