//! What a notification says. Its title is ours alone; what came from outside stands in the body, for titles are cut.

use ctap_core::consent::Action;

use crate::control::OpenPrompt;
use crate::run::prompts::sentence::Sentence;
use crate::run::told::action_named;
use crate::terminal::shown::name;

/// The words of one notification, without markup.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// What is to be done, and with which key.
    pub(super) title: String,
    /// Who asks for what.
    pub(super) body: String,
    /// On the button that approves.
    pub(super) approve: &'static str,
    /// On the button that refuses.
    pub(super) refuse: &'static str,
}

impl Words {
    /// What there is to say about this prompt (P-8).
    pub(super) fn of(prompt: &OpenPrompt) -> Self {
        let key = name(&prompt.key);
        let (title, approve) = match action_named(&prompt.action) {
            Some(Action::Reset) => (format!("Erase security key {key}?"), "Erase"),
            _ => (format!("{} security key {key}?", verb(&prompt.gesture)), "Approve"),
        };
        let body = format!("{}{}", Sentence::from(prompt), more(&prompt.gesture));
        Self { title, body, approve, refuse: "Refuse" }
    }
}

/// What a person would do with a hardware key.
fn verb(gesture: &str) -> &'static str {
    match gesture {
        "finger" => "Place a finger on",
        _ => "Touch",
    }
}

fn more(gesture: &str) -> &'static str {
    match gesture {
        "touch_twice" => ". It is asked two times: this is the first",
        "touch_again" => ". It is asked two times: this is the second",
        _ => "",
    }
}

/// The same text where `<`, `>` and `&` mean something: in HTML and in Pango's markup.
pub(super) fn without_markup(text: &str) -> String {
    let escaped = |character| match character {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        other => String::from(other),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(action: &str, gesture: &str, rp_id: &str, user: &str) -> OpenPrompt {
        OpenPrompt {
            id: "5eed.1-1.1".to_owned(),
            action: action.to_owned(),
            gesture: gesture.to_owned(),
            rp_id: Some(rp_id.to_owned()),
            application: None,
            user: Some(user.to_owned()),
            seconds_left: 30,
            key: "1-1".to_owned(),
        }
    }

    #[test]
    fn a_notification_says_what_to_do_with_which_key_and_who_asks_for_what() {
        let words = Words::of(&prompt("sign_in", "touch", "github.com", "ada"));
        assert_eq!(words.title, "Touch security key 1-1?");
        assert_eq!(words.body, "“github.com” wants to sign in as “ada”");
        assert_eq!([words.approve, words.refuse], ["Approve", "Refuse"]);
        let words = Words::of(&prompt("verify", "finger", "github.com", "ada"));
        assert_eq!(words.title, "Place a finger on security key 1-1?");
        let words = Words::of(&prompt("dance", "jump", "github.com", "ada"));
        assert_eq!(words.body, "“github.com” wants a touch", "what a newer key asks");
    }

    #[test]
    fn whoever_erases_a_key_reads_so_on_the_button() {
        let mut reset = prompt("reset", "touch_twice", "", "");
        (reset.rp_id, reset.user) = (None, None);
        let words = Words::of(&reset);
        assert_eq!([words.title.as_str(), words.approve], ["Erase security key 1-1?", "Erase"]);
        assert!(words.body.contains("every credential and the PIN. It is asked two times"));
    }

    // P-8
    #[test]
    fn a_site_and_its_user_have_neither_markup_nor_sentences_of_their_own() {
        let site = "<b>x</b>\n&amp;\u{202e}<a href='https://evil.example'>";
        let words = Words::of(&prompt("sign_in", "touch", site, &"n”<img>".repeat(99)));
        let shown = without_markup(&words.body);
        assert!(shown.starts_with("“&lt;b&gt;x&lt;/b&gt;\\u{a}&amp;amp;\\u{202e}&lt;a"), "{shown}");
        assert!(!shown.contains(['<', '>', '\'', '"', '\n', '\u{202e}']), "{shown}");
        assert!(words.body.chars().count() < 200, "{}", words.body);
        assert!(!words.title.contains("evil"), "the title is ours");
    }
}
