//! The body of a state file: one function for each type, which reads its fields in their order.

use alloc::{collections::BTreeMap, vec::Vec};

use super::Fault;
use super::reader::Reader;
use crate::algorithm::{Algorithm, PrivateKey};
use crate::credential::{
    Account, Backup, Counter, CredProtect, CredRandom, Credential, LargeBlob, Rp, User,
};
use crate::credentials::Credentials;
use crate::secret::SecretBytes;
use crate::state::{Fingerprint, Pin, Settings, State};

/// The state in a body, and nothing after it.
pub(super) fn read(body: &[u8]) -> Result<State, Fault> {
    let mut reader = Reader::new(body);
    let state = read_state(&mut reader)?;
    reader.end()?;
    Ok(state)
}

fn read_state(r: &mut Reader<'_>) -> Result<State, Fault> {
    r.map(13)?;
    Ok(State {
        wrapping_key: r.field("wrapping_key")?.secret()?,
        device_identifier: r.field("device_identifier")?.array()?,
        cred_store_state: r.field("cred_store_state")?.array()?,
        persistent_token: r.field("persistent_token")?.secret()?,
        pin: r.field("pin")?.optional(read_pin)?,
        pin_retries: r.field("pin_retries")?.integer()?,
        uv_retries: r.field("uv_retries")?.integer()?,
        uv_count_since_pin: r.field("uv_count_since_pin")?.integer()?,
        credentials: read_credentials(r.field("credentials")?)?,
        fingerprints: read_fingerprints(r.field("fingerprints")?)?,
        large_blobs: r.field("large_blobs")?.bytes()?,
        settings: read_settings(r.field("settings")?)?,
        sign_count_ceiling: r.field("sign_count_ceiling")?.integer()?,
    })
}

/// Oldest first; no two of the same account.
fn read_credentials(r: &mut Reader<'_>) -> Result<Credentials, Fault> {
    let mut credentials = Credentials::default();
    for credential in r.list(read_credential)? {
        let number = credentials.next_number();
        if !credentials.has_room_for(number, &credential) {
            return Err(Fault::Malformed { field: "credentials" });
        }
        credentials.put(number, credential);
    }
    Ok(credentials)
}

fn read_fingerprints(r: &mut Reader<'_>) -> Result<BTreeMap<u32, Fingerprint>, Fault> {
    Ok((0..).zip(r.list(read_fingerprint)?).collect())
}

fn read_credential(r: &mut Reader<'_>) -> Result<Credential, Fault> {
    r.map(7)?;
    let (id, rp_id_hash) = (r.field("id")?.bytes()?, r.field("rp_id_hash")?.array()?);
    let key = read_key(r.field("key")?)?;
    // These files do not have it.
    let public_key = key.public_key().ok_or_else(|| r.malformed())?;
    Ok(Credential {
        id,
        rp_id_hash,
        key,
        cred_protect: read_cred_protect(r.field("cred_protect")?)?,
        cred_random: read_cred_random(r.field("cred_random")?)?,
        third_party_payment: r.field("third_party_payment")?.boolean()?,
        backup: Backup::default(),
        counter: Counter::OfKey,
        account: Some(read_account(r.field("account")?, public_key)?),
    })
}

fn read_account(r: &mut Reader<'_>, public_key: Vec<u8>) -> Result<Account, Fault> {
    r.map(5)?;
    Ok(Account {
        public_key,
        rp: read_rp(r.field("rp")?)?,
        user: read_user(r.field("user")?)?,
        cred_blob: r.field("cred_blob")?.optional(Reader::bytes)?,
        large_blob_key: r.field("large_blob_key")?.optional(Reader::secret)?,
        large_blob: read_large_blob(r.field("large_blob")?)?,
    })
}

fn read_key(r: &mut Reader<'_>) -> Result<PrivateKey, Fault> {
    r.map(2)?;
    let number = r.field("algorithm")?.integer()?;
    Ok(PrivateKey {
        algorithm: Algorithm::from_cose(number).ok_or_else(|| r.malformed())?,
        secret: SecretBytes::new(r.field("secret")?.bytes()?),
    })
}

fn read_cred_protect(r: &mut Reader<'_>) -> Result<CredProtect, Fault> {
    let level = r.integer()?;
    CredProtect::from_level(level).ok_or_else(|| r.malformed())
}

fn read_cred_random(r: &mut Reader<'_>) -> Result<CredRandom, Fault> {
    r.map(2)?;
    Ok(CredRandom {
        with_uv: r.field("with_uv")?.secret()?,
        without_uv: r.field("without_uv")?.secret()?,
    })
}

fn read_rp(r: &mut Reader<'_>) -> Result<Rp, Fault> {
    r.map(2)?;
    Ok(Rp { id: r.field("id")?.text()?, name: r.field("name")?.optional(Reader::text)? })
}

fn read_user(r: &mut Reader<'_>) -> Result<User, Fault> {
    r.map(3)?;
    Ok(User {
        id: r.field("id")?.bytes()?,
        name: r.field("name")?.optional(Reader::text)?,
        display_name: r.field("display_name")?.optional(Reader::text)?,
    })
}

fn read_large_blob(r: &mut Reader<'_>) -> Result<LargeBlob, Fault> {
    match r.optional(Reader::any_map)? {
        None => Ok(LargeBlob::Unsupported),
        Some(0) => Ok(LargeBlob::Empty),
        Some(2) => Ok(LargeBlob::Written {
            blob: r.field("blob")?.bytes()?,
            original_size: r.field("original_size")?.integer()?,
        }),
        Some(_) => Err(r.malformed()),
    }
}

fn read_fingerprint(r: &mut Reader<'_>) -> Result<Fingerprint, Fault> {
    r.map(3)?;
    Ok(Fingerprint {
        template_id: r.field("template_id")?.bytes()?,
        friendly_name: r.field("friendly_name")?.optional(Reader::text)?,
        finger: r.field("finger")?.integer()?,
    })
}

fn read_settings(r: &mut Reader<'_>) -> Result<Settings, Fault> {
    r.map(7)?;
    Ok(Settings {
        min_pin_length: r.field("min_pin_length")?.integer()?,
        min_pin_length_rp_ids: r.field("min_pin_length_rp_ids")?.list(Reader::text)?,
        force_pin_change: r.field("force_pin_change")?.boolean()?,
        pin_complexity_policy: r.field("pin_complexity_policy")?.boolean()?,
        always_uv: r.field("always_uv")?.optional(Reader::boolean)?,
        enterprise_attestation: r.field("enterprise_attestation")?.boolean()?,
        long_touch_for_reset: r.field("long_touch_for_reset")?.boolean()?,
    })
}

fn read_pin(r: &mut Reader<'_>) -> Result<Pin, Fault> {
    r.map(2)?;
    Ok(Pin { hash: r.field("hash")?.secret()?, code_points: r.field("code_points")?.integer()? })
}
