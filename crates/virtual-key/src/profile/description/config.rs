//! Makes the `Config` from a profile.

use core::ops::BitOr;
use std::sync::Arc;

use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::attestation::{AttestationKey, Attester};
use ctap_core::config::{
    Announced, ConfigCommands, EnterpriseAttestation, Extensions, FingerprintSensor, Member,
    NewCredentials, PinLength, Protection, ResetGestures, Shipped, SignCount, Times,
};
use ctap_core::credential::Backup;
use ctap_core::pin::Protocol;
use ctap_core::secret::SecretBytes;
use ctap_core::{Config, Transport};

use super::words::{
    ConfigCommand, CounterName, ExtensionName, TapGesture, TouchGesture, VersionName, protocol,
    transports,
};
use super::{CredentialSettings, Description, ResetSettings, ShippedSettings};

impl Description {
    /// The device that this describes, with these keys.
    pub(in crate::profile) fn config(
        &self,
        attestation_key: Option<Arc<dyn Attester>>,
        device_key: Option<Arc<dyn Attester>>,
    ) -> Config {
        let options = &self.options;
        Config {
            aaguid: self.aaguid.0,
            firmware_version: self.firmware_version,
            versions: self.versions.iter().filter_map(|version| version.of_ctap2()).collect(),
            transports: self.transports(),
            transports_for_reset: self.transports_for_reset(),
            reset_gestures: self.reset.gestures(),
            capacity: if options.rk { self.capacity as usize } else { 0 },
            algorithms: self.algorithms.iter().map(|algorithm| algorithm.number()).collect(),
            pin_uv_auth_protocols: self.protocols(),
            client_pin: options.client_pin,
            no_mc_ga_permissions_with_client_pin: options.no_mc_ga_permissions_with_client_pin,
            make_cred_uv_not_rqd: options.make_cred_uv_not_rqd,
            max_msg_size: self.max_msg_size,
            max_credentials_in_list: self.max_credential_count_in_list,
            credential_id_length: self.credential_id_length(),
            pin_length: PinLength { min: self.min_pin_length, max: self.max_pin_length },
            pin_complexity_policy: self.pin_complexity_policy,
            prototype_commands: self.prototype_commands,
            fingerprints: options.has_sensor().then(|| self.sensor()),
            credential_management: options.cred_mgmt,
            credential_mgmt_preview: options.credential_mgmt_preview,
            per_cred_mgmt_ro: options.per_cred_mgmt_ro,
            large_blobs: options.large_blobs.then_some(self.max_serialized_large_blob_array),
            authenticator_config: self.commands(device_key),
            extensions: self.extensions(),
            credentials: self.credentials.of_new(),
            attestation: self.attestation.r#type.of_ctap2(),
            attestation_key,
            u2f: self.speaks_u2f(),
            shipped: self.shipped.as_shipped(),
            announced: self.announced(),
        }
    }

    /// A key like this before there is one.
    pub(in crate::profile) fn vouched_by_stand_ins(&self) -> Config {
        let model = self.needs_attestation_key().then(stand_in);
        self.config(model, self.has_enterprise_attestation().then(stand_in))
    }

    /// The versions are announced in the order in which they are written; by default a key announces U2F last. A
    /// new key with alwaysUv does that, because U2F comes and goes (GI-102); some models always announce it.
    pub(super) fn announced(&self) -> Announced {
        let mut announced = self.get_info.announced.clone();
        let as_written = self.imitates.is_some() || !self.options.always_uv;
        if as_written
            && self.speaks_ctap2()
            && self.versions.iter().rev().skip(1).any(|one| *one == VersionName::U2f)
        {
            let names = self.versions.iter().map(|version| version.name().to_owned()).collect();
            announced.members.entry(0x01).or_insert(Some(Member::Names(names)));
        }
        announced
    }

    fn transports_for_reset(&self) -> Option<Vec<Transport>> {
        let restricted = !self.transports_for_reset.is_empty();
        restricted.then(|| transports(&self.transports_for_reset))
    }

    fn credential_id_length(&self) -> Option<usize> {
        (self.max_credential_id_length > 0).then_some(self.max_credential_id_length)
    }

