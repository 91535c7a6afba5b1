//! What a client wants of a running key.

use std::collections::BTreeSet;

use ctap_core::Decision;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use virtual_key::faults::FaultDescription;
use virtual_key::key::{Touch, Verification};
use virtual_key::strict_json;

use super::misread::in_plain_words;
use crate::control::bad_sample::BadSample;
use crate::secret_json::SecretJson;

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
    /// Tell all open prompts, as soon as they are others than these.
    Prompts {
        /// Their [ids](super::OpenPrompt::id); without it, none: the next to open are told.
        #[serde(default)]
        known: BTreeSet<String>,
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
    Status {},
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
    /// Make it a key of another kind with the same memory, and plug it in again.
    SetProfile {
        /// Which one, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// The name of a built-in profile, or the path of a file, as the key's process has it.
        profile: String,
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
        #[serde(deserialize_with = "of_an_object")]
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

impl Request {
    /// The request that `line` is.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence: the client's fault.
    pub(crate) fn read(line: &[u8]) -> Result<Self, String> {
        let wrong = |error: serde_json::Error| in_plain_words(&error.to_string());
        let value: SecretJson = serde_json::from_slice(line).map_err(wrong)?;
        // Members in their order, without names, serde takes as well.
        let members = value.as_object().ok_or("it is not a JSON object")?;
        Self::of(members)
    }

    /// The request with these members.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn of(members: &Map<String, Value>) -> Result<Self, String> {
        let wrong = |error: serde_json::Error| {
            Self::fault(members).unwrap_or_else(|| in_plain_words(&error.to_string()))
        };
        match Self::deserialize(members).map_err(wrong)? {
            Self::SetPolicy { touch: None, verification: None, .. } => {
                Err("give `touch` or `verification`, or both: without them nothing would change"
                    .to_owned())
            }
            request => Ok(request),
        }
    }
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

/// Members in an object, each said once. A list of them in their order, which serde takes as well, is none.
fn of_an_object<'de, D: Deserializer<'de>>(member: D) -> Result<Box<FaultDescription>, D::Error> {
    match strict_json::value(member)? {
        members @ Value::Object(_) => {
            FaultDescription::deserialize(members).map_err(D::Error::custom)
        }
        _ => Err(D::Error::custom("expected an object")),
    }
    .map(Box::new)
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
    /// This very one, by its [id](super::OpenPrompt::id).
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

impl Touching {
    /// Which prompt it approves.
    pub(crate) fn choice(&self) -> Choice {
        Choice { key: self.key.clone(), prompt: self.prompt.clone() }
    }

    /// What the key is told.
    pub(crate) fn decision(&self) -> Decision {
        match self.sample {
            None => Decision::Approve,
            Some(Sample::Finger(number)) => Decision::Finger(number),
            Some(Sample::Bad(bad)) => Decision::BadSample(bad.0),
        }
    }
}

#[cfg(test)]
mod tests;
