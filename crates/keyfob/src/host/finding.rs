//! A finding about a host.

use serde::Serialize;

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) topic: &'static str,
    pub(super) state: State,
    pub(super) what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// How things stand with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Good,
    /// A key can be had all the same.
    Note,
    /// Without it no key can be attached.
    Lacking,
}

impl Finding {
    pub(super) fn good(topic: &'static str, what: impl Into<String>) -> Self {
        Self { topic, state: State::Good, what: what.into(), next: None }
    }

    pub(super) fn note(topic: &'static str, what: impl Into<String>) -> Self {
        Self { state: State::Note, ..Self::good(topic, what) }
    }

    pub(super) fn lacking(topic: &'static str, what: impl Into<String>) -> Self {
        Self { state: State::Lacking, ..Self::good(topic, what) }
    }

    pub(super) fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }
}
