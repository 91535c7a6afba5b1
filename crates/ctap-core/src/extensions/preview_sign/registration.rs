//! previewSign in makeCredential (PS-01 to PS-07): a signing key is made beside the credential, with an attestation
//! of its own.

use alloc::vec::Vec;

use super::key::{Algorithm, Demands, SigningKey};
use super::{ALGORITHM, ARGUMENTS, FLAGS, NAME};
use crate::auth_data::{AttestedCredential, AuthData};
use crate::cbor::{Bytes, Item, Map, MapWriter};
use crate::commands::Context;
use crate::consent::Evidence;
use crate::credential::Credential;
use crate::status::Status;

/// The signing key that a request asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    algorithm: Algorithm,
    demands: Demands,
}

impl Wanted {
    /// Wrong types outrank what is absent or has no meaning (MSG-44).
    pub(crate) fn parse(map: Map<'_>) -> Result<Self, Status> {
        let (mut first_known, mut flags) = (None, Demands::Presence.flags().into());
        for (label, value) in map.by_number() {
            match i32::try_from(label) {
                Ok(ALGORITHM) => first_known = Some(first_known_of(value)?),
                Ok(FLAGS) => flags = value.unsigned()?,
                _ => {}
            }
        }
        let demands = Demands::from_flags(flags).ok_or(Status::InvalidOption)?; // PS-02
        let first_known = first_known.ok_or(Status::InvalidOption)?; // PS-01
        let algorithm = first_known.ok_or(Status::UnsupportedAlgorithm)?; // PS-03
        Ok(Self { algorithm, demands })
    }

    /// The signed output (PS-04).
    pub(crate) fn output(self) -> MapWriter {
        output(self.algorithm)
    }

    /// Makes the key: the authenticator data that tells of it, in which it replaces the credential (PS-05). `None`: the
    /// arithmetic failed.
    pub(crate) fn make(
        self,
        credential: &Credential,
        aaguid: &[u8; 16],
        evidence: &Evidence,
        cx: &mut Context<'_>,
    ) -> Option<Vec<u8>> {
        let (key, public_key) = SigningKey::generate(self.algorithm, self.demands, cx.rng)?;
        let handle = key.seal(credential, &cx.session.sealing_keys, cx.rng)?;
        let auth_data = AuthData {
            rp_id_hash: &credential.rp_id_hash,
            evidence,
            backup: credential.backup,
            sign_count: 0,
            attested: Some(AttestedCredential { aaguid, id: &handle, public_key: &public_key }),
            extensions: demanded(self.demands),
        };
        Some(auth_data.encode())
    }
}

/// The first algorithm of the list that this key has (PS-03); all of them are numbers.
fn first_known_of(list: Item<'_>) -> Result<Option<Algorithm>, Status> {
    let mut first = None;
    for number in list.array()? {
        let known = Algorithm::from_cose(number.integer()?);
        first = first.or(known);
    }
    Ok(first)
}

fn output(algorithm: Algorithm) -> MapWriter {
    let mut output = MapWriter::new();
    output.put(ALGORITHM, algorithm.cose());
    output
}

/// The signed output with the longest number.
pub(crate) fn longest_output() -> MapWriter {
    output(Algorithm::Esp256SplitArkg)
}

/// The extensions in the authenticator data of a signing key (PS-04).
pub(crate) fn demanded(demands: Demands) -> MapWriter {
    let (mut outputs, mut output) = (MapWriter::new(), MapWriter::new());
    output.put(FLAGS, demands.flags());
    outputs.put(NAME, output);
    outputs
}

/// The unsigned output: an attestation object (PS-05).
pub(crate) fn unsigned_output(attestation_object: &[u8]) -> MapWriter {
    let mut output = MapWriter::new();
    output.put(ARGUMENTS, Bytes(attestation_object));
    output
}
