//! The authenticator: one request at a time in, one response out, at most one question in between.

mod inside;
mod u2f;

pub use self::inside::{FingerError, Misfit};

use alloc::vec::Vec;
use core::time::Duration;

use rand_core::CryptoRng;

use crate::channel::Channel;
use crate::commands::u2f::ASK_AGAIN;
use crate::commands::{self, Ask, Context, Outcome, Reply, Unanswered, Waiting};
use crate::config::{CheckedConfig, Config};
use crate::consent::{Decision, Finger, PromptId, Question, UserPresent};
use crate::counter::SignCounter;
use crate::overrides::Overrides;
use crate::policy::Policy;
use crate::session::Session;
use crate::status::Status;
use crate::store::Store;
use crate::taps::{Tap, Taps};
use crate::touches::Touches;
use crate::transport::Transport;
use crate::uses::Uses;

/// What the authenticator borrows for the length of one call: its durable memory, its randomness, and the time.
pub struct Platform<'a> {
    /// Durable memory.
    pub store: &'a mut Store,
    /// Cryptographically secure randomness.
    pub rng: &'a mut dyn CryptoRng,
    /// The present time, as the time since an origin of the caller's choice, on a clock that never goes back. Only
    /// differences matter.
    pub now: Duration,
}

/// How far a request got. A program must handle each of these, so a new variant would be a breaking change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// The request is done: send this response.
    Reply(Response),
    /// A person must decide first. Show them the question, and give their decision to [`Authenticator::answer`].
    Wait(PromptId, Question),
    /// There is nothing to send. Either a touch is kept for the U2F client, which will ask again (UF-34), or the
    /// request was refused.
    Kept,
}

/// A response, and the channel to send it on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Response {
    /// The channel of the request.
    pub channel: Channel,
    /// The status byte, and the output of a successful command; 1 to [`MAX_MESSAGE`](crate::limits::MAX_MESSAGE) bytes.
    pub message: Vec<u8>,
}

/// A FIDO2 authenticator without I/O.
///
/// ```text
///            handle                     answer, cancel, handle_timeout
///   Idle ─────────────▶ Waiting(prompt) ──────────────────────────────▶ Idle + Response
///     └─▶ Response         │    abandon, power_off, power_cycle
///                          └─────────────────────────▶ Idle, no response
/// ```
///
/// There are three kinds of methods.
///
/// *Something has happened*: [`handle`](Self::handle), [`handle_u2f`](Self::handle_u2f), [`answer`](Self::answer),
/// [`cancel`](Self::cancel), [`abandon`](Self::abandon), [`power_off`](Self::power_off),
/// [`power_cycle`](Self::power_cycle), [`tap`](Self::tap), [`handle_timeout`](Self::handle_timeout).
///
/// *What to do next*: [`poll_timeout`](Self::poll_timeout). Its result changes only when one of the methods above
/// was called.
///
/// *Getters*: [`prompt`](Self::prompt), [`prompts`](Self::prompts), [`may_write`](Self::may_write),
/// [`has_u2f`](Self::has_u2f), [`config`](Self::config).
///
/// The owner of the key can also change it without CTAP and without a touch:
/// [`credential_sources`](Self::credential_sources) and the methods after it.
pub struct Authenticator {
    config: CheckedConfig,
    session: Session,
    taps: Taps,
    counter: SignCounter,
    uses: Uses,
    pending: Option<Pending>,
    next_prompt: PromptId,
    overrides: Overrides,
}

/// A CTAP2 request that gets no response before a person has answered.
struct Pending {
    prompt: PromptId,
    channel: Channel,
    deadline: Duration,
    question: Question,
    waiting: Waiting,
}

impl Authenticator {
    /// Plugs the key in: this is its power-up, over one of the configuration's [`transports`](Config::transports). `now` opens the
    /// ten seconds in which a reset is accepted (RS-03).
    pub fn new(config: CheckedConfig, transport: Transport, platform: &mut Platform<'_>) -> Self {
        let mut taps = Taps::default();
        let start = config.credentials.sign_count_start();
        Self {
            config,
            session: power_up(transport, &mut taps, platform),
            taps,
            counter: SignCounter::new(start, platform.store),
            uses: Uses::default(),
            pending: None,
            next_prompt: PromptId(1),
            overrides: Overrides::default(),
        }
    }

