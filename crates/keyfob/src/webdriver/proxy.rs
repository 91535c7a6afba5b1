//! What comes in: commands for keys are carried out here, all else goes on to the driver as it is.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::anyhow;
use http_body_util::{BodyExt as _, Collected, Either, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue,
    TRANSFER_ENCODING,
};
use hyper::http::response::Parts;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::task::spawn_local;

use super::Settings;
use super::capabilities::{self, Begun};
use super::commands::Addressed;
use super::devtools::{self, OverrideBits};
use super::driver::{Driver, Make, Passed};
use super::fault::Fault;
use super::limits::{BOUNDS, MAX_ANSWER, MAX_COMMAND, MAX_SESSION};
use super::session::Session;
use crate::http::{self, gate};
use crate::say::warn;

/// The driver, and the sessions that have begun here.
pub(super) struct Proxy {
    driver: Driver,
    settings: Rc<Settings>,
    sessions: RefCell<BTreeMap<String, Rc<Session>>>,
    /// Whether it has said that two sessions have keys at once.
    has_warned: Cell<bool>,
}

impl Proxy {
    /// A proxy before this driver.
    pub(super) fn new(driver: Driver, settings: Settings) -> Self {
        let (sessions, has_warned) = Default::default();
        Self { driver, settings: Rc::new(settings), sessions, has_warned }
    }

    pub(super) fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Answers one request.
    ///
    /// Must run in a [`LocalSet`](tokio::task::LocalSet).
    pub(super) async fn respond(self: &Rc<Self>, request: Request<Incoming>) -> Response<Passed> {
        let answered = match *request.method() {
            Method::DELETE => self.answer_to_the_end(request).await,
            _ => self.answer(request).await,
        };
        let answered = match answered {
            Ok(response) => return response,
            Err(fault) => fault,
        };
        tracing::info!(error = answered.error, message = answered.message, "refused");
        json_of(answered.status, &answered.body())
    }

