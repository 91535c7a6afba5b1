//! Extensions, CTAP 2.3 section 12: one file for each, and the two places where commands use them. Unknown
//! extensions, and those that this authenticator does not have, are ignored (EX-01, EX-02).

pub(crate) mod assertion;
pub(crate) mod cred_blob;
pub(crate) mod cred_protect;
pub(crate) mod hmac_secret;
pub(crate) mod large_blob;
pub(crate) mod large_blob_key;
pub(crate) mod min_pin_length;
pub(crate) mod preview_sign;
pub(crate) mod registration;
pub(crate) mod uvm;

use alloc::vec::Vec;

use crate::config::Config;

/// The names in getInfo 0x02, each once (EX-09).
pub(crate) fn names(config: &Config) -> Vec<&'static str> {
    let extensions = &config.extensions;
    [
        ("credBlob", extensions.cred_blob.is_some()),
        ("credProtect", extensions.cred_protect),
        ("hmac-secret", extensions.hmac_secret),
        ("hmac-secret-mc", extensions.hmac_secret_mc),
        ("largeBlob", extensions.large_blob.is_some()),
        ("largeBlobKey", config.large_blobs.is_some()),
        ("minPinLength", config.has_min_pin_length()),
        ("pinComplexityPolicy", extensions.pin_complexity_policy),
        (preview_sign::NAME, extensions.preview_sign),
        ("thirdPartyPayment", extensions.third_party_payment),
        ("uvm", extensions.uvm.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, offered)| offered.then_some(name))
    .collect()
}
