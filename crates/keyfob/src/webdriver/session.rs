//! A session: its keys, and which of them answers a browser that asks several.
//!
//! A browser asks all keys at once, and what two of them answer at the same time is chance. So one key at a time is touched: of
//! those that are asked to sign in, one that has a credential of the site; of several, the one that was added first.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

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
use super::limits::{FIRST_ONES_TURN, MAX_KEYS, TAKEN_BACK};
use super::sheets::Sheets;

/// What has begun at a driver, and the keys that were added since.
pub(super) struct Session {
    pub(super) id: String,
    pub(super) make: Make,
    pub(super) settings: Rc<Settings>,
    authenticators: RefCell<Vec<Rc<Authenticator>>>,
    /// Notified when a key is added, removed, asked or told something: each of them looks again whose turn it is.
    changed: Notify,
    /// Which of them was answered last, and when.
    answered: RefCell<Option<(String, Instant)>>,
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
        let (authenticators, changed, answered, sheets, has_ended) = Default::default();
        Rc::new(Self {
            id,
            make,
            settings,
            authenticators,
            changed,
            answered,
            sheets,
            profile,
            has_ended,
        })
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

    /// This one was just answered.
    pub(super) fn has_answered(&self, authenticator: &Authenticator) {
        self.answered.replace(Some((authenticator.id().to_owned(), Instant::now())));
        self.look_again();
    }

    /// How long this one, which was asked at `asked`, waits for another one whose turn it may be.
    pub(super) fn patience(&self, of: &Authenticator, asked: Instant) -> Duration {
        match &*self.answered.borrow() {
            Some((id, answered)) if id != of.id() => patience(asked, *answered),
            _ => FIRST_ONES_TURN,
        }
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

/// Whether another key has answered what a browser asked all of them: then it takes back what is still asked.
fn patience(asked: Instant, others_answer: Instant) -> Duration {
    match asked > others_answer + FIRST_ONES_TURN {
        true => FIRST_ONES_TURN,
        false => TAKEN_BACK,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_asked_with_one_that_has_answered_waits_until_that_is_taken_back() {
        let answered = Instant::now();
        let asked_before = answered - Duration::from_millis(80);
        assert_eq!(patience(asked_before, answered), TAKEN_BACK);
        assert_eq!(patience(answered + FIRST_ONES_TURN, answered), TAKEN_BACK, "a little late");
        let asked_next = answered + FIRST_ONES_TURN + Duration::from_millis(1);
        assert_eq!(patience(asked_next, answered), FIRST_ONES_TURN);
    }
}
