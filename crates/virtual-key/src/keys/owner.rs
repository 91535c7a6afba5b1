//! What the owner of a running key does with it, past CTAP: its credentials, its fingers, and its prompts.

use std::time::Duration;

use ctap_core::credential_source::{CredentialError, Properties};
use ctap_core::{Authenticator, CredentialSource, FingerError, Platform};
use tokio::sync::oneshot::Receiver;

use super::PluggedKey;
use crate::error::Error;
use crate::key::{Key, Touch, Verification};
use crate::large_blobs;

/// The credentials that a key stores, and which of them were used.
#[derive(Debug)]
pub struct Kept {
    /// The credentials, as [`PluggedKey::credentials`] returns them.
    pub credentials: Vec<CredentialSource>,
    /// How many assertions the key has made since it was started.
    pub uses: u64,
    /// The ids of the credentials that signed the new assertions, oldest first. The key remembers the last
    /// [`MAX_USES`](ctap_core::limits::MAX_USES) assertions.
    pub used: Vec<Vec<u8>>,
}

/// Some of the credentials that a key stores.
#[derive(Debug)]
pub struct Page {
    /// The credentials, in the order of [`PluggedKey::credentials`].
    pub credentials: Vec<CredentialSource>,
    /// How many the key stores in all.
    pub total: usize,
}

impl PluggedKey {
    /// Copies of all credentials that the key stores, with their private keys: first the discoverable ones, oldest first, then
    /// the others in the order of their ids. A credential that is sealed in its own id is not stored, unless the profile says
    /// `keepNonDiscoverable`.
    ///
    /// # Errors
    /// [`Error::Ended`] if the key has stopped before; the call that stopped it told why.
    pub async fn credentials(&self) -> Result<Vec<CredentialSource>, Error> {
        self.kept(u64::MAX).await.map(|kept| kept.credentials)
    }

