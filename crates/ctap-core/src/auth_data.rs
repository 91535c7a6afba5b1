//! Authenticator data, WebAuthn section 6.1 (MC-70 to MC-76, GA-30).

use alloc::vec::Vec;

use crate::cbor::{MapWriter, to_vec};
use crate::consent::Evidence;
use crate::credential::Backup;

const UP: u8 = 0x01;
const UV: u8 = 0x04;
const BE: u8 = 0x08;
const BS: u8 = 0x10;
const AT: u8 = 0x40;
const ED: u8 = 0x80;

/// The data that the signature covers.
pub(crate) struct AuthData<'a> {
    pub(crate) rp_id_hash: &'a [u8; 32],
    pub(crate) evidence: &'a Evidence,
    pub(crate) backup: Backup,
    pub(crate) sign_count: u32,
    /// Only when a credential was made.
    pub(crate) attested: Option<AttestedCredential<'a>>,
    pub(crate) extensions: MapWriter,
}

/// Attested credential data (MC-72).
pub(crate) struct AttestedCredential<'a> {
    pub(crate) aaguid: &'a [u8; 16],
    /// At most [`MAX_CREDENTIAL_ID`](crate::limits::MAX_CREDENTIAL_ID) bytes.
    pub(crate) id: &'a [u8],
    /// A COSE_Key.
    pub(crate) public_key: &'a [u8],
}

impl AuthData<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(self.rp_id_hash);
        out.push(self.flags());
        out.extend_from_slice(&self.sign_count.to_be_bytes());
        if let Some(attested) = &self.attested {
            attested.encode(&mut out);
        }
        if !self.extensions.is_empty() {
            out.extend(to_vec(&self.extensions));
        }
        out
    }

    /// BE and BS are the credential's: 0, unless it was made or brought to be otherwise (MC-76). ED only with an output (EX-04).
    fn flags(&self) -> u8 {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        bit(self.evidence.up_bit(), UP)
            | bit(self.evidence.uv_bit(), UV)
            | bit(self.backup.eligible, BE)
            | bit(self.backup.state, BS)
            | bit(self.attested.is_some(), AT)
            | bit(!self.extensions.is_empty(), ED)
    }
}

impl AttestedCredential<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        let length = u16::try_from(self.id.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(self.aaguid);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(self.id);
        out.extend_from_slice(self.public_key);
    }
}
