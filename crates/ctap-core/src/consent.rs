//! People: what they are asked, what they decide, and the proof that they did.
//!
//! A command that needs a person stops as a value, asks a [`Question`] under a [`PromptId`], and goes on when a
//! [`Decision`] for that very prompt arrives. [`UserPresent`] and [`UserVerified`] are what a decision or a MAC proves;
//! code that writes, or uses a private key, takes them as arguments, so skipping the question does not compile.

use alloc::string::String;
use core::fmt;

use crate::store::Fingerprint;

/// Names one question for ever. It is never used again, so a late answer cannot approve another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PromptId(pub(crate) u64);

impl fmt::Display for PromptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a person must see before they decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked for.
    pub action: Action,
    /// What the person is to do if they agree.
    pub gesture: Gesture,
    /// The relying party, verbatim: escape it before showing it, or use `Display`.
    pub rp_id: Option<String>,
    /// The user's name at the relying party, verbatim; for a sign-in only when one account is in question.
    pub user: Option<String>,
}

/// What a person is asked to agree to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Create a credential (makeCredential).
    Register,
    /// Sign in with a credential (getAssertion).
    SignIn,
    /// Be the key that the platform uses (selection, or a probe with an empty pinUvAuthParam).
    Select,
    /// Erase everything (reset).
    Reset,
    /// Let a program act for a verified user (a pinUvAuthToken by fingerprint).
    Verify,
    /// Learn a new finger (bioEnrollment).
    Enroll,
}

/// What a person does to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gesture {
    /// Touch the key.
    Touch,
    /// Hold the key for at least five seconds (RS-06).
    LongTouch,
    /// Place a finger on the sensor.
    Finger,
}

/// What a person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// They did what the question asks. Where it asks for a finger: the one that fits, the first enrolled or, while a new
    /// one is learned, one that is not enrolled yet.
    Approve,
    /// They placed this finger; on a question that asks for a touch, it is a touch.
    Finger(u8),
    /// They placed a finger in a way that the sensor could not read; on a question that asks for a touch, a refusal.
    BadSample(SampleFault),
    /// They refused.
    Deny,
}

/// Why a sensor could not use a sample (lastEnrollSampleStatus, BE-23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum SampleFault {
    /// Too high on the sensor.
    TooHigh = 0x01,
    /// Too low.
    TooLow = 0x02,
    /// Too far left.
    TooLeft = 0x03,
    /// Too far right.
    TooRight = 0x04,
    /// Swiped too fast.
    TooFast = 0x05,
    /// Swiped too slowly.
    TooSlow = 0x06,
    /// Poor quality.
    PoorQuality = 0x07,
    /// Too skewed.
    TooSkewed = 0x08,
    /// Touched too shortly.
    TooShort = 0x09,
    /// Does not go with the samples before: another finger.
    MergeFailure = 0x0a,
    /// This finger is enrolled already.
    Exists = 0x0b,
    /// Nobody touched.
    NoUserActivity = 0x0d,
    /// The finger was not lifted in between.
    NoUserPresenceTransition = 0x0e,
}

/// What a fingerprint sensor saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finger {
    /// The one that fits the question.
    Fitting,
    /// A certain one.
    Number(u8),
    /// Nothing it could use.
    Unreadable(SampleFault),
}

impl Finger {
    /// Where the question asks for a touch, a finger that cannot be read is none.
    pub(crate) const fn is_touch(self) -> bool {
        !matches!(self, Self::Unreadable(_))
    }

    /// It is one of `enrolled`.
    pub(crate) fn is_enrolled(self, enrolled: &[Fingerprint]) -> bool {
        match self {
            Self::Fitting => !enrolled.is_empty(),
            Self::Number(number) => enrolled.iter().any(|known| known.finger == number),
            Self::Unreadable(_) => false,
        }
    }
}

impl Decision {
    /// What the sensor saw; `None`: the person refused.
    pub(crate) const fn finger(self) -> Option<Finger> {
        match self {
            Self::Approve => Some(Finger::Fitting),
            Self::Finger(number) => Some(Finger::Number(number)),
            Self::BadSample(fault) => Some(Finger::Unreadable(fault)),
            Self::Deny => None,
        }
    }
}

impl Question {
    pub(crate) const fn touch(action: Action) -> Self {
        Self { action, gesture: Gesture::Touch, rp_id: None, user: None }
    }
}

