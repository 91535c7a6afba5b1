//! The FIDO Alliance's Credential Exchange Format (CXF), which password managers write and read. Only its passkeys
//! are used here.
//!
//! CXF has no signature counters: a passkey whose counter counts cannot be written to it, and the counter of a
//! passkey from it stays 0. CXF has no flags either. A passkey in it was in a program that copies passkeys, so its
//! flags BE and BS are set.

mod untaken;

use credential_exchange_format::{
    Account, Credential, Fido2Extensions, Fido2HmacCredentialAlgorithm, Fido2HmacCredentials,
    Fido2LargeBlob, Header, Item, PasskeyCredential, Version,
};
use ctap_core::CredentialSource;
use ctap_core::credential::{Backup, CredProtect, CredRandom, LargeBlob, User};
use ctap_core::secret::Secret;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::losses::{Losses, OF_A_HASH};
use super::{Export, Format, FormatError, Import, pkcs8};
use crate::large_blobs;

pub(super) fn is_it(value: &Value) -> bool {
    ["version", "exporterRpId", "accounts"].iter().all(|member| value.get(member).is_some())
}

pub(super) fn read(text: &str, value: &Value) -> Result<Import, FormatError> {
    // Its own words are those of Rust's types.
    let not_cxf = |error: serde_json::Error| FormatError::NotCxf {
        line: error.line(),
        column: error.column(),
    };
    let header: Header = serde_json::from_str(text).map_err(not_cxf)?;
    if header.version.major != MAJOR {
        return Err(FormatError::Version { major: header.version.major });
    }
    let items = header.accounts.into_iter().flat_map(|account| account.items);
    let found: Vec<Credential> = items.flat_map(|item| item.credentials).collect();
    let (mut credentials, mut notes, mut others) = (Vec::new(), Vec::new(), 0);
    for credential in found {
        let what = format!("passkey {}", credentials.len() + 1);
        match credential {
            Credential::Passkey(passkey) => credentials.push(source(*passkey, what, &mut notes)?),
            // A passkey that the crate reports as unknown, because it cannot read one of its members.
            Credential::Unknown { ty, .. } if ty == PASSKEY => {
                let expected = "as CXF has them, bytes in base64url";
                return Err(FormatError::Member { what, member: "its members", expected });
            }
            _ => others += 1,
        }
    }
    notes.extend(untaken::notes(value));
    match others {
        0 => {}
        1 => notes.push("1 credential that is not a passkey was not imported".to_owned()),
        _ => notes.push(format!("{others} credentials that are not passkeys were not imported")),
    }
    if !credentials.is_empty() {
        notes
            .push("CXF has no flags: BE and BS are on, as for every passkey that is copied".into());
    }
    Ok(Import { format: Format::Cxf, credentials, notes })
}

pub(super) fn write(credentials: &[CredentialSource], now: u64) -> Export {
    let mut losses = Losses::default();
    let items = credentials.iter().map(|source| item(source, &mut losses)).enumerate();
    let (taken, items): (Vec<_>, Vec<Item>) =
        items.filter_map(|(place, item)| Some((place, item?))).unzip();
    let header: Header = Header {
        version: Version { major: MAJOR, minor: 0 },
        exporter_rp_id: "localhost".to_owned(),
        exporter_display_name: "keyfob".to_owned(),
        timestamp: now,
        accounts: vec![Account {
            id: b"keyfob".as_slice().into(),
            username: String::new(),
            email: String::new(),
            full_name: None,
            collections: Vec::new(),
            items,
            extensions: None,
        }],
    };
    // Nothing in it can fail: its maps have strings as keys.
    let text = serde_json::to_string_pretty(&header).unwrap_or_default();
    Export { text: Zeroizing::new(text + "\n"), taken, notes: losses.notes() }
}

fn source(
    passkey: PasskeyCredential,
    what: String,
    notes: &mut Vec<String>,
) -> Result<CredentialSource, FormatError> {
    let der = Zeroizing::new(Vec::from(passkey.key));
    let key =
        pkcs8::from_der(&der).map_err(|error| FormatError::Key { what: what.clone(), error })?;
    let Fido2Extensions { hmac_credentials, cred_blob, large_blob, payments } =
        passkey.fido2_extensions.unwrap_or_default();
    let cred_random = hmac_credentials.as_ref().and_then(cred_random);
    if hmac_credentials.is_some() && cred_random.is_none() {
        notes.push(format!(
            "{what}: its secrets for prf are of an unknown kind, and were not imported"
        ));
    }
    let large_blob = large_blob.map(|blob| LargeBlob::Written {
        blob: blob.data.into(),
        original_size: blob.uncompressed_size,
    });
    if large_blob.as_ref().is_some_and(|blob| large_blobs::plain(blob).is_none()) {
        notes.push(format!("{what}: its large blob cannot be read, and was not imported"));
    }
    let large_blob = large_blob.filter(|blob| large_blobs::plain(blob).is_some());
    let named = |name: String| Some(name).filter(|name| !name.is_empty());
    Ok(CredentialSource {
        user: Some(User {
            id: passkey.user_handle.into(),
            name: named(passkey.username),
            display_name: named(passkey.user_display_name),
        }),
        discoverable: true,
        sign_count: None,
        backup: Backup { eligible: true, state: true },
        cred_random,
        third_party_payment: payments.unwrap_or(false),
        cred_blob: cred_blob.map(Vec::from),
        large_blob: large_blob.unwrap_or_default(),
        ..CredentialSource::new(passkey.credential_id.into(), &passkey.rp_id, key)
    })
}

