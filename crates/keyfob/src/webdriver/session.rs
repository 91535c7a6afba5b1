//! A session: its keys, and which of them answers a browser that asks several.
//!
//! A browser asks all keys at once, and what two of them answer at the same time is chance. So one key at a time is touched: of
//! those that are asked to sign in, one that has a credential of the site; of several, the one that was added first.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ctap_core::consent::Action;
use serde_json::Value;
use tokio::sync::Notify;
use virtual_key::keys::Prompt;

use super::Settings;
use super::authenticator::Authenticator;
use super::command;
use super::commands::Command;
use super::driver::Make;
use super::fault::Fault;
use super::limits::MAX_KEYS;
use super::sheets::Sheets;

/// What has begun at a driver, and the keys that were added since.
pub(super) struct Session {
    pub(super) id: String,
    pub(super) make: Make,
    pub(super) settings: Rc<Settings>,
    authenticators: RefCell<Vec<Rc<Authenticator>>>,
    /// Notified when a key is added, removed, asked or told something: each of them looks again whose turn it is.
    changed: Notify,
    sheets: RefCell<Option<Sheets>>,
    profile: Option<String>,
    has_ended: Cell<bool>,
}

impl Session {
    /// The session with this id, whose browser keeps its files in `profile`.
    pub(super) fn begin(
        id: String,
        make: Make,
        profile: Option<String>,
        settings: &Rc<Settings>,
    ) -> Rc<Self> {
        let settings = Rc::clone(settings);
        let (authenticators, changed, sheets, has_ended) = Default::default();
        Rc::new(Self { id, make, settings, authenticators, changed, sheets, profile, has_ended })
    }

    /// Carries out one of the nine commands, and returns the value that answers it.
    ///
    /// # Errors
    /// The client's fault, or the machine's.
    pub(super) async fn carry_out(
        self: &Rc<Self>,
        command: Command,
        body: &[u8],
    ) -> Result<Value, Fault> {
        let value = command::carry_out(self, command, body).await;
        self.look_again();
        value
    }

    /// Adds a key. From now on what Chromium shows after a refusal is closed.
    ///
    /// # Errors
    /// While it was plugged in the session has ended, or got all the keys that it may have. It is unplugged again.
    pub(super) async fn add(
        self: &Rc<Self>,
        authenticator: &Rc<Authenticator>,
    ) -> Result<(), Fault> {
        authenticator.stand_by(self).await;
        if let Err(fault) = self.has_room() {
            authenticator.remove().await;
            return Err(fault);
        }
        self.authenticators.borrow_mut().push(Rc::clone(authenticator));
        if let (Make::Chromedriver, Some(profile)) = (self.make, &self.profile) {
            let mut sheets = self.sheets.borrow_mut();
            sheets.get_or_insert_with(|| Sheets::close_those_of(profile)).want(true);
        }
        Ok(())
    }

    /// Whether one more key may be added.
    ///
    /// # Errors
    /// It has as many as it may have, or has ended.
    pub(super) fn has_room(&self) -> Result<(), Fault> {
        match self.count() {
            _ if self.has_ended.get() => Err(Fault::no_session()),
            MAX_KEYS.. => Err(Fault::unsupported(format!(
                "a session has {MAX_KEYS} keys at most: remove one first"
            ))),
            _ => Ok(()),
        }
    }

    /// How many keys it has.
    pub(super) fn count(&self) -> usize {
        self.authenticators.borrow().len()
    }

    /// Whether one of them is a card.
    pub(super) fn has_card(&self) -> bool {
        self.authenticators.borrow().iter().any(|one| one.options().is_card)
    }

    /// The authenticator with this id.
    ///
    /// # Errors
    /// There is none: the client's fault.
    pub(super) fn find(&self, id: &str) -> Result<Rc<Authenticator>, Fault> {
        let authenticators = self.authenticators.borrow();
        let found = authenticators.iter().find(|authenticator| authenticator.id() == id);
        found.map(Rc::clone).ok_or_else(Fault::no_authenticator)
    }

    /// Takes a key out of the session, and unplugs it.
    pub(super) async fn remove(&self, authenticator: &Rc<Authenticator>) {
        self.authenticators.borrow_mut().retain(|other| !Rc::ptr_eq(other, authenticator));
        authenticator.remove().await;
        if let Some(sheets) = &*self.sheets.borrow() {
            sheets.want(self.count() > 0);
        }
    }

    /// Unplugs all of them.
    pub(super) async fn end(&self) {
        self.has_ended.set(true);
        let all = std::mem::take(&mut *self.authenticators.borrow_mut());
        for authenticator in all {
            authenticator.remove().await;
        }
        self.sheets.take();
    }

    /// Something has changed: whose turn it is may be another one now.
    pub(super) fn look_again(&self) {
        self.changed.notify_waiters();
    }

    /// Returns when something has changed since this was called first.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether it is this one's turn to answer, or of one that was added before it and may still be asked.
    pub(super) async fn turn(&self, of: &Rc<Authenticator>, prompt: &Prompt) -> Turn {
        let others: Vec<_> = self.authenticators.borrow().clone();
        let mut candidates = Vec::new();
        for authenticator in others.iter().filter(|one| one.is_consenting()) {
            if authenticator.fits(prompt).await {
                candidates.push(Rc::clone(authenticator));
            }
        }
        let is_own = |one: &Rc<Authenticator>| Rc::ptr_eq(one, of);
        match candidates.first() {
            None => Turn::Own,
            Some(first) if is_own(first) => Turn::Own,
            Some(_) if !candidates.iter().any(is_own) => Turn::Anothers,
            Some(first) if first.is_asked() => Turn::Anothers,
            Some(_) => Turn::PerhapsAnothers,
        }
    }
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// This one's.
    Own,
    /// Another one's.
    Anothers,
    /// Another one's, if that is asked at all.
    PerhapsAnothers,
}

/// Whether a prompt is about a site's credentials that a key has or has not.
pub(super) fn is_about_credentials(prompt: &Prompt) -> bool {
    prompt.question.action == Action::SignIn
}
