//! A key with a PIN, and what a browser does between it and a site (WebAuthn sections 5.1.3, 5.1.4 and 5.8.1).

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ciborium::Value as Cbor;
use ctap_client::commands::u2f::Registration;
use ctap_client::webauthn::{self, Caller, WebauthnError};
use ctap_client::{Client, Exchange, KeepaliveStatus, Patience, Status, TransportError};
use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::attestation::{Attestation, AttestationKey};
use ctap_core::secret::SecretBytes;
use ctap_core::{Config, SoftKey};
use p256::SecretKey;
use p256::pkcs8::DecodePrivateKey as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const PIN: &str = "2468";

/// What `credential.toJSON()` gives a page.
pub(crate) type Answer = Value;

/// A virtual key, and the browser's half of WebAuthn.
pub(crate) struct SecurityKey(Client<InProcess>);

struct InProcess(SoftKey);

impl Exchange for InProcess {
    fn exchange(
        &mut self,
        request: &[u8],
        _: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        Ok(self.0.call(request))
    }
}

impl SecurityKey {
    /// A key that vouches for itself, with a PIN. The same number gives the same key.
    pub(crate) fn new(number: u8) -> Self {
        Self::made(Config::default(), number)
    }

    /// A key whose manufacturer vouches for its model.
    pub(crate) fn attested(number: u8) -> Self {
        Self::made(attested(), number)
    }

    pub(crate) fn made(config: Config, number: u8) -> Self {
        let mut client =
            Client::new(InProcess(SoftKey::new(config.checked().unwrap(), [number; 32])));
        client.set_pin(PIN).unwrap();
        Self(client)
    }

    /// `navigator.credentials.create()`
    pub(crate) fn create(&mut self, options: &Value, origin: &str) -> Result<Answer, Status> {
        let caller = Caller::new(origin).with_pin(PIN);
        webauthn::create(&mut self.0, options, &caller).map_err(refusal)
    }

    /// `navigator.credentials.get()`
    pub(crate) fn get(&mut self, options: &Value, origin: &str) -> Result<Answer, Status> {
        assert_eq!(options["userVerification"], "required");
        let caller = Caller::new(origin).with_pin(PIN);
        webauthn::get(&mut self.0, options, &caller).map_err(refusal)
    }

    /// `navigator.credentials.get()` in a browser that forgets about the PIN.
    pub(crate) fn get_without_pin(
        &mut self,
        options: &Value,
        origin: &str,
    ) -> Result<Answer, Status> {
        let mut options = options.clone();
        options["userVerification"] = "discouraged".into();
        webauthn::get(&mut self.0, &options, &Caller::new(origin)).map_err(refusal)
    }

    /// `navigator.credentials.create()` in a browser that asks over U2F, whatever the site wants (CTAP section 7.1).
    pub(crate) fn create_over_u2f(options: &Value, origin: &str) -> Answer {
        let client_data = client_data("webauthn.create", options, origin);
        let application = Sha256::digest(text(&options["rp"]["id"]));
        let challenge = Sha256::digest(&client_data);
        let apdu =
            [&[0, 1, 0, 0, 0, 0, 64][..], challenge.as_slice(), application.as_slice(), &[0, 0]];
        let config = Config { u2f: true, ..attested() };
        let mut reply = SoftKey::new(config.checked().unwrap(), [1; 32]).call_u2f(&apdu.concat());
        assert_eq!(reply.split_off(reply.len() - 2), [0x90, 0x00]);
        let Registration { public_key, key_handle, certificate, signature } =
            Registration::parse(&reply).unwrap();
        let point = public_key.to_sec1_point(false);
        let cose = cbor(&Cbor::Map(vec![
            (1.into(), 2.into()),
            (3.into(), (-7).into()),
            ((-1).into(), 1.into()),
            ((-2).into(), Cbor::Bytes(point.as_bytes()[1..33].to_vec())),
            ((-3).into(), Cbor::Bytes(point.as_bytes()[33..].to_vec())),
        ]));
        let length = u16::try_from(key_handle.len()).unwrap().to_be_bytes();
        // A touch, no PIN, an attested credential; no counter and no AAGUID.
        let head = [application.as_slice(), &[0x41], &[0; 4 + 16], &length].concat();
        let auth_data = [head, key_handle, cose].concat();
        let statement = Cbor::Map(vec![
            ("sig".into(), Cbor::Bytes(signature)),
            ("x5c".into(), Cbor::Array(vec![Cbor::Bytes(certificate)])),
        ]);
        created(&client_data, "fido-u2f", statement, auth_data)
    }
}

/// What the key said no with.
fn refusal(error: WebauthnError) -> Status {
    match error {
        WebauthnError::Key(error) => error.status().unwrap(),
        other => panic!("{other}"),
    }
}

/// A key with a manufacturer's certificate.
fn attested() -> Config {
    let secret = SecretKey::from_pkcs8_pem(include_str!("../attestation/key.pem")).unwrap();
    let secret = SecretBytes::new(secret.to_bytes().to_vec());
    let attestation_key = Arc::new(AttestationKey {
        key: PrivateKey { algorithm: Algorithm::Es256, secret },
        x5c: vec![der(include_str!("../attestation/certificate.pem"))],
    });
    let attestation = Attestation::Basic;
    Config { attestation, attestation_key: Some(attestation_key), ..Config::default() }
}

/// What a page is given for a new credential.
pub(crate) fn created(
    client_data: &[u8],
    fmt: &str,
    statement: Cbor,
    auth_data: Vec<u8>,
) -> Answer {
    let id = credential_id(&auth_data).to_vec();
    let object = Cbor::Map(vec![
        ("fmt".into(), fmt.into()),
        ("attStmt".into(), statement),
        ("authData".into(), Cbor::Bytes(auth_data)),
    ]);
    let response = json!({
        "clientDataJSON": base64(client_data),
        "attestationObject": base64(&cbor(&object)),
        "transports": ["usb"],
    });
    credential(&id, &response)
}

pub(crate) fn cbor(value: &Cbor) -> Vec<u8> {
    let mut encoded = Vec::new();
    ciborium::into_writer(value, &mut encoded).unwrap();
    encoded
}

pub(crate) fn client_data(kind: &str, options: &Value, origin: &str) -> Vec<u8> {
    let data = json!({
        "type": kind, "challenge": options["challenge"], "origin": origin, "crossOrigin": false,
    });
    data.to_string().into_bytes()
}

pub(crate) fn credential(id: &[u8], response: &Value) -> Answer {
    json!({
        "id": base64(id), "rawId": base64(id), "type": "public-key", "response": response,
        "clientExtensionResults": {}, "authenticatorAttachment": "cross-platform",
    })
}

/// WebAuthn section 6.5.1: after 37 bytes and the AAGUID comes the length of the id, and the id.
fn credential_id(auth_data: &[u8]) -> &[u8] {
    let length = usize::from(u16::from_be_bytes([auth_data[53], auth_data[54]]));
    &auth_data[55..55 + length]
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn der(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    base64ct::Base64::decode_vec(&lines).unwrap()
}
