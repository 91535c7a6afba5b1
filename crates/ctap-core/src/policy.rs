//! The policy that follows from the configuration ([`Config`]) and the state ([`State`]): questions that several
//! commands ask, each answered in one place.

use crate::config::{Config, FingerprintSensor};
use crate::pin::Permissions;
use crate::state::State;
use crate::status::Status;

/// Configuration and state together.
#[derive(Clone, Copy)]
pub(crate) struct Policy<'a> {
    pub(crate) config: &'a Config,
    pub(crate) state: &'a State,
}

impl<'a> Policy<'a> {
    /// Some form of user verification is configured.
    pub(crate) fn protected(self) -> bool {
        self.pin_set() || self.built_in_uv()
    }

    pub(crate) const fn pin_set(self) -> bool {
        self.state.pin.is_some()
    }

    /// A finger is enrolled (option `uv` is true).
    pub(crate) fn built_in_uv(self) -> bool {
        self.config.fingerprints.is_some() && !self.state.fingerprints.is_empty()
    }

    /// The sensor, if there is one.
    pub(crate) const fn sensor(self) -> Option<&'a FingerprintSensor> {
        self.config.fingerprints.as_ref()
    }

    /// Option `alwaysUv`: toggled, or as shipped.
    pub(crate) fn always_uv(self) -> bool {
        let shipped = self.config.authenticator_config.always_uv;
        shipped.is_some_and(|shipped| self.state.settings.always_uv.unwrap_or(shipped))
    }

    /// Option `makeCredUvNotRqd` as it is in force (MC-14, CF-32).
    pub(crate) fn make_cred_uv_not_rqd(self) -> bool {
        self.config.make_cred_uv_not_rqd && !self.always_uv()
    }

    /// Tokens exist (option `pinUvAuthToken`).
    pub(crate) const fn has_tokens(self) -> bool {
        self.config.verifies()
    }

    /// The shortest PIN in code points: as shipped, or as it was raised (CF-43).
    pub(crate) const fn min_pin_length(self) -> u8 {
        let (shipped, set) = (self.config.pin_length.min, self.state.settings.min_pin_length);
        if set > shipped { set } else { shipped }
    }

    /// PINs must not be too simple: from the start, or since somebody switched that on (GI-36, CF-51).
    pub(crate) const fn pins_are_complex(self) -> bool {
        self.config.pin_complexity_policy || self.state.settings.pin_complexity_policy
    }

    /// U2F is offered right now. alwaysUv ends it, with a finger enrolled too: U2F has no way to verify a user
    /// (UF-50, UF-51, CF-33).
    pub(crate) fn u2f(self) -> bool {
        self.config.u2f && !self.always_uv()
    }

    /// A PIN could help where user verification is missing (`noMcGaPermissionsWithClientPin` is off).
    const fn pin_permits_mc_ga(self) -> bool {
        self.config.client_pin && !self.config.no_mc_ga_permissions_with_client_pin
    }

    /// The refusal when user verification is required and a PIN *could be* set (MC-15, MC-17, GA-08).
    pub(crate) const fn deny_always_uv(self) -> Status {
        if self.pin_permits_mc_ga() { Status::PuatRequired } else { Status::OperationDenied }
    }

    /// The refusal when user verification is required and a PIN *is* set (MC-18, MC-19, MC-28).
    pub(crate) const fn deny_uv(self) -> Status {
        if self.pin_permits_mc_ga() && self.pin_set() {
            Status::PuatRequired
        } else {
            Status::OperationDenied
        }
    }

    /// The permissions that a PIN can give (table D of the clientPIN rules).
    pub(crate) fn grantable_by_pin(self) -> Permissions {
        let mc_ga = Permissions::MAKE_CREDENTIAL.union(Permissions::GET_ASSERTION);
        let common = self.grantable_by_anything();
        let common = common.or(Permissions::BIO_ENROLLMENT, self.config.enrolls_fingers());
        let acfg = self.config.can_be_configured();
        common
            .or(mc_ga, !self.config.no_mc_ga_permissions_with_client_pin)
            .or(Permissions::AUTHENTICATOR_CONFIGURATION, acfg)
    }

    /// The permissions that a finger can give (CP-101, table D).
    pub(crate) fn grantable_by_uv(self) -> Permissions {
        let mc_ga = Permissions::MAKE_CREDENTIAL.union(Permissions::GET_ASSERTION);
        let bio = self.sensor().is_some_and(|sensor| sensor.bio_enroll && sensor.uv_bio_enroll);
        let acfg = self.sensor().is_some_and(|sensor| sensor.uv_acfg);
        self.grantable_by_anything()
            .union(mc_ga)
            .or(Permissions::BIO_ENROLLMENT, bio)
            .or(Permissions::AUTHENTICATOR_CONFIGURATION, acfg && self.config.can_be_configured())
    }

    const fn grantable_by_anything(self) -> Permissions {
        Permissions::NONE
            .or(Permissions::CREDENTIAL_MANAGEMENT, self.config.manages_credentials())
            .or(Permissions::LARGE_BLOB_WRITE, self.config.large_blobs.is_some())
            .or(
                Permissions::PERSISTENT_CREDENTIAL_MANAGEMENT_READ_ONLY,
                self.config.per_cred_mgmt_ro,
            )
    }
}
