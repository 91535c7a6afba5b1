//! A key, everything that can happen to it, and what must hold after each step.

use std::sync::Arc;
use std::time::Duration;

use ctap_client::cbor;
use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::attestation::{Attestation, AttestationKey};
use ctap_core::config::FingerprintSensor;
use ctap_core::consent::SampleFault;
use ctap_core::limits::{MAX_PIN_RETRIES, MIN_MESSAGE};
use ctap_core::secret::SecretBytes;
use ctap_core::{
    Authenticator, Channel, CheckedConfig, Config, Decision, Platform, PromptId, Response, Store,
    Transport,
};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::memory::Memory;

/// One thing that happens. As bytes: a tag of three bits, a parameter of five, and what the tag needs.
#[derive(Clone, Debug)]
pub enum Step {
    /// A CTAP2 message on one of two channels.
    Cbor(u8, Vec<u8>),
    /// A U2F message.
    U2f(u8, Vec<u8>),
    /// Somebody decides what is asked now, or was asked last.
    Decide(Decision),
    /// CTAPHID_CANCEL.
    Cancel(u8),
    /// The client is gone.
    Abandon,
    /// So many milliseconds pass.
    Wait(u64),
    /// Unplugged and plugged in again, over this transport.
    PowerCycle(Transport),
    /// Laid on a contactless reader, which gives it power.
    Tap,
}

impl Step {
    /// Reads a step from the front; `None` at the end.
    pub fn read(bytes: &mut &[u8]) -> Option<Self> {
        let first = take(bytes, 1)?[0];
        let parameter = first >> 3;
        Some(match first & 7 {
            0 | 1 => Self::Cbor(parameter & 1, message(bytes)?),
            2 => Self::U2f(parameter & 1, message(bytes)?),
            3 => Self::Decide(decision(parameter)),
            4 => Self::Cancel(parameter & 1),
            5 => Self::Wait(number(bytes)?.into()),
            6 => Self::Wait(u64::from(number(bytes)?) * 100),
            _ => match parameter {
                0..8 => Self::PowerCycle(Transport::Usb),
                8..12 => Self::Tap,
                12..16 => Self::PowerCycle(Transport::Nfc),
                _ => Self::Abandon,
            },
        })
    }