    fn protocols(&self) -> Vec<Protocol> {
        self.pin_uv_auth_protocols.iter().filter_map(|number| protocol(*number)).collect()
    }

    fn sensor(&self) -> FingerprintSensor {
        FingerprintSensor {
            capacity: self.max_templates,
            samples: self.max_capture_samples_required_for_enroll,
            bio_enroll: self.options.bio_enroll,
            bio_enroll_preview: self.options.user_verification_mgmt_preview,
            uv_bio_enroll: self.options.uv_bio_enroll,
            uv_acfg: self.options.uv_acfg,
            preferred_platform_uv_attempts: Some(self.preferred_platform_uv_attempts),
        }
    }

    fn commands(&self, device_key: Option<Arc<dyn Attester>>) -> ConfigCommands {
        let rp_ids = self.max_rp_ids_for_set_min_pin_length;
        let settings = &self.enterprise_attestation;
        ConfigCommands {
            enterprise_attestation: device_key.map(|key| EnterpriseAttestation {
                key,
                rp_ids: settings.rp_ids.clone(),
                vendor_facilitated_only: settings.vendor_facilitated_only,
            }),
            always_uv: self.has(ConfigCommand::ToggleAlwaysUv).then_some(self.options.always_uv),
            min_pin_length_rp_ids: self.has(ConfigCommand::SetMinPinLength).then_some(rp_ids),
            long_touch_for_reset: self.has(ConfigCommand::EnableLongTouchForReset),
        }
    }

    fn extensions(&self) -> Extensions {
        let has = |extension| self.extensions.contains(&extension);
        Extensions {
            cred_protect: has(ExtensionName::CredProtect),
            hmac_secret: has(ExtensionName::HmacSecret),
            hmac_secret_mc: has(ExtensionName::HmacSecretMc),
            cred_blob: has(ExtensionName::CredBlob).then_some(self.max_cred_blob_length),
            large_blob: has(ExtensionName::LargeBlob).then_some(self.max_large_blob_length),
            pin_complexity_policy: has(ExtensionName::PinComplexityPolicy),
            preview_sign: has(ExtensionName::PreviewSign),
            third_party_payment: has(ExtensionName::ThirdPartyPayment),
            uvm: has(ExtensionName::Uvm).then(|| self.protection()),
        }
    }

    fn protection(&self) -> Protection {
        let keys = self.key_protection.iter().map(|one| *one as u32);
        let matcher = self.matcher_protection.iter().map(|one| *one as u32);
        Protection { keys: keys.fold(0, BitOr::bitor), matcher: matcher.fold(0, BitOr::bitor) }
    }
}

impl ResetSettings {
    const fn gestures(&self) -> ResetGestures {
        let touch = match self.usb {
            TouchGesture::ReinsertAndTouch => Times::Once,
            TouchGesture::TouchTwice => Times::Twice,
        };
        let tap = match self.nfc {
            TapGesture::Tap => Times::Once,
            TapGesture::TapTwice => Times::Twice,
        };
        ResetGestures { touch, tap }
    }
}

impl ShippedSettings {
    fn as_shipped(&self) -> Shipped {
        Shipped {
            pin: Some(self.pin.clone()).filter(|pin| !pin.is_empty()),
            force_pin_change: self.force_pin_change,
            enterprise_attestation: self.ep,
        }
    }
}

impl CredentialSettings {
    const fn of_new(&self) -> NewCredentials {
        let start = self.sign_count_start;
        NewCredentials {
            backup: Backup { eligible: self.backup_eligibility, state: self.backup_state },
            sign_count: match self.sign_count {
                CounterName::Global => SignCount::Global { start },
                CounterName::PerCredential => SignCount::PerCredential { start },
                CounterName::Zero => SignCount::Zero,
            },
            keep_non_discoverable: self.keep_non_discoverable,
        }
    }
}

/// Stands for a key that exists only when a device does.
fn stand_in() -> Arc<dyn Attester> {
    let secret = SecretBytes::new(vec![1; 32]);
    Arc::new(AttestationKey {
        key: PrivateKey { algorithm: Algorithm::Es256, secret },
        x5c: vec![Vec::new()],
    })
}
