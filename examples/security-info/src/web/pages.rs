//! The templates, and what they show.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use webauthn_rs_core::proto::ParsedAttestationData;

use crate::moment::Moment;
use crate::policy::{Accepted, Settings};
use crate::store::{Account, Key, MAX_KEY_NAME, MAX_KEYS, Role};

/// What surrounds every page.
pub(super) struct Frame {
    pub(super) title: &'static str,
    /// Whose page it is.
    pub(super) account: Option<Account>,
    /// What went wrong; read out at once.
    pub(super) alert: Option<String>,
    /// What went well; read out politely.
    pub(super) notice: Option<&'static str>,
}

impl Frame {
    pub(super) fn new(title: &'static str) -> Self {
        Self { title, account: None, alert: None, notice: None }
    }

    pub(super) fn of(title: &'static str, account: Account) -> Self {
        Self { account: Some(account), ..Self::new(title) }
    }
}

/// What the browser's script needs to ask a key.
pub(super) struct Asking {
    pub(super) ceremony: String,
    pub(super) options: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignIn {
    pub(super) frame: Frame,
    /// `None`: keys are switched off.
    pub(super) asking: Option<Asking>,
    pub(super) user_name: String,
}

#[derive(Template)]
#[template(path = "sign_in_as.html")]
pub(super) struct SignInAs {
    pub(super) frame: Frame,
    pub(super) asking: Asking,
    pub(super) user_name: String,
}

#[derive(Template)]
#[template(path = "keys.html")]
pub(super) struct Keys {
    pub(super) frame: Frame,
    pub(super) keys: Vec<KeyView>,
    pub(super) enabled: bool,
}

#[derive(Template)]
#[template(path = "choose_method.html")]
pub(super) struct ChooseMethod {
    pub(super) frame: Frame,
}

#[derive(Template)]
#[template(path = "choose_kind.html")]
pub(super) struct ChooseKind {
    pub(super) frame: Frame,
}

#[derive(Template)]
#[template(path = "add_key.html")]
pub(super) struct AddKey {
    pub(super) frame: Frame,
    pub(super) asking: Asking,
    /// What to do with such a key before the browser asks for it.
    pub(super) ready: &'static str,
    /// What to do with it after its PIN.
    pub(super) gesture: &'static str,
}

#[derive(Template)]
#[template(path = "name_key.html")]
pub(super) struct NameKey {
    pub(super) frame: Frame,
    pub(super) key: KeyView,
    pub(super) is_new: bool,
}

#[derive(Template)]
#[template(path = "done.html")]
pub(super) struct Done {
    pub(super) frame: Frame,
    pub(super) key: KeyView,
}

#[derive(Template)]
#[template(path = "delete_key.html")]
pub(super) struct DeleteKey {
    pub(super) frame: Frame,
    pub(super) key: KeyView,
}

#[derive(Template)]
#[template(path = "admin.html")]
pub(super) struct Admin {
    pub(super) frame: Frame,
    pub(super) enabled: bool,
    pub(super) only_listed: bool,
    pub(super) models: String,
    pub(super) roots: String,
}

#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message {
    pub(super) frame: Frame,
    pub(super) advice: String,
    pub(super) back: &'static str,
}

impl Admin {
    pub(super) fn new(account: Account, settings: &Settings) -> Self {
        Self {
            frame: Frame::of("Settings", account),
            enabled: settings.enabled,
            only_listed: settings.accepted == Accepted::ListedModels,
            models: settings.listed.models_text(),
            roots: settings.listed.roots.join("\n"),
        }
    }
}

/// A key as its owner sees it.
pub(super) struct KeyView {
    pub(super) id: i64,
    pub(super) name: String,
    /// The model's name, if the administrator's list or this program knows it.
    pub(super) model: Option<String>,
    pub(super) aaguid: Option<String>,
    /// Whether the model is more than a claim.
    pub(super) proof: &'static str,
    pub(super) added: Moment,
    pub(super) last_used: Option<Moment>,
    /// Why it cannot sign in at present.
    pub(super) refusal: Option<String>,
}

impl KeyView {
    pub(super) fn new(key: Key, settings: &Settings) -> Self {
        let listed = key.aaguid.and_then(|aaguid| settings.listed.models.get(&aaguid));
        let listed = listed.filter(|name| !name.is_empty()).cloned();
        let aaguid = key.aaguid.map(|aaguid| aaguid.to_string());
        let ours = KEYFOBS.iter().find(|(model, _)| aaguid.as_deref() == Some(model));
        Self {
            id: key.id,
            model: listed.or_else(|| ours.map(|(_, name)| (*name).to_owned())),
            aaguid,
            proof: proof(&key, settings),
            added: Moment(key.added),
            last_used: key.last_used.map(Moment),
            refusal: settings.judge(&key.credential).err().map(|refusal| refusal.to_string()),
            name: key.name,
        }
    }
}

fn proof(key: &Key, settings: &Settings) -> &'static str {
    match key.credential.attestation.data {
        ParsedAttestationData::None => "Not proved: the key gives no attestation",
        ParsedAttestationData::Self_ => "Not proved: only the key itself says so",
        _ if settings.listed.trusts(&key.credential) => {
            "Proved by a trusted manufacturer’s certificate"
        }
        _ => "Confirmed by a certificate, but its issuer is not known here",
    }
}

/// Answers with a page.
pub(super) fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!("a template fails: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The models that need no list, keyfob's profiles: AAGUID and name.
const KEYFOBS: [(&str, &str); 5] = [
    ("c196d97f-64cf-465a-ab5d-aaf18b481fc4", "keyfob virtual security key"),
    ("4f290f43-0433-4c6b-9fa0-9a21d3fc9306", "keyfob virtual security key, CTAP 2.1"),
    ("e648796f-e280-4a1c-aedc-46bf5e304fcf", "keyfob virtual security key, CTAP 2.0"),
    ("ec68161d-4e8a-4391-a6b4-1012cac1affe", "keyfob virtual security key with fingerprints"),
    ("b0946ed5-41d5-4a82-9c44-51445226eda1", "keyfob virtual security key with everything"),
];

#[cfg(test)]
mod tests {
    use std::fs;

    use super::KEYFOBS;

    #[test]
    fn every_built_in_profile_with_an_aaguid_has_a_name() {
        let profiles = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/virtual-key/src/profile");
        let mut models = Vec::new();
        for file in fs::read_dir(profiles).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension() == Some("toml".as_ref()) {
                let text = fs::read_to_string(&file).unwrap();
                models.extend(
                    text.lines()
                        .find_map(aaguid)
                        .filter(|aaguid| !is_nil(aaguid))
                        .map(str::to_owned),
                );
            }
        }
        let mut named = KEYFOBS.map(|(model, _)| model.to_owned());
        models.sort();
        named.sort();
        assert_eq!(models, named);
    }

    fn aaguid(line: &str) -> Option<&str> {
        line.strip_prefix("aaguid = \"")?.strip_suffix('"')
    }

    /// A key that knows U2F alone has no model to tell.
    fn is_nil(aaguid: &str) -> bool {
        aaguid.chars().all(|digit| matches!(digit, '0' | '-'))
    }
}