    /// Unplugs the key. An open request and a touch that was kept are dropped; there is no response to send.
    pub fn power_off(&mut self) {
        self.pending = None;
        self.session.touches = Touches::default();
    }

    /// Unplugs the key and plugs it in again, over this transport. The key forgets everything that is not in the
    /// store, also a waiting request. For a key on a reader, call this each time that the reader gives it power.
    pub fn power_cycle(&mut self, transport: Transport, platform: &mut Platform<'_>) {
        self.power_off();
        self.session = power_up(transport, &mut self.taps, platform);
    }

    /// A person lays the key on a reader. This does not give it power: [`power_cycle`](Self::power_cycle) does. The tap counts
    /// for a reset over NFC (RS-19); if a program only makes the reader give power to the key again, that is not a tap.
    pub const fn tap(&mut self, now: Duration) {
        self.taps.tap(now);
    }

    /// Sets what taps mean from now on; the default is [`Tap::Agrees`]. It stays after power cycles.
    pub const fn set_tap(&mut self, meaning: Tap) {
        self.taps.set_meaning(meaning);
    }

    /// Sets what is wrong in signatures from now on; the default is nothing. It stays after power cycles.
    pub const fn set_overrides(&mut self, overrides: Overrides) {
        self.overrides = overrides;
    }

    /// Runs one CTAP message, `command ‖ CBOR`, as far as it goes.
    ///
    /// Every fault of the message is a [`Status`] in the response. While another request waits for a person the answer is
    /// [`Status::ChannelBusy`], and the waiting one is not disturbed.
    pub fn handle(
        &mut self,
        channel: Channel,
        message: &[u8],
        platform: &mut Platform<'_>,
    ) -> Step {
        if self.is_busy() {
            return Step::Reply(Response::refusal(channel, Status::ChannelBusy));
        }
        self.session.token.expire(platform.now);
        let outcome = commands::start(message, &mut self.context(channel, platform));
        self.step(channel, outcome, platform.now)
    }

    /// Whether [`handle`](Self::handle) with this message, or an [`answer`](Self::answer) to its question, may use
    /// the memory, and so wait for a disk. `false` is certain: then the request only reads or computes, or the memory
    /// is [instant](crate::Memory::is_instant).
    #[must_use]
    pub fn may_write(&self, message: &[u8], store: &Store) -> bool {
        if store.is_instant() {
            return false;
        }
        let policy = Policy { config: &self.config, state: store.state() };
        commands::may_write(message, policy, &self.counter)
    }

    /// A person has decided. `None`: that prompt is no longer open, and nothing happened.
    pub fn answer(
        &mut self,
        prompt: PromptId,
        decision: Decision,
        platform: &mut Platform<'_>,
    ) -> Option<Step> {
        if let Some(touch) = self.session.touches.take_wanted(prompt) {
            let agreed = decision.finger().is_some_and(Finger::is_touch);
            let present = agreed.then(UserPresent::approved);
            return Some(self.decide_u2f(touch, present, platform));
        }
        let Pending { channel, waiting, .. } =
            self.pending.take_if(|pending| pending.prompt == prompt)?;
        let finger = decision.finger().filter(|finger| waiting.wants_finger() || finger.is_touch());
        let agreed = finger.map(|finger| (finger, UserPresent::approved()));
        let outcome = self.decide(waiting, agreed, channel, platform);
        Some(self.step(channel, outcome, platform.now))
    }

    /// The platform cancelled the request of this channel (HD-81). `None`: no request waits on it.
    pub fn cancel(&mut self, channel: Channel) -> Option<Response> {
        self.pending.take_if(|pending| pending.channel == channel)?;
        Some(Response::refusal(channel, Status::KeepaliveCancel))
    }

    /// The waiting client is gone, or has started again: its request is dropped. There is no response to send.
    /// Touches for U2F clients stay, because those clients ask again.
    pub fn abandon(&mut self) {
        self.pending = None;
        self.session.touches.abandon();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing else happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let pending = self.pending.as_ref().map(|pending| pending.deadline);
        pending.into_iter().chain(self.session.touches.next_deadline()).min()
    }

