//! The origin of a page, as browsers write it (HTML section 7.1.1, WebAuthn section 5.8.1).

use super::fault::WebauthnError;

/// The host of an origin, if the page is in a secure context: over TLS, or on this machine.
///
/// # Errors
/// [`WebauthnError::NotAnOrigin`], [`WebauthnError::Insecure`]: the fault of the one who named the origin.
pub(super) fn host(origin: &str) -> Result<&str, WebauthnError> {
    let parsed = parsed(origin);
    let (scheme, host) =
        parsed.ok_or_else(|| WebauthnError::NotAnOrigin { origin: origin.to_owned() })?;
    match scheme == "https" || host == "localhost" || host.ends_with(".localhost") {
        true => Ok(host),
        false => Err(WebauthnError::Insecure { origin: origin.to_owned() }),
    }
}

/// Scheme and host. Behind them may stand the port, if it is not the scheme's usual one. A site compares the whole text, so nothing
/// else may be there, and nothing in another spelling.
fn parsed(origin: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = origin.split_once("://")?;
    let usual_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    let is_port = |text: &str| {
        let port = text.parse::<u16>();
        port.is_ok_and(|port| port != usual_port && port != 0 && port.to_string() == text)
    };
    (is_host(host) && port.is_none_or(is_port)).then_some((scheme, host))
}

/// Labels of ASCII in small letters: browsers write the others of a domain as these.
fn is_host(host: &str) -> bool {
    let is_usual = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    host.len() <= LONGEST_DOMAIN
        && host.split('.').all(|label| !label.is_empty() && label.bytes().all(is_usual))
}

/// Bytes (RFC 1035 section 2.3.4).
const LONGEST_DOMAIN: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_of_a_secure_page_has_a_host() {
        for (origin, expected) in [
            ("https://example.com", "example.com"),
            ("https://a.xn--bcher-kva.example:8443", "a.xn--bcher-kva.example"),
            ("http://localhost:8000", "localhost"),
            ("http://my.localhost", "my.localhost"),
        ] {
            assert_eq!(host(origin).unwrap(), expected);
        }
    }

    #[test]
    fn what_a_browser_would_write_otherwise_is_no_origin() {
        for origin in [
            "example.com",
            "https://",
            "ftp://example.com",
            "HTTPS://example.com",
            "https://EXAMPLE.com",
            "https://example.com/",
            "https://example.com/path",
            "https://example.com:",
            "https://example.com:443",
            "https://example.com:08443",
            "https://example.com:65536",
            "https://example..com",
            "https://evil.test#.example.com",
            "https://evil.test\\.example.com",
            "https://evil.test?.example.com",
            "https://user@example.com",
            "https:// .example.com",
            "https://bücher.example",
        ] {
            assert!(matches!(host(origin), Err(WebauthnError::NotAnOrigin { .. })), "{origin}");
        }
    }

    #[test]
    fn a_page_without_tls_uses_no_key_unless_it_is_on_this_machine() {
        let refusal = host("http://example.com").unwrap_err();
        assert!(matches!(refusal, WebauthnError::Insecure { .. }), "{refusal}");
    }
}
