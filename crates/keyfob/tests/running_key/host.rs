//! A USB/IP host with a CTAP client on it.

use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};

use ctap_client::commands::u2f::StatusWord;
use ctap_client::{Client, Error, HidChannel, RelyingParty, Status, User, make_credential};
use usbip_server::client::{Enumeration, Host, Socket};
use virtual_key::Connection;

/// An imported key.
pub(crate) struct Platform(HidChannel<Connection>);

impl Platform {
    pub(crate) fn client(&mut self) -> Client<&mut HidChannel<Connection>> {
        Client::new(&mut self.0)
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("it listens")
}

/// Plugs the key into this host.
pub(crate) fn import(socket: impl Into<Socket>, bus_id: &str) -> (Platform, Enumeration) {
    let mut host = Host::import(socket, bus_id).expect("it can be imported");
    let enumeration = host.enumerate().expect("it has descriptors");
    (Platform(HidChannel::open(Connection::from(host)).expect("a channel")), enumeration)
}

/// The only key there.
pub(crate) fn import_from(address: SocketAddr) -> Platform {
    import(connect(address), "1-1").0
}

/// A request that needs a touch, on a thread of its own. The key comes back with its outcome.
pub(crate) type Asking = JoinHandle<(Platform, Result<(), Error>)>;

/// Begins authenticatorSelection.
pub(crate) fn select(mut key: Platform) -> Asking {
    thread::spawn(move || {
        let outcome = key.client().selection();
        (key, outcome)
    })
}

/// Begins to register `ada` at `site`.
pub(crate) fn register(key: Platform, site: &str) -> Asking {
    register_as(key, site, "ada")
}

/// Begins to register somebody at `site`.
pub(crate) fn register_as(mut key: Platform, site: &str, name: &str) -> Asking {
    let user = User::new(*b"1", name);
    let request = make_credential::Request::new([7; 32], RelyingParty::new(site), user);
    thread::spawn(move || {
        let outcome = key.client().make_credential(&request, None).map(drop);
        (key, outcome)
    })
}

/// Begins to make a passkey, which the key stores.
pub(crate) fn make_passkey(mut key: Platform) -> Asking {
    let (site, user) = (RelyingParty::new("example.org"), User::new(*b"1", "ada"));
    let request = make_credential::Request::new([7; 32], site, user).with_option("rk", true);
    thread::spawn(move || {
        let outcome = key.client().make_credential(&request, None).map(drop);
        (key, outcome)
    })
}

/// The status that a request was refused with.
pub(crate) fn refusal(outcome: Result<(), Error>) -> Option<Status> {
    outcome.expect_err("it was refused").status()
}

/// Registers through U2F: asks again and again, until the key is touched.
pub(crate) fn register_u2f(mut key: Platform, application: [u8; 32]) -> JoinHandle<()> {
    thread::spawn(move || {
        while let Err(error) = key.client().u2f_register(&[7; 32], &application) {
            assert!(matches!(error, Error::U2f(StatusWord::ConditionsNotSatisfied)), "{error}");
        }
    })
}
