//! Signing in with a key: whose it is, whether it may, whether it is right.

use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::PublicKeyCredential;

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
        "This key's counter did not rise, so there may be a copy of it. It was not accepted; tell your administrator."
    )]
    Copied,
    #[error("The key did not check its PIN, and here it must.")]
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
        let answer: PublicKeyCredential =
            serde_json::from_str(answer).map_err(|error| Fault::Invalid(error.into()))?;
        let key = self.store.key_with_credential(answer.raw_id.as_slice())?;
        let key = key.ok_or(Fault::NotRegistered)?;
        let owner = self.store.account(key.account)?.ok_or(Fault::NotRegistered)?;
        let handle = answer.response.user_handle.as_ref().map(AsRef::as_ref);
        let (state, is_owner) = match ceremony {
            Some(Ceremony::SignIn { state }) => (state, handle == Some(owner.handle.as_slice())),
            Some(Ceremony::SignInAs { account, state }) => {
                let is_same = handle.is_none_or(|handle: &[u8]| handle == owner.handle);
                (state, account == Some(owner.id) && is_same)
            }
            Some(Ceremony::Register { .. }) | None => return Err(Fault::Expired),
        };
        if !is_owner {
            return Err(Fault::NotRegistered);
        }
        settings.judge(&key.credential)?;
        let credential = self.relying_party.finish_sign_in(&answer, state, &key)?;
        if !self.store.key_was_used(&key, &credential, self.now())? {
            return Err(Fault::Copied);
        }
        Ok(owner)
    }
}
