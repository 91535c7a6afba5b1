//! The gate, which lets in programs of this machine. A web page in a browser of this machine could send such a request too, and must
//! not press the button.
//!
//! A page that knows the port posts across origins: its `Origin` gives it away. A page that has its own name point to
//! 127.0.0.1 (DNS rebinding) asks within its origin: its `Host` gives it away.

use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::{Method, StatusCode, Uri};

use super::Reply;

/// Lets the request in.
///
/// # Errors
/// What it hears instead.
pub(super) fn check(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Reply> {
    let forbidden = |what: &str| Err((StatusCode::FORBIDDEN, what.to_owned()));
    if uri.host().is_some_and(|host| !is_here(host)) || !all(headers, HOST, true, is_local_host) {
        return forbidden("it was meant for another host than localhost");
    }
    if !all(headers, ORIGIN, false, is_local_origin) {
        return forbidden("a web page sent it");
    }
    match *method {
        Method::POST => Ok(()),
        _ => Err((StatusCode::METHOD_NOT_ALLOWED, "the hooks are asked with POST".to_owned())),
    }
}

/// All values of a header are `right`; there may be none unless it is `needed`.
fn all(headers: &HeaderMap, name: HeaderName, needed: bool, right: fn(&str) -> bool) -> bool {
    let mut values = headers.get_all(&name).iter();
    (!needed || headers.contains_key(&name)) && values.all(|value| value.to_str().is_ok_and(right))
}

/// With any port: it may be forwarded.
fn is_local_host(value: &str) -> bool {
    value.parse::<Uri>().is_ok_and(|uri| uri.scheme().is_none() && uri.host().is_some_and(is_here))
}

/// The tool's window is a page of its own. Programs send no origin; `null` is what a page's sandbox sends.
fn is_local_origin(value: &str) -> bool {
    let is_here = |uri: Uri| uri.scheme().is_some() && uri.host().is_some_and(is_here);
    value == "file://" || value.parse().is_ok_and(is_here)
}

fn is_here(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| host.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: Method, uri: &str, headers: &[(HeaderName, &str)]) -> Option<u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), value.parse().unwrap());
        }
        check(&method, &uri.parse().unwrap(), &map).err().map(|(status, _)| status.as_u16())
    }

    fn post(headers: &[(HeaderName, &str)]) -> Option<u16> {
        status(Method::POST, "/conformance/userpresence", headers)
    }

    #[test]
    fn programs_and_pages_of_this_machine_may_ask() {
        for host in ["localhost", "localhost:3000", "LOCALHOST:80", "127.0.0.1:3000", "[::1]:3000"]
        {
            assert_eq!(post(&[(HOST, host)]), None, "{host}");
        }
        for origin in ["file://", "http://localhost:4000", "https://127.0.0.1", "http://[::1]:1"] {
            assert_eq!(post(&[(HOST, "localhost:3000"), (ORIGIN, origin)]), None, "{origin}");
        }
    }

    #[test]
    fn a_page_whose_name_was_bound_to_this_machine_may_not() {
        for host in
            ["evil.example:3000", "localhost.evil.example", "127.0.0.1.evil.example", "", "x y"]
        {
            assert_eq!(post(&[(HOST, host)]), Some(403), "{host}");
        }
        assert_eq!(post(&[]), Some(403), "no host at all");
        assert_eq!(post(&[(HOST, "localhost"), (HOST, "evil.example")]), Some(403));
        let whole = "http://evil.example/conformance/userpresence";
        assert_eq!(status(Method::POST, whole, &[(HOST, "localhost")]), Some(403));
    }

    #[test]
    fn a_page_of_another_origin_may_not() {
        for origin in ["null", "", "https://evil.example", "https://localhost.evil.example", "file"]
        {
            let headers = [(HOST, "localhost:3000"), (ORIGIN, origin)];
            assert_eq!(post(&headers), Some(403), "{origin}");
        }
        let two = [(HOST, "localhost"), (ORIGIN, "file://"), (ORIGIN, "https://evil.example")];
        assert_eq!(post(&two), Some(403));
    }

    #[test]
    fn a_picture_or_a_link_does_nothing() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT] {
            assert_eq!(
                status(method, "/conformance/powercycle", &[(HOST, "localhost")]),
                Some(405)
            );
        }
    }
}
