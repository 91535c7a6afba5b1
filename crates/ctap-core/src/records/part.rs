//! A part of the state that one record holds: how it is written and read.

use alloc::{boxed::Box, string::String, vec::Vec};

use super::credential;
use super::name::{Name, VERSION};
use super::value::{Fault, Fields, ValueWriter};
use crate::cbor::{Array, Bytes};
use crate::credential::{Credential, Kept};
use crate::limits::{
    LARGE_BLOB_CHUNK, MAX_FRIENDLY_NAME, MAX_PIN_CODE_POINTS, MAX_PIN_RETRIES, MAX_UV_RETRIES,
    MIN_PIN_CODE_POINTS,
};
use crate::memory::Record;
use crate::secret::{Secret, SecretBytes};
use crate::state::{Fingerprint, Pin, Settings};

/// The content of one record.
#[derive(Debug)]
pub(crate) enum Part {
    Secrets {
        wrapping_key: Secret<32>,
        device_identifier: [u8; 16],
    },
    PersistentToken(Secret<32>),
    CredStoreState([u8; 16]),
    Settings(Settings),
    Pin {
        pin: Option<Pin>,
        retries: u8,
    },
    Uv {
        retries: u8,
        count_since_pin: u32,
    },
    SignCountCeiling(u32),
    /// With its order number.
    Credential(u64, Box<Credential>),
    Kept(Box<Kept>),
    /// With its order number.
    Fingerprint(u32, Fingerprint),
    LargeBlobs {
        chunk: u16,
        bytes: Vec<u8>,
    },
}

impl Part {
    fn name(&self) -> Name {
        match self {
            Self::Secrets { .. } => Name::Secrets,
            Self::PersistentToken(_) => Name::PersistentToken,
            Self::CredStoreState(_) => Name::CredStoreState,
            Self::Settings(_) => Name::Settings,
            Self::Pin { .. } => Name::Pin,
            Self::Uv { .. } => Name::Uv,
            Self::SignCountCeiling(_) => Name::SignCountCeiling,
            Self::Credential(_, credential) => Name::Credential(credential.id.clone()),
            Self::Kept(kept) => Name::Kept(kept.credential.id.clone()),
            Self::Fingerprint(_, finger) => Name::Fingerprint(finger.template_id.clone()),
            Self::LargeBlobs { chunk, .. } => Name::LargeBlobs(*chunk),
        }
    }

    pub(super) fn record(&self) -> Record {
        Record { name: self.name().encode(), value: Some(self.encode()) }
    }

    /// The version of the record that this one writes.
    fn version(&self) -> u8 {
        match self {
            Self::Credential(_, credential) => credential::version(credential),
            Self::Kept(kept) => credential::kept_version(kept),
            _ => VERSION,
        }
    }

    fn encode(&self) -> SecretBytes {
        let mut value = ValueWriter::new(self.version());
        match self {
            Self::Secrets { wrapping_key, device_identifier } => {
                value.put(1, Bytes(wrapping_key.expose())).put(2, Bytes(device_identifier));
            }
            Self::PersistentToken(token) => drop(value.put(1, Bytes(token.expose()))),
            Self::CredStoreState(state) => drop(value.put(1, Bytes(state))),
            Self::Settings(settings) => put_settings(&mut value, settings),
            Self::Pin { pin, retries } => {
                value.put(1, *retries);
                value.put_some(2, pin.as_ref().map(|pin| Bytes(pin.hash.expose())));
                value.put_some(3, pin.as_ref().map(|pin| pin.code_points));
            }
            Self::Uv { retries, count_since_pin } => {
                value.put(1, *retries).put(2, *count_since_pin);
            }
            Self::SignCountCeiling(ceiling) => drop(value.put(1, *ceiling)),
            Self::Credential(number, credential) => {
                credential::put(&mut value, *number, credential)
            }
            Self::Kept(kept) => credential::put_kept(&mut value, kept),
            Self::Fingerprint(number, finger) => {
                value.put(1, *number).put(2, finger.finger);
                value.put_some(3, finger.friendly_name.as_deref());
            }
            Self::LargeBlobs { bytes, .. } => drop(value.put(1, Bytes(bytes))),
        }
        value.finish()
    }