    /// What a client begins to end is ended, though it hangs up meanwhile: else its keys would stay plugged in for the next session. So a
    /// task of its own does it.
    async fn answer_to_the_end(
        self: &Rc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Passed>, Fault> {
        let own = Rc::clone(self);
        let answered = spawn_local(async move { own.answer(request).await });
        answered.await.unwrap_or_else(|error| Err(Fault::unknown_error(error.to_string())))
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Passed>, Fault> {
        gate::check(request.uri(), request.headers(), gate::Pages::Nobodys)
            .map_err(Fault::forbidden)?;
        if let Some(addressed) = Addressed::of(request.method(), request.uri().path()) {
            return self.carry_out(addressed, request).await;
        }
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        if let Some(session) = devtools::session(&method, &path, request.headers()) {
            return self.override_or_pass_on(session, request).await;
        }
        match (method, path.strip_prefix("/session")) {
            (Method::POST, Some("")) => self.begin(request).await,
            (method, Some(rest)) => {
                let (session, rest) = split_session(rest);
                let ends = method == Method::DELETE && rest.is_empty();
                let answered = self.pass_on(request.map(Either::Left)).await;
                if ends {
                    // Whatever a driver says, that may be gone itself.
                    self.end(&session).await;
                    return answered;
                }
                let (response, is_over) = is_over(answered?).await?;
                if is_over {
                    self.end(&session).await;
                }
                Ok(response)
            }
            _ => self.pass_on(request.map(Either::Left)).await,
        }
    }

    /// One of the nine commands.
    async fn carry_out(
        &self,
        addressed: Addressed,
        request: Request<Incoming>,
    ) -> Result<Response<Passed>, Fault> {
        let body = read(request.into_body(), MAX_COMMAND).await?;
        let command = addressed.command.ok_or_else(Fault::unknown_command)?;
        let session = self.sessions.borrow().get(&addressed.session).cloned();
        let session = session.ok_or_else(Fault::no_session)?;
        let value = session.carry_out(command, &body).await?;
        self.warn_if_two_have_keys();
        Ok(json_of(StatusCode::OK, &json!({ "value": value })))
    }

    /// Nobody can tell which browser a request comes from, so all of them use the keys of all sessions.
    fn warn_if_two_have_keys(&self) {
        let have_keys = self.sessions.borrow().values().filter(|one| one.count() > 0).count();
        if have_keys > 1 && !self.has_warned.replace(true) {
            warn(
                "two sessions have keys at the same time, and each browser asks the keys of both: a credential may come to \
                 the key of the other session. Run one session at a time (docs/webdriver.md)",
            );
        }
    }

    /// A command of DevTools: for one of the keys, or for the driver.
    async fn override_or_pass_on(
        &self,
        session: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Passed>, Fault> {
        let (head, body) = request.into_parts();
        let body = read(body, MAX_COMMAND).await?;
        if let Some(bits) = OverrideBits::of(&body) {
            let (bits, session) = (bits?, self.sessions.borrow().get(session).cloned());
            let session = session.ok_or_else(Fault::no_session)?;
            bits.carry_out(&*session.find(&bits.authenticator)?)?;
            return Ok(json_of(StatusCode::OK, &json!({ "value": {} })));
        }
        self.pass_on(Request::from_parts(head, Either::Right(Full::from(body)))).await
    }

    /// A new session.
    async fn begin(&self, request: Request<Incoming>) -> Result<Response<Passed>, Fault> {
        let (mut head, body) = request.into_parts();
        let body = read(body, MAX_SESSION).await?;
        let body = capabilities::asked(&body, self.driver.make())?;
        set_length(&mut head.headers, body.len());
        let request = Request::from_parts(head, Either::Right(Full::from(body)));
        let (head, answer) = self.pass_on(request).await?.into_parts();
        let answer = whole(answer).await?;
        let answer = match capabilities::told(&answer, self.settings.browser_name.as_deref()) {
            Some(Begun { session, profile, capabilities, answer }) if head.status.is_success() => {
                self.driver.has_begun(&capabilities);
                let begun =
                    Session::begin(session.clone(), self.driver.make(), profile, &self.settings);
                self.sessions.borrow_mut().insert(session, begun);
                answer.into()
            }
            _ => answer,
        };
        Ok(whole_response(head, answer))
    }

    /// The request as it is, and the answer as it is.
    async fn pass_on(&self, mut request: Request<Passed>) -> Result<Response<Passed>, Fault> {
        if self.driver.make() == Make::Geckodriver
            && let Ok(host) = HeaderValue::from_str(self.driver.address())
        {
            // It takes no other name than its own; chromedriver makes the addresses of its WebSockets from the client's.
            request.headers_mut().insert(HOST, host);
        }
        let from_client = hyper::upgrade::on(&mut request);
        let mut response = self.driver.ask(request).await.map_err(silent)?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let from_driver = hyper::upgrade::on(&mut response);
            spawn_local(async move {
                if let (Ok(client), Ok(driver)) = (from_client.await, from_driver.await) {
                    let (mut client, mut driver) = (TokioIo::new(client), TokioIo::new(driver));
                    // Whoever hangs up ends it for both.
                    let _ = copy_bidirectional(&mut client, &mut driver).await;
                }
            });
        } else {
            // Between these two alone.
            response.headers_mut().remove(CONNECTION);
        }
        Ok(response.map(Either::Left))
    }

    async fn end(&self, session: &str) {
        let session = self.sessions.borrow_mut().remove(session);
        if let Some(session) = session {
            session.end().await;
        }
    }

    /// Unplugs all that is left.
    pub(super) async fn end_all(&self) {
        let sessions = std::mem::take(&mut *self.sessions.borrow_mut());
        for session in sessions.into_values() {
            session.end().await;
        }
    }
}

/// Of `/5e55/url`, `5e55` and `/url`.
fn split_session(path: &str) -> (String, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    match path.find('/') {
        Some(at) => (path[..at].to_owned(), &path[at..]),
        None => (path.to_owned(), ""),
    }
}

/// The answer, and whether it says that there is no such session. 404 has other meanings as well, such as an element that is not there.
async fn is_over(response: Response<Passed>) -> Result<(Response<Passed>, bool), Fault> {
    if response.status() != StatusCode::NOT_FOUND {
        return Ok((response, false));
    }
    let (head, body) = response.into_parts();
    let body = whole(body).await?;
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_over = told["value"]["error"] == Fault::no_session().error;
    Ok((whole_response(head, body), is_over))
}

/// The body of a request, of at most so many bytes.
async fn read(body: Incoming, most: usize) -> Result<Vec<u8>, Fault> {
    let read = http::read(body, most, BOUNDS.patience).await;
    read.map_err(|(_, what)| Fault::invalid_argument(what))
}

/// The body of an answer of the driver's that has to be understood.
async fn whole(body: Passed) -> Result<Bytes, Fault> {
    let read = Limited::new(body, MAX_ANSWER).collect().await;
    read.map(Collected::to_bytes).map_err(|error| silent(anyhow!(error)))
}

fn whole_response(mut head: Parts, body: Bytes) -> Response<Passed> {
    set_length(&mut head.headers, body.len());
    Response::from_parts(head, Either::Right(Full::new(body)))
}

fn set_length(headers: &mut HeaderMap, length: usize) {
    headers.remove(TRANSFER_ENCODING);
    headers.insert(CONTENT_LENGTH, length.into());
}

fn silent(error: anyhow::Error) -> Fault {
    Fault::unknown_error(format!("the driver does not answer: {error:#}"))
}

fn json_of(status: StatusCode, body: &Value) -> Response<Passed> {
    let mut response = Response::new(Either::Right(Full::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_session() {
        assert_eq!(split_session("/5e55/url"), ("5e55".to_owned(), "/url"));
        assert_eq!(split_session("/5e55"), ("5e55".to_owned(), ""));
        assert_eq!(split_session(""), (String::new(), ""));
    }
}
