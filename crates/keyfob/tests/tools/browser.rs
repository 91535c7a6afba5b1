//! What a browser does to a key before its owner looks after it.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use ctap_client::commands::make_credential::LargeBlobKey;
use ctap_client::{
    Client, HidChannel, Permissions, RelyingParty, Report, ReportPipe, User, make_credential,
};
use usbip_server::client::Host;

use crate::support::Key;

/// The PIN of the keys of these tests.
pub(crate) const PIN: &str = "1234";

struct Pipe(Host);

impl ReportPipe for Pipe {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        Ok(self.0.send(report)?)
    }

    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>> {
        Ok(self.0.receive(timeout)?)
    }
}

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
    let mut host = Host::import(TcpStream::connect(&key.server).unwrap(), "1-1").unwrap();
    host.enumerate().unwrap();
    let mut client = Client::new(HidChannel::open(Pipe(host)).unwrap());
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
