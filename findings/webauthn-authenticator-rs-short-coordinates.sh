#!/bin/sh
# webauthn-authenticator-rs sends coordinates of its key agreement key without their leading zeros.
#
# version    webauthn-authenticator-rs 0.5.5, with openssl 0.10 of Rust and OpenSSL 3 beneath; seen on x86-64, 30 November 2026
# behaviour  keyAgreement of clientPIN has an x or a y of fewer than 32 bytes, whenever that begins with a zero byte: for one key
#            in 128. CTAP 2.1, section 6.5.6, getPublicKey: "32-byte big-endian encoding" of both; RFC 9053, section 7.1.1: "Leading-zero octets
#            MUST be preserved."
# why        A security key that keeps to the standard refuses such a key, so one ceremony in 128 with a PIN or a finger fails by chance.
# where      src/ctap2/pin_uv.rs, get_public_key: BigNum::to_vec, which drops leading zeros, instead of to_vec_padded(32)
# output     coordinates of 32 bytes: most
#            keys with a shorter one: between 1 in 64 and 1 in 256
#
# Usage: findings/webauthn-authenticator-rs-short-coordinates.sh   (needs cargo, a C compiler, OpenSSL's headers and the network; fails
#        if the behaviour changes)
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat >Cargo.toml <<'END_OF_FILE'
[package]
name = "short-coordinates"
version = "0.0.0"
edition = "2021"

[dependencies]
async-trait = "0.1"
futures = "0.3"
serde_cbor_2 = "=0.13.0"
webauthn-authenticator-rs = { version = "=0.5.5", default-features = false, features = ["ctap2-management"] }
webauthn-rs-proto = "=0.5.5"

[workspace]
END_OF_FILE
cat >src/main.rs <<'END_OF_FILE'
//! A security key that has no PIN yet and takes any: how long are the coordinates that it is sent?

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_cbor_2::{from_slice, to_vec, Value};
use webauthn_authenticator_rs::ctap2::CtapAuthenticator;
use webauthn_authenticator_rs::error::WebauthnCError;
use webauthn_authenticator_rs::transport::Token;
use webauthn_authenticator_rs::types::{CableRequestType, CableState, EnrollSampleStatus};
use webauthn_authenticator_rs::ui::UiCallback;
use webauthn_rs_proto::AuthenticatorTransport;

const KEYS: usize = 8000;

fn map(members: Vec<(i128, Value)>) -> Value {
    Value::Map(members.into_iter().map(|(key, value)| (Value::Integer(key), value)).collect())
}

fn member(value: &Value, key: i128) -> &Value {
    let Value::Map(members) = value else { panic!("no map: {value:?}") };
    &members[&Value::Integer(key)]
}

fn length(value: &Value) -> usize {
    let Value::Bytes(bytes) = value else { panic!("no bytes: {value:?}") };
    bytes.len()
}

/// getInfo (04) of a key with PIN/UV auth protocol 1 and no PIN.
fn info() -> Value {
    let options = BTreeMap::from([(Value::Text("clientPin".into()), Value::Bool(false))]);
    map(vec![
        (1, Value::Array(vec![Value::Text("FIDO_2_0".into())])),
        (3, Value::Bytes(vec![0; 16])),
        (4, Value::Map(options)),
        (6, Value::Array(vec![Value::Integer(1)])),
    ])
}

/// getKeyAgreement's: the base point of P-256.
fn key_agreement() -> Value {
    let hex = |text: &str| {
        let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
        Value::Bytes((0..32).map(byte).collect())
    };
    let x = hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    let y = hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
    let kinds = [(1, 2), (3, -25), (-1, 1)].map(|(key, value)| (key, Value::Integer(value)));
    map(vec![(1, map(kinds.into_iter().chain([(-2, x), (-3, y)]).collect()))])
}

#[derive(Debug, Default)]
struct Key {
    whole: usize,
    short: usize,
}

#[async_trait]
impl Token for Key {
    type Id = ();

    fn get_transport(&self) -> AuthenticatorTransport {
        AuthenticatorTransport::Usb
    }

    async fn transmit_raw<U: UiCallback>(&mut self, cbor: &[u8], _: &U) -> Result<Vec<u8>, WebauthnCError> {
        if cbor[0] == 0x04 {
            return Ok(to_vec(&info()).unwrap());
        }
        let request: Value = from_slice(&cbor[1..]).unwrap();
        if member(&request, 2) == &Value::Integer(2) {
            return Ok(to_vec(&key_agreement()).unwrap());
        }
        let sent = member(&request, 3);
        match [-2, -3].iter().all(|key| length(member(sent, *key)) == 32) {
            true => self.whole += 1,
            false => self.short += 1,
        }
        if self.whole + self.short == KEYS {
            println!("coordinates of 32 bytes: {}", if self.whole > self.short { "most" } else { "few" });
            let is_so = (KEYS / 256..KEYS / 64).contains(&self.short);
            let told = if is_so { "between 1 in 64 and 1 in 256".into() } else { self.short.to_string() };
            println!("keys with a shorter one: {told}");
        }
        Ok(Vec::new())
    }

    async fn cancel(&mut self) -> Result<(), WebauthnCError> {
        Ok(())
    }

    async fn init(&mut self) -> Result<(), WebauthnCError> {
        Ok(())
    }

    async fn close(&mut self) -> Result<(), WebauthnCError> {
        Ok(())
    }
}

#[derive(Debug)]
struct Nobody;

impl UiCallback for Nobody {
    fn request_pin(&self) -> Option<String> {
        None
    }
    fn request_touch(&self) {}
    fn processing(&self) {}
    fn fingerprint_enrollment_feedback(&self, _: u32, _: Option<EnrollSampleStatus>) {}
    fn cable_qr_code(&self, _: CableRequestType, _: String) {}
    fn dismiss_qr_code(&self) {}
    fn cable_status_update(&self, _: CableState) {}
}

fn main() {
    futures::executor::block_on(async {
        let Some(CtapAuthenticator::Fido20(mut key)) = CtapAuthenticator::new(Key::default(), &Nobody).await
        else {
            panic!("this key is one of CTAP 2.0")
        };
        for _ in 0..KEYS {
            key.set_new_pin("1234").await.unwrap();
        }
    });
}
END_OF_FILE
cargo run --quiet | tee output

cat >expected <<'END_OF_FILE'
coordinates of 32 bytes: most
keys with a shorter one: between 1 in 64 and 1 in 256
END_OF_FILE
diff expected output
