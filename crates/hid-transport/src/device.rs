//! The key's end of CTAPHID, section 11.2.5.

mod checks;
mod event;
mod keepalive;
mod lock;
mod outbox;
mod response;

use alloc::vec::Vec;
use core::time::Duration;

use self::checks::{Service, Verdict};
pub use self::event::{Event, Kind, RequestId};
use self::keepalive::Keepalive;
use self::lock::Lock;
use self::outbox::Outbox;
use self::response::Response;
use crate::channels::{ChannelId, Channels};
use crate::codes::{Command, ErrorCode, KeepaliveStatus};
use crate::init::{InitAnswer, Nonce, PROTOCOL_VERSION};
use crate::limits::{LOCK_SECONDS_MAX, MESSAGE_MAX, MESSAGE_TIMEOUT};
use crate::message::{self, Assembly};
use crate::packet::{Continuation, Initialization, Packet, Report};
use crate::settings::Settings;

/// The key's end. It takes the host's reports and returns requests; it takes answers and returns reports for the
/// host.
///
/// It has three kinds of methods, and does no I/O:
///
/// * *something has happened*: [`handle_report`](Device::handle_report),
///   [`handle_timeout`](Device::handle_timeout), [`reset`](Device::reset), [`abandon`](Device::abandon);
/// * *commands* of the authenticator: [`respond`](Device::respond),
///   [`set_waiting_for_user`](Device::set_waiting_for_user);
/// * *what to do next*: [`poll_report`](Device::poll_report), whenever the host is ready to read, and
///   [`poll_timeout`](Device::poll_timeout). Ask both again after any call of another method.
///
/// The whole device has one transaction at a time (HD-08). [`Device::new`] allocates all memory; no traffic makes
/// it grow.
pub struct Device {
    settings: Settings,
    channels: Channels,
    lock: Option<Lock>,
    state: State,
    /// The number of the last request. No number is used twice, also not after resets.
    last_request: u64,
    /// The one message there is: a request being received or processed, or a response being sent.
    message: Vec<u8>,
    outbox: Outbox,
}

/// The transaction, if there is one.
///
/// ```text
///           first packet           last packet              respond
///   Idle ───────────────► Receiving ───────────► Processing ───────► Responding
///    ▲                       │  └──── PING, WINK, LOCK ─────────────────►│
///    └───────────────────────┴───────────────────────┴───────────────────┘
///      bad packet, time-out,           INIT            last report read,
///      INIT                                            nobody reads, INIT
/// ```
enum State {
    Idle,
    Receiving(Reception),
    Processing { id: RequestId, channel: ChannelId, running: Running },
    Responding(Response),
}

/// A request coming in.
struct Reception {
    channel: ChannelId,
    service: Service,
    assembly: Assembly,
    /// When its client counts as gone (HD-51).
    deadline: Duration,
}

/// A request that the authenticator has not answered yet.
enum Running {
    Cbor(Keepalive),
    /// U2F hosts poll and expect an answer at once, not keepalives (HD-75).
    Msg,
}

impl Device {
    /// A key that was just plugged in.
    pub fn new(settings: Settings) -> Device {
        let max_message = settings.max_message.min(MESSAGE_MAX);
        Device {
            settings: Settings { max_message, ..settings },
            channels: Channels::new(),
            lock: None,
            state: State::Idle,
            last_request: 0,
            message: Vec::with_capacity(usize::from(MESSAGE_MAX)),
            outbox: Outbox::new(),
        }
    }

