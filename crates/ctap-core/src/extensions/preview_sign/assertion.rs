//! previewSign in getAssertion (PS-10 to PS-18): a signing key of the credential signs data of the relying party.

use alloc::vec::Vec;

use super::key::SigningKey;
use super::{ARGUMENTS, KEY_HANDLE, SIGNED};
use crate::cbor::{Bytes, Map, MapWriter};
use crate::consent::Evidence;
use crate::credential::Credential;
use crate::credential_id::SealingKeys;
use crate::status::Status;

/// The input as it came (PS-10).
#[derive(Debug)]
pub(crate) struct Input {
    key_handle: Vec<u8>,
    to_be_signed: Vec<u8>,
    /// COSE_Sign_Args, encoded.
    arguments: Option<Vec<u8>>,
}

impl Input {
    /// Wrong types outrank what is absent (MSG-44).
    pub(crate) fn parse(map: Map<'_>) -> Result<Self, Status> {
        let (mut key_handle, mut to_be_signed, mut arguments) = (None, None, None);
        for (label, value) in map.by_number() {
            match i32::try_from(label) {
                Ok(KEY_HANDLE) => key_handle = Some(value.bytes()?),
                Ok(SIGNED) => to_be_signed = Some(value.bytes()?),
                Ok(ARGUMENTS) => arguments = Some(value.bytes()?),
                _ => {}
            }
        }
        let (Some(key_handle), Some(to_be_signed)) = (key_handle, to_be_signed) else {
            return Err(Status::InvalidOption); // PS-13
        };
        Ok(Self {
            key_handle: key_handle.to_vec(),
            to_be_signed: to_be_signed.to_vec(),
            arguments: arguments.map(<[u8]>::to_vec),
        })
    }

    /// Signs with a key of this credential. What the user did for the credential is what they did for its key (PS-14 to PS-16).
    pub(crate) fn sign(
        &self,
        credential: &Credential,
        keys: &SealingKeys,
        evidence: &Evidence,
    ) -> Result<Vec<u8>, Status> {
        let key = SigningKey::open(&self.key_handle, credential, keys);
        let key = key.ok_or(Status::InvalidCredential)?; // PS-17
        key.sign(&self.to_be_signed, self.arguments.as_deref(), evidence)
    }
}

/// The signed output (PS-11).
pub(crate) fn output(signature: &[u8]) -> MapWriter {
    let mut output = MapWriter::new();
    output.put(SIGNED, Bytes(signature));
    output
}
