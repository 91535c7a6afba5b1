//! credBlob, CTAP 2.3 section 12.2 (EX-50 to EX-55): a few bytes that are stored with a discoverable credential.

use alloc::vec::Vec;

use crate::cbor::Item;
use crate::credential::Credential;
use crate::status::Status;

/// The input of makeCredential: what to do with its blob.
#[derive(Debug)]
pub(crate) enum Input {
    /// Store it; the output is true.
    Fits(Vec<u8>),
    /// Store nothing; the output is false, and the credential is made all the same.
    TooLong,
}

impl Input {
    pub(crate) fn parse(value: Item<'_>, longest: usize) -> Result<Self, Status> {
        let blob = value.bytes()?;
        Ok(if blob.len() <= longest { Self::Fits(blob.to_vec()) } else { Self::TooLong })
    }

    /// Only a discoverable credential has a place for it (EX-52).
    pub(crate) fn stored(&self, rk: bool) -> Option<&[u8]> {
        match self {
            Self::Fits(blob) if rk => Some(blob),
            _ => None,
        }
    }
}

/// The blob of a credential; empty if it has none (EX-54).
pub(crate) fn output(credential: &Credential) -> &[u8] {
    let account = credential.account.as_ref();
    account.and_then(|account| account.cred_blob.as_deref()).unwrap_or_default()
}
