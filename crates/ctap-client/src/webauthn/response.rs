//! What a page gets: `RegistrationResponseJSON` and `AuthenticationResponseJSON` (WebAuthn section 5.1).

use base64ct::{Base64UrlUnpadded, Encoding as _};
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Map, Value as Json, json};

use crate::auth_data::AttestedCredential;
use crate::cbor::{MapBuilder, Value, encode};
use crate::commands::get_assertion::Assertion;
use crate::commands::make_credential::Reply;
use crate::cose::PublicKey;

/// The response for a new credential. `is_anonymous`: the site does not want to know which key made it (WebAuthn
/// section 5.4.7, `none`).
pub(super) fn registration(
    reply: &Reply,
    made: &AttestedCredential,
    client_data: &[u8],
    transports: &[String],
    is_anonymous: bool,
    results: Json,
) -> Json {
    let (fmt, statement) = match is_anonymous && !vouches_for_itself(reply, made) {
        true => ("none", Vec::new()),
        false => (reply.fmt.as_str(), reply.att_stmt.clone()),
    };
    let statement = statement.into_iter().map(|(name, value)| (name.into(), value)).collect();
    let object = MapBuilder::new()
        .member("fmt", fmt)
        .member("attStmt", Value::Map(statement))
        .member("authData", reply.auth_data.as_bytes());
    let mut response = Map::new();
    response.insert("clientDataJSON".to_owned(), base64(client_data));
    response.insert("authenticatorData".to_owned(), base64(reply.auth_data.as_bytes()));
    response.insert("transports".to_owned(), transports.into());
    if let Some(key) = spki(&made.public_key) {
        response.insert("publicKey".to_owned(), base64(&key));
    }
    response.insert("publicKeyAlgorithm".to_owned(), made.public_key.algorithm().into());
    response.insert("attestationObject".to_owned(), base64(&encode(&object.build())));
    credential(&made.credential_id, Json::Object(response), results)
}

/// The response for a sign-in.
pub(super) fn authentication(assertion: &Assertion, client_data: &[u8], results: Json) -> Json {
    let mut response = json!({
        "clientDataJSON": base64(client_data),
        "authenticatorData": base64(assertion.auth_data.as_bytes()),
        "signature": base64(&assertion.signature),
    });
    if let (Some(user), Some(members)) = (&assertion.user, response.as_object_mut()) {
        members.insert("userHandle".to_owned(), base64(&user.id));
    }
    credential(&assertion.credential.id, response, results)
}

fn credential(id: &[u8], response: Json, results: Json) -> Json {
    json!({
        "id": base64(id),
        "rawId": base64(id),
        "type": "public-key",
        "authenticatorAttachment": "cross-platform",
        "response": response,
        "clientExtensionResults": results,
    })
}

/// Self attestation tells nothing of the key, and stays.
fn vouches_for_itself(reply: &Reply, made: &AttestedCredential) -> bool {
    let has_chain = reply.att_stmt.iter().any(|(name, _)| name == "x5c");
    reply.fmt == "packed" && made.aaguid == [0; 16] && !has_chain
}

/// SubjectPublicKeyInfo, of the algorithms whose keys every client must be able to read (WebAuthn section 5.2.1.1).
fn spki(key: &PublicKey) -> Option<Vec<u8>> {
    let document = match key {
        PublicKey::Es256(key) => key.to_public_key_der(),
        PublicKey::Ed25519(key) => key.to_public_key_der(),
        PublicKey::Rs256(key) => key.to_public_key_der(),
        _ => return None,
    };
    document.ok().map(|document| document.as_bytes().to_vec())
}

fn base64(bytes: &[u8]) -> Json {
    Base64UrlUnpadded::encode_string(bytes).into()
}
