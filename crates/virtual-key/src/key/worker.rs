//! The half of a key that may wait: the authenticator, its memory, and its prompts.

use std::sync::Arc;
use std::time::Duration;

use ctap_client::commands::code;
use ctap_core::algorithm::Algorithm;
use ctap_core::{
    Authenticator, Channel, CheckedConfig, Decision, Platform, PromptId, Question, Response, Step,
    Tap, Transport,
};
use hid_transport::Kind;
use tokio::sync::oneshot;

use super::faulty::Plan;
use super::owner::{Act, Answers, Verification};
use super::turns::RequestId;
use super::{Parts, Touch};
use crate::memory::stuck::{HoldUp, OnStuckDisk, StuckDisk};
use crate::platform::{without_shallow_traces, without_traces};
use crate::sites;

/// Carries out orders, one after the other.
pub(super) struct Worker {
    authenticator: Authenticator,
    parts: Parts,
    answers: Answers,
    /// The last request: if one waits for its response, it is that.
    request: Option<RequestId>,
    /// It is one of those that make, use, change or remove credentials.
    is_about_credentials: bool,
    /// The prompts that were open after the last order.
    prompts: Vec<Prompt>,
    disk: StuckDisk,
    /// Its memory is on that.
    is_on_it: bool,
}

/// A question to a person, and the time at which it ends.
pub(super) type Prompt = (PromptId, Question, Duration);

/// An order of the other half. `now` is the time of the event, not the time when the order is carried out.
#[derive(Debug)]
pub(super) enum Order {
    /// Power has come, over this transport.
    PlugIn { transport: Transport, now: Duration },
    /// The key was laid on a reader, which gives it power or not.
    Tap { now: Duration },
    /// Power has gone.
    Unplug,
    /// A client asks.
    Request(Request),
    /// The client wants its request to end (HD-81).
    Cancel(Channel),
    /// The client is gone, or has started afresh.
    Abandon,
    /// The deadline that was reported has passed.
    Timeout { now: Duration },
    /// Somebody decided. `reply` is told whether the prompt was still open.
    Answer { prompt: PromptId, decision: Decision, now: Duration, reply: oneshot::Sender<bool> },
    /// The owner does something with the authenticator.
    Act { act: Act, now: Duration },
    /// The owner sets how questions are answered; `None`: as before. `reply` is told when it is done.
    SetAnswers {
        touch: Option<Touch>,
        verification: Option<Verification>,
        now: Duration,
        reply: oneshot::Sender<()>,
    },
}

/// A client's message.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: RequestId,
    pub(super) channel: Channel,
    pub(super) kind: Kind,
    pub(super) message: Vec<u8>,
    pub(super) now: Duration,
    /// Its faults on purpose.
    pub(super) plan: Plan,
}

/// An effect of an order, reported at once: at the end [`Done`](Self::Done), and before it any number of the
/// others.
#[derive(Debug)]
pub(super) enum Effect {
    /// The request waits for a person. The report includes the prompts that are `open`, so anybody who learns of it
    /// can answer at once.
    Waiting { request: RequestId, open: Open },
    /// The request asked a question that was decided at once.
    Asked(RequestId),
    /// Somebody decided, and what follows may take time. The request no longer waits for a person, unless it was not about it.
    Decided { prompt: PromptId, request: Option<RequestId> },
    /// The order is carried out.
    Done {
        response: Option<(RequestId, Vec<u8>)>,
        open: Open,
        has_u2f: bool,
        /// A credential may have been made, used, changed or removed.
        is_about_credentials: bool,
    },
}

/// What the authenticator waits for.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Every prompt that can be answered, the foremost first.
    pub(super) prompts: Vec<Prompt>,
    /// When it wants [`Order::Timeout`].
    pub(super) deadline: Option<Duration>,
}

