//! The whole suite against keyfob's own authenticator as a card, through both ends of apdu-transport.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use apdu_transport::{Card, Event, Kind, RequestId, Settings, Version};
use ctap_client::card::{Alone, Contact};
use ctap_client::{ApduPipe, TransportError};
use ctap_conformance::{
    CardKey, Hand, Operator, Options, Outcome, Report, Suite, TransportFailure, Verdict, run,
};
use ctap_core::config::{ResetGestures, Times};
use ctap_core::{
    Authenticator, Channel, CheckedConfig, Config, Decision, Platform, PromptId, Step, Store, Tap,
    Transport,
};
use getrandom::SysRng;
use rand_core::UnwrapErr;

/// A card on a reader, its authenticator, and a clock that moves while the client waits.
struct Bench {
    card: Card,
    key: Authenticator,
    store: Store,
    now: Duration,
    transport: Transport,
    /// The request that waits for a person.
    waiting: Option<(RequestId, PromptId)>,
    power_ups: u32,
}

/// Both hands of its owner.
struct Owner(Rc<RefCell<Bench>>);

/// The client's side of the reader.
struct Reader(Rc<RefCell<Bench>>, u32);

impl Bench {
    fn new(config: CheckedConfig, transport: Transport, tap: Tap) -> Self {
        let (mut rng, now) = (UnwrapErr(SysRng), Duration::ZERO);
        let mut store = Store::in_memory(&mut rng);
        let mut platform = Platform { store: &mut store, rng: &mut rng, now };
        let mut key = Authenticator::new(config, transport, &mut platform);
        key.set_tap(tap);
        let card = Card::new(Settings { version: Version::Fido20, ..Settings::default() });
        Self { card, key, store, now, transport, waiting: None, power_ups: 0 }
    }

    fn with_key<T>(&mut self, act: impl FnOnce(&mut Authenticator, &mut Platform<'_>) -> T) -> T {
        let mut rng = UnwrapErr(SysRng);
        let mut platform = Platform { store: &mut self.store, rng: &mut rng, now: self.now };
        act(&mut self.key, &mut platform)
    }

    fn transmit(&mut self, apdu: &[u8]) -> Vec<u8> {
        let request = match self.card.handle_apdu(apdu, self.now) {
            Some(Event::Request { id, kind, message, .. }) => Some((id, kind, message.to_vec())),
            Some(Event::Cancel { id }) => {
                let step = self.with_key(|key, _| key.cancel(Channel(1)));
                self.go_on(id, step.map(Step::Reply));
                None
            }
            Some(Event::Abandon { .. } | Event::End) => {
                self.with_key(|key, _| drop(key.cancel(Channel(1))));
                self.waiting = None;
                None
            }
            None => None,
        };
        if let Some((id, kind, message)) = request {
            let step = self.with_key(|key, platform| match kind {
                Kind::Ctap => key.handle(Channel(1), &message, platform),
                Kind::U2f => key.handle_u2f(Channel(1), &message, platform),
            });
            self.go_on(id, Some(step));
        }
        loop {
            if let Some(response) = self.card.poll_response() {
                return response;
            }
            self.pass_to(self.card.poll_timeout().expect("a response is due"));
        }
    }

    fn go_on(&mut self, id: RequestId, step: Option<Step>) {
        match step {
            Some(Step::Reply(response)) => {
                self.waiting = None;
                self.card.respond(id, &response.message);
            }
            Some(Step::Wait(prompt, _)) => {
                self.waiting = Some((id, prompt));
                self.card.set_waiting_for_user(id, true);
            }
            Some(Step::Kept) | None => {}
        }
    }

    fn answer(&mut self, decision: Decision) {
        let Some((id, prompt)) = self.waiting else { return };
        let step = self.with_key(|key, platform| key.answer(prompt, decision, platform));
        self.go_on(id, step);
    }

    fn pass_to(&mut self, time: Duration) {
        self.now = self.now.max(time);
        if let Some(response) = self.key.handle_timeout(self.now)
            && let Some((id, _)) = self.waiting.take()
        {
            self.card.respond(id, &response.message);
        }
        self.card.handle_timeout(self.now);
    }
}

impl Operator for Owner {
    type Pipe = Reader;

    fn open(&mut self) -> Result<Reader, TransportError> {
        let power_ups = self.0.borrow().power_ups;
        Ok(Reader(Rc::clone(&self.0), power_ups))
    }

    fn act(&mut self, hand: Hand) -> Result<(), TransportFailure> {
        let decision = match hand {
            Hand::Touch => Decision::Finger(1),
            Hand::Finger(finger) => Decision::Finger(finger),
            Hand::Refuse => Decision::Deny,
            Hand::Nothing | Hand::Cancel => return Ok(()),
            Hand::BadSample(_) => return Err(TransportFailure::Unable("no sensor".to_owned())),
        };
        self.0.borrow_mut().answer(decision);
        Ok(())
    }

    fn power_cycle(&mut self) -> Result<(), TransportFailure> {
        let bench = &mut *self.0.borrow_mut();
        bench.card.reset();
        bench.waiting = None;
        bench.power_ups += 1;
        let transport = bench.transport;
        bench.with_key(|key, platform| key.power_cycle(transport, platform));
        Ok(())
    }

