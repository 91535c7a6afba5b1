//! The parameters of WebDriver's "add credential" (WebAuthn section 11.5), and of DevTools'
//! `WebAuthn.addCredential`. The members are the same. WebDriver writes bytes in base64url, DevTools in base64 with
//! padding.

use ctap_core::CredentialSource;
use ctap_core::credential::{Backup, LargeBlob, User};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::losses::{Losses, OF_A_HASH};
use super::members::{Encoding, Members};
use super::{Entries, Export, Format, FormatError, Import, names_without_user, pkcs8, whole};
use crate::large_blobs;

/// Reads one credential from its parameters. It ignores members that it does not know, and takes a missing flag as
/// false.
///
/// # Errors
/// [`FormatError::Member`], [`FormatError::Key`].
pub fn from_json(parameters: &Value) -> Result<CredentialSource, FormatError> {
    credential(&Members::of(parameters, "the credential".to_owned())?)
}

/// The parameters of one credential, as WebDriver returns them. `rpId` is left out if the relying party's name is
/// not known. `None`: its private key is not valid.
pub fn to_json(source: &CredentialSource) -> Option<Value> {
    object(source, Format::WebDriver)
}

pub(super) fn is_it(value: &Value) -> bool {
    value.get("credentialId").is_some() || value.get("isResidentCredential").is_some()
}

/// Whether a credential may have a member of this name: WebDriver's, or keyfob's beside them.
pub(super) fn knows(name: &str) -> bool {
    MEMBERS.contains(&name) || whole::MEMBERS.contains(&name)
}

pub(super) fn read(entries: Entries) -> Result<Import, FormatError> {
    let (mut credentials, mut notes) = (Vec::new(), entries.notes());
    let mut format = Format::WebDriver;
    for (index, value) in entries.list.iter().enumerate() {
        let members = Members::of(value, entries.what(index))?;
        credentials.push(credential(&members)?);
        notes.extend(names_without_user(value).into_iter().map(|name| {
            let why = "because there is no userHandle";
            format!("{}: `{name}` was not imported, {why}", members.what())
        }));
        let others = members.others(&MEMBERS).filter(|name| !knows(name));
        notes.extend(others.map(|name| format!("{}: `{name}` was not imported", members.what())));
        if is_of_devtools(value) {
            format = Format::DevTools;
        } else if whole::MEMBERS.iter().any(|name| members.get(name).is_some()) {
            format = Format::Keyfob;
        }
    }
    Ok(Import { format, credentials, notes })
}

pub(super) fn write(credentials: &[CredentialSource], format: Format) -> Export {
    let mut losses = Losses::default();
    let (mut taken, mut list) = (Vec::new(), Vec::new());
    for (place, source) in credentials.iter().enumerate() {
        let holds_all = format == Format::Keyfob;
        let has_place = holds_all || source.scope.rp_id().is_some();
        let Some(object) = object(source, format).filter(|_| has_place) else {
            losses.leave_out(OF_A_HASH);
            continue;
        };
        if !holds_all {
            losses.of_browsers(source);
        }
        taken.push(place);
        list.push(object);
    }
    let value = match format {
        Format::DevTools => json!({ "credentials": list }),
        _ => Value::Array(list),
    };
    Export { text: Zeroizing::new(format!("{value:#}\n")), taken, notes: losses.notes() }
}

/// The names of a user.
pub(super) const NAMES: [&str; 2] = ["userName", "userDisplayName"];

fn credential(members: &Members<'_>) -> Result<CredentialSource, FormatError> {
    let resident = members.optional_boolean("isResidentCredential")?;
    let discoverable =
        resident.ok_or_else(|| members.wrong("isResidentCredential", "a boolean"))?;
    let key = Zeroizing::new(members.bytes("privateKey")?);
    let key =
        pkcs8::from_der(&key).map_err(|error| FormatError::Key { what: members.what(), error })?;
    let handle = members.optional_bytes("userHandle")?;
    if discoverable && handle.is_none() {
        return Err(members.wrong("userHandle", "there, because the credential is resident"));
    }
    let name = members.optional_text("userName")?.map(str::to_owned);
    let display_name = members.optional_text("userDisplayName")?.map(str::to_owned);
    let flag = |name| Ok(members.optional_boolean(name)?.unwrap_or(false));
    let blob = members.optional_bytes("largeBlob")?;
    if blob.as_ref().is_some_and(|blob| blob.len() > large_blobs::MAX_PLAIN) {
        return Err(members.wrong("largeBlob", "no longer than any key can keep"));
    }
    let source = CredentialSource {
        user: handle.map(|id| User { id, name, display_name }),
        discoverable,
        sign_count: members.sign_count()?,
        backup: Backup { eligible: flag("backupEligibility")?, state: flag("backupState")? },
        large_blob: blob.map_or(LargeBlob::Unsupported, |plain| large_blobs::written(&plain)),
        scope: whole::scope(members)?,
        ..CredentialSource::new(members.bytes("credentialId")?, "", key)
    };
    whole::complete(source, members)
}

/// In one of these two formats.
pub(super) fn object(source: &CredentialSource, format: Format) -> Option<Value> {
    let encoding = if format == Format::DevTools { Encoding::Standard } else { Encoding::Url };
    let key = pkcs8::to_der(&source.key)?;
    // Handed over, for `json!` would copy it.
    let encode = |bytes: &[u8]| Value::String(encoding.encode(bytes));
    let no_counter = if encoding == Encoding::Standard { json!(-1) } else { Value::Null };
    let user = source.user.as_ref();
    let blob = large_blobs::plain(&source.large_blob);
    let members = [
        ("credentialId", Some(encode(&source.id))),
        ("isResidentCredential", Some(json!(source.discoverable))),
        ("rpId", source.scope.rp_id().map(|id| json!(id))),
        ("privateKey", Some(encode(&key))),
        ("signCount", Some(source.sign_count.map_or(no_counter, |count| json!(count)))),
        ("userHandle", user.map(|user| encode(&user.id))),
        ("userName", user.and_then(|user| user.name.as_ref()).map(|name| json!(name))),
        (
            "userDisplayName",
            user.and_then(|user| user.display_name.as_ref()).map(|name| json!(name)),
        ),
        ("largeBlob", blob.map(|plain| encode(&plain))),
        ("backupEligibility", Some(json!(source.backup.eligible))),
        ("backupState", Some(json!(source.backup.state))),
    ];
    let there = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let beside = if format == Format::Keyfob { whole::members(source) } else { Vec::new() };
    let there = there.chain(beside).map(|(name, value)| (name.to_owned(), value));
    Some(Value::Object(there.collect::<Map<_, _>>()))
}

/// Only DevTools writes bytes so, or a counter of -1.
fn is_of_devtools(value: &Value) -> bool {
    let bytes = ["credentialId", "privateKey", "userHandle", "largeBlob"];
    let bytes = bytes.iter().filter_map(|name| value.get(name)?.as_str());
    value.get("signCount").and_then(Value::as_i64) == Some(-1) || { bytes }
        .any(|text| text.contains(['+', '/']))
}

const MEMBERS: [&str; 11] = [
    "credentialId",
    "isResidentCredential",
    "rpId",
    "privateKey",
    "signCount",
    "userHandle",
    "userName",
    "userDisplayName",
    "largeBlob",
    "backupEligibility",
    "backupState",
];
