//! The reports of an answer on their way to the host, and the faults that they meet there.

use std::collections::VecDeque;
use std::time::Duration;

use hid_transport::host::fragment;
use hid_transport::limits::{CONTINUATION_DATA, INITIALIZATION_DATA};
use hid_transport::{
    ChannelId, Command, Continuation, Initialization, KeepaliveStatus, Packet, Report,
};
use rand_core::CryptoRng;

use super::fault::Fault;

/// The next thing that goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    Report(Report),
    /// The plug is pulled.
    Unplug,
}

/// The things that go out, in their order, each not before its time.
#[derive(Default)]
pub(crate) struct Bus {
    queue: VecDeque<(Duration, Outgoing)>,
    /// Until when time has passed.
    passed: Duration,
}

impl Bus {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// This goes out then, or as soon as what is before it has.
    pub(crate) fn put(&mut self, outgoing: Outgoing, at: Duration) {
        let before = self.queue.back().map_or(at, |(before, _)| *before);
        self.queue.push_back((at.max(before), outgoing));
    }

    /// The thing that the host gets now.
    pub(crate) fn take(&mut self, now: Duration) -> Option<Outgoing> {
        let (at, _) = self.queue.front()?;
        if *at <= now { self.queue.pop_front().map(|(_, outgoing)| outgoing) } else { None }
    }

    /// Nobody waits for what is to go out on this channel any more.
    pub(crate) fn forget(&mut self, channel: ChannelId) {
        self.queue.retain(|(_, outgoing)| match outgoing {
            Outgoing::Report(report) => Packet::parse(report).channel() != channel,
            Outgoing::Unplug => true,
        });
    }

    /// When there is more for a host that reads. What it could have had by the last [`handle_timeout`](Self::handle_timeout) waits for
    /// the host alone.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.queue.front().map(|(at, _)| *at).filter(|at| *at > self.passed)
    }

    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        self.passed = now;
    }
}

/// The faults of the reports that answer one request.
pub(crate) struct Answering {
    channel: ChannelId,
    /// Reports of the answer that were there, lost ones included.
    reports: u16,
    /// Bytes of the answer that are still to come; `None`: it has not begun.
    left: Option<usize>,
    has_stormed: bool,
    is_unplugged: bool,
    /// The channel of an answer that goes to a wrong one.
    elsewhere: ChannelId,
}

impl Answering {
    pub(crate) fn new(channel: ChannelId, rng: &mut dyn CryptoRng) -> Self {
        // Not one that was given out: those are small numbers.
        let elsewhere = ChannelId::new(channel.as_u32() ^ (rng.next_u32() | 0x8000_0000));
        let (reports, left, has_stormed, is_unplugged) = (0, None, false, false);
        Self { channel, reports, left, has_stormed, is_unplugged, elsewhere }
    }

    pub(crate) fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Whether all of the answer was there.
    pub(crate) fn is_over(&self) -> bool {
        self.left == Some(0)
    }

    /// Puts the report on the bus as these faults have it.
    pub(crate) fn pass(
        &mut self,
        report: &Report,
        faults: &[Fault],
        (bus, now): (&mut Bus, Duration),
        rng: &mut dyn CryptoRng,
    ) {
        let number = self.count(report);
        if self.is_unplugged || is_lost(number, faults) {
            return;
        }
        if faults.iter().any(|fault| is_pulled(*fault, number)) {
            self.is_unplugged = true;
            return bus.put(Outgoing::Unplug, now);
        }
        if !std::mem::replace(&mut self.has_stormed, true) {
            let storm = std::iter::repeat_n(keepalive(self.channel), storm(faults));
            storm.for_each(|report| bus.put(Outgoing::Report(report), now));
        }
        let report = number.map_or(*report, |number| self.spoilt(report, number, faults, rng));
        let (copies, at) = copies(number, faults, now);
        (0..copies).for_each(|_| bus.put(Outgoing::Report(report), at));
    }

    /// The number of this report of the answer; `None`: it is a KEEPALIVE.
    fn count(&mut self, report: &Report) -> Option<u16> {
        let left = match Packet::parse(report) {
            Packet::Initialization(packet) if packet.command == Command::Keepalive.as_byte() => {
                return None;
            }
            Packet::Initialization(packet) => {
                usize::from(packet.length).saturating_sub(INITIALIZATION_DATA)
            }
            Packet::Continuation(_) => self.left.unwrap_or(0).saturating_sub(CONTINUATION_DATA),
        };
        self.left = Some(left);
        let number = self.reports;
        self.reports = number.saturating_add(1);
        Some(number)
    }

    fn spoilt(
        &self,
        report: &Report,
        number: u16,
        faults: &[Fault],
        rng: &mut dyn CryptoRng,
    ) -> Report {
        let has = |fault| faults.contains(&fault);
        let is_elsewhere = has(Fault::WrongChannel);
        match Packet::parse(report) {
            Packet::Initialization(packet) => {
                let channel = if is_elsewhere { self.elsewhere } else { packet.channel };
                let length = faults.iter().find_map(|fault| match fault {
                    Fault::WrongLength { bytes } => Some(*bytes),
                    _ => None,
                });
                let length = length.unwrap_or(packet.length);
                Initialization { channel, length, ..packet }.encode()
            }
            Packet::Continuation(packet) => {
                let channel = if is_elsewhere { self.elsewhere } else { packet.channel };
                let wrong = has(Fault::WrongSequence { report: number });
                let sequence = if wrong { another(packet.sequence, rng) } else { packet.sequence };
                Continuation { channel, sequence, ..packet }.encode()
            }
        }
    }
}

fn is_lost(number: Option<u16>, faults: &[Fault]) -> bool {
    faults.iter().any(|fault| match fault {
        Fault::Silence => true,
        Fault::NoKeepalives => number.is_none(),
        Fault::LostReport { report } => number == Some(*report),
        _ => false,
    })
}

fn is_pulled(fault: Fault, number: Option<u16>) -> bool {
    match fault {
        Fault::Unplug { report } => report.is_none() || report == number,
        _ => false,
    }
}

fn storm(faults: &[Fault]) -> usize {
    let counts = faults.iter().map(|fault| match fault {
        Fault::KeepaliveStorm { count } => usize::from(*count),
        _ => 0,
    });
    counts.sum()
}

/// How often the report comes, and when.
fn copies(number: Option<u16>, faults: &[Fault], now: Duration) -> (usize, Duration) {
    let (mut copies, mut at) = (1, now);
    for fault in faults {
        match fault {
            Fault::DoubledReport { report } if number == Some(*report) => copies = 2,
            Fault::DelayedReport { report, wait } if number == Some(*report) => {
                at = at.saturating_add(*wait);
            }
            _ => {}
        }
    }
    (copies, at)
}

fn keepalive(channel: ChannelId) -> Report {
    let data =
        &std::array::from_fn(|at| if at == 0 { KeepaliveStatus::Processing.as_byte() } else { 0 });
    Initialization { channel, command: Command::Keepalive.as_byte(), length: 1, data }.encode()
}

/// CTAPHID_ERROR with this code.
pub(crate) fn error(channel: ChannelId, code: u8) -> Option<Report> {
    fragment(channel, Command::Error, &[code]).ok()?.next()
}

/// One of the other 127 sequence numbers.
fn another(sequence: u8, rng: &mut dyn CryptoRng) -> u8 {
    let step = 1 + rng.next_u32() % 127;
    (u32::from(sequence) + step) as u8 & 0x7F
}
