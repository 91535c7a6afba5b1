//! Attestation statements, and which one is made.

use std::sync::Arc;

use ctap_client::attestation::Attestation as Verified;
use ctap_core::Config;
use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::attestation::{Attestation, AttestationKey};
use ctap_core::config::{AAGUID, EnterpriseAttestation};
use ctap_core::limits::MAX_MESSAGE;
use ctap_core::secret::SecretBytes;

use crate::support::request::config;
use crate::support::{
    Body, HASH, Key, RP, Request, Value, bytes, make_credential, numbered, sha256,
};

/// RP ids of the device's own list.
const LISTED: &str = "enterprise.example";

/// A key that vouches. Its certificate is none: the authenticator does not look at it.
pub(crate) fn attestation_key(fill: u8) -> Arc<AttestationKey> {
    other_key(fill, |_| {})
}

/// The same, but for something.
pub(crate) fn other_key(fill: u8, edit: impl FnOnce(&mut AttestationKey)) -> Arc<AttestationKey> {
    let secret = SecretBytes::new(vec![fill; 32]);
    let key = PrivateKey { algorithm: Algorithm::Es256, secret };
    let mut made = AttestationKey { key, x5c: vec![vec![fill; 40], vec![0x30; 10]] };
    edit(&mut made);
    Arc::new(made)
}

/// The public half of it.
pub(crate) fn verifying_key(fill: u8) -> p256::ecdsa::VerifyingKey {
    *p256::ecdsa::SigningKey::from_slice(&[fill; 32]).unwrap().verifying_key()
}

pub(crate) fn enterprise() -> EnterpriseAttestation {
    EnterpriseAttestation {
        key: attestation_key(2),
        rp_ids: vec![LISTED.into()],
        vendor_facilitated_only: false,
    }
}

/// A key that could make enterprise attestation, and otherwise makes basic attestation.
pub(crate) fn enterprise_key() -> Key {
    Key::made(|config| {
        config.authenticator_config.enterprise_attestation = Some(enterprise());
        config.attestation = Attestation::Basic;
        config.attestation_key = Some(attestation_key(1));
    })
}

fn key_that_attests(attestation: Attestation, u2f: bool) -> Key {
    Key::made(|config| {
        config.attestation = attestation;
        config.attestation_key = Some(attestation_key(1));
        config.u2f = u2f;
    })
}

/// And room for what they sign.
pub(crate) fn with_every_algorithm(config: &mut Config) {
    config.algorithms = Algorithm::ALL.to_vec();
    config.max_msg_size = MAX_MESSAGE;
}

pub(crate) fn preferring(formats: &[&str]) -> Request {
    let list: Vec<Value> = formats.iter().map(|format| (*format).into()).collect();
    make_credential(RP).with(0x0b, list)
}

/// The kind of statement that was made.
#[derive(Debug, PartialEq)]
enum Kind {
    None,
    SelfSigned,
    Basic,
    FidoU2f,
}

/// Tells the kind of a statement, and verifies its signature (AT-01 to AT-06, MC-98).
fn verified(made: &Body) -> Kind {
    let statement = made.named(3);
    let signed = [&made.bytes(2)[..], &HASH].concat();
    let signature = || statement.get("sig").unwrap().as_bytes().unwrap().clone();
    let by_model = |message: &[u8]| {
        use p256::ecdsa::signature::Verifier as _;
        let signature = p256::ecdsa::DerSignature::from_bytes(&signature()).unwrap();
        let first = statement.get("x5c").unwrap().as_array().unwrap()[0].as_bytes().unwrap()[0];
        verifying_key(first).verify(message, &signature).is_ok()
    };
    match (made.text(1), &statement.keys()[..]) {
        ("none", []) => Kind::None,
        ("packed", ["alg", "sig"]) => {
            let credential = made.auth_data().attested.unwrap();
            let alg = i64::try_from(statement.get("alg").unwrap().as_integer().unwrap());
            assert_eq!(alg, Ok(credential.public_key.algorithm()));
            assert_eq!(credential.public_key.verify(&signed, &signature()), Ok(()));
            Kind::SelfSigned
        }
        ("packed", ["alg", "sig", "x5c"]) => {
            assert_eq!(statement.get("alg"), Some(&(-7).into()));
            assert!(by_model(&signed));
            Kind::Basic
        }
        ("fido-u2f", ["sig", "x5c"]) => {
            assert_eq!(statement.get("x5c").unwrap().as_array().unwrap().len(), 1);
            assert!(by_model(&u2f_message(made)));
            Kind::FidoU2f
        }
        other => panic!("{other:?}"),
    }
}

