//! PIN/UV auth protocols one and two, CTAP 2.3 sections 6.5.6 and 6.5.7 (CP-01 to CP-15).

use alloc::vec::Vec;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::arithmetic::{AgreementKey, PeerKey};
use crate::cbor::Map;
use crate::crypto::{self, BLOCK, random_bytes};
use crate::public_key::P256Point;
use crate::secret::Secret;
use crate::status::Status;

/// The COSE number of key agreement keys: ECDH-ES + HKDF-256 (CP-02).
const ECDH_ES_HKDF_256: i32 = -25;

/// A PIN/UV auth protocol by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Protocol {
    /// Zero IV, MACs of 16 bytes.
    One = 1,
    /// Random IV, MACs of 32 bytes, separate keys.
    Two = 2,
}

impl Protocol {
    /// The protocol with this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Checks a MAC under `key`, in constant time and of exactly this protocol's length (CP-07, CP-08, CP-13).
    pub(crate) fn verify(self, key: &[u8], message: &[&[u8]], mac: &[u8]) -> bool {
        let expected = crypto::hmac_sha256(key, message);
        match self {
            Self::One => expected.left::<16>().matches(mac),
            Self::Two => expected.matches(mac),
        }
    }
}

/// The authenticator's key agreement keys, one for each protocol, fresh at power-up (CP-01, CP-18).
pub(crate) struct KeyAgreement {
    one: AgreementKey,
    two: AgreementKey,
}

impl KeyAgreement {
    pub(crate) fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self { one: AgreementKey::generate(rng), two: AgreementKey::generate(rng) }
    }

    /// A new key for one protocol (CP-15).
    pub(crate) fn regenerate(&mut self, protocol: Protocol, rng: &mut dyn CryptoRng) {
        *self.pair_mut(protocol) = AgreementKey::generate(rng);
    }

    /// The public key as a COSE_Key (CP-02).
    pub(crate) fn public_key(&self, protocol: Protocol) -> Vec<u8> {
        self.pair(protocol).public().cose(ECDH_ES_HKDF_256)
    }

    /// The secret shared with the platform whose key is `peer`. `None`: this build's arithmetic failed.
    pub(crate) fn decapsulate(&self, protocol: Protocol, peer: &PeerKey) -> Option<SharedSecret> {
        let z = self.pair(protocol).agree(peer)?;
        Some(SharedSecret::derive(protocol, &z))
    }

    const fn pair(&self, protocol: Protocol) -> &AgreementKey {
        match protocol {
            Protocol::One => &self.one,
            Protocol::Two => &self.two,
        }
    }

    const fn pair_mut(&mut self, protocol: Protocol) -> &mut AgreementKey {
        match protocol {
            Protocol::One => &mut self.one,
            Protocol::Two => &mut self.two,
        }
    }
}

/// The platform's key agreement key as it came: its members have the right types, and its values are not checked
/// yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlatformKey {
    /// `None`: what CP-02 does not allow.
    point: Option<P256Point>,
}

impl PlatformKey {
    /// Reads a COSE_Key. An absent or wrong-typed member is a structural fault (0x11, MSG-41), which outranks the state of the
    /// key (MSG-43). Other values than CP-02's, and coordinates not of 32 bytes, come out when it is used (CP-14).
    pub(crate) fn parse(map: Map<'_>) -> Result<Self, Status> {
        let (mut kty, mut alg, mut crv, mut x, mut y) = (None, None, None, None, None);
        for (label, value) in map.by_number() {
            match label {
                1 => kty = Some(value.integer()?),
                3 => alg = Some(value.integer()?),
                -1 => crv = Some(value.integer()?),
                -2 => x = Some(value.bytes()?),
                -3 => y = Some(value.bytes()?),
                _ => {}
            }
        }
        let (Some(kty), Some(alg), Some(crv), Some(x), Some(y)) = (kty, alg, crv, x, y) else {
            return Err(Status::CborUnexpectedType);
        };
        let point = match (x.try_into(), y.try_into()) {
            (Ok(x), Ok(y)) => Some(P256Point { x, y }),
            _ => None,
        };
        let is_p256 = (kty, alg, crv) == (2, i128::from(ECDH_ES_HKDF_256), 1);
        Ok(Self { point: point.filter(|_| is_p256) })
    }

    /// Anything but a point on the curve is an invalid parameter (CP-14).
    pub(crate) fn checked(&self) -> Result<PeerKey, Status> {
        self.point.as_ref().and_then(PeerKey::new).ok_or(Status::InvalidParameter)
    }
}

/// The secret that both ends know after key agreement (CP-04).
pub(crate) enum SharedSecret {
    One { key: Secret<32> },
    Two { hmac_key: Secret<32>, aes_key: Secret<32> },
}

impl SharedSecret {
    fn derive(protocol: Protocol, z: &Secret<32>) -> Self {
        match protocol {
            Protocol::One => Self::One { key: crypto::secret_sha256(z.expose()) },
            Protocol::Two => Self::Two {
                hmac_key: crypto::hkdf_sha256(z.expose(), b"CTAP2 HMAC key"),
                aes_key: crypto::hkdf_sha256(z.expose(), b"CTAP2 AES key"),
            },
        }
    }

    /// Checks a MAC made with the shared secret (CP-11).
    pub(crate) fn verify(&self, message: &[&[u8]], mac: &[u8]) -> bool {
        match self {
            Self::One { key } => Protocol::One.verify(key.expose(), message, mac),
            Self::Two { hmac_key, .. } => Protocol::Two.verify(hmac_key.expose(), message, mac),
        }
    }

    /// `plaintext` must be whole blocks (CP-05); the authenticator's own always are.
    pub(crate) fn encrypt(&self, plaintext: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
        match self {
            Self::One { key } => {
                let mut data = plaintext.to_vec();
                crypto::aes256_cbc_encrypt(key.expose(), &[0; BLOCK], &mut data);
                data
            }
            Self::Two { aes_key, .. } => {
                let iv: [u8; BLOCK] = random_bytes(rng);
                let mut data = plaintext.to_vec();
                crypto::aes256_cbc_encrypt(aes_key.expose(), &iv, &mut data);
                [&iv[..], &data].concat()
            }
        }
    }

    /// `None`: not whole blocks, or too short for an IV (CP-06).
    pub(crate) fn decrypt(&self, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (key, iv, body) = match self {
            Self::One { key } => (key, &[0; BLOCK], ciphertext),
            Self::Two { aes_key, .. } => {
                let (iv, body) = ciphertext.split_first_chunk::<BLOCK>()?;
                (aes_key, iv, body)
            }
        };
        let mut data = Zeroizing::new(body.to_vec());
        crypto::aes256_cbc_decrypt(key.expose(), iv, &mut data).then_some(data)
    }
}
