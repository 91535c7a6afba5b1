//! A key on a bench: a host that reads when told to, an authenticator, and a clock to turn.

use std::collections::BTreeMap;
use std::vec::Vec;

use super::super::*;
use crate::host::{Handshake, HostChannel, Reply, fragment};
use crate::limits::PACE;
use crate::packet::fitted;

/// A millisecond.
pub(super) const MS: Duration = Duration::from_millis(1);

pub(super) struct Bench {
    pub(super) device: Device,
    pub(super) now: Duration,
    /// The last request of each channel.
    requests: BTreeMap<ChannelId, RequestId>,
    /// The host's ends, one for each channel that was ever heard.
    listeners: BTreeMap<ChannelId, HostChannel>,
}

/// An [`Event`] that owns its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    Request(ChannelId, Kind, Vec<u8>),
    Cancel(ChannelId),
    Abandon(ChannelId),
    Wink(ChannelId),
}

/// What the host hears on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Message(ChannelId, Command, Vec<u8>),
    Error(ChannelId, ErrorCode),
    Keepalive(ChannelId, KeepaliveStatus),
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::with(Settings { version: [5, 4, 3], ..Settings::default() })
    }

    pub(super) fn with(settings: Settings) -> Bench {
        let (requests, listeners) = (BTreeMap::new(), BTreeMap::new());
        Bench { device: Device::new(settings), now: 1000 * MS, requests, listeners }
    }

    /// Lets `time` pass, and every timer go off in its own moment.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.device.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.device.handle_timeout(due);
            assert!(self.device.poll_timeout() > Some(due) || self.device.poll_timeout().is_none());
        }
        self.now = end;
        self.device.handle_timeout(self.now);
    }

    /// Lets `time` pass without a timer going off: the driver is not scheduled.
    pub(super) fn oversleep(&mut self, time: Duration) {
        self.now += time;
    }

    pub(super) fn send(&mut self, report: &Report) -> Option<Happened> {
        let now = self.now;
        self.device.handle_report(report, now).map(|event| match event {
            Event::Request { id, channel, kind, message } => {
                self.requests.insert(channel, id);
                Happened::Request(channel, kind, message.to_vec())
            }
            Event::Cancel { channel } => Happened::Cancel(channel),
            Event::Abandon { channel } => Happened::Abandon(channel),
            Event::Wink { channel } => Happened::Wink(channel),
        })
    }

    /// Sends a whole message; at most its last report makes something happen.
    pub(super) fn request(
        &mut self,
        channel: ChannelId,
        command: Command,
        message: &[u8],
    ) -> Option<Happened> {
        let mut happened = None;
        for report in reports(channel, command, message) {
            assert_eq!(happened, None);
            happened = self.send(&report);
        }
        happened
    }

    /// The last request of this channel; the test is wrong if there was none.
    pub(super) fn request_of(&self, channel: ChannelId) -> RequestId {
        *self.requests.get(&channel).expect("a request")
    }

    /// Answers the last request of this channel, if there was one.
    pub(super) fn respond(&mut self, channel: ChannelId, message: &[u8]) {
        let now = self.now;
        if let Some(id) = self.requests.get(&channel) {
            self.device.respond(*id, message, now);
        }
    }

    /// The last request of each channel waits for a person; it is told of the one that runs.
    pub(super) fn wait_for_user(&mut self, waiting: bool) {
        for id in self.requests.values() {
            self.device.set_waiting_for_user(*id, waiting);
        }
    }

    /// As a host that reads one by one.
    pub(super) fn read(&mut self) -> Option<Report> {
        self.read_one_of(1)
    }

    /// As a host that has so many reads waiting.
    pub(super) fn read_one_of(&mut self, reads: usize) -> Option<Report> {
        let now = self.now;
        self.device.poll_report(reads, now)
    }

    /// Reads until the key is silent, without letting more time pass than its own pace takes.
    pub(super) fn read_all(&mut self) -> Vec<Report> {
        let mut reports = Vec::new();
        loop {
            reports.extend(core::iter::from_fn(|| self.read()));
            let paced = matches!(self.device.state, State::Responding(_));
            if !paced {
                return reports;
            }
            self.wait(PACE);
        }
    }

    /// Reads as [`Bench::read_all`] does, and says what it all means.
    pub(super) fn hear(&mut self) -> Vec<Heard> {
        let reports = self.read_all();
        reports.iter().filter_map(|report| self.listen(report)).collect()
    }

    /// Reads every millisecond, and says what was heard when.
    pub(super) fn hear_for(&mut self, time: Duration) -> Vec<(Duration, Heard)> {
        let start = self.now;
        let mut heard = Vec::new();
        while self.now < start + time {
            self.wait(MS);
            let after = self.now - start;
            while let Some(report) = self.read() {
                heard.extend(self.listen(&report).map(|heard| (after, heard)));
            }
        }
        heard
    }

    pub(super) fn listen(&mut self, report: &Report) -> Option<Heard> {
        let (Packet::Initialization(Initialization { channel, .. })
        | Packet::Continuation(Continuation { channel, .. })) = Packet::parse(report);
        let listener = self.listeners.entry(channel).or_insert_with(|| HostChannel::new(channel));
        let reply = listener.receive(report).expect("the key keeps to the rules");
        reply.map(|reply| match reply {
            Reply::Message { command, message } => {
                Heard::Message(channel, command, message.to_vec())
            }
            Reply::Error(code) => Heard::Error(channel, code),
            Reply::Keepalive(status) => Heard::Keepalive(channel, status),
        })
    }

    /// A channel of one's own.
    pub(super) fn open(&mut self) -> ChannelId {
        let mut handshake = Handshake::new(*b"8 bytes.");
        assert_eq!(self.send(&handshake.request()), None);
        let reports = self.read_all();
        let answer = reports.iter().find_map(|report| handshake.receive(report).expect("granted"));
        answer.expect("an answer").channel
    }
}

/// The answer on `channel` to an INIT of `asking`, with the bench's own settings.
pub(super) fn init_answer(asking: ChannelId, nonce: Nonce, channel: ChannelId) -> Heard {
    let mut bytes = nonce.to_vec();
    bytes.extend(channel.to_be_bytes());
    bytes.extend([2, 5, 4, 3, 0x05]);
    Heard::Message(asking, Command::Init, bytes)
}

pub(super) fn reports(channel: ChannelId, command: Command, message: &[u8]) -> Vec<Report> {
    fragment(channel, command, message).expect("not too long").collect()
}

/// An initialization packet with any command and length.
pub(super) fn first(channel: ChannelId, command: u8, length: u16, bytes: &[u8]) -> Report {
    Initialization { channel, command, length, data: &fitted(bytes) }.encode()
}

/// A continuation packet full of 0xC0.
pub(super) fn later(channel: ChannelId, sequence: u8) -> Report {
    Continuation { channel, sequence, data: &[0xC0; 59] }.encode()
}

/// The report that begins with these hex digits; the rest is zero.
pub(super) fn hex(digits: &str) -> Report {
    let digits: Vec<u8> = digits.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| {
        let pair = core::str::from_utf8(pair).expect("ASCII");
        u8::from_str_radix(pair, 16).expect("hex digits")
    };
    fitted(&digits.chunks(2).map(byte).collect::<Vec<u8>>())
}
