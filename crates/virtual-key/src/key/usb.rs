//! The key as `usbip-server` drives it: the same calls, with the time added.

use std::time::Instant as SystemInstant;

use usbip_server::{HidFunction, Report};

use super::Key;
use crate::platform::Clock;

/// A key with a clock, behind a USB interface.
pub struct UsbKey {
    /// The key.
    pub key: Key,
    /// What it takes the time from.
    pub clock: Clock,
    /// How often it was plugged in.
    pub power_ups: u32,
}

impl HidFunction for UsbKey {
    fn attached(&mut self) {
        self.power_ups = self.power_ups.wrapping_add(1);
        self.key.plug_in(self.clock.now());
    }

    fn detached(&mut self) {
        self.key.unplug();
    }

    fn output(&mut self, report: &Report) {
        self.key.handle_report(report, self.clock.now());
    }

    fn input(&mut self, reads: usize) -> Option<Report> {
        self.key.poll_report(reads, self.clock.now())
    }

    fn unread(&mut self) {
        self.key.unread(self.clock.now());
    }

    fn poll_timeout(&mut self) -> Option<SystemInstant> {
        self.key.poll_timeout().and_then(|instant| self.clock.system(instant))
    }

    fn handle_timeout(&mut self) {
        self.key.handle_timeout(self.clock.now());
    }
}
