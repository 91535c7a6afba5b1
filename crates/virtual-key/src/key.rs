//! A security key: the authenticator behind its transport, with memory, randomness and a policy for touches.
//!
//! ```text
//!   reports ──► Device ── Request, Cancel, Abandon ──► Authenticator ── Wait(question) ──► Touch
//!   reports ◄── Device ◄──────── respond ───────────── Authenticator ◄──── answer ───────── ask: front ends
//! ```
//!
//! Everything is a direct call; time is an argument. [`UsbKey`] adds the clock and goes into a `usbip-server` port.

#[cfg(test)]
mod tests;
mod usb;

use ctap_core::{
    Authenticator, Channel, CheckedConfig, Decision, Instant, Platform, PromptId, Question,
    Response, Step, Store,
};
use hid_transport::{ChannelId, Device, Event, Kind, Packet, Report, RequestId, Settings};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

pub use self::usb::UsbKey;
use crate::bell::Bell;
use crate::platform::without_traces;
use crate::sites;

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Touch {
    /// A person is asked, or whoever answers in their place.
    Ask,
    /// Everything is approved at once; for tests only.
    Auto,
    /// Everything is refused at once.
    Deny,
}

/// What a key is built from.
pub struct Parts {
    /// Its durable memory.
    pub store: Box<dyn Store>,
    /// Its randomness.
    pub rng: Box<dyn CryptoRng>,
    /// Who answers its questions.
    pub touch: Touch,
    /// Rung when a prompt opens or closes, and when the key winks.
    pub bell: Bell,
}

/// A whole security key, waiting for reports.
pub struct Key {
    authenticator: Authenticator,
    device: Device,
    /// The last request.
    request: Option<RequestId>,
    parts: Parts,
    /// The prompt that the bell was last rung for.
    announced: Option<PromptId>,
    left: Option<Left>,
    has_winked: bool,
}

/// A transaction whose client was probably interrupted: the host stopped reading while it ran (HD-53).
#[derive(Clone, Copy)]
struct Left {
    channel: ChannelId,
    /// Since when nobody reads; `None`: somebody does again, that client or the next one.
    unread_since: Option<Instant>,
}

impl Key {
    /// Builds a key that is not plugged in yet.
    pub fn new(config: CheckedConfig, mut parts: Parts, now: Instant) -> Self {
        let settings = Settings {
            version: VERSION.map(number),
            cbor: !config.versions.is_empty(),
            msg: config.u2f,
            ..Settings::default()
        };
        let authenticator = without_traces(|| Authenticator::new(config, &mut parts.platform(now)));
        let device = Device::new(settings);
        Self {
            authenticator,
            device,
            request: None,
            parts,
            announced: None,
            left: None,
            has_winked: false,
        }
    }

    /// Power comes: all that is not in the store is forgotten (HD-44).
    pub fn plug_in(&mut self, now: Instant) {
        self.device.reset();
        without_traces(|| self.authenticator.power_cycle(&mut self.parts.platform(now)));
        self.announce();
    }

    /// Power goes: nobody waits for an answer any more.
    pub fn unplug(&mut self) {
        self.device.reset();
        self.authenticator.power_off();
        self.announce();
    }

    /// The host sent a report.
    pub fn handle_report(&mut self, report: &Report, now: Instant) {
        self.let_in(report);
        match self.device.handle_report(report, hid(now)) {
            Some(Event::Request { id, channel, kind, message }) => {
                self.request = Some(id);
                tracing::info!(%channel, command = message.first(), length = message.len());
                let mut platform = self.parts.platform(now);
                let channel = Channel(channel.as_u32());
                let step = without_traces(|| match kind {
                    Kind::Cbor => self.authenticator.handle(channel, message, &mut platform),
                    Kind::Msg => self.authenticator.handle_u2f(channel, message, &mut platform),
                });
                self.proceed(step, now);
            }
            Some(Event::Cancel { channel }) => {
                let response = self.authenticator.cancel(Channel(channel.as_u32()));
                self.respond(response, now);
            }
            Some(Event::Abandon { .. }) => self.authenticator.abandon(),
            Some(Event::Wink { .. }) => {
                self.has_winked = true;
                self.parts.bell.ring();
            }
            None => return,
        }
        self.announce();
    }

    /// The next report for a host that has so many reads waiting, at least one.
    pub fn poll_report(&mut self, reads: usize, now: Instant) -> Option<Report> {
        if let Some(left) = &mut self.left {
            left.unread_since = None;
        }
        self.device.poll_report(reads, hid(now))
    }

    /// The host has stopped reading. If a request runs, its client was probably interrupted: unless somebody reads again soon,
    /// nobody is to be asked for it any more; and once somebody does, any other client's request comes first.
    pub fn unread(&mut self, now: Instant) {
        let left = |channel| Left { channel, unread_since: Some(now) };
        self.left = self.device.transaction().map(left);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        let device = self.device.poll_timeout().map(|at| Instant::from_millis(at.as_millis()));
        let reader = self.left_transaction().and_then(|left| left.unread_since);
        let reader = reader.map(|since| since.plus(READER_GONE));
        [device, self.authenticator.poll_timeout(), reader].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let unread_since = self.left_transaction().and_then(|left| left.unread_since);
        if unread_since.is_some_and(|since| since.plus(READER_GONE) <= now) {
            self.give_up();
        }
        self.device.handle_timeout(hid(now));
        let response = self.authenticator.handle_timeout(now);
        self.respond(response, now);
        self.announce();
    }

