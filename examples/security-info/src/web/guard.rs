//! What holds for every request and every answer.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use url::Url;

use super::problem::Problem;
use crate::app::App;

/// Lets requests pass that were meant for this site, and forms that were filled in on it. Cookies are SameSite=Strict, but
/// all of localhost is one site to them: only the origin tells this port from others.
pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let origin = app.relying_party.origin();
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = if !is_for(request.headers(), origin) {
        misdirected(origin, request.uri(), only_reads)
    } else if !only_reads && !is_from(request.headers(), origin) {
        Problem::ForeignForm.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn is_for(headers: &HeaderMap, origin: &Url) -> bool {
    headers.get(HOST).is_some_and(|host| host.as_bytes() == authority(origin).as_bytes())
}

fn is_from(headers: &HeaderMap, origin: &Url) -> bool {
    let expected = origin.origin().ascii_serialization();
    headers.get(ORIGIN).is_some_and(|from| from.as_bytes() == expected.as_bytes())
}

/// Host and port, as browsers write them.
fn authority(origin: &Url) -> String {
    let host = origin.host_str().unwrap_or_default();
    origin.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

/// 127.0.0.1 leads here too, but a browser gives keys to localhost only.
fn misdirected(origin: &Url, uri: &Uri, only_reads: bool) -> Response {
    if !only_reads {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Redirect::temporary(&format!("{}{path}", origin.origin().ascii_serialization())).into_response()
}

const HEADERS: [(HeaderName, &str); 8] = [
    (
        HeaderName::from_static("content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "publickey-credentials-create=(self), publickey-credentials-get=(self), camera=(), microphone=(), \
         geolocation=()",
    ),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("x-frame-options"), "DENY"),
    // With no-referrer, browsers would not tell where a form comes from.
    (HeaderName::from_static("referrer-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (CACHE_CONTROL, "no-store"),
];
