//! The bridge between a host's CTAPHID and a card, both in this process; time passes when the bridge waits for a card.

use std::cell::RefCell;
use std::io;

use apdu_transport::{Card, Event, Kind as CardKind, Settings, Version};
use ctap_client::card::Contact;
use ctap_client::{
    Client, HidChannel, Permissions, RelyingParty, Report, ReportPipe, User, make_credential,
};
use ctap_core::{CheckedConfig, SoftKey};
use tokio::sync::mpsc::unbounded_channel;
use usbip_server::HidFunction as _;

use super::*;
use crate::bridge::hid::BridgedKey;
use crate::bridge::mailbox::mailbox;
use crate::bridge::order::Wish;

/// A reader, the card that belongs to it, and what people do there.
struct Desk {
    key: SoftKey,
    card: Card,
    /// By which movement the card came; `None`: it is away.
    arrival: Option<u32>,
    movements: u32,
    passed: Duration,
    plans: Vec<Plan>,
    wish: Option<Wish>,
    /// Command bytes that the authenticator has got.
    heard: Vec<u8>,
    /// The card is taken away when it gets this command, before it answers.
    leaves_at: Option<u8>,
    /// Its answer to every U2F request, instead of the authenticator's.
    to_u2f: Option<[u8; 2]>,
}

type Shared = Rc<RefCell<Desk>>;

/// What somebody does once so much time has passed.
type Plan = (Duration, fn(&mut Desk));

impl Desk {
    fn shared() -> Shared {
        let settings = Settings { version: Version::Fido20, ..Settings::default() };
        Rc::new(RefCell::new(Self {
            key: SoftKey::new(CheckedConfig::default(), [7; 32]),
            card: Card::new(settings),
            arrival: None,
            movements: 0,
            passed: Duration::ZERO,
            plans: Vec::new(),
            wish: None,
            heard: Vec::new(),
            leaves_at: None,
            to_u2f: None,
        }))
    }

    /// The card says that it has U2F when it is selected, or that it has not.
    fn select_as(&mut self, version: Version) {
        self.card = Card::new(Settings { version, ..Settings::default() });
    }

    fn lay_on(&mut self) {
        self.movements += 1;
        self.arrival = Some(self.movements);
        self.power_up();
    }

    fn take_off(&mut self) {
        self.movements += 1;
        self.arrival = None;
    }

    fn tap(&mut self) {
        self.take_off();
        self.lay_on();
    }

    fn power_up(&mut self) {
        self.card.reset();
        self.key.tap();
    }

    fn transmit(&mut self, apdu: &[u8]) -> Vec<u8> {
        if let Some(Event::Request { id, kind, message, .. }) =
            self.card.handle_apdu(apdu, self.passed)
        {
            let message = message.to_vec();
            self.heard.push(message[0]);
            if self.leaves_at == Some(message[0]) {
                self.take_off();
                return Vec::new();
            }
            let reply = match (kind, self.to_u2f) {
                (CardKind::Ctap, _) => self.key.call(&message),
                (CardKind::U2f, None) => self.key.call_u2f(&message),
                (CardKind::U2f, Some(answer)) => answer.to_vec(),
            };
            self.card.respond(id, &reply);
        }
        self.card.poll_response().expect("it answers at once")
    }
}

const READER: &str = "Reader";

struct FakeCards(Shared);

struct FakeReader {
    desk: Shared,
    arrival: u32,
}

impl Cards for FakeCards {
    type Pipe = FakeReader;

    fn find(&mut self) -> Result<Option<Found<FakeReader>>, ReaderFault> {
        let Some(arrival) = self.arrival() else { return Ok(None) };
        // The reader gives it power again.
        self.0.borrow_mut().power_up();
        let pipe = FakeReader { desk: Rc::clone(&self.0), arrival: arrival.movement };
        Ok(CardChannel::open(pipe).ok().map(|card| Found { card, arrival }))
    }

    fn arrival(&mut self) -> Option<Arrival> {
        let movement = self.0.borrow().arrival?;
        Some(Arrival { reader: READER.to_owned(), movement })
    }

