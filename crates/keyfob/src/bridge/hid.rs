//! The key as the host has it: CTAPHID, on the thread that never waits.

use std::time::Duration;

use ctap_client::Status;
use ctap_client::commands::code;
use hid_transport::{ChannelId, Device, Event, Kind, RequestId, Settings};
use tokio::sync::mpsc::UnboundedReceiver;
use usbip_server::{HidFunction, Report, Timed};
use virtual_key::platform::Clock;

use super::mailbox::Giver;
use super::order::{News, Order, Request, Wish};

/// A HID device whose requests are answered by a card, or by whoever looks for one. Channels take neither.
pub(super) struct BridgedKey {
    device: Device,
    clock: Clock,
    running: Option<(RequestId, Wish)>,
    /// Whose assertions can be walked through: a card knows no channels.
    walk: Option<ChannelId>,
    orders: Giver,
    news: UnboundedReceiver<News>,
}

impl BridgedKey {
    /// A key that speaks this.
    pub(super) fn new(
        (has_ctap2, has_u2f): (bool, bool),
        orders: Giver,
        news: UnboundedReceiver<News>,
    ) -> Self {
        let settings =
            Settings { cbor: has_ctap2, msg: has_u2f, wink: false, ..Settings::default() };
        let (device, clock) = (Device::new(settings), Clock::start());
        Self { device, clock, running: None, walk: None, orders, news }
    }

    /// What time it is, once what the card's side tells is taken over.
    fn catch_up(&mut self) -> Duration {
        let now = self.clock.now();
        while let Ok(news) = self.news.try_recv() {
            match news {
                News::Card { .. } => {}
                News::Waits { id, for_user } => self.device.set_waiting_for_user(id, for_user),
                News::Answer { id, message } => {
                    self.running = self.running.take().filter(|(running, _)| *running != id);
                    self.device.respond(id, &message, now);
                }
            }
        }
        now
    }

    /// Whether this asks for the next assertion of somebody else (MSG-86).
    fn walks_elsewhere(&mut self, channel: ChannelId, message: &[u8]) -> bool {
        match message.first() {
            Some(&code::GET_ASSERTION) => self.walk = Some(channel),
            Some(&code::GET_NEXT_ASSERTION) => return self.walk != Some(channel),
            _ => {}
        }
        false
    }

    /// Nobody waits for the request that runs.
    fn abandon(&mut self) {
        if let Some((_, wish)) = self.running.take() {
            wish.abandon();
        }
    }
}

impl Timed for BridgedKey {
    fn poll_timeout(&mut self) -> Option<Duration> {
        let now = self.catch_up();
        self.device.poll_timeout().map(|at| at.saturating_sub(now))
    }

    fn handle_timeout(&mut self) {
        let now = self.catch_up();
        self.device.handle_timeout(now);
    }
}

impl HidFunction for BridgedKey {
    fn attached(&mut self) {
        self.device.reset();
        self.orders.give(Order::PowerCycle);
    }

    fn detached(&mut self) {
        self.abandon();
        self.device.reset();
    }

    fn output(&mut self, report: &Report) {
        let now = self.catch_up();
        match self.device.handle_report(report, now) {
            Some(Event::Request { id, channel, kind, message }) => {
                let (message, wish) = (message.to_vec(), Wish::default());
                if kind == Kind::Cbor && self.walks_elsewhere(channel, &message) {
                    return self.device.respond(id, &[Status::NotAllowed.byte()], now);
                }
                self.running = Some((id, wish.clone()));
                self.orders.give(Order::Request(Request { id, kind, message, wish }));
            }
            Some(Event::Cancel { .. }) => {
                if let Some((_, wish)) = &self.running {
                    wish.cancel();
                }
            }
            Some(Event::Abandon { .. }) => self.abandon(),
            Some(Event::Wink { .. }) | None => {}
        }
    }

    fn input(&mut self, reads: usize) -> Option<Report> {
        let now = self.catch_up();
        self.device.poll_report(reads, now)
    }

    fn unread(&mut self) {
        self.catch_up();
        self.abandon();
        self.device.abandon();
    }
}
