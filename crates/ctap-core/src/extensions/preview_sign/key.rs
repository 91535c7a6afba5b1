//! A signing key: its algorithm, what it demands of a person, and the key handle that carries it (PS-05, PS-17).
//! The handle is encrypted and bound to its credential, as a credential's id is bound to its relying party. So a
//! reset ends both (PS-31).

use alloc::vec::Vec;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::algorithm::{self, PrivateKey};
use crate::arithmetic::arkg::{self, derive_private_key};
use crate::arithmetic::esp256_split;
use crate::cbor::{Encoded, Map, MapWriter, to_vec};
use crate::consent::Evidence;
use crate::credential::Credential;
use crate::credential_id::{PREFIX, SealingKeys, length_around};
use crate::crypto::sha256;
use crate::public_key::PublicKey;
use crate::secret::SecretBytes;
use crate::status::Status;

/// An algorithm of signing keys by its COSE number. All are ECDSA on P-256 with SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Algorithm {
    /// ESP256: the key hashes what is to be signed (PS-20).
    Esp256 = -9,
    /// ES256: the same by its older name (PS-20).
    Es256 = -7,
    /// ESP256-split: what is to be signed is the digest (PS-21).
    Esp256Split = -300,
    /// ESP256-split by an older placeholder (PS-21).
    Esp256SplitPlaceholder = -70009,
    /// ESP256-split with a key that ARKG-P256 derives for each signature (PS-22).
    Esp256SplitArkg = -65539,
}

/// What a signing key demands before it signs (PS-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Demands {
    /// Nothing.
    Nothing = 0b000,
    /// A touch.
    Presence = 0b001,
    /// A touch by a verified user.
    Verification = 0b101,
}

/// A key that signs for a relying party.
pub(crate) struct SigningKey {
    algorithm: Algorithm,
    demands: Demands,
    /// A scalar, or the private seed of ARKG-P256.
    secret: SecretBytes,
}

impl Algorithm {
    const ALL: [Self; 5] = [
        Self::Esp256,
        Self::Es256,
        Self::Esp256Split,
        Self::Esp256SplitPlaceholder,
        Self::Esp256SplitArkg,
    ];

    /// The algorithm with this COSE number.
    pub(crate) fn from_cose(number: i128) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| i128::from(algorithm.cose()) == number)
    }

    /// Its COSE number.
    pub(crate) const fn cose(self) -> i32 {
        self as i32
    }

    /// The algorithm that verifiers know it by.
    const fn verified_as(self) -> i32 {
        match self {
            Self::Es256 => ES256,
            _ => ESP256,
        }
    }

    const fn secret_length(self) -> usize {
        match self {
            Self::Esp256SplitArkg => arkg::SEED,
            _ => 32,
        }
    }

    /// The digest of what is to be signed (PS-20), or what is to be signed if that is the digest (PS-21).
    fn digest(self, to_be_signed: &[u8]) -> Result<[u8; 32], Status> {
        match self {
            Self::Esp256 | Self::Es256 => Ok(sha256(&[to_be_signed])),
            _ => to_be_signed.try_into().map_err(|_| Status::InvalidLength),
        }
    }
}

impl Demands {
    /// The demands for these flags; other values have no meaning.
    pub(crate) const fn from_flags(flags: u64) -> Option<Self> {
        match flags {
            0b000 => Some(Self::Nothing),
            0b001 => Some(Self::Presence),
            0b101 => Some(Self::Verification),
            _ => None,
        }
    }

    /// The flags on the wire.
    pub(crate) const fn flags(self) -> u8 {
        self as u8
    }

    /// They are met (PS-14 to PS-16).
    const fn judge(self, evidence: &Evidence) -> Result<(), Status> {
        match self {
            Self::Nothing => Ok(()),
            _ if !evidence.present() => Err(Status::UpRequired),
            Self::Verification if !evidence.verified() => Err(Status::PuatRequired),
            Self::Presence | Self::Verification => Ok(()),
        }
    }
}

impl SigningKey {
    /// Draws a new one (PS-06), with its public key as a COSE_Key. `None`: the arithmetic failed.
    pub(crate) fn generate(
        algorithm: Algorithm,
        demands: Demands,
        rng: &mut dyn CryptoRng,
    ) -> Option<(Self, Vec<u8>)> {
        let (secret, public) = pair(rng)?;
        if algorithm != Algorithm::Esp256SplitArkg {
            let public = public.cose(algorithm.verified_as());
            return Some((Self { algorithm, demands, secret }, public));
        }
        let (kem, kem_public) = pair(rng)?;
        let mut seed = Vec::with_capacity(arkg::SEED);
        seed.extend_from_slice(secret.expose());
        seed.extend_from_slice(kem.expose());
        Some((
            Self { algorithm, demands, secret: SecretBytes::new(seed) },
            seed_of(&public, &kem_public),
        ))
    }

