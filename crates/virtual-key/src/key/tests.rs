//! The whole key in simulated time, with the host's end of CTAPHID as its client.

mod card;
mod faults;
mod left;
mod metered;
mod thread;

use std::sync::Arc;
use std::time::Duration;

use ctap_core::config::{AAGUID, ResetGestures, Times};
use ctap_core::consent::Action;
use ctap_core::{CheckedConfig, Config, Decision, PromptId, Store, Transport};
use hid_transport::host::{Handshake, HostChannel, Reply, fragment};
use hid_transport::{ChannelId, Command, ErrorCode, KeepaliveStatus, Report};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::{Key, Parts, Touch};
use crate::attestation::AttestationKind;
use crate::attestation::tests::identity_of;
use crate::bell::{Bell, Listener};

const GET_INFO: u8 = 0x04;
const RESET: u8 = 0x07;
const SELECTION: u8 = 0x0B;
const OK: u8 = 0x00;
const OPERATION_DENIED: u8 = 0x27;
const KEEPALIVE_CANCEL: u8 = 0x2D;
const USER_ACTION_TIMEOUT: u8 = 0x2F;
const NOT_ALLOWED: u8 = 0x30;
const UP_REQUIRED: u8 = 0x3B;

/// A key and a host, with a clock that stands still unless it is moved.
struct Bench {
    key: Key,
    now: Duration,
    bell: Listener,
}

/// What a client hears, kept.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    UpNeeded,
    Processing,
    Answer(Vec<u8>),
    Error(ErrorCode),
}

impl Bench {
    fn new(touch: Touch) -> Self {
        Self::made(CheckedConfig::default(), touch)
    }

    fn with_u2f() -> Self {
        Self::made(Self::config_with_u2f().checked().expect("a key that can be"), Touch::Ask)
    }

    fn config_with_u2f() -> Config {
        let model = identity_of(AttestationKind::Model { aaguid: AAGUID });
        let key = Arc::new(model.attestation_key().expect("it can be encoded"));
        Config { u2f: true, attestation_key: Some(key), ..Config::default() }
    }

    fn made(config: CheckedConfig, touch: Touch) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let store = Store::in_memory(&mut rng);
        let bell = Bell::new();
        let listener = bell.listen();
        let now = Duration::ZERO;
        let parts = Parts { store, rng: Box::new(rng), touch, bell };
        let mut key = Key::new(config, parts, now);
        key.plug_in(Transport::Usb, now);
        Self { key, now, bell: listener }
    }

    fn connect(&mut self) -> HostChannel {
        let mut handshake = Handshake::new(*b"nonsense");
        self.send(&handshake.request());
        let report = self.key.poll_report(1, self.now).expect("INIT is answered at once");
        let answer = handshake.receive(&report).expect("not refused").expect("whole");
        HostChannel::new(answer.channel)
    }

    fn send(&mut self, report: &Report) {
        self.key.handle_report(report, self.now);
    }

    fn request(&mut self, channel: ChannelId, command: Command, message: &[u8]) {
        for report in fragment(channel, command, message).expect("short enough") {
            self.send(&report);
        }
    }

    /// Sends a CTAP command without parameters, and returns what comes back at once.
    fn call(&mut self, channel: &mut HostChannel, command: u8) -> Vec<Heard> {
        self.request(channel.channel(), Command::Cbor, &[command]);
        self.hear(channel)
    }

    /// Everything there is to read now.
    fn hear(&mut self, channel: &mut HostChannel) -> Vec<Heard> {
        let reports = std::iter::from_fn(|| self.key.poll_report(1, self.now));
        reports.filter_map(|report| hear(channel, &report)).collect()
    }

    /// Lets time pass, from deadline to deadline as a driver does.
    fn pass(&mut self, channel: &mut HostChannel, time: Duration) -> Vec<Heard> {
        let end = self.now.saturating_add(time);
        let mut heard = Vec::new();
        while let Some(deadline) = self.key.poll_timeout().filter(|deadline| *deadline <= end) {
            assert!(deadline >= self.now, "a deadline that has passed");
            self.now = deadline;
            self.key.handle_timeout(deadline);
            heard.extend(self.hear(channel));
        }
        self.now = end;
        heard
    }

    fn prompt(&self) -> Option<PromptId> {
        self.key.prompt().map(|(prompt, ..)| prompt)
    }

    fn answer(&mut self, prompt: PromptId, decision: Decision) -> bool {
        self.key.answer(prompt, decision, self.now).try_recv() == Ok(true)
    }

    fn has_rung(&mut self) -> bool {
        let has_rung = self.bell.has_changed().expect("the key has the bell");
        self.bell.mark_unchanged();
        has_rung
    }
}

