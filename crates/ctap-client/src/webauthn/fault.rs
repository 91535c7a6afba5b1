//! Why a page gets no credential.

use crate::error::Error;

/// Why there is no credential. Each variant says whose fault it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebauthnError {
    /// A member of the options is missing or wrong: the site's fault.
    #[error("the options are not those of WebAuthn: {member} {why}")]
    Options {
        /// Which, as JavaScript would name it: `user.id`.
        member: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The origin is no site's address, or may not use that RP id (WebAuthn section 5.1.3, step 7): the caller's fault, or an attack.
    #[error("{origin} may not use the RP id {rp_id}")]
    Origin {
        /// Where the page is from.
        origin: String,
        /// For whom the credential would be.
        rp_id: String,
    },
    /// The site wants the user verified, and the key cannot, or no PIN was given: the caller's fault.
    #[error("the site requires user verification, and there is no PIN and no fingerprint for that")]
    NotVerified,
    /// What the key said.
    #[error(transparent)]
    Key(#[from] Error),
}

impl WebauthnError {
    /// What a person can do next.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Options { .. } => {
                "correct the options; WebAuthn section 5.4 or 5.5 says what they are"
            }
            Self::Origin { .. } => "give the origin of the site, such as https://example.com",
            Self::NotVerified => "give the key's PIN, or set one first",
            Self::Key(error) => error.advice(),
        }
    }

    pub(super) fn options(member: impl Into<String>, why: &'static str) -> Self {
        Self::Options { member: member.into(), why }
    }
}
