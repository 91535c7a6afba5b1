//! Extension inputs of getAssertion, and what they put into the authenticator data of each credential.

use crate::cbor::{Map, MapWriter};
use crate::credential::Credential;
use crate::status::Status;

/// The inputs that apply.
#[derive(Debug, Default)]
pub(crate) struct Extensions(());

impl Extensions {
    pub(crate) fn parse(_: Map<'_>) -> Result<Self, Status> {
        Ok(Self::default())
    }

    /// Computed for this credential alone (GA-53).
    pub(crate) fn outputs(&self, _: &Credential) -> MapWriter {
        MapWriter::new()
    }
}
