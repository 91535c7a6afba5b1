//! Playwright's credentials, as `context.credentials` returns them: a single one, a list, or a storage state
//! (`storageState({ credentials: true })`).
//!
//! All of them are discoverable and have a counter; none of them has names.

use ctap_core::CredentialSource;
use ctap_core::algorithm::Algorithm;
use ctap_core::credential::{Backup, User};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::losses::{Losses, OF_A_HASH};
use super::members::{Encoding, Members};
use super::{Entries, Export, Format, FormatError, Import, pkcs8};

pub(super) fn is_it(value: &Value) -> bool {
    value.get("id").is_some() && value.get("publicKey").is_some()
}

pub(super) fn read(entries: Entries) -> Result<Import, FormatError> {
    let (mut credentials, mut notes) = (Vec::new(), entries.notes());
    for (index, value) in entries.list.iter().enumerate() {
        let members = Members::of(value, entries.what(index))?;
        credentials.push(credential(&members)?);
        let others = members.others(&MEMBERS);
        notes.extend(others.map(|name| format!("{}: `{name}` was not imported", members.what())));
    }
    Ok(Import { format: Format::Playwright, credentials, notes })
}

pub(super) fn write(credentials: &[CredentialSource]) -> Export {
    let mut losses = Losses::default();
    let objects = credentials.iter().map(|source| object(source, &mut losses)).enumerate();
    let (taken, list): (Vec<_>, Vec<Value>) =
        objects.filter_map(|(place, object)| Some((place, object?))).unzip();
    let state = json!({ "cookies": [], "origins": [], "credentials": list });
    Export { text: Zeroizing::new(format!("{state:#}\n")), taken, notes: losses.notes() }
}

fn credential(members: &Members<'_>) -> Result<CredentialSource, FormatError> {
    let what = || members.what();
    let der = Zeroizing::new(members.bytes("privateKey")?);
    let key = pkcs8::from_der(&der).map_err(|error| FormatError::Key { what: what(), error })?;
    if pkcs8::public_to_der(&key) != Some(members.bytes("publicKey")?) {
        return Err(FormatError::OtherPublicKey { what: what() });
    }
    let id = members.bytes("userHandle")?;
    Ok(CredentialSource {
        user: Some(User { id, name: None, display_name: None }),
        discoverable: true,
        sign_count: members.sign_count()?,
        ..CredentialSource::new(members.bytes("id")?, members.text("rpId")?, key)
    })
}

/// `None`: it is left out.
fn object(source: &CredentialSource, losses: &mut Losses) -> Option<Value> {
    let why = match source {
        CredentialSource { scope, .. } if scope.rp_id().is_none() => Some(OF_A_HASH),
        CredentialSource { discoverable: false, .. } => {
            Some("not discoverable, and Playwright makes all credentials discoverable")
        }
        source if source.key.algorithm != Algorithm::Es256 => {
            Some("Playwright signs only with P-256")
        }
        _ => None,
    };
    if let Some(why) = why {
        losses.leave_out(why);
        return None;
    }
    losses.of_browsers(source);
    losses.large_blob(source);
    losses.member("that the counter stays 0", source.sign_count.is_none());
    losses.member("the flags BE and BS", source.backup != Backup::default());
    let user = source.user.as_ref();
    let has_name = user.is_some_and(|user| user.name.is_some() || user.display_name.is_some());
    losses.member("the name of the user", has_name);
    let encode = |bytes: &[u8]| Encoding::Url.encode(bytes);
    Some(json!({
        "id": encode(&source.id),
        "rpId": source.scope.rp_id(),
        "userHandle": encode(user.map_or(&[], |user| &user.id)),
        "privateKey": encode(&pkcs8::to_der(&source.key)?),
        "publicKey": encode(&pkcs8::public_to_der(&source.key)?),
        "signCount": source.sign_count.unwrap_or(0),
    }))
}

const MEMBERS: [&str; 6] = ["id", "rpId", "userHandle", "privateKey", "publicKey", "signCount"];
