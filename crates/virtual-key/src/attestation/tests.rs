use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use ctap_client::attestation::Attestation as Verdict;
use ctap_client::commands::make_credential;
use ctap_client::commands::u2f::{Registration, apdu};
use ctap_client::{RelyingParty, User};
use ctap_core::attestation::Attester as _;
use ctap_core::config::{ConfigCommands, EnterpriseAttestation};
use ctap_core::{Config, SoftKey};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::{DecodePublicKey as _, LineEnding};
use x509_cert::TbsCertificate;
use x509_cert::certificate::Version;
use x509_cert::der::referenced::OwnedToRef as _;
use x509_cert::der::{Decode as _, EncodePem as _, Tag, Tagged as _};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, SubjectKeyIdentifier};
use x509_cert::time::Time;

use super::pem::Unusable;
use super::*;
use crate::error::describe;
use crate::platform::system_rng;

const AAGUID: [u8; 16] = ctap_core::config::AAGUID;
const MODEL: AttestationKind = AttestationKind::Model { aaguid: AAGUID };
const DEVICE: AttestationKind = AttestationKind::Device { aaguid: AAGUID };
const U2F: AttestationKind = AttestationKind::U2f { transports: U2fTransports::USUAL };
const SERIAL: &str = "0123456789ABCDEF";

pub(crate) fn identity_of(kind: AttestationKind) -> Identity {
    Identity::generate(kind, SERIAL, SystemTime::now(), &mut system_rng()).unwrap()
}

/// The key's own identity, if its memory is there.
fn identity(
    kind: AttestationKind,
    serial: &str,
    directory: Option<&std::path::Path>,
) -> Result<Identity, Error> {
    let (rng, today) = (&mut system_rng(), SystemTime::now());
    Issuer { serial, directory, rng, today }.identity(kind)
}

fn public_key(certificate: &Certificate) -> VerifyingKey {
    let info = certificate.tbs_certificate().subject_public_key_info().to_der().unwrap();
    VerifyingKey::from_public_key_der(&info).unwrap()
}

/// Whether `issuer` signed it.
fn is_signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    let signature = DerSignature::from_bytes(certificate.signature().raw_bytes()).unwrap();
    let signed = certificate.tbs_certificate().to_der().unwrap();
    public_key(issuer).verify(&signed, &signature).is_ok()
}

fn extension(certificate: &Certificate, id: &str) -> Option<(bool, Vec<u8>)> {
    let mut extensions = certificate.tbs_certificate().extensions().into_iter().flatten();
    let found = extensions.find(|extension| extension.extn_id.to_string() == id)?;
    Some((found.critical, found.extn_value.as_bytes().to_vec()))
}

#[test]
fn a_new_certificate_is_what_webauthn_prescribes() {
    // AT-20 to AT-24, AT-29
    let identity = identity_of(MODEL);
    let leaf = Certificate::from_der(&identity.certificates[0].to_der().unwrap()).unwrap();
    let contents = leaf.tbs_certificate();
    assert_eq!(contents.version(), Version::V3);
    assert_eq!(
        contents.subject().to_string(),
        "CN=keyfob attestation,OU=Authenticator Attestation,O=keyfob,C=AQ"
    );
    let tags: Vec<_> = contents.subject().iter().map(|part| part.value.tag()).collect();
    assert_eq!(tags, [Tag::PrintableString, Tag::Utf8String, Tag::Utf8String, Tag::Utf8String]);
    let (_, constraints) = contents.get_extension::<BasicConstraints>().unwrap().unwrap();
    assert!(!constraints.ca);
    let wrapped = [&[0x04, 0x10], &AAGUID[..]].concat();
    assert_eq!(extension(&leaf, "1.3.6.1.4.1.45724.1.1.4"), Some((false, wrapped)));
    assert_eq!(identity.model().unwrap(), Some(AAGUID));
    let validity = contents.validity();
    let now = std::time::SystemTime::now();
    assert!(
        validity.not_before.to_system_time() < now && now < validity.not_after.to_system_time()
    );
    assert!(matches!(validity.not_before, Time::UtcTime(_)));
    let serial = contents.serial_number().as_bytes();
    assert!(serial.len() <= 20 && serial[0] < 0x80 && serial.iter().any(|byte| *byte != 0));
    assert_eq!(leaf.signature_algorithm().oid.to_string(), "1.2.840.10045.4.3.2", "ECDSA-SHA256");
    assert_eq!(contents.signature(), leaf.signature_algorithm());
    let key = contents.subject_public_key_info().subject_public_key.raw_bytes();
    assert_eq!((key.len(), key[0]), (65, 0x04));
}

