//! Touches for U2F clients, which do not wait but ask again and again (UF-34, UF-40).
//!
//! A request without a touch is soon answered with `6985`. Its entry here stays: the same request, sent again on
//! the same channel, finds its prompt still open, or the touch given. An entry ends when the touch is used, when
//! its time is over, at a reset, and at a power cycle. Other messages do not end it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::channel::Channel;
use crate::commands::u2f::Request;
use crate::consent::{PromptId, Question, UserPresent};
use crate::limits::{MAX_TOUCHES, U2F_PATIENCE, U2F_SILENCE, U2F_TOUCH};

/// The touches that are wanted or kept. Of those that are wanted, a person is shown the last.
#[derive(Default)]
pub(crate) struct Touches(Vec<Touch>);

/// A touch for one request on one channel.
///
/// ```text
///            patience over: 6985           touched
///   Awaited ────────────────────▶ Wanted ──────────▶ Given
///    │   ▲                          │                  │ asked again
///    │   └──────── asked again ─────┘                  ▼
///    └──────────────── touched ─────────────────────▶ done
/// ```
pub(crate) struct Touch {
    prompt: PromptId,
    channel: Channel,
    request: Box<Request>,
    question: Question,
    /// When its client asked last.
    asked: Duration,
    state: State,
}

enum State {
    /// Its client waits for an answer right now, until then.
    Awaited { until: Duration },
    /// Its client heard that nobody touched, and will ask again.
    Wanted,
    /// Touched, which is good until then.
    Given { present: UserPresent, until: Duration },
}

impl Touches {
    /// The touch that was given for this very request and still stands, once.
    pub(crate) fn spend(
        &mut self,
        channel: Channel,
        request: &Request,
        now: Duration,
    ) -> Option<UserPresent> {
        self.expire(now);
        let is_given = |touch: &Touch| !touch.is_wanted() && touch.is_for(channel, request);
        let at = self.0.iter().position(is_given)?;
        match self.0.remove(at).state {
            State::Given { present, .. } => Some(present),
            State::Awaited { .. } | State::Wanted => None,
        }
    }

    /// The same request again while its prompt is open: its client goes on waiting. It keeps its place; but if the
    /// clients of all prompts that are shown before it have stopped asking, it comes last.
    pub(crate) fn ask_again(
        &mut self,
        channel: Channel,
        request: &Request,
        now: Duration,
    ) -> Option<(PromptId, Question)> {
        let at = self.0.iter().position(|touch| touch.is_for(channel, request))?;
        let mut touch = self.0.remove(at);
        touch.wait(now);
        let asked = (touch.prompt, touch.question.clone());
        let is_covered = self.0.iter().skip(at).any(|later| later.is_asked_for(now));
        let place = if is_covered { at } else { self.0.len() };
        self.0.insert(place, touch);
        Some(asked)
    }

    /// A new request, whose client waits for the touch. If there is no room, the one that was asked for least
    /// recently goes; one with a touch goes only if there is no other.
    pub(crate) fn ask(&mut self, touch: Touch) {
        if self.0.len() >= MAX_TOUCHES {
            let places = self.0.iter().enumerate();
            let oldest = places.min_by_key(|(_, touch)| (!touch.is_wanted(), touch.asked));
            if let Some((at, _)) = oldest {
                self.0.remove(at);
            }
        }
        self.0.push(touch);
    }

    /// The touch that is asked for under this prompt; the prompt is closed by it.
    pub(crate) fn take_wanted(&mut self, prompt: PromptId) -> Option<Touch> {
        let is_open = |touch: &Touch| touch.is_wanted() && touch.prompt == prompt;
        let at = self.0.iter().position(is_open)?;
        Some(self.0.remove(at))
    }

    /// Touched while no client waited: kept for when it asks again.
    pub(crate) fn keep(&mut self, touch: Touch, present: UserPresent, now: Duration) {
        let state = State::Given { present, until: now.saturating_add(U2F_TOUCH) };
        self.0.push(Touch { state, ..touch });
    }

    /// The open questions and their deadlines; the one that is shown comes first.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (PromptId, &Question, Duration)> {
        let wanted = self.0.iter().rev().filter(|touch| touch.is_wanted());
        wanted.map(|touch| (touch.prompt, &touch.question, touch.asked.saturating_add(U2F_TOUCH)))
    }

    /// A client waits for an answer right now.
    pub(crate) fn is_awaited(&self) -> bool {
        self.0.iter().any(Touch::is_awaited)
    }

    /// The client that waits is gone, and its prompt with it.
    pub(crate) fn abandon(&mut self) {
        self.0.retain(|touch| !touch.is_awaited());
    }

    /// When [`pass_time`](Self::pass_time) has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.0.iter().map(Touch::deadline).min()
    }

    /// Ends what is too old. Returns the channel whose client has waited long enough and must get `6985`.
    pub(crate) fn pass_time(&mut self, now: Duration) -> Option<Channel> {
        let waited = self.0.iter_mut().find(|touch| touch.is_awaited() && touch.deadline() <= now);
        let answered = waited.map(|touch| {
            touch.state = State::Wanted;
            touch.channel
        });
        self.expire(now);
        answered
    }

    /// An awaited one is not forgotten without an answer.
    fn expire(&mut self, now: Duration) {
        self.0.retain(|touch| touch.is_awaited() || now < touch.deadline());
    }
}

impl Touch {
    /// Nobody touched yet, and the client waits.
    pub(crate) fn new(prompt: PromptId, channel: Channel, request: Request, now: Duration) -> Self {
        let question = request.question();
        let state = State::Awaited { until: now.saturating_add(U2F_PATIENCE) };
        Self { prompt, channel, request: Box::new(request), question, asked: now, state }
    }

    pub(crate) const fn channel(&self) -> Channel {
        self.channel
    }

    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    /// Its client waits for an answer right now.
    pub(crate) const fn is_awaited(&self) -> bool {
        matches!(self.state, State::Awaited { .. })
    }

    fn wait(&mut self, now: Duration) {
        self.asked = now;
        self.state = State::Awaited { until: now.saturating_add(U2F_PATIENCE) };
    }

    fn is_for(&self, channel: Channel, request: &Request) -> bool {
        self.channel == channel && *self.request == *request
    }

    /// A person is still to be asked.
    const fn is_wanted(&self) -> bool {
        !matches!(self.state, State::Given { .. })
    }

    /// A person is to be asked, by a client that has not gone silent.
    fn is_asked_for(&self, now: Duration) -> bool {
        self.is_wanted() && now.saturating_sub(self.asked) < U2F_SILENCE
    }

    fn deadline(&self) -> Duration {
        match self.state {
            State::Awaited { until } | State::Given { until, .. } => until,
            State::Wanted => self.asked.saturating_add(U2F_TOUCH),
        }
    }
}
