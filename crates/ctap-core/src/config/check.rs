//! Checks a configuration: the rules between its features, and the message for each rule that is broken.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::{Deref, RangeInclusive};

use super::longest::longest_answer;
use super::{Config, Extensions, FingerprintSensor, PinLength, SignCount, Version};
use crate::algorithm::Algorithm;
use crate::attestation::{Attestation, is_possible};
use crate::commands::client_pin::is_simple;
use crate::limits::{
    MAX_ANNOUNCED, MAX_BLOBS, MAX_CAPACITY, MAX_CREDENTIALS_IN_LIST, MAX_FINGERPRINTS,
    MAX_FOREIGN_CREDENTIAL_ID, MAX_LARGE_BLOBS, MAX_MESSAGE, MAX_PIN_BYTES, MAX_PIN_CODE_POINTS,
    MAX_SAMPLES, MIN_ANY_MESSAGE, MIN_CREDENTIAL_ID, MIN_LONGEST_PIN, MIN_MESSAGE,
    MIN_PIN_CODE_POINTS,
};
use crate::pin::Protocol;
use crate::transport::Transport;

/// A [`Config`] whose features fit together. Authenticators are made from it. Its default is the checked default
/// [`Config`].
#[derive(Debug, Default)]
pub struct CheckedConfig(Config);

impl CheckedConfig {
    /// The configuration, so that it can be changed and checked again.
    #[must_use]
    pub fn into_config(self) -> Config {
        self.0
    }
}

impl Deref for CheckedConfig {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.0
    }
}

/// Settings that contradict each other, and the rule that says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} ({rule})")]
pub struct Contradiction {
    /// What is wrong and what would be right, with the standard's names.
    pub what: Cow<'static, str>,
    /// The rule that is broken.
    pub rule: &'static str,
}

impl Config {
    /// Checks that the features fit together.
    ///
    /// # Errors
    /// The first [`Contradiction`]: the fault of the one who wrote the configuration.
    pub fn checked(self) -> Result<CheckedConfig, Contradiction> {
        self.check().map(|()| CheckedConfig(self))
    }

    /// Checks whether the features fit together.
    ///
    /// # Errors
    /// As [`checked`](Self::checked).
    pub fn check(&self) -> Result<(), Contradiction> {
        self.can_be()?;
        self.contradictions().into_iter().next().map_or(Ok(()), Err)
    }

    /// Checks that such a key is possible, even if it contradicts the standard. It is for imitations of models that
    /// do.
    ///
    /// # Errors
    /// The first reason why such a key is not possible; as [`checked`](Self::checked).
    pub fn checked_as_imitation(self) -> Result<CheckedConfig, Contradiction> {
        self.can_be().map(|()| CheckedConfig(self))
    }

