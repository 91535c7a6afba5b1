//! A key as a card, on a reader that is a listener.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use ctap_client::card::{Alone, Contact};
use ctap_client::{
    ApduPipe, CardChannel, Client, RelyingParty, Status, TransportError, User, make_credential,
};
use virtual_key::faults::{Fault, Injection, Scope};
use virtual_key::{Error, VirtualKey};

/// vpcd's end.
struct Reader(TcpListener);

/// A card in it, with power.
struct Slot(TcpStream);

impl Reader {
    fn new() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (Self(listener), address)
    }

    /// The next card that is laid on.
    fn inserted(&self) -> Slot {
        let mut slot = Slot(self.0.accept().unwrap().0);
        slot.power_on();
        slot
    }
}

impl Slot {
    fn power_on(&mut self) {
        self.0.write_all(&[0, 1, 1]).unwrap();
    }

    /// Empty: the card is gone.
    fn transmit(&mut self, apdu: &[u8]) -> Vec<u8> {
        let length = u16::try_from(apdu.len()).unwrap().to_be_bytes();
        // It may be gone before it was asked.
        let _ = self.0.write_all(&[&length, apdu].concat());
        let mut length = [0; 2];
        if self.0.read_exact(&mut length).is_err() {
            return Vec::new();
        }
        let mut response = vec![0; u16::from_be_bytes(length).into()];
        self.0.read_exact(&mut response).unwrap();
        response
    }
}

impl ApduPipe for Slot {
    fn alone(&mut self, request: &mut Alone<'_>) -> Result<Vec<u8>, TransportError> {
        request(&mut |apdu| Ok(self.transmit(apdu)), Contact::Kept)
    }
}

fn client(slot: Slot) -> Client<CardChannel<Slot>> {
    Client::new(CardChannel::open(slot).unwrap())
}

const HASH: [u8; 32] = [1; 32];

fn registration() -> make_credential::Request {
    make_credential::Request::new(HASH, RelyingParty::new("example.org"), User::new(*b"1", "ada"))
}

/// A card of this kind, and the reader that has it.
fn laid_on(profile: &str) -> (VirtualKey, Reader, Slot) {
    let (reader, address) = Reader::new();
    let reading = thread::spawn(move || {
        let slot = reader.inserted();
        (reader, slot)
    });
    let key = VirtualKey::builder().profile(profile).unwrap().card(address).unwrap();
    let (reader, slot) = reading.join().unwrap();
    (key, reader, slot)
}

#[test]
fn a_card_that_was_laid_on_registers_without_a_touch_and_once() {
    // NF-40, NF-41, NF-63
    let (key, _reader, slot) = laid_on("default");
    let mut client = client(slot);
    let reply = client.make_credential(&registration(), None).unwrap();
    reply.verify("example.org", &HASH).unwrap();
    let refused = client.make_credential(&registration(), None).unwrap_err();
    assert_eq!(refused.status(), Some(Status::UpRequired), "the tap is used up");
    assert!(key.prompt().unwrap().is_none());
}

#[test]
fn select_tells_u2f_where_the_key_has_it_and_else_ctap2() {
    // NF-02, UF-50
    let folder = tempfile::tempdir().unwrap();
    let ctap2_alone = folder.path().join("ctap2.toml");
    std::fs::write(
        &ctap2_alone,
        "extends = \"default\"\nversions = [\"FIDO_2_0\", \"FIDO_2_1\"]\n",
    )
    .unwrap();
    for (profile, told) in
        [("default", "U2F_V2"), ("u2f-only", "U2F_V2"), (ctap2_alone.to_str().unwrap(), "FIDO_2_0")]
    {
        let (_key, _reader, slot) = laid_on(profile);
        assert_eq!(CardChannel::open(slot).unwrap().version(), told.as_bytes(), "{profile}");
    }
}

