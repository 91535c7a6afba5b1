//! The words of a prompt.

use std::fmt;

use ctap_core::consent::Gesture;

use crate::keys::Prompt;

/// Who asks for what: `github.com wants to create a key for ada`. With several keys it says which one is asked.
pub(super) fn sentence(bus_id: Option<&str>, prompt: &Prompt) -> String {
    match bus_id {
        Some(bus_id) => format!("{bus_id}: {}", prompt.question),
        None => prompt.question.to_string(),
    }
}

/// What a person at the terminal can do: `Enter to touch, n to refuse, 27 s left`.
pub(super) struct Choices<'a>(pub(super) &'a Prompt);

impl fmt::Display for Choices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.0.question.gesture {
            Gesture::LongTouch => "touch for long",
            Gesture::Finger => "place a finger",
            _ => "touch",
        };
        write!(f, "Enter to {verb}, n to refuse, {} s left", self.0.seconds_left())
    }
}

/// The same for a person who is elsewhere.
pub(super) struct Commands<'a>(pub(super) &'a Prompt);

impl fmt::Display for Commands<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.0.seconds_left();
        write!(f, "`keyfob touch` to agree, `keyfob deny` to refuse, {left} s left")
    }
}