impl Order {
    /// Whether it may take arithmetic on curves.
    fn needs_curves(&self) -> bool {
        match self {
            Self::Request(Request { kind: Kind::Cbor, message, .. }) => takes_arithmetic(message),
            _ => true,
        }
    }
}

impl Worker {
    /// Builds an authenticator that is not plugged in yet.
    pub(super) fn new(config: CheckedConfig, mut parts: Parts, now: Duration) -> Self {
        let answers = Answers { touch: parts.touch, verification: Verification::default() };
        let authenticator = without_shallow_traces(|| {
            let platform = &mut parts.platform(now);
            let mut authenticator = Authenticator::new(config, Transport::Usb, platform);
            authenticator.set_tap(tap(answers.touch));
            authenticator
        });
        let is_about_credentials = false;
        let (request, prompts) = (None, Vec::new());
        let (disk, is_on_it) = (StuckDisk::default(), false);
        Self {
            authenticator,
            parts,
            answers,
            request,
            is_about_credentials,
            prompts,
            disk,
            is_on_it,
        }
    }

    /// Whether the order waits for no disk, and is either carried out sooner than it would be handed over, or keeps no other key
    /// waiting: this one `is_alone`.
    pub(super) fn is_quick(&self, order: &Order, is_alone: bool) -> bool {
        match order {
            Order::Unplug | Order::Tap { .. } | Order::Cancel(_) => true,
            Order::Abandon | Order::Timeout { .. } => true,
            Order::Request(Request { kind: Kind::Cbor, message, plan, .. }) => {
                plan.stuck.is_none()
                    && (is_alone || !takes_arithmetic(message))
                    && !self.may_draw_primes(message)
                    && !self.authenticator.may_write(message, &self.parts.store)
            }
            Order::Request(_) | Order::PlugIn { .. } | Order::Answer { .. } => false,
            Order::Act { .. } | Order::SetAnswers { .. } => false,
        }
    }

    /// Whether it may make a key of RSA, which takes tenths of a second.
    fn may_draw_primes(&self, message: &[u8]) -> bool {
        let mut algorithms = self.authenticator.config().algorithms.iter();
        matches!(message, [code::MAKE_CREDENTIAL, ..])
            && algorithms.any(|one| matches!(one, Algorithm::Rs256 | Algorithm::Ps256))
    }

    /// Carries out an order, and reports each effect at once. Leaves nothing on the stack.
    pub(super) fn take(&mut self, order: Order, tell: &mut dyn FnMut(Effect)) {
        match order.needs_curves() {
            true => without_traces(|| self.carry_out(order, tell)),
            false => without_shallow_traces(|| self.carry_out(order, tell)),
        }
    }

    /// Whether U2F works now (UF-50).
    pub(super) fn has_u2f(&self) -> bool {
        self.authenticator.has_u2f(&self.parts.store)
    }

    /// There will be no more orders: what the memory might keep later it keeps now.
    pub(super) fn flush(&mut self) {
        if let Err(error) = self.parts.store.barrier() {
            tracing::warn!(%error, "the last of what a key remembers may be lost");
        }
    }

    fn carry_out(&mut self, order: Order, tell: &mut dyn FnMut(Effect)) {
        match order {
            Order::PlugIn { transport, now } => {
                self.authenticator.power_cycle(transport, &mut self.parts.platform(now));
                self.finish(None, tell);
            }
            Order::Tap { now } => {
                self.authenticator.tap(now);
                self.finish(None, tell);
            }
            Order::Unplug => {
                self.authenticator.power_off();
                self.finish(None, tell);
            }
            Order::Request(request) => {
                let response = self.start(&request, tell);
                self.finish(response, tell);
            }
            Order::Cancel(channel) => {
                let response = self.authenticator.cancel(channel);
                self.finish(response, tell);
            }
            Order::Abandon => {
                self.authenticator.abandon();
                self.finish(None, tell);
            }
            Order::Timeout { now } => {
                let response = self.authenticator.handle_timeout(now);
                self.finish(response, tell);
            }
            Order::Answer { prompt, decision, now, reply } => {
                let step = self.answer(prompt, decision, now, tell);
                let was_open = step.is_some();
                let response = step.and_then(|step| self.proceed(step, now, tell));
                self.finish(response, tell);
                // The one who decided may have gone away meanwhile.
                let _ = reply.send(was_open);
            }
            Order::Act { act, now } => {
                let changes = !act.is_look;
                act.run(&mut self.authenticator, &mut self.parts.platform(now));
                self.done(None, changes, tell);
            }
            Order::SetAnswers { touch, verification, now, reply } => {
                self.set_answers(touch, verification);
                let response = self.decide_what_is_open(now, tell);
                self.finish(response, tell);
                let _ = reply.send(());
            }
        }
    }

