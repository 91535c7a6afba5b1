//! Extension inputs of makeCredential, and what they put into the authenticator data.

use crate::cbor::{Map, MapWriter};
use crate::credential::CredProtect;
use crate::status::Status;

/// The inputs that apply.
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    cred_protect: Option<CredProtect>,
}

impl Extensions {
    pub(crate) fn parse(map: Map<'_>) -> Result<Self, Status> {
        let mut extensions = Self::default();
        for (name, value) in map.by_name() {
            if name == "credProtect" {
                let level = CredProtect::from_level(value.unsigned()?);
                extensions.cred_protect = Some(level.ok_or(Status::InvalidParameter)?); // EX-11
            }
        }
        Ok(extensions)
    }

    /// The level in force (EX-12).
    pub(crate) fn cred_protect(&self) -> CredProtect {
        self.cred_protect.unwrap_or_default()
    }

    /// In canonical order (EX-05); an identifier only if it was in the input (EX-04).
    pub(crate) fn outputs(&self) -> MapWriter {
        let mut outputs = MapWriter::new();
        outputs.put_some("credProtect", self.cred_protect.map(CredProtect::level)); // EX-10
        outputs
    }
}
