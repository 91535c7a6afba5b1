//! Hashes, MACs and ciphers as a dozen functions, so that the rest of the crate reads like the standard.

use core::convert::Infallible;

use aes::cipher::{Block, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use ecdsa::signature::digest::{Digest, KeyInit, Mac};
use hkdf::Hkdf;
use hmac::Hmac;
use rand_core::{CryptoRng, TryCryptoRng, TryRng};
use sha2::Sha256;

use crate::secret::Secret;

/// The length of an AES block, and so of an IV.
pub(crate) const BLOCK: usize = 16;

/// SHA-256 of the parts, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// SHA-256 of something secret.
pub(crate) fn secret_sha256(secret: &[u8]) -> Secret<32> {
    Secret::filled(|hash| *hash = Sha256::digest(secret).into())
}

/// HMAC-SHA-256 of the parts, one after the other: a key, or a MAC, which may only be compared in constant time (CP-13).
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Secret<32> {
    Secret::filled(|output| {
        // HMAC takes keys of every length.
        let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else { return };
        for part in parts {
            mac.update(part);
        }
        *output = mac.finalize().into_bytes().into();
    })
}

/// HKDF-SHA-256 with a salt of 32 zero bytes, as the standard always uses it (CP-04, GI-90).
pub(crate) fn hkdf_sha256<const N: usize>(secret: &[u8], info: &[u8]) -> Secret<N> {
    Secret::filled(|output| {
        // Only an output of more than 255 hashes can fail.
        let _ = Hkdf::<Sha256>::new(Some(&[0; 32]), secret).expand(info, output);
    })
}

/// AES-256-CBC without padding, in place. `false`: `data` is not whole blocks, and is untouched.
pub(crate) fn aes256_cbc_encrypt(key: &[u8; 32], iv: &[u8; BLOCK], data: &mut [u8]) -> bool {
    let (blocks, tail) = Block::<aes::Aes256>::slice_as_chunks_mut(data);
    if tail.is_empty() {
        cbc::Encryptor::<aes::Aes256>::new(key.into(), iv.into()).encrypt_blocks(blocks);
    }
    tail.is_empty()
}

/// The inverse of [`aes256_cbc_encrypt`].
pub(crate) fn aes256_cbc_decrypt(key: &[u8; 32], iv: &[u8; BLOCK], data: &mut [u8]) -> bool {
    let (blocks, tail) = Block::<aes::Aes256>::slice_as_chunks_mut(data);
    if tail.is_empty() {
        cbc::Decryptor::<aes::Aes256>::new(key.into(), iv.into()).decrypt_blocks(blocks);
    }
    tail.is_empty()
}

/// AES-128-CBC of one block (GI-91).
pub(crate) fn aes128_cbc_encrypt_block(key: &[u8; 16], iv: &[u8; BLOCK], block: &mut [u8; BLOCK]) {
    let (blocks, _) = Block::<aes::Aes128>::slice_as_chunks_mut(block);
    cbc::Encryptor::<aes::Aes128>::new(key.into(), iv.into()).encrypt_blocks(blocks);
}

/// `N` random bytes that are not secret.
pub(crate) fn random_bytes<const N: usize>(rng: &mut dyn CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// Randomness that follows from a seed: SHA-256 of the seed and a counter.
pub(crate) struct HashRng {
    seed: Secret<32>,
    counter: u64,
}

impl HashRng {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed: Secret::new(&seed), counter: 0 }
    }
}

impl TryRng for HashRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(32) {
            self.counter = self.counter.wrapping_add(1);
            let block = sha256(&[self.seed.expose(), &self.counter.to_le_bytes()]);
            chunk.iter_mut().zip(block).for_each(|(byte, random)| *byte = random);
        }
        Ok(())
    }
}

impl TryCryptoRng for HashRng {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    #[test]
    fn cbc_matches_the_published_example_and_inverts() {
        // SP 800-38A F.2.5, first block.
        let key: [u8; 32] = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
            .try_into()
            .unwrap();
        let iv: [u8; 16] = hex("000102030405060708090a0b0c0d0e0f").try_into().unwrap();
        let plain = hex("6bc1bee22e409f96e93d7e117393172a");
        let mut data = plain.clone();
        assert!(aes256_cbc_encrypt(&key, &iv, &mut data));
        assert_eq!(data, hex("f58c4c04d6e5f1ba779eabfb5f7bfbd6"));
        assert!(aes256_cbc_decrypt(&key, &iv, &mut data));
        assert_eq!(data, plain);
    }

    #[test]
    fn cbc_refuses_partial_blocks() {
        assert!(!aes256_cbc_encrypt(&[0; 32], &[0; 16], &mut [0; 15]));
        assert!(!aes256_cbc_decrypt(&[0; 32], &[0; 16], &mut [0; 17]));
    }
}
