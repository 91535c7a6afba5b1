//! The commands for virtual authenticators (WebAuthn section 11), told apart by method and path.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use hyper::Method;

use super::fault::Fault;

/// One of them, and the session that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addressed {
    pub(super) session: String,
    /// `None`: there is no such command at this path, or not with this method.
    pub(super) command: Option<Command>,
}

/// What a client wants. Authenticators are named by what adding them was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Add Virtual Authenticator.
    Add,
    /// Remove Virtual Authenticator.
    Remove(String),
    /// Add Credential.
    AddCredential(String),
    /// Get Credentials.
    Credentials(String),
    /// Remove Credential.
    RemoveCredential(String, Id),
    /// Remove All Credentials.
    RemoveCredentials(String),
    /// Set User Verified.
    SetUserVerified(String),
    /// Set Credential Properties.
    SetProperties(String, Id),
}

/// A credential's id as a path has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Id(String);

impl Id {
    /// Its bytes. Some clients pad it, others percent-encode the padding.
    ///
    /// # Errors
    /// It is not base64url: the client's fault.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Fault> {
        from_base64url(&self.0.replace("%3D", "=").replace("%3d", "=")).ok_or_else(|| {
            Fault::invalid_argument("credentialId must be a base64url encoded string")
        })
    }
}

/// Bytes in base64url, padded or not; `None`: it is something else.
pub(super) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text.trim_end_matches('=')).ok()
}

impl Addressed {
    /// The command of this request; `None`: it is for the driver.
    pub(super) fn of(method: &Method, path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/session/")?;
        let (session, rest) = rest.split_once("/webauthn/authenticator")?;
        if session.contains('/') || !(rest.is_empty() || rest.starts_with('/')) {
            return None;
        }
        let parts: Vec<&str> = rest.split('/').skip(1).collect();
        Some(Self { session: session.to_owned(), command: command(method, &parts) })
    }
}

fn command(method: &Method, parts: &[&str]) -> Option<Command> {
    let id = |text: &str| Id(text.to_owned());
    let command = match (method.as_str(), parts) {
        ("POST", []) => Command::Add,
        ("DELETE", [one]) => Command::Remove((*one).to_owned()),
        ("POST", [one, "credential"]) => Command::AddCredential((*one).to_owned()),
        ("GET", [one, "credentials"]) => Command::Credentials((*one).to_owned()),
        ("DELETE", [one, "credentials"]) => Command::RemoveCredentials((*one).to_owned()),
        ("DELETE", [one, "credentials", credential]) => {
            Command::RemoveCredential((*one).to_owned(), id(credential))
        }
        ("POST", [one, "uv"]) => Command::SetUserVerified((*one).to_owned()),
        ("POST", [one, "credentials", credential, "props"]) => {
            Command::SetProperties((*one).to_owned(), id(credential))
        }
        _ => return None,
    };
    Some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn told_apart(method: Method, path: &str) -> Option<Option<Command>> {
        Addressed::of(&method, path).map(|addressed| addressed.command)
    }

    #[test]
    fn each_command_is_known_by_its_method_and_path() {
        let base = "/session/5e55/webauthn/authenticator";
        let (one, id) = ("a1".to_owned(), Id("Y3JlZA".to_owned()));
        for (method, rest, command) in [
            (Method::POST, "", Command::Add),
            (Method::DELETE, "/a1", Command::Remove(one.clone())),
            (Method::POST, "/a1/credential", Command::AddCredential(one.clone())),
            (Method::GET, "/a1/credentials", Command::Credentials(one.clone())),
            (Method::DELETE, "/a1/credentials", Command::RemoveCredentials(one.clone())),
            (
                Method::DELETE,
                "/a1/credentials/Y3JlZA",
                Command::RemoveCredential(one.clone(), id.clone()),
            ),
            (Method::POST, "/a1/uv", Command::SetUserVerified(one.clone())),
            (Method::POST, "/a1/credentials/Y3JlZA/props", Command::SetProperties(one, id)),
        ] {
            assert_eq!(told_apart(method, &format!("{base}{rest}")), Some(Some(command)), "{rest}");
        }
        for (method, rest) in [(Method::GET, ""), (Method::GET, "/a1"), (Method::POST, "/a1/x")] {
            assert_eq!(told_apart(method, &format!("{base}{rest}")), Some(None), "{rest}");
        }
    }

    #[test]
    fn all_else_is_for_the_driver() {
        for path in [
            "/session",
            "/session/5e55",
            "/session/5e55/url",
            "/status",
            "/session/5e55/webauthn/authenticators",
            "/session/5e55/element/x/webauthn/authenticator",
        ] {
            assert_eq!(told_apart(Method::POST, path), None, "{path}");
        }
    }

    #[test]
    fn an_id_may_be_padded_and_is_nothing_else() {
        for text in ["Y3JlZA", "Y3JlZA==", "Y3JlZA%3D%3D"] {
            assert_eq!(Id(text.to_owned()).bytes(), Ok(b"cred".to_vec()), "{text}");
        }
        for text in ["b'Y3JlZA'", "[object Object]", "+/8="] {
            assert!(Id(text.to_owned()).bytes().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_path_is_asked_for_panics_nothing(rest in "[/a-z0-9%=+-]{0,80}") {
            let path = format!("/session/5e55/webauthn/authenticator{rest}");
            for method in [Method::GET, Method::POST, Method::DELETE] {
                if let Some(Some(Command::RemoveCredential(_, id))) = told_apart(method, &path) {
                    let _ = id.bytes();
                }
            }
        }
    }
}
