//! RS256 and PS256 (RFC 8017, RFC 8812) with keys of 2048 bits. They are only in Rust, because few keys have them.
//!
//! A private key is its two primes, 128 bytes each. The public exponent is always 65537. Every signature is
//! blinded. The randomness for that, and the salt of PS256, follow from key and digest, like the nonces of ECDSA
//! (RFC 6979).

use alloc::boxed::Box;
use alloc::vec::Vec;

use rand_core::CryptoRng;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BoxedUint, PrivateKey};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::SigningKey;
use crate::crypto::{HashRng, hmac_sha256, sha256};
use crate::public_key::PublicKey;
use crate::secret::{Secret, SecretBytes};

/// Bits of a modulus.
const MODULUS: u32 = 2048;
/// Bytes of each prime.
const PRIME: usize = 128;
/// The public exponent.
const EXPONENT: u64 = 65537;

/// Draws the primes of a new key. How long that takes is a matter of luck: some tenths of a second, now and then many. `None`: the
/// arithmetic failed.
pub(crate) fn primes(rng: &mut dyn CryptoRng) -> Option<SecretBytes> {
    let key = PrivateKey::new(rng, MODULUS as usize).ok()?;
    let [p, q] = key.primes() else { return None };
    let mut both = Zeroizing::new(Vec::with_capacity(PRIME.saturating_mul(2)));
    for prime in [p, q] {
        both.extend_from_slice(&Zeroizing::new(prime.to_be_bytes()));
    }
    Some(SecretBytes::new(core::mem::take(&mut *both)))
}

/// RSASSA-PKCS1-v1_5 with SHA-256.
pub(crate) fn rs256(primes: &[u8]) -> Option<Box<dyn SigningKey>> {
    key(primes, Scheme::Pkcs1v15)
}

/// RSASSA-PSS with SHA-256, and a salt of 32 bytes.
pub(crate) fn ps256(primes: &[u8]) -> Option<Box<dyn SigningKey>> {
    key(primes, Scheme::Pss)
}

fn key(primes: &[u8], scheme: Scheme) -> Option<Box<dyn SigningKey>> {
    let (p, q) = primes.split_first_chunk::<PRIME>()?;
    let q: &[u8; PRIME] = q.try_into().ok()?;
    let number = |bytes: &[u8; PRIME]| BoxedUint::from_be_slice(bytes, MODULUS / 2).ok();
    let key = PrivateKey::from_p_q(number(p)?, number(q)?, BoxedUint::from(EXPONENT)).ok()?;
    let randomness = hmac_sha256(primes, &[b"keyfob RSA blinding and salt"]);
    (key.n().bit_width() == MODULUS).then(|| Box::new(Rsa { key, scheme, randomness }) as _)
}

/// How a digest is padded.
#[derive(Clone, Copy)]
enum Scheme {
    Pkcs1v15,
    Pss,
}

struct Rsa {
    key: PrivateKey,
    scheme: Scheme,
    /// The secret that the randomness of each signature is derived from.
    randomness: Secret<32>,
}

impl SigningKey for Rsa {
    fn public(&self) -> Option<PublicKey> {
        let modulus = self.key.n_bytes().to_vec();
        Some(PublicKey::Rsa { modulus, exponent: self.key.e_bytes().to_vec() })
    }

    /// Raw: as long as the modulus (AT-03).
    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        let digest = sha256(parts);
        let seed = hmac_sha256(self.randomness.expose(), &[&digest]);
        let mut rng = HashRng::new(*seed.expose());
        let signature = match self.scheme {
            Scheme::Pkcs1v15 => {
                self.key.pkcs1v15_sign_prehash_with_rng::<Sha256, _>(&mut rng, &digest)
            }
            Scheme::Pss => self.key.pss_sign_prehash_with_rng::<Sha256, _>(&mut rng, &digest),
        };
        signature.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    #[test]
    fn a_signature_of_rs256_is_what_openssl_makes_with_the_same_key() {
        let key = rs256(&hex(PRIMES)).unwrap();
        assert_eq!(key.sign(&[b"sam", b"ple"]).unwrap(), hex(SIGNED));
    }

    #[test]
    fn a_signature_of_ps256_verifies_and_is_the_same_each_time() {
        let primes = hex(PRIMES);
        let key = ps256(&primes).unwrap();
        let signature = key.sign(&[b"sam", b"ple"]).unwrap();
        let Some(PublicKey::Rsa { modulus, exponent }) = key.public() else { panic!("it is RSA") };
        let [modulus, exponent] = [modulus, exponent].map(|n| BoxedUint::from_be_slice_vartime(&n));
        let public = rsa::PublicKey::new(modulus, exponent).unwrap();
        assert!(public.pss_verify::<Sha256>(b"sample", &signature).is_ok());
        assert!(public.pss_verify::<Sha256>(b"simple", &signature).is_err());
        assert_eq!(ps256(&primes).unwrap().sign(&[b"sample"]).unwrap(), signature);
        assert_ne!(key.sign(&[b"simple"]).unwrap(), signature);
    }

    #[test]
    fn what_is_no_two_primes_of_1024_bits_is_no_key() {
        let primes = hex(PRIMES);
        let mut even = primes.clone();
        even[PRIME - 1] ^= 1;
        let twice = primes[..PRIME].repeat(2);
        let mut short = primes.clone();
        short[0] = 0x01;
        for wrong in [&even[..], &twice, &short, &primes[1..], &primes[..PRIME], &[0; 256], &[]] {
            assert!(rs256(wrong).is_none());
        }
    }

    /// Of a key that `openssl genpkey` made.
    const PRIMES: &str = "e4f826706c96ea18d7310b73bd95af988b58835530a624ea3d3aef979476edbce0cb34d344f8b72545d89133\
                          2183a7f2aa06d5c74d0b783e391254d70e1c070a0c885f0ab0b8e63606d71caf6dcf824fec860401c071ad2a\
                          4a7d65f5493b98c041c362af560b8f608d867e03d251431f7df717d20e348e61e378121ddc1fdb97db11ee86\
                          a606ad179db6aaed9b3aa979ee84ed0306addbc8386b3769812a4a098f5b4ba7c0121c9f8cc67ab3c2966931\
                          929524c59df9532cd65b57af8898d7b112f54910117219779ef38063d42100d723582ddee4589fb83472a50e\
                          39e34afa7c31ea5756bd56e91fc225d117bc6efc662f977586e05059b0ea7538a8ce0b6b";
    /// What `openssl dgst -sha256 -sign` makes of "sample" with it.
    const SIGNED: &str = "6acc2b7afd6d95829d75f4f17e6b1b7f34dda5b1fc1694c7c60ac65734ac485bda3b445330656b2bf736c600\
                          5c204a5617ba35657b1a44f26a65404e38cb90dd957ae6c3a6184cd9cab3e84a7160b5877e59a5a4fd450e91\
                          c4dab65a64223041597c58b3e56bad420613892e24682768f0828f076485f0e2848d4014b771d095603f13f9\
                          24306c7d15f6da998d09f18d110d9276e428b4d53a225e5c6f898f08c33445fc5c93625452742c4ec99cd0c8\
                          9087b7ba02436541b116c578d41eba3356d1a353ffbee4dd3fe13991e09ba554dde2e17cc11936a1198c4141\
                          b9d1a15cd0a59b8a84af0bcd220baa263a25fcf5c4b00d72fc09ae625b7284bb0cc86063";
}