#[test]
fn certificates_form_a_chain_whose_root_is_not_sent() {
    // AT-04
    let identity = identity_of(MODEL);
    let [leaf, root] = &identity.certificates[..] else { panic!("a leaf and a root") };
    assert!(is_signed_by(leaf, root) && is_signed_by(root, root) && !is_signed_by(leaf, leaf));
    assert_eq!(identity.attestation_key().unwrap().x5c, [leaf.to_der().unwrap()]);
    assert_eq!(identity.root().unwrap(), root.to_der().unwrap());
}

#[test]
fn what_a_certificate_has_at_the_most_is_known_before_there_is_one() {
    // MSG-61
    let of_u2f = U2fTransports::each().map(|transports| AttestationKind::U2f { transports });
    for kind in of_u2f.chain([MODEL]) {
        let longest = kind.longest_certificate().unwrap();
        let lengths = (0..8).map(|_| identity_of(kind).attestation_key().unwrap().x5c[0].len());
        let lengths = lengths.collect::<Vec<_>>();
        // Numbers and dates differ in length.
        let is_near = |length: &usize| (longest - 12..=longest).contains(length);
        assert!(lengths.iter().all(is_near), "{longest}: {lengths:?}");
    }
    assert_eq!(DEVICE.longest_certificate(), None, "a serial number may be of any length");
}

/// How often it was drawn from.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl rand_core::TryRng for Counted {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(rand_core::Rng::next_u32(&mut system_rng()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(rand_core::Rng::next_u64(&mut system_rng()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        rand_core::Rng::fill_bytes(&mut system_rng(), bytes);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counted {}

#[test]
fn a_key_that_remembers_nothing_makes_its_identity_when_it_first_vouches_and_once() {
    let (rng, today, drawn) = (&mut system_rng(), SystemTime::now(), Counted::default());
    let mut issuer = Issuer { serial: SERIAL, directory: None, rng, today };
    let identity = issuer.lazy_identity(MODEL, Box::new(drawn.clone())).unwrap();
    let config = Config {
        attestation: ctap_core::attestation::Attestation::Basic,
        attestation_key: Some(Arc::clone(&identity) as _),
        ..Config::default()
    };
    assert_eq!(drawn.0.load(Ordering::Relaxed), 0, "nobody has asked");
    assert_eq!(identity.chain().unwrap().len(), 1);
    let once = drawn.0.load(Ordering::Relaxed);
    assert!(once > 0);
    let chain = identity.key().unwrap().x5c.clone();
    assert_eq!(register(config, None), (false, Verdict::Packed { chain }));
    assert_eq!(drawn.0.load(Ordering::Relaxed), once, "the same as before");
}

#[test]
fn a_date_that_no_certificate_can_tell_is_told_at_the_start() {
    let (rng, today) = (&mut system_rng(), SystemTime::UNIX_EPOCH);
    let mut issuer = Issuer { serial: SERIAL, directory: None, rng, today };
    let error = issuer.lazy_identity(MODEL, Box::new(system_rng())).unwrap_err();
    assert!(matches!(error, Error::Certificate(_)), "{error}");
}

