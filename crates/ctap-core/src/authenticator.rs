//! The authenticator: one request at a time in, one response out, at most one question in between.

use alloc::vec::Vec;

use rand_core::CryptoRng;

use crate::commands::{self, Context, Outcome, Reply, Unanswered, Waiting};
use crate::config::Config;
use crate::consent::{Decision, PromptId, Question, UserPresent};
use crate::limits::{SIGN_COUNT_BLOCK, USER_ACTION_TIMEOUT};
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
/// There are three kinds of methods. *The world happened*: [`handle`](Self::handle), [`answer`](Self::answer),
/// [`cancel`](Self::cancel), [`abandon`](Self::abandon), [`power_cycle`](Self::power_cycle),
/// [`handle_timeout`](Self::handle_timeout). *What must I do now*: [`poll_timeout`](Self::poll_timeout), whose answer changes
/// only through those. *Getters*: [`prompt`](Self::prompt), [`config`](Self::config).
pub struct Authenticator {
    config: Config,
    session: Session,
    counter: SignCounter,
    pending: Option<Pending>,
    next_prompt: PromptId,
}

/// A command that waits for a person.
struct Pending {
    prompt: PromptId,
    channel: Channel,
    deadline: Instant,
    question: Question,
    waiting: Waiting,
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
    pub fn handle(&mut self, channel: Channel, message: &[u8], platform: &mut Platform<'_>) -> Step {
        if self.pending.is_some() {
            return Step::Reply(Response::new(channel, Err(Status::ChannelBusy)));
        }
        self.session.token.expire(platform.now);
        match commands::start(message, &mut self.context(channel, platform)) {
            Ok(Outcome::Ask(question, waiting)) => self.ask(channel, question, waiting, platform.now),
            Ok(Outcome::Done(reply)) => Step::Reply(Response::new(channel, Ok(reply))),
            Err(status) => Step::Reply(Response::new(channel, Err(status))),
        }
    }

    /// A person decided. `None`: nobody waits for that prompt any more, and nothing happened.
    pub fn answer(
        &mut self,
        prompt: PromptId,
        decision: Decision,
        platform: &mut Platform<'_>,
    ) -> Option<Response> {
        let Pending { channel, waiting, .. } =
            self.pending.take_if(|pending| pending.prompt == prompt)?;
        let result = match decision {
            Decision::Approve => {
                waiting.commit(UserPresent::approved(), &mut self.context(channel, platform))
            }
            Decision::Deny => Err(waiting.refuse(Unanswered::Denied)),
        };
        Some(Response::new(channel, result))
    }

    /// The platform cancelled the request of this channel (HD-81). `None`: none waits there.
    pub fn cancel(&mut self, channel: Channel) -> Option<Response> {
        self.pending.take_if(|pending| pending.channel == channel)?;
        Some(Response::new(channel, Err(Status::KeepaliveCancel)))
    }

    /// The client is gone, or started afresh: forget its request. Nothing is to be sent.
    pub fn abandon(&mut self) {
        self.pending = None;
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing else happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.pending.as_ref().map(|pending| pending.deadline)
    }

    /// Nobody acted in time. `None`: it is not time yet.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Response> {
        let Pending { channel, waiting, .. } =
            self.pending.take_if(|pending| pending.deadline <= now)?;
        Some(Response::new(channel, Err(waiting.refuse(Unanswered::TimedOut))))
    }

    /// What is being asked right now, and until when.
    #[must_use]
    pub fn prompt(&self) -> Option<(PromptId, &Question, Instant)> {
        self.pending.as_ref().map(|pending| (pending.prompt, &pending.question, pending.deadline))
    }

    /// What the device is.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    fn ask(&mut self, channel: Channel, question: Question, waiting: Waiting, now: Instant) -> Step {
        let prompt = self.next_prompt;
        self.next_prompt = PromptId(prompt.0.saturating_add(1));
        let deadline = now.plus(USER_ACTION_TIMEOUT);
        let step = Step::Wait(prompt, question.clone());
        self.pending = Some(Pending { prompt, channel, deadline, question, waiting });
        step
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

impl Response {
    /// A refusal is its status alone (MSG-02); success without output is the single byte 00 (MSG-03).
    fn new(channel: Channel, result: Result<Reply, Status>) -> Self {
        let message = match result {
            Ok(reply) => reply.into_message(),
            Err(status) => alloc::vec![status.code()],
        };
        Self { channel, message }
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