/// What a fido-u2f statement signs (AT-06, V-11).
fn u2f_message(made: &Body) -> Vec<u8> {
    let credential = made.auth_data().attested.unwrap();
    let ctap_client::cose::PublicKey::Es256(public) = credential.public_key else {
        panic!("ES256 only");
    };
    let point = public.to_sec1_point(false);
    [&[0][..], &sha256(RP.as_bytes()), &HASH, &credential.credential_id, point.as_bytes()].concat()
}

// AT-01 to AT-05, AT-09, MC-98, MC-90, MC-81; tool Resp-1 P-01, P-03, P-04, P-06
#[test]
fn each_key_vouches_as_it_was_made_to() {
    for (attestation, kind) in [
        (Attestation::SelfSigned, Kind::SelfSigned),
        (Attestation::Basic, Kind::Basic),
        (Attestation::None, Kind::None),
    ] {
        let mut key = key_that_attests(attestation, false);
        for algorithm in [-7, -8] {
            let made = key.ok(&make_credential(RP).algorithm(algorithm));
            assert_eq!(verified(&made), kind);
            assert_eq!(made.auth_data().attested.unwrap().aaguid, AAGUID);
        }
    }
}

// AT-03, AT-09; the client verifies the same
#[test]
fn the_client_accepts_self_attestation_of_every_algorithm() {
    let mut key = Key::made(with_every_algorithm);
    for algorithm in Algorithm::ALL.into_iter().filter(|it| *it != Algorithm::Ps256) {
        let made = key.ok(&make_credential(RP).algorithm(algorithm.cose().into()));
        let statement: Vec<_> = made
            .get(3)
            .and_then(Value::as_map)
            .unwrap()
            .iter()
            .map(|(key, value)| (key.as_text().unwrap().to_owned(), value.clone()))
            .collect();
        let outcome =
            ctap_client::attestation::verify("packed", &statement, &made.auth_data(), &HASH);
        assert_eq!(outcome, Ok(Verified::PackedSelf), "{algorithm:?}");
    }
}

// AT-04, AT-02
#[test]
fn basic_attestation_shows_the_whole_chain_leaf_first() {
    let made = key_that_attests(Attestation::Basic, false).ok(&make_credential(RP));
    let chain = made.named(3).get("x5c").unwrap();
    assert_eq!(*chain, vec![bytes([1; 40]), bytes([0x30; 10])].into());
}

// MC-90 to MC-92, AT-05, AT-06; tool Req-5 P-2, P-3
#[test]
fn the_first_format_of_the_request_that_the_key_knows_is_used() {
    for (formats, self_signed, basic_and_u2f) in [
        (&[][..], Kind::SelfSigned, Kind::Basic),
        (&["none"], Kind::None, Kind::None),
        (&["packed"], Kind::SelfSigned, Kind::Basic),
        (&["tpm", "packed", "none"], Kind::SelfSigned, Kind::Basic),
        (&["tpm"], Kind::SelfSigned, Kind::Basic),
        (&["packed", "none"], Kind::SelfSigned, Kind::Basic),
        (&["none", "packed"], Kind::None, Kind::None),
        (&["fido-u2f", "packed"], Kind::SelfSigned, Kind::FidoU2f),
    ] {
        let request = preferring(formats);
        assert_eq!(verified(&Key::made(|_| {}).ok(&request)), self_signed, "{formats:?}");
        let made = key_that_attests(Attestation::Basic, true).ok(&request);
        assert_eq!(verified(&made), basic_and_u2f, "{formats:?}");
    }
}

// MC-93
#[test]
fn formats_are_an_array_of_text() {
    let mut key = Key::made(|_| {});
    for wrong in [Value::from("packed"), vec![Value::from(1)].into(), numbered([])] {
        assert_eq!(key.status(&make_credential(RP).with(0x0b, wrong)), 0x11);
    }
}

// AT-06, UF-57
#[test]
fn a_u2f_statement_has_no_model_and_is_for_es256_only() {
    let mut key = key_that_attests(Attestation::Basic, true);
    let made = key.ok(&preferring(&["fido-u2f"]));
    assert_eq!(made.auth_data().attested.unwrap().aaguid, [0; 16]);
    let made = key.ok(&preferring(&["fido-u2f"]).algorithm(-8));
    assert_eq!(verified(&made), Kind::Basic);
}

