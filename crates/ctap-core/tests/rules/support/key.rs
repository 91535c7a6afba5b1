//! A key under test: simulated time, seeded randomness, a person who follows a script.

use std::collections::VecDeque;
use std::time::Duration;

use ctap_core::config::FingerprintSensor;
use ctap_core::state::{Fingerprint, State};
use ctap_core::store::Change;
use ctap_core::{
    Authenticator, Channel, Config, Decision, Platform, Question, Response, Step, Store, Transport,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::body::Body;
use super::request::Request;
use super::store::{Medium, Snapshot, TestMedium, kept};

/// The channel of most requests.
pub(crate) const CHANNEL: Channel = Channel(1);

/// What the person does about one question.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Do(Decision),
    /// Nothing, until the question times out.
    Sleep,
    /// Nothing, and the platform cancels.
    Cancel,
}

pub(crate) struct Key {
    pub(crate) authenticator: Authenticator,
    pub(crate) store: Store,
    pub(crate) medium: TestMedium,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) now: Duration,
    /// What the person does next; when it is over they approve.
    pub(crate) script: VecDeque<Act>,
    /// What the person was asked since [`Key::asked`] was last called.
    questions: Vec<Question>,
}

impl Key {
    pub(crate) fn new(config: Config) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let medium = TestMedium::new();
        let mut store = Store::create(Box::new(medium.clone()), &mut rng).unwrap();
        let now = Duration::ZERO;
        let mut platform = Platform { store: &mut store, rng: &mut rng, now };
        let config = config.checked().expect("a key that can be");
        let authenticator = Authenticator::new(config, Transport::Usb, &mut platform);
        let (script, questions) = (VecDeque::new(), Vec::new());
        Self { authenticator, store, medium, rng, now, script, questions }
    }

    /// The person does this about the next question.
    pub(crate) fn will(&mut self, act: Act) -> &mut Self {
        self.script.push_back(act);
        self
    }

    /// The questions since the last time, each once.
    pub(crate) fn asked(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.questions)
    }

    pub(crate) fn advance(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    pub(crate) fn state(&self) -> &State {
        self.store.state()
    }

    /// Unplugged, and plugged in again.
    pub(crate) fn power_cycle(&mut self) {
        self.power_up(Transport::Usb);
    }

    /// Power comes over this transport.
    pub(crate) fn power_up(&mut self, transport: Transport) {
        self.with_platform(|key, platform| key.power_cycle(transport, platform));
    }

    /// Laid on a contactless reader, which gives it power.
    pub(crate) fn tap(&mut self) {
        self.authenticator.tap(self.now);
        self.power_up(Transport::Nfc);
    }

    /// The process ends and starts again: all that is not in the store is gone.
    pub(crate) fn restart(&mut self, config: Config) {
        let Self { store, rng, now, .. } = self;
        let mut platform = Platform { store, rng, now: *now };
        let config = config.checked().expect("a key that can be");
        self.authenticator = Authenticator::new(config, Transport::Usb, &mut platform);
    }

    pub(crate) fn with_platform<T>(
        &mut self,
        run: impl FnOnce(&mut Authenticator, &mut Platform<'_>) -> T,
    ) -> T {
        let Self { store, rng, now, .. } = self;
        let mut platform = Platform { store, rng, now: *now };
        run(&mut self.authenticator, &mut platform)
    }

    /// One step of a request, without the person.
    pub(crate) fn begin(&mut self, channel: Channel, message: &[u8]) -> Step {
        self.with_platform(|key, platform| key.handle(channel, message, platform))
    }

    /// One step of a U2F request, without the person.
    pub(crate) fn begin_u2f(&mut self, channel: Channel, apdu: &[u8]) -> Step {
        self.with_platform(|key, platform| key.handle_u2f(channel, apdu, platform))
    }

    /// Runs a message to its end, the person following the script. What may not write asks nothing of the medium, whatever the
    /// message is.
    pub(crate) fn call_on(&mut self, channel: Channel, message: &[u8]) -> Vec<u8> {
        let may_write = self.authenticator.may_write(message, &self.store);
        let asked = self.medium.asked();
        let step = self.begin(channel, message);
        let answer = self.finish(channel, step);
        assert!(may_write || self.medium.asked() == asked, "it wrote: {message:02x?}");
        answer
    }

    pub(crate) fn call(&mut self, message: &[u8]) -> Vec<u8> {
        self.call_on(CHANNEL, message)
    }

    pub(crate) fn call_u2f(&mut self, apdu: &[u8]) -> Vec<u8> {
        let step = self.begin_u2f(CHANNEL, apdu);
        self.finish(CHANNEL, step)
    }

    fn finish(&mut self, channel: Channel, mut step: Step) -> Vec<u8> {
        loop {
            let (prompt, question) = match step {
                Step::Reply(Response { channel: to, message }) => {
                    assert_eq!(to, channel);
                    return message;
                }
                Step::Wait(prompt, question) => (prompt, question),
                Step::Kept => return Vec::new(),
            };
            self.questions.push(question);
            let act = self.script.pop_front().unwrap_or(Act::Do(Decision::Approve));
            step = match act {
                Act::Do(decision) => self
                    .with_platform(|key, platform| key.answer(prompt, decision, platform))
                    .expect("the question is open"),
                Act::Sleep => Step::Reply(self.sleep()),
                Act::Cancel => Step::Reply(self.authenticator.cancel(channel).unwrap()),
            };
        }
    }

    /// Time passes until the key tells whoever waits that nobody came.
    pub(crate) fn sleep(&mut self) -> Response {
        loop {
            let due = self.authenticator.poll_timeout().expect("somebody waits");
            self.now = self.now.max(due);
            if let Some(response) = self.authenticator.handle_timeout(self.now) {
                return response;
            }
        }
    }

    /// Runs a request; checks what is true of every answer. A refusal is one byte and changes nothing (MSG-02). The medium
    /// has what the image has, whatever failed (P-12).
    pub(crate) fn send(&mut self, request: &Request) -> Result<Body, u8> {
        self.send_on(CHANNEL, request)
    }

    pub(crate) fn send_on(&mut self, channel: Channel, request: &Request) -> Result<Body, u8> {
        let before = Snapshot::of(self.state());
        let answer = self.call_on(channel, &request.encode());
        assert!(answer.len() <= ctap_core::limits::MAX_MESSAGE, "MSG-61");
        assert_eq!(self.medium.kept(), kept(&self.store.records()), "P-12");
        match answer.split_first().expect("a status") {
            (0, body) => Ok(Body::parse(body)),
            (&status, rest) => {
                assert!(rest.is_empty(), "a refusal is its status alone");
                assert!(is_listed(status), "{status:02x}");
                assert_eq!(Snapshot::of(self.state()), before, "a refusal changes nothing");
                Err(status)
            }
        }
    }

    /// The output of a request that must succeed.
    #[track_caller]
    pub(crate) fn ok(&mut self, request: &Request) -> Body {
        match self.send(request) {
            Ok(body) => body,
            Err(status) => panic!("refused with {status:#04x}"),
        }
    }

    /// The status of a request; 0 for success.
    pub(crate) fn status(&mut self, request: &Request) -> u8 {
        self.send(request).err().unwrap_or(0)
    }

    /// getInfo.
    pub(crate) fn info(&mut self) -> Body {
        self.ok(&Request::new(0x04))
    }

    /// An option of getInfo.
    pub(crate) fn option(&mut self, name: &str) -> Option<bool> {
        self.info().named(4).get(name).map(|value| value.as_bool().unwrap())
    }

    /// From now on writing is a fault.
    pub(crate) fn seal_store(&mut self) {
        self.medium.set(Medium::Sealed);
    }
}

/// Status codes that an authenticator of today may send over USB and NFC (MSG-70, MSG-71).
pub(crate) fn is_listed(status: u8) -> bool {
    matches!(status, 0x00..=0x06 | 0x11 | 0x12 | 0x14 | 0x15 | 0x17..=0x19 | 0x22 | 0x26..=0x28
        | 0x2b..=0x37 | 0x39 | 0x3b..=0x40 | 0x7f)
}

/// Where a key stands before a test.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) always_uv: bool,
    /// The PIN is "1234".
    pub(crate) pin: bool,
    /// Finger 1 is enrolled.
    pub(crate) finger: bool,
    /// makeCredUvNotRqd is offered.
    pub(crate) not_rqd: bool,
    /// A PIN is no good for makeCredential and getAssertion.
    pub(crate) no_mc_ga: bool,
}

