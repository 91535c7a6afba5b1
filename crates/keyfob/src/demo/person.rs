//! The person of the demonstration: does what anybody would type when the key asks, `keyfob touch` or `keyfob deny`.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::ensure;
use ctap_client::{KeepaliveStatus, Patience};

use super::narrator;
use crate::control::protocol::OpenPrompt;
use crate::spawned::SpawnedKey;
use crate::terminal;
use crate::terminal::shown::{quoted_name, quoted_site};

/// What a person does when the key asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gesture {
    /// Touches the key.
    Touch,
    /// Refuses.
    Deny,
}

/// Answers the key's questions, each as decided beforehand. Clones are the same person.
#[derive(Clone)]
pub(super) struct Person {
    key: Arc<SpawnedKey>,
    /// What to do about the next question; `None`: it was asked.
    next: Arc<Mutex<Option<Gesture>>>,
}

impl Person {
    /// Somebody who looks after `key`.
    pub(super) fn new(key: Arc<SpawnedKey>) -> Self {
        Self { key, next: Arc::default() }
    }

    /// Makes up their mind about the next question.
    pub(super) fn will(&self, gesture: Gesture) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(gesture);
    }

    /// Makes sure that the question came.
    ///
    /// # Errors
    /// When it did not: the key acted without its person.
    pub(super) fn was_asked(&self) -> anyhow::Result<()> {
        ensure!(self.take_next().is_none(), "the key did not ask for a touch");
        Ok(())
    }

    /// Hears the key wait, and acts once for each decision.
    pub(super) fn listener(&self) -> impl FnMut(KeepaliveStatus) -> Patience + use<> {
        let person = self.clone();
        move |status| {
            let gesture =
                (status == KeepaliveStatus::UpNeeded).then(|| person.take_next()).flatten();
            match gesture.map(|gesture| person.act(gesture)) {
                None | Some(Ok(())) => Patience::Wait,
                Some(Err(error)) => {
                    terminal::note(format_args!("{error:#}"));
                    Patience::Cancel
                }
            }
        }
    }

    fn take_next(&self) -> Option<Gesture> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn act(&self, gesture: Gesture) -> anyhow::Result<()> {
        let prompt: OpenPrompt =
            serde_json::from_str(&self.key.command(&["wait", "--timeout", "5"])?)?;
        narrator::tell_touch(&sentence(&prompt), gesture.command())?;
        self.key.command(&[gesture.command(), "--prompt", &prompt.id])?;
        Ok(())
    }
}

/// What the key asks, in words.
fn sentence(prompt: &OpenPrompt) -> String {
    let site = prompt.rp_id.as_deref().map_or("a program".to_owned(), quoted_site);
    let user = prompt.user.as_deref().map(quoted_name);
    match (prompt.action.as_str(), user) {
        ("register", Some(user)) => format!("{site} wants to create a passkey for {user}"),
        ("sign_in", Some(user)) => format!("{site} wants to sign in {user}"),
        ("sign_in", None) => format!("{site} wants to sign in"),
        ("reset", _) => "erase everything on this key?".to_owned(),
        (other, _) => other.to_owned(),
    }
}

impl Gesture {
    const fn command(self) -> &'static str {
        match self {
            Self::Touch => "touch",
            Self::Deny => "deny",
        }
    }
}
