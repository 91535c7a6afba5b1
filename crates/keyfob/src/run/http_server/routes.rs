//! Which path is which request of the control socket. A request's members come from the path, the query and the body, under the same
//! names as there.

use hyper::{Method, Uri};
use serde_json::{Map, Value};
use virtual_key::strict_json;

use super::answers::Fault;
use crate::control::Request;

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What the control socket takes as well.
    Order(Request),
    /// To hear what happens.
    Events,
    /// What was counted.
    Metrics,
    /// To hear whether there is an answer.
    Health,
}

/// One line of the table. Names in braces stand for a part of the path, and are the members that it gives.
pub(super) struct Route {
    method: Method,
    path: &'static str,
    meaning: Meaning,
    body: Body,
}

/// What a request of a route is.
#[derive(Clone, Copy)]
enum Meaning {
    /// This request of the control socket.
    Order(&'static str),
    /// One that only HTTP has.
    Own(fn() -> Wanted),
}

/// What a request's body says.
#[derive(Clone, Copy)]
enum Body {
    /// Nothing: there is none.
    None,
    /// Members of the request.
    Members,
    /// This member of it, whole.
    Member(&'static str),
}

/// All that there is.
pub(super) const ROUTES: &[Route] = &[
    route(Method::GET, "/keys", "status", Body::None),
    route(Method::GET, "/prompt", "wait", Body::None),
    route(Method::GET, "/keys/{key}/prompt", "wait", Body::None),
    route(Method::POST, "/keys/{key}/touch", "touch", Body::Members),
    route(Method::POST, "/keys/{key}/deny", "deny", Body::Members),
    route(Method::POST, "/keys/{key}/replug", "replug", Body::Members),
    route(Method::POST, "/keys/{key}/tap", "tap", Body::Members),
    route(Method::POST, "/keys/{key}/lay-on", "lay_on", Body::Members),
    route(Method::POST, "/keys/{key}/take-off", "take_off", Body::Members),
    route(Method::GET, "/keys/{key}/metadata", "metadata", Body::None),
    route(Method::GET, "/keys/{key}/profile", "profile", Body::None),
    route(Method::PUT, "/keys/{key}/profile", "set_profile", Body::Members),
    route(Method::GET, "/keys/{key}/credentials", "credentials", Body::None),
    route(Method::POST, "/keys/{key}/credentials", "add_credential", Body::Member("credential")),
    route(Method::DELETE, "/keys/{key}/credentials", "remove_credentials", Body::None),
    route(Method::PATCH, "/keys/{key}/credentials/{id}", "change_credential", Body::Members),
    route(Method::DELETE, "/keys/{key}/credentials/{id}", "remove_credential", Body::None),
    route(Method::POST, "/keys/{key}/fingers", "enroll_finger", Body::Members),
    route(Method::DELETE, "/keys/{key}/fingers", "remove_finger", Body::None),
    route(Method::PUT, "/keys/{key}/policy", "set_policy", Body::Members),
    route(Method::GET, "/keys/{key}/faults", "faults", Body::None),
    route(Method::POST, "/keys/{key}/faults", "add_fault", Body::Member("fault")),
    route(Method::DELETE, "/keys/{key}/faults", "clear_faults", Body::None),
    own("/events", || Wanted::Events),
    own("/metrics", || Wanted::Metrics),
    own(HEALTH, || Wanted::Health),
];

const HEALTH: &str = "/healthz";

const fn route(method: Method, path: &'static str, order: &'static str, body: Body) -> Route {
    Route { method, path, meaning: Meaning::Order(order), body }
}

const fn own(path: &'static str, wanted: fn() -> Wanted) -> Route {
    Route { method: Method::GET, path, meaning: Meaning::Own(wanted), body: Body::None }
}

/// Whether a client asks for what is no secret: who looks after containers has no token.
pub(super) fn is_public(method: &Method, uri: &Uri) -> bool {
    method == Method::GET && uri.path() == HEALTH
}

/// What this request means.
///
/// # Errors
/// There is nothing at this path or for this method, or its members are not those of the request: the client's fault.
pub(super) fn wanted(method: &Method, uri: &Uri, body: &[u8]) -> Result<Wanted, Fault> {
    let found: Vec<_> =
        ROUTES.iter().filter_map(|route| Some((route, route.members(uri.path())?))).collect();
    if found.is_empty() {
        return Err(Fault::no_such_path());
    }
    let Some((route, mut members)) = found.into_iter().find(|(route, _)| route.method == *method)
    else {
        return Err(Fault::wrong_method());
    };
    for (name, value) in query(uri)? {
        add(&mut members, name, value)?;
    }
    for (name, value) in route.body.members(body)? {
        add(&mut members, name, value)?;
    }
    let order = match route.meaning {
        Meaning::Order(order) => order,
        Meaning::Own(wanted) => return none(&members).map(|()| wanted()),
    };
    add(&mut members, "do".to_owned(), order.into())?;
    Request::of(&members).map(Wanted::Order).map_err(Fault::invalid)
}

fn none(members: &Map<String, Value>) -> Result<(), Fault> {
    match members.keys().next() {
        Some(name) => Err(Fault::invalid(format!("`{name}`: this request takes no members"))),
        None => Ok(()),
    }
}

/// Nothing is said twice: what the path says the body cannot change.
fn add(members: &mut Map<String, Value>, name: String, value: Value) -> Result<(), Fault> {
    match members.contains_key(&name) {
        true => Err(Fault::invalid(format!("`{name}` is given twice"))),
        false => {
            members.insert(name, value);
            Ok(())
        }
    }
}

impl Route {
    /// What this path gives, if it is of this route.
    fn members(&self, path: &str) -> Option<Map<String, Value>> {
        let (mut pattern, mut parts) = (self.path.split('/'), path.split('/'));
        let mut members = Map::new();
        loop {
            match (pattern.next(), parts.next()) {
                (None, None) => return Some(members),
                (Some(name), Some(part)) if is_hole(name) => {
                    let name = name.trim_matches(['{', '}']).to_owned();
                    members.insert(name, decoded(part)?.into());
                }
                (Some(word), Some(part)) if word == part => {}
                _ => return None,
            }
        }
    }
}

fn is_hole(word: &str) -> bool {
    word.starts_with('{')
}

impl Body {
    fn members(self, body: &[u8]) -> Result<Map<String, Value>, Fault> {
        let is_empty = body.iter().all(u8::is_ascii_whitespace);
        let parsed = || {
            strict_json::read(body).map_err(|error| match error.is_data() {
                true => Fault::invalid(error.to_string()),
                false => Fault::invalid(format!("the body is not JSON: {error}")),
            })
        };
        match self {
            Self::None if is_empty => Ok(Map::new()),
            Self::None => Err(Fault::invalid("this request takes no body")),
            Self::Members if is_empty => Ok(Map::new()),
            Self::Members => match parsed()? {
                Value::Object(members) => Ok(members),
                _ => Err(Fault::invalid("the body is not a JSON object")),
            },
            Self::Member(name) => Ok([(name.to_owned(), parsed()?)].into_iter().collect()),
        }
    }
}

/// `seconds=30` is a number, `seconds=-1` too, though none that is taken; `key=1-1` is a text, `u2f=true` neither.
fn query(uri: &Uri) -> Result<Vec<(String, Value)>, Fault> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, "true"));
        let value = decoded(value)?;
        let typed = match value.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
        };
        Some((decoded(name)?, typed))
    };
    let pairs: Option<Vec<_>> = pairs.map(pair).collect();
    pairs.ok_or_else(|| Fault::invalid("the query is not percent-encoded text"))
}

