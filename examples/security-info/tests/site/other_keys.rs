//! Keys that are not keyfob's kind: one with RSA, and one that knows U2F only.

use axum::http::StatusCode;
use ciborium::Value as Cbor;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::key::{base64, cbor, client_data, created, credential, text};
use crate::support::{ORIGIN, SecurityKey, Site};

/// A key that signs with RS256 alone, and vouches for nothing.
struct RsaKey {
    pair: Rsa<Private>,
    user: String,
    counter: u32,
}

const ID: &[u8; 16] = b"an RSA key of us";

impl RsaKey {
    fn create(options: &Value) -> (Self, Value) {
        let pair = Rsa::generate(2048).unwrap();
        let cose = cbor(&Cbor::Map(vec![
            (1.into(), 3.into()),
            (3.into(), (-257).into()),
            ((-1).into(), Cbor::Bytes(pair.n().to_vec())),
            ((-2).into(), Cbor::Bytes(pair.e().to_vec())),
        ]));
        let user = text(&options["user"]["id"]).to_owned();
        let key = Self { pair, user, counter: 0 };
        let credential_data = [&[0; 16][..], &[0, 16], ID, cose.as_slice()].concat();
        let auth_data = [key.auth_data(text(&options["rp"]["id"]), 0x45), credential_data].concat();
        let client_data = client_data("webauthn.create", options, ORIGIN);
        (key, created(&client_data, "none", Cbor::Map(Vec::new()), auth_data))
    }

    fn get(&mut self, options: &Value) -> Value {
        self.counter += 1;
        let client_data = client_data("webauthn.get", options, ORIGIN);
        let auth_data = self.auth_data(text(&options["rpId"]), 0x05);
        let pair = PKey::from_rsa(self.pair.clone()).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &pair).unwrap();
        signer.update(&auth_data).unwrap();
        signer.update(&Sha256::digest(&client_data)).unwrap();
        let signature = signer.sign_to_vec().unwrap();
        let response = json!({
            "clientDataJSON": base64(&client_data),
            "authenticatorData": base64(&auth_data),
            "signature": base64(&signature),
            "userHandle": self.user,
        });
        credential(ID, &response)
    }

    /// WebAuthn section 6.1: RP id hash, flags, counter.
    fn auth_data(&self, rp_id: &str, flags: u8) -> Vec<u8> {
        [Sha256::digest(rp_id).as_slice(), &[flags], &self.counter.to_be_bytes()].concat()
    }
}

#[tokio::test]
async fn a_key_that_signs_with_rsa_alone_is_as_good() {
    let site = Site::new();
    let mut alice = site.alice().await;
    let page = alice.get("/security-info/add/security-key/usb").await;
    let offered = page.options()["pubKeyCredParams"].as_array().unwrap().clone();
    let offered: Vec<_> = offered.iter().map(|offer| offer["alg"].as_i64().unwrap()).collect();
    assert_eq!(offered, [-7, -8, -35, -257], "the ones that keys do best come first");
    let (mut key, answer) = RsaKey::create(&page.options());
    let added = alice.answer("/security-info/add/security-key", &page, &answer).await;
    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.body);

    let mut browser = site.browser();
    let page = browser.get("/sign-in").await;
    let answer = key.get(&page.options());
    let signed_in = browser.answer("/sign-in/key", &page, &answer).await;
    assert_eq!(signed_in.location.as_deref(), Some("/security-info"), "{}", signed_in.body);
}

#[tokio::test]
async fn a_key_that_knows_u2f_only_is_told_to_be_one() {
    let mut browser = Site::new().alice().await;
    let page = browser.get("/security-info/add/security-key/usb").await;
    let answer = SecurityKey::create_over_u2f(&page.options(), ORIGIN);
    let refused = browser.answer("/security-info/add/security-key", &page, &answer).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.says("This key knows U2F only");
    refused.says("Nothing was added; please use a FIDO2 key.");
    assert!(browser.get("/security-info").await.keys().is_empty());
}
