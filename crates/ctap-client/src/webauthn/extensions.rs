//! WebAuthn section 10.1 and CTAP section 12: the extensions, in the form of pages and in that of keys.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::fault::WebauthnError;
use super::options::Options;
use crate::auth_data::AuthData;
use crate::cbor::Value;
use crate::client::Client;
use crate::commands::get_info::Info;
use crate::entities::CredentialDescriptor;
use crate::exchange::Exchange;
use crate::hmac_secret::{self, HMAC_SECRET, HMAC_SECRET_MC, Outputs};
use crate::pin_protocol::SharedSecret;

/// The inputs for the key, and what is needed to read its outputs.
#[derive(Default)]
pub(super) struct Extensions {
    /// Inputs, by the key's names.
    pub(super) inputs: Vec<(String, Value)>,
    wants_cred_props: bool,
    wants_prf: bool,
    /// Under which outputs of prf come back.
    secret: Option<SharedSecret>,
}

impl Extensions {
    /// Inputs of a registration.
    pub(super) fn for_create<E: Exchange>(
        options: &Options<'_>,
        client: &mut Client<E>,
        info: &Info,
    ) -> Result<Self, WebauthnError> {
        let Some(asked) = options.get("extensions") else { return Ok(Self::default()) };
        let mut these = Self { wants_cred_props: asked.is_true("credProps"), ..Self::default() };
        if let Some(policy) = asked.text_of("credentialProtectionPolicy")?
            && info.has_extension("credProtect")
        {
            these.add("credProtect", cred_protect(policy)?);
        }
        if asked.is_true("minPinLength") && info.has_extension("minPinLength") {
            these.add("minPinLength", true);
        }
        if let Some(blob) = asked.get("credBlob")
            && info.has_extension("credBlob")
        {
            these.add("credBlob", blob.bytes()?);
        }
        if let Some(prf) = asked.get("prf")
            && info.has_extension(HMAC_SECRET)
        {
            these.wants_prf = true;
            these.add(HMAC_SECRET, true);
            if info.has_extension(HMAC_SECRET_MC) {
                these.add_salts(HMAC_SECRET_MC, prf.get("eval").as_ref(), client, info)?;
            }
        }
        Ok(these)
    }

    /// Inputs of a sign-in.
    pub(super) fn for_get<E: Exchange>(
        options: &Options<'_>,
        allowed: Option<&[CredentialDescriptor]>,
        client: &mut Client<E>,
        info: &Info,
    ) -> Result<Self, WebauthnError> {
        let Some(asked) = options.get("extensions") else { return Ok(Self::default()) };
        let mut these = Self::default();
        if asked.is_true("getCredBlob") && info.has_extension("credBlob") {
            these.add("credBlob", true);
        }
        if let Some(prf) = asked.get("prf")
            && info.has_extension(HMAC_SECRET)
        {
            these.wants_prf = true;
            // If each credential has its own values, the only allowed one decides.
            let id = match allowed {
                Some([only]) => Base64UrlUnpadded::encode_string(&only.id),
                _ => String::new(),
            };
            let own = prf.get("evalByCredential").and_then(|by| by.entry(&id));
            let values = own.or_else(|| prf.get("eval"));
            these.add_salts(HMAC_SECRET, values.as_ref(), client, info)?;
        }
        Ok(these)
    }

    fn add(&mut self, name: &str, input: impl Into<Value>) {
        self.inputs.push((name.to_owned(), input.into()));
    }

    fn add_salts<E: Exchange>(
        &mut self,
        name: &str,
        values: Option<&Options<'_>>,
        client: &mut Client<E>,
        info: &Info,
    ) -> Result<(), WebauthnError> {
        let (Some(values), Some(protocol)) = (values, info.preferred_pin_protocol()) else {
            return Ok(());
        };
        let first = salt(&values.require("first")?.bytes()?);
        let second = values.get("second").map(|value| value.bytes()).transpose()?;
        let second = second.map(|value| salt(&value));
        let secret = client.agree(protocol)?;
        let input = hmac_secret::input(&secret, &first, second.as_deref(), client.rng());
        self.add(name, input);
        self.secret = Some(secret);
        Ok(())
    }

    /// The outputs of a registration for the page.
    pub(super) fn created(&self, data: &AuthData, is_discoverable: bool) -> Json {
        let mut results = Map::new();
        if self.wants_cred_props {
            results.insert("credProps".to_owned(), json!({ "rk": is_discoverable }));
        }
        if self.wants_prf {
            let is_on = data.extension(HMAC_SECRET) == Some(&Value::Bool(true));
            results.insert("prf".to_owned(), self.prf(data, HMAC_SECRET_MC, Some(is_on)));
        }
        if let Some(Value::Bool(is_stored)) = data.extension("credBlob") {
            results.insert("credBlob".to_owned(), (*is_stored).into());
        }
        Json::Object(results)
    }

    /// The outputs of a sign-in for the page.
    pub(super) fn signed(&self, data: &AuthData) -> Json {
        let mut results = Map::new();
        if self.wants_prf {
            results.insert("prf".to_owned(), self.prf(data, HMAC_SECRET, None));
        }
        if let Some(Value::Bytes(blob)) = data.extension("credBlob") {
            let blob = Base64UrlUnpadded::encode_string(blob);
            results.insert("getCredBlob".to_owned(), blob.into());
        }
        Json::Object(results)
    }

    fn prf(&self, data: &AuthData, extension: &'static str, enabled: Option<bool>) -> Json {
        let mut prf = Map::new();
        if let Some(enabled) = enabled {
            prf.insert("enabled".to_owned(), enabled.into());
        }
        let opened = self.secret.as_ref().map(|secret| Outputs::open(data, extension, secret));
        if let Some(Ok(outputs)) = opened {
            let text = |secret: &[u8; 32]| Json::from(Base64UrlUnpadded::encode_string(secret));
            let mut results = Map::new();
            results.insert("first".to_owned(), text(&outputs.first));
            if let Some(second) = &outputs.second {
                results.insert("second".to_owned(), text(second));
            }
            prf.insert("results".to_owned(), Json::Object(results));
        }
        Json::Object(prf)
    }
}

/// WebAuthn section 10.1.4: no page can ask for the secrets that other programs use.
fn salt(value: &[u8]) -> Zeroizing<[u8; 32]> {
    let digest = Sha256::new().chain_update(b"WebAuthn PRF\0").chain_update(value).finalize();
    Zeroizing::new(digest.into())
}

fn cred_protect(policy: &str) -> Result<u64, WebauthnError> {
    match policy {
        "userVerificationOptional" => Ok(1),
        "userVerificationOptionalWithCredentialIDList" => Ok(2),
        "userVerificationRequired" => Ok(3),
        _ => Err(WebauthnError::options(
            "credentialProtectionPolicy",
            "is not a policy that WebAuthn has",
        )),
    }
}