    /// The combinations that the standard does not allow, but that an imitation may have, because real models do.
    #[must_use]
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let claims = self.claims_rules().into_iter().chain(self.verification_rules());
        let told = self.extension_rules().into_iter().chain(self.told_rules());
        let broken = claims.chain(told).filter(|(broken, _)| *broken);
        broken.map(|(_, contradiction)| contradiction).chain(self.answers_fit().err()).collect()
    }

    /// Whether such a key is possible, even if it contradicts the standard.
    ///
    /// # Errors
    /// As [`checked_as_imitation`](Self::checked_as_imitation).
    pub fn can_be(&self) -> Result<(), Contradiction> {
        let limits = self.limit_rules().into_iter().chain(self.attestation_rules());
        let mut rules = limits.chain(self.credential_rules()).chain(self.shipped_rules());
        match rules.find(|(broken, _)| *broken) {
            Some((_, contradiction)) => Err(contradiction),
            None => self.algorithms_are_built_in(),
        }
    }

    /// This build can sign with the algorithms of credentials and certificates.
    fn algorithms_are_built_in(&self) -> Result<(), Contradiction> {
        let enterprise = self.authenticator_config.enterprise_attestation.as_ref();
        let keys = [self.attestation_key.as_ref(), enterprise.map(|device| &device.key)];
        let of_keys = keys.into_iter().flatten().map(|key| key.algorithm());
        let mut wanted = self.algorithms.iter().copied().chain(of_keys);
        match wanted.find(|algorithm| !algorithm.is_built_in()) {
            None => Ok(()),
            Some(missing) => Err(not_built_in(missing)),
        }
    }

    /// Every answer fits into maxMsgSize, as announced.
    fn answers_fit(&self) -> Result<(), Contradiction> {
        let longest = longest_answer(self);
        if longest <= self.max_msg_size {
            return Ok(());
        }
        let what = format!(
            "maxMsgSize must be at least {longest}, because an answer can be as long as that"
        );
        Err(Contradiction { what: what.into(), rule: "MSG-60" })
    }

    /// The demands of the announced versions.
    fn claims_rules(&self) -> [(bool, Contradiction); 9] {
        let modern = self.is_later_than_20();
        let rk_modern = modern && self.rk();
        let with_uv = modern && self.verifies();
        let enrolls_by_preview =
            self.fingerprints.as_ref().is_some_and(|sensor| sensor.bio_enroll_preview);
        let has_preview = self.credential_mgmt_preview || enrolls_by_preview;
        [
            rule(
                !self.is_more_than_20() && self.has_later_than_20(),
                "GI-105",
                "FIDO_2_0 alone has no commands, options and extensions of later versions",
            ),
            rule(
                self.claims(Version::Fido23)
                    && !(self.claims(Version::Fido21) && self.claims(Version::Fido20)),
                "GI-101",
                "FIDO_2_3 needs FIDO_2_1 and FIDO_2_0 beside it",
            ),
            rule(
                has_preview && !self.claims(Version::Fido21Pre),
                "GI-66",
                "credentialMgmtPreview and userVerificationMgmtPreview need FIDO_2_1_PRE",
            ),
            rule(
                self.claims(Version::Fido21Pre) && !has_preview,
                "GI-103",
                "FIDO_2_1_PRE needs credentialMgmtPreview or userVerificationMgmtPreview",
            ),
            // hmac-secret-mc is later than CTAP 2.0, so this and GI-105 cover GI-83 too.
            rule(
                modern && !self.extensions.hmac_secret,
                "GI-110",
                "FIDO_2_1 and later need the extension hmac-secret",
            ),
            rule(
                rk_modern && !self.verifies(),
                "GI-111",
                "FIDO_2_1 and later with discoverable credentials need clientPin or bioEnroll",
            ),
            rule(
                rk_modern && !self.credential_management,
                "GI-112",
                "FIDO_2_1 and later with discoverable credentials need credMgmt",
            ),
            rule(
                with_uv && !self.extensions.cred_protect,
                "GI-113",
                "FIDO_2_1 and later with user verification need the extension credProtect",
            ),
            rule(
                with_uv && !self.pin_uv_auth_protocols.contains(&Protocol::Two),
                "GI-115",
                "FIDO_2_1 and later with user verification need PIN/UV auth protocol 2",
            ),
        ]
    }

    /// The demands of user verification, tokens and their commands.
    fn verification_rules(&self) -> [(bool, Contradiction); 9] {
        let commands = &self.authenticator_config;
        let no_rp_ids = commands.min_pin_length_rp_ids.is_none();
        let modern = self.is_later_than_20();
        [
            rule(
                (self.client_pin || (self.is_more_than_20() && self.verifies()))
                    && self.pin_uv_auth_protocols.is_empty(),
                "GI-85",
                "user verification needs a PIN/UV auth protocol",
            ),
            rule(
                self.extensions.hmac_secret && self.pin_uv_auth_protocols.is_empty(),
                "EX-32",
                "the extension hmac-secret needs a PIN/UV auth protocol, with a PIN or without",
            ),
            rule(
                self.no_mc_ga_permissions_with_client_pin && !self.client_pin,
                "GI-71",
                "noMcGaPermissionsWithClientPin needs clientPin",
            ),
            rule(
                self.per_cred_mgmt_ro && !(modern && self.credential_management && self.verifies()),
                "GI-86",
                "perCredMgmtRO needs credMgmt, user verification, and FIDO_2_1 or later for its token",
            ),
            rule(
                (!no_rp_ids && !self.client_pin)
                    || (self.extensions.pin_complexity_policy && no_rp_ids),
                "GI-76",
                "setMinPINLength needs clientPin, and the extension pinComplexityPolicy needs setMinPINLength",
            ),
            rule(
                self.pin_complexity_policy && !self.client_pin,
                "GI-36",
                "the policy pinComplexityPolicy needs clientPin",
            ),
            rule(
                self.enrolls_fingers() && !self.client_pin,
                "BE-31",
                "a fingerprint sensor needs clientPin: only a PIN can authorise enrolling the first finger",
            ),
            rule(
                self.manages_credentials() && !self.verifies(),
                "CM-02",
                "credMgmt needs clientPin: it answers only requests with a token",
            ),
            rule(
                commands.always_uv == Some(true) && !self.verifies_for_mc_ga(),
                "MC-15",
                "alwaysUv as shipped needs clientPin without noMcGaPermissionsWithClientPin, or a sensor",
            ),
        ]
    }

    /// The demands of extensions, on commands and on each other.
    fn extension_rules(&self) -> [(bool, Contradiction); 2] {
        let ext = &self.extensions;
        [
            rule(
                self.large_blobs.is_some() && !self.rk(),
                "GI-80",
                "largeBlobs needs discoverable credentials",
            ),
            rule(
                ext.cred_blob.is_some_and(|size| size < 32)
                    || (ext.cred_blob.is_some() && !ext.cred_protect),
                "GI-82",
                "the extension credBlob needs credProtect and a maxCredBlobLength of at least 32 bytes",
            ),
        ]
    }

    /// The limits: without these there can be no such key.
    fn limit_rules(&self) -> [(bool, Contradiction); 12] {
        let ext = &self.extensions;
        let blobs = ext.cred_blob.unwrap_or(0).saturating_add(ext.large_blob.unwrap_or(0));
        [
            rule(self.versions.is_empty() && !self.u2f, "GI-10", "a key needs a version to speak"),
            rule(self.algorithms.is_empty(), "GI-19", "a key needs an algorithm to sign with"),
            rule(
                self.fingerprints.as_ref().is_some_and(|sensor| !sensor.is_possible()),
                "BE-21",
                "a sensor needs a maxTemplates of 1 to 88, a maxCaptureSamplesRequiredForEnroll of 2 to 64, and a preferredPlatformUvAttempts that is not 0",
            ),
            rule(
                self.large_blobs.is_some_and(|size| !(1024..=MAX_LARGE_BLOBS).contains(&size)),
                "LB-02",
                "largeBlobs needs a maxSerializedLargeBlobArray of 1024 to 1048576 bytes",
            ),
            rule(
                self.large_blobs.is_some() && ext.large_blob.is_some(),
                "EX-70",
                "largeBlobs and the extension largeBlob exclude each other",
            ),
            rule(
                blobs > MAX_BLOBS,
                "MSG-61",
                "credBlob and largeBlob may have at most 3072 bytes together",
            ),
            rule(
                self.announced.length() > MAX_ANNOUNCED,
                "MSG-61",
                "the members that are added to getInfo may have at most 4096 bytes",
            ),
            rule(
                !(1..=MAX_CREDENTIALS_IN_LIST).contains(&self.max_credentials_in_list),
                "MSG-63",
                "maxCredentialCountInList must be between 1 and 512",
            ),
            rule(
                self.credential_id_length.is_some_and(|length| !ID_LENGTHS.contains(&length)),
                "MC-75",
                "a credential's id has 16 to 1023 bytes",
            ),
            rule(
                !self.pin_length.is_possible(),
                "CP-20",
                "minPINLength must be between 4 and maxPINLength, and that between 8 and 63",
            ),
            rule(self.capacity > MAX_CAPACITY, "GI-29", "the capacity is 100000 at the most"),
            rule(
                !(MIN_ANY_MESSAGE..=MAX_MESSAGE).contains(&self.max_msg_size),
                "MSG-60",
                "maxMsgSize must be between 1024 and 7609, or 510 in an imitation",
            ),
        ]
    }

    /// Who vouches where somebody must, and with what.
    fn attestation_rules(&self) -> [(bool, Contradiction); 3] {
        let enterprise = self.authenticator_config.enterprise_attestation.as_ref();
        let keys = [self.attestation_key.as_ref(), enterprise.map(|device| &device.key)];
        let needs_key = self.u2f || matches!(self.attestation, Attestation::Basic);
        let model = self.attestation_key.as_ref().map(|model| model.algorithm());
        [
            rule(
                needs_key && model.is_none(),
                "UF-61",
                "U2F and basic attestation need an attestation key",
            ),
            rule(
                self.u2f && model != Some(Algorithm::Es256),
                "UF-24",
                "U2F needs an ES256 attestation key",
            ),
            rule(
                keys.into_iter().flatten().any(|key| !is_possible(&**key)),
                "AT-04",
                "an attestation key needs 1 to 4096 bytes of certificates, and is not of ML-DSA",
            ),
        ]
    }

    /// The demands of the lists and numbers of getInfo.
    fn told_rules(&self) -> [(bool, Contradiction); 6] {
        [
            rule(
                !self.is_more_than_20()
                    && !self.versions.is_empty()
                    && !self.algorithms.contains(&Algorithm::Es256),
                "GI-19",
                "a key of FIDO_2_0 alone lists no algorithms, and platforms take it for granted that it has ES256",
            ),
            rule(
                self.max_msg_size < MIN_MESSAGE,
                "MSG-60",
                "maxMsgSize must be between 1024 and 7609",
            ),
            rule(
                is_any_twice(&self.versions)
                    || is_any_twice(&self.algorithms)
                    || is_any_twice(&self.pin_uv_auth_protocols),
                "GI-19",
                "versions, algorithms and PIN/UV auth protocols may be listed only once each",
            ),
            rule(
                self.transports.is_empty() || is_any_twice(&self.transports),
                "GI-18",
                "a key needs a transport, and lists each once",
            ),
            rule(
                self.transports_for_reset.as_ref().is_some_and(|list| !self.can_reset_over(list)),
                "GI-35",
                "transportsForReset are one or more of the transports, listed once each",
            ),
            rule(self.firmware_version == 0, "GI-23", "firmwareVersion is not 0"),
        ]
    }

    /// The demands of the state of new keys.
    fn shipped_rules(&self) -> [(bool, Contradiction); 4] {
        let shipped = &self.shipped;
        let fits = |pin: &String| {
            let lengths = usize::from(self.pin_length.min)..=usize::from(self.pin_length.max);
            self.client_pin && lengths.contains(&pin.chars().count()) && pin.len() <= MAX_PIN_BYTES
        };
        [
            rule(
                shipped.pin.as_ref().is_some_and(|pin| !fits(pin)),
                "CP-20",
                "a shipped PIN needs clientPin, is as long as minPINLength and maxPINLength allow, and has at most 63 bytes",
            ),
            rule(
                self.pin_complexity_policy && shipped.pin.as_deref().is_some_and(is_simple),
                "CF-51",
                "pinComplexityPolicy refuses a shipped PIN of one character over and over, or that counts",
            ),
            rule(
                shipped.force_pin_change && shipped.pin.is_none(),
                "CF-45",
                "a shipped forcePINChange needs a shipped PIN",
            ),
            rule(
                shipped.enterprise_attestation
                    && self.authenticator_config.enterprise_attestation.is_none(),
                "GI-77",
                "a shipped ep needs the configuration command enableEnterpriseAttestation",
            ),
        ]
    }

    /// The demands of new credentials.
    const fn credential_rules(&self) -> [(bool, Contradiction); 2] {
        let made = &self.credentials;
        let counts_each = matches!(made.sign_count, SignCount::PerCredential { .. });
        [
            rule(
                !made.backup.is_possible(),
                "MC-76",
                "a credential can be backed up only if it may be: backupState needs backupEligibility",
            ),
            rule(
                counts_each && !made.keep_non_discoverable,
                "MC-77",
                "a counter for each credential needs a record for each: keepNonDiscoverable",
            ),
        ]
    }

    /// These are ways to reach the key, and at least one.
    fn can_reset_over(&self, transports: &[Transport]) -> bool {
        let are_its_own = transports.iter().all(|transport| self.transports.contains(transport));
        !transports.is_empty() && are_its_own && !is_any_twice(transports)
    }

    /// Anything that came with CTAP 2.1 or later. Of the extensions hmac-secret is older; keys of that time had credProtect, too.
    fn has_later_than_20(&self) -> bool {
        let Extensions { hmac_secret, cred_protect, .. } = self.extensions;
        let older = Extensions { hmac_secret, cred_protect, ..Extensions::default() };
        self.extensions != older
            || self.no_mc_ga_permissions_with_client_pin
            || self.make_cred_uv_not_rqd
            || self.enrolls_fingers()
            || self.transports_for_reset.is_some()
            || self.manages_credentials()
            || self.large_blobs.is_some()
            || self.authenticator_config.any()
    }

    /// There is a way to verify a user who registers or signs in.
    const fn verifies_for_mc_ga(&self) -> bool {
        let by_pin = self.client_pin && !self.no_mc_ga_permissions_with_client_pin;
        by_pin || self.fingerprints.is_some()
    }

    fn claims(&self, version: Version) -> bool {
        self.versions.contains(&version)
    }
}

