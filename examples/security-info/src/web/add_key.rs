//! Add method: security key, USB or NFC, follow the browser. The key is kept as soon as it is verified, so that nobody who
//! leaves before naming it has a key that remembers this site in vain.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use serde::Deserialize;

use super::keys;
use super::pages::{AddKey, Asking, ChooseKind, ChooseMethod, Frame, render};
use super::problem::Problem;
use super::sign_in::Answer;
use super::visitor::SignedIn;
use crate::app::{App, Ceremony};
use crate::store::{Account, AddFault, Key, MAX_KEYS};

pub(super) async fn choose_method(
    State(app): State<Arc<App>>,
    SignedIn { account, .. }: SignedIn,
) -> Result<Response, Problem> {
    room_for_another(&app, &account)?;
    Ok(render(StatusCode::OK, &ChooseMethod { frame: Frame::of("Add a sign-in method", account) }))
}

pub(super) async fn choose_kind(
    State(app): State<Arc<App>>,
    SignedIn { account, .. }: SignedIn,
) -> Result<Response, Problem> {
    room_for_another(&app, &account)?;
    Ok(render(StatusCode::OK, &ChooseKind { frame: Frame::of("Which kind of key?", account) }))
}

/// How the key reaches this device. WebAuthn does not care; people do.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Usb,
    Nfc,
}

impl Kind {
    /// What to do with a key before the browser takes over, and after its PIN.
    const fn advice(self) -> (&'static str, &'static str) {
        match self {
            Self::Usb => ("Plug the key into a USB port.", "When the key blinks, touch it."),
            Self::Nfc => (
                "Have the key ready.",
                "Hold the key against the reader, or the back of the phone, until you are told to stop.",
            ),
        }
    }
}

pub(super) async fn begin(
    State(app): State<Arc<App>>,
    SignedIn { account, session }: SignedIn,
    Path(kind): Path<Kind>,
) -> Result<Response, Problem> {
    let known = room_for_another(&app, &account)?;
    let begun = app.relying_party.begin_registration(&account, &known);
    let begun = begun.map_err(|error| Problem::Internal(error.to_string()))?;
    let ceremony = Ceremony::Register { account: account.id, state: begun.state };
    let ceremony = app.begin_ceremony(&session, ceremony);
    let (ready, gesture) = kind.advice();
    let page = AddKey {
        frame: Frame::of("Have your key ready", account),
        asking: Asking { ceremony, options: begun.options },
        ready,
        gesture,
    };
    Ok(render(StatusCode::OK, &page))
}

pub(super) async fn finish(
    State(app): State<Arc<App>>,
    SignedIn { account, session }: SignedIn,
    Form(form): Form<Answer>,
) -> Result<Redirect, Problem> {
    let Some(Ceremony::Register { account: of, state }) =
        app.take_ceremony(&session, &form.ceremony)
    else {
        return Err(Problem::Expired);
    };
    if of != account.id {
        return Err(Problem::Expired);
    }
    let known = room_for_another(&app, &account)?;
    let new = app.relying_party.finish_registration(&form.credential, &state);
    let new = new.map_err(Problem::Invalid)?;
    app.store.settings()?.judge(&new.credential).map_err(Problem::Refused)?;
    let name = unused_name(&known);
    let added = app.store.add_key(account.id, &name, new.aaguid, &new.credential, app.now());
    let id = added.map_err(|fault| match fault {
        AddFault::Full => Problem::Full,
        AddFault::Known => Problem::Known,
        AddFault::Store(fault) => fault.into(),
    })?;
    Ok(Redirect::to(&format!("{}/keys/{id}/name?new=true", keys::HOME)))
}

/// The keys there are, if another may be added.
fn room_for_another(app: &App, account: &Account) -> Result<Vec<Key>, Problem> {
    if !app.store.settings()?.enabled {
        return Err(Problem::SwitchedOff);
    }
    let keys = app.store.keys(account.id)?;
    if keys.len() >= MAX_KEYS { Err(Problem::Full) } else { Ok(keys) }
}

/// What a key is called until its owner says otherwise.
fn unused_name(keys: &[Key]) -> String {
    let name = |number| format!("Security key {number}");
    let is_free = |name: &String| keys.iter().all(|key| key.name != *name);
    (1..=MAX_KEYS).map(name).find(is_free).unwrap_or_else(|| name(MAX_KEYS))
}
