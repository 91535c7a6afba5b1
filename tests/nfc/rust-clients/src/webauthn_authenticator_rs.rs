//! webauthn-authenticator-rs, the client library beside webauthn-rs.

use anyhow::{Context as _, anyhow};
use pcsc::Scope;
use url::Url;
use webauthn_authenticator_rs::AuthenticatorBackend as _;
use webauthn_authenticator_rs::ctap2::CtapAuthenticator;
use webauthn_authenticator_rs::nfc::NFCTransport;
use webauthn_authenticator_rs::transport::Transport as _;
use webauthn_authenticator_rs::types::{CableRequestType, CableState, EnrollSampleStatus};
use webauthn_authenticator_rs::ui::UiCallback;

use crate::{Ceremony, Site};

/// Milliseconds that a person would have.
const TIMEOUT: u32 = 60_000;

/// The response to the page, as JSON.
pub(crate) async fn carry_out(ceremony: Ceremony, site: &Site) -> anyhow::Result<String> {
    let origin = Url::parse(&site.origin)?;
    let person = Person { pin: site.pin.clone() };
    let transport = NFCTransport::new(Scope::User)?;
    let card =
        transport.tokens().await?.pop().context("webauthn-authenticator-rs finds no card")?;
    let mut card = CtapAuthenticator::new(card, &person)
        .await
        .ok_or_else(|| anyhow!("webauthn-authenticator-rs does not know what this card is"))?;
    match ceremony {
        Ceremony::Create => {
            let options = serde_json::from_str(&site.options)?;
            Ok(serde_json::to_string(&card.perform_register(origin, options, TIMEOUT)?)?)
        }
        Ceremony::Get => {
            let options = serde_json::from_str(&site.options)?;
            Ok(serde_json::to_string(&card.perform_auth(origin, options, TIMEOUT)?)?)
        }
    }
}

/// Somebody who knows the PIN and reads nothing.
#[derive(Debug)]
struct Person {
    pin: String,
}

impl UiCallback for Person {
    fn request_pin(&self) -> Option<String> {
        Some(self.pin.clone())
    }

    fn request_touch(&self) {}

    fn processing(&self) {}

    fn fingerprint_enrollment_feedback(&self, _: u32, _: Option<EnrollSampleStatus>) {}

    fn cable_qr_code(&self, _: CableRequestType, _: String) {}

    fn dismiss_qr_code(&self) {}

    fn cable_status_update(&self, _: CableState) {}
}
