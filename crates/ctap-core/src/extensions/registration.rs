//! Extension inputs of makeCredential, and their outputs.

use super::hmac_secret::{Input, Salts};
use super::large_blob::Support;
use super::preview_sign::registration::Wanted;
use super::{
    cred_blob, cred_protect, large_blob, large_blob_key, min_pin_length, preview_sign, uvm,
};
use crate::cbor::{Bytes, Map, MapWriter};
use crate::commands::Context;
use crate::config::Config;
use crate::consent::Evidence;
use crate::credential::{CredProtect, Credential, LargeBlob};
use crate::status::Status;

/// The inputs that apply: offered by this device and present in the request.
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    cred_protect: Option<CredProtect>,
    hmac_secret: bool,
    hmac_secret_mc: Option<Input>,
    cred_blob: Option<cred_blob::Input>,
    large_blob_key: bool,
    large_blob: Option<Support>,
    min_pin_length: bool,
    pin_complexity_policy: bool,
    preview_sign: Option<Wanted>,
    third_party_payment: bool,
    uvm: bool,
}

impl Extensions {
    pub(crate) fn parse(map: Map<'_>, config: &Config) -> Result<Self, Status> {
        let mut inputs = Self::default();
        let offered = &config.extensions;
        for (name, value) in map.by_name() {
            match name {
                "credProtect" if offered.cred_protect => {
                    inputs.cred_protect = Some(cred_protect::parse(value)?);
                }
                "hmac-secret" if offered.hmac_secret => inputs.hmac_secret = value.boolean()?,
                "hmac-secret-mc" if offered.hmac_secret_mc => {
                    inputs.hmac_secret_mc = Some(Input::parse(value.map()?)?);
                }
                "credBlob" => {
                    let longest = offered.cred_blob;
                    inputs.cred_blob = longest
                        .map(|longest| cred_blob::Input::parse(value, longest))
                        .transpose()?;
                }
                "largeBlobKey" if config.large_blobs.is_some() => {
                    inputs.large_blob_key = large_blob_key::parse(value)?;
                }
                "largeBlob" if offered.large_blob.is_some() => {
                    inputs.large_blob = Some(Support::parse(value)?);
                }
                "minPinLength" if config.has_min_pin_length() => {
                    inputs.min_pin_length = value.boolean()?
                }
                "pinComplexityPolicy" if offered.pin_complexity_policy => {
                    inputs.pin_complexity_policy = value.boolean()?;
                }
                preview_sign::NAME if offered.preview_sign => {
                    inputs.preview_sign = Some(Wanted::parse(value.map()?)?);
                }
                "thirdPartyPayment" if offered.third_party_payment => {
                    inputs.third_party_payment = value.boolean()?;
                }
                "uvm" if offered.uvm.is_some() => inputs.uvm = value.boolean()?,
                _ => {}
            }
        }
        Ok(inputs)
    }

    /// The demands of an input on the rest of the request.
    pub(crate) fn check(&self, rk: bool) -> Result<(), Status> {
        if self.hmac_secret_mc.is_some() && !self.hmac_secret {
            return Err(Status::MissingParameter); // EX-41
        }
        if self.large_blob_key && !rk {
            return Err(Status::InvalidOption); // EX-60
        }
        if self.large_blob == Some(Support::Required) && !rk {
            return Err(Status::LargeBlobStorageFull); // EX-72
        }
        Ok(())
    }

    /// Decrypts the salts of hmac-secret-mc (EX-42).
    pub(crate) fn open(&self, cx: &Context<'_>) -> Result<Option<Salts>, Status> {
        let input = self.hmac_secret_mc.as_ref();
        input.map(|input| input.open(&cx.session.key_agreement, cx.config)).transpose()
    }

    /// The level in force (EX-12).
    pub(crate) fn cred_protect(&self) -> CredProtect {
        self.cred_protect.unwrap_or_default()
    }

    /// The blob to keep with a discoverable credential.
    pub(crate) fn cred_blob(&self) -> Option<&[u8]> {
        self.cred_blob.as_ref().and_then(|input| input.stored(true))
    }

    /// A large-blob key is to be made (EX-60, EX-65).
    pub(crate) const fn wants_large_blob_key(&self) -> bool {
        self.large_blob_key
    }

    /// The place for a large blob of a new discoverable credential (EX-73).
    pub(crate) const fn large_blob(&self) -> LargeBlob {
        if self.large_blob.is_some() { LargeBlob::Empty } else { LargeBlob::Unsupported }
    }

    /// The signing key to be made beside the credential (PS-03).
    pub(crate) const fn preview_sign(&self) -> Option<Wanted> {
        self.preview_sign
    }

    pub(crate) const fn third_party_payment(&self) -> bool {
        self.third_party_payment
    }

    /// The signed outputs in canonical order (EX-05), each only if its input was there (EX-04).
    pub(crate) fn outputs(
        &self,
        credential: &Credential,
        salts: Option<&Salts>,
        Asked { rp_id, evidence }: Asked<'_>,
        cx: &mut Context<'_>,
    ) -> MapWriter {
        let verified = evidence.verified();
        let rk = credential.account.is_some();
        let stored = self.cred_blob.as_ref().map(|input| input.stored(rk).is_some());
        let salted = salts.map(|salts| salts.output(&credential.cred_random, verified, cx.rng));
        let policy = cx.policy();
        let settings = &policy.state.settings;
        let may_know = min_pin_length::may_know(rp_id, settings);
        let protection = cx.config.extensions.uvm.filter(|_| self.uvm);
        let mut outputs = MapWriter::new();
        outputs.put_some("uvm", protection.map(|it| uvm::output(it, evidence))); // EX-95
        outputs.put_some("credBlob", stored); // EX-51
        outputs.put_some("credProtect", self.cred_protect.map(CredProtect::level)); // EX-10
        outputs.put_some("hmac-secret", self.hmac_secret.then_some(true)); // EX-20
        outputs.put_some(preview_sign::NAME, self.preview_sign.map(Wanted::output)); // PS-04
        let asks_length = self.min_pin_length && may_know;
        outputs.put_some("minPinLength", asks_length.then(|| policy.min_pin_length())); // EX-80
        outputs.put_some("hmac-secret-mc", salted.as_deref().map(Bytes)); // EX-42
        outputs.put_some("thirdPartyPayment", self.third_party_payment.then_some(true)); // EX-90
        let asks_policy = self.pin_complexity_policy && may_know;
        outputs.put_some("pinComplexityPolicy", asks_policy.then_some(policy.pins_are_complex())); // EX-83
        outputs
    }

    /// The outputs outside the signed data, if there are any (EX-73). `signing_key`: the attestation object of a new one.
    pub(crate) fn unsigned_outputs(
        &self,
        rk: bool,
        signing_key: Option<&[u8]>,
    ) -> Option<MapWriter> {
        unsigned_outputs(self.large_blob.map(|_| rk), signing_key)
    }
}

/// The unsigned outputs: whether a large blob has a place, and the attestation object of a signing key.
pub(crate) fn unsigned_outputs(
    large_blob: Option<bool>,
    signing_key: Option<&[u8]>,
) -> Option<MapWriter> {
    let mut outputs = MapWriter::new();
    outputs.put_some("largeBlob", large_blob.map(large_blob::supported)); // EX-73
    let signing_key = signing_key.map(preview_sign::registration::unsigned_output);
    outputs.put_some(preview_sign::NAME, signing_key); // PS-05
    (!outputs.is_empty()).then_some(outputs)
}

/// The relying party, and what is known of the user.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) rp_id: &'a str,
    pub(crate) evidence: &'a Evidence,
}