/// Of `a%2Fb`, `a/b`; `None` where it is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match first {
            b'%' => {
                let (digits, after) = after.split_at_checked(2)?;
                (u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?, after)
            }
            byte => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod described;

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    use crate::control::protocol::{Choice, Sample, Touching};

    fn asked(method: Method, path: &str, body: &str) -> Result<Wanted, u16> {
        let uri = path.parse().unwrap();
        wanted(&method, &uri, body.as_bytes()).map_err(|fault| fault.response().status().as_u16())
    }

    #[test]
    fn members_come_from_the_path_the_query_and_the_body() {
        let touching = Touching {
            key: Some("1-1".to_owned()),
            sample: Some(Sample::Finger(2)),
            ..Touching::default()
        };
        let choice = Choice { key: Some("1-1".to_owned()), prompt: Some("5eed.1-1.1".to_owned()) };
        let wait =
            |key: Option<&str>| Request::Wait { key: key.map(str::to_owned), seconds: Some(9) };
        for (method, path, body, request) in [
            (Method::GET, "/keys", "", Request::Status {}),
            (Method::GET, "/prompt?seconds=9", "", wait(None)),
            (Method::GET, "/keys/1-1/prompt?seconds=9", "", wait(Some("1-1"))),
            (
                Method::POST,
                "/keys/1-1/touch",
                r#"{"sample":{"finger":2}}"#,
                Request::Touch(touching),
            ),
            (Method::POST, "/keys/1-1/deny", r#"{"prompt":"5eed.1-1.1"}"#, Request::Deny(choice)),
            (
                Method::GET,
                "/keys/1%2D1/metadata?u2f",
                "",
                Request::Metadata { key: Some("1-1".to_owned()), u2f: true },
            ),
        ] {
            assert_eq!(asked(method, path, body), Ok(Wanted::Order(request)), "{path}");
        }
        assert_eq!(asked(Method::GET, "/events", ""), Ok(Wanted::Events));
        assert_eq!(asked(Method::GET, "/metrics", ""), Ok(Wanted::Metrics));
        let add = Request::AddCredential {
            key: Some("1-1".to_owned()),
            credential: serde_json::json!({ "rpId": "example.org" }).into(),
        };
        let body = r#"{"rpId":"example.org"}"#;
        assert_eq!(asked(Method::POST, "/keys/1-1/credentials", body), Ok(Wanted::Order(add)));
        // An id of digits alone is an id.
        let remove =
            Request::RemoveCredential { key: Some("1-1".to_owned()), id: "1234".to_owned() };
        let path = "/keys/1-1/credentials/1234";
        assert_eq!(asked(Method::DELETE, path, ""), Ok(Wanted::Order(remove)));
        let finger = Request::RemoveFinger { key: Some("1-1".to_owned()), finger: 2 };
        let path = "/keys/1-1/fingers?finger=2";
        assert_eq!(asked(Method::DELETE, path, ""), Ok(Wanted::Order(finger)));
    }

    #[test]
    fn what_is_not_understood_is_refused_and_not_guessed() {
        for (method, path, body, status) in [
            (Method::GET, "/", "", 404),
            (Method::GET, "/keys/", "", 404),
            (Method::POST, "/keys/1-1/approve", "", 404),
            (Method::GET, "/keys/1-1/touch", "", 405),
            (Method::POST, "/keys", "", 405),
            (Method::POST, "/keys/1-1/touch", "[]", 400),
            (Method::POST, "/keys/1-1/touch", "{", 400),
            (Method::POST, "/keys/1-1/touch", r#"{"promt":"a typo must not approve"}"#, 400),
            (Method::POST, "/keys/1-1/touch", r#"{"key":"1-2"}"#, 400),
            (Method::POST, "/keys/1-1/touch", r#"{"do":"deny"}"#, 400),
            (
                Method::POST,
                "/keys/1-1/touch",
                r#"{"prompt":"5eed.1-1.1","prompt":"5eed.1-1.2"}"#,
                400,
            ),
            (Method::POST, "/keys/1-1/credentials", r#"{"rpId":"a","rpId":"b"}"#, 400),
            (Method::PUT, "/keys/1-1/policy", "{}", 400),
            (Method::PUT, "/keys/1-1/policy", "", 400),
            (Method::POST, "/keys/1-1/faults", r#"{"kind":"busy","kind":"silence"}"#, 400),
            (Method::GET, "/prompt?seconds=1&seconds=2", "", 400),
            (Method::GET, "/keys?do=touch", "", 400),
            (Method::GET, "/keys?key=1-1", "", 400),
            (Method::GET, "/events?key=1-1", "", 400),
            (Method::GET, "/metrics?key=1-1", "", 400),
            (Method::GET, "/keys", "{}", 400),
            (Method::GET, "/prompt?seconds=soon", "", 400),
            (Method::GET, "/prompt?seconds=%zz", "", 400),
        ] {
            assert_eq!(asked(method, path, body), Err(status), "{path} {body}");
        }
    }

    #[test]
    fn a_member_that_is_refused_is_named() {
        for (path, name) in [
            ("/prompt?seconds=-1", "seconds"),
            ("/prompt?seconds=4294967296", "seconds"),
            ("/keys/1-1/prompt?seconds=1.5", "seconds"),
            ("/keys/1-1/credentials?from=-1", "from"),
            ("/keys/1-1/metadata?u2f=perhaps", "u2f"),
        ] {
            let refused = wanted(&Method::GET, &path.parse().unwrap(), b"").unwrap_err();
            let told = format!("{refused:?}");
            assert!(told.contains(&format!("`{name}`: ")), "{told}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_client_asks_panics_nothing(path in "[/a-z{}%?=&0-9-]{0,60}", body in "\\PC{0,60}") {
            for route in ROUTES {
                let path = if path.starts_with('/') { path.clone() } else { route.path.replace("{key}", &path) };
                if let Ok(uri) = path.parse() {
                    let _ = wanted(&route.method, &uri, body.as_bytes());
                }
            }
        }
    }
}
