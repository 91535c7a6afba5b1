//! A site's options, read member by member (WebAuthn sections 5.4, 5.5 and 5.1.8).

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::Value as Json;

use super::fault::WebauthnError;
use crate::cose::{EDDSA, ES256};
use crate::entities::{CredentialDescriptor, CredentialParameters, PUBLIC_KEY};

/// Whether the site wants the user verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verification {
    Required,
    Preferred,
    Discouraged,
}

/// The options, or a part of them, and what that is called.
#[derive(Clone, Copy)]
pub(super) struct Options<'a> {
    value: &'a Json,
    name: &'a str,
}

impl<'a> Options<'a> {
    /// The options themselves, or those in `publicKey`.
    ///
    /// # Errors
    /// It is no JSON object: the site's fault, as all here are.
    pub(super) fn new(value: &'a Json) -> Result<Self, WebauthnError> {
        let value = value.get("publicKey").unwrap_or(value);
        match value.is_object() {
            true => Ok(Self { value, name: "publicKey" }),
            false => Err(WebauthnError::options("publicKey", "is not an object")),
        }
    }

    /// A member; `None`: it is not there, or null.
    pub(super) fn get(&self, name: &'a str) -> Option<Options<'a>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Self { value, name })
    }

    /// An entry of a map whose keys are data.
    pub(super) fn entry(&self, key: &str) -> Option<Options<'a>> {
        Some(Self { value: self.value.get(key)?, name: self.name })
    }

    /// A member that must be there.
    pub(super) fn require(&self, name: &'a str) -> Result<Options<'a>, WebauthnError> {
        self.get(name).ok_or_else(|| WebauthnError::options(name, "is missing"))
    }

    /// It, which must be a text.
    pub(super) fn text(&self) -> Result<&'a str, WebauthnError> {
        self.value.as_str().ok_or_else(|| self.wrong("is not a text"))
    }

    /// The bytes of base64url, with or without padding.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, WebauthnError> {
        let text = self.text()?.trim_end_matches('=');
        Base64UrlUnpadded::decode_vec(text).map_err(|_| self.wrong("is not base64url"))
    }

    /// Whether a member is there and true.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.value.get(name).and_then(Json::as_bool).unwrap_or_default()
    }

    /// A member that may be there, and then must be a text.
    pub(super) fn text_of(&self, name: &'a str) -> Result<Option<&'a str>, WebauthnError> {
        self.get(name).map(|member| member.text()).transpose()
    }

    /// A value that is no known word counts as the default (WebAuthn section 5.4.6).
    pub(super) fn verification(&self) -> Verification {
        match self.value.get("userVerification").and_then(Json::as_str) {
            Some("required") => Verification::Required,
            Some("discouraged") => Verification::Discouraged,
            _ => Verification::Preferred,
        }
    }

    fn items(&self) -> Result<impl Iterator<Item = Options<'a>> + use<'a>, WebauthnError> {
        let items = self.value.as_array().ok_or_else(|| self.wrong("is not a list"))?;
        let name = self.name;
        Ok(items.iter().map(move |value| Options { value, name }))
    }

    /// The algorithms that the site takes, the best first. Without any, those that all sites know.
    pub(super) fn algorithms(&self) -> Result<Vec<CredentialParameters>, WebauthnError> {
        let listed = self.require("pubKeyCredParams")?.items()?;
        let listed: Vec<_> = listed
            .filter(|item| item.text_of("type").is_ok_and(|kind| kind == Some(PUBLIC_KEY)))
            .filter_map(|item| item.value.get("alg")?.as_i64())
            .map(CredentialParameters::new)
            .collect();
        match (listed.is_empty(), self.require("pubKeyCredParams")?.items()?.next()) {
            (false, _) => Ok(listed),
            (true, None) => Ok([ES256, EDDSA].map(CredentialParameters::new).to_vec()),
            (true, Some(_)) => Err(WebauthnError::options(
                "pubKeyCredParams",
                "has no entry of the type public-key",
            )),
        }
    }

    /// A list of credentials; an empty one counts as no list (GA-22).
    pub(super) fn credentials(
        &self,
        name: &'a str,
    ) -> Result<Option<Vec<CredentialDescriptor>>, WebauthnError> {
        let Some(list) = self.get(name) else { return Ok(None) };
        let known = list
            .items()?
            .filter(|item| item.text_of("type").is_ok_and(|kind| kind == Some(PUBLIC_KEY)));
        let each = known.map(|item| Ok(CredentialDescriptor::new(item.require("id")?.bytes()?)));
        let each = each.collect::<Result<Vec<_>, WebauthnError>>()?;
        Ok(Some(each).filter(|each| !each.is_empty()))
    }

    fn wrong(&self, why: &'static str) -> WebauthnError {
        WebauthnError::options(self.name, why)
    }
}
