//! The nine commands, carried out.

use std::rc::Rc;

use rand_core::Rng as _;
use serde_json::Value;
use virtual_key::credential_formats::{FormatError, webdriver};
use virtual_key::platform::system_rng;
use virtual_key::{Backup, CredentialError, CredentialSource, Error};

use super::authenticator::Authenticator;
use super::commands::{Command, Id, from_base64url};
use super::fault::Fault;
use super::parameters::{AuthenticatorOptions, Members};
use super::plug::Plugged;
use super::session::Session;
use crate::say::warn;

/// Carries it out, and returns the value of the answer: the standard's null, where there is nothing to tell.
///
/// # Errors
/// The client's fault, or the machine's.
pub(super) async fn carry_out(
    session: &Rc<Session>,
    command: Command,
    body: &[u8],
) -> Result<Value, Fault> {
    match command {
        Command::Add => return add(session, body).await.map(Value::String),
        Command::Credentials(id) => return credentials(&*session.find(&id)?).await,
        Command::Remove(id) => session.remove(&session.find(&id)?).await,
        Command::AddCredential(id) => add_credential(session, &id, body).await?,
        Command::RemoveCredential(id, credential) => {
            let (authenticator, credential) = (session.find(&id)?, credential.bytes()?);
            authenticator.key().remove_credential(&credential).await.map_err(refused)?;
        }
        Command::RemoveCredentials(id) => {
            session.find(&id)?.key().remove_credentials().await.map_err(refused)?;
        }
        Command::SetUserVerified(id) => set_user_verified(session, &id, body).await?,
        Command::SetProperties(id, credential) => {
            set_properties(session, &id, &credential, body).await?;
        }
    }
    Ok(Value::Null)
}

async fn add(session: &Rc<Session>, body: &[u8]) -> Result<String, Fault> {
    let options = AuthenticatorOptions::of(&Members::of(body)?, session.settings.transport)?;
    session.has_room()?;
    if session.count() > 0 && (options.is_card || session.has_card()) {
        let message = "a card approves every request of a browser at once, so it must be the only key of its session: remove the other key first";
        return Err(Fault::unsupported(message));
    }
    let settings =
        options.settings(session.make).map_err(|error| Fault::unknown_error(error.to_string()))?;
    let plugged = Plugged::new(settings, &session.settings.place).await?;
    let authenticator = Authenticator::new(new_id(), options, plugged);
    tracing::info!(session = session.id, id = authenticator.id(), "a key is plugged in");
    session.add(&authenticator).await?;
    Ok(authenticator.id().to_owned())
}

