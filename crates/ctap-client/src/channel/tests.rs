//! A channel to keys that keep to the rules, and to keys that do not.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use hid_transport::{Device, Event, RequestId, Settings};

use super::*;
use crate::test_support::hex;

/// A key made of hid-transport's own device end; its clock moves only while the host waits.
struct Key {
    device: Device,
    now: Duration,
    behaviour: Behaviour,
    requests: Vec<Vec<u8>>,
    running: Option<RequestId>,
    cancelled: bool,
}

enum Behaviour {
    /// Answers each message with itself, reversed.
    Reverse,
    /// Waits for a touch that never comes; a cancel ends it with 2D.
    WaitForTouch,
}

impl Key {
    fn new(behaviour: Behaviour) -> Self {
        let settings = Settings::default();
        Self {
            device: Device::new(settings),
            now: Duration::ZERO,
            behaviour,
            requests: Vec::new(),
            running: None,
            cancelled: false,
        }
    }
}

impl ReportPipe for Key {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        let answer = match self.device.handle_report(report, self.now) {
            Some(Event::Request { id, message, .. }) => {
                self.requests.push(message.to_vec());
                self.running = Some(id);
                match self.behaviour {
                    Behaviour::Reverse => Some(message.iter().rev().copied().collect()),
                    Behaviour::WaitForTouch => None,
                }
            }
            Some(Event::Cancel { .. }) => {
                self.cancelled = true;
                Some(vec![0x2D])
            }
            _ => return Ok(()),
        };
        let id = self.running.expect("a request came before");
        match answer {
            Some(answer) => self.device.respond(id, &answer, self.now),
            None => self.device.set_waiting_for_user(id, true),
        }
        Ok(())
    }

    fn receive(&mut self, _: Duration) -> io::Result<Option<Report>> {
        loop {
            if let Some(report) = self.device.poll_report(1, self.now) {
                return Ok(Some(report));
            }
            match self.device.poll_timeout() {
                Some(due) => self.now = due,
                None => return Ok(None),
            }
            self.device.handle_timeout(self.now);
        }
    }
}

/// Plays back reports, whatever is sent.
#[derive(Default)]
struct Script {
    incoming: VecDeque<Report>,
    sent: Vec<Report>,
}

impl Script {
    fn of(frames: &[&str]) -> Self {
        Self { incoming: frames.iter().map(|frame| report(frame)).collect(), sent: Vec::new() }
    }
}

impl ReportPipe for Script {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        self.sent.push(*report);
        Ok(())
    }

    fn receive(&mut self, _: Duration) -> io::Result<Option<Report>> {
        Ok(self.incoming.pop_front())
    }
}

fn report(start: &str) -> Report {
    let mut bytes = hex(start);
    bytes.resize(64, 0);
    bytes.try_into().unwrap()
}

const NONCE: Nonce = [1, 2, 3, 4, 5, 6, 7, 8];
const INIT_ANSWER: &str = "ffffffff8600110102030405060708000000010201020305";

#[test]
fn messages_of_every_length_make_the_round_trip() {
    let mut channel = HidChannel::open(Key::new(Behaviour::Reverse)).unwrap();
    for length in [1, 57, 58, 116, 117, 1024, 7609] {
        let message: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let reversed: Vec<u8> = message.iter().rev().copied().collect();
        assert_eq!(channel.exchange(&message, &mut wait).unwrap(), reversed, "{length} bytes");
        assert_eq!(channel.ping(&message).unwrap(), message);
    }
    let refused = channel.exchange(&[0; 7610], &mut wait).unwrap_err();
    assert!(matches!(refused, TransportError::TooLong(fault) if fault.length == 7610));
}

#[test]
fn a_cancel_from_the_keepalive_listener_ends_the_wait_with_2d() {
    let mut channel = HidChannel::open(Key::new(Behaviour::WaitForTouch)).unwrap();
    let mut heard = 0;
    let reply = channel.exchange(&[0x0B], &mut |status| {
        assert_eq!(status, KeepaliveStatus::UpNeeded);
        heard += 1;
        if heard < 5 { Patience::Wait } else { Patience::Cancel }
    });
    assert_eq!(reply.unwrap(), [0x2D]);
    assert!(channel.pipe_mut().cancelled);
    assert_eq!(heard, 5);
}

#[test]
fn the_handshake_is_that_of_v_13_and_other_peoples_answers_are_skipped() {
    let foreign = INIT_ANSWER.replacen("0102030405060708", "0000000000000000", 1);
    let mut channel = HidChannel::open_with(Script::of(&[&foreign, INIT_ANSWER]), NONCE).unwrap();
    assert_eq!(channel.version(), [1, 2, 3]);
    assert!(
        channel.capabilities().wink && channel.capabilities().cbor && !channel.capabilities().nmsg
    );
    assert_eq!(channel.pipe_mut().sent, [report("ffffffff8600080102030405060708")]);
}