    /// The content of the record with this name; the counterpart of [`encode`](Self::encode).
    pub(super) fn decode(name: Name, value: &[u8]) -> Result<Self, Fault> {
        let mut fields = Fields::parse(value, name.version())?;
        let part = Self::read(name, &mut fields)?;
        fields.end()?;
        Ok(part)
    }

    fn read(name: Name, fields: &mut Fields<'_>) -> Result<Self, Fault> {
        Ok(match name {
            Name::Secrets => Self::Secrets {
                wrapping_key: fields.secret(1)?,
                device_identifier: fields.array(2)?,
            },
            Name::PersistentToken => Self::PersistentToken(fields.secret(1)?),
            Name::CredStoreState => Self::CredStoreState(fields.array(1)?),
            Name::Settings => Self::Settings(read_settings(fields)?),
            Name::Pin => {
                let retries = fields.number_up_to(1, MAX_PIN_RETRIES)?;
                Self::Pin { retries, pin: read_pin(fields)? }
            }
            Name::Uv => Self::Uv {
                retries: fields.number_up_to(1, MAX_UV_RETRIES)?,
                count_since_pin: fields.number(2)?,
            },
            Name::SignCountCeiling => Self::SignCountCeiling(fields.number(1)?),
            Name::Credential(id) => {
                let (number, credential) = credential::read(id, fields)?;
                Self::Credential(number, Box::new(credential))
            }
            Name::Kept(id) => Self::Kept(Box::new(credential::read_kept(id, fields)?)),
            Name::Fingerprint(template_id) => {
                let (number, finger) = read_fingerprint(template_id, fields)?;
                Self::Fingerprint(number, finger)
            }
            Name::LargeBlobs(chunk) => {
                let bytes = fields.bytes(1)?.to_vec();
                let fits = (1..=LARGE_BLOB_CHUNK).contains(&bytes.len());
                if fits { Self::LargeBlobs { chunk, bytes } } else { return Err(Fault::Malformed) }
            }
        })
    }
}

fn put_settings(value: &mut ValueWriter, settings: &Settings) {
    // Taken apart whole: a field that is added does not compile until it is written.
    let Settings {
        min_pin_length,
        min_pin_length_rp_ids,
        force_pin_change,
        pin_complexity_policy,
        always_uv,
        enterprise_attestation,
        long_touch_for_reset,
    } = settings;
    value.put(1, *min_pin_length);
    value.put(2, Array(min_pin_length_rp_ids.iter().map(String::as_str)));
    value.put(3, *force_pin_change).put(4, *pin_complexity_policy).put_some(5, *always_uv);
    value.put(6, *enterprise_attestation).put(7, *long_touch_for_reset);
}

fn read_settings(fields: &mut Fields<'_>) -> Result<Settings, Fault> {
    let min_pin_length = fields.number_up_to(1, MAX_PIN_CODE_POINTS)?;
    if min_pin_length < MIN_PIN_CODE_POINTS {
        return Err(Fault::Malformed);
    }
    Ok(Settings {
        min_pin_length,
        min_pin_length_rp_ids: fields.texts(2)?,
        force_pin_change: fields.boolean(3)?,
        pin_complexity_policy: fields.boolean(4)?,
        always_uv: fields.optional_boolean(5)?,
        enterprise_attestation: fields.boolean(6)?,
        long_touch_for_reset: fields.boolean(7)?,
    })
}

/// Both fields, or none: no PIN is set.
fn read_pin(fields: &mut Fields<'_>) -> Result<Option<Pin>, Fault> {
    let Some(hash) = fields.optional_secret(2)? else { return Ok(None) };
    Ok(Some(Pin { hash, code_points: fields.number_up_to(3, MAX_PIN_CODE_POINTS)? }))
}

fn read_fingerprint(
    template_id: Vec<u8>,
    fields: &mut Fields<'_>,
) -> Result<(u32, Fingerprint), Fault> {
    let (number, finger) = (fields.number(1)?, fields.number(2)?);
    let friendly_name = fields.optional_text(3)?;
    let too_long = friendly_name.as_ref().is_some_and(|name| name.len() > MAX_FRIENDLY_NAME);
    if template_id.is_empty() || too_long {
        return Err(Fault::Malformed);
    }
    Ok((number, Fingerprint { template_id, friendly_name, finger }))
}
