//! Questions to people, and the decisions of people.

use alloc::string::String;
use core::fmt;

/// Identifies one question. A number is never used again, so a late answer cannot approve another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PromptId(pub(crate) u64);

impl fmt::Display for PromptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a person must see before they decide.
///
/// The names in it come from the program that asks. Before you show them, escape characters that could disguise
/// them. If you shorten a domain, keep its end: the end says whose domain it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What the program asks for.
    pub action: Action,
    /// What the person must do to agree.
    pub gesture: Gesture,
    /// The RP id, verbatim.
    pub rp_id: Option<String>,
    /// What a U2F request has instead of an RP id (UF-20, UF-30): the SHA-256 of a name. The program that shows the
    /// question may know the name.
    pub application: Option<[u8; 32]>,
    /// The user's name at the relying party, verbatim. For a sign-in it is there only if exactly one account is
    /// possible.
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
    /// Be the key that the platform uses (selection, a probe with an empty pinUvAuthParam, or a dummy registration).
    Select,
    /// Erase everything (reset).
    Reset,
    /// Let a program act for a verified user (a pinUvAuthToken obtained with a fingerprint).
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
    /// Touch the key, and touch it again when it asks again ([`ResetGestures`](crate::config::ResetGestures)).
    TouchTwice,
    /// Touch the key a second time, now.
    TouchAgain,
    /// Hold the key for at least five seconds (RS-06).
    LongTouch,
    /// Place a finger on the sensor.
    Finger,
}

/// A person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// They agreed. If the question asks for a finger, this is the first enrolled finger; during an enrolment it is
    /// a finger that is not enrolled yet.
    Approve,
    /// They placed this finger. If the question asks for a touch, it counts as a touch.
    Finger(u8),
    /// They placed a finger in a way that the sensor could not read. If the question asks for a touch, it counts as
    /// a refusal.
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
    /// At an angle.
    TooSkewed = 0x08,
    /// The touch was too short.
    TooShort = 0x09,
    /// Does not match the samples before: another finger.
    MergeFailure = 0x0a,
    /// This finger is enrolled already.
    Exists = 0x0b,
    /// Nobody touched.
    NoUserActivity = 0x0d,
    /// The finger was not lifted between two samples.
    NoUserPresenceTransition = 0x0e,
}

impl SampleFault {
    /// All of them, in the order of their numbers, each with its name in the standard.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::TooHigh, "TOO_HIGH"),
        (Self::TooLow, "TOO_LOW"),
        (Self::TooLeft, "TOO_LEFT"),
        (Self::TooRight, "TOO_RIGHT"),
        (Self::TooFast, "TOO_FAST"),
        (Self::TooSlow, "TOO_SLOW"),
        (Self::PoorQuality, "POOR_QUALITY"),
        (Self::TooSkewed, "TOO_SKEWED"),
        (Self::TooShort, "TOO_SHORT"),
        (Self::MergeFailure, "MERGE_FAILURE"),
        (Self::Exists, "EXISTS"),
        (Self::NoUserActivity, "NO_USER_ACTIVITY"),
        (Self::NoUserPresenceTransition, "NO_USER_PRESENCE_TRANSITION"),
    ];

    /// Its number on the wire (lastEnrollSampleStatus). Never 0, which is a good sample.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The fault with this lastEnrollSampleStatus.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().map(|(fault, _)| fault).find(|fault| fault.number() == number)
    }
}

/// What a fingerprint sensor sees.
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
    /// If the question asks for a touch, a finger that cannot be read is not one.
    pub(crate) const fn is_touch(self) -> bool {
        !matches!(self, Self::Unreadable(_))
    }

    /// It is one of `enrolled`, by the sensor's numbers.
    pub(crate) fn is_enrolled(self, mut enrolled: impl Iterator<Item = u8>) -> bool {
        match self {
            Self::Fitting => enrolled.next().is_some(),
            Self::Number(number) => enrolled.any(|known| known == number),
            Self::Unreadable(_) => false,
        }
    }
}

impl Decision {
    /// What the sensor sees; `None`: the person refused.
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
        Self { action, gesture: Gesture::Touch, rp_id: None, application: None, user: None }
    }
}
