//! A security key: the authenticator behind its transports, with memory, randomness and a policy for touches.
//!
//! ```text
//!   reports ──► Device ── orders: request, cancel, answer ... ──► Worker ──► Authenticator, memory
//!   reports ◄── Device ◄─ effects: waiting, response, prompts ── Worker ── Wait(question) ──► Touch
//!   APDUs ◄──► Card ─────── the same, when it is its turn ────────┘
//! ```
//!
//! A key has two halves. The first half handles reports and time, and never waits. The worker may wait, for a disk
//! or a signature. A running key's worker has a thread of its own ([`Key::on_thread`]), so that keepalives and
//! other keys go on meanwhile; short work is done without waking that thread. In simulated time the worker is
//! called directly, and everything has happened when a call returns. Time is an argument, and orders carry it
//! along. [`UsbKey`] adds the clock and goes into a `usbip-server` port, as a HID function, as a card, or as both.

mod card;
mod faulty;
mod metered;
mod owner;
mod powered;
mod reader;
mod shape;
#[cfg(test)]
mod tests;
mod thread;
mod turns;
mod usb;
mod worker;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use apdu_transport::{Card, Version};
use ctap_core::{Channel, CheckedConfig, Decision, PromptId, Question, Store, Transport};
use hid_transport::{ChannelId, Device, Event, Packet, Report};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use self::faulty::{Faults, Plan};
use self::metered::Metered;
pub use self::owner::Verification;
use self::powered::Power;
pub use self::powered::Powered;
pub use self::reader::ATR;
pub use self::shape::Shape;
use self::thread::{PowerUp, WorkerThread};
use self::turns::{RequestId, Turns, Way};
pub use self::usb::UsbKey;
use self::worker::{Effect, Open, Order, Request, Worker};
use crate::bell::Bell;
use crate::memory::stuck::HoldUps;
use crate::meter::Meter;
use crate::platform::system_rng;

/// Who answers the key's questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Touch {
    /// A person is asked, or a program that answers instead.
    Ask,
    /// Every question is approved at once; for tests only.
    Auto,
    /// Every question is refused at once.
    Deny,
}

/// What a key is built from.
pub struct Parts {
    /// Its memory, which may be durable.
    pub store: Store,
    /// Its source of randomness.
    pub rng: Box<dyn CryptoRng + Send>,
    /// Who answers its questions.
    pub touch: Touch,
    /// The bell that the key rings when a prompt opens or closes, when the key winks, and when a command or the
    /// owner may have changed its credentials.
    pub bell: Bell,
}

/// A whole security key, waiting for reports and APDUs.
pub struct Key {
    device: Device,
    card: Card,
    turns: Turns,
    faults: Faults,
    /// `None`: nobody wants to know.
    metered: Option<Box<Metered>>,
    /// Pulls the plug.
    pull: Option<Box<dyn Fn() + Send>>,
    /// They go before the worker, which may wait for one.
    hold_ups: HoldUps,
    worker: Workplace,
    /// What its thread has done and nobody has taken over yet, oldest first.
    arrived: VecDeque<(PowerUp, Effect)>,
    power_up: PowerUp,
    /// `None`: it is not plugged in.
    power: Option<Power>,
    powered: Powered,
    /// The authenticator's open prompts, as far as they are known.
    open: Open,
    bell: Bell,
    /// The prompt that the bell was last rung for.
    announced: Option<PromptId>,
    left: Option<Left>,
    has_winked: bool,
    is_working: bool,
}

/// The place where the worker runs.
enum Workplace {
    /// On the caller's thread.
    Here(Box<Worker>),
    Thread(WorkerThread),
}

/// A transaction whose client was probably interrupted: the host stopped reading while it ran (HD-53).
#[derive(Clone, Copy)]
struct Left {
    channel: ChannelId,
    /// The time since nobody reads; `None`: somebody reads, the same client or the next one.
    unread_since: Option<Duration>,
}

impl Key {
    /// Builds a key that is not plugged in yet.
    pub fn new(config: CheckedConfig, parts: Parts, now: Duration) -> Self {
        let shape = Shape::of(&config);
        let bell = parts.bell.clone();
        let worker = Worker::new(config, parts, now);
        Self {
            device: shape.device(),
            card: shape.card(worker.has_u2f()),
            turns: Turns::default(),
            faults: Faults::new(Box::new(system_rng())),
            metered: None,
            pull: None,
            hold_ups: HoldUps::default(),
            worker: Workplace::Here(Box::new(worker)),
            arrived: VecDeque::new(),
            power_up: PowerUp::default(),
            power: None,
            powered: Powered::default(),
            open: Open::default(),
            bell,
            announced: None,
            left: None,
            has_winked: false,
            is_working: false,
        }
    }

