//! The members of commands, judged as chromedriver judges them: what it refuses is refused, unknown ones are passed over.

use ctap_core::config::{NewCredentials, SignCount};
use serde_json::{Map, Value};
use virtual_key::keys::{CardReader, Form, KeySettings};
use virtual_key::profile::Profile;
use virtual_key::{Backup, Properties, Touch};

use super::Transports;
use super::driver::Make;
use super::fault::Fault;
use crate::say::warn;

/// A command's members.
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// Those in a body.
    ///
    /// # Errors
    /// It is no JSON object: the client's fault.
    pub(super) fn of(body: &[u8]) -> Result<Self, Fault> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            _ => Err(Fault::invalid_argument("missing command parameters")),
        }
    }

    /// All of them, which describe a credential. One whose counter is not told has one that stays 0, for some clients leave it out; flags
    /// that are not told are those of its authenticator.
    pub(super) fn into_credential(mut self, default: Backup) -> Value {
        self.0.entry("signCount").or_insert(Value::Null);
        let eligible = self.0.entry("backupEligibility").or_insert(default.eligible.into());
        let state = default.state && *eligible == Value::Bool(true);
        self.0.entry("backupState").or_insert(state.into());
        Value::Object(self.0)
    }

    /// Whether a member is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn text(&self, name: &str) -> Result<&str, Fault> {
        let text = self.0.get(name).and_then(Value::as_str);
        text.ok_or_else(|| Fault::invalid_argument(format!("{name} must be a string")))
    }

    /// A text; `None`: it is not there.
    pub(super) fn maybe_text(&self, name: &str) -> Result<Option<&str>, Fault> {
        if self.has(name) { self.text(name).map(Some) } else { Ok(None) }
    }

    /// A boolean and nothing that could pass for one; `None`: it is not there.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Fault> {
        let boolean = |value: &Value| {
            value
                .as_bool()
                .ok_or_else(|| Fault::invalid_argument(format!("{name} must be a boolean")))
        };
        self.0.get(name).map(boolean).transpose()
    }

    fn texts(&self, name: &str) -> Result<Vec<&str>, Fault> {
        let Some(value) = self.0.get(name) else { return Ok(Vec::new()) };
        let texts = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        texts.ok_or_else(|| Fault::invalid_argument(format!("{name} must be a list of strings")))
    }

    /// A signature counter, or null for one that stays 0 for ever.
    fn sign_count(&self) -> Result<Option<Option<u32>>, Fault> {
        let number = |value: &Value| match value {
            Value::Null => Ok(None),
            Value::Number(number) => whole(number).map(Some),
            _ => Err(wrong_count()),
        };
        self.0.get("signCount").map(number).transpose()
    }

    /// What is to change of a credential.
    ///
    /// # Errors
    /// One of the three is not of its kind: the client's fault.
    pub(super) fn properties(&self) -> Result<Properties, Fault> {
        Ok(Properties {
            backup_eligibility: self.boolean("backupEligibility")?,
            backup_state: self.boolean("backupState")?,
            sign_count: self.sign_count()?,
        })
    }
}

/// 1.0 is a whole number, too.
fn whole(number: &serde_json::Number) -> Result<u32, Fault> {
    let whole = number.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0);
    let whole = number.as_u64().or_else(|| whole.map(|number| number as u64));
    whole.and_then(|number| u32::try_from(number).ok()).ok_or_else(wrong_count)
}

fn wrong_count() -> Fault {
    Fault::invalid_argument("signCount must be a whole number from 0 to 4294967295, or null")
}

/// What a virtual authenticator is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuthenticatorOptions {
    protocol: Protocol,
    has_resident_key: bool,
    pub(super) has_user_verification: bool,
    pub(super) is_user_consenting: bool,
    pub(super) is_user_verified: bool,
    /// It is a card on a reader, and not in a USB port.
    pub(super) is_card: bool,
    extensions: Vec<Extension>,
    /// The flags of credentials for which nothing else is said.
    pub(super) backup: Backup,
}

/// What it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    U2f,
    Ctap2(Version),
}

/// By the names of WebDriver, whose versions 2.2 and 2.3 no browser takes yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Version {
    V20,
    V21,
    V22,
    V23,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    LargeBlob,
    CredBlob,
    MinPinLength,
    Prf,
}

