//! `navigator.credentials.create()` (WebAuthn section 5.1.3).

use serde_json::Value as Json;

use super::caller::Caller;
use super::extensions::Extensions;
use super::fault::WebauthnError;
use super::options::{Options, Verification};
use super::response;
use crate::client::Client;
use crate::commands::client_pin::Permissions;
use crate::commands::get_info::Info;
use crate::commands::make_credential::Request;
use crate::entities::{RelyingParty, User};
use crate::error::{Error, ReplyFault};
use crate::exchange::Exchange;

/// Makes a credential with the key, as a site's `options` say (`PublicKeyCredentialCreationOptionsJSON`). Returns
/// what the page sends back (`RegistrationResponseJSON`).
///
/// # Errors
/// [`WebauthnError`]. In its [`Error`], `CredentialExcluded` means that this key is registered there already.
pub fn create<E: Exchange>(
    client: &mut Client<E>,
    options: &Json,
    caller: &Caller,
) -> Result<Json, WebauthnError> {
    let options = Options::new(options)?;
    let info = client.get_info()?;
    let (rp, user) = (rp(&options, caller)?, user(&options)?);
    let (client_data, hash) = caller.client_data("webauthn.create", &options)?;
    let selection = options.get("authenticatorSelection").unwrap_or(options);
    let is_discoverable = is_discoverable(&selection, &info)?;
    let extensions = Extensions::for_create(&options, client, &info)?;
    let (rp_id, wanted) = (rp.id.clone(), verification(&selection, is_discoverable));
    let mut request = Request::new(hash, rp, user);
    request.pub_key_cred_params = Some(options.algorithms()?);
    request.exclude_list = options.credentials("excludeCredentials")?;
    request.extensions.clone_from(&extensions.inputs);
    if is_discoverable {
        request = request.with_option("rk", true);
    }
    let token = caller.token(client, &info, wanted, Permissions::MAKE_CREDENTIAL, &rp_id)?;
    let reply = client.make_credential(&request, token.as_ref())?;
    let made = reply.credential().ok_or(Error::Reply(ReplyFault::Missing("credential")))?;
    let results = extensions.created(&reply.auth_data, is_discoverable);
    let is_anonymous = matches!(options.text_of("attestation")?, None | Some("none"));
    let transports = info.transports.unwrap_or_else(|| vec!["usb".to_owned()]);
    Ok(response::registration(&reply, made, &client_data, &transports, is_anonymous, results))
}

fn rp(options: &Options<'_>, caller: &Caller) -> Result<RelyingParty, WebauthnError> {
    let rp = options.require("rp")?;
    let name = rp.text_of("name")?.map(str::to_owned);
    Ok(RelyingParty { id: caller.rp_id(rp.text_of("id")?)?, name })
}

fn user(options: &Options<'_>) -> Result<User, WebauthnError> {
    let user = options.require("user")?;
    let id = user.require("id")?.bytes()?;
    if !(1..=LONGEST_USER_ID).contains(&id.len()) {
        return Err(WebauthnError::options("user.id", "is not 1 to 64 bytes"));
    }
    let display_name = user.text_of("displayName")?.map(str::to_owned);
    Ok(User { id, name: Some(user.require("name")?.text()?.to_owned()), display_name })
}

/// Whether a discoverable credential is to be made (WebAuthn section 5.4.6).
fn is_discoverable(selection: &Options<'_>, info: &Info) -> Result<bool, WebauthnError> {
    Ok(match selection.text_of("residentKey")? {
        Some("required") => true,
        Some("preferred") => info.is_on("rk"),
        Some("discouraged") => false,
        _ => selection.is_true("requireResidentKey"),
    })
}

/// A key that lets others register without verification (option `makeCredUvNotRqd`) verifies all the same before it makes a
/// discoverable credential (CTAP 2.3 section 6.1.2, step 6), whatever the site says.
fn verification(selection: &Options<'_>, is_discoverable: bool) -> Verification {
    match selection.verification() {
        Verification::Discouraged if is_discoverable => Verification::Preferred,
        wanted => wanted,
    }
}

/// Bytes of a user's handle (WebAuthn section 5.4.3).
const LONGEST_USER_ID: usize = 64;
