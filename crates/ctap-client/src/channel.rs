//! CTAP section 11.2: a CTAPHID channel over a pipe of reports, the host's end.

use std::time::Instant;

use getrandom::SysRng;
use hid_transport::host::{Handshake, HandshakeError, HostChannel, Reply, fragment};
use hid_transport::{Capabilities, Command, ErrorCode, InitAnswer, Nonce};
use rand_core::{Rng as _, UnwrapErr};

use crate::error::TransportError;
use crate::exchange::{Exchange, KeepaliveStatus, Patience};
use crate::limits::{BUSY_PAUSE, BUSY_RETRIES, LATE_RETRIES, MAX_SILENCE, OVERDUE_REPORTS};
use crate::pipe::{Report, ReportPipe};

/// One allocated channel to a key, as long as nobody else takes the key away.
///
/// A request refused as `CHANNEL_BUSY` is repeated for about three seconds. After a failure the channel is
/// resynchronised before its next use, so that a late answer is never taken for another request's.
pub struct HidChannel<P> {
    pipe: P,
    host: HostChannel,
    key: InitAnswer,
    state: State,
}

/// Whether an answer to an earlier request may still be on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    InStep,
    InDoubt,
}

impl<P: ReportPipe> HidChannel<P> {
    /// Asks the key behind `pipe` for a channel (HD-36), with a random nonce.
    ///
    /// # Errors
    /// [`TransportError`] when the key does not answer, refuses, or answers nonsense.
    pub fn open(pipe: P) -> Result<Self, TransportError> {
        Self::open_with(pipe, random_nonce())
    }

    /// [`open`](Self::open) with a nonce of the caller's choice, for tests that must repeat.
    ///
    /// # Errors
    /// As there.
    pub fn open_with(mut pipe: P, nonce: Nonce) -> Result<Self, TransportError> {
        let key = shake_hands(&mut pipe, Handshake::new(nonce))?;
        Ok(Self { pipe, host: HostChannel::new(key.channel), key, state: State::InStep })
    }

    /// What the key offers (HD-42).
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities {
        self.key.capabilities
    }

    /// The key's version: major, minor, build.
    #[must_use]
    pub const fn version(&self) -> [u8; 3] {
        self.key.version
    }

    /// The pipe below: for tests that send what no channel would.
    pub const fn pipe_mut(&mut self) -> &mut P {
        &mut self.pipe
    }

    /// Ends whatever runs on this channel and starts it over (HD-37).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn resynchronise(&mut self) -> Result<(), TransportError> {
        shake_hands(&mut self.pipe, Handshake::resynchronise(self.key.channel, random_nonce()))?;
        self.host = HostChannel::new(self.key.channel);
        self.state = State::InStep;
        Ok(())
    }

    /// Has the key echo 0 to 7609 bytes, and returns the echo (HD-60).
    ///
    /// # Errors
    /// [`TransportError`].
    pub fn ping(&mut self, data: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.transact(Command::Ping, data, &mut wait)
    }

    /// Has the key show itself, by blinking perhaps (HD-61).
    ///
    /// # Errors
    /// `InvalidCmd` from keys without the WINK capability.
    pub fn wink(&mut self) -> Result<(), TransportError> {
        self.transact(Command::Wink, &[], &mut wait).map(drop)
    }

    /// Keeps other channels out for 0 to 10 seconds; 0 lets them in again (HD-62).
    ///
    /// # Errors
    /// `InvalidCmd` from keys that do not lock, `InvalidPar` above ten seconds.
    pub fn lock(&mut self, seconds: u8) -> Result<(), TransportError> {
        self.transact(Command::Lock, &[seconds], &mut wait).map(drop)
    }

    /// One request and its answer, repeated while the key is busy with others, and if this host was too slow to send it whole.
    fn transact(
        &mut self,
        command: Command,
        message: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        let mut late = 0..LATE_RETRIES;
        for _ in 0..BUSY_RETRIES {
            match self.attempt(command, message, on_keepalive) {
                Err(TransportError::Refused(ErrorCode::ChannelBusy)) => pause(&mut self.pipe)?,
                Err(TransportError::Refused(ErrorCode::MsgTimeout)) if late.next().is_some() => {
                    pause(&mut self.pipe)?;
                }
                outcome => return outcome,
            }
        }
        self.attempt(command, message, on_keepalive)
    }

    fn attempt(
        &mut self,
        command: Command,
        message: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        let reports = fragment(self.key.channel, command, message)?;
        if self.state == State::InDoubt {
            self.resynchronise()?;
        }
        self.state = State::InDoubt;
        for report in reports {
            self.pipe.send(&report)?;
        }
        let outcome = self.await_answer(command, on_keepalive);
        if matches!(outcome, Ok(_) | Err(TransportError::Refused(_))) {
            self.state = State::InStep;
        }
        outcome
    }

    fn await_answer(
        &mut self,
        sent: Command,
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        let mut patience = Patience::Wait;
        let mut silence = Silence::begin();
        loop {
            let report = receive(&mut self.pipe, &mut silence)?;
            match self.host.receive(&report)? {
                None => {}
                Some(Reply::Message { command, message }) if command == sent => {
                    return Ok(message.to_vec());
                }
                Some(Reply::Message { .. }) => return Err(TransportError::WrongCommand),
                Some(Reply::Error(code)) => return Err(code.into()),
                Some(Reply::Keepalive(status)) => {
                    silence = Silence::begin();
                    if patience == Patience::Wait && on_keepalive(status) == Patience::Cancel {
                        patience = Patience::Cancel;
                        self.cancel()?;
                    }
                }
            }
        }
    }

    fn cancel(&mut self) -> Result<(), TransportError> {
        for report in fragment(self.key.channel, Command::Cancel, &[])? {
            self.pipe.send(&report)?;
        }
        Ok(())
    }
}

