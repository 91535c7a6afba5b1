//! Security info: an account's keys; their names; deleting them.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::pages::{DeleteKey, Done, Frame, KeyView, Keys, NameKey, render};
use super::problem::Problem;
use super::visitor::SignedIn;
use crate::app::App;
use crate::store::{Account, MAX_KEY_NAME};

/// Where a session begins.
pub(super) const HOME: &str = "/security-info";

#[derive(Deserialize)]
pub(super) struct Notice {
    notice: Option<String>,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    SignedIn { account, .. }: SignedIn,
    Query(Notice { notice }): Query<Notice>,
) -> Result<Response, Problem> {
    let settings = app.store.settings()?;
    let keys = app.store.keys(account.id)?;
    let keys = keys.into_iter().map(|key| KeyView::new(key, &settings)).collect();
    let mut frame = Frame::of("Security info", account);
    frame.notice = match notice.as_deref() {
        Some("renamed") => Some("The key has its new name."),
        Some("deleted") => Some(DELETED),
        _ => None,
    };
    Ok(render(StatusCode::OK, &Keys { frame, keys, enabled: settings.enabled }))
}

#[derive(Deserialize)]
pub(super) struct IsNew {
    #[serde(default)]
    new: bool,
}

pub(super) async fn ask_name(
    State(app): State<Arc<App>>,
    SignedIn { account, .. }: SignedIn,
    Path(id): Path<i64>,
    Query(IsNew { new: is_new }): Query<IsNew>,
) -> Result<Response, Problem> {
    let key = find(&app, &account, id)?;
    let title = if is_new { "Name your security key" } else { "Rename the key" };
    Ok(render(StatusCode::OK, &NameKey { frame: Frame::of(title, account), key, is_new }))
}

#[derive(Deserialize)]
pub(super) struct NameForm {
    name: String,
    #[serde(default)]
    new: bool,
}

pub(super) async fn rename(
    State(app): State<Arc<App>>,
    SignedIn { account, .. }: SignedIn,
    Path(id): Path<i64>,
    Form(form): Form<NameForm>,
) -> Result<Response, Problem> {
    let Some(name) = name_of_key(&form.name) else {
        let mut key = find(&app, &account, id)?;
        key.name = form.name;
        let mut frame = Frame::of("Name your security key", account);
        frame.alert = Some(format!("A name has 1 to {MAX_KEY_NAME} characters."));
        let page = NameKey { frame, key, is_new: form.new };
        return Ok(render(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    if !app.store.rename_key(account.id, id, &name)? {
        return Err(Problem::NotFound);
    }
    let done = format!("{HOME}/keys/{id}/done");
    let renamed = format!("{HOME}?notice=renamed");
    Ok(Redirect::to(if form.new { &done } else { &renamed }).into_response())
}

pub(super) async fn done(
    State(app): State<Arc<App>>,
    SignedIn { account, .. }: SignedIn,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let key = find(&app, &account, id)?;
    Ok(render(StatusCode::OK, &Done { frame: Frame::of("You are all set", account), key }))
}

pub(super) async fn ask_delete(
    State(app): State<Arc<App>>,
    SignedIn { account, .. }: SignedIn,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let key = find(&app, &account, id)?;
    Ok(render(StatusCode::OK, &DeleteKey { frame: Frame::of("Delete this key?", account), key }))
}

pub(super) async fn delete(
    State(app): State<Arc<App>>,
    SignedIn { account, .. }: SignedIn,
    Path(id): Path<i64>,
) -> Result<Redirect, Problem> {
    if !app.store.delete_key(account.id, id)? {
        return Err(Problem::NotFound);
    }
    Ok(Redirect::to(&format!("{HOME}?notice=deleted")))
}

fn find(app: &App, account: &Account, id: i64) -> Result<KeyView, Problem> {
    let key = app.store.key(account.id, id)?.ok_or(Problem::NotFound)?;
    Ok(KeyView::new(key, &app.store.settings()?))
}

/// A name without blanks around it and without control characters; `None`: nothing is left, or too much.
fn name_of_key(typed: &str) -> Option<String> {
    let name: String = typed.trim().chars().filter(|char| !char.is_control()).collect();
    (1..=MAX_KEY_NAME).contains(&name.chars().count()).then_some(name)
}

const DELETED: &str =
    "The key can no longer sign in here. The key itself keeps its data: reset it to erase it.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_to_sixty_four_characters() {
        assert_eq!(name_of_key("  Blue\u{7} key \n"), Some("Blue key".to_owned()));
        assert_eq!(name_of_key(" \t "), None);
        assert!(name_of_key(&"ü".repeat(MAX_KEY_NAME)).is_some());
        assert_eq!(name_of_key(&"ü".repeat(MAX_KEY_NAME + 1)), None);
    }
}
