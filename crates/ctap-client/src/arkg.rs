//! ARKG-P256 (draft-bradleylundberg-cfrg-arkg-10), the half that needs no secret. Everybody who has a public seed
//! can derive public keys from it. Only the key that made the seed can derive the private keys (PS-22).

use hash2curve::{ExpandMsgXmd, ExpandMsgXmdError, hash_to_scalar};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::elliptic_curve::Group as _;
use p256::elliptic_curve::consts::U48;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{NistP256, ProjectivePoint, Scalar, SecretKey};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::cbor::{MapBuilder, Value};
use crate::cose::{self, ESP256, PublicKey};
use crate::error::ReplyFault;
use crate::fields::{Fields, FromCbor};

/// The COSE number of ESP256-split with a key that ARKG-P256 derives; the draft's placeholder.
pub const ESP256_SPLIT_ARKG: i64 = -65539;

/// The longest context, in bytes.
pub const MAX_CONTEXT: usize = 64;

/// A public seed, which a key makes instead of a public key.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicSeed {
    blinding: p256::PublicKey,
    kem: p256::PublicKey,
}

/// A public key that was derived from a seed, and what the key that made the seed needs to sign with the private one.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// Verifies the signatures: ESP256.
    pub public_key: PublicKey,
    /// The same as a COSE_Key.
    pub cose_key: Value,
    /// The COSE_Sign_Args: a map.
    pub arguments: Value,
}

impl PublicSeed {
    /// ARKG-Derive-Public-Key. The same seed, `ikm` and `context` give the same key. Everybody who learns `ikm` can
    /// find out which keys belong together, so use 32 random bytes.
    ///
    /// `None`: the context is longer than [`MAX_CONTEXT`], which is the caller's fault; or a sum is zero, which
    /// does not happen by chance.
    #[must_use]
    pub fn derive_public_key(&self, ikm: &[u8], context: &[u8]) -> Option<Derived> {
        if context.len() > MAX_CONTEXT {
            return None;
        }
        let prefixed = [&[context.len() as u8], context].concat();
        let for_kem = [b"ARKG-Derive-Key-KEM.", prefixed.as_slice()].concat();
        let (shared, key_handle) = encapsulate(&self.kem, ikm, &for_kem)?;
        let tag: [&[u8]; 3] = [b"ARKG-BL-EC.ARKG-P256", b"ARKG-Derive-Key-BL.", &prefixed];
        let factor = to_scalar(&*shared, &tag).ok()?;
        let blinded = [self.blinding.to_projective(), ProjectivePoint::mul_by_generator(&factor)];
        let point = blinded.into_iter().sum::<ProjectivePoint>().to_affine();
        let public = p256::PublicKey::from_affine(point).ok()?;
        let arguments = MapBuilder::new().member(3, ESP256_SPLIT_ARKG).member(-1, key_handle);
        Some(Derived {
            public_key: PublicKey::Esp256(public.into()),
            cose_key: cose::ec2(&public, ESP256),
            arguments: arguments.member(-2, context).build(),
        })
    }
}

impl FromCbor for PublicSeed {
    /// Reads a seed of ARKG-P256 for ESP256. What its two keys say of their algorithm does not matter: the draft leaves it out.
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        let mut fields = Fields::from_cbor(value, name)?;
        let key_type: i64 = fields.require(1, name)?;
        let algorithm: i64 = fields.require(3, name)?;
        let derived: i64 = fields.require(-3, name)?;
        if (key_type, algorithm, derived) != (ARKG_PUBLIC_SEED, ARKG_P256, ESP256) {
            return Err(ReplyFault::BadValue(name));
        }
        let mut point = |label: i64| cose::read_p256(fields.require(label, name)?, name);
        Ok(Self { blinding: point(-1)?, kem: point(-2)? })
    }
}

/// KEM-Encaps: a secret that is shared with the owner of the private key, and the key handle that hides it.
fn encapsulate(
    kem: &p256::PublicKey,
    ikm: &[u8],
    context: &[u8],
) -> Option<(Zeroizing<[u8; 32]>, Vec<u8>)> {
    let ephemeral = to_scalar(ikm, &[b"ARKG-KEM-ECDH-KG.ARKG-ECDH.ARKG-P256"]).ok()?;
    let ephemeral = SecretKey::from_bytes(&ephemeral.to_bytes()).ok()?;
    let point = ephemeral.public_key().to_sec1_point(false);
    let agreed = p256::ecdh::diffie_hellman(ephemeral.to_nonzero_scalar(), kem.as_affine());
    let expand = |label: &[u8]| {
        let (info, mut output) =
            ([label, b"ARKG-ECDH.ARKG-P256", context], Zeroizing::new([0; 32]));
        let extracted = Hkdf::<Sha256>::new(None, agreed.raw_secret_bytes());
        extracted.expand_multi_info(&info, &mut *output).ok().map(|()| output)
    };
    let mac_key = expand(b"ARKG-KEM-HMAC-mac.")?;
    let mac = Hmac::<Sha256>::new_from_slice(&*mac_key).ok()?.chain_update(point.as_bytes());
    let mac = mac.finalize().into_bytes();
    let key_handle = [mac.get(..MAC)?, point.as_bytes()].concat();
    Some((expand(b"ARKG-KEM-HMAC-shared.")?, key_handle))
}