fn not_built_in(algorithm: Algorithm) -> Contradiction {
    let name = algorithm.name();
    let what = format!(
        "this build cannot sign with {name}: leave it out, or build ctap-core with its feature for {name}"
    );
    Contradiction { what: what.into(), rule: "GI-19" }
}

fn is_any_twice<T: PartialEq>(items: &[T]) -> bool {
    items
        .iter()
        .enumerate()
        .any(|(index, item)| items.iter().take(index).any(|other| other == item))
}

/// A rule with what to say when it is broken.
const fn rule(broken: bool, rule: &'static str, what: &'static str) -> (bool, Contradiction) {
    (broken, Contradiction { what: Cow::Borrowed(what), rule })
}

/// The possible lengths of a credential's id.
const ID_LENGTHS: RangeInclusive<usize> = MIN_CREDENTIAL_ID..=MAX_FOREIGN_CREDENTIAL_ID;

impl PinLength {
    fn is_possible(self) -> bool {
        (MIN_PIN_CODE_POINTS..=self.max).contains(&self.min)
            && (MIN_LONGEST_PIN..=MAX_PIN_CODE_POINTS).contains(&self.max)
    }
}

impl FingerprintSensor {
    fn is_possible(&self) -> bool {
        (1..=MAX_FINGERPRINTS).contains(&self.capacity)
            && (2..=MAX_SAMPLES).contains(&self.samples)
            && self.preferred_platform_uv_attempts != Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_that_is_not_built_in_is_refused_by_its_name() {
        let contradiction = not_built_in(Algorithm::Es384);
        assert!(contradiction.what.starts_with("this build cannot sign with ES384: leave it out"));
        let all = Config { algorithms: Algorithm::ALL.to_vec(), ..Config::default() };
        let missing = Algorithm::ALL.into_iter().find(|algorithm| !algorithm.is_built_in());
        assert_eq!(
            all.algorithms_are_built_in(),
            missing.map_or(Ok(()), |it| Err(not_built_in(it)))
        );
    }

    #[test]
    fn the_default_makes_sense() {
        assert_eq!(Config::default().check(), Ok(()));
    }
}
