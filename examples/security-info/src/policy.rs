//! What the administrator decides: whether security keys may be used at all, and which.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::{
    AttestationCaList, AttestationCaListBuilder, AttestationMetadata, Credential,
    ParsedAttestationData,
};

/// The administrator's settings. As delivered: on, any key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Security keys can be added and can sign in.
    pub enabled: bool,
    /// Which ones.
    pub accepted: Accepted,
    /// The models listed; kept while any key is accepted.
    pub listed: Listed,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true, accepted: Accepted::AnyKey, listed: Listed::default() }
    }
}

/// Which keys are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accepted {
    /// Any that does what WebAuthn wants.
    AnyKey,
    /// Those of listed models that prove it.
    ListedModels,
}

/// Models of keys, by AAGUID, and who may vouch for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// AAGUIDs, each with the model's name; may be empty.
    pub models: BTreeMap<Uuid, String>,
    /// Root certificates, PEM each. None: any issuer may vouch.
    pub roots: Vec<String>,
}

/// Why a key is not accepted. Nobody's fault; the administrator has decided so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Without a certificate anyone can claim to be any model.
    #[error(
        "This key does not prove which model it is, and only certain models are accepted here."
    )]
    NotAttested,
    /// Proved, but not in the list.
    #[error("Keys of this model ({0}) are not accepted here.")]
    OtherModel(Uuid),
    /// In the list, but the certificate comes from somebody else.
    #[error("This key's certificate was not issued by a manufacturer that is trusted here.")]
    OtherIssuer,
}

/// What is wrong with a list that an administrator typed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListFault {
    /// With a listed policy and no list nobody could sign in.
    #[error("List at least one model, or accept any key.")]
    Empty,
    /// A line does not start with an AAGUID.
    #[error("“{0}” is not an AAGUID. One looks like c196d97f-64cf-465a-ab5d-aaf18b481fc4.")]
    Aaguid(String),
    /// This certificate, counted from 1, cannot be read.
    #[error("Certificate {0} cannot be read. It must be PEM text, from BEGIN to END CERTIFICATE.")]
    Certificate(usize),
}

impl Settings {
    /// Whether this key, registered or about to be, may be used. Its attestation signature has been verified when it was
    /// registered; whose certificate made it is judged here, each time.
    ///
    /// # Errors
    /// The [`Refusal`] to show to its owner.
    pub fn judge(&self, key: &Credential) -> Result<(), Refusal> {
        match self.accepted {
            Accepted::AnyKey => Ok(()),
            Accepted::ListedModels => self.listed.judge(key),
        }
    }
}

impl Listed {
    /// Reads one AAGUID a line, each followed by the model's name, and PEM certificates.
    ///
    /// # Errors
    /// The first [`ListFault`].
    pub fn parse(models: &str, roots: &str) -> Result<Self, ListFault> {
        let lines = models.lines().map(str::trim).filter(|line| !line.is_empty());
        let models = lines.map(model).collect::<Result<_, _>>()?;
        let listed = Self { models, roots: certificates(roots) };
        for (index, root) in listed.roots.iter().enumerate() {
            let mut builder = AttestationCaListBuilder::new();
            trust(&mut builder, root, Uuid::nil(), "")
                .map_err(|_| ListFault::Certificate(index.saturating_add(1)))?;
        }
        Ok(listed)
    }

    /// The models as they were typed.
    #[must_use]
    pub fn models_text(&self) -> String {
        let lines = self.models.iter().map(|(aaguid, name)| format!("{aaguid} {name}"));
        lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }

    /// Whether a root certificate stands behind this key's claim to be of a listed model.
    pub(crate) fn trusts(&self, key: &Credential) -> bool {
        !self.roots.is_empty() && self.judge(key).is_ok()
    }

    fn judge(&self, key: &Credential) -> Result<(), Refusal> {
        let attestation = &key.attestation;
        let (ParsedAttestationData::Basic(_), AttestationMetadata::Packed { aaguid }) =
            (&attestation.data, &attestation.metadata)
        else {
            return Err(Refusal::NotAttested);
        };
        if !self.models.contains_key(aaguid) {
            return Err(Refusal::OtherModel(*aaguid));
        }
        if self.roots.is_empty() || self.is_issued_for(key, *aaguid) {
            return Ok(());
        }
        Err(Refusal::OtherIssuer)
    }

    fn is_issued_for(&self, key: &Credential, aaguid: Uuid) -> bool {
        let issuer = self.trusted().map(|roots| {
            key.verify_attestation(&roots)
                .is_ok_and(|root| root.is_some_and(|root| root.aaguids().contains_key(&aaguid)))
        });
        issuer.unwrap_or(false)
    }

    /// Each root may vouch for each model.
    fn trusted(&self) -> Result<AttestationCaList, WebauthnError> {
        let mut builder = AttestationCaListBuilder::new();
        for root in &self.roots {
            for (aaguid, name) in &self.models {
                trust(&mut builder, root, *aaguid, name)?;
            }
        }
        Ok(builder.build())
    }
}

fn trust(
    builder: &mut AttestationCaListBuilder,
    root: &str,
    aaguid: Uuid,
    name: &str,
) -> Result<(), WebauthnError> {
    let no_translations = BTreeMap::new();
    Ok(builder.insert_device_pem(root.as_bytes(), aaguid, name.to_owned(), no_translations)?)
}

fn model(line: &str) -> Result<(Uuid, String), ListFault> {
    let (aaguid, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let fault = |_| ListFault::Aaguid(aaguid.chars().take(40).collect());
    Ok((Uuid::try_parse(aaguid).map_err(fault)?, name.trim().to_owned()))
}

/// The PEM blocks in a text; what is left over after the last counts as one, so that it is found faulty.
fn certificates(text: &str) -> Vec<String> {
    let blocks = text.split_inclusive("-----END CERTIFICATE-----").map(str::trim);
    blocks.filter(|block| !block.is_empty()).map(|block| block.replace('\r', "")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "c196d97f-64cf-465a-ab5d-aaf18b481fc4";

    #[test]
    fn a_list_has_one_model_a_line_with_or_without_a_name() {
        let text = format!("\n  {MODEL}   Virtual key \r\n00000000-0000-0000-0000-000000000001\n");
        let listed = Listed::parse(&text, "").unwrap();
        assert_eq!(listed.models[&Uuid::try_parse(MODEL).unwrap()], "Virtual key");
        assert_eq!(
            listed.models_text(),
            format!("00000000-0000-0000-0000-000000000001\n{MODEL} Virtual key")
        );
        assert_eq!(Listed::parse(&listed.models_text(), ""), Ok(listed));
    }

    #[test]
    fn a_list_with_something_else_in_it_is_refused_by_naming_it() {
        assert_eq!(Listed::parse("YubiKey 5", ""), Err(ListFault::Aaguid("YubiKey".to_owned())));
        assert_eq!(Listed::parse(MODEL, "what is this"), Err(ListFault::Certificate(1)));
    }

    #[test]
    fn settings_survive_being_written_down() {
        let settings = Settings {
            enabled: false,
            accepted: Accepted::ListedModels,
            listed: Listed::parse(MODEL, "").unwrap(),
        };
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    }
}
