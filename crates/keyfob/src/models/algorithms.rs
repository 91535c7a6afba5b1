//! The signatures that certificates and JWTs carry, as webpki wants them: RSA's of PKCS #1 v1.5, and ECDSA's over P-256.

use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, Signature, VerifyingKey};
use rsa::PublicKey;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::pkcs1v15;
use rsa::pkcs8::AssociatedOid;
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// One that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    /// In certificates, where a signature is DER.
    Es256,
    /// In a JWT, where it is two numbers (RFC 7518 section 3.4).
    Es256Raw,
}

/// Those of certificates.
pub(super) const OF_CERTIFICATES: [&dyn SignatureVerificationAlgorithm; 4] =
    [&Algorithm::Rs256, &Algorithm::Rs384, &Algorithm::Rs512, &Algorithm::Es256];

/// Those of JWTs, by their names (RFC 7518 section 3.1).
pub(super) fn of_jwt(name: &str) -> Option<Algorithm> {
    match name {
        "RS256" => Some(Algorithm::Rs256),
        "RS384" => Some(Algorithm::Rs384),
        "RS512" => Some(Algorithm::Rs512),
        "ES256" => Some(Algorithm::Es256Raw),
        _ => None,
    }
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let is_right = match self {
            Self::Rs256 => rsa::<Sha256>(key, message, signature),
            Self::Rs384 => rsa::<Sha384>(key, message, signature),
            Self::Rs512 => rsa::<Sha512>(key, message, signature),
            Self::Es256 => DerSignature::try_from(signature)
                .is_ok_and(|signature| ecdsa(key, message, &signature)),
            Self::Es256Raw => Signature::from_slice(signature)
                .is_ok_and(|signature| ecdsa(key, message, &signature)),
        };
        is_right.then_some(()).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 => alg_id::RSA_ENCRYPTION,
            Self::Es256 | Self::Es256Raw => alg_id::ECDSA_P256,
        }
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        match self {
            Self::Rs256 => alg_id::RSA_PKCS1_SHA256,
            Self::Rs384 => alg_id::RSA_PKCS1_SHA384,
            Self::Rs512 => alg_id::RSA_PKCS1_SHA512,
            Self::Es256 | Self::Es256Raw => alg_id::ECDSA_SHA256,
        }
    }
}

fn rsa<D: Digest + AssociatedOid>(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = PublicKey::from_pkcs1_der(key).map(pkcs1v15::VerifyingKey::<D>::new);
    let signature = pkcs1v15::Signature::try_from(signature);
    let (Ok(key), Ok(signature)) = (key, signature) else { return false };
    key.verify(message, &signature).is_ok()
}

fn ecdsa<S>(key: &[u8], message: &[u8], signature: &S) -> bool
where
    VerifyingKey: p256::ecdsa::signature::Verifier<S>,
{
    VerifyingKey::from_sec1_bytes(key).is_ok_and(|key| key.verify(message, signature).is_ok())
}
