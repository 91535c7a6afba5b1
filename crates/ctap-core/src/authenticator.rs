//! The authenticator: one request at a time in, one response out, at most one question in between.

use alloc::vec::Vec;

use rand_core::CryptoRng;

use crate::commands::u2f::{self, Touch};
use crate::commands::{self, Ask, Context, Outcome, Reply, Unanswered, Waiting};
use crate::config::Config;
use crate::consent::{Decision, Evidence, Finger, PromptId, Question, UserPresent};
use crate::limits::{SIGN_COUNT_BLOCK, U2F_TOUCH};
use crate::session::Session;
use crate::status::Status;
use crate::store::{Change, Store, StoreError};
use crate::time::Instant;

/// Where a request came from: opaque here, a CTAPHID channel in practice. Two requests with the same number come from the
/// same client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Channel(pub u32);

/// What the authenticator borrows for the length of one call: its durable memory, its randomness, and the time.
pub struct Platform<'a> {
    /// Durable memory.
    pub store: &'a mut dyn Store,
    /// Cryptographically secure randomness.
    pub rng: &'a mut dyn CryptoRng,
    /// The present, not earlier than in any call before.
    pub now: Instant,
}

/// How far a request got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// It is done: send this.
    Reply(Response),
    /// A person must decide first: show them the question, and pass what they decide to [`Authenticator::answer`].
    Wait(PromptId, Question),
    /// Nothing is to be sent: the touch is kept for a U2F client that will ask again (UF-34).
    Kept,
}

/// A response and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Response {
    /// The channel that asked.
    pub channel: Channel,
    /// The status byte, and the output of a successful command; 1 to [`MAX_MESSAGE`](crate::limits::MAX_MESSAGE) bytes.
    pub message: Vec<u8>,
}

/// A FIDO2 authenticator without I/O.
///
/// ```text
///            handle                     answer, cancel, handle_timeout
///   Idle ─────────────▶ Waiting(prompt) ──────────────────────────────▶ Idle + Response
///     └─▶ Response         │    abandon, power_cycle
///                          └─────────────────────────▶ Idle, no response
/// ```
///
/// There are three kinds of methods. *The world happened*: [`handle`](Self::handle), [`handle_u2f`](Self::handle_u2f),
/// [`answer`](Self::answer), [`cancel`](Self::cancel), [`abandon`](Self::abandon), [`power_cycle`](Self::power_cycle),
/// [`handle_timeout`](Self::handle_timeout). *What must I do now*: [`poll_timeout`](Self::poll_timeout), whose answer changes
/// only through those. *Getters*: [`prompt`](Self::prompt), [`config`](Self::config).
pub struct Authenticator {
    config: Config,
    session: Session,
    counter: SignCounter,
    pending: Option<Pending>,
    next_prompt: PromptId,
}

/// An open prompt.
struct Pending {
    prompt: PromptId,
    channel: Channel,
    deadline: Instant,
    question: Question,
    purpose: Purpose,
}

/// Who waits for the answer.
enum Purpose {
    /// A CTAP2 request, which gets no response before it.
    Command(Waiting),
    /// A U2F request: it is answered soon, and its client asks again until the touch is there.
    U2f(Touch),
}

impl Authenticator {
    /// Plugs the key in: this is its power-up. `now` opens the ten seconds in which a reset is accepted (RS-03).
    pub fn new(config: Config, platform: &mut Platform<'_>) -> Self {
        Self {
            config,
            session: Session::new(platform.now, platform.rng),
            counter: SignCounter::new(platform.store),
            pending: None,
            next_prompt: PromptId(1),
        }
    }

    /// Unplugs the key and plugs it in again: everything that is not in the store is forgotten, a waiting request too.
    pub fn power_cycle(&mut self, platform: &mut Platform<'_>) {
        self.pending = None;
        self.session = Session::new(platform.now, platform.rng);
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
        self.pending = None; // a U2F client that asks no more
        self.session.token.expire(platform.now);
        let outcome = commands::start(message, &mut self.context(channel, platform));
        self.step(channel, outcome, platform.now)
    }

