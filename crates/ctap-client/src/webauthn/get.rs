//! `navigator.credentials.get()` (WebAuthn section 5.1.4).

use serde_json::Value as Json;

use super::caller::Caller;
use super::extensions::Extensions;
use super::fault::WebauthnError;
use super::options::Options;
use super::response;
use crate::client::Client;
use crate::commands::client_pin::Permissions;
use crate::commands::get_assertion::Request;
use crate::exchange::Exchange;

/// Signs in with the key, as a site's `options` say (`PublicKeyCredentialRequestOptionsJSON`). Returns what the
/// page sends back (`AuthenticationResponseJSON`).
///
/// # Errors
/// [`WebauthnError`]. In its [`Error`](crate::Error), `NoCredentials` means that this key is not registered there.
pub fn get<E: Exchange>(
    client: &mut Client<E>,
    options: &Json,
    caller: &Caller,
) -> Result<Json, WebauthnError> {
    let options = Options::new(options)?;
    let info = client.get_info()?;
    let rp_id = caller.rp_id(options.text_of("rpId")?)?;
    let (client_data, hash) = caller.client_data("webauthn.get", &options)?;
    let allowed = options.credentials("allowCredentials")?;
    let extensions = Extensions::for_get(&options, allowed.as_deref(), client, &info)?;
    let mut request = Request::new(rp_id.as_str(), hash);
    request.allow_list = allowed;
    request.extensions.clone_from(&extensions.inputs);
    let (wanted, permission) = (options.verification(), Permissions::GET_ASSERTION);
    let token = caller.token(client, &info, wanted, permission, &rp_id)?;
    let mut assertion = client.get_first_assertion(&request, token.as_ref())?;
    // If the request named one credential, the key need not say which one it used (GA-33).
    if let (true, Some([only])) =
        (assertion.credential.id.is_empty(), request.allow_list.as_deref())
    {
        assertion.credential = only.clone();
    }
    let results = extensions.signed(&assertion.auth_data);
    Ok(response::authentication(&assertion, &client_data, results))
}