/// A UUID, as chromedriver makes them (RFC 9562, version 4).
fn new_id() -> String {
    let mut bytes = [0; 16];
    system_rng().fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex = crate::terminal::hex(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

async fn credentials(authenticator: &Authenticator) -> Result<Value, Fault> {
    let mut sources = authenticator.key().credentials().await.map_err(refused)?;
    sources.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(sources.iter().filter_map(webdriver::to_json).collect())
}

async fn add_credential(session: &Session, id: &str, body: &[u8]) -> Result<(), Fault> {
    let members = Members::of(body)?;
    check(&members)?;
    let authenticator = session.find(id)?;
    let has_name = ["userName", "userDisplayName"].into_iter().any(|name| members.has(name));
    let source = source_of(members, authenticator.options().backup)?;
    if source.discoverable && !authenticator.options().has_resident_key() {
        let message = "The Authenticator does not support Resident Credentials.";
        return Err(Fault::invalid_argument(message));
    }
    if has_name && source.user.is_none() {
        warn(
            "a session's credential has a name and no userHandle: the name is lost, because a key stores names only with a user handle",
        );
    }
    authenticator.key().add_credential(source).await.map_err(refused)?;
    Ok(())
}

/// What chromedriver wants to be there. A counter may be left out, as some clients do; such users mean one that stays 0.
fn check(members: &Members) -> Result<(), Fault> {
    let is_resident = members.boolean("isResidentCredential")?;
    if is_resident.is_none() || !members.has("rpId") || !members.has("privateKey") {
        return Err(Fault::invalid_argument("Invalid parameters"));
    }
    let id = members.binary("credentialId")?;
    if id.is_none_or(|id| id.is_empty()) {
        return Err(Fault::invalid_argument("credentialId must be a base64url encoded string"));
    }
    members.binary("privateKey")?;
    let user = members.binary("userHandle")?;
    if is_resident == Some(true) && user.is_none() {
        let message = "The User Handle is required for Resident Credentials";
        return Err(Fault::invalid_argument(message));
    }
    members.properties().map(drop)
}

/// A private key that is none is chromedriver's unknown error; all else that cannot be meant is an invalid argument.
fn source_of(members: Members, default: Backup) -> Result<CredentialSource, Fault> {
    webdriver::from_json(&members.into_credential(default)).map_err(|error| match error {
        FormatError::Key { .. } => Fault::unknown_error(error.to_string()),
        _ => Fault::invalid_argument(error.to_string()),
    })
}

async fn set_user_verified(session: &Session, id: &str, body: &[u8]) -> Result<(), Fault> {
    let is_verified = Members::of(body)?.boolean("isUserVerified")?;
    let is_verified =
        is_verified.ok_or_else(|| Fault::invalid_argument("isUserVerified must be a boolean"))?;
    session.find(id)?.set_user_verified(is_verified, session).await;
    Ok(())
}

async fn set_properties(
    session: &Session,
    id: &str,
    credential: &Id,
    body: &[u8],
) -> Result<(), Fault> {
    let properties = Members::of(body)?.properties()?;
    let (authenticator, credential) = (session.find(id)?, credential.bytes()?);
    authenticator.key().change_credential(&credential, properties).await.map_err(refused)
}

impl Members {
    /// Bytes in base64url, padded or not; `None`: it is not there.
    fn binary(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let Some(text) = self.maybe_text(name)? else { return Ok(None) };
        let wrong =
            || Fault::invalid_argument(format!("{name} must be a base64url encoded string"));
        from_base64url(text).map(Some).ok_or_else(wrong)
    }
}

/// Why a key did not do it, as chromedriver tells it where it would not either.
fn refused(error: Error) -> Fault {
    match error {
        Error::Credential(CredentialError::NoSuchCredential) => Fault::no_credential(),
        Error::Credential(
            error @ (CredentialError::Duplicate
            | CredentialError::Algorithm { .. }
            | CredentialError::NotAKey { .. }),
        ) => Fault::unknown_error(format!("{error}; {}", error.advice())),
        Error::Credential(error) => Fault::invalid_argument(format!("{error}; {}", error.advice())),
        error => Fault::unknown_error(format!("{error}; {}", error.advice())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use base64ct::{Base64UrlUnpadded, Encoding as _};
    use p256::pkcs8::EncodePrivateKey as _;
    use serde_json::json;

    const NONE: Backup = Backup { eligible: false, state: false };

    fn judged(change: impl FnOnce(&mut Value)) -> Result<(), Fault> {
        let mut members = json!({
            "credentialId": Base64UrlUnpadded::encode_string(b"an id"),
            "isResidentCredential": false,
            "rpId": "example.org",
            "privateKey": Base64UrlUnpadded::encode_string(b"a key"),
            "signCount": 1,
        });
        change(&mut members);
        check(&Members::of(members.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn a_counter_that_is_left_out_stays_0() {
        let told = |body: &str| Members::of(body.as_bytes()).unwrap().into_credential(NONE);
        let counter = |body: &str| told(body)["signCount"].clone();
        assert_eq!(counter("{}"), Value::Null);
        assert_eq!(counter(r#"{ "signCount": 7 }"#), json!(7));
    }

    #[test]
    fn a_credential_has_what_chromedriver_wants_and_may_lack_its_counter() {
        assert_eq!(judged(|_| ()), Ok(()));
        assert_eq!(
            judged(|members| drop(members.as_object_mut().unwrap().remove("signCount"))),
            Ok(())
        );
        assert_eq!(judged(|members| members["signCount"] = Value::Null), Ok(()));
        for (name, value) in [
            ("credentialId", json!("+/")),
            ("credentialId", json!("")),
            ("privateKey", json!(7)),
            ("isResidentCredential", json!("false")),
            ("signCount", json!(-1)),
            ("userHandle", Value::Null),
            ("backupState", json!("yes")),
        ] {
            let fault = judged(|members| members[name] = value.clone()).unwrap_err();
            assert_eq!(fault.error, "invalid argument", "{name}: {value}");
        }
        let resident = judged(|members| members["isResidentCredential"] = true.into());
        assert!(resident.unwrap_err().message.contains("User Handle"));
    }

    #[test]
    fn what_is_no_key_is_an_unknown_error_and_all_else_that_cannot_be_meant_an_invalid_argument() {
        let secret = p256::SecretKey::from_slice(&[7; 32]).unwrap().to_pkcs8_der().unwrap();
        let refused = |name: &str, value: Value| {
            let mut members = json!({
                "credentialId": "YQ",
                "isResidentCredential": false,
                "rpId": "example.org",
                "privateKey": Base64UrlUnpadded::encode_string(secret.as_bytes()),
            });
            members[name] = value;
            let members = Members::of(members.to_string().as_bytes()).unwrap();
            source_of(members, NONE).unwrap_err().error
        };
        assert_eq!(refused("privateKey", json!("YQ")), "unknown error");
        for name in ["rpId", "userName", "userDisplayName", "largeBlob"] {
            assert_eq!(refused(name, json!(7)), "invalid argument", "{name}");
        }
    }

    #[test]
    fn ids_are_uuids_and_each_is_another_one() {
        let id = new_id();
        assert_eq!((id.len(), &id[14..15]), (36, "4"), "{id}");
        assert_ne!(id, new_id());
    }
}