impl AuthenticatorOptions {
    /// Those that these members say.
    ///
    /// # Errors
    /// A member that is missing or wrong; what a key on a bus cannot be.
    pub(super) fn of(members: &Members, transports: Transports) -> Result<Self, Fault> {
        let protocol = protocol(members.text("protocol")?)?;
        let is_card = is_card(members.text("transport")?, transports)?;
        let flag = |name, default| Ok(members.boolean(name)?.unwrap_or(default));
        let eligible = flag("defaultBackupEligibility", false)?;
        let options = Self {
            protocol,
            is_card,
            has_resident_key: flag("hasResidentKey", false)?,
            has_user_verification: flag("hasUserVerification", false)?,
            is_user_consenting: flag("isUserConsenting", true)?,
            is_user_verified: flag("isUserVerified", false)?,
            // Nothing is backed up that may not be (MC-76).
            backup: Backup { eligible, state: flag("defaultBackupState", false)? && eligible },
            extensions: members
                .texts("extensions")?
                .into_iter()
                .map(extension)
                .collect::<Result<_, _>>()?,
        };
        options.check()?;
        Ok(options.of_its_protocol())
    }

    fn check(&self) -> Result<(), Fault> {
        let is_new = matches!(self.protocol, Protocol::Ctap2(version) if version >= Version::V21);
        let needs = |extension, name: &str, what: &str, has: bool| match self
            .extensions
            .contains(&extension)
            && !has
        {
            true => Err(Fault::invalid_argument(format!("{name} requires {what}"))),
            false => Ok(()),
        };
        let resident = "an authenticator with resident key support";
        let new = "a CTAP 2.1 authenticator";
        needs(Extension::LargeBlob, "largeBlob", resident, self.has_resident_key)?;
        needs(Extension::LargeBlob, "largeBlob", new, is_new)?;
        needs(Extension::CredBlob, "credBlob", new, is_new)?;
        needs(Extension::MinPinLength, "minPinLength", new, is_new)
    }

    /// U2F has no users and keeps nothing; chromedriver takes the members all the same, without a word.
    fn of_its_protocol(self) -> Self {
        match self.protocol {
            Protocol::U2f => Self {
                has_resident_key: false,
                has_user_verification: false,
                extensions: Vec::new(),
                ..self
            },
            Protocol::Ctap2(_) => self,
        }
    }

    /// Whether it keeps credentials by itself.
    pub(super) fn has_resident_key(&self) -> bool {
        self.has_resident_key
    }

    /// Whether it has a fingerprint sensor with a finger that fits. Without one, and without a PIN, Chromium uses no key for
    /// passkeys; so every key that keeps some has it.
    pub(super) fn has_sensor(&self) -> bool {
        self.has_user_verification || self.has_resident_key
    }

    /// What the key is made as, for the browser of this driver.
    ///
    /// # Errors
    /// None is known; the profile says what does not go together.
    pub(super) fn settings(&self, make: Make) -> Result<KeySettings, virtual_key::Error> {
        let profile = Profile::from_toml("a virtual authenticator", &self.profile(make))?;
        let credentials = NewCredentials {
            backup: self.backup,
            sign_count: SignCount::PerCredential { start: 0 },
            keep_non_discoverable: true,
        };
        Ok(KeySettings {
            profile: profile.with_credentials(credentials)?,
            form: if self.is_card { Form::Card(CardReader::Ccid) } else { Form::Usb },
            memories: vec![None],
            // A card waits for nobody: it agrees as long as it lies there.
            touch: if self.is_card { Touch::Auto } else { Touch::Ask },
            seed: None,
            fingers: if self.has_sensor() { vec![1] } else { Vec::new() },
            faults: Vec::new(),
            warn: |sentence| warn(sentence),
            recorder: None,
            meter: None,
        })
    }

