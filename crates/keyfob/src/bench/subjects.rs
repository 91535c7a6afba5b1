//! What is measured: exchanges with a key over USB/IP, with one in this process, and what both are compared with.

use std::cell::RefCell;
use std::hint::black_box;

use anyhow::{Context as _, ensure};
use ctap_client::commands::code;
use ctap_client::{
    Client, CredentialDescriptor, Exchange, PinProtocol, RelyingParty, User, get_assertion,
    make_credential,
};
use hid_transport::limits::{CONTINUATION_DATA, INITIALIZATION_DATA, REPORT_SIZE};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::Generate as _;
use virtual_key::platform::system_rng;

use super::echo::Echo;
use super::in_process::InProcess;
use super::turns::Subject;
use crate::device::{Address, Channel};
use crate::spawned::SpawnedKey;

// The names of what others are compared with, and of what has a goal.
pub(super) const ECHO: &str = "bare TCP echo, as many bytes as a getInfo over USB/IP";
pub(super) const SIGNATURE: &str = "bare P-256 signature";
pub(super) const GET_INFO: &str = "getInfo, USB/IP";
pub(super) const SILENT_IN_PROCESS: &str = "getAssertion without a touch, in process";
pub(super) const TOUCH_IN_PROCESS: &str = "getAssertion with a touch, in process";
pub(super) const SILENT: &str = "getAssertion without a touch, USB/IP";
pub(super) const TOUCH: &str = "getAssertion with a touch, USB/IP";

/// Everything that is measured, ready to be called. Several subjects share a key, in turns.
pub(super) struct Subjects {
    echo: RefCell<Echo>,
    in_process: RefCell<Platform<InProcess>>,
    usbip: RefCell<Platform<Channel>>,
    signing_key: SigningKey,
}

impl Subjects {
    /// Registers with both keys and gives them a PIN.
    ///
    /// # Errors
    /// When a key refuses.
    pub(super) fn prepare(key: &SpawnedKey) -> anyhow::Result<Self> {
        let address = Address::Usbip { server: key.server()?.to_owned(), bus_id: None };
        let mut usbip = Platform::new(address.open()?)?;
        let info = usbip.client.raw(&[code::GET_INFO])?;
        let (request, reply) = bytes_on_the_wire(info.len());
        Ok(Self {
            echo: RefCell::new(Echo::start(request, reply)?),
            in_process: RefCell::new(Platform::new(InProcess::new())?),
            usbip: RefCell::new(usbip),
            signing_key: SigningKey::generate_from_rng(&mut system_rng()),
        })
    }

    /// The subjects, each beside what it is compared with.
    pub(super) fn all(&self) -> Vec<Subject<'_>> {
        let (near, far) = (&self.in_process, &self.usbip);
        vec![
            Subject::new(ECHO, || self.echo.borrow_mut().exchange()),
            Subject::new(GET_INFO, || far.borrow_mut().call(|_| vec![code::GET_INFO])),
            Subject::new("getInfo, in process", || {
                near.borrow_mut().call(|_| vec![code::GET_INFO])
            }),
            Subject::new(SIGNATURE, || self.sign()),
            Subject::new(SILENT_IN_PROCESS, || near.borrow_mut().call(|all| all.silent.clone())),
            Subject::new(TOUCH_IN_PROCESS, || near.borrow_mut().call(|all| all.touch.clone())),
            Subject::new(SILENT, || far.borrow_mut().call(|all| all.silent.clone())),
            Subject::new(TOUCH, || far.borrow_mut().call(|all| all.touch.clone())),
            Subject::new("makeCredential, in process", || {
                near.borrow_mut().call(|all| all.registration.clone())
            }),
            Subject::new("makeCredential, USB/IP", || {
                far.borrow_mut().call(|all| all.registration.clone())
            }),
            Subject::new("PIN token, USB/IP", || far.borrow_mut().obtain_token()),
            Subject::new("CTAPHID ping, 1 KiB, USB/IP", || self.ping(1024)),
            Subject::slow("CTAPHID ping, 7609 bytes, USB/IP", || self.ping(7609)),
        ]
    }

    /// What getAssertion signs is this long: authenticator data and the hash of the client data.
    fn sign(&self) -> anyhow::Result<()> {
        let signature: DerSignature = self.signing_key.try_sign(black_box(&[0; 37 + 32]))?;
        black_box(signature);
        Ok(())
    }

    fn ping(&self, length: usize) -> anyhow::Result<()> {
        let data = vec![0xA5; length];
        let echo = self.usbip.borrow_mut().client.exchange_mut().ping(&data)?;
        ensure!(echo == data, "the key does not echo what it was sent");
        Ok(())
    }
}