/// One line for a person, with everything in it that came from outside escaped and bounded.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rp = Shown(self.rp_id.as_deref().unwrap_or("a program"));
        match self.action {
            Action::Register => write!(f, "{rp} wants to create a key")?,
            Action::SignIn => write!(f, "{rp} wants to sign in")?,
            Action::Select => write!(f, "{rp} asks whether this is the key to use")?,
            Action::Reset => {
                write!(f, "{rp} wants to erase this key: every credential and the PIN")?
            }
            Action::Verify => write!(f, "{rp} wants to know that it is you")?,
            Action::Enroll => write!(f, "{rp} wants to learn a new finger")?,
        }
        match (&self.user, self.action) {
            (Some(user), Action::SignIn) => write!(f, " as {}", Shown(user)),
            (Some(user), _) => write!(f, " for {}", Shown(user)),
            (None, _) => Ok(()),
        }
    }
}

/// Text from outside as it may stand on a terminal: control and direction-changing characters escaped, 64 characters at
/// the most (P-8).
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 64;
        for (at, character) in self.0.chars().enumerate() {
            if at == LONGEST {
                return f.write_str("…");
            }
            if is_plain(character) {
                fmt::Write::write_char(f, character)?;
            } else {
                write!(f, "{}", character.escape_unicode())?;
            }
        }
        Ok(())
    }
}

/// Neither a control character nor one of those that reorder, join or hide the text around them.
fn is_plain(character: char) -> bool {
    let invisible = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !character.is_control() && !invisible
}

/// Proof that a person touched the key for this very request.
#[derive(Debug)]
pub struct UserPresent(());

impl UserPresent {
    /// Only [`Authenticator::answer`](crate::Authenticator::answer) calls this, for every decision but a refusal.
    pub(crate) const fn approved() -> Self {
        Self(())
    }
}

/// Proof that the key knows who its user is.
#[derive(Debug)]
pub struct UserVerified(());

impl UserVerified {
    /// Only `PinUvAuthToken` calls this, for a MAC that verified.
    pub(crate) const fn by_token() -> Self {
        Self(())
    }

    /// Only `Verification` calls this, for an enrolled finger.
    pub(crate) const fn by_finger() -> Self {
        Self(())
    }
}

/// Proof that the platform asked for a signature without a presence test (`up: false`, GA-07; control byte 08, UF-38).
#[derive(Debug)]
pub struct SilentRequest(());

impl SilentRequest {
    /// Only getAssertion's `up` option and the control byte of a U2F authentication make one.
    pub(crate) fn from_up_option(up: bool) -> Option<Self> {
        (!up).then_some(Self(()))
    }
}

/// What allows a private key to sign, and what the UP and UV bits are derived from.
#[derive(Debug)]
pub struct Evidence {
    present: bool,
    verified: bool,
}

impl Evidence {
    /// A person touched the key.
    pub(crate) fn of_presence(_: UserPresent, verified: Option<UserVerified>) -> Self {
        Self { present: true, verified: verified.is_some() }
    }

    /// Nobody did, and the platform did not ask for it.
    pub(crate) fn of_silence(_: SilentRequest, verified: Option<UserVerified>) -> Self {
        Self { present: false, verified: verified.is_some() }
    }

    /// The UP bit.
    #[must_use]
    pub const fn present(&self) -> bool {
        self.present
    }

    /// The UV bit.
    #[must_use]
    pub const fn verified(&self) -> bool {
        self.verified
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    #[test]
    fn a_question_names_who_asks_for_what() {
        let mut question = Question::touch(Action::Register);
        question.rp_id = Some("github.com".into());
        question.user = Some("ada".into());
        assert_eq!(question.to_string(), "github.com wants to create a key for ada");
        question.action = Action::SignIn;
        assert_eq!(question.to_string(), "github.com wants to sign in as ada");
    }

    #[test]
    fn names_cannot_move_the_cursor_or_turn_the_text_around() {
        let shown = format!("{}", Shown("a\u{1b}[2J\u{202e}moc.elgoog\n"));
        assert_eq!(shown, "a\\u{1b}[2J\\u{202e}moc.elgoog\\u{a}");
    }

    #[test]
    fn long_names_are_cut_after_sixty_four_characters() {
        assert_eq!(format!("{}", Shown(&"ä".repeat(64))).chars().count(), 64);
        assert_eq!(format!("{}", Shown(&"ä".repeat(4000))).chars().count(), 65);
    }
}
