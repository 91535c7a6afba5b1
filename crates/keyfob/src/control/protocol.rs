//! The messages on the control socket, as lines of JSON.

use ctap_core::Decision;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use virtual_key::faults::FaultDescription;
use virtual_key::key::{Touch, Verification};

use super::bad_sample::BadSample;
use crate::failure::failure;
use crate::secret_json::SecretJson;
use crate::terminal::shown::escaped;

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Do what the open prompt asks, or place a finger of one's own choice.
    Touch(Touching),
    /// Refuse the open prompt.
    Deny(Choice),
    /// Tell the open prompt, or the next one to open.
    Wait {
        /// Of this key only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Give up after so many seconds; without it, never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<u32>,
    },
    /// Unplug a key and plug it in again.
    Replug {
        /// Which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// Tap the reader with a card: lay it on and take it off.
    Tap {
        /// Which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// How often; without it, once.
        #[serde(default = "once")]
        times: u8,
        /// How long it lies there the last time; without it, three seconds.
        #[serde(default = "three_seconds")]
        milliseconds: u32,
    },
    /// Lay a card on its reader, and leave it there.
    LayOn {
        /// Which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// Take a card off its reader.
    TakeOff {
        /// Which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// Tell how things stand.
    Status,
    /// Tell the metadata statement of a key, with the roots of its certificates.
    Metadata {
        /// Which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Its U2F side's.
        #[serde(default)]
        u2f: bool,
    },
    /// Tell what kind of key it is.
    Profile {
        /// Which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// Tell the credentials that a key keeps, with their private keys: as many as an answer has room for.
    Credentials {
        /// Which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// How many are passed over.
        #[serde(default)]
        from: usize,
    },
    /// Add a credential.
    AddCredential {
        /// To which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// As `virtual_key::credential_formats` writes it: the members of WebDriver, and keyfob's beside them.
        credential: SecretJson,
    },
    /// Remove a credential.
    RemoveCredential {
        /// From which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Its id, in base64url.
        id: String,
    },
    /// Remove all credentials that a key keeps.
    RemoveCredentials {
        /// Which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// Change what is told of a credential.
    ChangeCredential(ChangedCredential),
    /// Enrol a finger, without a PIN.
    EnrollFinger {
        /// Of which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Its number.
        finger: u8,
    },
    /// Remove an enrolled finger.
    RemoveFinger {
        /// Of which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Its number.
        finger: u8,
    },
    /// Say what becomes of questions from now on, open ones included; what is not said stays.
    SetPolicy {
        /// Of which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Of all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        touch: Option<Touch>,
        /// Of those for a finger, where `touch` is `auto`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verification: Option<Verification>,
    },
    /// Have a key do something wrong.
    AddFault {
        /// Which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// What, and with which requests.
        fault: Box<FaultDescription>,
    },
    /// Tell what a key does wrong on purpose.
    Faults {
        /// Which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// Take a fault away.
    ClearFaults {
        /// From which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Its number; without it, all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<u32>,
    },
}

/// What is to be different about a credential; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangedCredential {
    /// Of which key, if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// Its id, in base64url.
    pub(crate) id: String,
    /// Flag BE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backup_eligibility: Option<bool>,
    /// Flag BS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backup_state: Option<bool>,
    /// The last counter that was sent; null: it stays 0.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "there")]
    pub(crate) sign_count: Option<Option<u32>>,
}

/// A member that is there, and may be null.
fn there<'de, D: Deserializer<'de>>(member: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(member).map(Some)
}

fn once() -> u8 {
    1
}

fn three_seconds() -> u32 {
    3000
}

/// Which prompt is answered: the only open one, unless something here is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    /// That of this key, by its bus id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// This very one, by its [id](OpenPrompt::id).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prompt: Option<String>,
}

/// How a prompt is approved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Touching {
    /// As in [`Choice`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// As in [`Choice`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prompt: Option<String>,
    /// What the fingerprint sensor sees; without it, the finger that fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sample: Option<Sample>,
}

/// What a fingerprint sensor sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sample {
    /// This finger. Which is which, the key does not care: 1 to 10 will do.
    Finger(u8),
    /// A finger that it cannot read.
    Bad(BadSample),
}

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(crate) enum Response {
    /// It is done.
    Done,
    /// To `wait`.
    Prompt(OpenPrompt),
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
    /// The file in which it is recorded, by its whole path; `None`: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recording: Option<String>,
    /// What it asks now.
    pub(crate) prompt: Option<OpenPrompt>,
    /// What is wrong with it on purpose.
    #[serde(default)]
    pub(crate) faults: Vec<ActiveFault>,
}

impl Request {
    /// What is wrong with members that are no request, in a sentence that names the member.
    pub(crate) fn fault(members: &Map<String, Value>) -> Option<String> {
        let told = in_plain_words(&misread(members)?);
        // The one without which something else is wrong, or nothing.
        let is_wrong = |name: &&String| {
            let mut others = members.clone();
            others.remove(*name);
            *name != "do" && misread(&others).is_none_or(|other| in_plain_words(&other) != told)
        };
        Some(match members.keys().find(is_wrong) {
            Some(name) if !told.contains(&format!("`{name}`")) => format!("`{name}`: {told}"),
            _ => told,
        })
    }
}

fn misread(members: &Map<String, Value>) -> Option<String> {
    Request::deserialize(members).err().map(|error| error.to_string())
}

/// What serde calls by the names of Rust's types.
fn in_plain_words(told: &str) -> String {
    let numbers = [
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected usize", "expected a whole number, 0 or more"),
    ];
    numbers.into_iter().fold(told.to_owned(), |told, (name, words)| told.replace(name, words))
}

impl Touching {
    pub(crate) fn choice(&self) -> Choice {
        Choice { key: self.key.clone(), prompt: self.prompt.clone() }
    }

    pub(crate) fn decision(&self) -> Decision {
        match self.sample {
            None => Decision::Approve,
            Some(Sample::Finger(number)) => Decision::Finger(number),
            Some(Sample::Bad(bad)) => Decision::BadSample(bad.0),
        }
    }
}

impl Response {
    /// It does not go with the request: the running key is of another version.
    pub(crate) fn unexpected(&self) -> anyhow::Error {
        let answer = escaped(&format!("{self:?}"));
        failure(format_args!("unexpected answer {answer}"), "use a keyfob of the same version")
    }
}

impl Refusal {
    pub(crate) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into(), kind: Kind::default() }
    }

    /// The same, for a reason of this kind.
    pub(crate) fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use ctap_core::consent::SampleFault;
    use proptest::prelude::*;
    use serde_json::json;
    use virtual_key::faults::Word;

    use super::*;

    fn touch(sample: Option<Sample>) -> Request {
        Request::Touch(Touching { sample, ..Touching::default() })
    }

    #[test]
    fn requests_look_like_this_on_the_wire() {
        let deny = Choice { prompt: Some("5eed.1-1.1".into()), ..Choice::default() };
        let wait = Request::Wait { key: None, seconds: Some(9) };
        for (request, text) in [
            (touch(None), r#"{"do":"touch"}"#),
            (touch(Some(Sample::Finger(2))), r#"{"do":"touch","sample":{"finger":2}}"#),
            (
                touch(Some(Sample::Bad(BadSample(SampleFault::TooHigh)))),
                r#"{"do":"touch","sample":{"bad":"too_high"}}"#,
            ),
            (Request::Deny(deny), r#"{"do":"deny","prompt":"5eed.1-1.1"}"#),
            (wait, r#"{"do":"wait","seconds":9}"#),
            (Request::Replug { key: Some("1-2".into()) }, r#"{"do":"replug","key":"1-2"}"#),
            (
                Request::Tap { key: None, times: 2, milliseconds: 500 },
                r#"{"do":"tap","times":2,"milliseconds":500}"#,
            ),
            (Request::LayOn { key: Some("1-1".into()) }, r#"{"do":"lay_on","key":"1-1"}"#),
            (Request::TakeOff { key: None }, r#"{"do":"take_off"}"#),
            (Request::Status, r#"{"do":"status"}"#),
            (
                Request::Metadata { key: Some("1-1".into()), u2f: true },
                r#"{"do":"metadata","key":"1-1","u2f":true}"#,
            ),
            (Request::Profile { key: Some("1-1".into()) }, r#"{"do":"profile","key":"1-1"}"#),
            (Request::Credentials { key: None, from: 7 }, r#"{"do":"credentials","from":7}"#),
            (
                Request::AddCredential { key: None, credential: serde_json::json!({}).into() },
                r#"{"do":"add_credential","credential":{}}"#,
            ),
            (
                Request::RemoveCredential { key: None, id: "aWQ".into() },
                r#"{"do":"remove_credential","id":"aWQ"}"#,
            ),
            (
                Request::ChangeCredential(ChangedCredential {
                    id: "aWQ".into(),
                    sign_count: Some(None),
                    ..ChangedCredential::default()
                }),
                r#"{"do":"change_credential","id":"aWQ","signCount":null}"#,
            ),
            (
                Request::EnrollFinger { key: None, finger: 1 },
                r#"{"do":"enroll_finger","finger":1}"#,
            ),
            (
                Request::SetPolicy {
                    key: None,
                    touch: Some(Touch::Auto),
                    verification: Some(Verification::Deny),
                },
                r#"{"do":"set_policy","touch":"auto","verification":"deny"}"#,
            ),
            (
                Request::AddFault {
                    key: None,
                    fault: Box::new(FaultDescription {
                        kind: Some("silence".into()),
                        requests: Some(Word::Text("all".into())),
                        ..FaultDescription::default()
                    }),
                },
                r#"{"do":"add_fault","fault":{"kind":"silence","requests":"all"}}"#,
            ),
            (Request::Faults { key: None }, r#"{"do":"faults"}"#),
            (
                Request::ClearFaults { key: None, fault: Some(2) },
                r#"{"do":"clear_faults","fault":2}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&request).unwrap(), text);
            assert_eq!(serde_json::from_str::<Request>(text).unwrap(), request);
        }
    }

    #[test]
    fn a_tap_is_one_of_three_seconds_unless_it_says_more() {
        let tap = serde_json::from_str::<Request>(r#"{"do":"tap"}"#).unwrap();
        assert_eq!(tap, Request::Tap { key: None, times: 1, milliseconds: 3000 });
    }

    #[test]
    fn what_is_not_understood_is_refused_and_not_guessed() {
        for text in [
            "",
            "{}",
            "touch",
            r#"{"do":"approve"}"#,
            r#"{"do":"touch","promt":"a typo must not approve whatever is open"}"#,
            r#"{"do":"touch","sample":{"finger":2,"bad":"too_high"}}"#,
            r#"{"do":"touch","sample":{"bad":"good"}}"#,
            r#"{"do":"deny","sample":{"finger":2}}"#,
            r#"{"do":"wait","seconds":-1}"#,
            r#"{"do":"status"} {"do":"touch"}"#,
        ] {
            assert!(serde_json::from_str::<Request>(text).is_err(), "{text}");
        }
    }

    fn name() -> impl Strategy<Value = Option<String>> {
        proptest::option::of(".{0,40}")
    }

    fn sample() -> impl Strategy<Value = Option<Sample>> {
        let bad = prop::sample::select(BadSample::value_variants()).prop_map(Sample::Bad);
        proptest::option::of(prop_oneof![any::<u8>().prop_map(Sample::Finger), bad])
    }

    fn request() -> impl Strategy<Value = Request> {
        let choice = || (name(), name()).prop_map(|(key, prompt)| Choice { key, prompt });
        prop_oneof![
            (name(), name(), sample()).prop_map(|(key, prompt, sample)| {
                Request::Touch(Touching { key, prompt, sample })
            }),
            choice().prop_map(Request::Deny),
            (name(), any::<Option<u32>>())
                .prop_map(|(key, seconds)| Request::Wait { key, seconds }),
            name().prop_map(|key| Request::Replug { key }),
            (name(), any::<u8>(), any::<u32>())
                .prop_map(|(key, times, milliseconds)| Request::Tap { key, times, milliseconds }),
            name().prop_map(|key| Request::LayOn { key }),
            name().prop_map(|key| Request::TakeOff { key }),
            Just(Request::Status),
            (name(), any::<bool>()).prop_map(|(key, u2f)| Request::Metadata { key, u2f }),
            name().prop_map(|key| Request::Profile { key }),
        ]
    }

    #[test]
    fn a_member_that_cannot_be_meant_is_named() {
        let fault = |members: Value| Request::fault(members.as_object().unwrap());
        for (members, name, words) in [
            (
                json!({ "do": "wait", "seconds": -1 }),
                "`seconds`: ",
                "`-1`, expected a whole number from 0",
            ),
            (json!({ "do": "wait", "key": "1-1", "seconds": "soon" }), "`seconds`: ", "\"soon\""),
            (json!({ "do": "credentials", "from": -1 }), "`from`: ", "0 or more"),
            (json!({ "do": "remove_finger", "finger": 256 }), "`finger`: ", "from 0 to 255"),
            (json!({ "do": "set_policy", "touch": "perhaps" }), "`touch`: ", "`ask`"),
            (json!({ "do": "deny", "promt": "1" }), "unknown field `promt`", "`prompt`"),
            (json!({ "do": "remove_finger" }), "missing field `finger`", ""),
        ] {
            let told = fault(members).unwrap();
            assert!(told.starts_with(name) && told.contains(words), "{told}");
        }
        assert_eq!(fault(json!({ "do": "wait", "seconds": 1 })), None);
    }

    proptest! {
        #[test]
        fn every_request_is_one_line_and_comes_back_as_it_was(request in request()) {
            let line = serde_json::to_string(&request).unwrap();
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
        }

        #[test]
        fn a_changed_byte_panics_nothing_and_what_is_accepted_means_what_it_says(request in request(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut line = serde_json::to_vec(&request).unwrap();
            let at = at.index(line.len());
            line[at] = byte;
            if let Ok(request) = serde_json::from_slice::<Request>(&line) {
                let line = serde_json::to_vec(&request).unwrap();
                prop_assert_eq!(serde_json::from_slice::<Request>(&line).unwrap(), request);
            }
        }

        #[test]
        fn mutated_requests_never_turn_into_a_touch(request in request(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            prop_assume!(!matches!(request, Request::Touch(_)));
            let mut line = serde_json::to_vec(&request).unwrap();
            let at = at.index(line.len());
            line[at] = byte;
            prop_assert!(!matches!(serde_json::from_slice(&line), Ok(Request::Touch(_))));
        }
    }
}
