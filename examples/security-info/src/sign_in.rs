//! Signing in with a key: whose it is, whether it may, whether it is right.

use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::{AuthenticationState, PublicKeyCredential};

use crate::app::{App, Ceremony};
use crate::policy::Refusal;
use crate::store::{Account, StoreFault};

/// Why a key did not sign anybody in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(
        "Security keys are switched off here at present. Sign in with your password, or ask your administrator."
    )]
    SwitchedOff,
    #[error("That took too long, or the page was used before. Please try again.")]
    Expired,
    #[error(
        "This key is not registered with that account. If it was removed, sign in with your password and add it again."
    )]
    NotRegistered,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(
        "This key's counter did not increase, so there may be a copy of it. It was not accepted; tell your administrator."
    )]
    Copied,
    #[error(
        "The key did not check its PIN, and here it must. Please try again, and type the PIN when the browser asks for it."
    )]
    Unverified,
    #[error("The answer of the key could not be verified.")]
    Invalid(#[source] WebauthnError),
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl From<WebauthnError> for Fault {
    fn from(error: WebauthnError) -> Self {
        match error {
            WebauthnError::CredentialPossibleCompromise => Self::Copied,
            WebauthnError::UserNotVerified => Self::Unverified,
            other => Self::Invalid(other),
        }
    }
}

impl App {
    /// The account that a key's answer signs in. The ceremony is used up.
    pub(crate) fn sign_in_with_key(
        &self,
        ceremony: Option<Ceremony>,
        answer: &str,
    ) -> Result<Account, Fault> {
        let settings = self.store.settings()?;
        if !settings.enabled {
            return Err(Fault::SwitchedOff);
        }
        let ceremony = ceremony.ok_or(Fault::Expired)?;
        let answer: PublicKeyCredential =
            serde_json::from_str(answer).map_err(|error| Fault::Invalid(error.into()))?;
        let key = self.store.key_with_credential(answer.raw_id.as_slice())?;
        let key = key.ok_or(Fault::NotRegistered)?;
        let owner = self.store.account(key.account)?.ok_or(Fault::NotRegistered)?;
        let handle = answer.response.user_handle.as_ref().map(AsRef::as_ref);
        let state = asked_of(&owner, ceremony, handle)?;
        settings.judge(&key.credential)?;
        let credential = self.relying_party.finish_sign_in(&answer, state, &key)?;
        if !self.store.key_was_used(&key, &credential, self.now())? {
            return Err(Fault::Copied);
        }
        Ok(owner)
    }
}

/// What to judge an answer by, if the key's owner is the one who was asked for (WebAuthn section 7.2, step 6): a key that
/// was asked for by name need not say whose it is, a key that was asked for alone must.
fn asked_of(
    owner: &Account,
    ceremony: Ceremony,
    handle: Option<&[u8]>,
) -> Result<AuthenticationState, Fault> {
    let is_owners = handle.map(|handle| handle == owner.handle);
    let (state, fits) = match ceremony {
        Ceremony::SignIn { state } => (state, is_owners == Some(true)),
        Ceremony::SignInAs { account, state } => {
            (state, account == Some(owner.id) && is_owners != Some(false))
        }
        Ceremony::Register { .. } => return Err(Fault::Expired),
    };
    if fits { Ok(state) } else { Err(Fault::NotRegistered) }
}
