//! Settings that cannot both be.

use ctap_core::algorithm::Algorithm;
use ctap_core::attestation::Attestation;
use ctap_core::config::{EnterpriseAttestation, FingerprintSensor, Version};
use ctap_core::limits::{MAX_BLOBS, MAX_CAPACITY, MAX_FINGERPRINTS, MAX_LARGE_BLOBS, MAX_SAMPLES};
use ctap_core::pin::Protocol;
use ctap_core::{Config, Transport};

use crate::attestation::{enterprise, other_key};
use crate::client_pin::without_a_pin;

type Edit = fn(&mut Config);

/// The rule that a default key with this change breaks.
fn broken(edit: Edit) -> Option<&'static str> {
    let mut config = Config::default();
    edit(&mut config);
    config.check().err().map(|contradiction| {
        assert!(contradiction.to_string().contains(contradiction.rule));
        contradiction.rule
    })
}

fn sensor(config: &mut Config, edit: impl FnOnce(&mut FingerprintSensor)) {
    edit(config.fingerprints.insert(FingerprintSensor::default()));
}

/// A key of 2019.
pub(crate) fn ctap20(config: &mut Config) {
    config.versions = vec![Version::Fido20];
    config.credential_management = false;
    config.per_cred_mgmt_ro = false;
    config.make_cred_uv_not_rqd = false;
    config.large_blobs = None;
    config.authenticator_config = Default::default();
    config.extensions = Default::default();
}

fn are_found(cases: &[(&str, Edit)]) {
    for (number, (rule, edit)) in cases.iter().enumerate() {
        assert_eq!(broken(*edit), Some(*rule), "case {number}");
    }
}

// GI-10, GI-36, GI-66, GI-71, GI-76, GI-83, GI-85, GI-86, GI-101, GI-105, GI-110 to GI-113, GI-115, BE-21, BE-31, CM-02, EX-09, EX-32,
// MC-15
#[test]
fn each_feature_that_lacks_another_is_found() {
    are_found(&[
        ("GI-10", |config| config.versions.clear()),
        ("GI-101", |config| config.versions = vec![Version::Fido23]),
        ("GI-101", |config| config.versions = vec![Version::Fido23, Version::Fido21]),
        ("GI-105", |config| config.versions = vec![Version::Fido20]),
        ("GI-110", |config| config.extensions.hmac_secret = false), // and GI-83
        ("GI-111", |config| config.client_pin = false),
        ("GI-66", |config| config.credential_mgmt_preview = true),
        ("GI-112", |config| config.credential_management = false),
        ("GI-113", |config| config.extensions.cred_protect = false),
        ("GI-115", |config| config.pin_uv_auth_protocols = vec![Protocol::One]),
        ("GI-85", |config| {
            ctap20(config);
            config.pin_uv_auth_protocols.clear();
        }),
        ("GI-71", |config| {
            sensor(config, |_| {});
            config.client_pin = false;
            config.no_mc_ga_permissions_with_client_pin = true;
        }),
        ("GI-86", |config| {
            config.capacity = 0;
            config.large_blobs = None;
            config.credential_management = false;
        }),
        ("GI-76", |config| config.authenticator_config.min_pin_length_rp_ids = None),
        ("GI-76", |config| {
            sensor(config, |_| {});
            config.client_pin = false;
        }),
        ("EX-32", |config| {
            *config = without_a_pin();
            config.pin_uv_auth_protocols.clear();
        }),
        ("GI-36", |config| {
            *config = without_a_pin();
            config.pin_complexity_policy = true;
        }),
        ("BE-31", |config| {
            *config = without_a_pin();
            sensor(config, |_| {});
        }),
        ("CM-02", |config| {
            *config = without_a_pin();
            config.credential_management = true;
        }),
        ("MC-15", |config| {
            *config = without_a_pin();
            config.authenticator_config.always_uv = Some(true);
        }),
        ("MC-15", |config| {
            config.authenticator_config.always_uv = Some(true);
            config.no_mc_ga_permissions_with_client_pin = true;
        }),
        ("BE-21", |config| sensor(config, |sensor| sensor.capacity = 0)),
        ("BE-21", |config| sensor(config, |sensor| sensor.capacity = MAX_FINGERPRINTS + 1)),
        ("BE-21", |config| sensor(config, |sensor| sensor.samples = MAX_SAMPLES + 1)),
        ("GI-103", |config| config.versions.push(Version::Fido21Pre)),
        ("BE-21", |config| sensor(config, |sensor| sensor.samples = 1)),
        ("BE-21", |config| {
            sensor(config, |sensor| sensor.preferred_platform_uv_attempts = Some(0));
        }),
    ]);
}