    /// Runs one U2F message, an APDU (CTAP 2.3 section 7, UF-01 to UF-62).
    ///
    /// A request that needs a touch waits [`U2F_PATIENCE`](crate::limits::U2F_PATIENCE) for it, then answers `6985`; the prompt
    /// stays, and the same request, sent again, finds the touch.
    pub fn handle_u2f(
        &mut self,
        channel: Channel,
        apdu: &[u8],
        platform: &mut Platform<'_>,
    ) -> Step {
        if self.is_busy() {
            return Step::Reply(Response { channel, message: u2f::BUSY.to_vec() });
        }
        let kept = self.pending.take();
        self.session.drop_walk(); // UF-58
        let request = match u2f::check(apdu, &self.context(channel, platform)) {
            Ok(u2f::Judged { request, silent: None }) => request,
            Ok(u2f::Judged { request, silent: Some(silent) }) => {
                let evidence = Evidence::of_silence(silent, None);
                return self.finish_u2f(channel, &request, &evidence, platform);
            }
            Err(message) => return Step::Reply(Response { channel, message }),
        };
        match kept.map(|pending| (pending.prompt, pending.deadline, pending.purpose)) {
            Some((prompt, deadline, Purpose::U2f(touch))) if touch.is_for(&request) => {
                self.touch_again(channel, touch, (prompt, deadline), platform)
            }
            _ => {
                let (prompt, touch) = (self.new_prompt(), Touch::wanted(request, platform.now));
                self.wait(Pending::for_u2f(prompt, channel, touch, platform.now))
            }
        }
    }

    /// A person decided. `None`: nobody waits for that prompt any more, and nothing happened.
    pub fn answer(
        &mut self,
        prompt: PromptId,
        decision: Decision,
        platform: &mut Platform<'_>,
    ) -> Option<Step> {
        let Pending { channel, purpose, .. } =
            self.pending.take_if(|pending| pending.prompt == prompt)?;
        let finger = decision.finger().filter(|finger| purpose.wants_finger() || finger.is_touch());
        let agreed = finger.map(|finger| (finger, UserPresent::approved()));
        Some(match purpose {
            Purpose::Command(waiting) => {
                let outcome = self.decide(waiting, agreed, channel, platform);
                self.step(channel, outcome, platform.now)
            }
            Purpose::U2f(touch) => {
                self.decide_u2f(touch, agreed.map(|(_, present)| present), channel, platform)
            }
        })
    }

    /// The platform cancelled the request of this channel (HD-81). `None`: none waits there.
    pub fn cancel(&mut self, channel: Channel) -> Option<Response> {
        self.pending.take_if(|pending| {
            pending.channel == channel && matches!(pending.purpose, Purpose::Command(_))
        })?;
        Some(Response::refusal(channel, Status::KeepaliveCancel))
    }

    /// The client is gone, or started afresh: forget its request. Nothing is to be sent.
    pub fn abandon(&mut self) {
        self.pending = None;
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing else happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.pending.as_ref().map(|pending| match &pending.purpose {
            Purpose::U2f(touch) => touch.next_deadline().unwrap_or(pending.deadline),
            Purpose::Command(_) => pending.deadline,
        })
    }