    /// Somebody decided. `false`: nobody waits for that prompt any more, and nothing happened.
    pub fn answer(&mut self, prompt: PromptId, decision: Decision, now: Instant) -> bool {
        let mut platform = self.parts.platform(now);
        let answer = || self.authenticator.answer(prompt, decision, &mut platform);
        let Some(step) = without_traces(answer) else { return false };
        self.proceed(step, now);
        self.announce();
        true
    }

    /// What a person is asked right now, and until when.
    pub fn prompt(&self) -> Option<(PromptId, Question, Instant)> {
        self.prompts().next()
    }

    /// Every prompt that can be answered, that one first: several U2F clients may want a touch.
    pub fn prompts(&self) -> impl Iterator<Item = (PromptId, Question, Instant)> {
        let prompts = self.authenticator.prompts();
        prompts.map(|(prompt, question, until)| (prompt, self.named(question), until))
    }

    /// Whether somebody wanted to see which key this is, since the last call (HD-61).
    pub fn take_wink(&mut self) -> bool {
        std::mem::take(&mut self.has_winked)
    }

    /// The transaction that was left, if it still runs.
    fn left_transaction(&self) -> Option<Left> {
        self.left.filter(|left| self.device.transaction() == Some(left.channel))
    }

    /// Makes way for this report, if all that keeps it out is a request whose client is gone. A client that is heard of is not.
    fn let_in(&mut self, report: &Report) {
        let Some(left) = self.left_transaction() else { return };
        if Packet::parse(report).channel() == left.channel {
            self.left = None;
        } else if self.device.is_kept_out(report) {
            self.give_up();
        }
    }

    /// Forgets the transaction that runs.
    fn give_up(&mut self) {
        self.left = None;
        self.authenticator.abandon();
        self.device.abandon();
        self.announce();
    }

    fn proceed(&mut self, step: Step, now: Instant) {
        match step {
            Step::Reply(response) => self.respond(Some(response), now),
            Step::Wait(prompt, question) => self.wait(prompt, &question, now),
            Step::Kept => {}
        }
    }

    /// Every question shows as KEEPALIVE(UPNEEDED), one that is answered at once too (HD-76).
    fn wait(&mut self, prompt: PromptId, question: &Question, now: Instant) {
        tracing::debug!(%prompt, question = ?self.named(question), "a person is needed");
        if let Some(request) = self.request {
            self.device.set_waiting_for_user(request, true);
        }
        match self.parts.touch {
            Touch::Ask => {}
            Touch::Auto => drop(self.answer(prompt, Decision::Approve, now)),
            Touch::Deny => drop(self.answer(prompt, Decision::Deny, now)),
        }
    }

    /// With the name of the site that a U2F request means, if anybody here knows it.
    fn named(&self, question: &Question) -> Question {
        let credentials = &self.parts.store.state().credentials;
        let accounts = credentials.iter().filter_map(|credential| credential.account.as_ref());
        let stored = accounts.map(|account| account.rp.id.as_str());
        let mut question = question.clone();
        if let (None, Some(application)) = (&question.rp_id, &question.application) {
            question.rp_id = sites::behind(application, stored).map(str::to_owned);
        }
        question
    }

    fn respond(&mut self, response: Option<Response>, now: Instant) {
        if let Some((Response { channel, message }, request)) = response.zip(self.request) {
            let channel = ChannelId::new(channel.0);
            tracing::info!(%channel, status = message.first(), length = message.len());
            self.device.respond(request, &message, hid(now));
        }
    }

    /// Rings if what is asked is not what it was when the bell last rang.
    fn announce(&mut self) {
        let open = self.authenticator.prompt().map(|(prompt, ..)| prompt);
        if open != self.announced {
            self.announced = open;
            self.parts.bell.ring();
        }
    }
}

impl Parts {
    fn platform(&mut self, now: Instant) -> Platform<'_> {
        Platform { store: &mut *self.store, rng: &mut *self.rng, now }
    }
}

/// Both pure crates count milliseconds from an origin of our choice: the same one.
fn hid(instant: Instant) -> hid_transport::Instant {
    hid_transport::Instant::new(instant.as_millis())
}

fn number(text: &str) -> u8 {
    text.parse().unwrap_or(u8::MAX)
}

/// Milliseconds without a reader after which a request that waits for a person has no client any more. Longer than a client
/// takes to open the device node again.
const READER_GONE: u64 = 1000;

/// Major, minor and build, as INIT tells them (HD-35).
const VERSION: [&str; 3] = [
    env!("CARGO_PKG_VERSION_MAJOR"),
    env!("CARGO_PKG_VERSION_MINOR"),
    env!("CARGO_PKG_VERSION_PATCH"),
];
