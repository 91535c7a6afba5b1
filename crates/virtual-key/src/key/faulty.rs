//! Which requests of a key have which faults ([`crate::faults`]), and how their answers are sent.
//!
//! ```text
//!   reports ──► host_sent ──► Device ──► plan ──► Worker
//!   reports ◄── take ◄── sent ◄── Device ◄── answer ◄── Worker
//! ```
//!
//! A key without faults pays one branch for this: [`Faults::is_idle`].

use std::sync::Arc;
use std::time::Duration;

use ctap_core::{Channel, Overrides};
use hid_transport::{ChannelId, Command as HidCommand, Initialization, Kind, Packet, Report};
use rand_core::CryptoRng;

use super::Key;
use super::turns::RequestId;
use super::worker::Request;
use crate::faults::{
    ActiveFault, Answering, Asked, Bus, Command, Fault, FaultError, Injection, MAX_FAULTS,
    Outgoing, Requests, error, spoilt,
};
use crate::memory::stuck::{HoldUp, HoldUps};

/// The faults of a key, and the requests that have some of them.
pub(super) struct Faults {
    active: Vec<ActiveFault>,
    last_id: u32,
    exchanges: Vec<Exchange>,
    bus: Bus,
    /// Answers that come later.
    held: Vec<(Duration, RequestId, Vec<u8>)>,
    rng: Box<dyn CryptoRng + Send>,
}

/// A request that has faults.
struct Exchange {
    way: Way,
    /// Once the authenticator has heard of it.
    request: Option<RequestId>,
    faults: Vec<Fault>,
}

enum Way {
    /// A CTAPHID channel, and the state of the answer there.
    Reports(Answering),
    Card,
}

/// The faults that the authenticator carries out for a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Nothing: this is the answer.
    pub(super) status: Option<u8>,
    pub(super) overrides: Overrides,
    /// Holds up its writes.
    pub(super) stuck: Option<Arc<HoldUp>>,
}

impl Faults {
    /// None, and what faults leave open is drawn from `rng`.
    pub(super) fn new(rng: Box<dyn CryptoRng + Send>) -> Self {
        let (active, exchanges, held) = (Vec::new(), Vec::new(), Vec::new());
        Self { active, last_id: 0, exchanges, bus: Bus::default(), held, rng }
    }

    /// Nothing is wrong, and nothing is on its way that was.
    pub(super) fn is_idle(&self) -> bool {
        self.active.is_empty()
            && self.exchanges.is_empty()
            && self.bus.is_empty()
            && self.held.is_empty()
    }

    /// Adds one, behind those that are there.
    pub(super) fn add(
        &mut self,
        injection: Injection,
        recipe: Option<&'static str>,
    ) -> Result<u32, FaultError> {
        if self.active.len() >= MAX_FAULTS {
            return Err(FaultError::TooMany);
        }
        self.last_id = self.last_id.wrapping_add(1);
        let id = self.last_id;
        self.active.push(ActiveFault { id, injection, recipe });
        Ok(id)
    }

    /// Removes the fault with this number, or all. Requests that have begun keep their faults; only a stuck disk
    /// continues.
    pub(super) fn clear(&mut self, id: Option<u32>) -> Result<(), FaultError> {
        for exchange in &mut self.exchanges {
            exchange.faults.retain(|fault| !matches!(fault, Fault::StuckDisk { .. }));
        }
        let before = self.active.len();
        self.active.retain(|fault| id.is_some_and(|id| id != fault.id));
        match id {
            Some(id) if self.active.len() == before => Err(FaultError::NoSuchFault(id)),
            _ => Ok(()),
        }
    }

    pub(super) fn active(&self) -> &[ActiveFault] {
        &self.active
    }

    /// Power has come or gone: of requests nothing is left.
    pub(super) fn forget_requests(&mut self) {
        self.exchanges.clear();
        self.bus = Bus::default();
        self.held.clear();
    }

