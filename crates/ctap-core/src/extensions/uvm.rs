//! uvm, WebAuthn Level 2 section 10.3: the methods by which the user was verified (EX-95 to EX-97). CTAP 2.1
//! removed it; some models announce it.

use crate::cbor::{Array, Encode};
use crate::config::Protection;
use crate::consent::Evidence;

/// A touch, by its number in FIDO's registry of predefined values (EX-96).
const PRESENCE_INTERNAL: u32 = 0x1;
/// Neither a touch nor a verification.
const NONE: u32 = 0x200;

/// One to three methods, each with its protection. One of them can be a verification and one a touch (EX-97).
pub(crate) fn output(protection: Protection, evidence: &Evidence) -> impl Encode + use<> {
    let Protection { keys, matcher } = protection;
    let verified = evidence.method().map(|method| method as u32);
    let present = evidence.present().then_some(PRESENCE_INTERNAL);
    let nothing = verified.or(present).is_none().then_some(NONE);
    let methods = [verified, present, nothing].into_iter().flatten();
    Array(methods.map(move |method| Array([method, keys, matcher].into_iter())))
}
