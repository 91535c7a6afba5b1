//! A virtual authenticator that is a real key, and the person beside it, who consents or not and has the right finger or not.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Instant;

use ctap_core::Decision;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::timeout;
use virtual_key::Touch;
use virtual_key::keys::{PluggedKey, Prompt};

use super::Unconsenting;
use super::driver::Make;
use super::parameters::AuthenticatorOptions;
use super::plug::Plugged;
use super::session::{Session, Turn, is_about_credentials};

/// One of a session.
pub(super) struct Authenticator {
    id: String,
    options: AuthenticatorOptions,
    is_user_verified: Cell<bool>,
    key: Rc<PluggedKey>,
    /// `None`: it is being unplugged.
    plugged: RefCell<Option<Plugged>>,
    person: RefCell<Option<AbortHandle>>,
}

impl Authenticator {
    /// One with this id, made as `options` say and plugged in.
    pub(super) fn new(id: String, options: AuthenticatorOptions, plugged: Plugged) -> Rc<Self> {
        let is_user_verified = Cell::new(options.is_user_verified);
        let key = Rc::clone(&plugged.key);
        let (plugged, person) = (RefCell::new(Some(plugged)), RefCell::default());
        Rc::new(Self { id, options, is_user_verified, key, plugged, person })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn options(&self) -> &AuthenticatorOptions {
        &self.options
    }

    pub(super) fn key(&self) -> &PluggedKey {
        &self.key
    }

    /// From now on the finger that is shown fits, or not.
    pub(super) async fn set_user_verified(&self, is_user_verified: bool, session: &Session) {
        self.is_user_verified.set(is_user_verified);
        self.handle_card(session).await;
    }

    /// A card asks nobody: what the person would say it is told beforehand, and who does not consent leaves it off the reader.
    async fn handle_card(&self, session: &Session) {
        if !self.options.is_card {
            return;
        }
        let is_denied = match self.is_consenting() {
            true => self.is_denied(),
            false => self.denies_for_want_of_consent(session),
        };
        let touch = if is_denied { Touch::Deny } else { Touch::Auto };
        // It ends with its session.
        let _ = self.key.set_touch(touch).await;
        if !is_denied && !self.is_consenting() {
            self.key.take_off();
        }
    }

    pub(super) fn is_consenting(&self) -> bool {
        self.options.is_user_consenting
    }

    /// Whether it asks for something.
    pub(super) fn is_asked(&self) -> bool {
        self.key.prompt().is_some()
    }

    /// Whether it can do what a prompt of it or of another key asks for: to sign in takes a credential of the site.
    pub(super) async fn fits(&self, prompt: &Prompt) -> bool {
        if !is_about_credentials(prompt) {
            return true;
        }
        let sources = self.key.credentials().await.unwrap_or_default();
        sources.iter().any(|source| match prompt.rp_id() {
            Some(rp_id) => source.scope.rp_id() == Some(rp_id),
            None => prompt.question.application == Some(source.scope.hash()),
        })
    }

    /// A person stands by from now on.
    pub(super) async fn stand_by(self: &Rc<Self>, session: &Rc<Session>) {
        self.handle_card(session).await;
        let (own, session) = (Rc::clone(self), Rc::clone(session));
        let person = spawn_local(async move { match own.answer_prompts(&session).await {} });
        self.person.replace(Some(person.abort_handle()));
    }

    /// Answers what the key asks, until the task ends.
    async fn answer_prompts(self: &Rc<Self>, session: &Session) -> Infallible {
        let listener = self.plugged.borrow().as_ref().map(Plugged::listen);
        let Some(mut bell) = listener else { return std::future::pending().await };
        let mut asked = None;
        loop {
            let change = async {
                tokio::select! {
                    // It cannot fail: the key holds the other end.
                    _ = bell.changed() => session.look_again(),
                    () = session.changed() => {}
                }
            };
            let Some(prompt) = self.key.prompt() else {
                change.await;
                continue;
            };
            let known = asked.filter(|(id, _)| *id == prompt.id);
            let (_, since) = *asked.insert(known.unwrap_or_else(|| (prompt.id, Instant::now())));
            let decision = match self.decide(session, &prompt).await {
                Wish::Wait => {
                    change.await;
                    continue;
                }
                Wish::WaitForAnother(decision) => {
                    match timeout(session.patience(self, since), change).await {
                        Ok(()) => continue,
                        Err(_) => decision,
                    }
                }
                Wish::Decide(decision) => decision,
            };
            self.key.answer(prompt.id, decision).await;
            session.has_answered(self);
        }
    }

    async fn decide(self: &Rc<Self>, session: &Session, prompt: &Prompt) -> Wish {
        if !self.is_consenting() {
            return match self.denies_for_want_of_consent(session) {
                true => Wish::Decide(Decision::Deny),
                false => Wish::Wait,
            };
        }
        let decision = if self.is_denied() { Decision::Deny } else { Decision::Approve };
        match session.turn(self, prompt).await {
            Turn::Own => Wish::Decide(decision),
            Turn::Anothers => Wish::Wait,
            Turn::PerhapsAnothers => Wish::WaitForAnother(decision),
        }
    }

    /// One sheet in Chromium instead of a dialog for each bad sample; and no registration either that wants no verification, as with the
    /// browsers' own.
    fn is_denied(&self) -> bool {
        self.options.has_user_verification && !self.is_user_verified.get()
    }

    fn denies_for_want_of_consent(&self, session: &Session) -> bool {
        match session.settings.unconsenting {
            Unconsenting::AsBrowser => session.make == Make::Geckodriver,
            Unconsenting::Wait => false,
            Unconsenting::Deny => true,
        }
    }

    /// Refuses what is still asked, so that no page waits for a key that is gone, and unplugs the key.
    pub(super) async fn remove(&self) {
        if let Some(person) = self.person.take() {
            person.abort();
        }
        for prompt in self.key.prompts() {
            self.key.answer(prompt.id, Decision::Deny).await;
        }
        let plugged = self.plugged.take();
        if let Some(plugged) = plugged {
            plugged.unplug().await;
        }
    }
}

/// What the person wants to do.
enum Wish {
    /// Nothing.
    Wait,
    /// Nothing, unless the other key is not asked at all; then this.
    WaitForAnother(Decision),
    Decide(Decision),
}
