//! libwebauthn, of which Linux desktops are to get their passkeys.

use anyhow::{Context as _, anyhow};
use libwebauthn::UvUpdate;
use libwebauthn::ops::webauthn::{
    GetAssertionRequest, JsonFormat, MakeCredentialRequest, OriginValidation, RequestOrigin,
    RequestSettings, WebAuthnIDLResponse as _,
};
use libwebauthn::transport::{Channel as _, ChannelSettings, Device as _, nfc};
use libwebauthn::webauthn::WebAuthn as _;

use crate::{Ceremony, Site};

/// The response to the page, as JSON.
pub(crate) async fn carry_out(ceremony: Ceremony, site: &Site) -> anyhow::Result<String> {
    let mut card = nfc::get_nfc_device().await?.context("libwebauthn finds no card")?;
    let mut channel = card.channel(ChannelSettings::default()).await?;
    let (mut updates, pin) = (channel.get_ux_update_receiver(), site.pin.clone());
    tokio::spawn(async move {
        while let Ok(update) = updates.recv().await {
            if let UvUpdate::PinRequired(request) = update {
                // Whoever asked may have given up.
                let _ = request.send_pin(&pin);
            }
        }
    });
    let origin: RequestOrigin =
        site.origin.as_str().try_into().map_err(|_| anyhow!("no origin"))?;
    let settings = RequestSettings { origin: OriginValidation::Trust };
    match ceremony {
        Ceremony::Create => {
            let request = MakeCredentialRequest::prepare(&origin, &site.options, &settings).await?;
            let response = channel.webauthn_make_credential(&request).await?;
            Ok(response.to_json_string(&request, JsonFormat::Minified)?)
        }
        Ceremony::Get => {
            let request = GetAssertionRequest::prepare(&origin, &site.options, &settings).await?;
            let response = channel.webauthn_get_assertion(&request).await?;
            let assertion = response.assertions.first().context("there is no assertion")?;
            Ok(assertion.to_json_string(&request, JsonFormat::Minified)?)
        }
    }
}