// MC-94, GI-31
#[test]
fn get_info_lists_the_formats_without_none() {
    for (attestation, u2f) in
        [(Attestation::SelfSigned, false), (Attestation::None, false), (Attestation::Basic, true)]
    {
        let info = key_that_attests(attestation, u2f).info();
        let formats = info.get(0x16).unwrap().as_array().unwrap().clone();
        let expected: &[&str] = if u2f { &["packed", "fido-u2f"] } else { &["packed"] };
        assert_eq!(formats, expected.iter().map(|format| (*format).into()).collect::<Vec<_>>());
    }
}

// MC-20, MC-21; tool EA-1 F-1 to F-3
#[test]
fn enterprise_attestation_must_be_enabled_before_its_value_is_judged() {
    let asking = |value: u64| make_credential(LISTED).with(0x0a, value);
    let mut consumer = Key::made(|_| {});
    assert_eq!(consumer.option("ep"), None);
    let mut disabled = enterprise_key();
    for value in [0, 1, 2, 3] {
        assert_eq!(consumer.status(&asking(value)), 0x02);
        assert_eq!(disabled.status(&asking(value)), 0x02);
    }
    disabled.ok(&config(1));
    for (value, status) in [(0, 0x2c), (1, 0), (2, 0), (3, 0x2c), (u64::MAX, 0x2c)] {
        assert_eq!(disabled.status(&asking(value)), status);
    }
    assert_eq!(disabled.status(&make_credential(LISTED).with(0x0a, "1")), 0x11);
}

// MC-22, MC-23, MC-95, MC-96, MC-97, AT-40, AT-43; tool EA-1 P-1 to P-3, F-4 to F-6
#[test]
fn enterprise_attestation_goes_to_those_it_is_for() {
    for vendor_only in [false, true] {
        let mut key = Key::made(|config| {
            let device =
                EnterpriseAttestation { vendor_facilitated_only: vendor_only, ..enterprise() };
            config.authenticator_config.enterprise_attestation = Some(device);
        });
        key.ok(&config(1));
        for (rp_id, mode, performed) in [
            (LISTED, 1, true),
            (LISTED, 2, true),
            (RP, 1, false),
            (RP, 2, !vendor_only),
            ("sub.enterprise.example", 1, false),
            ("Enterprise.example", 1, false),
        ] {
            for request in [
                make_credential(rp_id),
                make_credential(rp_id).with(0x0b, vec![Value::from("none")]),
            ] {
                let preferred = request.get(0x0b).is_some();
                let made = key.ok(&request.with(0x0a, mode));
                assert_eq!(made.get(4), performed.then_some(&Value::Bool(true)), "{rp_id} {mode}");
                let kind = match (performed, preferred) {
                    (true, _) => Kind::Basic,
                    (false, true) => Kind::None,
                    (false, false) => Kind::SelfSigned,
                };
                assert_eq!(verified(&made), kind);
            }
        }
    }
}

// MC-97, AT-42, RS-12
#[test]
fn enterprise_and_model_certificates_differ_and_outlive_a_reset() {
    let mut key = enterprise_key();
    let leaf = |made: &Body| made.named(3).get("x5c").unwrap().as_array().unwrap()[0].clone();
    for _ in 0..2 {
        key.ok(&config(1));
        let enterprise = key.ok(&make_credential(LISTED).with(0x0a, 1));
        let ordinary = key.ok(&make_credential(RP).with(0x0a, 1));
        assert_eq!((leaf(&enterprise), leaf(&ordinary)), (bytes([2; 40]), bytes([1; 40])));
        key.ok(&Request::new(7));
    }
}

// MC-43, EX-08
#[test]
fn a_key_that_cannot_vouch_leaves_no_passkey_behind() {
    let mut key = Key::made(|config| {
        config.attestation = Attestation::Basic;
        config.attestation_key = Some(attestation_key(0)); // no scalar of P-256
    });
    key.medium.calls();
    assert_eq!(key.status(&make_credential(RP).rk()), 0x7f);
    assert_eq!(key.state().credentials().len(), 0);
    assert!(key.medium.calls().is_empty(), "nothing was written");
}

// AT-07, MSG-61
#[test]
fn the_longest_statement_fits_an_answer() {
    let mut key = Key::made(|config| {
        with_every_algorithm(config);
        config.attestation = Attestation::Basic;
        let model = other_key(1, |model| model.x5c.push(vec![0x30; 4096 - 50]));
        config.attestation_key = Some(model);
    });
    let algorithm = Algorithm::MlDsa65.cose().into();
    let request = make_credential(RP).algorithm(algorithm).rk().extension("largeBlobKey", true);
    assert_eq!(verified(&key.ok(&request)), Kind::Basic);
}
