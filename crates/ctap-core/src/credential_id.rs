//! Credential ids. The id of a discoverable credential is random. Any other credential is in its own id: encrypted
//! and authenticated with the store's wrapping key, and bound to its relying party (MC-75).
//!
//! ```text
//!  discoverable   32 random bytes
//!  sealed         01 ‖ IV[16] ‖ AES-256-CBC( alg i32 ‖ policy u8 ‖ 00… ‖ secret[32..] ) ‖ HMAC-SHA-256[32]; the zeros fill a block
//! ```
//! The MAC covers everything before it, and the RP id hash. Both keys are derived from the wrapping key. A reset
//! draws a new wrapping key, so it ends every credential (RS-09). The key handles of previewSign are encrypted in
//! the same way.

use alloc::vec::Vec;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::algorithm::{Algorithm, PrivateKey};
use crate::credential::{Backup, Counter, CredProtect, CredRandom, Credential};
use crate::crypto::{self, BLOCK, random_bytes};
use crate::secret::{Secret, SecretBytes};

/// The first byte of a sealed id with the shortest possible length. A discoverable id has another length.
const CREDENTIAL: u8 = 1;
/// That of the key handle of a signing key (PS-17).
const SIGNING_KEY: u8 = 2;
/// In the first byte of an id with a prescribed length, beside the number of its blocks.
const SIZED: u8 = 0x40;
/// The MAC at the end of a sealed id.
const MAC: usize = 32;
/// The same if the id has no room for the whole MAC.
const SHORT_MAC: usize = 16;
/// The bytes before the private key: the algorithm, the policy byte, zeros up to a whole block.
pub(crate) const PREFIX: usize = BLOCK;
/// A bit of the policy byte, beside the two bits of the credProtect level.
const THIRD_PARTY_PAYMENT: u8 = 0x04;
/// BE, BS, and a counter that stays 0.
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKUP_STATE: u8 = 0x10;
const ZERO_COUNTER: u8 = 0x20;

/// Bytes of a discoverable credential's id, unless its length is given.
pub(crate) const DISCOVERABLE: usize = 32;

/// The id of a new credential that is a record.
pub(crate) fn random(length: Option<usize>, rng: &mut dyn CryptoRng) -> Vec<u8> {
    let mut id = alloc::vec![0; length.unwrap_or(DISCOVERABLE)];
    rng.fill_bytes(&mut id);
    id
}

/// Bytes of the shortest id that a credential of this algorithm can be sealed in.
pub(crate) const fn shortest_sealed(algorithm: Algorithm) -> usize {
    sealed_length(algorithm).saturating_sub(MAC - SHORT_MAC)
}

/// Bytes of an id that a credential of this algorithm is sealed in.
pub(crate) const fn sealed_length(algorithm: Algorithm) -> usize {
    length_around(algorithm.secret_length())
}

/// Bytes of the encrypted form of a secret of this length.
pub(crate) const fn length_around(secret: usize) -> usize {
    const AROUND: usize = 1 + BLOCK + MAC;
    AROUND.saturating_add(body_length(secret))
}

/// Bytes of a secret and of the bytes before it, in whole blocks. The scalar of ES512 does not fill whole blocks,
/// so it has two bytes less before it.
const fn body_length(secret: usize) -> usize {
    let blocks = secret.saturating_add(PREFIX) / BLOCK;
    blocks.saturating_mul(BLOCK)
}

/// The keys behind sealed ids, each for one purpose. They follow from the wrapping key and are kept for as long as it is, so
/// that a list of ids costs one derivation at power-up and not three for each of them.
pub(crate) struct SealingKeys {
    encryption: Secret<32>,
    mac: Secret<32>,
    cred_random: Secret<32>,
}

impl SealingKeys {
    pub(crate) fn derive(wrapping_key: &Secret<32>) -> Self {
        let derive = |info| crypto::hkdf_sha256(wrapping_key.expose(), info);
        Self {
            encryption: derive(b"keyfob credential id encryption"),
            mac: derive(b"keyfob credential id authentication"),
            cred_random: derive(b"keyfob credential id CredRandom"),
        }
    }

