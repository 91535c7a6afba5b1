//! Both implementations, whichever is chosen, and the published vectors.

use alloc::boxed::Box;
use alloc::vec::Vec;

use ecdsa::signature::Verifier as _;

use super::{SigningKey, aws_lc, rust_crypto};
use crate::algorithm::{Algorithm, PrivateKey};
use crate::public_key::{P256Point, PublicKey};
use crate::secret::SecretBytes;
use crate::testing::{hex, seeded};

type Open = fn(&[u8]) -> Option<Box<dyn SigningKey>>;

/// Every algorithm that has two implementations, with both.
fn implementations() -> Vec<(Algorithm, [Open; 2])> {
    let mut all: Vec<(Algorithm, [Open; 2])> =
        alloc::vec![(Algorithm::Es256, [aws_lc::es256, rust_crypto::es256])];
    #[cfg(feature = "es384")]
    all.push((Algorithm::Es384, [aws_lc::es384, rust_crypto::es384]));
    #[cfg(feature = "eddsa")]
    all.push((Algorithm::EdDsa, [aws_lc::eddsa, rust_crypto::eddsa]));
    all
}

fn cose(key: &dyn SigningKey, algorithm: Algorithm) -> Vec<u8> {
    key.public().unwrap().cose(algorithm.cose())
}

#[test]
fn a_secret_is_the_same_key_in_each_implementation() {
    let mut rng = seeded(1);
    for (algorithm, [one, other]) in implementations() {
        let (key, _) = PrivateKey::generate(algorithm, &mut rng).unwrap();
        let [one, other] = [one, other].map(|open| open(key.secret.expose()).unwrap());
        assert_eq!(cose(&*one, algorithm), cose(&*other, algorithm), "{algorithm:?}");
    }
}

#[test]
fn each_implementation_signs_what_it_was_given() {
    let mut rng = seeded(2);
    for (algorithm, implementations) in implementations() {
        let (key, _) = PrivateKey::generate(algorithm, &mut rng).unwrap();
        for open in implementations {
            let key = open(key.secret.expose()).unwrap();
            let public = key.public().unwrap();
            let signature = key.sign(&[b"sam", b"ple"]).unwrap();
            assert!(is_signed(&public, b"sample", &signature), "{algorithm:?}");
            assert!(!is_signed(&public, b"other", &signature), "{algorithm:?}");
        }
    }
}

#[test]
fn no_implementation_takes_what_is_no_key() {
    for (algorithm, implementations) in implementations() {
        for open in implementations {
            let length = algorithm.secret_length();
            assert!(open(&alloc::vec![1; length - 1]).is_none(), "{algorithm:?}");
            assert!(open(&alloc::vec![1; length + 1]).is_none(), "{algorithm:?}");
            let is_scalar = algorithm != Algorithm::EdDsa;
            assert_eq!(open(&alloc::vec![0; length]).is_none(), is_scalar, "{algorithm:?}");
            assert_eq!(open(&alloc::vec![0xff; length]).is_none(), is_scalar, "{algorithm:?}");
        }
    }
}

#[test]
fn signatures_in_rust_match_the_published_deterministic_example() {
    // RFC 6979 A.2.5, P-256 with SHA-256, message "sample".
    let scalar = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let signature = rust_crypto::es256(&scalar).unwrap().sign(&[b"sam", b"ple"]).unwrap();
    let r = hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716");
    assert_eq!(&signature[5..37], &r[..]);
}

#[test]
#[cfg(feature = "eddsa")]
fn eddsa_matches_the_published_example_everywhere() {
    // RFC 8032 7.1, test 2.
    let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    for open in [aws_lc::eddsa, rust_crypto::eddsa] {
        let signature = open(&seed).unwrap().sign(&[&[0x72]]).unwrap();
        assert_eq!(signature[..8], hex("92a009a9f0d4cab8")[..]);
    }
}

#[test]
fn key_agreement_gives_the_published_secret_in_rust() {
    let key = rust_crypto::AgreementKey::generate(&mut Only([1; 32]));
    let z = key.agree(&rust_crypto::PeerKey::new(&point(2)).unwrap()).unwrap();
    assert_eq!(z.left().expose(), &PUBLISHED_SECRET);
}

#[test]
fn key_agreement_gives_the_published_secret_in_c() {
    let key = aws_lc::AgreementKey::generate(&mut Only([1; 32]));
    let z = key.agree(&aws_lc::PeerKey::new(&point(2)).unwrap()).unwrap();
    assert_eq!(z.left().expose(), &PUBLISHED_SECRET);
}

/// The first bytes of what scalars of 1s and of 2s agree on: V-02.
const PUBLISHED_SECRET: [u8; 4] = [0xeb, 0x45, 0x9a, 0x6b];

#[test]
fn no_implementation_agrees_with_a_point_off_the_curve() {
    for off in [P256Point { x: point(2).x, y: [1; 32] }, P256Point { x: [0; 32], y: [0; 32] }] {
        assert!(rust_crypto::PeerKey::new(&off).is_none());
        assert!(aws_lc::PeerKey::new(&off).is_none());
    }
}

#[test]
fn both_ends_of_a_key_agreement_find_the_same_secret() {
    let mut rng = seeded(3);
    let mine = aws_lc::AgreementKey::generate(&mut rng);
    let theirs = rust_crypto::AgreementKey::generate(&mut rng);
    let shared = mine.agree(&aws_lc::PeerKey::new(theirs.public()).unwrap()).unwrap();
    let peer = rust_crypto::PeerKey::new(mine.public()).unwrap();
    assert!(theirs.agree(&peer).unwrap().matches(shared.expose()));
}

/// The public point of a scalar that is this byte 32 times.
fn point(fill: u8) -> P256Point {
    let secret = SecretBytes::new(alloc::vec![fill; 32]);
    let key = PrivateKey { algorithm: Algorithm::Es256, secret };
    match key.pair().unwrap().public() {
        Some(PublicKey::P256(point)) => point,
        _ => panic!("ES256 has a point on P-256"),
    }
}

/// Randomness that is these bytes.
struct Only([u8; 32]);

impl rand_core::TryRng for Only {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_le_bytes([self.0[0]; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_le_bytes([self.0[0]; 8]))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Only {}

fn is_signed(public: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    match public {
        PublicKey::P256(point) => {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point.uncompressed()).unwrap();
            let signature = p256::ecdsa::Signature::from_der(signature).unwrap();
            key.verify(message, &signature).is_ok()
        }
        #[cfg(feature = "es384")]
        PublicKey::Point { x, y, .. } => {
            let point = [&[4], &x[..], y].concat();
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
            let signature = p384::ecdsa::Signature::from_der(signature).unwrap();
            key.verify(message, &signature).is_ok()
        }
        #[cfg(feature = "eddsa")]
        PublicKey::Ed25519(x) => {
            let key = ed25519_dalek::VerifyingKey::from_bytes(x).unwrap();
            let signature = ed25519_dalek::Signature::from_slice(signature).unwrap();
            key.verify_strict(message, &signature).is_ok()
        }
        #[allow(unreachable_patterns, reason = "some may not be built in")]
        _ => panic!("not an algorithm with two implementations"),
    }
}