#[test]
fn a_key_that_says_nothing_is_told_apart() {
    let silent = HidChannel::open_with(Script::default(), NONCE);
    assert!(matches!(silent, Err(TransportError::Silent)));
}

#[test]
fn a_busy_key_is_asked_again() {
    let script = Script::of(&[INIT_ANSWER, "00000001bf000106"]);
    let mut channel = HidChannel::open_with(script, NONCE).unwrap();
    let error = channel.wink().unwrap_err();
    assert!(
        matches!(error, TransportError::Silent),
        "the second attempt met the end of the script"
    );
    let winks =
        channel.pipe_mut().sent.iter().filter(|sent| **sent == report("00000001880000")).count();
    assert_eq!(winks, 2);
}

/// A scripted key that is silent during each pause, so that every answer meets an attempt.
struct Paused(Script, bool);

impl Paused {
    fn channel(answers: &[&str]) -> HidChannel<Self> {
        let frames = [&[INIT_ANSWER], answers].concat();
        HidChannel::open_with(Self(Script::of(&frames), false), NONCE).unwrap()
    }
}

impl ReportPipe for Paused {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        self.1 = true;
        self.0.send(report)
    }
    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>> {
        if core::mem::take(&mut self.1) { self.0.receive(timeout) } else { Ok(None) }
    }
}

// MSG-65
#[test]
fn a_message_that_was_sent_too_slowly_or_lost_a_part_is_sent_again_three_times() {
    let (late, lost, done) = ("00000001bf000105", "00000001bf000104", "00000001880000");
    let mut channel = Paused::channel(&[late, lost, late, done]);
    channel.wink().unwrap();
    for (answer, code) in [(late, ErrorCode::MsgTimeout), (lost, ErrorCode::InvalidSeq)] {
        let mut channel = Paused::channel(&[answer; 5]);
        let error = channel.wink().unwrap_err();
        assert!(matches!(error, TransportError::Refused(told) if told == code));
        assert_eq!(channel.pipe_mut().0.incoming.len(), 1, "four attempts");
    }
}

#[test]
fn a_key_that_stays_busy_is_given_up() {
    let busy = ["00000001bf000106"; BUSY_RETRIES as usize + 1];
    let mut channel = Paused::channel(&busy);
    let error = channel.wink().unwrap_err();
    assert!(matches!(error, TransportError::Refused(ErrorCode::ChannelBusy)));
    assert!(channel.pipe_mut().0.incoming.is_empty());
}

fn overdue() -> Silence {
    Silence { since: Instant::now().checked_sub(MAX_SILENCE).unwrap(), overdue: 0 }
}

#[test]
fn what_came_while_the_host_stood_still_is_taken_before_the_key_is_given_up() {
    let mut pipe = Script::of(&[INIT_ANSWER]);
    let mut silence = overdue();
    assert_eq!(receive(&mut pipe, &mut silence).unwrap(), report(INIT_ANSWER));
    assert!(matches!(receive(&mut pipe, &mut silence), Err(TransportError::Silent)));
}

#[test]
fn a_key_that_never_stops_and_never_answers_is_given_up() {
    let mut pipe = Script::of(&[INIT_ANSWER; OVERDUE_REPORTS as usize + 1]);
    let mut silence = overdue();
    for _ in 0..OVERDUE_REPORTS {
        receive(&mut pipe, &mut silence).unwrap();
    }
    assert!(matches!(receive(&mut pipe, &mut silence), Err(TransportError::Silent)));
}

#[test]
fn after_a_failure_the_channel_is_resynchronised_before_its_next_use() {
    let mut channel = HidChannel::open_with(Script::of(&[INIT_ANSWER]), NONCE).unwrap();
    assert!(matches!(channel.wink(), Err(TransportError::Silent)));
    assert!(matches!(channel.wink(), Err(TransportError::Silent)));
    let last = channel.pipe_mut().sent.last().unwrap();
    assert_eq!(last[..7], hex("00000001860008"));
}

#[test]
fn an_answer_to_another_command_is_a_fault_of_the_key() {
    let mut channel =
        HidChannel::open_with(Script::of(&[INIT_ANSWER, "0000000190000100"]), NONCE).unwrap();
    assert!(matches!(channel.wink(), Err(TransportError::WrongCommand)));
}

#[test]
fn a_key_without_u2f_is_not_sent_an_apdu() {
    let without = INIT_ANSWER.replacen("01020305", "0102030c", 1);
    let mut channel = HidChannel::open_with(Script::of(&[&without]), NONCE).unwrap();
    assert!(matches!(channel.exchange_u2f(&[0]), Err(TransportError::NoU2f)));
    assert_eq!(channel.pipe_mut().sent.len(), 1);
}
