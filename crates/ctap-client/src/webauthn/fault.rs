//! Why a page gets no credential.

use crate::error::Error;

/// Why there is no credential. Each variant says whose fault it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebauthnError {
    /// A member of the options is missing or wrong: the site's fault.
    #[error("the options do not follow WebAuthn: {member} {why}")]
    Options {
        /// The member, as JavaScript would name it: `user.id`.
        member: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The text is not an origin as browsers write it: a path, capital letters, the usual port. The caller's fault.
    #[error("{origin} is not an origin as browsers write it")]
    NotAnOrigin {
        /// What was given.
        origin: String,
    },
    /// The page is neither over TLS nor on this machine, so a browser gives it no key: the caller's fault.
    #[error("{origin} is not a secure page: only pages over https or on localhost may use keys")]
    Insecure {
        /// The origin of the page.
        origin: String,
    },
    /// The origin may not use that RP id (WebAuthn section 5.1.3, step 7): the caller's fault, or an attack.
    #[error("{origin} may not use the RP id {rp_id}")]
    Origin {
        /// The origin of the page.
        origin: String,
        /// The RP id of the credential.
        rp_id: String,
    },
    /// The site wants user verification, but the key cannot do it, or no PIN was given: the caller's fault.
    #[error(
        "the site requires user verification, which needs a PIN or a fingerprint, and there is neither"
    )]
    NotVerified,
    /// The key's error.
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
            Self::NotAnOrigin { .. } | Self::Insecure { .. } => {
                "give the scheme, the host in small letters, and the port if it is not the usual one, such as https://example.com"
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