/// hash_to_field of RFC 9380, modulo the order of P-256.
fn to_scalar(message: &[u8], tag: &[&[u8]]) -> Result<Scalar, ExpandMsgXmdError> {
    hash_to_scalar::<NistP256, ExpandMsgXmd<Sha256>, U48>(&[message], tag)
}

/// Bytes of the MAC at the front of a key handle.
const MAC: usize = 16;
/// The draft's placeholders: a key type, and the algorithm of the seed.
const ARKG_PUBLIC_SEED: i64 = -65537;
const ARKG_P256: i64 = -65700;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor::{decode, encode};
    use crate::test_support::hex;

    /// The public seed of the draft's test vectors.
    fn seed() -> PublicSeed {
        let point = |x: &str, y: &str| {
            let key = MapBuilder::new().member(1, 2).member(-1, 1);
            key.member(-2, hex(x)).member(-3, hex(y)).build()
        };
        let blinding = point(
            "6d3bdf31d0db48988f16d47048fdd24123cd286e42d0512daa9f726b4ecf18df",
            "65ed42169c69675f936ff7de5f9bd93adbc8ea73036b16e8d90adbfabdaddba7",
        );
        let kem = point(
            "c38bbdd7286196733fa177e43b73cfd3d6d72cd11cc0bb2c9236cf85a42dcff5",
            "dfa339c1e07dfcdfda8d7be2a5a3c7382991f387dfe332b1dd8da6e0622cfb35",
        );
        let seed = MapBuilder::new().member(1, -65537).member(3, -65700).member(-3, -9);
        PublicSeed::from_cbor(seed.member(-1, blinding).member(-2, kem).build(), "seed").unwrap()
    }

    /// `first` and the 31 bytes that follow it.
    fn counting_from(first: u8) -> Vec<u8> {
        (first..=first + 31).collect()
    }

    // PS-22
    #[test]
    fn the_draft_s_seed_derives_the_draft_s_public_keys_and_key_handles() {
        for (ikm, context, x, key_handle) in [
            (
                0x40,
                "ARKG-P256.test vectors",
                "572a111ce5cfd2a67d56a0f7c684184b16ccd212490dc9c5b579df749647d107",
                "27987995f184a44cfa548d104b0a461d0487fc739dbcdabc293ac5469221da91b220e04c681074ec4692a76ffacb9043de\
                 c2847ea9060fd42da267f66852e63589f0c00dc88f290d660c65a65a50c86361",
            ),
            (
                0xa0,
                "ARKG-P256.test vectors",
                "ea7d962c9f44ffe8b18f1058a471f394ef81b674948eefc1865b5c021cf858f5",
                "b7507a82771776fbac41a18d94e19a7e0457fd1e438280c127dd55a6138d1baf0a35e3e9671f7e42d8345f47374afa8324\
                 7a078fa2196cd69497aed59ef92c05cb6b03d306ec24f2f4ff2db09cd95d1b11",
            ),
            (
                0x40,
                "ARKG-P256.test vectors.0",
                "b79b65d6bbb419ff97006a1bd52e3f4ad53042173992423e06e52987a037cb61",
                "81c4e65b552e52350b49864b98b87d510487fc739dbcdabc293ac5469221da91b220e04c681074ec4692a76ffacb9043de\
                 c2847ea9060fd42da267f66852e63589f0c00dc88f290d660c65a65a50c86361",
            ),
        ] {
            let derived =
                seed().derive_public_key(&counting_from(ikm), context.as_bytes()).unwrap();
            let mut fields = Fields::from_cbor(derived.cose_key, "key").unwrap();
            assert_eq!(fields.require::<Vec<u8>>(-2, "x").unwrap(), hex(x));
            let expected = MapBuilder::new().member(3, -65539).member(-1, hex(key_handle));
            let expected = expected.member(-2, context.as_bytes()).build();
            assert_eq!(encode(&derived.arguments), encode(&expected));
        }
    }

    #[test]
    fn a_context_has_64_bytes_at_most() {
        assert!(seed().derive_public_key(&[1], &[7; MAX_CONTEXT]).is_some());
        assert_eq!(seed().derive_public_key(&[1], &[7; MAX_CONTEXT + 1]), None);
    }

    #[test]
    fn the_draft_s_example_of_a_seed_is_read_and_another_instance_s_is_not() {
        let example = "a6013a0001000002582060b6dfddd31659598ae5de49acb220d8704949e84d484b68344340e2565337d2033a000100a3\
                       20a40102200121582069380fc1c3b09652134feefba61776f97af875ce46ca20252c4165102966ebc52258208b515831\
                       462ccb0bd55cba04bfd50da63faf18bd845433622daf97c06a10d0f121a4010220012158205c099bec31faa581d14e20\
                       8250d3ffda9ec7f543043008bc84967a8d875b5d78225820539d57429fcb1c138da29010a155dca14566a8f55ac2f178\
                       0810c49d4ed72d582228";
        let read = |text: &str| PublicSeed::from_cbor(decode(&hex(text)).unwrap(), "seed");
        assert!(read(example).is_ok());
        let other = example.replacen("033a000100a3", "033a000100a4", 1);
        assert_eq!(read(&other), Err(ReplyFault::BadValue("seed")));
    }
}
