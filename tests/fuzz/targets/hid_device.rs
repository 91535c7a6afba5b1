//! Reports of any shape into the key's end of CTAPHID, from a host that reads when it likes and a driver that is late.
//!
//! There is one request at a time; no timer stays in the past; every report that goes out is one that a client understands;
//! and whatever has happened, the next client gets a channel and its PING back.
#![no_main]

use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::Arbitrary;
use hid_transport::host::{Handshake, HostChannel, Reply, fragment};
use hid_transport::{
    ChannelId, Command, Continuation, Device, Event, Initialization, Packet, Report, RequestId,
    Settings,
};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Step {
    Noise([u8; 64]),
    First { channel: u8, command: u8, length: u16, data: [u8; 9] },
    Later { channel: u8, sequence: u8 },
    Oversleep(u16),
    Wait(u16),
    Read(u8),
    Respond { length: u16 },
    WaitForUser(bool),
    Abandon,
    Reset,
}

#[derive(Arbitrary, Debug)]
struct Input {
    lock: bool,
    msg: bool,
    max_message: u16,
    steps: Vec<Step>,
}

struct World {
    device: Device,
    now: Duration,
    running: Option<(RequestId, ChannelId)>,
    listeners: BTreeMap<ChannelId, HostChannel>,
}

fuzz_target!(|input: Input| {
    let Input { lock, msg, max_message, steps } = input;
    let settings = Settings { lock, msg, max_message: max_message.max(64), ..Settings::default() };
    let mut world = World::new(settings);
    steps.iter().for_each(|step| world.happen(step));
    world.ends_well();
});

impl World {
    fn new(settings: Settings) -> Self {
        let device = Device::new(settings);
        Self { device, now: Duration::ZERO, running: None, listeners: BTreeMap::new() }
    }

    fn happen(&mut self, step: &Step) {
        match *step {
            Step::Noise(report) => self.send(&report),
            Step::First { channel, command, length, data } => {
                let mut bytes = [0; 57];
                bytes[..9].copy_from_slice(&data);
                let channel = some_channel(channel);
                self.send(&Initialization { channel, command, length, data: &bytes }.encode());
            }
            Step::Later { channel, sequence } => {
                let channel = some_channel(channel);
                self.send(&Continuation { channel, sequence, data: &[0xc0; 59] }.encode());
            }
            Step::Oversleep(millis) => self.now += Duration::from_millis(millis.into()),
            Step::Wait(millis) => self.wait(Duration::from_millis(millis.into())),
            Step::Read(count) => drop((0..count).map_while(|_| self.read()).last()),
            Step::Respond { length } => {
                if let Some((id, _)) = self.running.take() {
                    let message = vec![0x5a; usize::from(length % 8000)];
                    self.device.respond(id, &message, self.now);
                }
            }
            Step::WaitForUser(waiting) => {
                if let Some((id, _)) = self.running {
                    self.device.set_waiting_for_user(id, waiting);
                }
            }
            Step::Abandon => {
                self.device.abandon();
                self.running = None;
            }
            Step::Reset => {
                self.device.reset();
                self.running = None;
            }
        }
    }

    fn send(&mut self, report: &Report) {
        assert_eq!(Packet::parse(report).encode(), *report, "reading loses nothing");
        match self.device.handle_report(report, self.now) {
            Some(Event::Request { id, channel, message, .. }) => {
                assert!(!message.is_empty() && message.len() <= 7609);
                assert_eq!(self.running.replace((id, channel)), None, "two requests at once");
            }
            Some(Event::Cancel { channel }) => assert_eq!(self.asking(), Some(channel), "HD-82"),
            Some(Event::Abandon { channel }) => {
                assert_eq!(self.asking(), Some(channel));
                self.running = None;
            }
            Some(Event::Wink { .. }) | None => {}
        }
    }

    /// Whose request runs.
    fn asking(&self) -> Option<ChannelId> {
        self.running.map(|(_, channel)| channel)
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.device.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.device.handle_timeout(self.now);
            let next = self.device.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "a timer stays in the past");
        }
        self.now = end;
    }

    /// HD-06, HD-73, HD-74: whatever goes out makes sense to who listens.
    fn read(&mut self) -> Option<Report> {
        let report = self.device.poll_report(1, self.now)?;
        let (Packet::Initialization(Initialization { channel, .. })
        | Packet::Continuation(Continuation { channel, .. })) = Packet::parse(&report);
        let listener = self.listeners.entry(channel).or_insert_with(|| HostChannel::new(channel));
        listener.receive(&report).expect("a report that breaks the rules");
        Some(report)
    }

    fn ends_well(&mut self) {
        if let Some((id, _)) = self.running.take() {
            self.device.respond(id, &[0], self.now);
        }
        while self.device.poll_timeout().is_some() {
            while self.read().is_some() {}
            self.wait(Duration::from_secs(20));
        }
        let mut handshake = Handshake::new(*b"farewell");
        self.send(&handshake.request());
        let answer = self.read().and_then(|report| handshake.receive(&report).expect("granted"));
        let channel = answer.expect("an answer to INIT").channel;
        let mut echo = None;
        let mut listener = HostChannel::new(channel);
        for report in fragment(channel, Command::Ping, b"still there?").expect("short") {
            self.send(&report);
        }
        while let Some(report) = self.device.poll_report(1, self.now) {
            if let Some(Reply::Message { message, .. }) = listener.receive(&report).expect("sense")
            {
                echo = Some(message.to_vec());
            }
        }
        assert_eq!(echo.as_deref(), Some(&b"still there?"[..]));
    }
}

/// A few that exist after as many INITs, and the special ones.
fn some_channel(number: u8) -> ChannelId {
    match number % 8 {
        6 => ChannelId::RESERVED,
        7 => ChannelId::BROADCAST,
        number => ChannelId::new(u32::from(number) + 2),
    }
}