fn cred_random(secrets: &Fido2HmacCredentials) -> Option<CredRandom> {
    let is_known = matches!(secrets.algorithm, Fido2HmacCredentialAlgorithm::HmacSha256);
    let secret = |bytes: &[u8]| bytes.try_into().ok().map(Secret::new);
    let with_uv = secret(secrets.cred_with_uv.as_ref()).filter(|_| is_known)?;
    Some(CredRandom { with_uv, without_uv: secret(secrets.cred_without_uv.as_ref())? })
}

/// `None`: it is left out.
fn item(source: &CredentialSource, losses: &mut Losses) -> Option<Item> {
    let why = match source {
        CredentialSource { scope, .. } if scope.rp_id().is_none() => Some(OF_A_HASH),
        CredentialSource { discoverable: false, .. } => {
            Some("not discoverable, and CXF has only passkeys")
        }
        CredentialSource { sign_count: Some(_), .. } => Some(
            "with a signature counter, which CXF forbids: make it stay 0 (`keyfob credentials change ID --sign-count \
             none`), if the site allows that",
        ),
        _ => None,
    };
    if let Some(why) = why {
        losses.leave_out(why);
        return None;
    }
    losses.member("the flags BE and BS", source.backup != Backup { eligible: true, state: true });
    losses.member("the level of credProtect", source.cred_protect != CredProtect::default());
    losses.rp_name(source);
    losses.large_blob_members(source);
    let rp_id = source.scope.rp_id()?;
    let user = source.user.as_ref()?;
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    let passkey = PasskeyCredential {
        credential_id: source.id.as_slice().into(),
        rp_id: rp_id.to_owned(),
        username: name(&user.name),
        user_display_name: name(&user.display_name),
        user_handle: user.id.as_slice().into(),
        key: pkcs8::to_der(&source.key)?.as_slice().into(),
        fido2_extensions: extensions(source),
    };
    Some(Item {
        id: item_id(&source.id).as_slice().into(),
        creation_at: None,
        modified_at: None,
        title: rp_id.to_owned(),
        subtitle: None,
        favorite: None,
        scope: None,
        credentials: vec![Credential::Passkey(Box::new(passkey))],
        tags: None,
        extensions: None,
    })
}

/// A credential's own id, or the SHA-256 of one that is too long: the beginnings of two may be the same.
fn item_id(credential_id: &[u8]) -> Vec<u8> {
    match credential_id.len() {
        ..=MAX_ITEM_ID => credential_id.to_vec(),
        _ => Sha256::digest(credential_id).to_vec(),
    }
}

fn extensions(source: &CredentialSource) -> Option<Fido2Extensions> {
    let hmac_credentials = source.cred_random.as_ref().map(|random| Fido2HmacCredentials {
        algorithm: Fido2HmacCredentialAlgorithm::HmacSha256,
        cred_with_uv: random.with_uv.expose().as_slice().into(),
        cred_without_uv: random.without_uv.expose().as_slice().into(),
    });
    let large_blob = match &source.large_blob {
        LargeBlob::Written { blob, original_size } => {
            Some(Fido2LargeBlob { uncompressed_size: *original_size, data: blob.as_slice().into() })
        }
        _ => None,
    };
    let extensions = Fido2Extensions {
        hmac_credentials,
        cred_blob: source.cred_blob.as_deref().map(Into::into),
        large_blob,
        payments: source.third_party_payment.then_some(true),
    };
    let has_any = extensions.hmac_credentials.is_some()
        || extensions.cred_blob.is_some()
        || extensions.large_blob.is_some()
        || extensions.payments.is_some();
    has_any.then_some(extensions)
}

/// The version that is read and written.
const MAJOR: u8 = 1;
/// The `type` of a passkey.
const PASSKEY: &str = "passkey";
/// Bytes of the longest id of an item.
const MAX_ITEM_ID: usize = 64;
