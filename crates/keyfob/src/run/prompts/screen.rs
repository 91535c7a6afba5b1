//! The screen of a running key: at most one prompt at a time, with a countdown, and what became of it.

use std::io;
use std::time::{Duration, Instant};

use ctap_core::{Decision, PromptId};
use virtual_key::keys::{Keys, PluggedKey, Prompt};

use super::sentence::{Choices, Commands, sentence};
use super::tty::Tty;
use crate::say::{say, tell};
use crate::terminal::shown::{Kept, shortened, width};

/// The prompt that a person looks at, of all that may be open.
pub(super) struct Screen<'a> {
    keys: &'a Keys,
    shown: Option<Shown<'a>>,
    last_wink: Option<Instant>,
}

/// A prompt that stands on the screen.
struct Shown<'a> {
    key: &'a PluggedKey,
    prompt: PromptId,
    sentence: String,
    since: Instant,
    /// Until when somebody could answer.
    until: Instant,
    look: Look,
    /// What the person at the terminal decided.
    decided: Option<Decision>,
}

enum Look {
    /// A line that is written again each second, beginning with `head` as long as the terminal is wide enough for both.
    /// The answer is typed.
    Countdown { head: String, tty: Tty },
    /// A line that was written once. The answer comes from elsewhere.
    Announced,
}

impl<'a> Screen<'a> {
    pub(super) fn new(keys: &'a Keys) -> Self {
        Self { keys, shown: None, last_wink: None }
    }

    /// Brings the screen up to date. Returns when to do so again if nothing happens before.
    pub(super) fn draw(&mut self) -> Option<Duration> {
        self.show_winks();
        if let Some(shown) = self.shown.take_if(|shown| !shown.is_open()) {
            shown.close();
        }
        if self.shown.is_none() {
            self.shown = self.next_prompt();
        }
        self.shown.as_mut()?.draw()
    }

    /// The next line that is typed, `None` when there will be no more; never, while nothing is asked here.
    pub(super) async fn line(&mut self) -> Option<String> {
        match &mut self.shown {
            Some(Shown { look: Look::Countdown { tty, .. }, .. }) => tty.line().await,
            _ => std::future::pending().await,
        }
    }

    /// A person typed a line: nothing to agree, `n` to refuse. It answers the prompt that they saw, and no other.
    pub(super) async fn typed(&mut self, line: Option<&str>) {
        let Some(shown) = &mut self.shown else { return };
        match line {
            Some("" | "y" | "yes") => shown.decide(Decision::Approve).await,
            Some("n" | "no") => shown.decide(Decision::Deny).await,
            Some(_) => {}
            None => shown.look = Look::announce(&shown.sentence, shown.key.prompt().as_ref()),
        }
    }

    fn next_prompt(&self) -> Option<Shown<'a>> {
        let (key, prompt) = self.keys.iter().find_map(|key| Some((key, key.prompt()?)))?;
        let is_one_of_many = self.keys.iter().len() > 1;
        let sentence = sentence(is_one_of_many.then(|| key.bus_id()), &prompt);
        let since = Instant::now();
        let look = Look::begin(&sentence, &prompt);
        let until = since + prompt.left;
        Some(Shown { key, prompt: prompt.id, sentence, since, until, look, decided: None })
    }

    /// The key has no light to blink. However often it is asked to, a line a second is enough.
    fn show_winks(&mut self) {
        for key in self.keys.iter() {
            let is_due = self.last_wink.is_none_or(|last| last.elapsed() >= BETWEEN_WINKS);
            if key.take_wink() && is_due {
                self.last_wink = Some(Instant::now());
                say(format_args!(
                    "{} blinks: a program shows you that this is its key",
                    key.bus_id()
                ));
            }
        }
    }
}

impl Look {
    fn begin(sentence: &str, prompt: &Prompt) -> Self {
        match Tty::open() {
            Some(tty) => Self::Countdown { head: format!("{sentence} — "), tty },
            None => Self::announce(sentence, Some(prompt)),
        }
    }

    fn announce(sentence: &str, prompt: Option<&Prompt>) -> Self {
        if let Some(prompt) = prompt {
            say(format_args!("{sentence} — {}", Commands(prompt)));
        }
        Self::Announced
    }
}

impl Shown<'_> {
    fn is_open(&self) -> bool {
        self.key.prompt().is_some_and(|prompt| prompt.id == self.prompt)
    }

    /// What is typed in the first moment was meant for what stood there before.
    async fn decide(&mut self, decision: Decision) {
        if self.since.elapsed() >= GRACE && self.key.answer(self.prompt, decision).await {
            self.decided = Some(decision);
        }
    }

    fn draw(&mut self) -> Option<Duration> {
        let Look::Countdown { head, tty } = &mut self.look else { return None };
        let prompt = self.key.prompt()?;
        let choices = Choices(&prompt).to_string();
        let room = tty.width().saturating_sub(1);
        // A line that the terminal folds could not be written over: then the countdown gets a line of its own.
        if !head.is_empty() && width(head) + width(&choices) > room {
            tell(io::stderr(), format_args!("{REWRITE}{}\n", self.sentence));
            head.clear();
        }
        let choices = shortened(&choices, room, Kept::Beginning);
        tell(io::stderr(), format_args!("{REWRITE}{head}{choices}"));
        // The number of seconds, rounded up, changes when the fraction is used up.
        Some(Duration::from_nanos(prompt.left.subsec_nanos().into()).max(SHORTEST_PAUSE))
    }

    fn close(self) {
        let Look::Countdown { head, .. } = &self.look else { return };
        // Whoever pressed Enter is on a new line already.
        let (head, outcome) = match self.decided {
            Some(Decision::Deny) => ("", "refused"),
            Some(_) => ("", "touched"),
            None if Instant::now() >= self.until => (head.as_str(), "nobody answered in time"),
            None => (head.as_str(), "answered elsewhere, or no longer asked"),
        };
        tell(io::stderr(), format_args!("{REWRITE}{head}{outcome}\n"));
    }
}

/// Back to the beginning of the line, and the line empty.
const REWRITE: &str = "\r\x1b[K";
/// Longer than a key press that was already on its way, shorter than reading a line.
const GRACE: Duration = Duration::from_millis(300);
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const BETWEEN_WINKS: Duration = Duration::from_secs(1);