    /// Makes a credential that travels in its own id, of this length if one is given. `None`: that is shorter than
    /// [`shortest_sealed`].
    pub(crate) fn seal(
        &self,
        contents: Contents,
        rp_id_hash: &[u8; 32],
        length: Option<usize>,
        rng: &mut dyn CryptoRng,
    ) -> Option<Credential> {
        let iv: [u8; BLOCK] = random_bytes(rng);
        let body = contents.encode();
        let id = match length {
            None => self.lock(CREDENTIAL, &iv, body, rp_id_hash)?,
            Some(length) => self.lock_to(length, &iv, body, (rp_id_hash, rng))?,
        };
        Some(self.credential(contents, id, &iv, rp_id_hash))
    }

    /// Opens an id that [`seal`](Self::seal) made for this relying party; `None` for every other. Ids of other makes, which
    /// everybody can tell by their form, cost no MAC.
    pub(crate) fn open(&self, id: &[u8], rp_id_hash: &[u8; 32]) -> Option<Credential> {
        let (iv, body) = self.unlock(CREDENTIAL, id, rp_id_hash)?;
        Some(self.credential(Contents::decode(&body)?, id.to_vec(), iv, rp_id_hash))
    }

    /// The key handle of a signing key that belongs to `owner`. `None` as [`seal`](Self::seal).
    pub(crate) fn seal_signing_key(
        &self,
        body: Zeroizing<Vec<u8>>,
        owner: &[u8; 32],
        rng: &mut dyn CryptoRng,
    ) -> Option<Vec<u8>> {
        self.lock(SIGNING_KEY, &random_bytes(rng), body, owner)
    }

    /// The signing key that [`seal_signing_key`](Self::seal_signing_key) encrypted for this owner; `None` for every
    /// other handle, and for ids.
    pub(crate) fn open_signing_key(
        &self,
        handle: &[u8],
        owner: &[u8; 32],
    ) -> Option<Zeroizing<Vec<u8>>> {
        self.unlock(SIGNING_KEY, handle, owner).map(|(_, body)| body)
    }

    /// Encrypts `body` and vouches for it, as one of a kind that belongs to `owner`.
    fn lock(
        &self,
        kind: u8,
        iv: &[u8; BLOCK],
        mut body: Zeroizing<Vec<u8>>,
        owner: &[u8; 32],
    ) -> Option<Vec<u8>> {
        if !crypto::aes256_cbc_encrypt(self.encryption.expose(), iv, &mut body) {
            return None;
        }
        let mut sealed = [&[kind], &iv[..], &body].concat();
        let mac = crypto::hmac_sha256(self.mac.expose(), &[&sealed, owner]);
        sealed.extend_from_slice(mac.expose());
        Some(sealed)
    }

    /// The same for a credential's id of a prescribed length: random bytes fill the room that its MAC leaves.
    fn lock_to(
        &self,
        length: usize,
        iv: &[u8; BLOCK],
        mut body: Zeroizing<Vec<u8>>,
        (owner, rng): (&[u8; 32], &mut dyn CryptoRng),
    ) -> Option<Vec<u8>> {
        if !crypto::aes256_cbc_encrypt(self.encryption.expose(), iv, &mut body) {
            return None;
        }
        let blocks = u8::try_from(body.len() / BLOCK).ok()?;
        let mut sealed = [&[SIZED | blocks], &iv[..], &body].concat();
        let end = sealed.len();
        let mac_length = mac_length(length.checked_sub(end)?)?;
        sealed.resize(length.saturating_sub(mac_length), 0);
        rng.fill_bytes(sealed.get_mut(end..)?);
        let mac = crypto::hmac_sha256(self.mac.expose(), &[&sealed, owner]);
        sealed.extend_from_slice(mac.expose().get(..mac_length)?);
        Some(sealed)
    }

