//! Which prompt stands on the screen as which notification, and what a click on one means (P-7).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::control::OpenPrompt;
use crate::terminal::hex;

/// The prompts that are known to be open.
#[derive(Debug, Default)]
pub(super) struct Board(Vec<Shown>);

/// A prompt, and its notification.
#[derive(Debug)]
struct Shown {
    prompt: OpenPrompt,
    /// The desktop's number for it; `None`: it could not be shown.
    notification: Option<u32>,
    buttons: Buttons,
    since: Duration,
}

/// What the two buttons of one notification are called on the bus, where people do not see it. A program that puts a text of its
/// own over a notification of ours, which most desktops allow, would have to guess these names for a click on it to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Buttons {
    /// The one that approves.
    pub(super) approve: String,
    /// The one that refuses.
    pub(super) refuse: String,
}

/// What a click means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Click {
    /// This prompt is approved.
    Approves(String),
    /// This prompt is refused.
    Refuses(String),
    /// Nothing, for it was meant for what was there before this notification.
    TooEarly(u32),
    /// Nothing: it is not one of ours, or no longer.
    OnNothing,
}

impl Buttons {
    /// Names that nobody has had.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(super) fn new() -> anyhow::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let names = hex(&random);
        Ok(Self { approve: format!("approve-{names}"), refuse: format!("refuse-{names}") })
    }
}

impl Board {
    /// The ids of the prompts that are known to be open.
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.0.iter().map(|shown| shown.prompt.id.clone()).collect()
    }

    /// Puts a prompt there that was shown at `now`, as this notification.
    pub(super) fn put(
        &mut self,
        prompt: OpenPrompt,
        notification: Option<u32>,
        buttons: Buttons,
        now: Duration,
    ) {
        self.0.push(Shown { prompt, notification, buttons, since: now });
    }

    /// Forgets all prompts but these. Returns the notifications that are to go.
    pub(super) fn keep_only(&mut self, open: &[OpenPrompt]) -> Vec<u32> {
        let is_open = |shown: &mut Shown| !open.iter().any(|open| open.id == shown.prompt.id);
        self.0.extract_if(.., is_open).filter_map(|shown| shown.notification).collect()
    }

    /// Takes the prompt from there that this notification shows, with the seconds that it has left.
    pub(super) fn take(&mut self, notification: u32, now: Duration) -> Option<OpenPrompt> {
        let at = self.0.iter().position(|shown| shown.notification == Some(notification))?;
        Some(self.0.swap_remove(at).later(now))
    }

    /// Takes all prompts from there.
    pub(super) fn take_all(&mut self, now: Duration) -> Vec<OpenPrompt> {
        self.0.drain(..).map(|shown| shown.later(now)).collect()
    }

    /// What it means that this button of this notification was clicked.
    pub(super) fn clicked(&self, notification: u32, button: &str, now: Duration) -> Click {
        let is_meant = |shown: &&Shown| shown.notification == Some(notification);
        let Some(shown) = self.0.iter().find(is_meant) else { return Click::OnNothing };
        let id = || shown.prompt.id.clone();
        let click = if button == shown.buttons.approve {
            Click::Approves(id())
        } else if button == shown.buttons.refuse {
            Click::Refuses(id())
        } else {
            return Click::OnNothing;
        };
        match now.saturating_sub(shown.since) >= GRACE {
            true => click,
            false => Click::TooEarly(notification),
        }
    }
}

impl Shown {
    fn later(self, now: Duration) -> OpenPrompt {
        let passed = now.saturating_sub(self.since).as_secs();
        let seconds_left = self.prompt.seconds_left.saturating_sub(passed);
        OpenPrompt { seconds_left, ..self.prompt }
    }
}

/// For so long a click is taken for one that was meant for something else: longer than one that was on its way already, and about
/// as long as it takes to read who asks.
const GRACE: Duration = Duration::from_millis(700);

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: Duration = Duration::from_secs(60);

    fn prompt(id: &str) -> OpenPrompt {
        OpenPrompt {
            id: id.to_owned(),
            action: "sign_in".to_owned(),
            gesture: "touch".to_owned(),
            rp_id: Some("example.org".to_owned()),
            application: None,
            user: None,
            seconds_left: 30,
            key: "1-1".to_owned(),
        }
    }

    /// A board with two prompts, and the buttons of the first.
    fn board() -> (Board, Buttons) {
        let mut board = Board::default();
        let buttons = [Buttons::new().unwrap(), Buttons::new().unwrap()];
        board.put(prompt("a"), Some(1), buttons[0].clone(), SHOWN);
        board.put(prompt("b"), Some(2), buttons[1].clone(), SHOWN);
        let [first, _] = buttons;
        (board, first)
    }

    // P-7
    #[test]
    fn a_click_counts_for_the_prompt_that_it_was_shown_for_and_no_other() {
        let (board, buttons) = board();
        let now = SHOWN + GRACE;
        assert_eq!(board.clicked(1, &buttons.approve, now), Click::Approves("a".to_owned()));
        assert_eq!(board.clicked(1, &buttons.refuse, now), Click::Refuses("a".to_owned()));
        assert_eq!(board.clicked(2, &buttons.approve, now), Click::OnNothing, "a's button on b");
        assert_eq!(board.clicked(3, &buttons.approve, now), Click::OnNothing);
        for guess in ["default", "approve", "0", ""] {
            assert_eq!(board.clicked(1, guess, now), Click::OnNothing, "{guess}");
        }
    }

    // P-7
    #[test]
    fn a_click_in_the_first_moment_is_none() {
        let (board, buttons) = board();
        let last = SHOWN + GRACE - Duration::from_millis(1);
        for button in [&buttons.approve, &buttons.refuse] {
            assert_eq!(board.clicked(1, button, SHOWN), Click::TooEarly(1));
            assert_eq!(board.clicked(1, button, last), Click::TooEarly(1));
        }
    }

    // P-7
    #[test]
    fn what_is_shown_again_is_another_notification_with_a_moment_of_its_own() {
        let (mut board, old) = board();
        let again = board.take(1, SHOWN + Duration::from_secs(5)).unwrap();
        assert_eq!((again.id.as_str(), again.seconds_left), ("a", 25));
        let (new, now) = (Buttons::new().unwrap(), SHOWN + Duration::from_secs(5));
        board.put(again, Some(3), new.clone(), now);
        assert_eq!(board.clicked(1, &old.approve, now + GRACE), Click::OnNothing);
        assert_eq!(board.clicked(3, &old.approve, now + GRACE), Click::OnNothing);
        assert_eq!(board.clicked(3, &new.approve, now), Click::TooEarly(3));
        assert_eq!(board.clicked(3, &new.approve, now + GRACE), Click::Approves("a".to_owned()));
    }

    #[test]
    fn what_is_no_longer_open_goes_and_cannot_be_clicked() {
        let (mut board, buttons) = board();
        assert_eq!(board.keep_only(&[prompt("b")]), [1]);
        assert_eq!(board.known(), ["b".to_owned()].into());
        assert_eq!(board.clicked(1, &buttons.approve, SHOWN + GRACE), Click::OnNothing);
        assert_eq!(board.keep_only(&[]), [2]);
    }

    #[test]
    fn what_could_not_be_shown_is_known_and_not_shown_again_and_again() {
        let mut board = Board::default();
        board.put(prompt("a"), None, Buttons::new().unwrap(), SHOWN);
        assert_eq!(board.known(), ["a".to_owned()].into());
        assert!(board.keep_only(&[]).is_empty(), "there is nothing to take away");
    }
}