    fn set_answers(&mut self, touch: Option<Touch>, verification: Option<Verification>) {
        let Answers { touch: before, verification: verified_before } = self.answers;
        let touch = touch.unwrap_or(before);
        let verification = verification.unwrap_or(verified_before);
        self.answers = Answers { touch, verification };
        self.authenticator.set_tap(tap(touch));
    }

    /// Answers every question that needs no person any more. At most one request gets its response in this way.
    fn decide_what_is_open(
        &mut self,
        now: Duration,
        tell: &mut dyn FnMut(Effect),
    ) -> Option<Response> {
        let answers = self.answers;
        let prompts = self.authenticator.prompts();
        let decided = prompts
            .filter_map(|(prompt, question, _)| Some((prompt, answers.to(question)?)))
            .collect::<Vec<_>>();
        let mut response = None;
        for (prompt, decision) in decided {
            let step = self.answer(prompt, decision, now, tell);
            response = response.or(step.and_then(|step| self.proceed(step, now, tell)));
        }
        response
    }

    fn start(&mut self, request: &Request, tell: &mut dyn FnMut(Effect)) -> Option<Response> {
        let Request { id, channel, kind, message, now, plan } = request;
        self.authenticator.set_overrides(plan.overrides);
        if self.is_on_it || plan.stuck.is_some() {
            self.hold_up(plan.stuck.clone());
        }
        self.request = Some(*id);
        self.is_about_credentials = *kind == Kind::Msg || is_about_credentials(message);
        let mut platform = self.parts.platform(*now);
        let step = match kind {
            Kind::Cbor => self.authenticator.handle(*channel, message, &mut platform),
            Kind::Msg => self.authenticator.handle_u2f(*channel, message, &mut platform),
        };
        self.proceed(step, *now, tell)
    }

    /// That holds up what this request writes.
    fn hold_up(&mut self, hold_up: Option<Arc<HoldUp>>) {
        if !std::mem::replace(&mut self.is_on_it, true) {
            let disk = self.disk.clone();
            self.parts.store.lay_over(|memory| Box::new(OnStuckDisk { memory, disk }));
        }
        self.disk.set(hold_up);
    }

    fn proceed(
        &mut self,
        step: Step,
        now: Duration,
        tell: &mut dyn FnMut(Effect),
    ) -> Option<Response> {
        match step {
            Step::Reply(response) => Some(response),
            Step::Wait(prompt, question) => self.ask(prompt, &question, now, tell),
            Step::Kept => None,
        }
    }

    /// Every question shows as KEEPALIVE(UPNEEDED), one that is answered at once too (HD-76).
    fn ask(
        &mut self,
        prompt: PromptId,
        question: &Question,
        now: Duration,
        tell: &mut dyn FnMut(Effect),
    ) -> Option<Response> {
        tracing::debug!(%prompt, question = ?self.named(question), "a person is needed");
        let request = self.request?;
        let Some(decision) = self.answers.to(question) else {
            tell(Effect::Waiting { request, open: self.open() });
            return None;
        };
        tell(Effect::Asked(request));
        let mut platform = self.parts.platform(now);
        let step = self.authenticator.answer(prompt, decision, &mut platform)?;
        self.proceed(step, now, tell)
    }

