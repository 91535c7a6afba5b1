//! Who asks for a credential: the page's origin, and the person's PIN.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::fault::WebauthnError;
use super::options::{Options, Verification};
use super::origin::host;
use crate::client::Client;
use crate::commands::client_pin::Permissions;
use crate::commands::get_info::Info;
use crate::exchange::Exchange;
use crate::pin_protocol::PinUvAuthToken;

/// The page that asks, and the PIN of the person in front of it.
pub struct Caller {
    origin: String,
    pin: Option<Zeroizing<String>>,
}

impl Caller {
    /// A page with this origin, as browsers write it, such as `https://example.com` or `http://localhost:8000`. It is checked
    /// when a credential is asked for.
    #[must_use]
    pub fn new(origin: impl Into<String>) -> Self {
        Self { origin: origin.into(), pin: None }
    }

    /// The person knows the PIN.
    #[must_use]
    pub fn with_pin(self, pin: impl Into<String>) -> Self {
        Self { pin: Some(Zeroizing::new(pin.into())), ..self }
    }

    /// The RP id that is asked for, or the origin's own; the page's host is that domain or one within it.
    ///
    /// Public suffixes are not looked up: the caller, who names the origin, is trusted with that.
    pub(super) fn rp_id(&self, wanted: Option<&str>) -> Result<String, WebauthnError> {
        let host = host(&self.origin)?;
        let rp_id = wanted.unwrap_or(host).to_owned();
        let is_within =
            host == rp_id || host.strip_suffix(&rp_id).is_some_and(|front| front.ends_with('.'));
        match is_within && !rp_id.is_empty() {
            true => Ok(rp_id),
            false => Err(WebauthnError::Origin { origin: self.origin.clone(), rp_id }),
        }
    }

    /// The client data for a site's options, exactly as in section 5.8.1.1, and their hash. The challenge is
    /// encoded again without padding.
    pub(super) fn client_data(
        &self,
        kind: &str,
        options: &Options<'_>,
    ) -> Result<(Vec<u8>, [u8; 32]), WebauthnError> {
        let challenge = Base64UrlUnpadded::encode_string(&options.require("challenge")?.bytes()?);
        let [kind, challenge, origin] =
            [kind, &challenge, &self.origin].map(|text| serde_json::Value::from(text).to_string());
        let data = format!(
            "{{\"type\":{kind},\"challenge\":{challenge},\"origin\":{origin},\"crossOrigin\":false}}"
        );
        let hash = Sha256::digest(&data).into();
        Ok((data.into_bytes(), hash))
    }

    /// The proof that the user was verified, where the site wants it or the key needs it (WebAuthn section 5.1.3, step 22).
    pub(super) fn token<E: Exchange>(
        &self,
        client: &mut Client<E>,
        info: &Info,
        wanted: Verification,
        permission: Permissions,
        rp_id: &str,
    ) -> Result<Option<PinUvAuthToken>, WebauthnError> {
        let by_pin = self.pin.as_ref().filter(|_| info.is_on("clientPin"));
        let by_finger = info.is_on("uv") && info.is_on("pinUvAuthToken");
        let is_protected = info.is_on("clientPin") || info.is_on("uv");
        let makes = permission == Permissions::MAKE_CREDENTIAL;
        let is_needed =
            info.is_on("alwaysUv") || makes && is_protected && !info.is_on("makeCredUvNotRqd");
        match wanted {
            Verification::Discouraged if !is_needed => Ok(None),
            _ if by_finger => Ok(Some(client.token_using_uv(permission, Some(rp_id))?)),
            Verification::Required if by_pin.is_none() => Err(WebauthnError::NotVerified),
            _ => match by_pin {
                Some(pin) => Ok(Some(client.pin_uv_auth_token(pin, permission, Some(rp_id))?)),
                None => Ok(None),
            },
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("origin", &self.origin).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // WebAuthn section 5.1.3, step 7
    #[test]
    fn a_page_uses_the_rp_id_of_its_own_host_or_of_a_domain_above_it() {
        let rp_id = |origin: &str, wanted: Option<&str>| Caller::new(origin).rp_id(wanted).ok();
        let allowed = Some("example.com".to_owned());
        assert_eq!(rp_id("https://example.com", None), allowed);
        assert_eq!(rp_id("https://a.example.com:8443", Some("example.com")), allowed);
        assert_eq!(rp_id("http://localhost:8000", None), Some("localhost".to_owned()));
        for (origin, wanted) in [
            ("https://badexample.com", Some("example.com")),
            ("https://example.com", Some("a.example.com")),
            ("https://example.com", Some("")),
            ("http://example.com", None),
            ("example.com", None),
        ] {
            assert_eq!(rp_id(origin, wanted), None, "{origin} {wanted:?}");
        }
    }

    // WebAuthn section 5.8.1.1
    #[test]
    fn client_data_are_written_in_the_order_that_short_parsers_expect() {
        for challenge in ["AAA", "AAA="] {
            let options = serde_json::json!({ "challenge": challenge });
            let options = Options::new(&options).unwrap();
            let caller = Caller::new("https://example.com");
            let (data, _) = caller.client_data("webauthn.get", &options).unwrap();
            let expected = r#"{"type":"webauthn.get","challenge":"AAA","origin":"https://example.com","crossOrigin":false}"#;
            assert_eq!(String::from_utf8(data).unwrap(), expected);
        }
    }

    #[test]
    fn whoever_prints_a_caller_sees_no_pin() {
        let printed = format!("{:?}", Caller::new("https://example.com").with_pin("2468"));
        assert!(!printed.contains("2468"), "{printed}");
    }
}