/// A platform that knows a key, with the messages it sends.
struct Platform<E> {
    client: Client<E>,
    messages: Messages,
}

/// Requests, encoded before anything is measured.
struct Messages {
    registration: Vec<u8>,
    silent: Vec<u8>,
    touch: Vec<u8>,
}

impl<E: Exchange> Platform<E> {
    fn new(exchange: E) -> anyhow::Result<Self> {
        let mut client = Client::new(exchange);
        client.set_pin(PIN)?;
        let registration =
            make_credential::Request::new(HASH, RelyingParty::new(SITE), User::new([1], "ada"));
        let reply = client.make_credential(&registration, None)?;
        let credential = reply.credential().context("no credential")?.credential_id.clone();
        let touch = get_assertion::Request::new(SITE, HASH)
            .allowing([CredentialDescriptor::new(credential)]);
        let messages = Messages {
            registration: registration.encode(),
            silent: touch.clone().with_option("up", false).encode(),
            touch: touch.encode(),
        };
        Ok(Self { client, messages })
    }

    fn call(&mut self, choose: impl FnOnce(&Messages) -> Vec<u8>) -> anyhow::Result<()> {
        let message = choose(&self.messages);
        let reply = self.client.raw(&message)?;
        ensure!(reply.first() == Some(&0), "the key answers {:02x?}", reply.first());
        Ok(())
    }

    /// getKeyAgreement and getPinToken, with the platform's half of the cryptography.
    fn obtain_token(&mut self) -> anyhow::Result<()> {
        self.client.pin_token(PinProtocol::Two, PIN)?;
        Ok(())
    }
}

/// A getInfo exchange over USB/IP: one report out, as many in as the reply needs, and for each the header of its URB, and
/// the request for another one.
fn bytes_on_the_wire(reply: usize) -> (usize, usize) {
    let reports = 1 + reply.saturating_sub(INITIALIZATION_DATA).div_ceil(CONTINUATION_DATA);
    let request = URB_HEADER + REPORT_SIZE + reports * URB_HEADER;
    let reply = URB_HEADER + reports * (URB_HEADER + REPORT_SIZE);
    (request, reply)
}

const URB_HEADER: usize = 48;

const SITE: &str = "example.org";
const PIN: &str = "correct horse";
const HASH: [u8; 32] = [0x5A; 32];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_carries_as_many_bytes_as_the_reports_and_their_urbs() {
        assert_eq!(bytes_on_the_wire(57), (48 + 64 + 48, 48 + 112));
        assert_eq!(bytes_on_the_wire(58), (48 + 64 + 96, 48 + 224));
        assert_eq!(bytes_on_the_wire(57 + 59 + 1).1, 48 + 3 * 112);
    }

    #[test]
    fn the_key_in_this_process_can_do_everything_that_is_measured() {
        let mut platform = Platform::new(InProcess::new()).unwrap();
        platform.call(|all| all.registration.clone()).unwrap();
        platform.call(|all| all.silent.clone()).unwrap();
        platform.call(|all| all.touch.clone()).unwrap();
        platform.obtain_token().unwrap();
        assert!(platform.call(|_| vec![0x7F]).is_err());
    }
}