    /// Writes what [`read`](Self::read) reads as this step; times of a minute and more are cut to tenths of a second.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut message = |tag: u8, channel: u8, message: &[u8]| {
            out.push(tag | channel << 3);
            out.extend(u16::try_from(message.len()).expect("at most 7609 bytes").to_le_bytes());
            out.extend(message);
        };
        match self {
            Self::Cbor(channel, bytes) => message(0, *channel, bytes),
            Self::U2f(channel, bytes) => message(2, *channel, bytes),
            Self::Decide(wanted) => {
                let parameter = (0..32).find(|parameter| decision(*parameter) == *wanted);
                out.push(3 | parameter.expect("one of these") << 3);
            }
            Self::Cancel(channel) => out.push(4 | channel << 3),
            Self::Wait(millis) => match u16::try_from(*millis) {
                Ok(millis) => out.extend([&[5][..], &millis.to_le_bytes()].concat()),
                Err(_) => {
                    let tenths = u16::try_from(millis / 100).unwrap_or(u16::MAX);
                    out.extend([&[6][..], &tenths.to_le_bytes()].concat());
                }
            },
            Self::PowerCycle(Transport::Nfc) => out.push(7 | 12 << 3),
            Self::PowerCycle(_) => out.push(7),
            Self::Tap => out.push(7 | 8 << 3),
            Self::Abandon => out.push(7 | 16 << 3),
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn number(bytes: &mut &[u8]) -> Option<u16> {
    Some(u16::from_le_bytes(take(bytes, 2)?.try_into().ok()?))
}

/// What is there, if it is shorter than announced.
fn message(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::from(number(bytes)?).min(bytes.len());
    take(bytes, length).map(<[u8]>::to_vec)
}

fn decision(parameter: u8) -> Decision {
    match parameter {
        0..8 => Decision::Approve,
        8 => Decision::Deny,
        9 => Decision::BadSample(SampleFault::TooFast),
        10 => Decision::BadSample(SampleFault::MergeFailure),
        11 => Decision::BadSample(SampleFault::NoUserActivity),
        finger => Decision::Finger(finger - 11),
    }
}

/// A key under test.
pub struct Key {
    authenticator: Authenticator,
    store: Store,
    rng: ChaCha8Rng,
    now: Duration,
    /// The request that has no answer yet: whose, and its first byte.
    waiting: Option<(Channel, Request)>,
    /// The last prompt that was opened, or asked for again.
    prompt: Option<PromptId>,
    /// The prompts that were answered.
    answered: Vec<PromptId>,
    /// A reader has given it power, and no passkey was made since.
    is_tapped: bool,
    max_message: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Cbor(Option<u8>),
    U2f,
}

impl Key {
    /// A key that is made as the bits of `variant` say, with the same secrets each time.
    pub fn new(variant: u8) -> Self {
        let mut rng = ChaCha8Rng::from_seed([7; 32]);
        let mut store = Store::in_memory(&mut rng);
        let now = Duration::from_millis(1000);
        let config = config(variant);
        let max_message = config.max_msg_size;
        let mut platform = Platform { store: &mut store, rng: &mut rng, now };
        let authenticator = Authenticator::new(config, Transport::Usb, &mut platform);
        Self {
            authenticator,
            store,
            rng,
            now,
            waiting: None,
            prompt: None,
            answered: Vec::new(),
            is_tapped: false,
            max_message,
        }
    }

    /// Plays an input: the variant, then steps.
    pub fn play(input: &[u8]) {
        let Some((variant, mut steps)) = input.split_first() else { return };
        let mut key = Self::new(*variant);
        while let Some(step) = Step::read(&mut steps) {
            key.step(&step);
        }
    }

    /// Does one thing; the response, if it brings one.
    ///
    /// # Panics
    /// When a rule is broken.
    pub fn step(&mut self, step: &Step) -> Option<Vec<u8>> {
        let before = Memory::of(self.store.state());
        let asked = self.waiting;
        let response = self.happen(step);
        let after = Memory::of(self.store.state());
        assert!(after.sign_count_ceiling >= before.sign_count_ceiling, "P-13");
        match (&response, asked.map(|(_, request)| request).or_else(|| request_of(step))) {
            (Some(response), Some(request)) => {
                self.judge(&response.message, request);
                assert_change_is_earned(&before, &after, &response.message, request);
            }
            (Some(response), None) => panic!("nobody waits for {response:?}"),
            (None, _) => assert!(after.is_paid_up(&before), "P-6: {before:?} {after:?}"),
        }
        if after.credentials.len() > before.credentials.len() {
            let touched = matches!(step, Step::Decide(Decision::Approve | Decision::Finger(_)));
            let tapped = std::mem::take(&mut self.is_tapped); // NF-41
            assert!(touched || tapped, "P-6: a credential that nobody agreed to");
        }
        response.map(|response| response.message)
    }

    fn happen(&mut self, step: &Step) -> Option<Response> {
        match step {
            Step::Cbor(channel, message) => {
                self.request(*channel, Request::Cbor(message.first().copied()), message)
            }
            Step::U2f(channel, apdu) => self.request(*channel, Request::U2f, apdu),
            Step::Decide(decision) => self.decide(*decision),
            Step::Cancel(channel) => {
                let response = self.authenticator.cancel(Channel((*channel).into()));
                self.answered(response)
            }
            Step::Abandon => {
                self.authenticator.abandon();
                self.waiting = None;
                None
            }
            Step::Wait(millis) => self.wait(Duration::from_millis(*millis)),
            Step::Tap => {
                self.authenticator.tap(self.now);
                self.power_cycle(Transport::Nfc);
                None
            }
            Step::PowerCycle(transport) => {
                self.power_cycle(*transport);
                None
            }
        }
    }

    fn power_cycle(&mut self, transport: Transport) {
        let Self { authenticator, store, rng, now, .. } = self;
        authenticator.power_cycle(transport, &mut Platform { store, rng, now: *now });
        self.waiting = None;
        self.is_tapped = transport == Transport::Nfc;
    }

    /// While another request waits, a new one is refused, and the one that waits is not disturbed.
    fn request(&mut self, channel: u8, request: Request, message: &[u8]) -> Option<Response> {
        let channel = Channel(channel.into());
        let Self { authenticator, store, rng, now, .. } = self;
        let mut platform = Platform { store, rng, now: *now };
        let step = match request {
            Request::Cbor(_) => authenticator.handle(channel, message, &mut platform),
            Request::U2f => authenticator.handle_u2f(channel, message, &mut platform),
        };
        if self.waiting.is_some() {
            let ctap_core::Step::Reply(refusal) = step else { panic!("two requests at once") };
            assert_eq!(refusal.channel, channel);
            assert!([&[0x06][..], &[0x69, 0x85]].contains(&&refusal.message[..]), "{refusal:?}");
            return None;
        }
        self.waiting = Some((channel, request));
        self.proceed(step)
    }

    fn proceed(&mut self, step: ctap_core::Step) -> Option<Response> {
        match step {
            ctap_core::Step::Reply(response) => self.answered(Some(response)),
            ctap_core::Step::Wait(prompt, _) => {
                self.prompt = Some(prompt);
                None
            }
            ctap_core::Step::Kept => None,
        }
    }

    fn answered(&mut self, response: Option<Response>) -> Option<Response> {
        let response = response?;
        let asked = self.waiting.take().map(|(channel, _)| channel);
        assert_eq!(asked, Some(response.channel), "an answer goes to who asked");
        Some(response)
    }

    /// P-7: a prompt is answered once, and nobody else's.
    fn decide(&mut self, decision: Decision) -> Option<Response> {
        let prompt = self.prompt?;
        let Self { authenticator, store, rng, now, .. } = self;
        let step = authenticator.answer(prompt, decision, &mut Platform { store, rng, now: *now });
        let step = step?;
        assert!(!self.answered.contains(&prompt), "P-7: a late click");
        self.answered.push(prompt);
        self.proceed(step)
    }

    /// Time passes from deadline to deadline; at most one request waits, so there is at most one answer.
    fn wait(&mut self, time: Duration) -> Option<Response> {
        let end = self.now.saturating_add(time);
        let mut response = None;
        while let Some(due) = self.authenticator.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let late = self.authenticator.handle_timeout(self.now);
            assert!(
                self.authenticator.poll_timeout().is_none_or(|next| next > due),
                "a timer stays"
            );
            response = response.or(self.answered(late));
        }
        self.now = end;
        response
    }

    fn judge(&self, message: &[u8], request: Request) {
        match request {
            Request::Cbor(_) => judge_response(message, self.max_message),
            Request::U2f => judge_u2f(message),
        }
    }
}

