//! ARKG-P256 (draft-bradleylundberg-cfrg-arkg-10), the half that needs the private seed. Everybody can derive
//! public keys from the public seed. This derives the private key for one of them, from the arguments that came
//! with it (PS-22). It is only in Rust, because AWS-LC cannot add scalars.

use hash2curve::{ExpandMsgXmd, hash_to_scalar};
use p256::elliptic_curve::consts::U48;
use p256::{NistP256, Scalar, SecretKey};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::crypto::{hkdf_sha256, hmac_sha256};
use crate::secret::{Secret, SecretBytes};

/// Bytes of a private seed: the scalar for blinding, then that of the KEM.
pub(crate) const SEED: usize = 64;

/// The longest context, in bytes.
const MAX_CONTEXT: usize = 64;
/// The MAC in front of a key handle.
const MAC: usize = 16;
/// The rest of it: an uncompressed point.
const POINT: usize = 65;

/// ARKG-Derive-Private-Key. `key_handle` and `context` come from the one who derived the public key. `None`: it was
/// not derived from this seed.
pub(crate) fn derive_private_key(
    seed: &[u8],
    key_handle: &[u8],
    context: &[u8],
) -> Option<SecretBytes> {
    let (blinding, kem) = seed.split_first_chunk::<32>()?;
    let length = [u8::try_from(context.len()).ok()?];
    if context.len() > MAX_CONTEXT {
        return None;
    }
    let for_kem: [&[u8]; 3] = [b"ARKG-Derive-Key-KEM.", &length, context];
    let shared = decapsulate(kem, key_handle, &for_kem.concat())?;
    let tag: [&[u8]; 4] = [b"ARKG-BL-EC.ARKG-P256", b"ARKG-Derive-Key-BL.", &length, context];
    let factor =
        hash_to_scalar::<NistP256, ExpandMsgXmd<Sha256>, U48>(&[shared.expose()], &tag).ok()?;
    blinded(blinding, &Zeroizing::new(factor))
}

/// KEM-Decaps: what the key handle hides, if its MAC is right.
fn decapsulate(kem: &[u8], key_handle: &[u8], context: &[u8]) -> Option<Secret<32>> {
    let (mac, point) = key_handle.split_first_chunk::<MAC>()?;
    let point: &[u8; POINT] = point.try_into().ok()?;
    let peer = p256::PublicKey::from_sec1_bytes(point).ok()?;
    let scalar = Zeroizing::new(SecretKey::from_slice(kem).ok()?.to_nonzero_scalar());
    let agreed = p256::ecdh::diffie_hellman(&*scalar, peer.as_affine());
    // An extract without salt is one with 32 zeros.
    let expand = |label: &[u8]| {
        let info = [label, b"ARKG-ECDH.ARKG-P256", context].concat();
        hkdf_sha256::<32>(agreed.raw_secret_bytes(), &info)
    };
    let mac_key = expand(b"ARKG-KEM-HMAC-mac.");
    let expected = hmac_sha256(mac_key.expose(), &[point]).left::<MAC>();
    expected.matches(mac).then(|| expand(b"ARKG-KEM-HMAC-shared."))
}

/// BL-Blind-Private-Key; `None`: the sum is zero.
fn blinded(blinding: &[u8; 32], factor: &Scalar) -> Option<SecretBytes> {
    let scalar = Zeroizing::new(SecretKey::from_slice(blinding).ok()?.to_nonzero_scalar());
    let scalar: &Scalar = (*scalar).as_ref();
    let sum = Zeroizing::new(scalar.add(factor));
    let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(sum.to_bytes().into());
    SecretKey::from_slice(&*bytes).ok()?; // not zero
    Some(SecretBytes::new(bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::testing::hex;

    const SEED_HEX: &str = "d959500a78ccf850ce46c80a8c5043c9a2e33844232b3829df37d05b3069f455\
                            74e0a4cd81ca2d24246ff75bfd6d4fb7f9dfc938372627feb2c2348f8b1493b5";
    /// The context, the key handle and the private key of each of the draft's test vectors.
    const VECTORS: [(&str, &str, &str); 3] = [
        (
            "ARKG-P256.test vectors",
            "27987995f184a44cfa548d104b0a461d0487fc739dbcdabc293ac5469221da91b220e04c681074ec4692a76ffacb9043de\
             c2847ea9060fd42da267f66852e63589f0c00dc88f290d660c65a65a50c86361",
            "775d7fe9a6dfba43ce671cb38afca3d272c4d14aff97bd67559eb500a092e5e7",
        ),
        (
            "ARKG-P256.test vectors",
            "b7507a82771776fbac41a18d94e19a7e0457fd1e438280c127dd55a6138d1baf0a35e3e9671f7e42d8345f47374afa8324\
             7a078fa2196cd69497aed59ef92c05cb6b03d306ec24f2f4ff2db09cd95d1b11",
            "6228e470290e9d7cc0feff32a74caafa14c608c956337eba23997f5904cff226",
        ),
        (
            "ARKG-P256.test vectors.0",
            "81c4e65b552e52350b49864b98b87d510487fc739dbcdabc293ac5469221da91b220e04c681074ec4692a76ffacb9043de\
             c2847ea9060fd42da267f66852e63589f0c00dc88f290d660c65a65a50c86361",
            "2a97f4232f9abba32fbfc28c6686f8afd2d851c2a95a3ed2f0a384b9ad55068d",
        ),
    ];

    fn derived(key_handle: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        let derived = derive_private_key(&hex(SEED_HEX), key_handle, context);
        derived.map(|key| key.expose().to_vec())
    }

    // PS-22
    #[test]
    fn the_draft_s_key_handles_derive_the_draft_s_private_keys() {
        for (context, key_handle, private_key) in VECTORS {
            assert_eq!(derived(&hex(key_handle), context.as_bytes()), Some(hex(private_key)));
        }
    }

    // PS-22
    #[test]
    fn no_bit_of_a_key_handle_may_change_and_none_is_for_another_context() {
        let (context, key_handle, _) = VECTORS[0];
        let key_handle = hex(key_handle);
        for bit in 0..key_handle.len() * 8 {
            let mut other = key_handle.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(derived(&other, context.as_bytes()), None, "bit {bit}");
        }
        for length in [0, 15, 16, 17, 49, 80] {
            assert_eq!(derived(&key_handle[..length], context.as_bytes()), None, "{length} bytes");
        }
        for context in [&b""[..], &[b'x'; 64], &[b'x'; 65], &[b'x'; 300]] {
            assert_eq!(derived(&key_handle, context), None);
        }
    }
}
