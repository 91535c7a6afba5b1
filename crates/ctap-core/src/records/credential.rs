//! The record of a discoverable credential. Its id is its name.

use alloc::vec::Vec;

use super::name::{Name, VERSION};
use super::value::{Fault, Fields, ValueWriter};
use crate::algorithm::{Algorithm, PrivateKey};
use crate::cbor::Bytes;
use crate::credential::{Account, CredProtect, CredRandom, Credential, LargeBlob, Rp, User};
use crate::limits::{MAX_CREDENTIAL_ID, MAX_RP_ID, MAX_USER_ID};
use crate::memory::Record;
use crate::secret::SecretBytes;

/// The record of this credential.
pub(super) fn record(number: u64, credential: &Credential) -> Record {
    let mut value = ValueWriter::new(VERSION);
    put(&mut value, number, credential);
    Record { name: Name::Credential(credential.id.clone()).encode(), value: Some(value.finish()) }
}

pub(super) fn put(value: &mut ValueWriter, number: u64, credential: &Credential) {
    // Taken apart whole, here and below: a field that is added does not compile until it is written.
    let Credential {
        id: _,
        rp_id_hash,
        key,
        cred_protect,
        cred_random,
        third_party_payment,
        account,
    } = credential;
    let PrivateKey { algorithm, secret } = key;
    let CredRandom { with_uv, without_uv } = cred_random;
    value.put(1, number).put(2, Bytes(rp_id_hash));
    value.put(3, algorithm.cose()).put(4, Bytes(secret.expose())).put(5, cred_protect.level());
    value.put(6, Bytes(with_uv.expose())).put(7, Bytes(without_uv.expose()));
    value.put(8, *third_party_payment);
    if let Some(account) = account {
        put_account(value, account);
    }
}

fn put_account(value: &mut ValueWriter, account: &Account) {
    let Account { public_key, rp, user, cred_blob, large_blob_key, large_blob } = account;
    value.put(9, Bytes(public_key));
    value.put(10, rp.id.as_str()).put_some(11, rp.name.as_deref());
    value.put(12, Bytes(&user.id)).put_some(13, user.name.as_deref());
    value.put_some(14, user.display_name.as_deref());
    value.put_some(15, cred_blob.as_deref().map(Bytes));
    value.put_some(16, large_blob_key.as_ref().map(|key| Bytes(key.expose())));
    match large_blob {
        LargeBlob::Unsupported => {}
        LargeBlob::Empty => drop(value.put(17, true)),
        LargeBlob::Written { blob, original_size } => {
            value.put(17, true).put(18, Bytes(blob)).put(19, *original_size);
        }
    }
}

/// The order number, and the credential.
pub(super) fn read(id: Vec<u8>, fields: &mut Fields<'_>) -> Result<(u64, Credential), Fault> {
    if !(1..=MAX_CREDENTIAL_ID).contains(&id.len()) {
        return Err(Fault::Malformed);
    }
    let number = fields.number(1)?;
    let rp_id_hash = fields.array(2)?;
    let key = read_key(fields)?;
    let level = u64::from(fields.number::<u8>(5)?);
    let cred_protect = CredProtect::from_level(level).ok_or(Fault::Malformed)?;
    let cred_random = CredRandom { with_uv: fields.secret(6)?, without_uv: fields.secret(7)? };
    let third_party_payment = fields.boolean(8)?;
    let account = Some(read_account(key.algorithm, fields)?);
    let credential =
        Credential { id, rp_id_hash, key, cred_protect, cred_random, third_party_payment, account };
    Ok((number, credential))
}

fn read_key(fields: &mut Fields<'_>) -> Result<PrivateKey, Fault> {
    let algorithm = Algorithm::from_cose(fields.number(3)?).ok_or(Fault::Malformed)?;
    let secret = fields.bytes(4)?;
    if secret.len() != algorithm.secret_length() {
        return Err(Fault::Malformed);
    }
    Ok(PrivateKey { algorithm, secret: SecretBytes::new(secret.to_vec()) })
}

fn read_account(algorithm: Algorithm, fields: &mut Fields<'_>) -> Result<Account, Fault> {
    let public_key = fields.bytes(9)?.to_vec();
    let rp = Rp { id: fields.text(10)?, name: fields.optional_text(11)? };
    let user = User {
        id: fields.bytes(12)?.to_vec(),
        name: fields.optional_text(13)?,
        display_name: fields.optional_text(14)?,
    };
    let fits = public_key.len() == algorithm.cose_length()
        && (1..=MAX_RP_ID).contains(&rp.id.len())
        && user.id.len() <= MAX_USER_ID;
    if !fits {
        return Err(Fault::Malformed);
    }
    Ok(Account {
        public_key,
        rp,
        user,
        cred_blob: fields.optional_bytes(15)?.map(<[u8]>::to_vec),
        large_blob_key: fields.optional_secret(16)?,
        large_blob: read_large_blob(fields)?,
    })
}

fn read_large_blob(fields: &mut Fields<'_>) -> Result<LargeBlob, Fault> {
    match fields.optional_boolean(17)? {
        None => Ok(LargeBlob::Unsupported),
        Some(false) => Err(Fault::Malformed),
        Some(true) => match fields.optional_bytes(18)? {
            None => Ok(LargeBlob::Empty),
            Some(blob) => {
                Ok(LargeBlob::Written { blob: blob.to_vec(), original_size: fields.number(19)? })
            }
        },
    }
}