    /// The key handle. `None`: the secret is not whole blocks long, which none is.
    pub(crate) fn seal(
        &self,
        credential: &Credential,
        keys: &SealingKeys,
        rng: &mut dyn CryptoRng,
    ) -> Option<Vec<u8>> {
        let length = PREFIX.saturating_add(self.algorithm.secret_length());
        let mut body = Zeroizing::new(Vec::with_capacity(length));
        body.extend(self.algorithm.cose().to_be_bytes());
        body.push(self.demands.flags());
        body.resize(PREFIX, 0);
        body.extend_from_slice(self.secret.expose());
        keys.seal_signing_key(body, &owner(credential), rng)
    }

    /// The key with this handle; `None` if it was not made for this credential (PS-17).
    pub(crate) fn open(handle: &[u8], credential: &Credential, keys: &SealingKeys) -> Option<Self> {
        let body = keys.open_signing_key(handle, &owner(credential))?;
        let (prefix, secret) = body.split_first_chunk::<PREFIX>()?;
        let (algorithm, rest) = prefix.split_first_chunk::<4>()?;
        Some(Self {
            algorithm: Algorithm::from_cose(i32::from_be_bytes(*algorithm).into())?,
            demands: Demands::from_flags((*rest.first()?).into())?,
            secret: SecretBytes::new(secret.to_vec()),
        })
    }

    /// The signature in DER, if the evidence is what the key demands.
    pub(crate) fn sign(
        &self,
        to_be_signed: &[u8],
        arguments: Option<&[u8]>,
        evidence: &Evidence,
    ) -> Result<Vec<u8>, Status> {
        self.demands.judge(evidence)?;
        let derived = match self.algorithm {
            Algorithm::Esp256SplitArkg => Some(self.derive(arguments)?),
            _ => None,
        };
        let digest = self.algorithm.digest(to_be_signed)?;
        let secret = derived.as_ref().unwrap_or(&self.secret);
        esp256_split(secret.expose(), &digest).ok_or(Status::Other)
    }

    /// The private key that these COSE_Sign_Args mean (PS-18, PS-22).
    fn derive(&self, arguments: Option<&[u8]>) -> Result<SecretBytes, Status> {
        let arguments = Map::parse(arguments.ok_or(Status::MissingParameter)?)?;
        let (mut algorithm, mut key_handle, mut context) = (None, None, None);
        for (label, value) in arguments.by_number() {
            match label {
                3 => algorithm = Some(value.integer()?),
                -1 => key_handle = Some(value.bytes()?),
                -2 => context = Some(value.bytes()?),
                _ => {}
            }
        }
        let is_right = algorithm == Some(self.algorithm.cose().into());
        let derived = key_handle.zip(context).filter(|_| is_right).and_then(|(handle, context)| {
            derive_private_key(self.secret.expose(), handle, context)
        });
        derived.ok_or(Status::InvalidCredential)
    }
}

/// A new key pair on P-256.
fn pair(rng: &mut dyn CryptoRng) -> Option<(SecretBytes, PublicKey)> {
    let (key, pair) = PrivateKey::generate(algorithm::Algorithm::Es256, rng)?;
    Some((key.secret, pair.public()?))
}

/// The public seed of ARKG-P256 as a COSE_Key (PS-22).
fn seed_of(blinding: &PublicKey, kem: &PublicKey) -> Vec<u8> {
    let mut seed = MapWriter::new();
    seed.put(1_u8, ARKG_PUBLIC_SEED).put(3_u8, ARKG_P256);
    seed.put(-1, Encoded(&blinding.cose(ESP256)));
    seed.put(-2, Encoded(&kem.cose(ECDH_ES_HKDF_256)));
    seed.put(-3, ESP256);
    to_vec(&seed)
}

/// The owner of a signing key: one credential of one relying party.
fn owner(credential: &Credential) -> [u8; 32] {
    sha256(&[&credential.rp_id_hash, &credential.id])
}

const ES256: i32 = -7;
const ESP256: i32 = -9;
const ECDH_ES_HKDF_256: i32 = -25;
/// Placeholders of the draft: a key type, and the algorithm of the seed.
const ARKG_PUBLIC_SEED: i32 = -65537;
const ARKG_P256: i32 = -65700;

/// Bytes of the longest key handle.
pub(crate) const LONGEST_HANDLE: usize = length_around(arkg::SEED);
/// Bytes of the longest public key, which is a seed: its own members, and two keys on P-256. The second one has an
/// algorithm of two bytes.
pub(crate) const LONGEST_PUBLIC_KEY: usize = 1 + 6 + 6 + (1 + 77) + (1 + 78) + 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::seeded;

    #[test]
    fn the_longest_public_key_is_as_long_as_it_says() {
        let mut rng = seeded(1);
        let lengths = Algorithm::ALL.map(|algorithm| {
            SigningKey::generate(algorithm, Demands::Nothing, &mut rng).unwrap().1.len()
        });
        assert_eq!(lengths.into_iter().max(), Some(LONGEST_PUBLIC_KEY));
    }
}