fn hear(channel: &mut HostChannel, report: &Report) -> Option<Heard> {
    Some(match channel.receive(report).expect("the key keeps to the rules")? {
        Reply::Keepalive(KeepaliveStatus::UpNeeded) => Heard::UpNeeded,
        Reply::Keepalive(KeepaliveStatus::Processing) => Heard::Processing,
        Reply::Message { message, .. } => Heard::Answer(message.to_vec()),
        Reply::Error(code) => Heard::Error(code),
    })
}

fn status(status: u8) -> Heard {
    Heard::Answer(vec![status])
}

// NF-40, MC-37, SL-06
#[test]
fn on_a_reader_the_tap_answers_as_it_is_decided_what_becomes_of_questions() {
    for (touch, fresh, old) in [
        (Touch::Ask, OK, UP_REQUIRED),
        (Touch::Auto, OK, OK),
        (Touch::Deny, OPERATION_DENIED, OPERATION_DENIED),
    ] {
        let mut bench = Bench::new(touch);
        bench.key.plug_in(Transport::Nfc, bench.now);
        let mut channel = bench.connect();
        assert_eq!(bench.call(&mut channel, SELECTION), [status(fresh)], "{touch:?}");
        bench.pass(&mut channel, Duration::from_secs(120));
        assert_eq!(bench.call(&mut channel, SELECTION), [status(old)], "{touch:?}");
        assert_eq!(bench.prompt(), None);
    }
}

// RS-19, NF-43
#[test]
fn a_key_on_a_reader_is_erased_after_a_tap_and_not_after_power_alone() {
    let mut bench = Bench::new(Touch::Ask);
    bench.key.plug_in(Transport::Nfc, bench.now);
    let mut channel = bench.connect();
    assert_eq!(bench.call(&mut channel, RESET), [status(NOT_ALLOWED)]);
    bench.key.tap(bench.now);
    bench.key.unplug(bench.now);
    bench.key.plug_in(Transport::Nfc, bench.now);
    let mut channel = bench.connect();
    assert_eq!(bench.call(&mut channel, RESET), [status(OK)]);
}

// RS-06, RS-07
#[test]
fn of_two_touches_each_has_a_prompt_and_no_click_counts_twice() {
    let reset_gestures = ResetGestures { touch: Times::Twice, ..ResetGestures::default() };
    let config = Config { reset_gestures, ..Config::default() };
    let mut bench = Bench::made(config.checked().expect("a key that can be"), Touch::Ask);
    let mut channel = bench.connect();
    assert_eq!(bench.call(&mut channel, RESET), [Heard::UpNeeded]);
    let first = bench.prompt().expect("it waits");
    assert!(bench.answer(first, Decision::Approve));
    assert!(!bench.answer(first, Decision::Approve));
    let second = bench.prompt().expect("it waits again");
    assert_ne!(first, second);
    bench.hear(&mut channel);
    assert!(bench.answer(second, Decision::Approve));
    assert_eq!(bench.hear(&mut channel).last(), Some(&status(OK)));
}

#[test]
fn a_request_that_needs_nobody_is_answered_at_once() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    let heard = bench.call(&mut channel, GET_INFO);
    assert!(matches!(&heard[..], [Heard::Answer(message)] if message[0] == OK), "{heard:?}");
    assert_eq!(bench.prompt(), None);
}

