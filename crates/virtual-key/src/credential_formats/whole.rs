//! The members that keyfob writes in addition to WebDriver's: everything else that a credential holds.

use ctap_core::CredentialSource;
use ctap_core::credential::{CredProtect, CredRandom, LargeBlob};
use ctap_core::credential_source::Scope;
use ctap_core::secret::Secret;
use serde_json::{Value, json};

use super::FormatError;
use super::members::{Encoding, Members};

/// Those members.
pub(super) const MEMBERS: [&str; 9] = [
    "rpIdHash",
    "rpName",
    "credProtect",
    "thirdPartyPayment",
    "credBlob",
    "credWithUV",
    "credWithoutUV",
    "largeBlobKey",
    "largeBlobSupport",
];

/// The additional members of a credential.
pub(super) fn members(source: &CredentialSource) -> Vec<(&'static str, Value)> {
    let encode = |bytes: &[u8]| Value::String(Encoding::Url.encode(bytes));
    let of_hash = match &source.scope {
        Scope::Hash(hash) => Some(encode(hash)),
        Scope::RpId(_) => None,
    };
    let random = source.cred_random.as_ref();
    let level = Some(source.cred_protect).filter(|level| *level != CredProtect::default());
    let is_empty = source.large_blob == LargeBlob::Empty;
    let there = [
        ("rpIdHash", of_hash),
        ("rpName", source.rp_name.as_ref().map(|name| json!(name))),
        ("credProtect", level.map(|level| json!(level.level()))),
        ("thirdPartyPayment", source.third_party_payment.then_some(Value::Bool(true))),
        ("credBlob", source.cred_blob.as_deref().map(encode)),
        ("credWithUV", random.map(|random| encode(random.with_uv.expose()))),
        ("credWithoutUV", random.map(|random| encode(random.without_uv.expose()))),
        ("largeBlobKey", source.large_blob_key.as_ref().map(|key| encode(key.expose()))),
        ("largeBlobSupport", is_empty.then_some(Value::Bool(true))),
    ];
    there.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The relying party: by its name, or by the hash alone.
pub(super) fn scope(members: &Members<'_>) -> Result<Scope, FormatError> {
    match members.optional_bytes("rpIdHash")? {
        Some(hash) if members.get("rpId").is_none() => {
            let hash = hash.try_into().map_err(|_| members.wrong("rpIdHash", HASH))?;
            Ok(Scope::Hash(hash))
        }
        _ => members.text("rpId").map(|id| Scope::RpId(id.to_owned())),
    }
}

/// The same credential with its additional members.
pub(super) fn complete(
    source: CredentialSource,
    members: &Members<'_>,
) -> Result<CredentialSource, FormatError> {
    let cred_random = match (secret("credWithUV", members)?, secret("credWithoutUV", members)?) {
        (Some(with_uv), Some(without_uv)) => Some(CredRandom { with_uv, without_uv }),
        (None, None) => None,
        (None, _) => return Err(members.wrong("credWithUV", "there, as credWithoutUV is")),
        (_, None) => return Err(members.wrong("credWithoutUV", "there, as credWithUV is")),
    };
    let can_store = members.optional_boolean("largeBlobSupport")?.unwrap_or(false);
    let large_blob = match source.large_blob {
        LargeBlob::Unsupported if can_store => LargeBlob::Empty,
        blob => blob,
    };
    Ok(CredentialSource {
        rp_name: members.optional_text("rpName")?.map(str::to_owned),
        cred_protect: level(members)?,
        third_party_payment: members.optional_boolean("thirdPartyPayment")?.unwrap_or(false),
        cred_blob: members.optional_bytes("credBlob")?,
        cred_random,
        large_blob_key: secret("largeBlobKey", members)?,
        large_blob,
        ..source
    })
}

fn level(members: &Members<'_>) -> Result<CredProtect, FormatError> {
    let Some(value) = members.get("credProtect") else { return Ok(CredProtect::default()) };
    let level = value.as_u64().and_then(CredProtect::from_level);
    level.ok_or_else(|| members.wrong("credProtect", "1, 2 or 3"))
}

fn secret(name: &'static str, members: &Members<'_>) -> Result<Option<Secret<32>>, FormatError> {
    let secret = |bytes: Vec<u8>| {
        let secret = bytes.as_slice().try_into().map(Secret::new);
        secret.map_err(|_| members.wrong(name, HASH))
    };
    members.optional_bytes(name)?.map(secret).transpose()
}

/// Hashes, and secrets of the same length.
const HASH: &str = "32 bytes in base64url";