    /// Moves the worker of a key that is not plugged in yet to a thread with this name. From then on no call waits
    /// for a disk. A call waits for a signature only while no other key of `powered` has power.
    /// [`catch_up`](Self::catch_up) takes over what the thread has done. The thread ends with the key, once it has
    /// finished the order that it works on.
    ///
    /// # Errors
    /// The system gives this process no more threads.
    pub fn on_thread(self, name: String, powered: &Powered) -> io::Result<Self> {
        let worker = match self.worker {
            Workplace::Here(worker) => WorkerThread::start(*worker, name)?,
            Workplace::Thread(thread) => thread,
        };
        Ok(Self { worker: Workplace::Thread(worker), powered: powered.clone(), ..self })
    }

    /// Sets a function that is called on the key's thread, if it has one, whenever [`catch_up`](Self::catch_up) has
    /// something to take over. It must not block. Only the first call counts; later calls are ignored.
    pub fn wake_by(&self, wake: impl Fn() + Send + Sync + 'static) {
        if let Workplace::Thread(thread) = &self.worker {
            thread.wake_by(wake);
        }
    }

    /// Counts what the key does with this meter, from now on.
    pub fn count_for(&mut self, meter: Arc<Meter>) {
        self.metered = Some(Box::new(Metered::new(meter)));
    }

    /// Takes over what the key's thread has done. Afterwards there may be reports to read, and another deadline.
    ///
    /// # Panics
    /// If the key's thread panicked.
    pub fn catch_up(&mut self, now: Duration) {
        let Workplace::Thread(thread) = &mut self.worker else { return };
        self.arrived.extend(thread.take_effects());
        // One by one: what is taken over may give the next order, which comes after all that has arrived.
        while let Some((power_up, effect)) = self.arrived.pop_front() {
            if power_up == self.power_up {
                self.apply(effect, now);
            }
        }
    }

    /// Power comes, over this transport: the key forgets everything that is not in the store (HD-44, NF-07).
    pub fn plug_in(&mut self, transport: Transport, now: Duration) {
        self.power = Some(self.powered.up());
        self.switch_power(Order::PlugIn { transport, now }, now);
    }

    /// A person lays the key on a reader: a reset over NFC needs that (RS-19). Power is a separate matter: a reader
    /// can give and take power several times during one tap, or never ([`plug_in`](Self::plug_in),
    /// [`unplug`](Self::unplug)).
    pub fn tap(&mut self, now: Duration) {
        self.order(Order::Tap { now }, now);
    }

    /// Power goes: no client waits for an answer any more. A write that has begun still ends, but no client is
    /// told.
    pub fn unplug(&mut self, now: Duration) {
        self.power = None;
        self.switch_power(Order::Unplug, now);
    }

    /// The host sent a report.
    pub fn handle_report(&mut self, report: &Report, now: Duration) {
        self.let_in(report, now);
        if !self.faults.is_idle() && self.intercept(report, now) {
            return;
        }
        match self.device.handle_report(report, now) {
            Some(Event::Request { id, channel, kind, message }) => {
                tracing::info!(%channel, command = message.first(), length = message.len());
                let (channel, message) = (Channel(channel.as_u32()), message.to_vec());
                let id = RequestId::Hid(id);
                let plan = Plan::default();
                self.begin(Request { id, channel, kind, message, now, plan }, now);
            }
            Some(Event::Cancel { channel }) => {
                self.cancel(Way::Reports, Channel(channel.as_u32()), now);
            }
            Some(Event::Abandon { .. }) => self.abandon(Way::Reports, now),
            Some(Event::Wink { .. }) => {
                self.has_winked = true;
                self.bell.ring();
            }
            None => {}
        }
    }

    /// The next report for the host. `reads` is how many reads the host has waiting; 0: that cannot be seen.
    pub fn poll_report(&mut self, reads: usize, now: Duration) -> Option<Report> {
        if let Some(left) = &mut self.left {
            left.unread_since = None;
        }
        match self.faults.is_idle() {
            true => self.device.poll_report(reads, now),
            false => self.poll_faulty(reads, now),
        }
    }