    /// The host sent a report with any content.
    ///
    /// The report counts as sent before every deadline of the host for which
    /// [`handle_timeout`](Device::handle_timeout) has not been called yet. A driver that was not scheduled for a
    /// while cannot know when the waiting reports came (HD-51).
    ///
    /// The returned event borrows the request from the device's buffer.
    pub fn handle_report(&mut self, report: &Report, now: Duration) -> Option<Event<'_>> {
        self.end_lock(now);
        match Packet::parse(report) {
            Packet::Initialization(packet) => self.handle_initialization(&packet, now),
            Packet::Continuation(packet) => self.handle_continuation(&packet, now),
        }
    }

    /// Time has passed. Call it at [`poll_timeout`](Device::poll_timeout), or at any time. Before the call, pass on
    /// the reports that have come.
    ///
    /// Only here can a host be too late: this ends a message whose client is gone, so that others need not wait any
    /// longer (HD-51), and drops reports that nobody reads (HD-53).
    pub fn handle_timeout(&mut self, now: Duration) {
        self.outbox.handle_timeout(now);
        self.end_lock(now);
        match &mut self.state {
            State::Receiving(reception) if reception.deadline <= now => {
                let channel = reception.channel;
                self.state = State::Idle;
                self.refuse(channel, ErrorCode::MsgTimeout, now); // HD-51
            }
            State::Processing { running: Running::Cbor(keepalive), .. } => {
                keepalive.handle_timeout(now);
            }
            State::Responding(response) if response.is_given_up(now) => self.state = State::Idle,
            State::Responding(response) => response.handle_timeout(now),
            State::Idle | State::Receiving(_) | State::Processing { .. } => {}
        }
    }

    /// USB reset or re-attach: all channels, the lock, the transaction and unread reports are dropped (HD-44).
    ///
    /// If the authenticator has not answered a request yet, the request is dropped without an event.
    pub fn reset(&mut self) {
        self.channels.clear();
        self.lock = None;
        self.state = State::Idle;
        self.message.clear();
        self.outbox.clear();
    }

    /// Nobody reads any more: the transaction and all unread reports are dropped; channels and lock stay (HD-53).
    /// It is for a driver that notices earlier than a time-out that the host has gone.
    ///
    /// If the authenticator has not answered a request yet, the request is dropped without an event.
    pub fn abandon(&mut self) {
        self.state = State::Idle;
        self.message.clear();
        self.outbox.clear();
    }

    /// The channel whose transaction runs. All other channels must wait (HD-08).
    pub fn transaction(&self) -> Option<ChannelId> {
        self.state.channel()
    }

    /// The authenticator's answer to the request `id`: status and CBOR, or data and SW.
    ///
    /// Does nothing unless this request still runs, so an answer that comes too late is harmless. An answer of more
    /// than [`MESSAGE_MAX`] bytes cannot be sent: the client gets ERROR OTHER, and the authenticator is at fault.
    pub fn respond(&mut self, id: RequestId, message: &[u8], now: Duration) {
        let State::Processing { id: asking, channel, running } = &self.state else { return };
        if *asking != id {
            return;
        }
        let channel = *channel;
        let command = running.command();
        if running.owes_up_needed() {
            self.outbox.put(keepalive_report(channel, KeepaliveStatus::UpNeeded), now);
        }
        if message.len() > usize::from(MESSAGE_MAX) {
            self.state = State::Idle;
            return self.refuse(channel, ErrorCode::Other, now);
        }
        self.message.clear();
        self.message.extend_from_slice(message);
        self.send_message(channel, command, now);
    }

    /// The request `id` now waits for a person, or does so no longer. Keepalives tell this (HD-76).
    ///
    /// The key says that it waits for a touch before it sends the answer, even if both come in the same instant.
    /// Does nothing unless this request still runs and is a CBOR request.
    pub fn set_waiting_for_user(&mut self, id: RequestId, waiting: bool) {
        if let State::Processing { id: asking, running: Running::Cbor(keepalive), .. } =
            &mut self.state
            && *asking == id
        {
            keepalive.set_status(if waiting {
                KeepaliveStatus::UpNeeded
            } else {
                KeepaliveStatus::Processing
            });
        }
    }

    /// The next report for a host that is ready to read one now; it counts as read.
    ///
    /// `reads`: how many reads of the host wait, with this one. If a host has a single one, a long response pauses
    /// now and then, because the host may be a kernel with a small ring behind it (HD-54). A host with several
    /// reads has room for each report, and gets them as fast as it reads. 0: the host takes every report, and the
    /// driver cannot see what has been read; then the pauses are long.
    pub fn poll_report(&mut self, reads: usize, now: Duration) -> Option<Report> {
        match &mut self.state {
            State::Responding(_) => self.poll_response(reads, now),
            State::Processing { channel, running: Running::Cbor(keepalive), .. } => {
                // First, so that no flood of errors for others holds it back.
                match keepalive.take(now) {
                    Some(status) => Some(keepalive_report(*channel, status)),
                    None => self.outbox.take(),
                }
            }
            State::Idle | State::Receiving(_) | State::Processing { .. } => self.outbox.take(),
        }
    }

    /// When to call [`handle_timeout`](Device::handle_timeout); `None`: nothing is due.
    ///
    /// After that call it lies in the future again.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let lock = self.lock.as_ref().map(|lock| lock.until);
        let timers = [self.state.poll_timeout(), self.outbox.poll_timeout(), lock];
        timers.into_iter().flatten().min()
    }

    fn handle_initialization(
        &mut self,
        packet: &Initialization<'_>,
        now: Duration,
    ) -> Option<Event<'_>> {
        let channel = packet.channel;
        match self.judge(packet) {
            Err(code) => {
                self.refuse(channel, code, now);
                None
            }
            Ok(Verdict::Ignore) => None,
            Ok(Verdict::Cancel) => Some(Event::Cancel { channel }),
            Ok(Verdict::Init(nonce)) => self.init(channel, nonce, now),
            Ok(Verdict::BreakOff) => {
                self.break_off(channel, now);
                None
            }
            Ok(Verdict::Start(service)) => self.start(packet, service, now),
        }
    }

    /// Packets that continue nothing are dropped without a word, and disturb nobody (HD-41, P-30).
    fn handle_continuation(
        &mut self,
        packet: &Continuation<'_>,
        now: Duration,
    ) -> Option<Event<'_>> {
        let State::Receiving(reception) = &mut self.state else { return None };
        // The channel comes before the sequence number: a stranger's packet is not out of order.
        if packet.channel != reception.channel {
            return None;
        }
        if reception.assembly.add(packet, &mut self.message).is_err() {
            self.break_off(packet.channel, now); // HD-50
            return None;
        }
        reception.deadline = now.saturating_add(MESSAGE_TIMEOUT);
        self.finish_receiving(now)
    }

    /// Answers INIT: a new channel on broadcast, a fresh start on an allocated one (HD-36, HD-37).
    fn init(&mut self, asking: ChannelId, nonce: Nonce, now: Duration) -> Option<Event<'_>> {
        let (channel, event) = match asking {
            ChannelId::BROADCAST => (self.allocate(), None),
            own => (own, self.abort(own)),
        };
        let answer = InitAnswer {
            nonce,
            channel,
            protocol_version: PROTOCOL_VERSION,
            version: self.settings.version,
            capabilities: self.settings.capabilities(),
        };
        self.put(asking, Command::Init, &answer.encode(), now);
        event
    }

    /// A new channel, not at the cost of one that has a transaction or the lock.
    fn allocate(&mut self) -> ChannelId {
        let owner = self.lock.as_ref().map(|lock| lock.owner);
        let in_use = [self.state.channel(), owner];
        self.channels.allocate(|channel| in_use.contains(&Some(channel)))
    }

    /// Ends the transaction of this channel, if it has one, without an answer (HD-37).
    fn abort(&mut self, channel: ChannelId) -> Option<Event<'static>> {
        self.channels.touch(channel);
        if self.state.channel() != Some(channel) {
            return None;
        }
        let running = matches!(self.state, State::Processing { .. });
        self.state = State::Idle;
        running.then_some(Event::Abandon { channel })
    }

    /// Drops the half-assembled message. Its client gets only this one error (HD-27, HD-50).
    fn break_off(&mut self, channel: ChannelId, now: Duration) {
        self.state = State::Idle;
        self.refuse(channel, ErrorCode::InvalidSeq, now);
    }

    fn start(
        &mut self,
        packet: &Initialization<'_>,
        service: Service,
        now: Duration,
    ) -> Option<Event<'_>> {
        let channel = packet.channel;
        self.channels.touch(channel);
        let assembly = Assembly::begin(packet, &mut self.message);
        let deadline = now.saturating_add(MESSAGE_TIMEOUT);
        self.state = State::Receiving(Reception { channel, service, assembly, deadline });
        self.finish_receiving(now)
    }

    /// Once the message is whole, does what it asks for.
    fn finish_receiving(&mut self, now: Duration) -> Option<Event<'_>> {
        let State::Receiving(reception) = &self.state else { return None };
        if !reception.assembly.is_complete(&self.message) {
            return None;
        }
        let Reception { channel, service, .. } = *reception;
        self.renew_lock(channel, now);
        match service {
            Service::Cbor => Some(self.process(channel, Running::Cbor(Keepalive::new(now)))),
            Service::Msg => Some(self.process(channel, Running::Msg)),
            Service::Ping => {
                self.send_message(channel, service.command(), now); // HD-60: as it came
                None
            }
            Service::Wink => {
                self.send_message(channel, service.command(), now);
                Some(Event::Wink { channel })
            }
            Service::Lock => {
                self.set_lock(channel, now);
                None
            }
        }
    }

    fn process(&mut self, channel: ChannelId, running: Running) -> Event<'_> {
        let kind = running.kind();
        self.last_request = self.last_request.wrapping_add(1);
        let id = RequestId(self.last_request);
        self.state = State::Processing { id, channel, running };
        Event::Request { id, channel, kind, message: &self.message }
    }

    /// CTAPHID_LOCK: the message is the number of seconds; 0 unlocks (HD-62).
    fn set_lock(&mut self, owner: ChannelId, now: Duration) {
        match *self.message {
            [0] => self.lock = None,
            [seconds @ 1..=LOCK_SECONDS_MAX] => self.lock = Some(Lock::new(owner, seconds, now)),
            _ => {
                self.state = State::Idle;
                return self.refuse(owner, ErrorCode::InvalidPar, now);
            }
        }
        self.message.clear();
        self.send_message(owner, Command::Lock, now);
    }

    /// A lock holds no longer than was asked for, however late the timer (HD-63).
    fn end_lock(&mut self, now: Duration) {
        self.lock.take_if(|lock| lock.until <= now);
    }

    fn renew_lock(&mut self, channel: ChannelId, now: Duration) {
        self.end_lock(now);
        if let Some(lock) = self.lock.as_mut().filter(|lock| lock.owner == channel) {
            lock.renew(now);
        }
    }

    /// Lets the host read the stored message as the transaction's response.
    fn send_message(&mut self, channel: ChannelId, command: Command, now: Duration) {
        let place = self.outbox.end();
        self.state = State::Responding(Response::new(channel, command, place, now));
    }

    /// The device stays busy until the last report has been read (HD-53).
    fn poll_response(&mut self, reads: usize, now: Duration) -> Option<Report> {
        let State::Responding(response) = &mut self.state else { return None };
        let report = response.take(&self.message, &mut self.outbox, reads, now);
        if response.is_sent(&self.message) {
            let channel = response.channel;
            self.state = State::Idle;
            self.renew_lock(channel, now);
        }
        report
    }

    fn refuse(&mut self, channel: ChannelId, code: ErrorCode, now: Duration) {
        self.put(channel, Command::Error, &[code.as_byte()], now);
    }

    /// Queues an answer of one report that is not a transaction's response.
    fn put(&mut self, channel: ChannelId, command: Command, message: &[u8], now: Duration) {
        self.outbox.put(message::first_report(channel, command, message), now);
    }
}

