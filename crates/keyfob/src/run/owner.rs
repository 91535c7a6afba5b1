//! What the owner of a running key wants past CTAP, over the control socket: its credentials, its fingers, what becomes of its questions, and
//! what it does wrong.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ctap_core::memory::MemoryError;
use serde_json::Value;
use virtual_key::credential_formats::{from_json, names_without_user, to_json, unknown_members};
use virtual_key::faults::FaultDescription;
use virtual_key::key::{Touch, Verification};
use virtual_key::keys::{Keys, PluggedKey};
use virtual_key::{CredentialError, Error, FingerError, Properties};

use super::control_server::{Answer, the_one};
use super::fault_words::{told, which};
use super::told::faults_of;
use crate::control::limits::{CREDENTIALS, MOST_CREDENTIALS};
use crate::control::protocol::{ChangedCredential, Kind, Refusal};
use crate::control::{Request, Response};
use crate::say::warn;
use crate::secret_json::{self, SecretJson};

/// Carries out one of these requests.
pub(super) async fn obey(keys: &Keys, request: Request) -> Answer {
    let done = match request {
        Request::Credentials { key, from } => {
            return credentials(the_one(keys, key.as_deref())?, from).await;
        }
        Request::AddCredential { key, credential } => {
            return add(the_one(keys, key.as_deref())?, &credential).await;
        }
        Request::RemoveCredential { key, id } => {
            the_one(keys, key.as_deref())?.remove_credential(&decoded(&id)?).await
        }
        Request::RemoveCredentials { key } => {
            the_one(keys, key.as_deref())?.remove_credentials().await.map(drop)
        }
        Request::ChangeCredential(changed) => return change(keys, changed).await,
        Request::EnrollFinger { key, finger } => {
            the_one(keys, key.as_deref())?.enroll_finger(finger).await
        }
        Request::RemoveFinger { key, finger } => {
            the_one(keys, key.as_deref())?.remove_finger(finger).await
        }
        Request::SetPolicy { key, touch, verification } => {
            return set_policy(the_one(keys, key.as_deref())?, touch, verification).await;
        }
        Request::AddFault { key, fault } => {
            return add_fault(the_one(keys, key.as_deref())?, &fault);
        }
        Request::Faults { key } => {
            return Ok(Response::Faults { faults: faults_of(the_one(keys, key.as_deref())?) });
        }
        Request::ClearFaults { key, fault } => the_one(keys, key.as_deref())?.clear_faults(fault),
        _ => return Err(Refusal::new("the request is not understood", SAME_VERSION)),
    };
    done.map(|()| Response::Done).map_err(refusal)
}

/// As many as there is room for, at least one.
async fn credentials(key: &PluggedKey, from: usize) -> Answer {
    let page = key.some_credentials(from, MOST_CREDENTIALS).await.map_err(refusal)?;
    let (total, mut room) = (page.total, CREDENTIALS);
    let mut credentials = Vec::new();
    for credential in page.credentials.iter().filter_map(to_json).map(SecretJson::from) {
        let length = secret_json::length(&credential).unwrap_or_default();
        if length > room && !credentials.is_empty() {
            break;
        }
        room = room.saturating_sub(length);
        credentials.push(credential);
    }
    Ok(Response::Credentials { credentials, total })
}

/// A member that nobody knows is a slip, and what it was to say would be lost.
async fn add(key: &PluggedKey, credential: &Value) -> Answer {
    if let Some(name) = unknown_members(credential).first() {
        let what = format!("the credential: unknown member `{name}`");
        return Err(Refusal::new(what, "leave it out, or correct it: docs/openapi.json has them"));
    }
    if let Some(name) = names_without_user(credential).first() {
        let what = format!("the credential: `{name}` without `userHandle`");
        return Err(Refusal::new(
            what,
            "a key stores names only with a user handle: give one, or leave the name out",
        ));
    }
    let source =
        from_json(credential).map_err(|error| Refusal::new(error.to_string(), error.advice()))?;
    let replaced = key.add_credential(source).await.map_err(refusal)?;
    let replaced = replaced.map(|id| Base64UrlUnpadded::encode_string(&id));
    Ok(Response::Added { replaced })
}

async fn change(keys: &Keys, changed: ChangedCredential) -> Answer {
    let ChangedCredential { key, id, backup_eligibility, backup_state, sign_count } = changed;
    let properties = Properties { backup_eligibility, backup_state, sign_count };
    let key = the_one(keys, key.as_deref())?;
    let done = key.change_credential(&decoded(&id)?, properties).await;
    done.map(|()| Response::Done).map_err(refusal)
}

/// A key that other machines reach does not begin to approve unseen (P-10).
async fn set_policy(
    key: &PluggedKey,
    touch: Option<Touch>,
    verification: Option<Verification>,
) -> Answer {
    if let (Some(Touch::Auto), Some(address)) = (touch, key.exposed_at()) {
        let what = format!("--touch auto on {address} would sign for everybody who can reach it");
        return Err(Refusal::new(what, "serve it on 127.0.0.1, or let a person decide"));
    }
    if touch == Some(Touch::Auto) && key.touch() != Touch::Auto {
        warn("from now on every request is approved without asking; use it for tests only");
    }
    if let Some(verification) = verification {
        key.set_verification(verification).await.map_err(refusal)?;
    }
    if let Some(touch) = touch {
        key.set_touch(touch).await.map_err(refusal)?;
    }
    Ok(Response::Done)
}

/// Whoever looks at the key's terminal is told: it is not broken.
fn add_fault(key: &PluggedKey, fault: &FaultDescription) -> Answer {
    let ids = key.add_described_fault(fault).map_err(refusal)?;
    for added in faults_of(key).iter().filter(|fault| ids.contains(&fault.id)) {
        let (what, which) = (told(&added.fault), which(&added.fault));
        warn(format_args!("{} has a fault on purpose: {what}, {which}", key.bus_id()));
    }
    Ok(Response::FaultsAdded { ids })
}

fn decoded(id: &str) -> Result<Vec<u8>, Refusal> {
    Base64UrlUnpadded::decode_vec(id.trim_end_matches('=')).map_err(|_| {
        Refusal::new("the id of a credential is in base64url", "list the credentials for their ids")
    })
}

pub(super) fn refusal(error: Error) -> Refusal {
    let is_of_the_machine = matches!(
        &error,
        Error::Ended
            | Error::Credential(CredentialError::Memory(MemoryError::Failed | MemoryError::Full))
            | Error::Finger(FingerError::Memory(MemoryError::Failed | MemoryError::Full))
    );
    let kind = if is_of_the_machine { Kind::Failed } else { Kind::Invalid };
    Refusal::new(error.to_string(), error.advice()).of(kind)
}

const SAME_VERSION: &str = "use a keyfob of the same version";
