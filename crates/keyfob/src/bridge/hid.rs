//! The key as the host has it: CTAPHID, on the thread that never waits.

use std::sync::mpsc::Sender;
use std::time::Duration;

use ctap_client::commands::code::GET_INFO;
use hid_transport::{Device, Event, Kind, RequestId, Settings};
use tokio::sync::mpsc::UnboundedReceiver;
use usbip_server::{HidFunction, Report};
use virtual_key::platform::Clock;

use super::order::{News, Order, Wish};

/// A HID device whose requests a card answers. INIT, PING, and getInfo once a card has told it, take no card.
pub(super) struct BridgedKey {
    device: Device,
    clock: Clock,
    /// The reply to getInfo of the last card.
    info: Option<Vec<u8>>,
    running: Option<(RequestId, Wish)>,
    orders: Sender<Order>,
    news: UnboundedReceiver<News>,
}

impl BridgedKey {
    /// A key like the card that said this.
    pub(super) fn new(
        (info, has_u2f): (Option<Vec<u8>>, bool),
        orders: Sender<Order>,
        news: UnboundedReceiver<News>,
    ) -> Self {
        let settings =
            Settings { cbor: info.is_some(), msg: has_u2f, wink: false, ..Settings::default() };
        let (device, clock) = (Device::new(settings), Clock::start());
        Self { device, clock, info, running: None, orders, news }
    }

    /// What time it is, once what the card's side tells is taken over.
    fn catch_up(&mut self) -> Duration {
        let now = self.clock.now();
        while let Ok(news) = self.news.try_recv() {
            match news {
                News::Card { info, .. } => self.info = info,
                News::Waits { id, for_user } => self.device.set_waiting_for_user(id, for_user),
                News::Answer { id, message } => {
                    self.running = self.running.take().filter(|(running, _)| *running != id);
                    self.device.respond(id, &message, now);
                }
            }
        }
        now
    }

    /// Nobody waits for the request that runs.
    fn abandon(&mut self) {
        if let Some((_, wish)) = self.running.take() {
            wish.abandon();
        }
    }
}

impl HidFunction for BridgedKey {
    fn attached(&mut self) {
        self.device.reset();
    }

    fn detached(&mut self) {
        self.abandon();
        self.device.reset();
    }

    fn output(&mut self, report: &Report) {
        let now = self.catch_up();
        match self.device.handle_report(report, now) {
            Some(Event::Request { id, kind, message, .. }) => {
                let known =
                    self.info.clone().filter(|_| kind == Kind::Cbor && message == [GET_INFO]);
                match known {
                    Some(info) => self.device.respond(id, &info, now),
                    None => {
                        let wish = Wish::default();
                        let message = message.to_vec();
                        self.running = Some((id, wish.clone()));
                        // Without the other thread there is no bridge, and nobody to tell.
                        let _ = self.orders.send(Order { id, kind, message, wish });
                    }
                }
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

    fn poll_timeout(&mut self) -> Option<Duration> {
        let now = self.catch_up();
        self.device.poll_timeout().map(|at| at.saturating_sub(now))
    }

    fn handle_timeout(&mut self) {
        let now = self.catch_up();
        self.device.handle_timeout(now);
    }
}
