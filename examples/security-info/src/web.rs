//! The pages, and how browsers move between them: plain forms and redirects.

mod add_key;
mod admin;
mod guard;
mod keys;
mod pages;
mod problem;
mod sign_in;
mod visitor;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use tokio::time::timeout;

use self::problem::Problem;
use crate::app::App;
use crate::limits::{MAX_FORM, REQUEST_PATIENCE};

/// All pages.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::to(keys::HOME) }))
        .route(sign_in::PAGE, get(sign_in::page))
        .route("/sign-in/password", post(sign_in::with_password))
        .route("/sign-in/name", post(sign_in::go_on_with_key))
        .route("/sign-in/with-key", get(sign_in::page_for_name))
        .route("/sign-in/key", post(sign_in::with_key))
        .route("/sign-out", post(sign_in::sign_out))
        .route(keys::HOME, get(keys::list))
        .route("/security-info/add", get(add_key::choose_method))
        .route("/security-info/add/security-key", get(add_key::choose_kind).post(add_key::finish))
        .route("/security-info/add/security-key/{kind}", get(add_key::begin))
        .route("/security-info/keys/{id}/name", get(keys::ask_name).post(keys::rename))
        .route("/security-info/keys/{id}/done", get(keys::done))
        .route("/security-info/keys/{id}/delete", get(keys::ask_delete).post(keys::delete))
        .route(admin::PAGE, get(admin::page).post(admin::save))
        .route("/static/style.css", get(|| asset("text/css", include_str!("../static/style.css"))))
        .route("/static/webauthn.js", get(|| script(include_str!("../static/webauthn.js"))))
        .route("/static/moments.js", get(|| script(include_str!("../static/moments.js"))))
        .route("/favicon.svg", get(|| asset("image/svg+xml", include_str!("../static/key.svg"))))
        .fallback(|| async { Problem::NotFound })
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}

/// Whoever sends a form too slowly is told so.
async fn in_time(request: Request, next: Next) -> Response {
    let answered = timeout(REQUEST_PATIENCE, next.run(request)).await;
    answered.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

async fn script(content: &'static str) -> impl IntoResponse {
    asset("text/javascript", content).await
}

async fn asset(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, format!("{kind}; charset=utf-8"))], content)
}
