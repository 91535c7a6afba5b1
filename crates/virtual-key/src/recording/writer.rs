//! The recorder's thread: packets in, blocks out.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime};

use ctap_client::trace::{Direction, Packet, Veil};
use hid_transport::Report;

use super::file::RecordingFile;
use super::pcapng;
use super::usb::{self, CONTACTLESS, USB, Urbs};
use crate::error::Warn;

/// Something that a key's tap saw.
pub(super) struct Event {
    pub(super) key: u32,
    pub(super) at: SystemTime,
    pub(super) what: What,
    /// Packets of the key that came before it were lost.
    pub(super) follows_gap: bool,
}

/// An event that a tap reports.
pub(super) enum What {
    /// There is such a key.
    Key {
        bus_id: String,
        transfers: Vec<([u8; 8], Vec<u8>)>,
    },
    /// A host plugged it in.
    PluggedIn,
    Report(Direction, Report),
    /// A reader gives the card power, or takes it.
    Field {
        is_on: bool,
    },
    Apdu(Direction, Vec<u8>),
}

/// Writes the recording.
pub(super) struct Writer {
    out: Output,
    keeps_secrets: bool,
    keys: BTreeMap<u32, Key>,
}

/// The file, as long as it takes anything.
struct Output {
    file: Option<RecordingFile>,
    /// Interfaces of this section.
    interfaces: u32,
    warn: Warn,
    lost: Arc<AtomicU64>,
}

/// A key that is recorded.
struct Key {
    name: String,
    transfers: Vec<([u8; 8], Vec<u8>)>,
    urbs: Urbs,
    reports: Veil<SystemTime>,
    apdus: Veil<SystemTime>,
    /// The interfaces for its packets, once it has any.
    usb: Option<u32>,
    card: Option<u32>,
    has_field: bool,
    /// The number of the next block to the card (ISO 14443-4 section 7.5.3).
    block: u8,
}

impl Writer {
    pub(super) fn new(
        file: RecordingFile,
        keeps_secrets: bool,
        warn: Warn,
        lost: Arc<AtomicU64>,
    ) -> Self {
        let mut out = Output { file: Some(file), interfaces: 0, warn, lost };
        let comment = if keeps_secrets { WITH_SECRETS } else { WITHOUT_SECRETS };
        out.add(&pcapng::section(PROGRAM, comment));
        Self { out, keeps_secrets, keys: BTreeMap::new() }
    }

