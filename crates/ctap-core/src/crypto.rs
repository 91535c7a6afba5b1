//! RustCrypto behind a dozen functions, so that the rest of the crate reads like the standard.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::convert::Infallible;

use aes::cipher::{Block, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use ecdsa::signature::digest::{Digest, KeyInit, Mac};
use hkdf::Hkdf;
use hmac::Hmac;
use p256::elliptic_curve::Generate;
use p256::elliptic_curve::sec1::ToSec1Point;
use rand_core::{CryptoRng, TryCryptoRng, TryRng};
use sha2::Sha256;
use zeroize::Zeroizing;

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

/// A point on P-256 as its two coordinates, big endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct P256Point {
    pub(crate) x: [u8; 32],
    pub(crate) y: [u8; 32],
}

impl P256Point {
    fn of(public: &p256::PublicKey) -> Self {
        let point = public.to_sec1_point(false);
        let coordinate =
            |bytes: Option<&p256::FieldBytes>| bytes.copied().unwrap_or_default().into();
        Self { x: coordinate(point.x()), y: coordinate(point.y()) }
    }

    /// `04 ‖ x ‖ y`, as U2F and X.509 write it.
    pub(crate) fn uncompressed(&self) -> [u8; 65] {
        let mut bytes = [4; 65];
        let coordinates = self.x.iter().chain(&self.y);
        bytes.iter_mut().skip(1).zip(coordinates).for_each(|(to, from)| *to = *from);
        bytes
    }
}

/// The public point of a private scalar; `None` if it is zero or too large.
pub(crate) fn p256_public(scalar: &[u8]) -> Option<P256Point> {
    Some(P256Point::of(&p256::SecretKey::from_slice(scalar).ok()?.public_key()))
}

/// ECDSA with SHA-256 and a deterministic nonce (RFC 6979), in DER.
///
/// Signs from the scalar itself: `SigningKey` would first derive the public key, which costs as much as the signature.
pub(crate) fn p256_sign(scalar: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    let secret = Zeroizing::new(p256::SecretKey::from_slice(scalar).ok()?.to_nonzero_scalar());
    let digest = sha256(parts);
    let (signature, _) =
        ecdsa::hazmat::sign_prehashed_rfc6979::<p256::NistP256, Sha256>(&secret, &digest, &[]);
    Some(signature.to_der().as_bytes().to_vec())
}

/// A P-256 key pair for key agreement; its secret stays where it is and is wiped when dropped.
pub(crate) struct P256KeyPair {
    secret: Box<p256::SecretKey>,
    public: P256Point,
}

impl P256KeyPair {
    pub(crate) fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self::from_secret(p256::SecretKey::generate_from_rng(rng))
    }

    fn from_secret(secret: p256::SecretKey) -> Self {
        let public = P256Point::of(&secret.public_key());
        Self { secret: Box::new(secret), public }
    }

    pub(crate) const fn public(&self) -> &P256Point {
        &self.public
    }

    /// The x coordinate of the shared point; `None` if the peer's point is not on the curve (CP-03, CP-14).
    pub(crate) fn agree(&self, peer: &P256Point) -> Option<Secret<32>> {
        let peer = p256::PublicKey::from_sec1_bytes(&peer.uncompressed()).ok()?;
        let secret = Zeroizing::new(self.secret.to_nonzero_scalar());
        let shared = p256::ecdh::diffie_hellman(&*secret, peer.as_affine());
        Some(Secret::filled(|z| *z = (*shared.raw_secret_bytes()).into()))
    }
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

    #[test]
    fn signatures_match_the_published_deterministic_example() {
        // RFC 6979 A.2.5, P-256 with SHA-256, message "sample".
        let scalar = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
        let signature = p256_sign(&scalar, &[b"sam", b"ple"]).unwrap();
        let r = hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716");
        assert_eq!(&signature[5..37], &r[..]);
    }

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

    #[test]
    fn key_agreement_gives_the_published_secret_and_refuses_points_off_the_curve() {
        let key = P256KeyPair::from_secret(p256::SecretKey::from_slice(&[1; 32]).unwrap());
        let peer = p256_public(&[2; 32]).unwrap();
        let z = key.agree(&peer).unwrap();
        assert_eq!(z.left().expose(), &[0xeb, 0x45, 0x9a, 0x6b]); // V-02
        assert!(key.agree(&P256Point { x: peer.x, y: [1; 32] }).is_none());
        assert!(key.agree(&P256Point { x: [0; 32], y: [0; 32] }).is_none());
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }
}