fn request_of(step: &Step) -> Option<Request> {
    match step {
        Step::Cbor(_, message) => Some(Request::Cbor(message.first().copied())),
        Step::U2f(..) => Some(Request::U2f),
        _ => None,
    }
}

/// MSG-02, MSG-30 to MSG-34, MSG-60: a status alone, or success and canonical CBOR, no longer than announced.
fn judge_response(message: &[u8], max_message: usize) {
    assert!(message.len() <= max_message, "MSG-60: {} bytes", message.len());
    match message {
        [] => panic!("MSG-02: no status"),
        [_] => {}
        [0x00, body @ ..] => {
            let value = cbor::decode(body).expect("MSG-35: well-formed");
            cbor::check_canonical(body, &value).expect("MSG-30: canonical");
        }
        [status, ..] => panic!("MSG-02: more than a status: {status:02x}"),
    }
}

/// UF-02: data and status word; an error is its status word alone.
fn judge_u2f(message: &[u8]) {
    let (data, word) = message.split_last_chunk::<2>().expect("a status word");
    assert!(data.is_empty() || *word == [0x90, 0x00], "{word:02x?} with data");
}

/// CP-28, MSG-02: retries grow by a right PIN or a reset only, and what is refused changes nothing.
fn assert_change_is_earned(before: &Memory, after: &Memory, message: &[u8], request: Request) {
    let succeeded = message.first() == Some(&0);
    if after.pin_retries > before.pin_retries {
        assert!(matches!(request, Request::Cbor(Some(0x06 | 0x07))) && succeeded, "retries grow");
        assert_eq!(after.pin_retries, MAX_PIN_RETRIES, "CP-28");
    }
    if let Request::Cbor(_) = request
        && !succeeded
    {
        assert!(after.is_paid_up(before), "a refusal changed something: {before:?} {after:?}");
    }
}

fn config(variant: u8) -> CheckedConfig {
    let bit = |n: u8| variant >> n & 1 == 1;
    let mut config = Config::default();
    config.fingerprints = bit(0).then(FingerprintSensor::default);
    if bit(1) {
        config.attestation_key = Some(Arc::new(attestation_key()));
        config.attestation = Attestation::Basic;
        config.u2f = true;
    }
    if bit(2) {
        config.max_msg_size = MIN_MESSAGE;
        config.capacity = 2;
    }
    if bit(3) {
        config.large_blobs = None;
        config.extensions.large_blob = Some(if bit(2) { 64 } else { 1024 });
        config.authenticator_config.always_uv = Some(true);
    }
    config.checked().unwrap_or_default()
}

fn attestation_key() -> AttestationKey {
    let key = PrivateKey { algorithm: Algorithm::Es256, secret: SecretBytes::new(vec![1; 32]) };
    AttestationKey { key, x5c: vec![vec![0x30; 40]] }
}