    /// `None`: nobody waits for that prompt any more, and nothing happened.
    fn answer(
        &mut self,
        prompt: PromptId,
        decision: Decision,
        now: Duration,
        tell: &mut dyn FnMut(Effect),
    ) -> Option<Step> {
        let foremost = self.authenticator.prompt().map(|(prompt, ..)| prompt);
        let request = self.request.filter(|_| foremost == Some(prompt));
        tell(Effect::Decided { prompt, request });
        self.authenticator.answer(prompt, decision, &mut self.parts.platform(now))
    }

    fn finish(&mut self, response: Option<Response>, tell: &mut dyn FnMut(Effect)) {
        let response = response.zip(self.request).map(|(response, request)| {
            let Response { channel: Channel(channel), message } = response;
            tracing::info!(channel, status = message.first(), length = message.len());
            (request, message)
        });
        let is_about_credentials = response.is_some() && self.is_about_credentials;
        self.done(response, is_about_credentials, tell);
    }

    fn done(
        &mut self,
        response: Option<(RequestId, Vec<u8>)>,
        is_about_credentials: bool,
        tell: &mut dyn FnMut(Effect),
    ) {
        let (open, has_u2f) = (self.open(), self.has_u2f());
        tell(Effect::Done { response, open, has_u2f, is_about_credentials });
    }

    fn open(&mut self) -> Open {
        let prompts = self.authenticator.prompts().map(|(prompt, question, until)| {
            // Finding the name of a site takes time; what was open before has it already.
            let before = self.prompts.iter().find(|(before, ..)| *before == prompt);
            let named = before.map(|(_, named, _)| named.clone());
            (prompt, named.unwrap_or_else(|| self.named(question)), until)
        });
        self.prompts = prompts.collect();
        Open { prompts: self.prompts.clone(), deadline: self.authenticator.poll_timeout() }
    }

    /// With the name of the site that a U2F request means, if anybody here knows it.
    fn named(&self, question: &Question) -> Question {
        let credentials = self.parts.store.state().credentials();
        let mut question = question.clone();
        if let (None, Some(application)) = (&question.rp_id, &question.application) {
            // Most requests hash the RP id itself, and among many credentials that one is found at once.
            let candidates = credentials.of_rp(application).chain(credentials.iter());
            let accounts = candidates.filter_map(|credential| credential.account.as_ref());
            let stored = accounts.map(|account| account.rp.id.as_str());
            question.rp_id = sites::behind(application, stored).map(str::to_owned);
        }
        question
    }
}

/// The meaning of a tap, if questions are answered in this way.
const fn tap(touch: Touch) -> Tap {
    match touch {
        Touch::Ask => Tap::Agrees,
        Touch::Auto => Tap::AgreesToAll,
        Touch::Deny => Tap::Refuses,
    }
}

fn is_about_credentials(message: &[u8]) -> bool {
    matches!(
        message,
        [
            code::MAKE_CREDENTIAL
                | code::GET_ASSERTION
                | code::GET_NEXT_ASSERTION
                | code::CREDENTIAL_MANAGEMENT
                | CREDENTIAL_MANAGEMENT_PROTOTYPE
                | code::LARGE_BLOBS
                | code::RESET,
            ..
        ]
    )
}

/// The number by which libfido2 up to 1.12 knows authenticatorCredentialManagement.
const CREDENTIAL_MANAGEMENT_PROTOTYPE: u8 = 0x41;

/// A signature, or a key pair, or a key for key agreement; or it may.
fn takes_arithmetic(message: &[u8]) -> bool {
    !matches!(message, [code::GET_INFO | code::CREDENTIAL_MANAGEMENT, ..])
}

impl Parts {
    fn platform(&mut self, now: Duration) -> Platform<'_> {
        Platform { store: &mut self.store, rng: &mut *self.rng, now }
    }
}
