//! Errors as WebDriver has them (WebDriver section 6.6).

use hyper::StatusCode;
use serde_json::{Value, json};

/// Why a command was not carried out: the error and the status that go together there, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    pub(super) error: &'static str,
    pub(super) message: String,
}

impl Fault {
    fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        Self { status, error, message: message.into() }
    }

    /// A member that is missing or cannot be meant: the client's fault.
    pub(super) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid argument", message)
    }

    /// A web page sent it, or it was meant for another host.
    pub(super) fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "unknown error", message)
    }

    /// There is no such command at this path.
    pub(super) fn unknown_command() -> Self {
        let message = "there is no such command for virtual authenticators";
        Self::new(StatusCode::NOT_FOUND, "unknown command", message)
    }

    /// What a key on a bus cannot be.
    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unsupported operation", message)
    }

    /// The machine, or the key, did not do its part.
    pub(super) fn unknown_error(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unknown error", message)
    }

    /// The session is not there, or no longer.
    pub(super) fn no_session() -> Self {
        let message = "there is no such session: it was not started here, or it has ended";
        Self::new(StatusCode::NOT_FOUND, "invalid session id", message)
    }

    pub(super) fn no_authenticator() -> Self {
        Self::invalid_argument("Could not find a Virtual Authenticator matching the ID")
    }

    pub(super) fn no_credential() -> Self {
        Self::invalid_argument("Could not find a credential matching the ID")
    }

    /// The body that tells it.
    pub(super) fn body(&self) -> Value {
        json!({ "value": { "error": self.error, "message": self.message, "stacktrace": "" } })
    }
}