    /// Time has passed, and a prompt may have timed out. `None`: it is not time yet, or there is no response to
    /// send.
    pub fn handle_timeout(&mut self, now: Duration) -> Option<Response> {
        if let Some(channel) = self.session.touches.pass_time(now) {
            return Some(Response { channel, message: ASK_AGAIN.to_vec() });
        }
        let pending = self.pending.take_if(|pending| pending.deadline <= now)?;
        Some(Response::new(pending.channel, pending.waiting.refuse(Unanswered::TimedOut)))
    }

    /// The question that a person is asked now, and the time at which it ends: the first one of
    /// [`prompts`](Self::prompts).
    #[must_use]
    pub fn prompt(&self) -> Option<(PromptId, &Question, Duration)> {
        self.prompts().next()
    }

    /// Every prompt that can be answered. The first one is that of the request that waits for its response. The
    /// others are those of U2F clients; the client that asked for something new most recently comes first.
    pub fn prompts(&self) -> impl Iterator<Item = (PromptId, &Question, Duration)> {
        let pending = self.pending.as_ref();
        let pending = pending.map(|open| (open.prompt, &open.question, open.deadline));
        pending.into_iter().chain(self.session.touches.wanted())
    }

    /// Whether U2F works now: alwaysUv switches it off while it is on (UF-50).
    #[must_use]
    pub fn has_u2f(&self, store: &Store) -> bool {
        Policy { config: &self.config, state: store.state() }.u2f()
    }

    /// The configuration that the authenticator was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A request waits for its response.
    fn is_busy(&self) -> bool {
        self.pending.is_some() || self.session.touches.is_awaited()
    }

    /// `agreed`: what the person did, unless they refused.
    fn decide(
        &mut self,
        waiting: Waiting,
        agreed: Option<(Finger, UserPresent)>,
        channel: Channel,
        platform: &mut Platform<'_>,
    ) -> Result<Outcome, Status> {
        match agreed {
            Some((finger, present)) => {
                waiting.commit(finger, present, &mut self.context(channel, platform))
            }
            None => waiting.refuse(Unanswered::Denied).map(Outcome::Done),
        }
    }

    fn step(&mut self, channel: Channel, outcome: Result<Outcome, Status>, now: Duration) -> Step {
        match outcome {
            Ok(Outcome::Ask(Ask { question, waiting, timeout })) => {
                let (prompt, deadline) = (self.new_prompt(), now.saturating_add(timeout));
                let asked = question.clone();
                self.pending = Some(Pending { prompt, channel, deadline, question, waiting });
                Step::Wait(prompt, asked)
            }
            Ok(Outcome::Done(reply)) => Step::Reply(Response::new(channel, Ok(reply))),
            Err(status) => Step::Reply(Response::refusal(channel, status)),
        }
    }

    fn new_prompt(&mut self) -> PromptId {
        let prompt = self.next_prompt;
        self.next_prompt = PromptId(prompt.0.saturating_add(1));
        prompt
    }

    fn context<'a>(&'a mut self, channel: Channel, platform: &'a mut Platform<'_>) -> Context<'a> {
        Context {
            config: &self.config,
            session: &mut self.session,
            taps: &mut self.taps,
            counter: &mut self.counter,
            uses: &mut self.uses,
            channel,
            overrides: self.overrides,
            store: platform.store,
            rng: platform.rng,
            now: platform.now,
        }
    }
}

fn power_up(transport: Transport, taps: &mut Taps, platform: &mut Platform<'_>) -> Session {
    let Platform { store, rng, now } = platform;
    taps.power_up(transport, *now);
    Session::new((transport, *now), &store.state().wrapping_key, *rng)
}

impl Response {
    /// A refusal is its status alone (MSG-02); success without output is the single byte 00 (MSG-03).
    fn new(channel: Channel, result: Result<Reply, Status>) -> Self {
        match result {
            Ok(reply) => Self { channel, message: reply.into_message() },
            Err(status) => Self::refusal(channel, status),
        }
    }

    fn refusal(channel: Channel, status: Status) -> Self {
        Self { channel, message: alloc::vec![status.code()] }
    }
}