#[test]
fn a_reader_that_takes_power_and_gives_it_again_has_a_fresh_card() {
    // NF-07, NF-62
    let (_key, _reader, slot) = laid_on("default");
    let mut client = client(slot);
    client.set_pin("2468").unwrap();
    let slot = client.exchange_mut().pipe_mut();
    slot.power_on();
    assert_eq!(slot.transmit(&[0x80, 0x10, 0, 0, 1, 4]), [0x69, 0x85], "nothing is selected");
    assert!(client.get_info().unwrap().is_on("clientPin"), "what is kept is kept");
}

#[test]
fn a_card_that_is_taken_away_is_gone_and_comes_back_with_what_it_remembers() {
    // NF-64
    let (key, reader, slot) = laid_on("default");
    let mut gone = client(slot);
    gone.set_pin("2468").unwrap();
    key.take_off().unwrap();
    assert!(gone.get_info().is_err());
    assert!(!key.is_attached().unwrap());
    let reading = thread::spawn(move || reader.inserted());
    key.lay_on().unwrap();
    assert!(key.is_attached().unwrap());
    let slot = reading.join().unwrap();
    assert!(client(slot).get_info().unwrap().is_on("clientPin"));
}

#[test]
fn a_tap_lays_the_card_on_and_takes_it_off() {
    let (key, reader, mut slot) = laid_on("default");
    key.take_off().unwrap();
    let reading = thread::spawn(move || {
        let mut slot = reader.inserted();
        slot.transmit(&[4])
    });
    assert!(slot.transmit(&[4]).is_empty());
    key.tap(Duration::from_secs(1)).unwrap();
    assert!(!reading.join().unwrap().is_empty(), "it was there");
    assert!(!key.is_attached().unwrap(), "and is not any more");
}

#[test]
fn the_shortest_tap_lasts_until_the_reader_has_noticed_it() {
    let (key, reader, slot) = laid_on("default");
    key.take_off().unwrap();
    drop(slot);
    let reading = thread::spawn(move || reader.inserted());
    key.tap(Duration::ZERO).unwrap();
    drop(reading.join().unwrap());
    assert!(!key.is_attached().unwrap());
}

#[test]
fn a_card_that_lies_there_is_tapped_when_the_reader_has_it_again() {
    // RS-19
    let (key, reader, slot) = laid_on("default");
    client(slot).get_info().unwrap();
    let reading = thread::spawn(move || reader.inserted());
    key.tap(Duration::from_secs(60)).unwrap();
    let mut client = client(reading.join().unwrap());
    client.reset().unwrap();
    assert!(key.is_attached().unwrap(), "it stays there");
}

#[test]
fn a_card_refuses_faults_that_only_a_key_on_the_bus_can_have() {
    let (card, _reader, _slot) = laid_on("default");
    let refused = card.add_fault(Fault::Silence).unwrap_err();
    let said = refused.to_string();
    assert_eq!(
        said,
        "silence is a part of CTAPHID, which a card does not speak: it would have no effect"
    );
    assert!(refused.advice().contains("docs/faults.md"), "{}", refused.advice());
    let scope = Scope { channel: Some(1), ..Scope::default() };
    let said = card.add_fault(Injection { fault: Fault::BadUp, scope }).unwrap_err().to_string();
    assert!(said.starts_with("a channel is a part of CTAPHID"), "{said}");
    let said = card.add_recipe("mixed-up-reports").unwrap_err().to_string();
    assert!(said.starts_with("mixed-up-reports is a part of CTAPHID"), "{said}");
    for fault in [Fault::BadUp, Fault::Status(1), Fault::IgnoredCancel] {
        card.add_fault(fault).unwrap();
    }
    assert_eq!(card.faults().unwrap().len(), 3, "what was refused is not there");
    let made = VirtualKey::builder().fault(Fault::BUSY).card(("127.0.0.1", 1));
    assert!(matches!(made, Err(Error::Fault(_))));
}

#[test]
fn a_key_that_is_no_card_is_laid_on_no_reader() {
    let key = VirtualKey::builder().start().unwrap();
    assert!(matches!(key.lay_on(), Err(Error::NotACard)));
    assert!(matches!(key.take_off(), Err(Error::NotACard)));
    assert!(matches!(key.tap(Duration::ZERO), Err(Error::NotACard)));
}
