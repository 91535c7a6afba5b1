//! Signing in, with a password, with a name and a key, or with a key alone; signing out.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use url::form_urlencoded;

use super::keys;
use super::pages::{Asking, Frame, SignIn, SignInAs, render};
use super::problem::Problem;
use super::visitor::{CameFrom, SignedIn, Visitor, no_session_cookie, session_cookie};
use crate::app::{App, Ceremony};
use crate::password::{self, Turn};
use crate::sign_in::Fault;
use crate::store::Account;

/// Where to sign in.
pub(super) const PAGE: &str = "/sign-in";

#[derive(Default, Deserialize)]
pub(super) struct Notice {
    notice: Option<String>,
}

pub(super) async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(Notice { notice }): Query<Notice>,
) -> Result<Response, Problem> {
    let mut frame = Frame::new("Sign in");
    frame.notice = notice.filter(|notice| notice == "signed-out").map(|_| "You are signed out.");
    sign_in_page(&app, &visitor, StatusCode::OK, frame, String::new())
}

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    user_name: String,
    password: String,
}

pub(super) async fn with_password(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    CameFrom(source): CameFrom,
    Form(form): Form<PasswordForm>,
) -> Result<Response, Problem> {
    // The turn comes first: so there are no more tries than hashings.
    let turn = app.hashing.next().await.map_err(|error| Problem::Internal(error.to_string()))?;
    let tries = app.throttle().take_try(&form.user_name, source, app.now());
    if let Err(wait) = tries {
        let alert = format!(
            "Too many wrong passwords. Wait {} minutes, or sign in with a security key.",
            wait.div_euclid(60).saturating_add(1)
        );
        let (status, name) = (StatusCode::TOO_MANY_REQUESTS, form.user_name);
        let page = sign_in_page(&app, &visitor, status, alerting(alert), name)?;
        return Ok(([(RETRY_AFTER, wait.to_string())], page).into_response());
    }
    let Some(account) = judge_password(&app, turn, &form).await? else {
        let alert = "The user name or the password is wrong.".to_owned();
        let status = StatusCode::UNAUTHORIZED;
        return sign_in_page(&app, &visitor, status, alerting(alert), form.user_name);
    };
    app.throttle().was_right(&form.user_name, source, app.now());
    Ok(signed_in(&app, &account))
}

async fn judge_password(
    app: &App,
    turn: Turn,
    form: &PasswordForm,
) -> Result<Option<Account>, Problem> {
    let account = app.store.account_named(&form.user_name)?;
    let hash = account.as_ref().map(|account| account.password.clone());
    let password = form.password.clone();
    let judgement =
        turn.spend(move |memory| password::matches_in(memory, &password, hash.as_deref()));
    let is_right = judgement.await.map_err(|error| Problem::Internal(error.to_string()))?;
    Ok(account.filter(|_| is_right))
}

#[derive(Deserialize)]
pub(super) struct NameForm {
    user_name: String,
}

/// The name goes into the address, the password that may stand beside it in the form does not.
pub(super) async fn go_on_with_key(Form(form): Form<NameForm>) -> Redirect {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("user_name", &form.user_name)
        .finish();
    Redirect::to(&format!("/sign-in/with-key?{query}"))
}

pub(super) async fn page_for_name(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(form): Query<NameForm>,
) -> Result<Response, Problem> {
    if form.user_name.trim().is_empty() {
        let frame = alerting("Type your user name first.".to_owned());
        return sign_in_page(&app, &visitor, StatusCode::OK, frame, String::new());
    }
    if !app.store.settings()?.enabled {
        return failed(&app, &visitor, &Fault::SwitchedOff);
    }
    let account = app.store.account_named(&form.user_name)?.map(|account| account.id);
    let known = account.map_or(Ok(Vec::new()), |account| app.store.keys(account))?;
    let begun = app.relying_party.begin_sign_in_as(&form.user_name, &known).map_err(internal)?;
    let ceremony = Ceremony::SignInAs { account, state: begun.state };
    let ceremony = app.begin_ceremony(&visitor.0, ceremony);
    let page = SignInAs {
        frame: Frame::new("Use your security key"),
        asking: Asking { ceremony, options: begun.options },
        user_name: form.user_name,
    };
    Ok((visitor.cookie(&app), render(StatusCode::OK, &page)).into_response())
}

#[derive(Deserialize)]
pub(super) struct Answer {
    pub(super) ceremony: String,
    pub(super) credential: String,
}

pub(super) async fn with_key(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Form(form): Form<Answer>,
) -> Result<Response, Problem> {
    let ceremony = app.take_ceremony(&visitor.0, &form.ceremony);
    match app.sign_in_with_key(ceremony, &form.credential) {
        Ok(account) => Ok(signed_in(&app, &account)),
        Err(fault) => failed(&app, &visitor, &fault),
    }
}

pub(super) async fn sign_out(State(app): State<Arc<App>>, visitor: SignedIn) -> Response {
    app.end_session(&visitor.session);
    let page = format!("{PAGE}?notice=signed-out");
    (no_session_cookie(&app), Redirect::to(&page)).into_response()
}

/// A session of a new name, so that a name planted before is worth nothing.
fn signed_in(app: &App, account: &Account) -> Response {
    let session = app.begin_session(account.id);
    (session_cookie(&session, app), Redirect::to(keys::HOME)).into_response()
}

fn failed(app: &App, visitor: &Visitor, fault: &Fault) -> Result<Response, Problem> {
    let status = match fault {
        Fault::Store(fault) => return Err(Problem::Internal(fault.to_string())),
        Fault::SwitchedOff | Fault::Refused(_) => StatusCode::FORBIDDEN,
        Fault::Expired => StatusCode::CONFLICT,
        Fault::NotRegistered | Fault::Copied | Fault::Unverified | Fault::Invalid(_) => {
            StatusCode::UNAUTHORIZED
        }
    };
    tracing::info!("sign-in with a key refused: {fault:?}");
    sign_in_page(app, visitor, status, alerting(fault.to_string()), String::new())
}

fn alerting(alert: String) -> Frame {
    Frame { alert: Some(alert), ..Frame::new("Sign in") }
}

fn sign_in_page(
    app: &App,
    visitor: &Visitor,
    status: StatusCode,
    frame: Frame,
    user_name: String,
) -> Result<Response, Problem> {
    let mut asking = None;
    if app.store.settings()?.enabled {
        let begun = app.relying_party.begin_sign_in().map_err(internal)?;
        let ceremony = app.begin_ceremony(&visitor.0, Ceremony::SignIn { state: begun.state });
        asking = Some(Asking { ceremony, options: begun.options });
    }
    let page = SignIn { frame, asking, user_name };
    Ok((visitor.cookie(app), render(status, &page)).into_response())
}

fn internal(error: webauthn_rs_core::error::WebauthnError) -> Problem {
    Problem::Internal(error.to_string())
}
