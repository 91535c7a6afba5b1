//! The longest answers of a key with this configuration (MSG-60, MSG-61).
//!
//! The longest answers are written by the encoder that also writes real answers. Their members are dummies of the
//! greatest possible length. All other answers are shorter than any maxMsgSize that is allowed.

use alloc::vec;
use alloc::vec::Vec;

use super::Config;
use crate::algorithm::Algorithm;
use crate::attestation::{Attestation, Attested, Attester};
use crate::cbor::{Array, Bytes, Encode, Encoded, MapWriter, to_vec};
use crate::commands::get_assertion::{descriptor_map, user_map};
use crate::credential::{LargeBlob, User};
use crate::credential_id::{self, DISCOVERABLE};
use crate::extensions::preview_sign::key::{Demands, LONGEST_HANDLE, LONGEST_PUBLIC_KEY};
use crate::extensions::preview_sign::registration::{demanded, longest_output};
use crate::extensions::registration::unsigned_outputs;
use crate::extensions::{large_blob, preview_sign};
use crate::limits::{MAX_FRIENDLY_NAME, MAX_NAME, MAX_USER_ID};
use crate::pin::Protocol;

/// Bytes of the longest CTAP2 answer, status included; 0 for a key that gives none.
pub(super) fn longest_answer(config: &Config) -> usize {
    if config.versions.is_empty() {
        return 0;
    }
    let of_algorithms = config.algorithms.iter().flat_map(|algorithm| {
        let discoverable = config.rk().then(|| registration(*algorithm, true, config));
        [
            discoverable.unwrap_or(0),
            registration(*algorithm, false, config),
            assertion(*algorithm, id_length(*algorithm, config.rk(), config), config.rk(), config),
            credential(*algorithm, id_length(*algorithm, true, config), config),
        ]
    });
    of_algorithms.chain([fingers(config)]).max().unwrap_or(0)
}

/// The longest answer about a credential that is there, by the length of its id (MSG-60).
pub(crate) fn longest_answer_about(
    algorithm: Algorithm,
    id: usize,
    rk: bool,
    config: &Config,
) -> usize {
    let managed = if rk { credential(algorithm, id, config) } else { 0 };
    assertion(algorithm, id, rk, config).max(managed)
}

/// makeCredential, for a credential of this algorithm.
fn registration(algorithm: Algorithm, rk: bool, config: &Config) -> usize {
    let outputs = to_vec(&registration_outputs(config));
    let parts =
        [HEAD, ATTESTED, id_length(algorithm, rk, config), algorithm.cose_length(), outputs.len()];
    let data = dummy(parts.iter().sum());
    let replies = statements(algorithm, config).into_iter().map(|made| {
        let mut reply = MapWriter::new();
        reply.put(0x01_u8, made.format).put(0x02_u8, Bytes(&data)).put(0x03_u8, made.statement);
        reply.put_some(0x04_u8, made.is_enterprise.then_some(true));
        reply.put_some(0x05_u8, large_blob_key(config).filter(|_| rk));
        let signing_key = config.extensions.preview_sign.then(|| signing_key(config));
        let blob = config.extensions.large_blob.map(|_| rk);
        reply.put_some(0x06_u8, unsigned_outputs(blob, signing_key.as_deref()));
        length(&reply)
    });
    replies.max().unwrap_or(0)
}

/// The attestation object of a signing key (PS-05).
fn signing_key(config: &Config) -> Vec<u8> {
    let outputs = to_vec(&demanded(Demands::Verification));
    let parts = [HEAD, ATTESTED, LONGEST_HANDLE, LONGEST_PUBLIC_KEY, outputs.len()];
    let device = config.authenticator_config.enterprise_attestation.as_ref();
    let model = config.attestation_key.as_deref().filter(|_| vouches(config));
    let vouching = [model, device.map(|device| &*device.key)].into_iter().flatten();
    let statement = vouching
        .map(|key| packed(key.algorithm(), Some(key)))
        .max_by_key(|made| to_vec(&made.statement).len());
    let made = statement.map(|made| Attested { format: made.format, statement: made.statement });
    made.unwrap_or_else(Attested::none).object(&dummy(parts.iter().sum()))
}

