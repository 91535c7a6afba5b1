//! A card that the tests of readers have in common.

use std::time::Duration;

use tokio::time::Instant;
use usbip_server::{SmartCard, Timed};

/// Answers each command with itself and 9000, at once or some time later.
#[derive(Default)]
pub(crate) struct Card {
    pub(crate) insertion: Option<u32>,
    pub(crate) takes: Duration,
    pub(crate) command: Option<(Vec<u8>, Instant)>,
    pub(crate) power: Vec<bool>,
    pub(crate) aborts: usize,
}

impl Timed for Card {
    fn poll_timeout(&mut self) -> Option<Duration> {
        let at = self.command.as_ref().map(|(_, at)| *at)?;
        Some(at.saturating_duration_since(Instant::now()))
    }

    fn handle_timeout(&mut self) {}
}

impl SmartCard for Card {
    fn insertion(&self) -> Option<u32> {
        self.insertion
    }
    fn power_on(&mut self) -> Option<Vec<u8>> {
        self.power.push(true);
        Some(ATR.to_vec())
    }
    fn power_off(&mut self) {
        self.power.push(false);
    }
    fn transmit(&mut self, apdu: &[u8]) {
        self.command = Some((apdu.to_vec(), Instant::now() + self.takes));
    }
    fn response(&mut self) -> Option<Vec<u8>> {
        let (apdu, _) = self.command.take_if(|(_, at)| *at <= Instant::now())?;
        Some([&apdu[..], &[0x90, 0]].concat())
    }
    fn abort(&mut self) {
        self.aborts += 1;
        self.command = None;
    }
}

pub(crate) const ATR: [u8; 5] = [0x3B, 0x80, 0x80, 0x01, 0x01];
