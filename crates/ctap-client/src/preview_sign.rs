//! previewSign, version 4 of its draft: the platform's side (PS-01 to PS-22). A registration makes a signing key
//! beside the credential. A sign-in with the credential signs with it.

use crate::arkg::PublicSeed;
use crate::attestation::{self, Attestation, VerifyFault};
use crate::auth_data::AuthData;
use crate::cbor::{MapBuilder, Value, encode};
use crate::cose::PublicKey;
use crate::error::ReplyFault;
use crate::fields::{Fields, FromCbor as _};
use crate::make_credential::Reply;

/// The extension's name.
pub const PREVIEW_SIGN: &str = "previewSign";

/// The COSE number of ESP256-split, as requested from IANA. The data to sign is already a SHA-256.
pub const ESP256_SPLIT: i64 = -300;
/// An older placeholder for it.
pub const ESP256_SPLIT_PLACEHOLDER: i64 = -70009;

/// What a signing key demands before it signs (PS-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Demands {
    /// Nothing: it signs without a person.
    Nothing = 0,
    /// A touch.
    Presence = 1,
    /// A touch by a verified user.
    Verification = 5,
}

/// The input of makeCredential. It asks for a signing key with the first of these algorithms that the key knows
/// (PS-01).
#[must_use]
pub fn generate_key(algorithms: &[i64], demands: Demands) -> Value {
    let algorithms = algorithms.iter().copied().map(Value::from);
    MapBuilder::new().member(3, algorithms.collect::<Vec<_>>()).member(4, demands as u8).build()
}

/// The input of getAssertion: sign `to_be_signed` with the signing key of that handle (PS-10). For an algorithm
/// with *split* in its name, give the SHA-256 instead. `arguments`: COSE_Sign_Args, such as
/// [`Derived::arguments`](crate::arkg::Derived::arguments).
#[must_use]
pub fn sign(key_handle: &[u8], to_be_signed: &[u8], arguments: Option<&Value>) -> Value {
    MapBuilder::new()
        .member(2, key_handle)
        .member(6, to_be_signed)
        .optional(7, arguments.map(encode))
        .build()
}

/// The output of getAssertion: a signature in DER (PS-11).
///
/// # Errors
/// [`ReplyFault`] if it is missing or is not such a map; the key's fault.
pub fn signature(auth_data: &AuthData) -> Result<Vec<u8>, ReplyFault> {
    output(auth_data)?.require(6, PREVIEW_SIGN)
}

/// A signing key that was made beside a credential.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedKey {
    /// The algorithm that it signs with, by its COSE number.
    pub algorithm: i64,
    /// What it demands before it signs: 0, 1 or 5 ([`Demands`]).
    pub flags: u64,
    /// Names it in later requests. It works only with the credential that it was made with.
    pub key_handle: Vec<u8>,
    /// Verifies its signatures. If it is a seed, verify with a key that is derived from it.
    pub public_key: PublicKey,
    /// The same as a COSE_Key.
    pub cose_key: Value,
    /// The attestation of the signing key.
    pub attestation: Attestation,
}

impl GeneratedKey {
    /// Reads and verifies the outputs of makeCredential (PS-04, PS-05).
    ///
    /// The caller decides whether to trust the certificates in the attestation.
    ///
    /// # Errors
    /// [`VerifyFault`]: an output is missing or wrong, is about another key than the credential's, or its
    /// attestation is not right; the key's fault.
    pub fn read(reply: &Reply, client_data_hash: &[u8]) -> Result<Self, VerifyFault> {
        const ATTESTED: &str = "the attestation object of previewSign";
        let algorithm = output(&reply.auth_data)?.require(3, PREVIEW_SIGN)?;
        let unsigned = reply.unsigned_extension_outputs.iter().flatten();
        let unsigned = { unsigned }.find(|(name, _)| name == PREVIEW_SIGN);
        let (_, unsigned) = unsigned.ok_or(ReplyFault::Missing(ATTESTED))?;
        let object: Vec<u8> =
            Fields::from_cbor(unsigned.clone(), ATTESTED)?.require(7, ATTESTED)?;
        let made = Reply::parse(&object, true)?; // the members have the numbers of a reply
        if !is_beside(&made.auth_data, &reply.auth_data) {
            return Err(ReplyFault::BadValue(ATTESTED).into());
        }
        let flags = output(&made.auth_data)?.require(4, PREVIEW_SIGN)?;
        let attestation =
            attestation::verify(&made.fmt, &made.att_stmt, &made.auth_data, client_data_hash)?;
        let key = made.auth_data.attested.ok_or(VerifyFault::NoCredential)?;
        Ok(Self {
            algorithm,
            flags,
            key_handle: key.credential_id,
            public_key: key.public_key,
            cose_key: key.cose_key,
            attestation,
        })
    }

    /// The seed that public keys are derived from, for a key with
    /// [`ESP256_SPLIT_ARKG`](crate::arkg::ESP256_SPLIT_ARKG).
    ///
    /// # Errors
    /// [`ReplyFault`] if the public key is not a seed: the key's fault, or the fault of a caller who made a key
    /// with another algorithm.
    pub fn seed(&self) -> Result<PublicSeed, ReplyFault> {
        PublicSeed::from_cbor(self.cose_key.clone(), "the ARKG seed")
    }
}

/// The authenticator data of a signing key says the same as that of its credential, where it must, and another id (PS-05).
fn is_beside(key: &AuthData, credential: &AuthData) -> bool {
    let (Some(made), Some(of)) = (&key.attested, &credential.attested) else { return false };
    key.rp_id_hash == credential.rp_id_hash
        && key.flags == credential.flags
        && key.sign_count == 0
        && made.aaguid == of.aaguid
        && made.credential_id != of.credential_id
}

/// The signed output.
fn output(auth_data: &AuthData) -> Result<Fields, ReplyFault> {
    let output = auth_data.extension(PREVIEW_SIGN).ok_or(ReplyFault::Missing(PREVIEW_SIGN))?;
    Fields::from_cbor(output.clone(), PREVIEW_SIGN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::hex;

    #[test]
    fn inputs_are_those_of_the_draft() {
        let made = generate_key(&[ESP256_SPLIT, -9], Demands::Verification);
        assert_eq!(encode(&made), hex("a2038239012b280405")); // PS-01
        let arguments = MapBuilder::new().member(3, -9).build();
        let signed = sign(&[1], &[2], Some(&arguments));
        assert_eq!(encode(&signed), hex("a30241010641020743a10328")); // PS-10
        assert_eq!(encode(&sign(&[1], &[2], None)), hex("a2024101064102"));
    }

    #[test]
    fn a_signature_is_in_the_signed_output_and_nowhere_else() {
        let auth_data = |outputs: &str| {
            AuthData::parse([vec![0; 32], hex("8100000001"), hex(outputs)].concat()).unwrap()
        };
        let signed = auth_data("a16b707265766965775369676ea1064101");
        assert_eq!(signature(&signed), Ok(vec![1])); // PS-11
        let without = auth_data("a16b707265766965775369676ea1034101");
        assert_eq!(signature(&without), Err(ReplyFault::Missing(PREVIEW_SIGN)));
        let other = auth_data("a16b707265766965775369676fa1064101");
        assert_eq!(signature(&other), Err(ReplyFault::Missing(PREVIEW_SIGN)));
    }
}