/// The model's key vouches for credentials, unless another format is preferred.
fn vouches(config: &Config) -> bool {
    matches!(config.attestation, Attestation::Basic) && config.attestation_key.is_some()
}

/// An attestation statement of the right length.
struct Statement {
    format: &'static str,
    statement: MapWriter,
    is_enterprise: bool,
}

/// The statements that can be made for a credential of this algorithm (MC-90 to MC-98).
fn statements(algorithm: Algorithm, config: &Config) -> Vec<Statement> {
    let device = config.authenticator_config.enterprise_attestation.as_ref();
    let model = config.attestation_key.as_deref();
    let vouches = vouches(config);
    let is_u2f = config.u2f && algorithm == Algorithm::Es256;
    let own = (!vouches).then(|| packed(algorithm, None));
    let basic = model.filter(|_| vouches).map(|model| packed(model.algorithm(), Some(model)));
    let u2f = model.filter(|_| is_u2f).map(fido_u2f);
    let enterprise = device.map(|device| Statement {
        is_enterprise: true,
        ..packed(device.key.algorithm(), Some(&*device.key))
    });
    [own, basic, u2f, enterprise].into_iter().flatten().collect()
}

fn packed(algorithm: Algorithm, key: Option<&dyn Attester>) -> Statement {
    let signature = dummy(algorithm.longest_signature());
    let mut statement = MapWriter::new();
    statement.put("alg", algorithm.cose()).put("sig", Bytes(&signature));
    let chain = key.map(certificates);
    let chain = chain.as_ref().map(|chain| Array(chain.iter().map(|one| Bytes(one))));
    statement.put_some("x5c", chain);
    Statement { format: "packed", statement, is_enterprise: false }
}

fn fido_u2f(model: &dyn Attester) -> Statement {
    let signature = dummy(model.algorithm().longest_signature());
    let mut statement = MapWriter::new();
    statement.put("sig", Bytes(&signature));
    let chain = certificates(model);
    statement.put("x5c", Array(chain.iter().take(1).map(|certificate| Bytes(certificate))));
    Statement { format: "fido-u2f", statement, is_enterprise: false }
}

/// Certificates of the right lengths.
fn certificates(key: &dyn Attester) -> Vec<Vec<u8>> {
    key.certificate_lengths().into_iter().map(dummy).collect()
}

/// Every signed output of a registration (EX-05).
fn registration_outputs(config: &Config) -> MapWriter {
    let offered = &config.extensions;
    let salts = salted(config);
    let mut outputs = MapWriter::new();
    outputs.put_some("uvm", offered.uvm.map(|_| LONGEST_UVM));
    outputs.put_some("credBlob", offered.cred_blob.map(|_| true));
    outputs.put_some("credProtect", offered.cred_protect.then_some(3_u8));
    outputs.put_some("hmac-secret", offered.hmac_secret.then_some(true));
    outputs.put_some(preview_sign::NAME, offered.preview_sign.then(longest_output));
    outputs.put_some("minPinLength", config.has_min_pin_length().then_some(config.pin_length.max));
    outputs.put_some("hmac-secret-mc", offered.hmac_secret_mc.then_some(Bytes(&salts)));
    outputs.put_some("thirdPartyPayment", offered.third_party_payment.then_some(true));
    outputs.put_some("pinComplexityPolicy", offered.pin_complexity_policy.then_some(true));
    outputs
}