#[test]
fn no_two_roots_have_one_name() {
    // Relying parties look roots up by name: python-fido2 2.2.1 and webauthn-rs-core 0.6.2 try one of each.
    let root = |kind| identity_of(kind).certificates[1].tbs_certificate().subject().clone();
    let names = [MODEL, MODEL, DEVICE, U2F].map(root).map(|name| name.to_string());
    assert_eq!(BTreeSet::from(names.clone()).len(), names.len(), "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("CN=keyfob attestation root ")), "{names:?}");
}

#[test]
fn certificates_tell_their_key_and_their_issuers() {
    // RFC 5280 sections 4.2.1.1 and 4.2.1.2
    for kind in [MODEL, DEVICE, U2F] {
        let identity = identity_of(kind);
        let [leaf, root] = [0, 1].map(|index| identity.certificates[index].tbs_certificate());
        let own = |contents: &TbsCertificate| {
            let (critical, SubjectKeyIdentifier(own)) =
                contents.get_extension::<SubjectKeyIdentifier>().unwrap().unwrap();
            let info = contents.subject_public_key_info().owned_to_ref();
            assert_eq!(own, SubjectKeyIdentifier::try_from(info).unwrap().0);
            assert!(!critical);
            own
        };
        let (_, issuer) = leaf.get_extension::<AuthorityKeyIdentifier>().unwrap().unwrap();
        assert_eq!(issuer.key_identifier, Some(own(root)));
        assert_ne!(own(leaf), own(root));
    }
}

#[test]
fn the_certificate_of_a_key_that_speaks_u2f_alone_names_no_model() {
    let identity = identity_of(U2F);
    assert_eq!(identity.model().unwrap(), None);
    assert_eq!(extension(&identity.certificates[0], "1.3.6.1.4.1.45724.1.1.4"), None);
}

#[test]
fn a_certificate_tells_by_which_ways_its_key_is_reached() {
    // AT-27
    let told = |kind| extension(&identity_of(kind).certificates[0], "1.3.6.1.4.1.45724.2.1.1");
    let of = |names: &[&str]| {
        let transports = U2fTransports::of(names.iter().copied());
        told(AttestationKind::U2f { transports })
    };
    let bits = |unused, byte| Some((false, vec![3, 2, unused, byte]));
    assert_eq!([told(MODEL), told(DEVICE)], [bits(5, 0b0010_0000), bits(5, 0b0010_0000)]);
    assert_eq!(of(&["usb", "nfc", "ble"]), bits(4, 0b0111_0000));
    assert_eq!(of(&["nfc"]), bits(4, 0b0001_0000));
    assert_eq!(of(&["ble"]), bits(6, 0b0100_0000));
    assert_eq!(of(&["smart-card"]), None);
}

#[test]
fn keys_that_are_reached_by_other_ways_have_certificates_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let sets: [&[&str]; 5] = [&[], &["usb"], &["usb", "nfc"], &["nfc"], &["usb", "nfc", "ble"]];
    let roots = sets.map(|names| {
        let transports = U2fTransports::of(names.iter().copied());
        identity(AttestationKind::U2f { transports }, SERIAL, Some(directory.path()))
            .unwrap()
            .root()
            .unwrap()
    });
    assert_eq!(BTreeSet::from(roots).len(), sets.len());
    let names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let names: BTreeSet<_> = names.map(|name| name.into_string().unwrap()).collect();
    assert!(names.iter().all(|name| is_for_u2f(name)), "{names:?}");
    assert!(
        names.contains("attestation-u2f.pem") && !is_for_u2f("attestation-u2f-x.pem"),
        "{names:?}"
    );
}

#[test]
fn only_a_device_certificate_has_the_serial_number() {
    // AT-26
    let id = "1.3.6.1.4.1.45724.1.1.2";
    let value = [&[0x04, 16], SERIAL.as_bytes()].concat();
    assert_eq!(extension(&identity_of(DEVICE).certificates[0], id), Some((false, value)));
    assert_eq!(extension(&identity_of(MODEL).certificates[0], id), None);
}

#[test]
fn an_identity_survives_as_text() {
    let identity = identity_of(DEVICE);
    let text = identity.to_pem().unwrap();
    let read = Identity::from_pem(&text, &text).unwrap();
    assert_eq!(read.to_pem().unwrap(), text);
    assert_eq!(read.certificates, identity.certificates);
}

#[test]
fn text_that_is_no_identity_is_told_why() {
    let (ours, other) = (identity_of(MODEL), identity_of(MODEL));
    let text = ours.to_pem().unwrap();
    let fault =
        |key: &str, certificates: &str| Identity::from_pem(key, certificates).err().unwrap();
    let certificates = text.split_once("-----END PRIVATE KEY-----").unwrap().1;
    assert_eq!(fault("", &text), Unusable::NoKey);
    assert_eq!(fault(certificates, &text), Unusable::NoKey);
    assert_eq!(fault(&text.replacen("M", "!", 1), &text), Unusable::OtherKey);
    assert_eq!(fault(&text, ""), Unusable::NoCertificate);
    assert_eq!(fault(&text, &other.to_pem().unwrap()), Unusable::OtherCertificate);
    let damaged = certificates.replacen("MII", "MIX", 1);
    assert_eq!(fault(&text, &damaged), Unusable::DamagedCertificate);
    let leaf = ours.certificates[0].to_pem(LineEnding::LF).unwrap();
    assert_eq!(fault(&text, &leaf.repeat(2)), Unusable::NoChain);
}

#[test]
fn a_key_in_the_older_form_is_read_too() {
    let identity = identity_of(MODEL);
    let key = identity.key.to_sec1_pem(LineEnding::LF).unwrap();
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let key = format!("{parameters}{}", *key);
    assert!(Identity::from_pem(&key, &identity.to_pem().unwrap()).is_ok());
}

#[test]
fn what_a_key_has_kept_it_finds_again() {
    let directory = tempfile::tempdir().unwrap();
    assert!(kept(MODEL, directory.path()).unwrap().is_none());
    let mut texts = Vec::new();
    for kind in [MODEL, DEVICE, AttestationKind::Model { aaguid: [7; 16] }, U2F] {
        let made = identity(kind, SERIAL, Some(directory.path())).unwrap().to_pem().unwrap();
        let found = identity(kind, SERIAL, Some(directory.path())).unwrap().to_pem().unwrap();
        let read = kept(kind, directory.path()).unwrap().unwrap().to_pem().unwrap();
        assert_eq!([&found, &read], [&made, &made]);
        texts.push(made);
    }
    texts.dedup();
    assert_eq!(texts.len(), 4);
    for file in fs::read_dir(directory.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 4, "nothing unfinished is left");
}