impl<P: ReportPipe> Exchange for HidChannel<P> {
    fn exchange(
        &mut self,
        request: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        self.transact(Command::Cbor, request, on_keepalive)
    }

    fn exchange_u2f(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        if self.key.capabilities.nmsg {
            return Err(TransportError::NoU2f);
        }
        self.transact(Command::Msg, apdu, &mut wait)
    }
}

fn shake_hands(
    pipe: &mut impl ReportPipe,
    mut handshake: Handshake,
) -> Result<InitAnswer, TransportError> {
    for _ in 0..BUSY_RETRIES {
        match try_handshake(pipe, &mut handshake) {
            Err(TransportError::Refused(ErrorCode::ChannelBusy)) => pause(pipe)?,
            outcome => return outcome,
        }
    }
    try_handshake(pipe, &mut handshake)
}

fn try_handshake(
    pipe: &mut impl ReportPipe,
    handshake: &mut Handshake,
) -> Result<InitAnswer, TransportError> {
    pipe.send(&handshake.request())?;
    let mut silence = Silence::begin();
    loop {
        match handshake.receive(&receive(pipe, &mut silence)?) {
            Ok(Some(answer)) => return Ok(answer),
            // What is not for us, or left over from before, says nothing about our handshake.
            Ok(None) | Err(HandshakeError::Misbehaved(_)) => {}
            Err(refused @ HandshakeError::Refused(_)) => return Err(refused.into()),
        }
    }
}

/// For how long a key gave no sign of life.
struct Silence {
    since: Instant,
    /// Reports that came too late and were no sign of life.
    overdue: u32,
}

impl Silence {
    fn begin() -> Self {
        Self { since: Instant::now(), overdue: 0 }
    }
}

/// The next report, as long as the key's last sign of life is not too old. Then only one that is there already: time may
/// have passed because this process stood still.
fn receive(pipe: &mut impl ReportPipe, silence: &mut Silence) -> Result<Report, TransportError> {
    let left = MAX_SILENCE.saturating_sub(silence.since.elapsed());
    if left.is_zero() {
        silence.overdue = silence.overdue.saturating_add(1);
    }
    if silence.overdue > OVERDUE_REPORTS {
        return Err(TransportError::Silent);
    }
    pipe.receive(left)?.ok_or(TransportError::Silent)
}

/// Lets a busy key finish. What arrives meanwhile is not ours: nothing of ours is under way.
fn pause(pipe: &mut impl ReportPipe) -> Result<(), TransportError> {
    let begun = Instant::now();
    loop {
        let left = BUSY_PAUSE.saturating_sub(begun.elapsed());
        if left.is_zero() || pipe.receive(left)?.is_none() {
            return Ok(());
        }
    }
}

fn random_nonce() -> Nonce {
    let mut nonce = Nonce::default();
    UnwrapErr(SysRng).fill_bytes(&mut nonce);
    nonce
}

const fn wait(_: KeepaliveStatus) -> Patience {
    Patience::Wait
}

#[cfg(test)]
mod tests {
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
        let mut channel =
            HidChannel::open_with(Script::of(&[&foreign, INIT_ANSWER]), NONCE).unwrap();
        assert_eq!(channel.version(), [1, 2, 3]);
        assert!(
            channel.capabilities().wink
                && channel.capabilities().cbor
                && !channel.capabilities().nmsg
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
        let winks = channel
            .pipe_mut()
            .sent
            .iter()
            .filter(|sent| **sent == report("00000001880000"))
            .count();
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

    #[test]
    fn a_message_that_was_sent_too_slowly_is_sent_again_three_times() {
        let (late, done) = ("00000001bf000105", "00000001880000");
        let mut channel = Paused::channel(&[late, late, late, done]);
        channel.wink().unwrap();
        let mut channel = Paused::channel(&[late; 5]);
        let error = channel.wink().unwrap_err();
        assert!(matches!(error, TransportError::Refused(ErrorCode::MsgTimeout)));
        assert_eq!(channel.pipe_mut().0.incoming.len(), 1, "four attempts");
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
}
