//! The words of a prompt.

use std::fmt;

use ctap_core::Question;
use ctap_core::consent::{Action, Gesture};
use virtual_key::keys::Prompt;

use crate::control::OpenPrompt;
use crate::run::told::action_named;
use crate::terminal::hex;
use crate::terminal::shown::{name, quoted_name, quoted_site};

/// Who asks for what: `“github.com” wants to create a key for “ada”`. What came from outside stands in quotation marks.
pub(in crate::run) struct Sentence<'a> {
    /// `None`: what only a newer key asks.
    action: Option<Action>,
    who: String,
    user: Option<&'a str>,
}

impl<'a> From<&'a Question> for Sentence<'a> {
    fn from(question: &'a Question) -> Self {
        let hash = question.application.map(|hash| hex(&hash));
        let who = who(question.rp_id.as_deref(), hash.as_deref());
        Self { action: Some(question.action), who, user: question.user.as_deref() }
    }
}

impl<'a> From<&'a OpenPrompt> for Sentence<'a> {
    fn from(prompt: &'a OpenPrompt) -> Self {
        let who = who(prompt.rp_id.as_deref(), prompt.application.as_deref());
        Self { action: action_named(&prompt.action), who, user: prompt.user.as_deref() }
    }
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.who)?;
        let user = self.user.map(quoted_name);
        match (self.action, user) {
            (Some(Action::Register), None) => write!(f, " wants to create a key"),
            (Some(Action::Register), Some(user)) => write!(f, " wants to create a key for {user}"),
            (Some(Action::SignIn), None) => write!(f, " wants to sign in"),
            (Some(Action::SignIn), Some(user)) => write!(f, " wants to sign in as {user}"),
            (Some(Action::Select), _) => write!(f, " asks whether this is the key to use"),
            (Some(Action::Reset), _) => {
                write!(f, " wants to erase this key: every credential and the PIN")
            }
            (Some(Action::Verify), _) => write!(f, " wants to know that it is you"),
            (Some(Action::Enroll), _) => write!(f, " wants to learn a new finger"),
            (_, _) => write!(f, " wants a touch"),
        }
    }
}

/// Whoever asks, as far as they can be told: a U2F request has a hash at least, by which it can be known again.
fn who(rp_id: Option<&str>, application: Option<&str>) -> String {
    match (rp_id, application) {
        (Some(rp_id), _) => quoted_site(rp_id),
        (None, Some(hash)) => nameless(hash),
        (None, None) => "a program".to_owned(),
    }
}

/// A U2F site of which only the hash of its name is known, in hexadecimal.
pub(in crate::run) fn nameless(hash: &str) -> String {
    let beginning: String = hash.chars().take(8).collect();
    format!("a U2F site without a name ({}…)", name(&beginning))
}

/// With several keys it says which one is asked.
pub(super) fn sentence(bus_id: Option<&str>, prompt: &Prompt) -> String {
    let sentence = Sentence::from(&prompt.question);
    match bus_id {
        Some(bus_id) => format!("{bus_id}: {sentence}"),
        None => sentence.to_string(),
    }
}

/// What a person at the terminal can do: `Enter to touch, n to refuse, 27 s left`. Of two touches it says which one.
pub(super) struct Choices<'a>(pub(super) &'a Prompt);

impl fmt::Display for Choices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, left) = (verb(self.0.question.gesture), self.0.seconds_left());
        write!(f, "Enter to {verb}, n to refuse, {left} s left")
    }
}

/// The same for a person who is elsewhere.
pub(super) struct Commands<'a>(pub(super) &'a Prompt);

impl fmt::Display for Commands<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let often = how_often(self.0.question.gesture);
        let left = self.0.seconds_left();
        write!(f, "`keyfob touch`{often} to agree, `keyfob deny` to refuse, {left} s left")
    }
}

/// What a person does with the key itself.
fn verb(gesture: Gesture) -> &'static str {
    match gesture {
        Gesture::TouchTwice => "touch, the first of two times",
        Gesture::TouchAgain => "touch a second time",
        Gesture::LongTouch => "touch for long",
        Gesture::Finger => "place a finger",
        _ => "touch",
    }
}

/// How often `keyfob touch` is to be typed, where once is not enough.
fn how_often(gesture: Gesture) -> &'static str {
    match gesture {
        Gesture::TouchTwice => " two times",
        Gesture::TouchAgain => " a second time",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(action: Action, rp_id: Option<&str>, user: Option<&str>) -> String {
        let (rp_id, user) = (rp_id.map(str::to_owned), user.map(str::to_owned));
        let question = Question { action, gesture: Gesture::Touch, rp_id, application: None, user };
        Sentence::from(&question).to_string()
    }

    #[test]
    fn a_sentence_names_who_asks_for_what() {
        let (site, user) = (Some("github.com"), Some("ada"));
        assert_eq!(
            [
                sentence(Action::Register, site, user),
                sentence(Action::SignIn, site, user),
                sentence(Action::SignIn, site, None),
                sentence(Action::Select, None, None),
            ],
            [
                "“github.com” wants to create a key for “ada”",
                "“github.com” wants to sign in as “ada”",
                "“github.com” wants to sign in",
                "a program asks whether this is the key to use",
            ]
        );
    }

    #[test]
    fn of_two_touches_each_says_which_it_is() {
        let told = [Gesture::Touch, Gesture::TouchTwice, Gesture::TouchAgain].map(verb);
        assert_eq!(told, ["touch", "touch, the first of two times", "touch a second time"]);
        let told = [Gesture::Touch, Gesture::TouchTwice, Gesture::TouchAgain].map(how_often);
        assert_eq!(told, ["", " two times", " a second time"]);
    }

    // P-8
    #[test]
    fn a_site_cannot_hide_its_domain() {
        let site = format!("accounts.google.com.{}.evil.example", "a".repeat(44));
        let told = sentence(Action::Register, Some(&site), Some("ada"));
        assert!(told.contains("aaa.evil.example” wants to create a key for “ada”"), "{told}");
    }

    // P-8
    #[test]
    fn a_name_is_no_sentence_of_the_key() {
        let user = "nobody. github.com wants to sign in as ada";
        let told = sentence(Action::Register, Some("evil.example"), Some(user));
        assert_eq!(told, format!("“evil.example” wants to create a key for “{user}”"));
        let site = "x” wants to sign in. “github.com";
        let told = sentence(Action::Register, Some(site), None);
        assert_eq!(told.matches('“').count(), 1, "{told}");
    }

    // P-8, UF-20
    #[test]
    fn a_hash_that_nobody_knows_is_told_from_others() {
        let mut question = Question {
            action: Action::Register,
            gesture: Gesture::Touch,
            rp_id: None,
            application: Some([0xab; 32]),
            user: None,
        };
        let told = Sentence::from(&question).to_string();
        assert_eq!(told, "a U2F site without a name (abababab…) wants to create a key");
        question.rp_id = Some("github.com".to_owned());
        assert_eq!(Sentence::from(&question).to_string(), "“github.com” wants to create a key");
    }
}