    /// The host has stopped reading. If a request runs, its client was probably interrupted. Unless the host reads
    /// again soon, the key stops asking a person for that request; and when the host reads again, a request of any
    /// other client comes first.
    pub fn unread(&mut self, now: Duration) {
        let left = |channel| Left { channel, unread_since: Some(now) };
        self.left = self.device.transaction().map(left);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Duration> {
        let reader = self.left_transaction().and_then(|left| left.unread_since);
        let reader = reader.map(|since| since.saturating_add(READER_GONE));
        let transports = [self.device.poll_timeout(), self.card.poll_timeout()];
        let others = [self.open.deadline, reader, self.faults.poll_timeout()];
        transports.into_iter().chain(others).flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        let unread_since = self.left_transaction().and_then(|left| left.unread_since);
        if unread_since.is_some_and(|since| since.saturating_add(READER_GONE) <= now) {
            self.give_up(now);
        }
        if !self.faults.is_idle() {
            self.let_faults_pass(now);
        }
        self.device.handle_timeout(now);
        self.card.handle_timeout(now);
        // Reported once: the result of this one brings the next deadline.
        if self.open.deadline.take_if(|deadline| *deadline <= now).is_some() {
            self.order(Order::Timeout { now }, now);
        }
    }

    /// Somebody has answered a prompt. The receiver is told whether the prompt was still open; if not, nothing
    /// happened. If power goes first, the receiver is told nothing, and nothing happened either.
    pub fn answer(
        &mut self,
        prompt: PromptId,
        decision: Decision,
        now: Duration,
    ) -> oneshot::Receiver<bool> {
        let (reply, answered) = oneshot::channel();
        self.order(Order::Answer { prompt, decision, now, reply }, now);
        answered
    }

    /// The question that a person is asked now, and the time at which it ends.
    pub fn prompt(&self) -> Option<(PromptId, Question, Duration)> {
        self.prompts().next()
    }

    /// All prompts that can be answered, the one of [`prompt`](Self::prompt) first. Several U2F clients may want a
    /// touch at the same time.
    pub fn prompts(&self) -> impl Iterator<Item = (PromptId, Question, Duration)> {
        self.open.prompts.iter().cloned()
    }

    /// Whether a client has asked the key to wink since the last call (HD-61).
    pub fn take_wink(&mut self) -> bool {
        std::mem::take(&mut self.has_winked)
    }

    /// Whether the key's thread works on a request of the host, and nobody is asked anything.
    pub fn is_working(&self) -> bool {
        self.is_working
    }

    /// The transaction that was left, if it still runs.
    fn left_transaction(&self) -> Option<Left> {
        self.left.filter(|left| self.device.transaction() == Some(left.channel))
    }

    /// Makes way for this report, if all that keeps it out is a request whose client is gone. A client that is heard of is not.
    fn let_in(&mut self, report: &Report, now: Duration) {
        let Some(left) = self.left_transaction() else { return };
        if Packet::parse(report).channel() == left.channel {
            self.left = None;
        } else if self.device.is_kept_out(report) {
            self.give_up(now);
        }
    }

    /// Forgets the transaction that runs.
    fn give_up(&mut self, now: Duration) {
        self.left = None;
        self.device.abandon();
        self.faults.forget_requests();
        self.abandon(Way::Reports, now);
    }

    /// A client asks.
    fn begin(&mut self, request: Request, now: Duration) {
        if let Some(metered) = &mut self.metered {
            metered.began(&request);
        }
        let request = match self.faults.is_idle() {
            true => Some(request),
            false => self.planned(request, now),
        };
        let request = request.and_then(|request| self.turns.begin(request));
        self.go_on(request, now);
    }

    /// Gives the worker the request whose turn it is.
    fn go_on(&mut self, request: Option<Request>, now: Duration) {
        if let Some(request) = request {
            self.order(Order::Request(request), now);
        }
    }

    /// The client that this channel stands for wants its request to end (HD-81, NF-32).
    fn cancel(&mut self, way: Way, channel: Channel, now: Duration) {
        match self.turns.take_waiting(way) {
            Some(request) => self.respond(request.id, &[KEEPALIVE_CANCEL], now),
            None => self.order(Order::Cancel(channel), now),
        }
    }

    /// Nobody waits for what came this way any more. What came the other way goes on.
    fn abandon(&mut self, way: Way, now: Duration) {
        let is_others = [Way::Reports, Way::Apdus]
            .iter()
            .any(|other| *other != way && self.turns.is_running(*other));
        let next = self.turns.abandoned(way);
        if !is_others {
            self.order(Order::Abandon, now);
        }
        self.go_on(next, now);
    }

    fn respond(&mut self, request: RequestId, message: &[u8], now: Duration) {
        if let Some(metered) = &mut self.metered {
            metered.answered(request, message, now);
        }
        match self.faults.is_idle() {
            true => self.send(request, message, now),
            false => self.respond_faulty(request, message, now),
        }
    }

    fn send(&mut self, request: RequestId, message: &[u8], now: Duration) {
        match request {
            RequestId::Hid(id) => self.device.respond(id, message, now),
            RequestId::Apdu(id) => self.card.respond(id, message),
        }
    }

    fn set_waiting_for_user(&mut self, request: RequestId, waiting: bool) {
        match request {
            RequestId::Hid(id) => self.device.set_waiting_for_user(id, waiting),
            RequestId::Apdu(id) => self.card.set_waiting_for_user(id, waiting),
        }
    }

    fn count_wait(&mut self, request: RequestId, is_waiting: bool, now: Duration) {
        if let Some(metered) = &mut self.metered {
            metered.set_waiting(request, is_waiting, now);
        }
    }

    /// Another life begins, with power or without.
    fn switch_power(&mut self, order: Order, now: Duration) {
        self.device.reset();
        self.card.reset();
        self.turns = Turns::default();
        self.faults.forget_requests();
        self.power_up = self.power_up.next();
        self.open = Open::default();
        self.announce();
        self.order(order, now);
    }

    /// Has the worker carry this out, now or when it comes to it.
    fn order(&mut self, order: Order, now: Duration) {
        let is_request = matches!(order, Order::Request(_));
        match self.worker.order(self.power_up, order, self.powered.is_one()) {
            Some(effects) => {
                // Earlier results of the thread come first.
                self.catch_up(now);
                effects.into_iter().for_each(|effect| self.apply(effect, now));
            }
            None => self.is_working = is_request,
        }
    }

    fn apply(&mut self, effect: Effect, now: Duration) {
        self.is_working = matches!(effect, Effect::Asked(_) | Effect::Decided { .. });
        let mut next = None;
        match effect {
            Effect::Waiting { request, open } => {
                self.set_waiting_for_user(request, true);
                self.count_wait(request, true, now);
                self.open = open;
            }
            Effect::Asked(request) => {
                self.set_waiting_for_user(request, true);
                self.set_waiting_for_user(request, false);
            }
            Effect::Decided { prompt, request } => {
                if let Some(request) = request {
                    self.set_waiting_for_user(request, false);
                    self.count_wait(request, false, now);
                }
                self.open.prompts.retain(|(open, ..)| *open != prompt);
                self.open.deadline = None;
            }
            Effect::Done { response, open, has_u2f, is_about_credentials } => {
                self.card.set_version(version(has_u2f));
                if is_about_credentials {
                    self.bell.ring();
                }
                if let Some((request, message)) = response {
                    self.respond(request, &message, now);
                    next = self.turns.answered(request);
                }
                self.open = open;
            }
        }
        self.announce();
        self.go_on(next, now);
    }

    /// Rings if what is asked is not what it was when the bell last rang.
    fn announce(&mut self) {
        let foremost = self.open.prompts.first().map(|(prompt, ..)| *prompt);
        if foremost != self.announced {
            self.announced = foremost;
            self.bell.ring();
            if let (Some(_), Some(metered)) = (foremost, &self.metered) {
                metered.prompted();
            }
        }
    }
}

impl Workplace {
    /// Carries the order out here, or hands it over to the thread: then its effects come later.
    fn order(&mut self, power_up: PowerUp, order: Order, is_alone: bool) -> Option<Vec<Effect>> {
        let mut effects = Vec::new();
        let mut tell = |effect| effects.push(effect);
        match self {
            Self::Here(worker) => worker.take(order, &mut tell),
            Self::Thread(thread) => {
                let idle = thread.idle_worker().filter(|idle| idle.is_quick(&order, is_alone));
                let Some(mut worker) = idle else {
                    thread.send(power_up, order);
                    return None;
                };
                worker.take(order, &mut tell);
            }
        }
        Some(effects)
    }
}

/// The answer to SELECT (NF-02).
const fn version(has_u2f: bool) -> Version {
    if has_u2f { Version::U2fV2 } else { Version::Fido20 }
}

/// Time without a reader after which a request that waits for a person has no client any more. Longer than a client
/// takes to open the device node again.
const READER_GONE: Duration = Duration::from_secs(1);

/// CTAP2_ERR_KEEPALIVE_CANCEL.
const KEEPALIVE_CANCEL: u8 = 0x2D;