    fn power_off(&mut self, _: Option<FakeReader>) {}

    fn pause(&mut self, time: Duration) {
        let desk = &mut *self.0.borrow_mut();
        desk.passed += time;
        while desk.plans.first().is_some_and(|(due, _)| *due <= desk.passed) {
            let (_, act) = desk.plans.remove(0);
            act(desk);
        }
    }
}

impl ApduPipe for FakeReader {
    fn alone(&mut self, request: &mut Alone<'_>) -> Result<Vec<u8>, TransportError> {
        if self.desk.borrow().arrival != Some(self.arrival) {
            return Err(ReaderFault::NoCard.into());
        }
        request(&mut |apdu: &[u8]| Ok(self.desk.borrow_mut().transmit(apdu)), Contact::Kept)
    }
}

/// A host with the bridge's key, whose other thread works whenever the host waits.
struct Host {
    key: BridgedKey,
    orders: Taker,
    worker: Worker<FakeCards>,
}

impl Host {
    /// A bridge that has met a card, which is on the reader.
    fn with_card() -> (Self, Shared) {
        let desk = Desk::shared();
        desk.borrow_mut().lay_on();
        (Self::at(&desk), desk)
    }

    /// A bridge that begins at a desk where a card is on the reader.
    fn at(desk: &Shared) -> Self {
        let (tell, mut news) = unbounded_channel();
        let mut worker = Worker::new(FakeCards(Rc::clone(desk)), move |one| drop(tell.send(one)));
        worker.await_first_card(|| true);
        let Ok(News::Card { has_ctap2, has_u2f }) = news.try_recv() else { panic!("no card") };
        let (giver, orders) = mailbox();
        let key = BridgedKey::new((has_ctap2, has_u2f), giver, news);
        desk.borrow_mut().heard.clear();
        Self { key, orders, worker }
    }

    /// The answer to a U2F request.
    fn u2f(&mut self, apdu: &str) -> Vec<u8> {
        HidChannel::open(self).unwrap().exchange_u2f(&hex(apdu)).unwrap()
    }

    fn client(self) -> Client<HidChannel<Self>> {
        Client::new(HidChannel::open(self).unwrap())
    }
}

impl ReportPipe for Host {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        self.key.output(report);
        Ok(())
    }

    fn receive(&mut self, _: Duration) -> io::Result<Option<Report>> {
        while let Next::Order(order) = self.orders.next(Some(Duration::ZERO)) {
            if let Order::Request(request) = &order {
                self.worker.cards.0.borrow_mut().wish = Some(request.wish.clone());
            }
            self.worker.obey(&order);
        }
        Ok(self.key.input(1))
    }
}

fn registration() -> make_credential::Request {
    let (site, user) = (RelyingParty::new("example.org"), User::new(*b"1", "ada"));
    make_credential::Request::new([1; 32], site, user)
}

fn plan(desk: &Shared, seconds: u64, act: fn(&mut Desk)) {
    desk.borrow_mut().plans.push((Duration::from_secs(seconds), act));
}

#[test]
fn a_program_registers_and_the_card_needs_one_tap() {
    let (host, desk) = Host::with_card();
    let made = host.client().make_credential(&registration(), None).unwrap();
    made.verify("example.org", &[1; 32]).unwrap();
    assert_eq!(desk.borrow().heard, [0x01]);
}

#[test]
fn init_and_get_info_need_no_card() {
    let (host, desk) = Host::with_card();
    desk.borrow_mut().take_off();
    let mut client = host.client();
    assert!(client.get_info().unwrap().versions.contains(&"FIDO_2_3".to_owned()));
    assert!(desk.borrow().heard.is_empty());
}

#[test]
fn what_a_card_says_of_itself_changes_while_it_is_there() {
    let (host, desk) = Host::with_card();
    let mut client = host.client();
    client.set_pin("1234").unwrap();
    desk.borrow_mut().take_off();
    assert!(client.get_info().unwrap().is_on("clientPin"), "nobody had asked since");
    desk.borrow_mut().lay_on();
    client.reset().unwrap();
    desk.borrow_mut().take_off();
    assert!(!client.get_info().unwrap().is_on("clientPin"), "it is gone with all else");
}