#[test]
fn without_a_memory_each_identity_is_new() {
    let made = || identity(MODEL, SERIAL, None).unwrap().to_pem().unwrap();
    assert_ne!(made(), made());
}

#[test]
fn a_file_that_is_not_ours_alone_is_refused_and_left() {
    // P-21
    let directory = tempfile::tempdir().unwrap();
    identity(MODEL, SERIAL, Some(directory.path())).unwrap();
    let path = fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    let refusal = || describe(&identity(MODEL, SERIAL, Some(directory.path())).err().unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refusal().contains("chmod 600"), "{}", refusal());
    let elsewhere = directory.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert!(refusal().contains("not a regular file"), "{}", refusal());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(refusal().contains("not a regular file"), "{}", refusal());
}

#[test]
fn a_damaged_file_is_refused_and_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    identity(MODEL, SERIAL, Some(directory.path())).unwrap();
    let path = fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    for damage in [&b"nothing"[..], &[0xff; 9]] {
        fs::write(&path, damage).unwrap();
        let refusal = describe(&identity(MODEL, SERIAL, Some(directory.path())).err().unwrap());
        assert!(refusal.contains("\nnext: restore the file"), "{refusal}");
        assert_eq!(fs::read(&path).unwrap(), damage);
    }
}

const CLIENT_DATA_HASH: [u8; 32] = [0xCD; 32];

fn register(config: Config, enterprise_attestation: Option<u64>) -> (bool, Verdict) {
    let config = config.checked().unwrap();
    let rp = RelyingParty { id: "example.org".into(), ..RelyingParty::default() };
    let user = User { id: vec![1], ..User::default() };
    let mut request = make_credential::Request::new(CLIENT_DATA_HASH, rp, user);
    request.enterprise_attestation = enterprise_attestation;
    let mut key = SoftKey::new(config, [1; 32]);
    if enterprise_attestation.is_some() {
        assert_eq!(key.call(&[0x0d, 0xa1, 0x01, 0x01]), [0], "enableEnterpriseAttestation");
    }
    let reply = key.call(&request.encode());
    assert_eq!(reply[0], 0);
    let reply = make_credential::Reply::parse(&reply[1..], true).unwrap();
    (reply.ep_att == Some(true), reply.verify("example.org", &CLIENT_DATA_HASH).unwrap())
}

#[test]
fn a_relying_party_accepts_packed_attestation_with_the_certificate() {
    // AT-02, AT-08
    let identity = identity_of(MODEL);
    let chain = vec![identity.certificates[0].to_der().unwrap()];
    let config = Config {
        attestation: ctap_core::attestation::Attestation::Basic,
        attestation_key: Some(Arc::new(identity.attestation_key().unwrap())),
        ..Config::default()
    };
    assert_eq!(register(config, None), (false, Verdict::Packed { chain }));
}

#[test]
fn enterprise_attestation_sends_the_one_certificate_it_was_given() {
    // AT-40, AT-41: a leaf without its root, as a tester loads it
    let text = identity_of(DEVICE).to_pem().unwrap();
    let leaf_only = text.rsplit_once("-----BEGIN").unwrap().0;
    let identity = Identity::from_pem(leaf_only, leaf_only).unwrap();
    let chain = vec![identity.root().unwrap()];
    let commands = ConfigCommands {
        enterprise_attestation: Some(EnterpriseAttestation {
            key: Arc::new(identity.attestation_key().unwrap()),
            rp_ids: vec!["example.org".into()],
            vendor_facilitated_only: false,
        }),
        ..Config::default().authenticator_config
    };
    let config = Config { authenticator_config: commands, ..Config::default() };
    assert_eq!(register(config, Some(1)), (true, Verdict::Packed { chain }));
}

#[test]
fn a_u2f_client_accepts_the_certificate() {
    // AT-30, UF-61
    let identity = identity_of(MODEL);
    let key = Arc::new(identity.attestation_key().unwrap());
    let config = Config { u2f: true, attestation_key: Some(key), ..Config::default() };
    let mut key = SoftKey::new(config.checked().unwrap(), [1; 32]);
    let (challenge, application) = ([1; 32], [2; 32]);
    let reply = key.call_u2f(&apdu(0x01, 0, &[challenge, application].concat()));
    let (data, word) = reply.split_last_chunk::<2>().unwrap();
    assert_eq!(*word, [0x90, 0x00]);
    let registration = Registration::parse(data).unwrap();
    registration.verify(&challenge, &application).unwrap();
    assert_eq!(registration.certificate, identity.certificates[0].to_der().unwrap());
}