/// getAssertion, for a credential of this algorithm: a stored one, if there can be any, has more to tell.
fn assertion(algorithm: Algorithm, id: usize, rk: bool, config: &Config) -> usize {
    let offered = &config.extensions;
    let (salts, blob) = (salted(config), dummy(offered.cred_blob.filter(|_| rk).unwrap_or(0)));
    let mut outputs = MapWriter::new();
    outputs.put_some("uvm", offered.uvm.map(|_| LONGEST_UVM));
    outputs.put_some("credBlob", offered.cred_blob.map(|_| Bytes(&blob)));
    outputs.put_some("hmac-secret", offered.hmac_secret.then_some(Bytes(&salts)));
    let signed = dummy(Algorithm::Es256.longest_signature());
    let signed = offered.preview_sign.then(|| preview_sign::assertion::output(&signed));
    outputs.put_some(preview_sign::NAME, signed);
    outputs.put_some("thirdPartyPayment", offered.third_party_payment.then_some(true));
    let data = dummy([HEAD, to_vec(&outputs).len()].iter().sum());
    let signature = dummy(algorithm.longest_signature());
    let mut reply = MapWriter::new();
    reply.put(0x01_u8, descriptor_map(&dummy(id)));
    reply.put(0x02_u8, Bytes(&data)).put(0x03_u8, Bytes(&signature));
    reply.put_some(0x04_u8, rk.then(|| user_map(&longest_user(), true)));
    reply.put_some(0x05_u8, rk.then_some(config.capacity));
    reply.put_some(0x07_u8, large_blob_key(config));
    let blob = offered
        .large_blob
        .map(|longest| LargeBlob::Written { blob: dummy(longest), original_size: u64::MAX });
    reply.put_some(0x08_u8, blob.as_ref().filter(|_| rk).and_then(large_blob::read));
    length(&reply)
}

/// enumerateCredentialsBegin, with a credential of this algorithm (CM-24).
fn credential(algorithm: Algorithm, id: usize, config: &Config) -> usize {
    if !(config.manages_credentials() && config.rk()) {
        return 0;
    }
    let mut reply = MapWriter::new();
    reply.put(0x06_u8, user_map(&longest_user(), true));
    reply.put(0x07_u8, descriptor_map(&dummy(id)));
    reply.put(0x08_u8, Encoded(&dummy(algorithm.cose_length())));
    reply.put(0x09_u8, config.capacity).put(0x0a_u8, 3_u8);
    reply.put_some(0x0b_u8, large_blob_key(config));
    reply.put_some(0x0c_u8, config.extensions.third_party_payment.then_some(true));
    length(&reply)
}

/// enumerateEnrollments, with every place taken and every name as long as it may be (BE-26).
fn fingers(config: &Config) -> usize {
    let Some(sensor) = &config.fingerprints else { return 0 };
    let infos = (0..sensor.capacity).map(|_| {
        let mut info = MapWriter::new();
        info.put(0x01_u8, Bytes(&[0; 16])).put(0x02_u8, text(MAX_FRIENDLY_NAME).as_str());
        info
    });
    let mut reply = MapWriter::new();
    reply.put(0x07_u8, Array(infos));
    length(&reply)
}

/// RP id hash, flags and counter of authenticator data (MC-70).
const HEAD: usize = 32 + 1 + 4;
/// The AAGUID and the length of the id (MC-72).
const ATTESTED: usize = 16 + 2;

/// A verification and a touch, with numbers of the longest.
const LONGEST_UVM: Encoded<'static> = Encoded(&[0; 1 + 2 * (1 + 3 * 3)]);

/// Bytes of a credential's id.
fn id_length(algorithm: Algorithm, rk: bool, config: &Config) -> usize {
    let is_record = rk || config.keeps_non_discoverable(algorithm);
    let usual = if is_record { DISCOVERABLE } else { credential_id::sealed_length(algorithm) };
    config.credential_id_length.unwrap_or(usual)
}

/// Two salts' worth of hmac-secret (EX-31).
fn salted(config: &Config) -> Vec<u8> {
    let with_iv = config.pin_uv_auth_protocols.contains(&Protocol::Two);
    dummy(if with_iv { 80 } else { 64 })
}

fn large_blob_key(config: &Config) -> Option<Bytes<'static>> {
    config.large_blobs.map(|_| Bytes(&[0; 32]))
}

fn longest_user() -> User {
    let name = Some(text(MAX_NAME));
    User { id: dummy(MAX_USER_ID), name: name.clone(), display_name: name }
}

fn text(length: usize) -> alloc::string::String {
    "x".repeat(length)
}

fn dummy(length: usize) -> Vec<u8> {
    vec![0; length]
}

/// With the status before it.
fn length(reply: &impl Encode) -> usize {
    to_vec(reply).len().saturating_add(1)
}
