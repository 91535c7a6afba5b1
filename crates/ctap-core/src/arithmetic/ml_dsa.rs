//! ML-DSA (FIPS 204), from a seed of 32 bytes.

use alloc::boxed::Box;
use alloc::vec::Vec;

use ecdsa::signature::{Keypair, MultipartSigner, SignatureEncoding};
use ml_dsa::{MlDsa44, MlDsa65, MlDsaParams};

use super::SigningKey;
use crate::public_key::PublicKey;

pub(crate) fn ml_dsa_44(seed: &[u8]) -> Option<Box<dyn SigningKey>> {
    ml_dsa::<MlDsa44>(seed)
}

pub(crate) fn ml_dsa_65(seed: &[u8]) -> Option<Box<dyn SigningKey>> {
    ml_dsa::<MlDsa65>(seed)
}

fn ml_dsa<P: MlDsaParams + 'static>(seed: &[u8]) -> Option<Box<dyn SigningKey>> {
    let key = Box::new(ml_dsa::SigningKey::<P>::from_seed(seed.try_into().ok()?));
    Some(key)
}

impl<P: MlDsaParams> SigningKey for ml_dsa::SigningKey<P> {
    fn public(&self) -> Option<PublicKey> {
        Some(PublicKey::MlDsa(self.verifying_key().encode().to_vec()))
    }

    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        Some(self.try_multipart_sign(parts).ok()?.to_vec())
    }
}