impl State {
    /// The channel of the transaction.
    fn channel(&self) -> Option<ChannelId> {
        match self {
            State::Idle => None,
            State::Receiving(reception) => Some(reception.channel),
            State::Processing { channel, .. } => Some(*channel),
            State::Responding(response) => Some(response.channel),
        }
    }

    fn poll_timeout(&self) -> Option<Duration> {
        match self {
            State::Idle | State::Processing { running: Running::Msg, .. } => None,
            State::Receiving(reception) => Some(reception.deadline),
            State::Processing { running: Running::Cbor(keepalive), .. } => keepalive.poll_timeout(),
            State::Responding(response) => Some(response.poll_timeout()),
        }
    }
}

impl Running {
    fn kind(&self) -> Kind {
        match self {
            Running::Cbor(_) => Kind::Cbor,
            Running::Msg => Kind::Msg,
        }
    }

    fn command(&self) -> Command {
        match self {
            Running::Cbor(_) => Command::Cbor,
            Running::Msg => Command::Msg,
        }
    }

    fn owes_up_needed(&self) -> bool {
        matches!(self, Running::Cbor(keepalive) if keepalive.owes_up_needed())
    }
}

/// CTAPHID_KEEPALIVE: the status is the whole message (HD-74).
fn keepalive_report(channel: ChannelId, status: KeepaliveStatus) -> Report {
    message::first_report(channel, Command::Keepalive, &[status.as_byte()])
}

#[cfg(test)]
mod tests;