// GI-29, LB-02
#[test]
fn a_key_can_be_made_for_as_much_as_the_limits_say() {
    let key =
        Config { capacity: MAX_CAPACITY, large_blobs: Some(MAX_LARGE_BLOBS), ..Config::default() };
    assert_eq!(key.check(), Ok(()));
}

// GI-18, GI-19, GI-23, GI-29, GI-35, GI-80, GI-82, LB-02, EX-70, MSG-60, MSG-61, UF-24, UF-61, AT-04, AT-07
#[test]
fn each_limit_that_cannot_be_kept_is_found() {
    are_found(&[
        ("GI-80", |config| config.capacity = 0),
        ("GI-29", |config| config.capacity = MAX_CAPACITY + 1),
        ("LB-02", |config| config.large_blobs = Some(1023)),
        ("LB-02", |config| config.large_blobs = Some(MAX_LARGE_BLOBS + 1)),
        ("EX-70", |config| config.extensions.large_blob = Some(100)),
        ("GI-82", |config| config.extensions.cred_blob = Some(31)),
        ("MSG-61", |config| config.extensions.cred_blob = Some(MAX_BLOBS + 1)),
        ("GI-19", |config| config.algorithms.clear()),
        ("GI-19", |config| config.algorithms.push(Algorithm::Es256)),
        ("GI-19", |config| config.versions.push(Version::Fido21)),
        ("GI-18", |config| config.transports.clear()),
        ("GI-18", |config| config.transports.push(Transport::Nfc)),
        ("GI-35", |config| config.transports_for_reset = Some(vec![])),
        ("GI-35", |config| config.transports_for_reset = Some(vec![Transport::SmartCard])),
        ("GI-35", |config| config.transports_for_reset = Some(vec![Transport::Nfc; 2])),
        ("GI-23", |config| config.firmware_version = 0),
        ("UF-61", |config| config.u2f = true),
        ("UF-61", |config| config.attestation = Attestation::Basic),
        ("UF-24", |config| {
            config.u2f = true;
            config.attestation_key = Some(other_key(1, |key| key.key.algorithm = Algorithm::EdDsa));
        }),
        ("AT-04", |config| {
            let key = other_key(2, |device| device.x5c.clear());
            let device = EnterpriseAttestation { key, ..enterprise() };
            config.authenticator_config.enterprise_attestation = Some(device);
        }),
        ("AT-04", |config| {
            config.attestation_key = Some(other_key(1, |key| key.x5c.push(vec![0; 4096 - 49])));
        }),
        ("AT-04", |config| {
            config.attestation_key =
                Some(other_key(1, |key| key.key.algorithm = Algorithm::MlDsa65));
        }),
        ("MSG-60", |config| config.max_msg_size = 1023),
        ("MSG-60", |config| config.max_msg_size = 7610),
    ]);
}

// GI-105, GI-101, LB-02, EX-70, MSG-60, MSG-61
#[test]
fn keys_that_can_be_are_let_through() {
    let cases: [Edit; 13] = [
        |_| {},
        ctap20,
        |config| *config = without_a_pin(),
        |config| config.authenticator_config.always_uv = Some(true),
        |config| {
            sensor(config, |_| {});
            config.authenticator_config.always_uv = Some(true);
            config.no_mc_ga_permissions_with_client_pin = true;
        },
        |config| config.versions = vec![Version::Fido21],
        |config| sensor(config, |_| {}),
        |config| {
            sensor(config, |sensor| sensor.capacity = MAX_FINGERPRINTS);
            config.max_msg_size = 7609;
        },
        |config| config.large_blobs = Some(1024),
        |config| (config.max_msg_size, config.extensions.cred_blob) = (7609, Some(MAX_BLOBS)),
        |config| config.max_msg_size = 1024,
        |config| {
            config.large_blobs = None;
            config.extensions.large_blob = Some(1024);
        },
        |config| {
            config.u2f = true;
            config.max_msg_size = 7609;
            config.attestation = Attestation::Basic;
            config.attestation_key = Some(other_key(1, |key| key.x5c.push(vec![0; 4096 - 50])));
        },
    ];
    for (number, edit) in cases.into_iter().enumerate() {
        assert_eq!(broken(edit), None, "case {number}");
    }
}
