//! The suite through the Rust API alone: `examples/own_authenticator.rs` with very different authenticators.

#[path = "../../examples/own_authenticator.rs"]
#[expect(dead_code, reason = "its main, which is not run here")]
mod own_authenticator;

use std::sync::Arc;
use std::thread;

use ctap_conformance::{Case, Outcome, Report, Suite, Verdict};
use ctap_core::Config;
use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::attestation::{Attestation, AttestationKey};
use ctap_core::config::{
    ConfigCommands, EnterpriseAttestation, Extensions, FingerprintSensor, Protection, Version,
};
use ctap_core::pin::Protocol;
use ctap_core::secret::SecretBytes;

#[test]
fn our_own_authenticator_passes_every_case() {
    let suite = Suite::built_in();
    let configs = [
        ("default", Config::default()),
        ("maximal", maximal()),
        ("other", other()),
        ("old", old()),
    ];
    let reports = thread::scope(|scope| {
        let suite = &suite;
        let runs = configs.map(|(name, config)| scope.spawn(move || test(name, config, suite)));
        runs.map(|run| run.join().expect("it passes"))
    });
    let testable: Vec<&str> =
        suite.cases().filter(|case| !is_for_others(case)).map(|case| &*case.id).collect();
    let never_run: Vec<&&str> =
        testable.iter().filter(|id| reports.iter().all(|report| is_skipped(report, id))).collect();
    assert!(
        never_run.len() * 30 < testable.len(),
        "{} of {} were skipped by all: {never_run:?}",
        never_run.len(),
        testable.len()
    );
}

/// Runs every case, none of which may fail.
fn test(name: &str, config: Config, suite: &Suite) -> Report {
    let config = config.checked().unwrap_or_else(|why| panic!("{name}: {why}"));
    let report = own_authenticator::test(config, suite, &[]).expect("it can be reached");
    let failed: Vec<_> = report.failures().map(|outcome| &outcome.id).collect();
    assert!(failed.is_empty(), "{name} fails {failed:?}");
    assert_eq!(report.outcomes.len(), suite.cases().count(), "{name}");
    report
}

/// Steps that are single reports begin with `>` or `<`, and those for cards are in a chapter of their own.
fn is_for_others(case: &Case) -> bool {
    case.chapter == "nfc" || case.script.lines().any(|line| line.starts_with(['>', '<']))
}

fn is_skipped(report: &Report, id: &str) -> bool {
    let is_skipped = |outcome: &Outcome| matches!(outcome.verdict, Verdict::Skipped { .. });
    report.outcomes.iter().any(|outcome| outcome.id == id && is_skipped(outcome))
}

/// All that can be in one authenticator.
fn maximal() -> Config {
    let mut config = Config {
        algorithms: vec![
            Algorithm::Es256,
            Algorithm::EdDsa,
            Algorithm::Es384,
            Algorithm::Es512,
            Algorithm::Es256K,
            Algorithm::MlDsa44,
            Algorithm::MlDsa65,
            Algorithm::Rs256,
            Algorithm::Ps256,
        ],
        capacity: 100,
        max_msg_size: 7609,
        fingerprints: Some(FingerprintSensor::default()),
        attestation: Attestation::Basic,
        attestation_key: Some(model()),
        u2f: true,
        ..Config::default()
    };
    config.authenticator_config.enterprise_attestation = Some(EnterpriseAttestation {
        key: device(),
        rp_ids: vec!["example.com".to_owned()],
        vendor_facilitated_only: false,
    });
    config.extensions.preview_sign = true;
    config.extensions.uvm = Some(Protection::default());
    config
}

/// What excludes the former: blobs kept with credentials, and tokens of a PIN that are good for neither command.
fn other() -> Config {
    let mut config = Config {
        large_blobs: None,
        fingerprints: Some(FingerprintSensor::default()),
        no_mc_ga_permissions_with_client_pin: true,
        ..Config::default()
    };
    config.extensions.large_blob = Some(1024);
    config
}

/// An authenticator of 2019, without all that came later.
fn old() -> Config {
    Config {
        versions: vec![Version::Fido20],
        pin_uv_auth_protocols: vec![Protocol::One],
        make_cred_uv_not_rqd: false,
        credential_management: false,
        per_cred_mgmt_ro: false,
        large_blobs: None,
        authenticator_config: ConfigCommands::default(),
        extensions: Extensions { hmac_secret: true, ..Extensions::default() },
        ..Config::default()
    }
}

/// Keys made for this test, and their certificates, which last until 2126.
fn model() -> Arc<AttestationKey> {
    vouching(include_bytes!("model.key"), include_bytes!("model.der"))
}

fn device() -> Arc<AttestationKey> {
    vouching(include_bytes!("device.key"), include_bytes!("device.der"))
}

fn vouching(scalar: &[u8], certificate: &[u8]) -> Arc<AttestationKey> {
    let secret = SecretBytes::new(scalar.to_vec());
    Arc::new(AttestationKey {
        key: PrivateKey { algorithm: Algorithm::Es256, secret },
        x5c: vec![certificate.to_vec()],
    })
}