    /// The IV and the body of what these two made.
    fn unlock<'i>(
        &self,
        kind: u8,
        sealed: &'i [u8],
        owner: &[u8; 32],
    ) -> Option<(&'i [u8; BLOCK], Zeroizing<Vec<u8>>)> {
        let Sealed { covered, iv, body, mac } = Sealed::parse(kind, sealed)?;
        let expected = crypto::hmac_sha256(self.mac.expose(), &[covered, owner]);
        let is_ours = match mac.len() {
            MAC => expected.matches(mac),
            _ => expected.left::<SHORT_MAC>().matches(mac),
        };
        if !is_ours {
            return None;
        }
        let mut body = Zeroizing::new(body.to_vec());
        crypto::aes256_cbc_decrypt(self.encryption.expose(), iv, &mut body).then_some((iv, body))
    }

    fn credential(
        &self,
        contents: Contents,
        id: Vec<u8>,
        iv: &[u8; BLOCK],
        rp_id_hash: &[u8; 32],
    ) -> Credential {
        Credential {
            id,
            rp_id_hash: *rp_id_hash,
            key: contents.key,
            cred_protect: contents.cred_protect,
            cred_random: CredRandom::of_sealed(&self.cred_random, iv),
            third_party_payment: contents.third_party_payment,
            backup: contents.backup,
            counter: contents.counter,
            account: None,
        }
    }
}

/// The parts of a sealed id.
struct Sealed<'a> {
    /// All before the MAC.
    covered: &'a [u8],
    iv: &'a [u8; BLOCK],
    body: &'a [u8],
    mac: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// `None`: an id of another form, or of another kind.
    fn parse(kind: u8, id: &'a [u8]) -> Option<Self> {
        let (&tag, rest) = id.split_first()?;
        let (iv, rest) = rest.split_first_chunk::<BLOCK>()?;
        let length = match tag {
            _ if tag == kind => rest.len().checked_sub(MAC)?,
            _ if kind == CREDENTIAL && tag & !BLOCKS == SIZED => {
                usize::from(tag & BLOCKS).saturating_mul(BLOCK)
            }
            _ => return None,
        };
        let (body, rest) = rest.split_at_checked(length)?;
        let mac = mac_length(rest.len())?;
        let (covered, mac) = id.split_at_checked(id.len().saturating_sub(mac))?;
        body.len().is_multiple_of(BLOCK).then_some(Self { covered, iv, body, mac })
    }
}

/// Bytes of the MAC in this room; the bytes before it have no meaning. `None`: there is too little room.
const fn mac_length(room: usize) -> Option<usize> {
    match room {
        ..SHORT_MAC => None,
        SHORT_MAC..MAC => Some(SHORT_MAC),
        _ => Some(MAC),
    }
}

/// The number of blocks in the first byte.
const BLOCKS: u8 = 0x3f;

/// The secret content of an id.
pub(crate) struct Contents {
    pub(crate) key: PrivateKey,
    pub(crate) cred_protect: CredProtect,
    pub(crate) third_party_payment: bool,
    pub(crate) backup: Backup,
    /// Not one of its own: an id cannot count.
    pub(crate) counter: Counter,
}

impl Contents {
    /// The same as a record, without an account: a random id hides nothing, so the secrets are drawn (EX-21).
    pub(crate) fn stored(
        self,
        rp_id_hash: &[u8; 32],
        length: Option<usize>,
        rng: &mut dyn CryptoRng,
    ) -> Credential {
        Credential {
            id: random(length, rng),
            rp_id_hash: *rp_id_hash,
            key: self.key,
            cred_protect: self.cred_protect,
            cred_random: CredRandom::random(rng),
            third_party_payment: self.third_party_payment,
            backup: self.backup,
            counter: self.counter,
            account: None,
        }
    }

