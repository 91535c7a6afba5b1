//! CTAP sections 6.5.4 to 6.5.7: PIN/UV auth protocols one and two, the platform's side (CP-01 to CP-11).

use core::fmt;

use aes::cipher::{Array, BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::cbor::Value;
use crate::cose;
use crate::error::ReplyFault;

/// A PIN/UV auth protocol that this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinProtocol {
    /// SHA-256 key derivation, zero IV, MACs of 16 bytes.
    One,
    /// HKDF key derivation, random IV, MACs of 32 bytes.
    Two,
}

impl PinProtocol {
    /// The protocol with this number in getInfo and requests, if it is one of the two.
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        }
    }

    /// The number in requests.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    /// `authenticate(key, message)` of the standard: 16 bytes in protocol one, 32 in protocol two (CP-07).
    fn authenticate(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut mac = hmac_sha256(key, message).to_vec();
        if self == Self::One {
            mac.truncate(16);
        }
        mac
    }
}

/// The secret that platform and key have agreed on. It encrypts PINs on their way to the key, and tokens on their
/// way back.
pub struct SharedSecret {
    protocol: PinProtocol,
    hmac_key: Zeroizing<[u8; 32]>,
    aes_key: Zeroizing<[u8; 32]>,
    platform_key: Value,
}

impl SharedSecret {
    /// Makes a fresh platform key pair and agrees on a secret with the key's key-agreement key (`encapsulate`).
    #[must_use]
    pub fn agree(protocol: PinProtocol, peer: &p256::PublicKey, rng: &mut dyn CryptoRng) -> Self {
        let platform = random_key(rng);
        let shared = p256::ecdh::diffie_hellman(platform.to_nonzero_scalar(), peer.as_affine());
        let z = shared.raw_secret_bytes();
        let (hmac_key, aes_key) = match protocol {
            PinProtocol::One => (sha256(z), sha256(z)),
            PinProtocol::Two => (derive(z, b"CTAP2 HMAC key"), derive(z, b"CTAP2 AES key")),
        };
        Self {
            protocol,
            hmac_key,
            aes_key,
            platform_key: cose::key_agreement(&platform.public_key()),
        }
    }

    /// The protocol agreed under.
    #[must_use]
    pub const fn protocol(&self) -> PinProtocol {
        self.protocol
    }

    /// The platform's public key, for the `keyAgreement` member of the request.
    #[must_use]
    pub fn platform_key(&self) -> Value {
        self.platform_key.clone()
    }

    /// `encrypt`: AES-256-CBC; protocol two puts a random IV in front (CP-05).
    ///
    /// Everything that the standard encrypts fills whole blocks of 16 bytes; any other length is filled up with
    /// zeros.
    pub fn encrypt(&self, plaintext: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
        let mut iv = [0; 16];
        if self.protocol == PinProtocol::Two {
            rng.fill_bytes(&mut iv);
        }
        let mut buffer = plaintext.to_vec();
        buffer.resize(plaintext.len().next_multiple_of(16), 0);
        let (blocks, _) = Array::slice_as_chunks_mut(&mut buffer);
        cbc::Encryptor::<aes::Aes256>::new((&*self.aes_key).into(), (&iv).into())
            .encrypt_blocks(blocks);
        match self.protocol {
            PinProtocol::One => buffer,
            PinProtocol::Two => [iv.as_slice(), &buffer].concat(),
        }
    }

    /// `decrypt` (CP-06).
    ///
    /// # Errors
    /// [`ReplyFault::BadValue`] with `name` if the length is not possible; the key's fault.
    pub fn decrypt(
        &self,
        ciphertext: &[u8],
        name: &'static str,
    ) -> Result<Zeroizing<Vec<u8>>, ReplyFault> {
        let (iv, content) = match self.protocol {
            PinProtocol::One => (&[0; 16], ciphertext),
            PinProtocol::Two => ciphertext.split_first_chunk().ok_or(ReplyFault::BadValue(name))?,
        };
        let mut plaintext = Zeroizing::new(content.to_vec());
        let (blocks, rest) = Array::slice_as_chunks_mut(&mut plaintext);
        if !rest.is_empty() {
            return Err(ReplyFault::BadValue(name));
        }
        cbc::Decryptor::<aes::Aes256>::new((&*self.aes_key).into(), iv.into())
            .decrypt_blocks(blocks);
        Ok(plaintext)
    }