impl Setup {
    /// All of them.
    pub(crate) fn every() -> impl Iterator<Item = Self> {
        (0..32_u8).map(|bits| Self {
            always_uv: bits & 1 != 0,
            pin: bits & 2 != 0,
            finger: bits & 4 != 0,
            not_rqd: bits & 8 != 0,
            no_mc_ga: bits & 16 != 0,
        })
    }

    /// "Protected": some form of user verification is configured.
    pub(crate) const fn protected(self) -> bool {
        self.pin || self.finger
    }

    pub(crate) fn config(self) -> Config {
        let mut config = Config {
            fingerprints: Some(FingerprintSensor::default()),
            make_cred_uv_not_rqd: self.not_rqd,
            no_mc_ga_permissions_with_client_pin: self.no_mc_ga,
            ..Config::default()
        };
        config.authenticator_config.always_uv = Some(self.always_uv);
        config
    }

    pub(crate) fn key(self) -> Key {
        let mut key = Key::new(self.config());
        key.bring_to(self);
        key
    }
}

impl Key {
    /// The default key, with changes.
    pub(crate) fn made(edit: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        edit(&mut config);
        Self::new(config)
    }

    /// A default key with PIN "1234".
    pub(crate) fn with_pin() -> Self {
        let mut key = Self::new(Config::default());
        key.set_pin("1234");
        key
    }

    /// A key with a sensor that knows finger 1, and without a PIN.
    pub(crate) fn with_finger() -> Self {
        Setup { finger: true, not_rqd: true, ..Setup::default() }.key()
    }

    /// Sets the PIN and enrols the finger.
    pub(crate) fn bring_to(&mut self, setup: Setup) {
        if setup.pin {
            self.set_pin("1234");
        }
        if setup.finger {
            self.enroll(1);
        }
    }

    /// Finger `number` is enrolled, as if it had always been.
    pub(crate) fn enroll(&mut self, number: u8) {
        let template_id = vec![number; 16];
        let learned = Fingerprint { template_id, friendly_name: None, finger: number };
        self.store.commit(Change::SaveFingerprint(learned)).unwrap();
    }
}
