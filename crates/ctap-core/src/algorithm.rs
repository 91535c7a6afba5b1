//! Signature algorithms and the private keys behind credentials (COSE, RFC 9053; MC-73).

use alloc::boxed::Box;
use alloc::vec::Vec;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::arithmetic::{self, SigningKey};
use crate::consent::Evidence;
use crate::public_key::PublicKey;
use crate::secret::SecretBytes;

/// A signature algorithm by its COSE number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256 = -7,
    /// EdDSA on Ed25519.
    EdDsa = -8,
    /// ECDSA on P-384 with SHA-384.
    Es384 = -35,
    /// ECDSA on P-521 with SHA-512.
    Es512 = -36,
    /// RSASSA-PSS with SHA-256 and a key of 2048 bits, which takes up to some seconds to make.
    Ps256 = -37,
    /// ECDSA on secp256k1 with SHA-256.
    Es256K = -47,
    /// ML-DSA-44 (FIPS 204): answers longer than most platforms read.
    MlDsa44 = -48,
    /// ML-DSA-65 (FIPS 204): answers longer than most platforms read.
    MlDsa65 = -49,
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2048 bits, which takes up to some seconds to make.
    Rs256 = -257,
}

impl Algorithm {
    /// All algorithms that this crate knows. [`is_built_in`](Self::is_built_in) tells which of them it can sign
    /// with.
    pub const ALL: [Self; 9] = [
        Self::Es256,
        Self::EdDsa,
        Self::Es384,
        Self::Es512,
        Self::Ps256,
        Self::Es256K,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::Rs256,
    ];

    /// The algorithm with this COSE number, if this crate knows it.
    #[must_use]
    pub fn from_cose(number: i128) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| i128::from(algorithm.cose()) == number)
    }

    /// The COSE number.
    #[must_use]
    pub const fn cose(self) -> i32 {
        self as i32
    }

    /// Whether this build can sign with it: ES256 always, the others are features of this crate.
    #[must_use]
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::Es256 => true,
            Self::EdDsa => cfg!(feature = "eddsa"),
            Self::Es384 => cfg!(feature = "es384"),
            Self::Es512 => cfg!(feature = "es512"),
            Self::Es256K => cfg!(feature = "es256k"),
            Self::MlDsa44 | Self::MlDsa65 => cfg!(feature = "ml-dsa"),
            Self::Rs256 | Self::Ps256 => cfg!(feature = "rsa"),
        }
    }

    /// Its name in COSE's registry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Ps256 => "PS256",
            Self::Es256K => "ES256K",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::Rs256 => "RS256",
        }
    }

    /// The length of a private key in bytes: a scalar, a seed, or the two primes of RSA, one after the other.
    #[must_use]
    pub const fn secret_length(self) -> usize {
        match self {
            Self::Es384 => 48,
            Self::Es512 => 66,
            Self::Rs256 | Self::Ps256 => 256,
            _ => 32,
        }
    }

    /// Bytes of a public key as a COSE_Key (MC-73).
    pub(crate) const fn cose_length(self) -> usize {
        match self {
            Self::Es256 => 77,
            Self::EdDsa => 42,
            Self::Es384 => 110,
            Self::Es512 => 146,
            Self::Ps256 => 271,
            Self::Es256K => 78,
            Self::MlDsa44 => 1322,
            Self::MlDsa65 => 1962,
            Self::Rs256 => 272,
        }
    }

    /// Bytes of the longest signature; those of ECDSA are in DER, and some are shorter (UF-26).
    pub(crate) const fn longest_signature(self) -> usize {
        match self {
            Self::Es256 | Self::Es256K => 72,
            Self::EdDsa => 64,
            Self::Es384 => 104,
            Self::Es512 => 139,
            Self::Rs256 | Self::Ps256 => 256,
            Self::MlDsa44 => 2420,
            Self::MlDsa65 => 3309,
        }
    }
}

/// A private key: its algorithm and its secret. Numbers are big endian, and have the length that the algorithm
/// prescribes.
#[derive(Debug)]
pub struct PrivateKey {
    /// The algorithm that it signs with.
    pub algorithm: Algorithm,
    /// [`Algorithm::secret_length`] bytes.
    pub secret: SecretBytes,
}

impl PrivateKey {
    /// Draws a new key, and returns it ready to sign as well: with some implementations that is half of the work. A
    /// scalar out of range, which is very rare, is drawn again. `None`: the algorithm is not built in.
    pub(crate) fn generate(
        algorithm: Algorithm,
        rng: &mut dyn CryptoRng,
    ) -> Option<(Self, KeyPair)> {
        while algorithm.is_built_in() {
            let key = Self { algorithm, secret: drawn(algorithm, rng)? };
            if let Some(pair) = key.pair() {
                return Some((key, pair));
            }
        }
        None
    }