    /// Nobody acted in time. `None`: it is not time yet, or nobody is to be told.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Response> {
        let patience_over = match self.pending.as_mut() {
            Some(Pending { channel, purpose: Purpose::U2f(touch), .. }) => {
                touch.give_up_waiting(now).map(|message| Response { channel: *channel, message })
            }
            _ => None,
        };
        if patience_over.is_some() {
            return patience_over; // the prompt stays for the next poll
        }
        let pending = self.pending.take_if(|pending| pending.deadline <= now)?;
        match pending.purpose {
            Purpose::Command(waiting) => {
                Some(Response::new(pending.channel, waiting.refuse(Unanswered::TimedOut)))
            }
            Purpose::U2f(_) => None,
        }
    }

    /// What is being asked right now, and until when.
    #[must_use]
    pub fn prompt(&self) -> Option<(PromptId, &Question, Instant)> {
        let open = self.pending.as_ref().filter(|pending| match &pending.purpose {
            Purpose::U2f(touch) => touch.is_wanted(),
            Purpose::Command(_) => true,
        });
        open.map(|pending| (pending.prompt, &pending.question, pending.deadline))
    }

    /// What the device is.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// A request waits for its response.
    fn is_busy(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| match &pending.purpose {
            Purpose::Command(_) => true,
            Purpose::U2f(touch) => touch.next_deadline().is_some(),
        })
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

    fn step(&mut self, channel: Channel, outcome: Result<Outcome, Status>, now: Instant) -> Step {
        match outcome {
            Ok(Outcome::Ask(Ask { question, waiting, timeout })) => {
                let (prompt, purpose) = (self.new_prompt(), Purpose::Command(waiting));
                let deadline = now.plus(timeout);
                self.wait(Pending { prompt, channel, deadline, question, purpose })
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

    fn wait(&mut self, pending: Pending) -> Step {
        let step = Step::Wait(pending.prompt, pending.question.clone());
        self.pending = Some(pending);
        step
    }

    /// The same U2F request again: done if the touch is there, else it waits on, under the same prompt while that is open.
    fn touch_again(
        &mut self,
        channel: Channel,
        touch: Touch,
        (kept, until): (PromptId, Instant),
        platform: &mut Platform<'_>,
    ) -> Step {
        match touch.ready(platform.now) {
            Ok((request, present)) => {
                let evidence = Evidence::of_presence(present, None);
                self.finish_u2f(channel, &request, &evidence, platform)
            }
            Err(touch) => {
                let prompt = if until > platform.now { kept } else { self.new_prompt() };
                self.wait(Pending::for_u2f(prompt, channel, touch, platform.now))
            }
        }
    }

    /// A touch for a U2F client that waits right now, or will ask again.
    fn decide_u2f(
        &mut self,
        touch: Touch,
        present: Option<UserPresent>,
        channel: Channel,
        platform: &mut Platform<'_>,
    ) -> Step {
        let Some(present) = present else {
            return touch
                .refuse()
                .map_or(Step::Kept, |message| Step::Reply(Response { channel, message }));
        };
        match touch.touched(present, platform.now) {
            Ok((request, present)) => {
                let evidence = Evidence::of_presence(present, None);
                self.finish_u2f(channel, &request, &evidence, platform)
            }
            Err(touch) => {
                let prompt = self.new_prompt(); // the old one is answered
                self.pending = Some(Pending::for_u2f(prompt, channel, touch, platform.now));
                Step::Kept
            }
        }
    }

    fn finish_u2f(
        &mut self,
        channel: Channel,
        request: &u2f::Request,
        evidence: &Evidence,
        platform: &mut Platform<'_>,
    ) -> Step {
        let message = u2f::commit(request, evidence, &mut self.context(channel, platform));
        Step::Reply(Response { channel, message })
    }

    fn context<'a>(&'a mut self, channel: Channel, platform: &'a mut Platform<'_>) -> Context<'a> {
        Context {
            config: &self.config,
            session: &mut self.session,
            counter: &mut self.counter,
            channel,
            store: platform.store,
            rng: platform.rng,
            now: platform.now,
        }
    }
}

impl Purpose {
    /// The question asks for a finger, not just for a touch.
    const fn wants_finger(&self) -> bool {
        match self {
            Self::Command(waiting) => waiting.wants_finger(),
            Self::U2f(_) => false,
        }
    }
}

impl Pending {
    /// A touch that a U2F client wants, or that is kept for it.
    fn for_u2f(prompt: PromptId, channel: Channel, touch: Touch, now: Instant) -> Self {
        let (deadline, question) = (now.plus(U2F_TOUCH), touch.question());
        Self { prompt, channel, deadline, question, purpose: Purpose::U2f(touch) }
    }
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

/// The signature counter: one for all credentials, reserved in blocks ahead of use (MC-77, GA-31, P-13).
pub(crate) struct SignCounter {
    last: u32,
}

impl SignCounter {
    /// Starts after everything that was ever reserved: a crash skips numbers and repeats none.
    fn new(store: &dyn Store) -> Self {
        Self { last: store.state().sign_count_ceiling }
    }

    /// The last value sent.
    pub(crate) const fn current(&self) -> u32 {
        self.last
    }

    /// The next value, durably reserved.
    pub(crate) fn next(&mut self, store: &mut dyn Store) -> Result<u32, StoreError> {
        let next = self.last.saturating_add(1);
        if next > store.state().sign_count_ceiling {
            store.commit(Change::SignCountCeiling(self.last.saturating_add(SIGN_COUNT_BLOCK)))?;
        }
        self.last = next;
        Ok(next)
    }
}