    fn tap(&mut self) -> Result<(), TransportFailure> {
        self.0.borrow_mut().with_key(|key, platform| key.tap(platform.now));
        self.power_cycle()
    }

    fn pass_time(&mut self, time: Duration) -> Result<(), TransportFailure> {
        let bench = &mut *self.0.borrow_mut();
        bench.pass_to(bench.now.saturating_add(time));
        Ok(())
    }

    fn is_simulated(&self) -> bool {
        true
    }
}

impl ApduPipe for Reader {
    fn alone(&mut self, request: &mut Alone<'_>) -> Result<Vec<u8>, TransportError> {
        let power_ups = self.0.borrow().power_ups;
        let contact = if power_ups == self.1 { Contact::Kept } else { Contact::Anew };
        self.1 = power_ups;
        request(&mut |apdu: &[u8]| Ok(self.0.borrow_mut().transmit(apdu)), contact)
    }
}

fn report(transport: Transport, tap: Tap, words: &[&str]) -> Report {
    report_on(Bench::new(CheckedConfig::default(), transport, tap), words)
}

fn report_on(bench: Bench, words: &[&str]) -> Report {
    let suite = Suite::built_in();
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let options = Options { may_erase: true, ..Options::default() };
    let mut key = CardKey::new(Owner(Rc::new(RefCell::new(bench))));
    run(&mut key, &suite.filtered(&words), &options, |_| {}).expect("a card that can be talked to")
}

#[test]
fn a_key_in_a_reader_with_contacts_conforms_in_all_that_a_card_can_show() {
    // NF-44: it asks for touches.
    let words =
        ["nfc", "sl-touched", "sl-refused", "sl-cancelled", "sl-each-time", "sl-touch-is-spent"];
    let report = report(Transport::SmartCard, Tap::Agrees, &words);
    report.assert_conforms();
    let skipped = |outcome: &&Outcome| matches!(outcome.verdict, Verdict::Skipped { .. });
    let nfc = report.outcomes.iter().filter(|outcome| outcome.chapter == "nfc");
    let skipped: Vec<&str> = nfc.filter(skipped).map(|outcome| &*outcome.id).collect();
    let about_u2f = [
        "nf-select-with-u2f",
        "nf-select-u2f-alone",
        "nf-u2f[apdu=h\"0003000000\"]",
        "nf-u2f[apdu=h\"00030000000000\"]",
    ];
    assert_eq!(skipped, about_u2f, "this authenticator has no U2F");
}

#[test]
fn a_key_on_a_contactless_reader_conforms_and_cases_about_touches_are_left_out() {
    // NF-40
    let report = report(Transport::Nfc, Tap::AgreesToAll, &BUSY);
    report.assert_conforms();
}

#[test]
fn a_key_that_wants_a_tap_for_each_request_gets_it_where_that_takes_nothing_from_the_case() {
    // NF-41, RS-17
    let report = report(Transport::Nfc, Tap::Agrees, &BUSY);
    report.assert_conforms();
    let is_untapped = |outcome: &&Outcome| match &outcome.verdict {
        Verdict::Skipped { reason } => reason.contains("tap is used up"),
        _ => false,
    };
    let untapped: Vec<_> = report.outcomes.iter().filter(is_untapped).map(|one| &*one.id).collect();
    assert!(untapped.contains(&"cp-token-get-assertion[protocol=2]"), "it holds a token");
    let (passed, ..) = report.counts();
    assert!(untapped.len() < passed / 8, "{passed} passed; without: {untapped:#?}");
}

#[test]
fn a_key_that_wants_two_taps_for_a_reset_gets_them() {
    // RS-19
    let reset_gestures = ResetGestures { tap: Times::Twice, ..ResetGestures::default() };
    let config = Config { reset_gestures, ..Config::default() }.checked().expect("it can be had");
    let report = report_on(Bench::new(config, Transport::Nfc, Tap::Agrees), &["rs-"]);
    report.assert_conforms();
    assert!(report.counts().0 > 20, "{:?}", report.counts());
}

#[test]
fn a_key_that_takes_a_reset_over_another_transport_alone_is_tested_as_far_as_it_goes() {
    // GI-35, RS-02
    let config = Config {
        transports: vec![Transport::Usb, Transport::Nfc],
        transports_for_reset: Some(vec![Transport::Usb]),
        ..Config::default()
    };
    let config = config.checked().expect("it can be had");
    let bench = Bench::new(config, Transport::Nfc, Tap::AgreesToAll);
    let report = report_on(bench, &["get_info", "make_credential_request", "reset"]);
    report.assert_conforms();
    let (passed, ..) = report.counts();
    let is_empty_first = |outcome: &&Outcome| match &outcome.verdict {
        Verdict::Skipped { reason } => {
            reason == "the key takes a reset over usb alone (transportsForReset)"
        }
        _ => false,
    };
    let skipped = report.outcomes.iter().filter(is_empty_first).count();
    assert!(passed > 50 && skipped > 20, "{passed} passed, {skipped} skipped for want of a reset");
}

/// Chapters in which most is asked of a person.
const BUSY: [&str; 5] = ["nfc", "make_credential", "get_assertion", "client_pin_tokens", "reset"];