    /// The same without the first `from`, and at most `most`. Whoever reads page after page does not copy every private
    /// key each time.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub async fn some_credentials(&self, from: usize, most: usize) -> Result<Page, Error> {
        let look = move |authenticator: &mut Authenticator, platform: &mut Platform<'_>| {
            let sources = authenticator.some_credential_sources(platform.store, from, most);
            let credentials = large_blobs::filled_in(sources, authenticator, platform);
            let state = platform.store.state();
            Page { credentials, total: state.credentials().len() + state.kept().len() }
        };
        self.look(look).await
    }

    /// All of them as well, and which ones made the assertions after the first `known` ones.
    ///
    /// # Errors
    /// [`Error::Ended`] if the key has stopped before; the call that stopped it told why.
    pub async fn kept(&self, known: u64) -> Result<Kept, Error> {
        let look = move |authenticator: &mut Authenticator, platform: &mut Platform<'_>| {
            let sources = authenticator.credential_sources(platform.store);
            let credentials = large_blobs::filled_in(sources, authenticator, platform);
            let (uses, used) = authenticator.uses_since(known);
            Kept { credentials, uses, used }
        };
        self.look(look).await
    }

    /// Adds a credential, which is then the newest one. A discoverable credential replaces the one of the same
    /// account, whose id is returned (MC-40). The large blob of the credential is stored where this key stores such
    /// blobs.
    ///
    /// # Errors
    /// [`Error::Credential`], with nothing changed: the fault of the one who made the credential, or the medium's.
    /// [`Error::Ended`] if the key has stopped before.
    pub async fn add_credential(&self, source: CredentialSource) -> Result<Option<Vec<u8>>, Error> {
        self.act(|authenticator, platform| large_blobs::add(source, authenticator, platform))
            .await?
            .map_err(Error::Credential)
    }

    /// Removes the credential with this id.
    ///
    /// # Errors
    /// [`Error::Credential`]: the key stores no such credential, or the medium failed. [`Error::Ended`].
    pub async fn remove_credential(&self, id: &[u8]) -> Result<(), Error> {
        let id = id.to_vec();
        self.act(move |authenticator, platform| authenticator.remove_credential(&id, platform))
            .await?
            .map_err(Error::Credential)
    }

    /// Removes all credentials that the key stores, and returns how many there were.
    ///
    /// # Errors
    /// [`Error::Credential`]: the medium failed, and some may be removed. [`Error::Ended`].
    pub async fn remove_credentials(&self) -> Result<usize, Error> {
        self.act(remove_all).await?.map_err(Error::Credential)
    }

    /// Changes the flags or the counter of the credential with this id. The next assertion uses them.
    ///
    /// # Errors
    /// As [`remove_credential`](Self::remove_credential).
    pub async fn change_credential(&self, id: &[u8], properties: Properties) -> Result<(), Error> {
        let id = id.to_vec();
        let change = move |authenticator: &mut Authenticator, platform: &mut Platform<'_>| {
            authenticator.change_credential(&id, properties, platform)
        };
        self.act(change).await?.map_err(Error::Credential)
    }

    /// Enrols the finger with this number, without a PIN.
    ///
    /// # Errors
    /// [`Error::Finger`]: the caller's fault, or the medium's. [`Error::Ended`] if the key has stopped before.
    pub async fn enroll_finger(&self, number: u8) -> Result<(), Error> {
        self.act(move |authenticator, platform| authenticator.enroll_finger(number, platform))
            .await?
            .map_err(Error::Finger)
    }

    /// Removes an enrolled finger.
    ///
    /// # Errors
    /// As [`enroll_finger`](Self::enroll_finger).
    pub async fn remove_finger(&self, number: u8) -> Result<(), Error> {
        self.act(move |authenticator, platform| authenticator.remove_finger(number, platform))
            .await?
            .map_err(Error::Finger)
    }

    /// How its questions are answered.
    pub fn touch(&self) -> Touch {
        self.touch.get()
    }

    /// Sets how prompts are answered from now on. A prompt that is open is answered at once, except with [`Touch::Ask`].
    ///
    /// # Errors
    /// [`Error::Ended`] if the key has stopped before; the call that stopped it told why.
    pub async fn set_touch(&self, touch: Touch) -> Result<(), Error> {
        self.touch.set(touch);
        self.set_answers(Some(touch), None).await
    }

    /// Sets how prompts for a finger are answered from now on, while [`Touch::Auto`] answers the others.
    ///
    /// # Errors
    /// [`Error::Ended`] if the key has stopped before; the call that stopped it told why.
    pub async fn set_verification(&self, verification: Verification) -> Result<(), Error> {
        self.set_answers(None, Some(verification)).await
    }

    async fn set_answers(
        &self,
        touch: Option<Touch>,
        verification: Option<Verification>,
    ) -> Result<(), Error> {
        let done = self.answered(|key, now| key.set_answers(touch, verification, now)).await;
        self.usb.borrow_mut().catch_up();
        done
    }

    /// Gives the key an order, and waits for the result. The key is not held meanwhile.
    async fn answered<T>(
        &self,
        order: impl FnOnce(&mut Key, Duration) -> Receiver<T>,
    ) -> Result<T, Error> {
        let done = {
            let usb = &mut *self.usb.borrow_mut();
            order(&mut usb.key, usb.clock.now())
        };
        done.await.map_err(|_| Error::Ended)
    }

    /// Looks at the authenticator, and waits for the result.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Authenticator, &mut Platform<'_>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.answered(|key, now| key.look(look, now)).await
    }

    /// Runs this with the authenticator, and waits for the result.
    pub(super) async fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Authenticator, &mut Platform<'_>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.answered(|key, now| key.act(act, now)).await
    }
}

/// Brings a new key into the state that its profile ships it in, with these fingers.
pub(super) fn ship(key: &mut Key, fingers: &[u8], now: Duration) -> Result<(), Error> {
    let mut done = key.act(|authenticator, platform| authenticator.ship(platform), now);
    let shipped = done.try_recv().unwrap_or(Ok(()));
    shipped.map_err(|error| Error::Finger(error.into()))?;
    enroll(key, fingers, now)
}

/// Enrols these fingers of a key that is being made; a memory may know them already.
pub(super) fn enroll(key: &mut Key, fingers: &[u8], now: Duration) -> Result<(), Error> {
    let enroll = |number: u8| {
        let mut done = key
            .act(move |authenticator, platform| authenticator.enroll_finger(number, platform), now);
        match done.try_recv().unwrap_or(Ok(())) {
            Ok(()) | Err(FingerError::Enrolled) => Ok(()),
            Err(error) => Err(Error::Finger(error)),
        }
    };
    fingers.iter().copied().try_for_each(enroll)
}

fn remove_all(
    authenticator: &mut Authenticator,
    platform: &mut Platform<'_>,
) -> Result<usize, CredentialError> {
    let all = authenticator.credential_sources(platform.store);
    all.iter().try_for_each(|source| authenticator.remove_credential(&source.id, platform))?;
    Ok(all.len())
}
