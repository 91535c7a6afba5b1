//! The commands of DevTools that are about keys, as chromedriver passes such commands on. `WebAuthn.setResponseOverrideBits` is carried out.
//! Those that would give a tab the browser's own authenticators are refused, because from then on the tab would see no real key.

use hyper::Method;
use hyper::header::{CONTENT_LENGTH, HeaderMap};
use serde::Deserialize;
use serde_json::{Map, Value};
use virtual_key::faults::{Fault as Wrong, Injection, Requests, Scope};

use super::authenticator::Authenticator;
use super::fault::Fault;

/// What answers of one key are to tell from now on, instead of what was said before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OverrideBits {
    pub(super) authenticator: String,
    wrong: Vec<Wrong>,
}

/// The body of such a request.
#[derive(Deserialize)]
struct Body {
    cmd: String,
    #[serde(default)]
    params: Map<String, Value>,
}

/// The session that a request is for, if it may be such a command: all others go on to the driver without being read.
pub(super) fn session<'a>(method: &Method, path: &'a str, headers: &HeaderMap) -> Option<&'a str> {
    let session = path.strip_prefix("/session/")?.strip_suffix("/goog/cdp/execute")?;
    let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse::<usize>().ok()?;
    (*method == Method::POST && length <= LONGEST && !session.contains('/')).then_some(session)
}

impl OverrideBits {
    /// Those in a body; `None`: it is a command for the driver.
    ///
    /// # Errors
    /// A member of another type, no authenticator, or a command that is for nobody: the client's fault.
    pub(super) fn of(body: &[u8]) -> Option<Result<Self, Fault>> {
        let Body { cmd, params } = serde_json::from_slice(body).ok()?;
        match cmd.as_str() {
            "WebAuthn.setResponseOverrideBits" => Some(Self::read(&params)),
            "WebAuthn.enable" | "WebAuthn.addVirtualAuthenticator" => {
                Some(Err(Fault::unsupported(format!(
                    "{cmd} would hide this session's keys from the page: add authenticators with WebDriver's own command, \
                     or use the driver without keyfob"
                ))))
            }
            _ => None,
        }
    }

    fn read(params: &Map<String, Value>) -> Result<Self, Fault> {
        let bit = |name: &str| match params.get(name) {
            None => Ok(false),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| Fault::invalid_argument(format!("{name} must be a boolean"))),
        };
        let authenticator = params.get("authenticatorId").and_then(Value::as_str);
        let authenticator = authenticator
            .ok_or_else(|| Fault::invalid_argument("authenticatorId must be a string"))?;
        let all = [
            (bit("isBogusSignature")?, Wrong::BogusSignature),
            (bit("isBadUV")?, Wrong::BadUv),
            (bit("isBadUP")?, Wrong::BadUp),
        ];
        let wrong = all.into_iter().filter_map(|(is_set, wrong)| is_set.then_some(wrong));
        Ok(Self { authenticator: authenticator.to_owned(), wrong: wrong.collect() })
    }

    /// Has the key do so.
    ///
    /// # Errors
    /// The key cannot do it, or has ended.
    pub(super) fn carry_out(&self, authenticator: &Authenticator) -> Result<(), Fault> {
        let refused = |error: virtual_key::Error| Fault::unknown_error(error.to_string());
        let key = authenticator.key();
        let is_override =
            |wrong| matches!(wrong, Wrong::BogusSignature | Wrong::BadUp | Wrong::BadUv);
        for before in key.faults().iter().filter(|one| is_override(one.injection.fault)) {
            key.clear_faults(Some(before.id)).map_err(refused)?;
        }
        let scope = Scope { requests: Requests::All, ..Scope::default() };
        for fault in &self.wrong {
            key.add_fault(Injection { fault: *fault, scope }).map_err(refused)?;
        }
        Ok(())
    }
}

/// Bytes of the body: an id, three bits, and their names.
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_short_post_at_that_path_is_read() {
        let headers = |length: &'static str| {
            HeaderMap::from_iter([(CONTENT_LENGTH, length.parse().unwrap())])
        };
        let path = "/session/5e55/goog/cdp/execute";
        assert_eq!(session(&Method::POST, path, &headers("99")), Some("5e55"));
        for (method, path, headers) in [
            (Method::GET, path, headers("99")),
            (Method::POST, path, headers("1025")),
            (Method::POST, path, HeaderMap::new()),
            (Method::POST, "/session/5e55/x/goog/cdp/execute", headers("99")),
            (Method::POST, "/session/5e55/url", headers("99")),
        ] {
            assert_eq!(session(&method, path, &headers), None, "{method} {path}");
        }
    }

    #[test]
    fn bits_are_booleans_and_those_that_are_not_said_are_clear() {
        let read = |params: &str| {
            let body = format!(r#"{{"cmd":"WebAuthn.setResponseOverrideBits","params":{params}}}"#);
            OverrideBits::of(body.as_bytes()).expect("it is this command")
        };
        let bits = read(r#"{"authenticatorId":"a1","isBadUP":true,"isBadUV":false}"#).unwrap();
        assert_eq!((bits.authenticator.as_str(), &bits.wrong[..]), ("a1", &[Wrong::BadUp][..]));
        assert_eq!(read(r#"{"authenticatorId":"a1"}"#).unwrap().wrong, []);
        assert!(read(r#"{"authenticatorId":"a1","isBadUP":1}"#).is_err());
        assert!(read("{}").is_err());
        assert!(OverrideBits::of(br#"{"cmd":"Page.reload","params":{}}"#).is_none());
        assert!(OverrideBits::of(b"no JSON").is_none());
    }
}
