//! What went wrong, as a page that says what to do next.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::pages::{Frame, Message, render};
use super::{keys, sign_in};
use crate::policy::Refusal;
use crate::relying_party::NewKeyFault;
use crate::store::{MAX_KEYS, StoreFault};

/// A request that does not get what it wants.
#[derive(Debug)]
pub(super) enum Problem {
    /// Sign in first.
    NotSignedIn,
    /// Administrators only.
    NotAdministrator,
    NotFound,
    /// The form was filled in on another site.
    ForeignForm,
    /// The ceremony is over, or was another browser's.
    Expired,
    SwitchedOff,
    /// No room for another key.
    Full,
    /// The key is registered already.
    Known,
    /// The administrator does not want this key.
    Refused(Refusal),
    /// The new key's answer does not hold.
    Invalid(NewKeyFault),
    /// Not the visitor's fault.
    Internal(String),
}

impl From<StoreFault> for Problem {
    fn from(fault: StoreFault) -> Self {
        Self::Internal(fault.to_string())
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::Expired | Self::Full | Self::Known => StatusCode::CONFLICT,
            Self::NotAdministrator | Self::ForeignForm | Self::SwitchedOff | Self::Refused(_) => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A heading and what to do next.
    fn words(&self) -> (&'static str, String) {
        let (title, advice) = match self {
            Self::NotSignedIn => ("Sign in first", ""),
            Self::NotAdministrator => (
                "For administrators only",
                "Sign in with an administrator's account to change settings.",
            ),
            Self::NotFound => {
                ("There is no such page", "It may have been about a key that was removed.")
            }
            Self::ForeignForm => (
                "This form came from another site",
                "Nothing was changed. Fill it in on this site.",
            ),
            Self::Expired => (
                "That took too long",
                "Or the page was used before. Nothing was changed; please start again.",
            ),
            Self::SwitchedOff => (
                "Security keys are switched off",
                "Your administrator has switched them off. Keys that you have added stay listed.",
            ),
            Self::Full => return ("No room for another key", full()),
            Self::Known => (
                "This key is already registered",
                "One registration is enough: use it, or add another key.",
            ),
            Self::Refused(refusal) => {
                return ("This key is not accepted", format!("{refusal} {LEFT_OVER}"));
            }
            Self::Invalid(NewKeyFault::OnlyU2f) => (
                "This key knows U2F only",
                "Such keys have no PIN and keep no passkeys. Nothing was added; please use a FIDO2 key.",
            ),
            Self::Invalid(NewKeyFault::Unverified) => (
                "The key did not check its PIN",
                "Nothing was added. Set a PIN on the key, and type it when the browser asks for it. Keys that know U2F only have none.",
            ),
            Self::Invalid(NewKeyFault::Invalid(_)) => {
                return (
                    "The key could not be added",
                    format!("Its answer could not be verified. {LEFT_OVER}"),
                );
            }
            Self::Internal(_) => {
                ("Something went wrong on our side", "Please try again in a while.")
            }
        };
        (title, advice.to_owned())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        match &self {
            Self::NotSignedIn => return Redirect::to(sign_in::PAGE).into_response(),
            Self::Internal(reason) => tracing::error!("{reason}"),
            Self::Invalid(reason) => tracing::info!("a key's answer is not valid: {reason}"),
            _ => {}
        }
        let (title, advice) = self.words();
        let page = Message { frame: Frame::new(title), advice, back: keys::HOME };
        render(self.status(), &page)
    }
}

/// What an account with all its keys is told.
pub(super) fn full() -> String {
    format!(
        "An account can have {MAX_KEYS} keys, and yours has them. Delete one that you no longer need."
    )
}

/// The key made a passkey before this site could say no.
const LEFT_OVER: &str =
    "The key itself now keeps a passkey that is of no use; a settings tool for keys can delete it.";