#[test]
fn a_request_that_needs_a_touch_says_so_and_waits_for_it() {
    // HD-76, SL-05
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    assert_eq!(bench.call(&mut channel, SELECTION), [Heard::UpNeeded]);
    let (prompt, question, deadline) = bench.key.prompt().expect("a prompt");
    assert_eq!((question.action, deadline), (Action::Select, Duration::from_secs(30)));
    let heard = bench.pass(&mut channel, Duration::from_secs(1));
    assert!(heard.len() >= 10, "a keepalive each 100 ms at least (HD-72)");
    assert!(heard.iter().all(|heard| *heard == Heard::UpNeeded));
    assert!(bench.answer(prompt, Decision::Approve));
    assert_eq!(bench.hear(&mut channel), [status(OK)]);
    assert_eq!((bench.prompt(), bench.key.poll_timeout()), (None, None), "and all is quiet");
}

#[test]
fn a_refusal_is_told() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    let prompt = bench.prompt().expect("a prompt");
    assert!(bench.answer(prompt, Decision::Deny));
    assert_eq!(bench.hear(&mut channel), [status(OPERATION_DENIED)]);
}

#[test]
fn a_late_click_cannot_approve_the_next_request() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    let first = bench.prompt().expect("a prompt");
    bench.request(channel.channel(), Command::Cancel, &[]);
    assert_eq!(bench.hear(&mut channel), [status(KEEPALIVE_CANCEL)]);
    assert_eq!(bench.call(&mut channel, SELECTION), [Heard::UpNeeded]);
    let second = bench.prompt().expect("another prompt");
    assert!(!bench.answer(first, Decision::Approve), "the click was for the first");
    assert_eq!(bench.hear(&mut channel), []);
    assert_eq!(bench.prompt(), Some(second), "the second waits on");
    assert!(bench.answer(second, Decision::Approve));
    assert!(!bench.answer(second, Decision::Approve), "and only once");
}

#[test]
fn a_late_click_cannot_approve_the_next_request_of_a_replugged_key() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    let first = bench.prompt().expect("a prompt");
    bench.key.unplug(bench.now);
    bench.key.plug_in(Transport::Usb, bench.now);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    assert!(!bench.answer(first, Decision::Approve));
    assert_ne!(bench.prompt(), Some(first));
}

#[test]
fn an_automatic_approval_shows_that_a_touch_was_needed() {
    let mut bench = Bench::new(Touch::Auto);
    let mut channel = bench.connect();
    assert_eq!(bench.call(&mut channel, SELECTION), [Heard::UpNeeded, status(OK)]);
}

#[test]
fn an_automatic_refusal_does_too() {
    let mut bench = Bench::new(Touch::Deny);
    let mut channel = bench.connect();
    assert_eq!(bench.call(&mut channel, SELECTION), [Heard::UpNeeded, status(OPERATION_DENIED)]);
}

#[test]
fn nobody_who_touches_in_thirty_seconds_is_nobody() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    let prompt = bench.prompt().expect("a prompt");
    let heard = bench.pass(&mut channel, Duration::from_millis(29_999));
    assert!(heard.iter().all(|heard| *heard == Heard::UpNeeded));
    assert_eq!(
        bench.pass(&mut channel, Duration::from_millis(1)).last(),
        Some(&status(USER_ACTION_TIMEOUT))
    );
    assert!(!bench.answer(prompt, Decision::Approve));
}

#[test]
fn another_client_can_neither_cancel_nor_use_a_waiting_key() {
    let mut bench = Bench::new(Touch::Ask);
    let (mut mine, mut theirs) = (bench.connect(), bench.connect());
    bench.call(&mut mine, SELECTION);
    let prompt = bench.prompt();
    bench.request(theirs.channel(), Command::Cancel, &[]);
    let heard = bench.call(&mut theirs, SELECTION);
    assert_eq!(heard, [Heard::Error(ErrorCode::ChannelBusy)]);
    assert_eq!(bench.prompt(), prompt);
}

#[test]
fn a_client_that_starts_its_channel_over_hears_nothing_of_the_old_request() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    let prompt = bench.prompt().expect("a prompt");
    bench.send(&Handshake::resynchronise(channel.channel(), *b"again...").request());
    assert_eq!(bench.prompt(), None);
    assert!(!bench.answer(prompt, Decision::Approve));
    let heard = bench.hear(&mut channel);
    assert!(matches!(&heard[..], [Heard::Answer(message)] if message.len() == 17), "{heard:?}");
}