    /// The policy byte.
    fn policy(&self) -> u8 {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        self.cred_protect.level()
            | bit(self.third_party_payment, THIRD_PARTY_PAYMENT)
            | bit(self.backup.eligible, BACKUP_ELIGIBLE)
            | bit(self.backup.state, BACKUP_STATE)
            | bit(self.counter == Counter::Zero, ZERO_COUNTER)
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let secret = self.key.secret.expose();
        let length = body_length(secret.len());
        let mut body = Zeroizing::new(Vec::with_capacity(length));
        body.extend(self.key.algorithm.cose().to_be_bytes());
        body.push(self.policy());
        body.resize(length.saturating_sub(secret.len()), 0);
        body.extend_from_slice(secret);
        body
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let (algorithm, rest) = body.split_first_chunk::<4>()?;
        let (&policy, rest) = rest.split_first()?;
        let algorithm = Algorithm::from_cose(i128::from(i32::from_be_bytes(*algorithm)))?;
        let (_, secret) =
            rest.split_at_checked(rest.len().checked_sub(algorithm.secret_length())?)?;
        let has = |bit: u8| policy & bit != 0;
        Some(Self {
            key: PrivateKey { algorithm, secret: SecretBytes::new(secret.to_vec()) },
            cred_protect: CredProtect::from_level(u64::from(policy & 0x03))?,
            third_party_payment: has(THIRD_PARTY_PAYMENT),
            backup: Backup { eligible: has(BACKUP_ELIGIBLE), state: has(BACKUP_STATE) },
            counter: if has(ZERO_COUNTER) { Counter::Zero } else { Counter::OfKey },
        })
    }
}

impl CredRandom {
    /// Two new secrets for a discoverable credential (EX-21).
    pub(crate) fn random(rng: &mut dyn CryptoRng) -> Self {
        Self { with_uv: Secret::random(rng), without_uv: Secret::random(rng) }
    }

