//! What comes of a request, as a status and JSON.

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::control::Response as Outcome;
use crate::control::protocol::{Kind, Refusal};
use crate::secret_json::{self, SecretJson};

/// The body of a response.
pub(super) enum Reply {
    /// All of it; `None`: it has gone out.
    Whole(Option<Bytes>),
    /// Piece by piece; its place is given back with it.
    Stream(
        mpsc::Receiver<Bytes>,
        #[expect(dead_code, reason = "dropping it gives it back")] OwnedSemaphorePermit,
    ),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty())),
            Self::Stream(pieces, _) => pieces.poll_recv(context),
        };
        piece.map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream(..) => SizeHint::default(),
        }
    }
}

/// Why a request was not carried out: what a person reads on a terminal as two lines.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    /// In the words of WebDriver, where it has one.
    error: &'static str,
    what: String,
    next: String,
}

impl Fault {
    fn new(
        status: StatusCode,
        error: &'static str,
        what: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { status, error, what: what.into(), next: next.into() }
    }

    /// The request is not one: the client's fault.
    pub(super) fn invalid(what: impl Into<String>) -> Self {
        let next = "docs/openapi.json has every request and its members";
        Self::new(StatusCode::BAD_REQUEST, INVALID, what, next)
    }

    /// A web page sent it, or it was meant for another host.
    pub(super) fn forbidden(what: &str) -> Self {
        let next =
            "send the request from a program, to http://127.0.0.1 and without an Origin header";
        Self::new(StatusCode::FORBIDDEN, "forbidden", what, next)
    }

    /// It shows no token, or another one.
    pub(super) fn unauthorized(file: &Path) -> Self {
        let next =
            format!("send `Authorization: Bearer TOKEN` with the line in {}", file.display());
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the request does not have the key's token",
            next,
        )
    }

    /// No request has this path: the client's fault.
    pub(super) fn no_such_path() -> Self {
        let next = "docs/openapi.json has every path";
        Self::new(StatusCode::NOT_FOUND, "unknown command", "there is nothing at this path", next)
    }

    /// Requests of this path have other methods: the client's fault.
    pub(super) fn wrong_method() -> Self {
        let next = "docs/openapi.json says which methods it has";
        let what = "this path does not take that method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "unknown method", what, next)
    }

    /// There is no place for one more stream of events.
    pub(super) fn too_many_streams() -> Self {
        let next = "end one of them";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, BUSY, "too many clients listen to events", next)
    }

    /// The response that tells it.
    pub(super) fn response(&self) -> Response<Reply> {
        let told = json!({ "error": self.error, "message": self.what, "next": self.next });
        let mut response = json_of(self.status, &told);
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(hyper::header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// A body that could not be read.
impl From<(StatusCode, String)> for Fault {
    fn from((status, what): (StatusCode, String)) -> Self {
        Self::new(status, INVALID, what, "send it whole, and no more than the request takes")
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let (status, error) = match refusal.kind {
            Kind::Invalid | Kind::NoKey => (StatusCode::BAD_REQUEST, INVALID),
            Kind::NoPrompt => (StatusCode::CONFLICT, "no such prompt"),
            Kind::TimedOut => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Kind::Busy => (StatusCode::SERVICE_UNAVAILABLE, BUSY),
            Kind::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "unknown error"),
        };
        Self::new(status, error, refusal.what, refusal.next)
    }
}

/// Credentials that a key keeps, and how many there are in all.
#[derive(Serialize)]
struct Credentials {
    credentials: Vec<SecretJson>,
    total: usize,
}

/// What the control socket would answer, as HTTP has it. A wait that ends without a prompt is no failure: 204.
pub(super) fn of(outcome: Outcome) -> Result<Response<Reply>, Fault> {
    Ok(match outcome {
        Outcome::Done => json_of(StatusCode::OK, &json!({})),
        Outcome::Prompt(prompt) => json_of(StatusCode::OK, &prompt),
        Outcome::Prompts { prompts } => json_of(StatusCode::OK, &json!({ "prompts": prompts })),
        Outcome::Status(status) => json_of(StatusCode::OK, &status),
        Outcome::Metadata { statement } => json_of(StatusCode::OK, &statement),
        Outcome::Profile { name, profile, announced } => {
            let kind = json!({ "name": name, "profile": profile, "announced": announced });
            json_of(StatusCode::OK, &kind)
        }
        Outcome::Credentials { credentials, total } => {
            json_of(StatusCode::OK, &Credentials { credentials, total })
        }
        Outcome::Faults { faults } => json_of(StatusCode::OK, &json!({ "faults": faults })),
        Outcome::FaultsAdded { ids } => json_of(StatusCode::OK, &json!({ "ids": ids })),
        Outcome::Added { replaced } => json_of(StatusCode::OK, &json!({ "replaced": replaced })),
        Outcome::Error(refusal) if refusal.kind == Kind::TimedOut => {
            let mut response = Response::new(Reply::Whole(None));
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Outcome::Error(refusal) => return Err(refusal.into()),
    })
}

/// This process goes on.
pub(super) fn healthy() -> Response<Reply> {
    json_of(StatusCode::OK, &json!({}))
}

/// What was counted, as Prometheus reads it.
pub(super) fn metrics(text: String) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole(Some(text.into())));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn json_of(status: StatusCode, body: &impl Serialize) -> Response<Reply> {
    let text = Bytes::from_owner(secret_json::line(body).unwrap_or_default());
    let mut response = Response::new(Reply::Whole(Some(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // It may hold private keys.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const INVALID: &str = "invalid argument";
const BUSY: &str = "busy";
