//! Extension inputs of getAssertion, and their outputs for each credential.

use alloc::vec::Vec;

use super::hmac_secret::{Input, Salts};
use super::large_blob::Access;
use super::{cred_blob, large_blob_key, preview_sign, uvm};
use crate::cbor::{Bytes, Map, MapWriter};
use crate::commands::Context;
use crate::config::{Config, Protection};
use crate::consent::Evidence;
use crate::credential::Credential;
use crate::status::Status;

use rand_core::CryptoRng;

/// The inputs that apply: offered by this device and present in the request.
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    hmac_secret: Option<Input>,
    cred_blob: bool,
    large_blob_key: bool,
    large_blob: Option<Access>,
    preview_sign: Option<preview_sign::assertion::Input>,
    third_party_payment: bool,
    uvm: Option<Protection>,
}

impl Extensions {
    pub(crate) fn parse(map: Map<'_>, config: &Config) -> Result<Self, Status> {
        let mut inputs = Self::default();
        let offered = &config.extensions;
        for (name, value) in map.by_name() {
            match name {
                "hmac-secret" if offered.hmac_secret => {
                    inputs.hmac_secret = Some(Input::parse(value.map()?)?);
                }
                "credBlob" if offered.cred_blob.is_some() => inputs.cred_blob = value.boolean()?,
                "largeBlobKey" if config.large_blobs.is_some() => {
                    inputs.large_blob_key = large_blob_key::parse(value)?;
                }
                "largeBlob" if offered.large_blob.is_some() => {
                    inputs.large_blob = Some(Access::parse(value)?);
                }
                preview_sign::NAME if offered.preview_sign => {
                    inputs.preview_sign =
                        Some(preview_sign::assertion::Input::parse(value.map()?)?);
                }
                "thirdPartyPayment" if offered.third_party_payment => {
                    inputs.third_party_payment = value.boolean()?;
                }
                "uvm" if offered.uvm.is_some() => {
                    let asked = value.boolean()?;
                    inputs.uvm = offered.uvm.filter(|_| asked);
                }
                _ => {}
            }
        }
        Ok(inputs)
    }

    /// The demands of an input on the rest of the request.
    pub(crate) const fn check(&self, up: bool, names_credentials: bool) -> Result<(), Status> {
        if self.hmac_secret.is_some() && !up {
            return Err(Status::UnsupportedOption); // EX-24
        }
        if self.preview_sign.is_some() && !names_credentials {
            return Err(Status::InvalidOption); // PS-12
        }
        Ok(())
    }

    /// Decrypts what is encrypted, and signs with a signing key of the first credential, which is the only one of an allowList; from
    /// then on each credential only computes.
    pub(crate) fn open(
        self,
        first: Option<&Credential>,
        evidence: &Evidence,
        cx: &Context<'_>,
    ) -> Result<Opened, Status> {
        let keys = &cx.session.key_agreement;
        let salts = self.hmac_secret.map(|input| input.open(keys, cx.config)).transpose()?;
        let to_be_signed = self.preview_sign.as_ref().zip(first);
        let signature = to_be_signed
            .map(|(input, owner)| input.sign(owner, &cx.session.sealing_keys, evidence))
            .transpose()?;
        Ok(Opened {
            salts,
            cred_blob: self.cred_blob,
            large_blob_key: self.large_blob_key,
            large_blob: self.large_blob,
            signature,
            third_party_payment: self.third_party_payment,
            uvm: self.uvm,
        })
    }
}

/// Inputs that are ready to be answered for one credential after the other (GA-53, EX-34).
pub(crate) struct Opened {
    salts: Option<Salts>,
    cred_blob: bool,
    large_blob_key: bool,
    large_blob: Option<Access>,
    /// Made with a signing key.
    signature: Option<Vec<u8>>,
    third_party_payment: bool,
    uvm: Option<Protection>,
}

impl Opened {
    /// The signed outputs in canonical order (EX-05).
    pub(crate) fn outputs(
        &self,
        credential: &Credential,
        evidence: &Evidence,
        rng: &mut dyn CryptoRng,
    ) -> MapWriter {
        let blob = self.cred_blob.then(|| Bytes(cred_blob::output(credential)));
        let salts = self.salts.as_ref();
        let verified = evidence.verified();
        let salted = salts.map(|salts| salts.output(&credential.cred_random, verified, rng));
        let mut outputs = MapWriter::new();
        outputs.put_some("uvm", self.uvm.map(|it| uvm::output(it, evidence))); // EX-95
        outputs.put_some("credBlob", blob); // EX-54
        outputs.put_some("hmac-secret", salted.as_deref().map(Bytes)); // EX-31
        let signature = self.signature.as_deref().map(preview_sign::assertion::output);
        outputs.put_some(preview_sign::NAME, signature); // PS-11
        let payment = self.third_party_payment.then_some(credential.third_party_payment);
        outputs.put_some("thirdPartyPayment", payment); // EX-91
        outputs
    }

    /// The credential's large-blob key, if it has one and was asked (EX-61).
    pub(crate) fn large_blob_key<'c>(&self, credential: &'c Credential) -> Option<&'c [u8; 32]> {
        let account = credential.account.as_ref().filter(|_| self.large_blob_key)?;
        account.large_blob_key.as_ref().map(|key| key.expose())
    }

    /// What to do with the credential's own large blob.
    pub(crate) const fn large_blob(&self) -> Option<&Access> {
        self.large_blob.as_ref()
    }
}