    /// As TOML: the built-in profile of its version, and what is different. CTAP 2.0 has no sensor: one that is to have it speaks 2.1 as
    /// well (GI-105). Firefox tells every key whether a credential is to be discoverable, which one without such must refuse (MC-11): so
    /// there all can make them.
    fn profile(&self, make: Make) -> String {
        let Protocol::Ctap2(version) = self.protocol else {
            return "extends = \"u2f-only\"\n".to_owned();
        };
        let (resident, sensor) = (self.has_resident_key, self.has_sensor());
        let (base, is_new) = match version {
            Version::V20 if !sensor => ("fido2.0", false),
            Version::V20 | Version::V21 => ("fido2.1", true),
            Version::V22 | Version::V23 => ("default", true),
        };
        let has = |extension| self.extensions.contains(&extension);
        let extensions = list([
            ("\"credProtect\"", is_new),
            ("\"credBlob\"", has(Extension::CredBlob)),
            ("\"hmac-secret\"", is_new || has(Extension::Prf)),
            ("\"hmac-secret-mc\"", has(Extension::Prf) && version >= Version::V22),
        ]);
        let protocols = list([("2", is_new), ("1", is_new || has(Extension::Prf))]);
        let commands = list([("\"setMinPINLength\"", sensor && has(Extension::MinPinLength))]);
        let rk = resident || make == Make::Geckodriver;
        // GI-111, GI-112. A PIN there may be, but none is set.
        let (blobs, manages) = (has(Extension::LargeBlob), rk && is_new);
        let has_pin = sensor || manages;
        let transport = if self.is_card { "nfc" } else { "usb" };
        format!(
            "extends = \"{base}\"\ntransports = [\"{transport}\"]\nextensions = {extensions}\npinUvAuthProtocols = {protocols}\n\
             authenticatorConfigCommands = {commands}\ncapacity = 100\n[options]\nrk = {rk}\nclientPin = {has_pin}\n\
             bioEnroll = {sensor}\nmakeCredUvNotRqd = {is_new}\ncredMgmt = {manages}\nperCredMgmtRO = false\n\
             largeBlobs = {blobs}\n"
        )
    }
}

/// Those of them that are there, as a list in TOML.
fn list<const N: usize>(of: [(&str, bool); N]) -> String {
    let there: Vec<_> =
        of.iter().filter(|(_, is_there)| *is_there).map(|(text, _)| *text).collect();
    format!("[{}]", there.join(", "))
}

fn protocol(name: &str) -> Result<Protocol, Fault> {
    Ok(match name {
        "ctap1/u2f" => Protocol::U2f,
        "ctap2" => Protocol::Ctap2(Version::V20),
        "ctap2_1" => Protocol::Ctap2(Version::V21),
        "ctap2_2" => Protocol::Ctap2(Version::V22),
        "ctap2_3" => Protocol::Ctap2(Version::V23),
        _ => {
            let message = format!("{name} is not a recognized protocol version");
            return Err(Fault::invalid_argument(message));
        }
    })
}

/// Whether a key with this transport is a card; if not, it is on USB.
fn is_card(name: &str, transports: Transports) -> Result<bool, Fault> {
    match (name, transports) {
        ("usb", _) => Ok(false),
        ("nfc", Transports::Real) => Ok(true),
        ("nfc" | "ble" | "internal" | "hybrid" | "smart-card" | "cable", Transports::Any) => {
            tracing::info!(
                "an authenticator with the transport {name} is made as a USB key, because of --transport any"
            );
            Ok(false)
        }
        ("ble" | "internal" | "hybrid" | "smart-card" | "cable", Transports::Real) => {
            Err(Fault::unsupported(format!(
                "a key on this machine's USB bus cannot be {name}; `keyfob webdriver --transport any` takes it for usb"
            )))
        }
        _ => Err(Fault::invalid_argument("The transport is not valid")),
    }
}

