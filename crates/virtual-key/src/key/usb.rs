//! The key as `usbip-server` drives it: the same calls, with the time from a clock.

use std::time::Duration;

use ctap_core::Transport;
use usbip_server::{HidFunction, Report, Timed};

use super::Key;
use crate::platform::Clock;

/// A key with a clock, behind USB interfaces.
pub struct UsbKey {
    /// The key.
    pub key: Key,
    /// Where it reads the time.
    pub clock: Clock,
    /// How often it got power.
    pub power_ups: u32,
    pub(super) place: Place,
}

/// The source of a key's power.
pub(super) enum Place {
    /// A USB port.
    Port,
    /// A contactless reader, as soon as it is laid on.
    Reader {
        /// The number of the tap by which it lies there.
        insertion: Option<u32>,
        taps: u32,
        has_power: bool,
    },
}

impl UsbKey {
    /// A key for a USB port: reports and APDUs come over the same cable.
    pub fn in_a_port(key: Key, clock: Clock) -> Self {
        Self { key, clock, power_ups: 0, place: Place::Port }
    }

    /// A key for a contactless reader. It does not lie on the reader yet.
    pub fn for_a_reader(key: Key, clock: Clock) -> Self {
        let place = Place::Reader { insertion: None, taps: 0, has_power: false };
        Self { key, clock, power_ups: 0, place }
    }

    /// Takes over what the key's thread has done, and returns the time.
    pub fn catch_up(&mut self) -> Duration {
        let now = self.clock.now();
        self.key.catch_up(now);
        now
    }

    /// The time until it wants to be called, for any driver.
    pub(super) fn due_in(&mut self) -> Option<Duration> {
        let now = self.catch_up();
        self.key.poll_timeout().map(|at| at.saturating_sub(now))
    }

    /// It is called.
    pub(super) fn let_time_pass(&mut self) {
        let now = self.catch_up();
        self.key.handle_timeout(now);
    }
}

impl Timed for UsbKey {
    fn is_working(&self) -> bool {
        self.key.is_working()
    }

    fn poll_timeout(&mut self) -> Option<Duration> {
        self.due_in()
    }

    fn handle_timeout(&mut self) {
        self.let_time_pass();
    }
}

impl HidFunction for UsbKey {
    fn attached(&mut self) {
        self.power_ups = self.power_ups.wrapping_add(1);
        self.key.plug_in(Transport::Usb, self.clock.now());
    }

    fn detached(&mut self) {
        self.key.unplug(self.clock.now());
    }

    fn output(&mut self, report: &Report) {
        let now = self.catch_up();
        self.key.handle_report(report, now);
    }

    fn input(&mut self, reads: usize) -> Option<Report> {
        let now = self.catch_up();
        self.key.poll_report(reads, now)
    }

    fn unread(&mut self) {
        let now = self.catch_up();
        self.key.unread(now);
    }
}
