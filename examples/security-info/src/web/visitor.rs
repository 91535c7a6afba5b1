//! Who is asking: cookies, and what they stand for.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::problem::Problem;
use crate::app::App;
use crate::source::Source;
use crate::store::{Account, Role};
use crate::token::{is_token, random_token};

/// Somebody who is signed in. Others are sent to the sign-in page.
pub(super) struct SignedIn {
    pub(super) account: Account,
    /// The name of their session.
    pub(super) session: String,
}

/// An administrator who is signed in.
pub(super) struct Administrator(pub(super) Account);

/// A browser, whoever sits in front of it: the name it was given, or is given now.
pub(super) struct Visitor(pub(super) String);

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let session = cookie(&parts.headers, SESSION).ok_or(Problem::NotSignedIn)?;
        let id = app.session(session).ok_or(Problem::NotSignedIn)?;
        let account = app.store.account(id)?.ok_or(Problem::NotSignedIn)?;
        Ok(Self { account, session: session.to_owned() })
    }
}

impl FromRequestParts<Arc<App>> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let SignedIn { account, .. } = SignedIn::from_request_parts(parts, app).await?;
        match account.role {
            Role::Administrator => Ok(Self(account)),
            Role::Person => Err(Problem::NotAdministrator),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // It is kept with each ceremony, so nobody chooses how long it is.
        let given = cookie(&parts.headers, VISITOR).filter(|name| is_token(name));
        Ok(Self(given.map_or_else(random_token, str::to_owned)))
    }
}

/// Where the visitor comes from, as far as that is known.
pub(super) struct CameFrom(pub(super) Option<Source>);

impl FromRequestParts<Arc<App>> for CameFrom {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let is_proxied = app.relying_party.is_public();
        let source = |ConnectInfo(peer): &ConnectInfo<SocketAddr>| {
            Source::of(peer.ip(), &parts.headers, is_proxied)
        };
        Ok(Self(peer.and_then(source)))
    }
}

impl Visitor {
    /// Tells the browser its name.
    pub(super) fn cookie(&self, app: &App) -> [(HeaderName, String); 1] {
        [(SET_COOKIE, set(VISITOR, &self.0, app))]
    }
}

/// Gives a session to a browser.
pub(super) fn session_cookie(session: &str, app: &App) -> [(HeaderName, String); 1] {
    [(SET_COOKIE, set(SESSION, session, app))]
}

/// Takes the session away.
pub(super) fn no_session_cookie(app: &App) -> [(HeaderName, String); 1] {
    [(SET_COOKIE, format!("{}; Max-Age=0", set(SESSION, "", app)))]
}

fn set(name: &str, value: &str, app: &App) -> String {
    // Browsers that take Secure from http://localhost are not all of them.
    let secure = if app.relying_party.origin().scheme() == "https" { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let values = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        values.flat_map(|value| value.split("; ")).filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// Cookies know no ports: these names must not be those of other programs on localhost.
const SESSION: &str = "security-info-session";
const VISITOR: &str = "security-info-visitor";
