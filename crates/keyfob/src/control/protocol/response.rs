//! What a client hears from a running key.

use serde::{Deserialize, Serialize};
use virtual_key::faults::FaultDescription;
use virtual_key::key::Touch;

use crate::failure::failure;
use crate::secret_json::SecretJson;
use crate::terminal::shown::escaped;

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(crate) enum Response {
    /// It is done.
    Done,
    /// To `wait`.
    Prompt(OpenPrompt),
    /// To `prompts`.
    Prompts {
        /// All that can be answered now, of all keys; maybe none.
        prompts: Vec<OpenPrompt>,
    },
    /// To `status`.
    Status(Status),
    /// To `metadata`.
    Metadata {
        /// A FIDO metadata statement.
        statement: serde_json::Value,
    },
    /// To `profile`.
    Profile {
        /// The built-in profile, or its file.
        name: String,
        /// All that it says, as a file of JSON would.
        profile: serde_json::Value,
        /// What a key of this kind tells in getInfo and does not do, a line for each.
        #[serde(default)]
        announced: Vec<String>,
    },
    /// To `credentials`.
    Credentials {
        /// As `add_credential` takes them.
        credentials: Vec<SecretJson>,
        /// How many there are in all.
        total: usize,
    },
    /// To `add_credential`.
    Added {
        /// The id of the credential of the same account, in whose place it came; in base64url.
        replaced: Option<String>,
    },
    /// To `add_fault`: the numbers of what was added.
    FaultsAdded {
        /// Of a recipe, all that it takes.
        ids: Vec<u32>,
    },
    /// To `faults`.
    Faults {
        /// Oldest first.
        faults: Vec<ActiveFault>,
    },
    /// It could not be done.
    Error(Refusal),
}

/// A fault that a key has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActiveFault {
    /// Its number: no other fault of this key has had it.
    pub(crate) id: u32,
    /// What it is; of a recipe, a part of it, with its name beside it.
    pub(crate) fault: FaultDescription,
}

/// Why it could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// What was wrong.
    pub(crate) what: String,
    /// What to do next.
    pub(crate) next: String,
    /// What kind of reason it is.
    #[serde(default)]
    pub(crate) kind: Kind,
}

/// What kind of reason a refusal has, for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// It asks for what there is not, or what this key cannot: asked again, it is refused again.
    #[default]
    Invalid,
    /// The key is not there, or it is not said which of several is meant.
    NoKey,
    /// The prompt is not there, or no longer.
    NoPrompt,
    /// It did not happen in the time that was given.
    TimedOut,
    /// Too many ask at once.
    Busy,
    /// The machine did not do its part.
    Failed,
}

/// A prompt, as scripts see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenPrompt {
    /// Its name; no other prompt of any key in any run has it.
    pub(crate) id: String,
    /// `register`, `sign_in`, `select`, `reset`, `verify`, `enroll`; others may come.
    pub(crate) action: String,
    /// `touch`, `touch_twice`, `touch_again`, `long_touch`, `finger`; others may come.
    pub(crate) gesture: String,
    /// The relying party, verbatim: escape it before showing it. Of a U2F request only if its name is known.
    pub(crate) rp_id: Option<String>,
    /// What a U2F request has in its place: the SHA-256 of a name, in hexadecimal.
    pub(crate) application: Option<String>,
    /// The user's name, verbatim.
    pub(crate) user: Option<String>,
    /// Until the key stops waiting, rounded up.
    pub(crate) seconds_left: u64,
    /// The bus id of the key that asks.
    pub(crate) key: String,
}

/// How things stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// What becomes of questions.
    pub(crate) touch: Touch,
    /// Every key, in the order of the bus ids.
    pub(crate) keys: Vec<KeyStatus>,
}

/// How one key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyStatus {
    /// Its bus id.
    pub(crate) key: String,
    /// Its USB serial number.
    pub(crate) serial: String,
    /// What `--device` takes for it on this host; `None`: it cannot be had that way.
    #[serde(default)]
    pub(crate) device: Option<String>,
    /// Whether a host has it: its reader, if it is a card.
    pub(crate) attached: bool,
    /// By which way: `vhci-hcd`, `uhid`, `usbip`, `reader`; others may come. `None`: no host has it.
    #[serde(default)]
    pub(crate) way: Option<String>,
    /// Whether it lies on its reader, if that is there; `None`: it is no card.
    #[serde(default)]
    pub(crate) on_reader: Option<bool>,
    /// Where that reader is offered over USB/IP, as `usbip:HOST:PORT/BUSID`; `None`: it is not, or the key is no card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reader_at: Option<String>,
    /// The file in which it is recorded, by its whole path; `None`: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recording: Option<String>,
    /// What it asks now.
    pub(crate) prompt: Option<OpenPrompt>,
    /// What is wrong with it on purpose.
    #[serde(default)]
    pub(crate) faults: Vec<ActiveFault>,
}

impl Response {
    /// It does not go with the request: the running key is of another version.
    pub(crate) fn unexpected(&self) -> anyhow::Error {
        let answer = escaped(&format!("{self:?}"));
        failure(format_args!("unexpected answer {answer}"), "use a keyfob of the same version")
    }
}

impl Refusal {
    /// What was wrong, and what to do next; [`Kind::Invalid`].
    pub(crate) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into(), kind: Kind::default() }
    }

    /// The same, for a reason of this kind.
    pub(crate) fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}