    /// The key, ready to sign. `None`: the secret is not a key of its algorithm, or that is not built in.
    pub(crate) fn pair(&self) -> Option<KeyPair> {
        let secret = self.secret.expose();
        let key = match self.algorithm {
            Algorithm::Es256 => arithmetic::es256(secret),
            #[cfg(feature = "eddsa")]
            Algorithm::EdDsa => arithmetic::eddsa(secret),
            #[cfg(feature = "es384")]
            Algorithm::Es384 => arithmetic::es384(secret),
            #[cfg(feature = "es512")]
            Algorithm::Es512 => arithmetic::es512(secret),
            #[cfg(feature = "es256k")]
            Algorithm::Es256K => arithmetic::es256k(secret),
            #[cfg(feature = "ml-dsa")]
            Algorithm::MlDsa44 => arithmetic::ml_dsa_44(secret),
            #[cfg(feature = "ml-dsa")]
            Algorithm::MlDsa65 => arithmetic::ml_dsa_65(secret),
            #[cfg(feature = "rsa")]
            Algorithm::Rs256 => arithmetic::rs256(secret),
            #[cfg(feature = "rsa")]
            Algorithm::Ps256 => arithmetic::ps256(secret),
            #[allow(unreachable_patterns, reason = "some may not be built in")]
            _ => None,
        };
        Some(KeyPair { algorithm: self.algorithm, key: key? })
    }

    /// A second copy, for a record that will replace this one.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self { algorithm: self.algorithm, secret: self.secret.duplicate() }
    }

    /// The public key as a COSE_Key (MC-73). `None`: the secret is not a key of its algorithm, or the algorithm is
    /// not built in.
    #[must_use]
    pub fn public_key(&self) -> Option<Vec<u8>> {
        Some(self.pair()?.public()?.cose(self.algorithm.cose()))
    }

    /// Signs the concatenation of `parts`. `evidence` is what allows the key to be used at all. `None` as [`pair`](Self::pair).
    pub(crate) fn sign(&self, parts: &[&[u8]], evidence: &Evidence) -> Option<Vec<u8>> {
        self.pair()?.sign(parts, evidence)
    }
}

/// The secret of a new key; a scalar may be out of range. `None`: the arithmetic failed.
fn drawn(algorithm: Algorithm, rng: &mut dyn CryptoRng) -> Option<SecretBytes> {
    #[cfg(feature = "rsa")]
    if matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256) {
        return arithmetic::rsa_primes(rng);
    }
    let mut secret = Zeroizing::new(alloc::vec![0; algorithm.secret_length()]);
    rng.fill_bytes(&mut secret);
    if algorithm == Algorithm::Es512 {
        *secret.first_mut()? &= 1; // 521 bits
    }
    Some(SecretBytes::new(core::mem::take(&mut *secret)))
}

/// A private key that is ready to sign, for as long as one command takes: it has a copy of the secret.
pub(crate) struct KeyPair {
    pub(crate) algorithm: Algorithm,
    key: Box<dyn SigningKey>,
}

impl KeyPair {
    /// The public half. Derived again by some implementations: ask once.
    pub(crate) fn public(&self) -> Option<PublicKey> {
        self.key.public()
    }

    /// Signs the concatenation of `parts`. `evidence` is what allows the key to be used at all. `None`: the arithmetic failed.
    pub(crate) fn sign(&self, parts: &[&[u8]], evidence: &Evidence) -> Option<Vec<u8>> {
        if evidence.wants_bogus_signature() {
            return Some(alloc::vec![0]);
        }
        self.key.sign(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::UserPresent;
    use crate::testing::{ONE_OF_RSA_IS_ENOUGH, seeded};

    #[test]
    fn every_algorithm_makes_a_key_that_signs() {
        let mut rng = seeded(1);
        let evidence = Evidence::of_presence(UserPresent::approved(), None);
        for algorithm in Algorithm::ALL.into_iter().filter(|it| *it != ONE_OF_RSA_IS_ENOUGH) {
            let (key, pair) = PrivateKey::generate(algorithm, &mut rng).unwrap();
            assert_eq!(key.secret.expose().len(), algorithm.secret_length());
            let public = pair.public().unwrap().cose(algorithm.cose());
            assert_eq!(public, key.public_key().unwrap());
            assert_eq!(public.len(), algorithm.cose_length(), "{algorithm:?}");
            for signature in [pair.sign(&[b"a", b"b"], &evidence), key.sign(&[b"ab"], &evidence)] {
                let shorter = algorithm.longest_signature() - signature.unwrap().len();
                assert!(shorter < 8, "{algorithm:?}: {shorter}");
            }
        }
    }

    #[test]
    fn the_published_scalar_has_the_published_cose_key() {
        let key = PrivateKey {
            algorithm: Algorithm::Es256,
            secret: SecretBytes::new(alloc::vec![3; 32]),
        };
        let cose = key.public_key().unwrap(); // V-11
        assert_eq!(
            cose[..14],
            [0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20, 0x59, 0x1a, 0xb7, 0x71]
        );
        assert_eq!(cose.len(), 77);
    }

    #[test]
    fn numbers_outside_the_table_are_no_algorithm() {
        for number in [0, -9, -258, i128::from(u64::MAX), i128::MIN] {
            assert_eq!(Algorithm::from_cose(number), None);
        }
    }
}
