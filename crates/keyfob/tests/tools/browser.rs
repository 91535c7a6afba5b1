//! What a browser does to a key before its owner looks after it.

use ctap_client::commands::make_credential::LargeBlobKey;
use ctap_client::{Client, HidChannel, Permissions, RelyingParty, User, make_credential};
use virtual_key::Connection;

use crate::support::Key;

/// The PIN of the keys of these tests.
pub(crate) const PIN: &str = "1234";

/// A key with a PIN, and these passkeys on it.
pub(crate) fn key_with_passkeys(passkeys: &[(&str, &str)]) -> Key {
    let key = Key::obliging();
    key.type_in(&["pin", "set"], PIN).did("The PIN is set.");
    for (site, name) in passkeys {
        register(&key, site, name);
    }
    key
}

/// Registers a passkey with a large-blob key. Its user's id is its name.
pub(crate) fn register(key: &Key, site: &str, name: &str) -> LargeBlobKey {
    let connection = Connection::import(key.server.parse().unwrap(), "1-1").unwrap();
    let mut client = Client::new(HidChannel::open(connection).unwrap());
    let token = client.pin_uv_auth_token(PIN, Permissions::MAKE_CREDENTIAL, Some(site)).unwrap();
    let request = make_credential::Request::new(
        [7; 32],
        RelyingParty::new(site),
        User::new(name.as_bytes(), name),
    );
    let request =
        request.with_option("rk", true).with_extension("largeBlobKey", true).authorized_by(&token);
    client.make_credential(&request, None).unwrap().large_blob_key.unwrap()
}