    /// `authenticate` with the shared secret (CP-11).
    #[must_use]
    pub fn authenticate(&self, message: &[u8]) -> Vec<u8> {
        self.protocol.authenticate(self.hmac_key.as_slice(), message)
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSecret").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

/// A pinUvAuthToken, ordinary or persistent: it proves for some time that the right PIN or finger was given.
pub struct PinUvAuthToken {
    protocol: PinProtocol,
    bytes: Zeroizing<Vec<u8>>,
}

impl PinUvAuthToken {
    /// A token as it was decrypted from the key's reply.
    ///
    /// # Errors
    /// [`ReplyFault::BadValue`] unless it has 16 or 32 bytes in protocol one, or 32 in protocol two (CP-10).
    pub fn new(protocol: PinProtocol, bytes: Zeroizing<Vec<u8>>) -> Result<Self, ReplyFault> {
        match (protocol, bytes.len()) {
            (PinProtocol::One, 16) | (_, 32) => Ok(Self { protocol, bytes }),
            _ => Err(ReplyFault::BadValue("pinUvAuthToken")),
        }
    }

    /// The protocol that the token was issued under. Requests must name it.
    #[must_use]
    pub const fn protocol(&self) -> PinProtocol {
        self.protocol
    }

    /// The `pinUvAuthParam` over `message`: the whole token is the MAC key (CP-09).
    #[must_use]
    pub fn authenticate(&self, message: &[u8]) -> Vec<u8> {
        self.protocol.authenticate(&self.bytes, message)
    }

    /// The members `pinUvAuthParam`, over `message`, and `pinUvAuthProtocol` of a request.
    pub(crate) fn members_over(&self, message: &[u8]) -> (Option<Vec<u8>>, Option<u64>) {
        (Some(self.authenticate(message)), Some(self.protocol.number()))
    }

    /// Decrypts getInfo's `encIdentifier` with a persistent token: the device identifier (GI-90 to GI-92).
    ///
    /// # Errors
    /// [`ReplyFault::BadValue`] unless `member` has 32 bytes. A wrong token gives a wrong identifier, and no error.
    pub fn open_identifier(&self, member: &[u8]) -> Result<[u8; 16], ReplyFault> {
        self.open_info_member(member, b"encIdentifier", "encIdentifier")
    }

    /// Decrypts getInfo's `encCredStoreState` with a persistent token. The result differs after each change of the
    /// discoverable credentials (GI-93).
    ///
    /// # Errors
    /// As [`open_identifier`](Self::open_identifier).
    pub fn open_cred_store_state(&self, member: &[u8]) -> Result<[u8; 16], ReplyFault> {
        self.open_info_member(member, b"encCredStoreState", "encCredStoreState")
    }

    fn open_info_member(
        &self,
        member: &[u8],
        info: &[u8],
        name: &'static str,
    ) -> Result<[u8; 16], ReplyFault> {
        let key: Zeroizing<[u8; 16]> = derive(&self.bytes, info);
        let (iv, content) = member.split_first_chunk::<16>().ok_or(ReplyFault::BadValue(name))?;
        let mut block =
            <[u8; 16]>::try_from(content).map_err(|_| ReplyFault::BadValue(name))?.into();
        cbc::Decryptor::<aes::Aes128>::new((&*key).into(), iv.into()).decrypt_block(&mut block);
        Ok(block.into())
    }
}

impl fmt::Debug for PinUvAuthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinUvAuthToken").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

/// A key pair from the generator. A scalar out of range has a chance of 2^-32; then the next one is taken.
fn random_key(rng: &mut dyn CryptoRng) -> p256::SecretKey {
    let mut scalar = Zeroizing::new([0; 32]);
    loop {
        rng.fill_bytes(scalar.as_mut());
        if let Ok(key) = p256::SecretKey::from_slice(scalar.as_slice()) {
            return key;
        }
    }
}

/// HKDF-SHA-256 with a salt of 32 zero bytes (CP-04, GI-90).
#[expect(clippy::expect_used, reason = "HKDF-SHA-256 gives up to 8160 bytes; N is 16 or 32")]
fn derive<const N: usize>(secret: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
    let mut okm = Zeroizing::new([0; N]);
    Hkdf::<Sha256>::new(Some(&[0; 32]), secret).expand(info, okm.as_mut()).expect("N is small");
    okm
}

fn sha256(message: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(Sha256::digest(message).into())
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.chain_update(message).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cbor::encode;
    use crate::test_support::{FixedRng, hex};

    /// The platform's end of V-02; the generator is left at the IV of the vectors.
    fn agreed(protocol: PinProtocol) -> (SharedSecret, FixedRng) {
        let authenticator = p256::SecretKey::from_slice(&[1; 32]).unwrap().public_key();
        let mut rng = FixedRng::of_the_vectors();
        (SharedSecret::agree(protocol, &authenticator, &mut rng), rng)
    }

    fn token(protocol: PinProtocol, first: u8) -> PinUvAuthToken {
        PinUvAuthToken::new(protocol, Zeroizing::new((first..first + 32).collect())).unwrap()
    }

    #[test]
    fn the_platform_key_is_that_of_v_01() {
        let expected = "a501020338182001215820550f471003f3df97c3df506ac797f6721fb1a1fb7b8f6f83d224498a65c88e24225820\
                        136093d7012e509a73715cbd0b00a3cc0ff4b5c01b3ffa196ab1fb327036b8e6";
        assert_eq!(encode(&agreed(PinProtocol::One).0.platform_key()), hex(expected));
    }

    #[test]
    fn the_shared_secrets_are_those_of_v_02() {
        let one = agreed(PinProtocol::One).0;
        let secret = hex("eea14853f0d2996406327d017b3a083c6a5602e7dd43fe71e50d8200f3cc4dc4");
        assert_eq!((one.hmac_key.to_vec(), one.aes_key.to_vec()), (secret.clone(), secret));
        let two = agreed(PinProtocol::Two).0;
        assert_eq!(
            two.hmac_key.to_vec(),
            hex("1697f446d0f999cb5c8412e6860ae8d9b1906a602d2d9a29c1e8a82aa0603ff5")
        );
        assert_eq!(
            two.aes_key.to_vec(),
            hex("6d5d9935f17b2b28e5e3d287797094cf27519327f199e2f23f257428f5e559d5")
        );
    }

    #[test]
    fn the_token_of_v_06_is_decrypted_under_both_protocols() {
        let wire = [
            (PinProtocol::One, "5f468b3f91d5f68d0182007347ec276da4fdf7d1ea57e733271004b9ccc97a75"),
            (
                PinProtocol::Two,
                "000102030405060708090a0b0c0d0e0f408f38c367e2fc9db104575242073204c0c1541ba88be3054eed5f5af89c4bb6",
            ),
        ];
        for (protocol, encrypted) in wire {
            let bytes = agreed(protocol).0.decrypt(&hex(encrypted), "token").unwrap();
            assert_eq!(bytes.to_vec(), (0..32).collect::<Vec<u8>>());
        }
    }

    #[test]
    fn the_token_macs_are_those_of_v_06() {
        let two = "8c6f9324521a31d15d1b1c21a84d883df994edbc8570af9c68c5c39380886285";
        assert_eq!(token(PinProtocol::One, 0).authenticate(&[0xCD; 32]), hex(&two[..32]));
        assert_eq!(token(PinProtocol::Two, 0).authenticate(&[0xCD; 32]), hex(two));
    }

    #[test]
    fn a_persistent_token_opens_the_members_of_v_10() {
        let persistent = token(PinProtocol::Two, 0x20);
        let expected: [u8; 16] = core::array::from_fn(|i| 0xA0 + i as u8);
        let identifier = hex("000102030405060708090a0b0c0d0e0f4be53b09c992442a6d95ed37be655f7f");
        assert_eq!(persistent.open_identifier(&identifier), Ok(expected));
        let state = hex("000102030405060708090a0b0c0d0e0f14dd6812c0e8c998989ffe07dcad715a");
        assert_eq!(persistent.open_cred_store_state(&state), Ok(expected));
        assert!(persistent.open_identifier(&state[..31]).is_err());
    }

    #[test]
    fn ciphertexts_of_impossible_length_are_refused() {
        for (protocol, len) in
            [(PinProtocol::One, 17), (PinProtocol::Two, 15), (PinProtocol::Two, 33)]
        {
            let refused = agreed(protocol).0.decrypt(&vec![0; len], "token");
            assert_eq!(refused, Err(ReplyFault::BadValue("token")));
        }
    }

    #[test]
    fn a_token_has_16_or_32_bytes_under_protocol_one_and_32_under_two() {
        let lengths = |protocol| {
            let fits =
                |len: &usize| PinUvAuthToken::new(protocol, Zeroizing::new(vec![0; *len])).is_ok();
            (0..=64).filter(fits).collect::<Vec<_>>()
        };
        assert_eq!(lengths(PinProtocol::One), [16, 32]);
        assert_eq!(lengths(PinProtocol::Two), [32]);
    }

    #[test]
    fn debug_output_holds_no_secret() {
        assert_eq!(
            format!("{:?}", token(PinProtocol::Two, 0)),
            "PinUvAuthToken { protocol: Two, .. }"
        );
        assert_eq!(
            format!("{:?}", agreed(PinProtocol::One).0),
            "SharedSecret { protocol: One, .. }"
        );
    }

    proptest! {
        #[test]
        fn what_is_encrypted_decrypts(blocks in proptest::collection::vec(any::<[u8; 16]>(), 0..6), two: bool) {
            let plaintext = blocks.concat();
            let (secret, mut rng) = agreed(if two { PinProtocol::Two } else { PinProtocol::One });
            let ciphertext = secret.encrypt(&plaintext, &mut rng);
            prop_assert_eq!(secret.decrypt(&ciphertext, "x").unwrap().to_vec(), plaintext);
        }
    }
}
