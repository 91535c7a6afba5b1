//! The gate, which lets in programs of this machine. A web page in a browser of this machine could send a request too, and must
//! not have it answered.
//!
//! A page that knows the port asks across origins: its `Origin` gives it away. A page that has its own name point to
//! 127.0.0.1 (DNS rebinding) asks within its origin: its `Host` gives it away. A page that only loads a picture from there has no
//! `Origin`: the browser's `Sec-Fetch-Site` gives it away.

use hyper::Uri;
use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};

/// Whose pages may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// Nobody's: programs send no origin.
    Nobodys,
    /// Those of this machine, and files that are open in a browser: a tool's window may be such a page.
    OfThisMachine,
}

/// Lets the request in, if it was meant for this machine.
///
/// # Errors
/// Why not: status 403 goes with it.
pub(crate) fn check(uri: &Uri, headers: &HeaderMap, pages: Pages) -> Result<(), &'static str> {
    if uri.host().is_some_and(|host| !is_here(host)) || !all(headers, HOST, true, is_local_host) {
        return Err("its Host header does not name localhost");
    }
    check_origin(headers, pages)
}

/// Lets the request in, whatever name this machine has for others. Only where more than an address is asked for: a page may have a name
/// of its own point here.
///
/// # Errors
/// Why not: status 403 goes with it.
pub(crate) fn check_origin(headers: &HeaderMap, pages: Pages) -> Result<(), &'static str> {
    let may_ask = match pages {
        Pages::Nobodys => |_: &str| false,
        Pages::OfThisMachine => is_local_origin,
    };
    let is_program = pages == Pages::OfThisMachine || all(headers, SITE, false, is_typed);
    match is_program && all(headers, ORIGIN, false, may_ask) {
        true => Ok(()),
        false => Err("a web page sent it"),
    }
}

/// What browsers say of the site that asks (Fetch Metadata); programs do not say it.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// No site: a person typed the address.
fn is_typed(site: &str) -> bool {
    site == "none"
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

/// `null` is what a page's sandbox sends.
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

    fn is_let_in(uri: &str, headers: &[(HeaderName, &str)], pages: Pages) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), value.parse().unwrap());
        }
        check(&uri.parse().unwrap(), &map, pages).is_ok()
    }

    fn asks(headers: &[(HeaderName, &str)]) -> bool {
        is_let_in("/userpresence", headers, Pages::OfThisMachine)
    }

    #[test]
    fn programs_and_pages_of_this_machine_may_ask() {
        for host in ["localhost", "localhost:3000", "LOCALHOST:80", "127.0.0.1:3000", "[::1]:3000"]
        {
            assert!(asks(&[(HOST, host)]), "{host}");
        }
        for origin in ["file://", "http://localhost:4000", "https://127.0.0.1", "http://[::1]:1"] {
            assert!(asks(&[(HOST, "localhost:3000"), (ORIGIN, origin)]), "{origin}");
        }
    }

    #[test]
    fn where_no_pages_are_meant_those_of_this_machine_may_not_ask_either() {
        let program = [(HOST, "localhost:3000")];
        assert!(is_let_in("/keys", &program, Pages::Nobodys));
        for origin in ["file://", "http://localhost:3000", "null"] {
            let page = [(HOST, "localhost:3000"), (ORIGIN, origin)];
            assert!(!is_let_in("/keys", &page, Pages::Nobodys), "{origin}");
        }
    }

    #[test]
    fn a_page_that_loads_a_picture_may_not_and_a_person_who_types_an_address_may() {
        let asks = |site: &str, pages| {
            is_let_in("/shutdown", &[(HOST, "localhost:4444"), (SITE, site)], pages)
        };
        for site in ["cross-site", "same-site", "same-origin", ""] {
            assert!(!asks(site, Pages::Nobodys), "{site}");
            assert!(asks(site, Pages::OfThisMachine), "{site}");
        }
        assert!(asks("none", Pages::Nobodys));
    }

    #[test]
    fn a_page_whose_name_was_bound_to_this_machine_may_not() {
        for host in
            ["evil.example:3000", "localhost.evil.example", "127.0.0.1.evil.example", "", "x y"]
        {
            assert!(!asks(&[(HOST, host)]), "{host}");
        }
        assert!(!asks(&[]), "no host at all");
        assert!(!asks(&[(HOST, "localhost"), (HOST, "evil.example")]));
        let whole = "http://evil.example/userpresence";
        assert!(!is_let_in(whole, &[(HOST, "localhost")], Pages::OfThisMachine));
    }

    #[test]
    fn a_page_of_another_origin_may_not() {
        for origin in ["null", "", "https://evil.example", "https://localhost.evil.example", "file"]
        {
            assert!(!asks(&[(HOST, "localhost:3000"), (ORIGIN, origin)]), "{origin}");
        }
        assert!(!asks(&[
            (HOST, "localhost"),
            (ORIGIN, "file://"),
            (ORIGIN, "https://evil.example")
        ]));
    }
}