    /// A sealed credential's two secrets follow from its IV, which no other id has.
    fn of_sealed(key: &Secret<32>, iv: &[u8; BLOCK]) -> Self {
        let derive = |purpose: &[u8]| crypto::hmac_sha256(key.expose(), &[iv, purpose]);
        Self { with_uv: derive(b"with UV"), without_uv: derive(b"without UV") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::crypto::HashRng;
    use crate::testing::{ONE_OF_RSA_IS_ENOUGH, seeded};

    fn sealed(rng: &mut HashRng, keys: &SealingKeys) -> Credential {
        sealed_with(Algorithm::Es256, rng, keys)
    }

    fn sealed_with(algorithm: Algorithm, rng: &mut HashRng, keys: &SealingKeys) -> Credential {
        let contents = Contents {
            key: PrivateKey::generate(algorithm, rng).unwrap().0,
            cred_protect: CredProtect::UvRequired,
            third_party_payment: true,
            backup: Backup { eligible: true, state: false },
            counter: Counter::Zero,
        };
        keys.seal(contents, &[7; 32], None, rng).unwrap()
    }

    /// Of this length.
    fn sized(length: usize, rng: &mut HashRng, keys: &SealingKeys) -> Option<Credential> {
        let contents = Contents {
            key: PrivateKey::generate(Algorithm::Es256, rng).unwrap().0,
            cred_protect: CredProtect::UvRequired,
            third_party_payment: true,
            backup: Backup::default(),
            counter: Counter::OfKey,
        };
        keys.seal(contents, &[7; 32], Some(length), rng)
    }

    // GI-17
    #[test]
    fn an_id_is_as_long_as_it_is_to_be_and_opens() {
        let mut rng = seeded(5);
        let keys = keys(&mut rng);
        let shortest = shortest_sealed(Algorithm::Es256);
        assert!(sized(shortest - 1, &mut rng, &keys).is_none());
        for length in [shortest, shortest + 1, 96, 97, 98, 128, 1023] {
            let made = sized(length, &mut rng, &keys).unwrap();
            assert_eq!(made.id.len(), length);
            let opened = keys.open(&made.id, &[7; 32]).unwrap();
            assert_eq!(opened.key.secret.expose(), made.key.secret.expose());
            assert!(keys.open(&made.id, &[8; 32]).is_none());
            for byte in 0..length {
                let mut other = made.id.clone();
                other[byte] ^= 1;
                assert!(keys.open(&other, &[7; 32]).is_none(), "byte {byte} of {length}");
            }
            assert!(keys.open(&made.id[..length - 1], &[7; 32]).is_none());
        }
    }

    fn keys(rng: &mut HashRng) -> SealingKeys {
        SealingKeys::derive(&Secret::random(rng))
    }

    #[test]
    fn a_sealed_id_opens_to_what_was_sealed() {
        let mut rng = seeded(1);
        let keys = keys(&mut rng);
        let made = sealed(&mut rng, &keys);
        let opened = keys.open(&made.id, &[7; 32]).unwrap();
        assert_eq!((&opened.id, opened.rp_id_hash), (&made.id, made.rp_id_hash));
        assert_eq!(opened.key.secret.expose(), made.key.secret.expose());
        assert_eq!(opened.key.algorithm, Algorithm::Es256);
        assert_eq!(opened.cred_protect, CredProtect::UvRequired);
        assert!(opened.third_party_payment);
        assert_eq!((opened.backup, opened.counter), (made.backup, Counter::Zero)); // MC-76, MC-77
        assert_eq!(opened.cred_random.with_uv.expose(), made.cred_random.with_uv.expose());
    }

    // GI-17
    #[test]
    fn the_longest_id_is_as_long_as_announced() {
        let mut rng = seeded(4);
        let keys = keys(&mut rng);
        let config = Config::default();
        let algorithms = Algorithm::ALL.into_iter().filter(|it| *it != ONE_OF_RSA_IS_ENOUGH);
        let lengths = algorithms.map(|algorithm| {
            let sealed = sealed_with(algorithm, &mut rng, &keys);
            let opened = keys.open(&sealed.id, &[7; 32]).unwrap();
            assert_eq!(opened.key.secret.expose(), sealed.key.secret.expose(), "{algorithm:?}");
            assert_eq!(sealed.id.len(), sealed_length(algorithm), "{algorithm:?}");
            if config.keeps_non_discoverable(algorithm) { DISCOVERABLE } else { sealed.id.len() }
        });
        assert_eq!(lengths.max(), Some(config.longest_credential_id()));
    }

    #[test]
    fn no_bit_of_a_sealed_id_may_change_and_nothing_may_be_cut() {
        let mut rng = seeded(2);
        let keys = keys(&mut rng);
        let id = sealed(&mut rng, &keys).id;
        for bit in 0..id.len() * 8 {
            let mut other = id.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(keys.open(&other, &[7; 32]).is_none(), "bit {bit}");
        }
        for length in 0..id.len() {
            assert!(keys.open(&id[..length], &[7; 32]).is_none(), "length {length}");
        }
    }

    #[test]
    fn another_relying_party_or_another_key_opens_nothing() {
        let mut rng = seeded(3);
        let (mine, other) = (keys(&mut rng), keys(&mut rng));
        let id = sealed(&mut rng, &mine).id;
        assert!(mine.open(&id, &[8; 32]).is_none());
        assert!(other.open(&id, &[7; 32]).is_none());
    }

    #[test]
    fn the_two_secrets_of_a_sealed_credential_differ_and_stay() {
        let mut rng = seeded(4);
        let keys = keys(&mut rng);
        let id = sealed(&mut rng, &keys).id;
        let one = keys.open(&id, &[7; 32]).unwrap().cred_random;
        let two = keys.open(&id, &[7; 32]).unwrap().cred_random;
        assert_eq!(one.with_uv.expose(), two.with_uv.expose());
        assert_ne!(one.with_uv.expose(), one.without_uv.expose());
    }
}