fn extension(name: &str) -> Result<Extension, Fault> {
    Ok(match name {
        "largeBlob" => Extension::LargeBlob,
        "credBlob" => Extension::CredBlob,
        "minPinLength" => Extension::MinPinLength,
        "prf" => Extension::Prf,
        _ => return Err(Fault::unsupported(format!("{name} is not a recognized extension"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;
    use serde_json::json;

    fn options(members: Value) -> Result<AuthenticatorOptions, Fault> {
        let members = Members::of(members.to_string().as_bytes())?;
        AuthenticatorOptions::of(&members, Transports::Real)
    }

    fn with(name: &str, value: Value) -> Result<AuthenticatorOptions, (u16, &'static str)> {
        let mut members = json!({ "protocol": "ctap2_1", "transport": "usb" });
        members[name] = value;
        options(members).map_err(|fault| (fault.status.as_u16(), fault.error))
    }

    #[test]
    fn what_chromedriver_refuses_is_refused_in_its_way() {
        let (invalid, unsupported) = ((400, "invalid argument"), (500, "unsupported operation"));
        for (name, value, refusal) in [
            ("protocol", json!("ctap3"), invalid),
            ("protocol", json!(2), invalid),
            ("transport", json!("serial"), invalid),
            ("transport", json!("internal"), unsupported),
            ("hasResidentKey", json!(1), invalid),
            ("hasResidentKey", json!("true"), invalid),
            ("isUserConsenting", Value::Null, invalid),
            ("extensions", json!("prf"), invalid),
            ("extensions", json!(["uvm"]), unsupported),
            ("extensions", json!(["largeBlob"]), invalid),
        ] {
            assert_eq!(with(name, value.clone()).unwrap_err(), refusal, "{name}: {value}");
        }
        assert!(options(json!({ "transport": "usb" })).is_err());
        assert!(Members::of(b"[]").is_err() && Members::of(b"").is_err());
    }

    #[test]
    fn unknown_members_are_passed_over_and_defaults_are_the_standards() {
        let options = with("uvm", json!(true)).unwrap();
        assert!(
            options.is_user_consenting && !options.has_resident_key && !options.is_user_verified
        );
    }

    #[test]
    fn u2f_takes_all_members_and_has_none_of_them() {
        let options = options(json!({
            "protocol": "ctap1/u2f", "transport": "usb", "hasResidentKey": true, "hasUserVerification": true
        }));
        let options = options.unwrap();
        assert!(!options.has_resident_key && !options.has_user_verification);
    }

    #[test]
    fn every_authenticator_that_can_be_asked_for_is_a_key_that_can_be() {
        for protocol in ["ctap1/u2f", "ctap2", "ctap2_1", "ctap2_2", "ctap2_3"] {
            for flags in 0..32_u8 {
                let is = |bit: u8| flags & 1 << bit != 0;
                let (resident, new) = (is(0), !matches!(protocol, "ctap1/u2f" | "ctap2"));
                let mut extensions = vec!["prf"];
                if is(2) && new {
                    extensions.extend(["credBlob", "minPinLength"]);
                    extensions.extend(resident.then_some("largeBlob"));
                }
                let members = json!({
                    "protocol": protocol,
                    "transport": if is(4) { "nfc" } else { "usb" },
                    "hasResidentKey": resident,
                    "hasUserVerification": is(1),
                    "extensions": if is(3) { extensions } else { Vec::new() },
                });
                let options = options(members.clone()).unwrap();
                for make in [Make::Chromedriver, Make::Geckodriver] {
                    let settings = options.settings(make);
                    assert!(settings.is_ok(), "{members}: {}", settings.err().unwrap());
                }
            }
        }
    }

    // MC-76
    #[test]
    fn default_flags_are_those_of_credentials_that_say_nothing_else() {
        for (eligible, state, backed_up) in
            [(false, false, false), (false, true, false), (true, false, false), (true, true, true)]
        {
            let options = options(json!({
                "protocol": "ctap2_1", "transport": "usb", "defaultBackupEligibility": eligible, "defaultBackupState": state
            }));
            let options = options.unwrap();
            assert_eq!(options.backup, Backup { eligible, state: backed_up });
            assert!(options.settings(Make::Chromedriver).is_ok(), "{eligible} {state}");
            let told =
                |body: &str| Members::of(body.as_bytes()).unwrap().into_credential(options.backup);
            let none = told("{}");
            assert_eq!(
                (&none["backupEligibility"], &none["backupState"]),
                (&json!(eligible), &json!(backed_up))
            );
            assert_eq!(told(r#"{"backupEligibility":false}"#)["backupState"], false);
            assert_eq!(told(r#"{"backupState":false}"#)["backupState"], false);
        }
        assert_eq!(with("defaultBackupState", json!(1)).unwrap_err(), (400, "invalid argument"));
    }

    #[test]
    fn a_count_is_whole_or_null() {
        let count = |value: Value| {
            let members = json!({ "signCount": value }).to_string();
            Members::of(members.as_bytes()).unwrap().properties().map(|changed| changed.sign_count)
        };
        assert_eq!(count(json!(7)), Ok(Some(Some(7))));
        assert_eq!(count(json!(1.0)), Ok(Some(Some(1))));
        assert_eq!(count(Value::Null), Ok(Some(None)));
        for wrong in [json!(-1), json!(1.5), json!(1_u64 << 32), json!("7")] {
            assert!(count(wrong.clone()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn whatever_members_are_sent_panic_nothing(
            name in "(protocol|transport|hasResidentKey|extensions|signCount)",
            value in prop_oneof![
                any::<f64>().prop_map(|number| json!(number)),
                any::<i64>().prop_map(|number| json!(number)),
                ".{0,9}".prop_map(|text| json!([text])),
                ".{0,9}".prop_map(|text| json!(text)),
            ],
        ) {
            let _ = with(&name, value.clone());
            let members = Members::of(json!({ name: value }).to_string().as_bytes()).unwrap();
            let _ = members.properties();
        }
    }
}
