//! What is asked of a key for a site's options, and what the page gets of its answers. Whole ceremonies, judged by a relying party's
//! library, are in the tests of keyfob and of the example site.

use serde_json::json;

use super::options::Options;
use super::*;
use crate::cbor::{MapBuilder, Value, encode};
use crate::client::Client;
use crate::commands::get_assertion::Assertion;
use crate::status::Status;
use crate::test_support::{ScriptedKey, hex};

/// getInfo of a key without PIN that keeps passkeys.
fn info() -> Vec<u8> {
    let options = MapBuilder::new().member("rk", true).build();
    let info = MapBuilder::new()
        .member(1, vec![Value::from("FIDO_2_0")])
        .member(3, vec![0_u8; 16])
        .member(4, options);
    [vec![0], encode(&info.build())].concat()
}

fn caller() -> Caller {
    Caller::new("https://example.com")
}

#[test]
fn a_key_that_refuses_refuses_the_page() {
    let options = json!({ "challenge": "AAAA", "allowCredentials": [], "rpId": "example.com",
        "userVerification": "discouraged" });
    let asked = Options::new(&options).unwrap();
    let (_, hash) = caller().client_data("webauthn.get", &asked).unwrap();
    let request = crate::get_assertion::Request::new("example.com", hash).encode();
    let key = ScriptedKey::default().expect([4], info()).expect(request, [0x2E]);
    let refused = get(&mut Client::new(key), &options, &caller()).unwrap_err();
    let WebauthnError::Key(refused) = refused else { panic!("{refused}") };
    assert_eq!(refused.status(), Some(Status::NoCredentials));
}

#[test]
fn options_that_are_none_are_refused_by_the_member_and_no_key_is_asked() {
    let whole = json!({ "challenge": "AAAA", "rp": { "name": "x" },
        "user": { "id": "AQ", "name": "ada" }, "pubKeyCredParams": [] });
    for (member, value, told) in [
        ("challenge", json!(null), "challenge is missing"),
        ("challenge", json!("not base64url!"), "challenge is not base64url"),
        ("challenge", json!("AA+/"), "challenge is not base64url"),
        ("user", json!({ "name": "ada" }), "id is missing"),
        ("user", json!({ "id": "", "name": "ada" }), "user.id is not 1 to 64 bytes"),
        ("user", json!({ "id": "!", "name": "ada" }), "id is not base64url"),
        ("excludeCredentials", json!(3), "excludeCredentials is not a list"),
        (
            "pubKeyCredParams",
            json!([{ "type": "other", "alg": -7 }]),
            "pubKeyCredParams has no entry of the type public-key",
        ),
        ("rp", json!({ "id": "example.org" }), "may not use the RP id example.org"),
    ] {
        let mut options = whole.clone();
        options[member] = value;
        let key = ScriptedKey::default().expect([4], info());
        let refused = create(&mut Client::new(key), &options, &caller()).unwrap_err().to_string();
        assert!(refused.ends_with(told), "{refused}");
    }
}

#[test]
fn a_site_that_wants_the_user_verified_is_not_served_by_a_key_that_cannot() {
    let options = json!({ "publicKey": { "challenge": "AAAA", "userVerification": "required" } });
    let key = ScriptedKey::default().expect([4], info());
    let refused = get(&mut Client::new(key), &options, &caller()).unwrap_err();
    assert!(matches!(refused, WebauthnError::NotVerified));
}

#[test]
fn an_assertion_becomes_the_json_of_a_page() {
    let data = [vec![7; 32], hex("0500000009")].concat();
    let reply = MapBuilder::new()
        .member(1, Value::from(&crate::CredentialDescriptor::new([1, 2, 3])))
        .member(2, data)
        .member(3, vec![9_u8; 8])
        .member(4, Value::from(&crate::User::new([5], "ada")));
    let assertion = Assertion::parse(&encode(&reply.build()), true).unwrap();
    let told = response::authentication(&assertion, b"{}", json!({}));
    assert_eq!((&told["id"], &told["type"]), (&json!("AQID"), &json!("public-key")));
    assert_eq!(told["response"]["clientDataJSON"], "e30");
    assert_eq!(told["response"]["userHandle"], "BQ");
}
