//! Checks whether the settings of a profile fit together, as far as that is possible before a `Config` is made.

use std::ops::RangeInclusive;

use ctap_core::config::{Contradiction, Member};

use super::Description;
use super::words::{
    ConfigCommand, ExtensionName, KeyProtection, MultiDeviceCredentialSupport, protocol,
};

impl Description {
    /// Whether the settings fit together.
    ///
    /// # Errors
    /// The first [`Contradiction`].
    pub(in crate::profile) fn check(&self) -> Result<(), Contradiction> {
        self.can_be()?;
        match self.imitates {
            Some(_) => Ok(()),
            None => self.contradictions().into_iter().next().map_or(Ok(()), Err),
        }
    }

    /// The combinations that the standard does not allow.
    pub(in crate::profile) fn contradictions(&self) -> Vec<Contradiction> {
        let broken = self.claims().into_iter().filter(|(broken, ..)| *broken);
        let broken = broken.map(|(_, rule, what)| Contradiction { what: what.into(), rule });
        broken.chain(self.vouched_by_stand_ins().contradictions()).collect()
    }

    /// Whether there can be such a key, contradictions or not.
    fn can_be(&self) -> Result<(), Contradiction> {
        match self.rules().into_iter().find(|(broken, ..)| *broken) {
            Some((_, rule, what)) => Err(Contradiction { what: what.into(), rule }),
            None => self.vouched_by_stand_ins().can_be(),
        }
    }

    /// Contradictions that [`contradictions`](ctap_core::Config::contradictions) of a `Config` cannot find, because
    /// a `Config` cannot express them.
    fn claims(&self) -> [(bool, &'static str, &'static str); 9] {
        let told = self.announced();
        let tells_u2f = match told.members.get(&VERSIONS) {
            Some(Some(Member::Names(versions))) => versions.iter().any(|one| one == "U2F_V2"),
            _ => false,
        };
        let tells_unverified = told.options.get("makeCredUvNotRqd") == Some(&Some(true));
        let only = |extension, offered: bool| self.extensions.contains(&extension) && !offered;
        [
            (
                self.options.always_uv && !self.has(ConfigCommand::ToggleAlwaysUv),
                "GI-78",
                "alwaysUv needs the configuration command toggleAlwaysUv",
            ),
            (
                self.options.always_uv && tells_u2f,
                "GI-102",
                "U2F_V2 is announced although alwaysUv is on as shipped",
            ),
            (
                self.options.always_uv && tells_unverified,
                "GI-74",
                "makeCredUvNotRqd is announced although alwaysUv is on as shipped",
            ),
            (
                only(ExtensionName::LargeBlobKey, self.options.large_blobs),
                "GI-81",
                "the extension largeBlobKey needs largeBlobs",
            ),
            (
                only(ExtensionName::MinPinLength, self.has(ConfigCommand::SetMinPinLength)),
                "GI-84",
                "the extension minPinLength needs the configuration command setMinPINLength",
            ),
            (
                self.extensions.contains(&ExtensionName::LargeBlob)
                    && self.max_large_blob_length < MIN_LARGE_BLOB,
                "EX-76",
                "maxLargeBlobLength is at least 64 bytes, or hardly any blob could be written",
            ),
            (
                !goes_together(&self.key_protection),
                "AT-61",
                "keyProtection software excludes hardware, tee and secure_element, and these two need hardware",
            ),
            (
                self.credentials.sign_count_start == u32::MAX,
                "GA-31",
                "signCountStart is less than 4294967295, because the first signature says one more",
            ),
            (
                self.credentials.backup_eligibility
                    && self.credentials.multi_device_credential_support
                        == MultiDeviceCredentialSupport::Unsupported,
                "AT-67",
                "backupEligibility needs multiDeviceCredentialSupport explicit or implicit",
            ),
        ]
    }

    /// Rules that [`can_be`](ctap_core::Config::can_be) cannot check for the same reason.
    fn rules(&self) -> [(bool, &'static str, &'static str); 8] {
        let all_protocols =
            self.pin_uv_auth_protocols.iter().all(|number| protocol(*number).is_some());
        [
            (
                !(1..=63).contains(&self.description.len()) || !self.description.is_ascii(),
                "AT-51",
                "the description is 1 to 63 ASCII characters",
            ),
            (
                self.key_protection.is_empty() || self.matcher_protection.is_empty(),
                "EX-96",
                "keyProtection and matcherProtection have at least one word",
            ),
            (self.vendor_id == 0, "HD-94", "the vendorId is not 0, which some hosts refuse"),
            (
                !self.shipped.fingers.is_empty() && !self.options.has_sensor(),
                "BE-21",
                "shipped fingers need a sensor: uv, bioEnroll or userVerificationMgmtPreview",
            ),
            (
                self.shipped.fingers.iter().any(|finger| !FINGERS.contains(finger)),
                "BE-21",
                "shipped fingers are numbers from 1 to 10",
            ),
            (!all_protocols, "GI-15", "the PIN/UV auth protocols are 1 and 2"),
            (
                self.capacity > MAX_CAPACITY || (self.options.rk && self.capacity == 0),
                "GI-29",
                "the capacity is 1 to 100000, and without discoverable credentials rk is false",
            ),
            (
                self.options.large_blobs && self.max_serialized_large_blob_array > MAX_LARGE_BLOBS,
                "LB-02",
                "maxSerializedLargeBlobArray is at most 65536",
            ),
        ]
    }
}

/// Keys are in software, or in hardware, which may be a secure element or have a trusted environment.
fn goes_together(words: &[KeyProtection]) -> bool {
    use KeyProtection::{Hardware, SecureElement, Software, Tee};
    let has = |word| words.contains(&word);
    let is_harder = has(Tee) || has(SecureElement);
    !(has(Software) && (has(Hardware) || is_harder)) && (!is_harder || has(Hardware))
}

/// The fingers of a person, by number.
const FINGERS: RangeInclusive<u8> = 1..=10;

/// The number of the member in getInfo (GI-10).
const VERSIONS: u8 = 0x01;

/// The largest capacity: as many as `ctap-core` takes ([`ctap_core::limits::MAX_CAPACITY`]).
pub const MAX_CAPACITY: u32 = 100_000;

/// As much as the conformance suite writes.
const MIN_LARGE_BLOB: usize = 64;

/// More than any client was seen to write.
const MAX_LARGE_BLOBS: usize = 65536;
