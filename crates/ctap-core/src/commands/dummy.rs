//! Dummy registrations. Platforms send them only for the touch, when a key has no authenticatorSelection or does
//! not speak CTAP2. With them a person chooses one of several keys; or they hide for a while that the site knows
//! this key already.
//!
//! The credential made for a dummy registration is never used. No browser lets a site have such a name.

use crate::crypto::sha256;

/// RP ids that stand for no relying party: Chromium's and Firefox's.
const RP_IDS: [&str; 2] = [".dummy", "make.me.blink"];

/// Bytes that fill a whole application parameter instead of a hash: Chromium, WebKit; python-fido2; libfido2.
const FILLERS: [u8; 3] = [0x41, 0x00, 0xff];

/// libfido2 hashes this to find the key that is touched: an RP id and client data.
const LIBFIDO2: (&[u8], &[u8]) = (b"localhost", b"");

/// A makeCredential request for this RP id is a dummy, if its credential is not to be kept.
pub(crate) fn is_ctap2(rp_id: &str) -> bool {
    RP_IDS.contains(&rp_id)
}

/// A U2F registration with these parameters is a dummy.
pub(crate) fn is_u2f(challenge: &[u8; 32], application: &[u8; 32]) -> bool {
    let (rp_id, client_data) = LIBFIDO2;
    FILLERS.iter().any(|filler| *application == [*filler; 32])
        || RP_IDS.iter().any(|rp_id| *application == sha256(&[rp_id.as_bytes()]))
        || (*application == sha256(&[rp_id]) && *challenge == sha256(&[client_data]))
}
