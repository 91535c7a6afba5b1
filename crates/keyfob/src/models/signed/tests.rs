//! The two JWTs and the root in `testdata` were made with OpenSSL: one of an RSA key for FIDO's name, one of a P-256 key for
//! another.

use rustls_pki_types::SignatureVerificationAlgorithm as _;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use super::*;
use crate::failure::describe;

const ROOT: &[u8] = include_bytes!("../testdata/root.pem");
const RS256: &str = include_str!("../testdata/rs256.jwt");
const ES256: &str = include_str!("../testdata/es256.jwt");

fn root() -> Root {
    Root::read(ROOT).unwrap()
}

fn on(day: &str) -> SystemTime {
    let day = day.parse::<chrono::NaiveDate>().unwrap().and_hms_opt(12, 0, 0).unwrap();
    day.and_utc().into()
}

fn refused(text: &str, root: &Root, day: &str) -> String {
    describe(&payload(text, root, on(day)).unwrap_err())
}

#[test]
fn a_jwt_says_what_it_says_if_its_certificates_lead_to_the_root() {
    for text in [RS256, ES256] {
        let said = payload(text, &root(), on("2027-01-01")).unwrap();
        assert!(said.starts_with(r#"{"no": 7,"#), "{said}");
    }
    let der = CertificateDer::from_pem_slice(ROOT).unwrap();
    assert!(payload(RS256, &Root::read(&der).unwrap(), on("2027-01-01")).is_ok(), "DER as well");
    assert!(Root::read(b"-----BEGIN").is_err());
}

#[test]
fn a_jwt_for_another_root_is_not_believed() {
    let told = refused(RS256, &Root::fido(), "2027-01-01");
    assert!(told.contains("do not lead to the root\nnext: name the root"), "{told}");
}

#[test]
fn of_those_that_a_public_root_vouches_for_only_fido_is_believed() {
    let public = Root { signer: Root::fido().signer, ..root() };
    assert!(payload(RS256, &public, on("2027-01-01")).is_ok());
    let told = refused(ES256, &public, "2027-01-01");
    assert!(
        told.contains("somebody other than FIDO has signed it\nnext: download it again"),
        "{told}"
    );
}

#[test]
fn a_jwt_is_believed_as_long_as_its_certificates_are_valid() {
    let told = refused(RS256, &root(), "2040-01-01");
    assert!(told.contains("expired on 2036-11-27\nnext: download it again"), "{told}");
    let told = refused(RS256, &root(), "2020-01-01");
    assert!(
        told.contains("is not valid before 2026-11-30\nnext: check that the machine's date"),
        "{told}"
    );
}

#[test]
fn a_jwt_that_was_cut_off_or_changed_is_not_believed() {
    let (message, signature) = RS256.trim().rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let shorter = format!("{message}.{}", &signature[..signature.len() - 4]);
    let changed = format!("{header}.{}.{signature}", payload.replacen("ey", "e3", 1));
    for text in [shorter, changed] {
        let told = refused(&text, &root(), "2027-01-01");
        assert!(told.contains("it is cut off, or was changed\nnext: download it again"), "{told}");
    }
    for text in [message, header] {
        let told = refused(text, &root(), "2027-01-01");
        assert!(told.contains("ends before its signature: it is cut off\nnext: "), "{told}");
    }
    for text in ["PK", "a.b.c"] {
        let told = refused(text, &root(), "2027-01-01");
        assert!(told.contains("it is neither JSON nor a JWT\nnext: "), "{told}");
    }
}

#[test]
fn a_jwt_without_a_signature_or_certificates_is_not_believed() {
    let with = |header: &str| {
        let header = Base64UrlUnpadded::encode_string(header.as_bytes());
        let (_, rest) = RS256.split_once('.').unwrap();
        refused(&format!("{header}.{rest}"), &root(), "2027-01-01")
    };
    for (header, what) in [
        (r#"{"alg":"none"}"#, "it is not signed\nnext: fetch the signed one"),
        (r#"{"alg":"HS256"}"#, "signed with the algorithm HS256, and keyfob knows only RS256"),
        (r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, "must understand (`crit`)"),
        (r#"{"alg":"RS256"}"#, "does not have the certificates"),
        (r#"{"alg":"RS256","x5c":["!"]}"#, "does not have the certificates"),
        (
            r#"{"alg":"RS256","x5c":["AAAA"]}"#,
            "a certificate of its signer is damaged, or of a kind that keyfob does not accept (",
        ),
    ] {
        let told = with(header);
        assert!(told.contains(what), "{told}");
    }
}

#[test]
fn a_signers_certificate_that_does_not_fit_is_told_by_what_is_wrong_with_it() {
    let of_the_signer = |certificate: &[u8]| {
        let certificate = Base64::encode_string(certificate);
        let header = format!(r#"{{"alg":"RS256","x5c":["{certificate}"]}}"#);
        let header = Base64UrlUnpadded::encode_string(header.as_bytes());
        let (_, rest) = RS256.split_once('.').unwrap();
        refused(&format!("{header}.{rest}"), &root(), "2027-01-01")
    };
    let told = of_the_signer(&CertificateDer::from_pem_slice(ROOT).unwrap());
    assert!(told.contains("is that of a certificate authority"), "{told}");
    assert!(
        told.contains("\nnext: have it signed by a certificate that a CA has issued"),
        "{told}"
    );

    let header = decoded(RS256.split_once('.').unwrap().0).unwrap();
    let header: Header = serde_json::from_slice(&header).unwrap();
    let mut changed = Base64::decode_vec(&header.x5c[0]).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    let told = of_the_signer(&changed);
    assert!(told.contains("is not signed by the issuer that it names\nnext: "), "{told}");
}

/// RSA of 4096 bits and SHA-384: as the certificates are signed that lead to it.
#[test]
fn the_root_that_is_built_in_is_the_one_that_fido_names() {
    let root = Certificate::from_der(GLOBALSIGN).unwrap();
    let of_its_own = root.tbs_certificate();
    assert_eq!(of_its_own.subject().to_string(), "CN=GlobalSign Root R46,O=GlobalSign nv-sa,C=BE");
    let key = of_its_own.subject_public_key_info().subject_public_key.raw_bytes();
    let (message, signature) = (of_its_own.to_der().unwrap(), root.signature().raw_bytes());
    assert!(Algorithm::Rs384.verify_signature(key, &message, signature).is_ok());
    assert!(Algorithm::Rs384.verify_signature(key, &message[1..], signature).is_err());
    assert!(Algorithm::Rs256.verify_signature(key, &message, signature).is_err());
}