#[test]
fn neither_another_import_nor_another_bridge_lets_a_program_guess_on() {
    // CP-26: programs can unplug what a bridge shows, and none can lift a card.
    let (mut host, desk) = Host::with_card();
    Client::new(HidChannel::open(&mut host).unwrap()).set_pin("1234").unwrap();
    let guess = |host: &mut Host, pin: &str| {
        host.key.detached();
        host.key.attached();
        let mut client = Client::new(HidChannel::open(host).unwrap());
        let answer = client.pin_uv_auth_token(pin, Permissions::GET_ASSERTION, RP);
        answer.map(drop).map_err(|error| error.status().map(Status::byte))
    };
    for expected in [0x31, 0x31, 0x31, 0x34, 0x34] {
        assert_eq!(guess(&mut host, "4321"), Err(Some(expected)));
    }
    let mut next = Host::at(&desk);
    assert_eq!(guess(&mut next, "1234"), Err(Some(0x34)), "the card says what it has left");
    desk.borrow_mut().tap();
    assert_eq!(guess(&mut next, "1234"), Ok(()));
    assert_eq!(guess(&mut host, "1234"), Ok(()));
}

#[test]
fn questions_for_which_nobody_does_anything_do_not_wait_for_a_card() {
    let (host, desk) = Host::with_card();
    desk.borrow_mut().take_off();
    let mut client = host.client();
    // getPINRetries, getUVRetries, largeBlobs, credentialManagement, and the previews that libfido2 tries.
    for question in ["06a201010201", "06a201010207", "0ca20118400300", "0aa10101", "40", "41"] {
        let refused = client.raw(&hex(question)).unwrap();
        assert_eq!(refused, [Status::UpRequired.byte()], "{question}");
    }
    assert_eq!(desk.borrow().passed, Duration::ZERO);
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[test]
fn a_request_waits_for_the_card_and_goes_on_when_it_comes() {
    let (host, desk) = Host::with_card();
    desk.borrow_mut().take_off();
    plan(&desk, 12, Desk::lay_on);
    host.client().make_credential(&registration(), None).unwrap();
    assert_eq!(desk.borrow().passed, Duration::from_secs(12));
}

#[test]
fn a_request_for_which_no_card_comes_times_out() {
    // HD-77
    let (host, desk) = Host::with_card();
    desk.borrow_mut().take_off();
    let refused = host.client().make_credential(&registration(), None).unwrap_err();
    assert_eq!(refused.status(), Some(Status::UserActionTimeout));
    assert_eq!(desk.borrow().passed, CARD_WAIT);
}

#[test]
fn a_client_takes_its_request_back_while_the_bridge_waits_for_a_card() {
    // HD-81
    let (host, desk) = Host::with_card();
    desk.borrow_mut().take_off();
    plan(&desk, 3, |desk| desk.wish.as_ref().unwrap().cancel());
    let refused = host.client().selection().unwrap_err();
    assert_eq!(refused.status(), Some(Status::KeepaliveCancel));
}

#[test]
fn what_was_given_up_is_never_asked_of_a_card_that_comes_later() {
    // HD-37
    let (mut host, desk) = Host::with_card();
    desk.borrow_mut().take_off();
    let mut channel = HidChannel::open(&mut host).unwrap();
    plan(&desk, 1, |desk| {
        desk.wish.as_ref().unwrap().abandon();
        desk.lay_on();
    });
    assert!(channel.exchange(&[0x0B], &mut |_| Patience::Wait).is_err(), "nobody answers it");
    assert!(!desk.borrow().heard.contains(&0x0B));
}

#[test]
fn a_used_up_tap_is_waited_for_anew() {
    // NF-41
    let (host, desk) = Host::with_card();
    let mut client = host.client();
    client.make_credential(&registration(), None).unwrap();
    plan(&desk, 5, Desk::tap);
    client.make_credential(&registration(), None).unwrap();
    assert_eq!(desk.borrow().passed, Duration::from_secs(5));
}

#[test]
fn a_card_that_leaves_in_the_middle_is_not_asked_the_same_again() {
    let (host, desk) = Host::with_card();
    let mut client = host.client();
    desk.borrow_mut().leaves_at = Some(0x01);
    let failed = client.make_credential(&registration(), None).unwrap_err();
    assert_eq!(failed.status(), Some(Status::Other));
    desk.borrow_mut().leaves_at = None;
    plan(&desk, 1, Desk::lay_on);
    client.make_credential(&registration(), None).unwrap();
    assert_eq!(desk.borrow().heard, [0x01, 0x04, 0x01], "and getInfo, of whatever card came");
}

#[test]
fn a_card_that_leaves_while_it_says_what_it_is_is_known_by_heart() {
    let (host, desk) = Host::with_card();
    desk.borrow_mut().leaves_at = Some(0x04);
    assert!(host.client().get_info().unwrap().versions.contains(&"FIDO_2_3".to_owned()));
    assert_eq!(desk.borrow().heard, [0x04], "pcscd notices later that it is gone");
}

const RP: Option<&str> = Some("example.org");

#[test]
fn three_wrong_pins_are_enough_however_often_the_reader_takes_the_power() {
    // CP-26
    let (host, desk) = Host::with_card();
    let mut client = host.client();
    client.set_pin("1234").unwrap();
    let mut guess = |expected| {
        client.exchange_mut().pipe_mut().worker.card = None;
        let refused = client.pin_uv_auth_token("4321", Permissions::GET_ASSERTION, RP);
        assert_eq!(refused.err().and_then(|error| error.status()), Some(expected));
    };
    for _ in 0..3 {
        guess(Status::PinInvalid);
    }
    guess(Status::PinAuthBlocked);
    assert_eq!(client.pin_retries().unwrap().left, 5);
    desk.borrow_mut().tap();
    let token = client.pin_uv_auth_token("1234", Permissions::GET_ASSERTION, RP);
    token.unwrap();
}

#[test]
fn a_walk_goes_on_for_the_channel_that_began_it_alone() {
    // MSG-86: the card knows no channels.
    let (mut host, desk) = Host::with_card();
    let mut client = Client::new(HidChannel::open(&mut host).unwrap());
    client.make_credential(&registration(), None).unwrap();
    desk.borrow_mut().tap();
    assert_eq!(client.raw(&GET_ASSERTION).unwrap()[0], 0x2E, "no passkey");
    desk.borrow_mut().heard.clear();
    let mut other = HidChannel::open(&mut host).unwrap();
    assert_eq!(other.exchange(&[0x08], &mut |_| Patience::Wait).unwrap(), [0x30]);
    assert!(!desk.borrow().heard.contains(&0x08));
}

/// For example.org, with 32 zeros.
const GET_ASSERTION: [u8; 50] = *b"\x02\xA2\x01\x6Bexample.org\x02\x58\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[test]
fn whether_the_card_has_u2f_is_known_while_it_is_away() {
    // UF-10, UF-11
    let desk = Desk::shared();
    desk.borrow_mut().select_as(Version::U2fV2);
    desk.borrow_mut().lay_on();
    let mut host = Host::at(&desk);
    desk.borrow_mut().take_off();
    for version in ["00030000", "0003000000", "00030000000000"] {
        assert_eq!(host.u2f(version), U2F_V2, "{version}");
    }
    for other in ["0003000001ff", "00010300"] {
        assert_eq!(host.u2f(other), CONDITIONS_NOT_SATISFIED, "{other}");
    }
}

#[test]
fn a_card_that_always_verifies_has_u2f_at_other_times() {
    // UF-50
    let with = |answer: [u8; 2]| {
        let desk = Desk::shared();
        desk.borrow_mut().to_u2f = Some(answer);
        desk.borrow_mut().lay_on();
        !HidChannel::open(Host::at(&desk)).unwrap().capabilities().nmsg
    };
    assert!(with(COMMAND_NOT_ALLOWED));
    for without in [[0x6D, 0x00], [0x6E, 0x00]] {
        assert!(!with(without), "{without:x?}");
    }
}