    /// The host sent a report. `true`: the key must not see it.
    pub(super) fn host_sent(&mut self, report: &Report, now: Duration) -> bool {
        let Packet::Initialization(packet) = Packet::parse(report) else { return false };
        let channel = packet.channel;
        if packet.command == HidCommand::Cancel.as_byte() {
            let found = self.exchanges.iter().find(|exchange| exchange.is_on(channel));
            return found.is_some_and(|exchange| exchange.faults.contains(&Fault::IgnoredCancel));
        }
        // Another request begins, and the one before on this channel is over.
        self.exchanges.retain(|exchange| !exchange.is_on(channel));
        if channel != ChannelId::BROADCAST {
            self.bus.forget(channel);
        }
        let asked = Asked::new(asked(&packet), packet.data, Some(channel.as_u32()));
        let faults = self.chosen(asked);
        let instead = faults.iter().find_map(|fault| match fault {
            Fault::HidError(code) => error(channel, *code),
            _ => None,
        });
        if !faults.is_empty() {
            let way = Way::Reports(Answering::new(channel, &mut *self.rng));
            self.exchanges.push(Exchange { way, request: None, faults });
        }
        if let Some(report) = &instead {
            self.sent(report, now);
        }
        instead.is_some()
    }

    /// The client of the card cancels its request. `true`: the key must not know.
    pub(super) fn keep_card_waiting(&self) -> bool {
        let of_card = self.exchanges.iter().find(|exchange| matches!(exchange.way, Way::Card));
        of_card.is_some_and(|exchange| exchange.faults.contains(&Fault::IgnoredCancel))
    }

    /// Called before the authenticator gets a request.
    pub(super) fn plan(&mut self, request: &Request, hold_ups: &mut HoldUps) -> Plan {
        let Request { id, channel: Channel(channel), kind, message, .. } = request;
        let (id, channel) = (*id, *channel);
        let is_on = |exchange: &&mut Exchange| match id {
            RequestId::Hid(_) => exchange.is_on(ChannelId::new(channel)),
            RequestId::Apdu(_) => false,
        };
        if let Some(exchange) = self.exchanges.iter_mut().find(is_on) {
            exchange.request = Some(id);
            return exchange.plan(hold_ups);
        }
        let RequestId::Apdu(_) = id else { return Plan::default() };
        let command = match (kind, message.first()) {
            (Kind::Cbor, Some(number)) => Command::Ctap2(*number),
            _ => Command::U2f,
        };
        let faults = self.chosen(Asked::new(command, message, None));
        let exchange = Exchange { way: Way::Card, request: Some(id), faults };
        let plan = exchange.plan(hold_ups);
        self.exchanges.retain(|exchange| !matches!(exchange.way, Way::Card));
        self.exchanges.extend(Some(exchange).filter(|exchange| !exchange.faults.is_empty()));
        plan
    }

    /// The authenticator answers; `None`: it is to be heard later.
    pub(super) fn answer(
        &mut self,
        id: RequestId,
        message: &[u8],
        now: Duration,
    ) -> Option<Vec<u8>> {
        let at = self.exchanges.iter().position(|exchange| exchange.request == Some(id));
        let Some(at) = at else { return Some(message.to_vec()) };
        let message = spoilt(message.to_vec(), &self.exchanges[at].faults, &mut *self.rng);
        let wait = self.exchanges[at].wait();
        if let Way::Card = self.exchanges[at].way {
            self.exchanges.remove(at);
        }
        if wait.is_zero() {
            return Some(message);
        }
        self.held.push((now.saturating_add(wait), id, message));
        None
    }

    /// An answer whose time has come.
    pub(super) fn due_answer(&mut self, now: Duration) -> Option<(RequestId, Vec<u8>)> {
        let at = self.held.iter().position(|(at, ..)| *at <= now)?;
        let (_, id, message) = self.held.remove(at);
        Some((id, message))
    }

    /// The key sends a report.
    pub(super) fn sent(&mut self, report: &Report, now: Duration) {
        let channel = Packet::parse(report).channel();
        let at = self.exchanges.iter().position(|exchange| exchange.is_on(channel));
        let Some(Exchange { way: Way::Reports(answering), faults, .. }) =
            at.and_then(|at| self.exchanges.get_mut(at))
        else {
            return self.bus.put(Outgoing::Report(*report), now);
        };
        answering.pass(report, faults, (&mut self.bus, now), &mut *self.rng);
        if answering.is_over() {
            self.exchanges.retain(|exchange| !exchange.is_on(channel));
        }
    }

    /// The thing that the host gets now.
    pub(super) fn take(&mut self, now: Duration) -> Option<Outgoing> {
        self.bus.take(now)
    }

    /// When there is more.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        let held = self.held.iter().map(|(at, ..)| *at);
        held.chain(self.bus.poll_timeout()).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Duration) {
        self.bus.handle_timeout(now);
    }

    /// The faults of this request: each counts it.
    fn chosen(&mut self, asked: Asked) -> Vec<Fault> {
        let mut chosen = Vec::new();
        for ActiveFault { injection, .. } in &mut self.active {
            if injection.is_for(asked) {
                chosen.push(injection.fault);
                if let Requests::Next(left) = &mut injection.scope.requests {
                    *left = left.saturating_sub(1);
                }
            }
        }
        self.active.retain(|fault| fault.injection.scope.requests != Requests::Next(0));
        chosen
    }
}

