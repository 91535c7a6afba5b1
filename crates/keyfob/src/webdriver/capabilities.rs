//! What a new session may ask for, and what it is told that there is (WebAuthn section 11.2).

use serde_json::{Map, Value, json};

use super::driver::Make;
use super::fault::Fault;

/// The request for a new session as the driver is to have it: without what it might refuse, and with what the proxy needs.
///
/// # Errors
/// A capability of ours that is no boolean: the client's fault.
pub(super) fn asked(body: &[u8], make: Make) -> Result<Vec<u8>, Fault> {
    let Ok(mut request) = serde_json::from_slice::<Value>(body) else {
        // It is the driver that judges it.
        return Ok(body.to_owned());
    };
    for capabilities in each_set(&mut request) {
        take_out(capabilities)?;
    }
    if make == Make::Chromedriver {
        add_views(&mut request);
    }
    Ok(request.to_string().into_bytes())
}

/// The objects that capabilities stand in, those of the old protocol too.
fn each_set(request: &mut Value) -> Vec<&mut Map<String, Value>> {
    let Value::Object(members) = request else { return Vec::new() };
    let mut sets = Vec::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("desiredCapabilities", Value::Object(set)) => sets.push(set),
            ("capabilities", Value::Object(inner)) => {
                for (name, value) in inner {
                    match (name.as_str(), value) {
                        ("alwaysMatch", Value::Object(set)) => sets.push(set),
                        ("firstMatch", Value::Array(choices)) => {
                            sets.extend(choices.iter_mut().filter_map(Value::as_object_mut));
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    sets
}

/// Drivers know some of these, and not all: geckodriver begins no session that asks for an extension.
fn take_out(capabilities: &mut Map<String, Value>) -> Result<(), Fault> {
    let ours: Vec<_> =
        capabilities.keys().filter(|name| name.starts_with("webauthn:")).cloned().collect();
    for name in ours {
        if capabilities.remove(&name).is_some_and(|value| !value.is_boolean()) {
            return Err(Fault::invalid_argument(format!("{name} must be a boolean")));
        }
    }
    Ok(())
}

/// Has Chromium let its own dialogs be seen and closed. The switches go where the client's own are: a member must not stand in
/// `alwaysMatch` and in `firstMatch`.
fn add_views(request: &mut Value) {
    let has_options = |set: &Map<String, Value>| set.contains_key(CHROME_OPTIONS);
    let is_asked = each_set(request).iter().any(|set| has_options(set));
    let mut sets = each_set(request);
    match is_asked {
        true => sets.retain(|set| has_options(set)),
        false => sets.truncate(1),
    }
    for set in sets {
        let options = set.entry(CHROME_OPTIONS).or_insert_with(|| json!({}));
        let Value::Object(options) = options else { continue };
        let arguments = options.entry("args").or_insert_with(|| json!([]));
        if let Value::Array(arguments) = arguments {
            add_switches(arguments);
        }
    }
}

/// Of several `--enable-features` Chromium takes the last: what the client names stays.
fn add_switches(arguments: &mut Vec<Value>) {
    let is_features = |argument: &&mut Value| {
        argument.as_str().is_some_and(|text| text.trim_start_matches('-').starts_with(FEATURES))
    };
    match arguments.iter_mut().filter(is_features).last() {
        Some(features) => {
            *features =
                format!("{},{SYNTHETIC_EVENTS}", features.as_str().unwrap_or_default()).into();
        }
        None => arguments.push(format!("--{FEATURES}{SYNTHETIC_EVENTS}").into()),
    }
    arguments.push("--enable-ui-devtools=0".into());
}

/// A session that a driver began.
#[derive(Debug)]
pub(super) struct Begun {
    /// Its id.
    pub(super) session: String,
    /// Where its browser keeps its files, if that is told.
    pub(super) profile: Option<String>,
    /// What the driver says that the session has.
    pub(super) capabilities: Value,
    /// The answer as the client is to have it.
    pub(super) answer: Vec<u8>,
}

/// What came of a new session; `None`: there is none, or the answer cannot be read.
pub(super) fn told(answer: &[u8], browser_name: Option<&str>) -> Option<Begun> {
    let mut answer: Value = serde_json::from_slice(answer).ok()?;
    let session = answer["value"]["sessionId"].as_str()?.to_owned();
    let capabilities = answer["value"]["capabilities"].as_object_mut()?;
    capabilities.retain(|name, _| !name.starts_with("webauthn:"));
    for name in OURS {
        capabilities.insert((*name).to_owned(), true.into());
    }
    if let Some(name) = browser_name {
        capabilities.insert("browserName".to_owned(), name.into());
    }
    let profile = capabilities.get("chrome").and_then(|chrome| chrome["userDataDir"].as_str());
    let profile = profile.map(str::to_owned);
    let text = answer.to_string().into_bytes();
    let capabilities = answer["value"]["capabilities"].take();
    Some(Begun { session, profile, capabilities, answer: text })
}

const OURS: &[&str] = &[
    "webauthn:virtualAuthenticators",
    "webauthn:extension:credBlob",
    "webauthn:extension:largeBlob",
    "webauthn:extension:minPinLength",
    "webauthn:extension:prf",
];
const CHROME_OPTIONS: &str = "goog:chromeOptions";
const FEATURES: &str = "enable-features=";
const SYNTHETIC_EVENTS: &str = "ui-debug-tools-enable-synthetic-events";

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_on(request: &Value, make: Make) -> Value {
        serde_json::from_slice(&asked(request.to_string().as_bytes(), make).unwrap()).unwrap()
    }

    #[test]
    fn the_driver_is_not_asked_for_what_the_proxy_has() {
        let request = json!({ "capabilities": {
            "alwaysMatch": { "webauthn:virtualAuthenticators": true, "browserName": "firefox" },
            "firstMatch": [{ "webauthn:extension:largeBlob": true }],
        } });
        let sent = sent_on(&request, Make::Geckodriver);
        assert_eq!(
            sent,
            json!({ "capabilities": { "alwaysMatch": { "browserName": "firefox" }, "firstMatch": [{}] } })
        );
        let wrong =
            json!({ "capabilities": { "alwaysMatch": { "webauthn:extension:prf": "yes" } } });
        assert!(asked(wrong.to_string().as_bytes(), Make::Geckodriver).is_err());
    }

    #[test]
    fn chromium_is_told_to_show_its_dialogs_beside_what_the_client_tells_it() {
        let arguments = |request: &Value, at: &str| {
            sent_on(request, Make::Chromedriver).pointer(at).unwrap()["args"].clone()
        };
        let bare = json!({ "capabilities": { "alwaysMatch": {} } });
        let switches = json!([format!("--{FEATURES}{SYNTHETIC_EVENTS}"), "--enable-ui-devtools=0"]);
        assert_eq!(arguments(&bare, "/capabilities/alwaysMatch/goog:chromeOptions"), switches);
        let chosen = json!({ "capabilities": { "alwaysMatch": {}, "firstMatch": [
            { "goog:chromeOptions": { "args": ["--headless=new", "--enable-features=A"] } },
        ] } });
        assert_eq!(
            arguments(&chosen, "/capabilities/firstMatch/0/goog:chromeOptions"),
            json!([
                "--headless=new",
                format!("--{FEATURES}A,{SYNTHETIC_EVENTS}"),
                "--enable-ui-devtools=0"
            ])
        );
        assert_eq!(asked(b"{", Make::Chromedriver).unwrap(), b"{");
    }

    #[test]
    fn a_session_is_told_what_keys_can_do() {
        let answer = json!({ "value": { "sessionId": "5e55", "capabilities": {
            "browserName": "firefox",
            "webauthn:extension:cmtgKey": true,
            "chrome": { "userDataDir": "/tmp/x" },
        } } });
        let begun = told(answer.to_string().as_bytes(), Some("gecko")).unwrap();
        assert_eq!((begun.session.as_str(), begun.profile.as_deref()), ("5e55", Some("/tmp/x")));
        let answer: Value = serde_json::from_slice(&begun.answer).unwrap();
        let capabilities = &answer["value"]["capabilities"];
        assert_eq!(capabilities["webauthn:virtualAuthenticators"], true);
        assert_eq!(capabilities["webauthn:extension:cmtgKey"], Value::Null);
        assert_eq!(capabilities["browserName"], "gecko");
        assert!(told(br#"{"value":{"error":"session not created"}}"#, None).is_none());
    }
}