    /// Runs until no tap is left. While nothing is recorded, nothing wakes it.
    pub(super) fn run(mut self, events: &Receiver<Event>) {
        loop {
            let event = match self.keys.values().any(Key::keeps_back) {
                true => events.recv_timeout(PATIENCE),
                false => events.recv().map_err(RecvTimeoutError::from),
            };
            match event {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => self.give_up(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.give_up();
        self.out.tell_losses();
    }

    pub(super) fn take(&mut self, Event { key, at, what, follows_gap }: Event) {
        if let What::Key { bus_id, transfers } = what {
            self.keys.insert(key, Key::new(key, bus_id, transfers, self.keeps_secrets));
            return;
        }
        let Some(key) = self.keys.get_mut(&key) else { return };
        if follows_gap {
            key.interrupt();
        }
        key.take(at, what, &mut self.out);
    }

    fn give_up(&mut self) {
        for key in self.keys.values_mut() {
            key.reports.give_up();
            key.apdus.give_up();
            key.write(&mut self.out);
        }
    }
}

impl Key {
    fn new(
        number: u32,
        name: String,
        transfers: Vec<([u8; 8], Vec<u8>)>,
        keeps_secrets: bool,
    ) -> Self {
        Self {
            name,
            transfers,
            urbs: Urbs::of(number),
            reports: Veil::new(keeps_secrets),
            apdus: Veil::new(keeps_secrets),
            usb: None,
            card: None,
            has_field: false,
            block: 0,
        }
    }

    fn keeps_back(&self) -> bool {
        self.reports.keeps_back() || self.apdus.keeps_back()
    }

    /// Later packets do not belong to earlier messages, and answer none of them.
    fn interrupt(&mut self) {
        self.reports.interrupt();
        self.apdus.interrupt();
    }

    fn take(&mut self, at: SystemTime, what: What, out: &mut Output) {
        match what {
            What::Key { .. } => {}
            What::PluggedIn => {
                self.reports.interrupt();
                self.write(out);
                self.introduce(at, out);
            }
            What::Report(direction, report) => self.reports.report(at, direction, &report),
            What::Field { is_on } => {
                self.apdus.interrupt();
                self.write(out);
                // Power may be taken away more than once.
                if is_on || self.has_field {
                    self.add_card_packet(at, &usb::field(is_on), None, out);
                }
                (self.has_field, self.block) = (is_on, 0);
            }
            What::Apdu(direction, apdu) => self.apdus.apdu(at, direction, &apdu),
        }
        self.write(out);
    }

    /// What a host reads from it first.
    fn introduce(&mut self, at: SystemTime, out: &mut Output) {
        let interface = *self.usb.get_or_insert_with(|| out.interface(USB, &self.name));
        for (setup, data) in &self.transfers {
            for packet in self.urbs.read(at, *setup, data) {
                out.add(&pcapng::packet(interface, at, &packet, None));
            }
        }
    }

    /// All that is not kept back.
    fn write(&mut self, out: &mut Output) {
        while let Some(Packet { tag: at, direction, bytes, step }) = self.reports.next_packet() {
            let interface = *self.usb.get_or_insert_with(|| out.interface(USB, &self.name));
            let packet = self.urbs.report(at, direction, &bytes);
            let comment = step.map(|step| step.line());
            out.add(&pcapng::packet(interface, at, &packet, comment.as_deref()));
        }
        while let Some(Packet { tag: at, direction, bytes, step }) = self.apdus.next_packet() {
            let packet = usb::apdu(direction, self.block, &bytes);
            if direction == Direction::FromKey {
                self.block ^= 1;
            }
            let comment = step.map(|step| step.line());
            self.add_card_packet(at, &packet, comment.as_deref(), out);
        }
    }

    fn add_card_packet(
        &mut self,
        at: SystemTime,
        packet: &[u8],
        comment: Option<&str>,
        out: &mut Output,
    ) {
        let interface = *self.card.get_or_insert_with(|| out.interface(CONTACTLESS, &self.name));
        out.add(&pcapng::packet(interface, at, packet, comment));
    }
}

impl Output {
    /// A new interface, by its number.
    fn interface(&mut self, link_type: u16, name: &str) -> u32 {
        self.add(&pcapng::interface(link_type, name));
        let number = self.interfaces;
        self.interfaces = number.saturating_add(1);
        number
    }

    fn add(&mut self, block: &[u8]) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.add(block) {
            let path = file.path().to_owned();
            self.end(&path, &error);
        }
    }

    /// A recording with a hole would tell what was not so: nothing is added after one.
    fn end(&mut self, path: &std::path::Path, error: &io::Error) {
        self.file = None;
        (self.warn)(format_args!(
            "the recording in {} ends here: {error}\nnext: free some space there, and start the key again",
            path.display()
        ));
    }

    fn tell_losses(&self) {
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 {
            (self.warn)(format_args!(
                "the disk was too slow for the recording: {lost} packets are missing from it"
            ));
        }
    }
}

/// How long to wait for the rest of a message: a key waits half as long (HD-51).
const PATIENCE: Duration = Duration::from_secs(1);

const PROGRAM: &str = concat!("keyfob ", env!("CARGO_PKG_VERSION"));
const WITHOUT_SECRETS: &str = "PINs, tokens and secrets are replaced by zeros.";
const WITH_SECRETS: &str = "PINs, tokens and secrets are in this recording.";