impl Exchange {
    fn is_on(&self, channel: ChannelId) -> bool {
        matches!(&self.way, Way::Reports(answering) if answering.channel() == channel)
    }

    fn plan(&self, hold_ups: &mut HoldUps) -> Plan {
        let status = self.faults.iter().find_map(|fault| match fault {
            Fault::Status(status) => Some(*status),
            _ => None,
        });
        let stuck = self.faults.iter().map(|fault| match fault {
            Fault::StuckDisk { wait } => *wait,
            _ => Duration::ZERO,
        });
        let stuck = hold_ups.add(stuck.sum());
        Plan { status, overrides: Fault::overrides(&self.faults), stuck }
    }

    fn wait(&self) -> Duration {
        let waits = self.faults.iter().map(|fault| match fault {
            Fault::SlowAnswer { wait } => *wait,
            _ => Duration::ZERO,
        });
        waits.sum()
    }
}

/// The command of a message, from its first packet.
fn asked(packet: &Initialization<'_>) -> Command {
    let [first, ..] = *packet.data;
    match HidCommand::from_byte(packet.command) {
        Some(HidCommand::Cbor) => Command::Ctap2(first),
        Some(HidCommand::Msg) => Command::U2f,
        _ => Command::Ctaphid(packet.command),
    }
}

impl Key {
    /// From now on, what faults leave open is drawn from this.
    pub fn draw_faults_from(&mut self, rng: Box<dyn CryptoRng + Send>) {
        self.faults.rng = rng;
    }

    /// `pull` is called when a fault unplugs the key. It must not call the key.
    pub fn pull_by(&mut self, pull: impl Fn() + Send + 'static) {
        self.pull = Some(Box::new(pull));
    }

    /// Adds a fault after those that the key has, and returns its number.
    ///
    /// # Errors
    /// [`FaultError::TooMany`]: the caller's fault.
    pub fn add_fault(
        &mut self,
        injection: Injection,
        recipe: Option<&'static str>,
    ) -> Result<u32, FaultError> {
        self.faults.add(injection, recipe)
    }

    /// The key's faults, oldest first.
    pub fn faults(&self) -> &[ActiveFault] {
        self.faults.active()
    }

    /// Removes the fault with this number, or all. Requests that have begun keep their faults; only a stuck disk continues at once.
    ///
    /// # Errors
    /// [`FaultError::NoSuchFault`]: the caller's fault.
    pub fn clear_faults(&mut self, id: Option<u32>) -> Result<(), FaultError> {
        self.hold_ups.end();
        self.faults.clear(id)
    }

    /// The host sent a report. `true`: the device must not see it.
    pub(super) fn intercept(&mut self, report: &Report, now: Duration) -> bool {
        !self.device.is_kept_out(report) && self.faults.host_sent(report, now)
    }

    /// The request with its faults; `None`: it has its answer.
    pub(super) fn planned(&mut self, request: Request, now: Duration) -> Option<Request> {
        let (id, plan) = (request.id, self.faults.plan(&request, &mut self.hold_ups));
        match plan.status {
            Some(status) => {
                self.respond(id, &[status], now);
                None
            }
            None => Some(Request { plan, ..request }),
        }
    }

    /// The authenticator answers a request that may have faults.
    pub(super) fn respond_faulty(&mut self, request: RequestId, message: &[u8], now: Duration) {
        if let Some(message) = self.faults.answer(request, message, now) {
            self.send(request, &message, now);
        }
    }

    /// The next report for the host, where reports may have faults.
    pub(super) fn poll_faulty(&mut self, reads: usize, now: Duration) -> Option<Report> {
        while let Some(report) = self.device.poll_report(reads, now) {
            self.faults.sent(&report, now);
        }
        match self.faults.take(now)? {
            Outgoing::Report(report) => Some(report),
            Outgoing::Unplug => {
                if let Some(pull) = &self.pull {
                    pull();
                }
                None
            }
        }
    }

    /// Time has passed, and answers that were held back may go.
    pub(super) fn let_faults_pass(&mut self, now: Duration) {
        self.faults.handle_timeout(now);
        while let Some((request, message)) = self.faults.due_answer(now) {
            self.send(request, &message, now);
        }
    }
}
