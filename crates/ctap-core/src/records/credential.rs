//! The record of a credential. Its id is its name.

use alloc::vec::Vec;

use super::name::{
    CREDENTIAL_VERSION, CREDENTIAL_VERSION_OF_LATER_ALGORITHMS, KEPT_VERSION_OF_LATER_ALGORITHMS,
    Name, VERSION,
};
use super::value::{Fault, Fields, ValueWriter};
use crate::algorithm::{Algorithm, PrivateKey};
use crate::cbor::Bytes;
use crate::credential::{
    Account, Backup, Counter, CredProtect, CredRandom, Credential, Kept, LargeBlob, Rp, User,
};
use crate::limits::{MAX_CREDENTIAL_ID, MAX_FOREIGN_CREDENTIAL_ID, MAX_RP_ID, MAX_USER_ID};
use crate::memory::Record;
use crate::secret::SecretBytes;

/// The record of this credential.
pub(super) fn record(number: u64, credential: &Credential) -> Record {
    let mut value = ValueWriter::new(version(credential));
    put(&mut value, number, credential);
    Record { name: Name::Credential(credential.id.clone()).encode(), value: Some(value.finish()) }
}

/// The record of this credential that is not discoverable.
pub(super) fn kept_record(kept: &Kept) -> Record {
    let mut value = ValueWriter::new(kept_version(kept));
    put_kept(&mut value, kept);
    let name = Name::Kept(kept.credential.id.clone()).encode();
    Record { name, value: Some(value.finish()) }
}

/// The version that has a place for all of it: the first one, as long as it will do.
pub(super) fn version(credential: &Credential) -> u8 {
    if has_later_algorithm(credential) {
        return CREDENTIAL_VERSION_OF_LATER_ALGORITHMS;
    }
    let of_this_key = credential.backup == Backup::default()
        && credential.counter == Counter::OfKey
        && credential.id.len() <= MAX_CREDENTIAL_ID;
    if of_this_key { VERSION } else { CREDENTIAL_VERSION }
}

/// The same for one that is not discoverable.
pub(super) fn kept_version(kept: &Kept) -> u8 {
    match has_later_algorithm(&kept.credential) {
        true => KEPT_VERSION_OF_LATER_ALGORITHMS,
        false => VERSION,
    }
}

/// One that the first versions did not know.
const fn has_later_algorithm(credential: &Credential) -> bool {
    matches!(credential.key.algorithm, Algorithm::Es512 | Algorithm::Ps256 | Algorithm::Rs256)
}

pub(super) fn put(value: &mut ValueWriter, number: u64, credential: &Credential) {
    value.put(1, number);
    put_key(value, credential);
    if let Some(account) = &credential.account {
        put_account(value, account);
    }
    put_properties(value, credential);
}

pub(super) fn put_kept(value: &mut ValueWriter, kept: &Kept) {
    let Kept { credential, rp, user } = kept;
    put_key(value, credential);
    value.put_some(10, rp.as_ref().map(|rp| rp.id.as_str()));
    value.put_some(11, rp.as_ref().and_then(|rp| rp.name.as_deref()));
    value.put_some(12, user.as_ref().map(|user| Bytes(&user.id)));
    value.put_some(13, user.as_ref().and_then(|user| user.name.as_deref()));
    value.put_some(14, user.as_ref().and_then(|user| user.display_name.as_deref()));
    put_properties(value, credential);
}

fn put_key(value: &mut ValueWriter, credential: &Credential) {
    // Taken apart whole, here and below: a field that is added does not compile until it is written.
    let Credential {
        id: _,
        rp_id_hash,
        key,
        cred_protect,
        cred_random,
        third_party_payment,
        backup: _,
        counter: _,
        account: _,
    } = credential;
    let PrivateKey { algorithm, secret } = key;
    let CredRandom { with_uv, without_uv } = cred_random;
    value.put(2, Bytes(rp_id_hash));
    value.put(3, algorithm.cose()).put(4, Bytes(secret.expose())).put(5, cred_protect.level());
    value.put(6, Bytes(with_uv.expose())).put(7, Bytes(without_uv.expose()));
    value.put(8, *third_party_payment);
}

/// Missing values mean: no flags, and the key's counter.
fn put_properties(value: &mut ValueWriter, credential: &Credential) {
    let Backup { eligible, state } = credential.backup;
    let flags = u8::from(eligible) | u8::from(state) << 1;
    value.put_some(20, (flags != 0).then_some(flags));
    match credential.counter {
        Counter::OfKey => {}
        Counter::Own(last) => drop(value.put(21, last)),
        Counter::Zero => drop(value.put(22, true)),
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
    let number = fields.number(1)?;
    let mut credential = read_credential(id, fields)?;
    credential.account = Some(read_account(credential.key.algorithm, fields)?);
    read_properties(&mut credential, fields)?;
    if fields.version() == u64::from(version(&credential)) {
        return Ok((number, credential));
    }
    Err(Fault::Malformed)
}

pub(super) fn read_kept(id: Vec<u8>, fields: &mut Fields<'_>) -> Result<Kept, Fault> {
    let mut credential = read_credential(id, fields)?;
    let rp = match fields.optional_text(10)? {
        Some(id) if (1..=MAX_RP_ID).contains(&id.len()) => {
            Some(Rp { id, name: fields.optional_text(11)? })
        }
        Some(_) => return Err(Fault::Malformed),
        None => None,
    };
    let user = match fields.optional_bytes(12)? {
        Some(id) if id.len() <= MAX_USER_ID => Some(User {
            id: id.to_vec(),
            name: fields.optional_text(13)?,
            display_name: fields.optional_text(14)?,
        }),
        Some(_) => return Err(Fault::Malformed),
        None => None,
    };
    read_properties(&mut credential, fields)?;
    let kept = Kept { credential, rp, user };
    if fields.version() == u64::from(kept_version(&kept)) {
        Ok(kept)
    } else {
        Err(Fault::Malformed)
    }
}

/// Without an account, flags and a counter.
fn read_credential(id: Vec<u8>, fields: &mut Fields<'_>) -> Result<Credential, Fault> {
    if !(1..=MAX_FOREIGN_CREDENTIAL_ID).contains(&id.len()) {
        return Err(Fault::Malformed);
    }
    let rp_id_hash = fields.array(2)?;
    let key = read_key(fields)?;
    let level = u64::from(fields.number::<u8>(5)?);
    Ok(Credential {
        id,
        rp_id_hash,
        key,
        cred_protect: CredProtect::from_level(level).ok_or(Fault::Malformed)?,
        cred_random: CredRandom { with_uv: fields.secret(6)?, without_uv: fields.secret(7)? },
        third_party_payment: fields.boolean(8)?,
        backup: Backup::default(),
        counter: Counter::OfKey,
        account: None,
    })
}

fn read_properties(credential: &mut Credential, fields: &mut Fields<'_>) -> Result<(), Fault> {
    credential.backup = match fields.optional_number::<u8>(20)? {
        None => Backup::default(),
        Some(flags @ 1..=3) => Backup { eligible: flags & 1 != 0, state: flags & 2 != 0 },
        Some(_) => return Err(Fault::Malformed),
    };
    credential.counter = match (fields.optional_number(21)?, fields.optional_boolean(22)?) {
        (None, None) => Counter::OfKey,
        (Some(last), None) => Counter::Own(last),
        (None, Some(true)) => Counter::Zero,
        _ => return Err(Fault::Malformed),
    };
    Ok(())
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