#[test]
fn unplugging_forgets_prompts_and_channels() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    bench.key.unplug(bench.now);
    assert_eq!(
        (bench.prompt(), bench.key.poll_timeout()),
        (None, None),
        "an unplugged key is still"
    );
    bench.key.plug_in(Transport::Usb, bench.now);
    assert_eq!(bench.hear(&mut channel), []);
    let heard = bench.call(&mut channel, GET_INFO);
    assert_eq!(heard, [Heard::Error(ErrorCode::InvalidChannel)], "HD-44");
}

#[test]
fn the_bell_rings_when_a_prompt_opens_and_when_it_closes() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.call(&mut channel, GET_INFO);
    assert!(!bench.has_rung(), "nobody is asked");
    bench.call(&mut channel, SELECTION);
    assert!(bench.has_rung());
    bench.pass(&mut channel, Duration::from_secs(1));
    assert!(!bench.has_rung(), "keepalives are no news");
    bench.request(channel.channel(), Command::Cancel, &[]);
    assert!(bench.has_rung());
    assert_eq!(bench.hear(&mut channel), [status(KEEPALIVE_CANCEL)]);
    bench.call(&mut channel, SELECTION);
    assert!(bench.has_rung());
    bench.key.unplug(bench.now);
    assert!(bench.has_rung());
}

#[test]
fn what_is_decided_automatically_rings_no_bell() {
    let mut bench = Bench::new(Touch::Auto);
    let mut channel = bench.connect();
    bench.call(&mut channel, SELECTION);
    assert!(!bench.has_rung());
}

#[test]
fn a_wink_is_seen_once() {
    let mut bench = Bench::new(Touch::Ask);
    let channel = bench.connect();
    bench.request(channel.channel(), Command::Wink, &[]);
    assert!(bench.has_rung());
    assert_eq!([bench.key.take_wink(), bench.key.take_wink()], [true, false]);
}

#[test]
fn without_u2f_its_messages_are_an_unknown_command() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.request(channel.channel(), Command::Msg, &[0, 3, 0, 0, 0, 0, 0]);
    assert_eq!(bench.hear(&mut channel), [Heard::Error(ErrorCode::InvalidCmd)], "HD-43");
}

#[test]
fn two_clients_that_poll_over_u2f_register_with_one_touch_each() {
    // UF-34, UF-40
    let mut bench = Bench::with_u2f();
    let (mut mine, mut theirs) = (bench.connect(), bench.connect());
    let poll = |bench: &mut Bench, client: &mut HostChannel, challenge: u8| {
        let apdu = [&[0, 1, 3, 0, 0, 0, 64][..], &[challenge; 32], &[7; 32]].concat();
        bench.request(client.channel(), Command::Msg, &apdu);
        let at_once = bench.hear(client);
        match bench.pass(client, Duration::from_millis(300)).into_iter().chain(at_once).next() {
            Some(Heard::Answer(answer)) => *answer.last_chunk().expect("a status word"),
            other => panic!("{other:?}"),
        }
    };
    let mut shown = Vec::new();
    for _ in 0..4 {
        assert_eq!(poll(&mut bench, &mut mine, 1), [0x69, 0x85]);
        assert_eq!(poll(&mut bench, &mut theirs, 2), [0x69, 0x85]);
        shown.push(bench.prompt());
    }
    shown.dedup();
    assert_eq!(shown.len(), 1, "a prompt keeps its id over the polls");
    let open: Vec<_> = bench.key.prompts().map(|(prompt, ..)| prompt).collect();
    assert_eq!(open.len(), 2);
    for prompt in open {
        assert!(bench.answer(prompt, Decision::Approve));
    }
    bench.call(&mut mine, GET_INFO); // a bystander
    assert_eq!(poll(&mut bench, &mut mine, 1), [0x90, 0x00]);
    assert_eq!(poll(&mut bench, &mut theirs, 2), [0x90, 0x00]);
    assert_eq!(poll(&mut bench, &mut mine, 1), [0x69, 0x85], "a touch is good for once");
}
