//! hmac-secret and hmac-secret-mc, CTAP 2.3 sections 12.7 and 12.8 (EX-20 to EX-44).

use alloc::vec::Vec;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::cbor::Map;
use crate::config::Config;
use crate::credential::CredRandom;
use crate::crypto;
use crate::pin::protocol::{KeyAgreement, PlatformKey, SharedSecret};
use crate::status::Status;

/// One salt.
const SALT: usize = 32;

/// The input as it came (EX-22).
#[derive(Debug)]
pub(crate) struct Input {
    platform_key: PlatformKey,
    salt_enc: Vec<u8>,
    salt_auth: Vec<u8>,
    protocol: u64,
}

impl Input {
    /// Members 1, 2 and 3 are required (EX-23), which a wrong type outranks (MSG-44); the protocol is one unless it says
    /// otherwise.
    pub(crate) fn parse(map: Map<'_>) -> Result<Self, Status> {
        let (mut key, mut salt_enc, mut salt_auth, mut protocol) = (None, None, None, 1);
        for (label, value) in map.by_number() {
            match label {
                1 => key = Some(PlatformKey::parse(value.map()?)?),
                2 => salt_enc = Some(value.bytes()?),
                3 => salt_auth = Some(value.bytes()?),
                4 => protocol = value.unsigned()?,
                _ => {}
            }
        }
        let (Some(platform_key), Some(salt_enc), Some(salt_auth)) = (key, salt_enc, salt_auth)
        else {
            return Err(Status::MissingParameter);
        };
        Ok(Self {
            platform_key,
            salt_enc: salt_enc.to_vec(),
            salt_auth: salt_auth.to_vec(),
            protocol,
        })
    }

    /// Decrypts the salts, in the order of EX-25 and EX-26.
    pub(crate) fn open(&self, keys: &KeyAgreement, config: &Config) -> Result<Salts, Status> {
        let protocol = config.protocol(self.protocol).ok_or(Status::InvalidParameter)?;
        let secret = keys.decapsulate(protocol, &self.platform_key.checked()?);
        let secret = secret.ok_or(Status::Other)?;
        if !secret.verify(&[&self.salt_enc], &self.salt_auth) {
            return Err(Status::PinAuthInvalid);
        }
        let salts = secret.decrypt(&self.salt_enc).ok_or(Status::InvalidParameter)?;
        if salts.len() != SALT && salts.len() != SALT.saturating_mul(2) {
            return Err(Status::InvalidParameter);
        }
        Ok(Salts { secret, salts })
    }
}

/// One or two salts, and the secret they came under.
pub(crate) struct Salts {
    secret: SharedSecret,
    salts: Zeroizing<Vec<u8>>,
}

impl Salts {
    /// Each salt hashed with the credential's secret for this UV bit, encrypted for the platform (EX-29 to EX-31).
    pub(crate) fn output(
        &self,
        random: &CredRandom,
        verified: bool,
        rng: &mut dyn CryptoRng,
    ) -> Vec<u8> {
        let key = if verified { &random.with_uv } else { &random.without_uv };
        let mut outputs = Zeroizing::new(Vec::with_capacity(self.salts.len()));
        for salt in self.salts.chunks(SALT) {
            outputs.extend_from_slice(crypto::hmac_sha256(key.expose(), &[salt]).expose());
        }
        self.secret.encrypt(&outputs, rng)
    }
}
