//! A browser as far as a site notices: cookies, forms, the origin of each form.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;
use url::form_urlencoded;

use super::key::{Answer, SecurityKey};

/// A browser with its cookies.
pub(crate) struct Browser {
    router: Router,
    pub(crate) cookies: BTreeMap<String, String>,
    /// Where its forms come from.
    pub(crate) origin: String,
    /// The address of its machine; `127.0.0.1` is the site's own.
    pub(crate) address: [u8; 4],
}

/// What a site answered.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new(router: Router) -> Self {
        let origin = super::ORIGIN.to_owned();
        Self { router, cookies: BTreeMap::new(), origin, address: [127, 0, 0, 1] }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path), Body::empty()).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path)
            .header(ORIGIN, &self.origin)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, Body::from(form)).await
    }

    /// Goes where the last answer sent it.
    pub(crate) async fn follow(&mut self, page: Page) -> Page {
        let Some(location) = page.location else {
            panic!("{} leads nowhere: {}", page.status, page.body)
        };
        self.get(&location).await
    }

    pub(crate) async fn sign_in(&mut self, name: &str, password: &str) -> Page {
        self.post("/sign-in/password", &[("user_name", name), ("password", password)]).await
    }

    /// Add method, security key, USB: what the key answers is sent, and the site's answer returned.
    pub(crate) async fn add(&mut self, key: &mut SecurityKey) -> Page {
        let page = self.get("/security-info/add/security-key/usb").await;
        let answer = key.create(&page.options(), &self.origin).unwrap();
        self.answer("/security-info/add/security-key", &page, &answer).await
    }

    /// Signs in with the key alone.
    pub(crate) async fn sign_in_with(&mut self, key: &mut SecurityKey) -> Page {
        let page = self.get("/sign-in").await;
        let answer = key.get(&page.options(), &self.origin).unwrap();
        self.answer("/sign-in/key", &page, &answer).await
    }

    /// Sends a page's form with a key's answer in it.
    pub(crate) async fn answer(&mut self, path: &str, page: &Page, answer: &Answer) -> Page {
        let (ceremony, credential) = (page.ceremony(), answer.to_string());
        self.post(path, &[("ceremony", &ceremony), ("credential", &credential)]).await
    }

    async fn send(&mut self, request: axum::http::request::Builder, body: Body) -> Page {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header(HOST, "localhost:8080").header(COOKIE, cookies.join("; "));
        let request = request.extension(ConnectInfo(SocketAddr::from((self.address, 50_000))));
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(SET_COOKIE) {
            self.keep(cookie.to_str().unwrap());
        }
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Page {
            status: parts.status,
            location: parts.headers.get(LOCATION).map(|to| to.to_str().unwrap().to_owned()),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    fn keep(&mut self, cookie: &str) {
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes.replace("; Max-Age=0", ""), "Path=/; HttpOnly; SameSite=Strict");
        let (name, value) = pair.split_once('=').unwrap();
        self.cookies.insert(name.to_owned(), value.to_owned());
        if attributes.contains("Max-Age=0") {
            self.cookies.remove(name);
        }
    }
}

impl Page {
    /// Whether it says so, tags and all.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        assert!(self.body.contains(text), "no “{text}” in {} {}", self.status, self.body);
    }

    /// The options for `navigator.credentials`.
    #[track_caller]
    pub(crate) fn options(&self) -> Value {
        let options =
            self.between("data-options=\"", "\"").unwrap_or_else(|| panic!("{}", self.body));
        serde_json::from_str(&options.replace("&#34;", "\"").replace("&#38;", "&")).unwrap()
    }

    /// The addresses of the keys listed.
    pub(crate) fn keys(&self) -> Vec<String> {
        let keys = self.body.split("data-key=\"").skip(1);
        keys.map(|rest| format!("/security-info/keys/{}", rest.split('"').next().unwrap()))
            .collect()
    }

    fn ceremony(&self) -> String {
        self.between("name=\"ceremony\" value=\"", "\"").unwrap_or_default()
    }

    fn between(&self, before: &str, after: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(before)?;
        Some(rest.split_once(after)?.0.to_owned())
    }
}
