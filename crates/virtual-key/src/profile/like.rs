//! Makes the profile of a model from its metadata statement. Its key does what keyfob can do of what the model
//! does, and announces what the model announces.

use serde_json::{Map, Value as Json};
use toml::{Table, Value};

use super::get_info::{GetInfo, OMIT, OMIT_OPTIONS};
use super::text::in_plain_words;
use super::{Aaguid, Profile};
use crate::error::Error;
use crate::metadata::{Difference, differences, live_info, members};

/// The TOML of a profile for a key like the model of this `metadataStatement`: the whole object, as in FIDO's
/// metadata service. `aaguid` is the model's own or another one, because an AAGUID alone proves nothing.
///
/// The table `[getInfo]` has what the key announces and does not do. From a statement about a U2F key comes a key
/// that speaks U2F. The key is new: the table `[shipped]` holds, as comments, the state of the key that the
/// statement describes.
///
/// # Errors
/// [`Error::Metadata`]: the statement is about neither CTAP2 nor U2F, or lacks members that such statements have:
/// the fault of the one who wrote it.
pub fn like(statement: &Json, aaguid: Aaguid) -> Result<String, Error> {
    let title = statement["description"].as_str().filter(|title| !title.trim().is_empty());
    let title = title.unwrap_or("a model without a name");
    let mut table = heading(title, aaguid);
    let mut state = String::new();
    match statement["authenticatorGetInfo"].as_object() {
        Some(info) => {
            behaviour(info, &mut table);
            table.extend(protections(statement));
            table.insert("attestation".into(), attestation(&statement["attestationTypes"]));
            let told = overlay(&statement["authenticatorGetInfo"], title, &table, statement)?;
            check_members(title, &told)?;
            table.insert("getInfo".into(), Value::Table(told));
            state = shipped(&Model(info));
        }
        None if statement["protocolFamily"] == "u2f" => {
            u2f(&statement["attachmentHint"], &mut table)
        }
        None => return Err(no_key(title)),
    }
    let text = table.to_string() + &state;
    profile(title, &text).map(|_| text)
}

fn no_key(title: &str) -> Error {
    let what =
        "its metadata statement is of neither family, fido2 with authenticatorGetInfo or u2f";
    Error::Metadata { model: title.to_owned(), what: what.to_owned() }
}

/// Checks each member alone. A check of all together would only show that one of them cannot be announced.
fn check_members(title: &str, told: &Table) -> Result<(), Error> {
    for (member, value) in told {
        let alone: Table = [(member.clone(), value.clone())].into_iter().collect();
        if let Err(error) = alone.try_into::<GetInfo>() {
            let what = format!(
                "keyfob cannot announce {member} of its authenticatorGetInfo: {}",
                in_plain_words(error.message())
            );
            return Err(Error::Metadata { model: title.to_owned(), what });
        }
    }
    Ok(())
}

/// The profile that was written from a statement. Nobody has seen its lines, so an error in one is reported with
/// the member in it.
fn profile(title: &str, text: &str) -> Result<Profile, Error> {
    let wrong = |what: String| Error::Metadata { model: title.to_owned(), what };
    Profile::from_toml(title, text).map_err(|error| match error {
        Error::Profile { line: Some(line), what, .. } => {
            let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            match written.split_once(" = ") {
                Some((member, _)) if !what.contains(member) => wrong(format!("{member}: {what}")),
                _ => wrong(what),
            }
        }
        Error::Profile { what, .. } | Error::Contradiction { what, .. } => wrong(what),
        other => other,
    })
}

/// The state that the statement's key was in, ready to be had: without it each key is new.
fn shipped(model: &Model<'_>) -> String {
    let has_finger =
        ["uv", "bioEnroll", "userVerificationMgmtPreview"].iter().any(|option| model.is_on(option));
    let has_pin = model.is_on("clientPin");
    let length = model.number("minPINLength").unwrap_or(4).clamp(4, 63);
    // A PIN that counts is too simple for some.
    let step = if model.has_complex_pins() { 7 } else { 1 };
    let digits = (1..=length).map(|place| (place * step % 10).to_string());
    let lines = [
        (has_pin, format!("pin = \"{}\"", digits.collect::<String>())),
        (has_finger, "fingers = [1]".to_owned()),
        (model.is_on("ep"), "ep = true".to_owned()),
        (
            has_pin && model.0.get("forcePINChange") == Some(&Json::Bool(true)),
            "forcePINChange = true".to_owned(),
        ),
    ];
    let lines: String =
        lines.iter().filter(|(is_so, _)| *is_so).map(|(_, line)| format!("# {line}\n")).collect();
    match lines.is_empty() {
        true => lines,
        false => format!(
            "\n# What the key in the metadata had been given: remove the # of a line to give that to new keys as \
             well.\n[shipped]\n{lines}"
        ),
    }
}

/// A key that speaks U2F announces nothing except the transports in its certificate (AT-27): those of the
/// attestation hints that are transports or, if there are none, the usual one. keyfob has no key with Bluetooth, so
/// that is only announced.
fn u2f(hints: &Json, table: &mut Table) {
    let hinted =
        |hint: &str| hints.as_array().is_some_and(|hints| hints.iter().any(|one| one == hint));
    let ways: Vec<_> =
        WAYS.into_iter().filter(|(hint, _)| hinted(hint)).map(|(_, way)| way).collect();
    let reached: Vec<_> = ways.iter().copied().filter(|way| TRANSPORTS.contains(way)).collect();
    let is_more = ways.len() > reached.len();
    table.insert("extends".into(), "u2f-only".into());
    table
        .insert("transports".into(), names(if reached.is_empty() { vec!["usb"] } else { reached }));
    if is_more {
        let told = [("transports".to_owned(), names(ways))].into_iter().collect();
        table.insert("getInfo".into(), Value::Table(told));
    }
}

/// The name and number of the model. The title has the greatest length that our own statements allow (AT-51).
fn heading(title: &str, aaguid: Aaguid) -> Table {
    let ascii: String = title.chars().filter(|character| matches!(character, ' '..='~')).collect();
    let short: String = ascii.chars().take(63).collect();
    [("extends", "default"), ("imitates", title), ("description", short.trim())]
        .into_iter()
        .map(|(key, text)| (key.to_owned(), text.into()))
        .chain([("aaguid".to_owned(), aaguid.to_string().into())])
        .collect()
}

/// Basic attestation in all its forms has certificates.
fn attestation(types: &Json) -> Value {
    let has_certificates = |one: &Json| one == "basic_full" || one == "attca" || one == "anonca";
    let vouched = types.as_array().is_none_or(|types| types.iter().any(has_certificates));
    let kind = if vouched { "basic" } else { "self" };
    Value::Table([("type".to_owned(), kind.into())].into_iter().collect())
}

/// The part of the model's announcements that keyfob can do.
fn behaviour(info: &Map<String, Json>, table: &mut Table) {
    let model = Model(info);
    let put =
        |table: &mut Table, key: &str, value: Value| drop(table.insert(key.to_owned(), value));
    put(table, "versions", model.versions());
    put(table, "extensions", model.known("extensions", &EXTENSIONS));
    put(table, "algorithms", model.algorithms());
    put(table, "pinUvAuthProtocols", model.protocols());
    put(table, "authenticatorConfigCommands", names(model.config_commands()));
    put(table, "transports", model.transports());
    put(table, "options", Value::Table(model.options()));
    for (key, least, most, usual) in NUMBERS {
        let number = info.get(key).and_then(Json::as_i64);
        put(table, key, number.map_or(usual, |number| number.clamp(least, most)).into());
    }
    put(table, "pinComplexityPolicy", model.has_complex_pins().into());
    put(table, "transportsForReset", model.transports_for_reset());
    put(table, "maxCredentialIdLength", model.id_length().into());
    let capacity = model.number("remainingDiscoverableCredentials").unwrap_or(25);
    put(table, "capacity", capacity.clamp(1, i64::from(super::MAX_CAPACITY)).into());
}

/// What uvm tells, in the words of the statement.
fn protections(statement: &Json) -> impl Iterator<Item = (String, Value)> {
    PROTECTIONS.into_iter().map(|(member, known)| {
        let told = statement[member].as_array().into_iter().flatten().filter_map(Json::as_str);
        let words: Vec<_> = told.filter(|word| known.contains(word)).collect();
        let words = if words.is_empty() { vec!["software"] } else { each_once(words) };
        (member.to_owned(), names(words))
    })
}

/// A getInfo, as a statement has it.
struct Model<'a>(&'a Map<String, Json>);

impl<'a> Model<'a> {
    fn number(&self, member: &str) -> Option<i64> {
        self.0.get(member)?.as_i64()
    }

    fn names(&self, member: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.get(member).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
    }

    fn option(&self, name: &str) -> Option<bool> {
        self.0.get("options")?.get(name)?.as_bool()
    }

    fn is_on(&self, option: &str) -> bool {
        self.option(option) == Some(true)
    }

    /// Whether PINs can be too simple, and a policy says so.
    fn has_complex_pins(&self) -> bool {
        let told = self.0.get("pinComplexityPolicy") == Some(&Json::Bool(true));
        told && self.option("clientPin").is_some()
    }

    /// Those of a list that a profile can say, each once.
    fn known(&self, member: &str, known: &[&str]) -> Value {
        let told: Vec<_> = self.names(member).filter(|name| known.contains(name)).collect();
        names(each_once(told))
    }

    /// Whatever it tells, it speaks CTAP2: it has answered getInfo. One of CTAP 2.0 alone that counts in it all the same is made as one
    /// that may (GI-105): a number that never changes would not be true (GI-29).
    fn versions(&self) -> Value {
        let told: Vec<_> = self.names("versions").filter(|name| VERSIONS.contains(name)).collect();
        let is_named = told.iter().any(|name| name.starts_with("FIDO"));
        let is_later = told.iter().any(|name| name.starts_with("FIDO_2_") && *name != "FIDO_2_0");
        let counts = COUNTERS.iter().any(|member| self.0.contains_key(*member));
        let missing = [("FIDO_2_0", !is_named), ("FIDO_2_1_PRE", counts && !is_later)];
        let missing = missing.into_iter().filter_map(|(name, is_so)| is_so.then_some(name));
        names(each_once(told).into_iter().chain(missing))
    }

    fn algorithms(&self) -> Value {
        let told = self.0.get("algorithms").and_then(Json::as_array).into_iter().flatten();
        let named = |one: &Json| {
            let number = one["alg"].as_i64()?;
            ALGORITHMS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
        };
        let known = each_once(told.filter_map(named).collect());
        names(if known.is_empty() { vec!["ES256"] } else { known })
    }

    /// A key with a PIN that tells none is of the time when there was one.
    fn protocols(&self) -> Value {
        let told = self.0.get("pinUvAuthProtocols").and_then(Json::as_array);
        let usual = if self.option("clientPin").is_some() { vec![1] } else { Vec::new() };
        let told = told.map(|told| told.iter().filter_map(Json::as_i64).collect());
        let known = told.unwrap_or(usual).into_iter().filter(|number| [1, 2].contains(number));
        each_once(known.collect()).into_iter().map(Value::from).collect::<Vec<_>>().into()
    }

    /// Those that the options tell of; the last has none.
    fn config_commands(&self) -> Vec<&'static str> {
        let listed = self.0.get("authenticatorConfigCommands").and_then(Json::as_array);
        let long_touch = self.0.contains_key("longTouchForReset")
            && listed.is_none_or(|listed| listed.iter().any(|number| *number == 4));
        let commands = [
            ("enableEnterpriseAttestation", self.option("ep").is_some()),
            ("toggleAlwaysUv", self.option("alwaysUv").is_some()),
            ("setMinPINLength", self.is_on("setMinPINLength")),
            ("enableLongTouchForReset", long_touch),
        ];
        commands.into_iter().filter_map(|(name, offered)| offered.then_some(name)).collect()
    }

    fn transports(&self) -> Value {
        let told: Vec<_> =
            self.names("transports").filter(|name| TRANSPORTS.contains(name)).collect();
        names(if told.is_empty() { vec!["usb"] } else { each_once(told) })
    }

    /// Some write them in capitals.
    fn transports_for_reset(&self) -> Value {
        let told: Vec<_> = self.names("transportsForReset").map(str::to_lowercase).collect();
        let reached = self.names("transports").filter(|name| TRANSPORTS.contains(name));
        names(each_once(reached.filter(|name| told.iter().any(|one| one == name)).collect()))
    }

    /// A request with such an id has room for the rest of it. 0: each is as long as it must be.
    fn id_length(&self) -> i64 {
        let message = self.number("maxMsgSize").unwrap_or(1024).clamp(510, 7609);
        let longest = (message / 2).min(1023);
        self.number("maxCredentialIdLength").map_or(0, |told| told.clamp(16, longest))
    }

    fn options(&self) -> Table {
        let offered = ["clientPin", "uv", "bioEnroll", "userVerificationMgmtPreview"];
        let offered = offered.map(|name| (name, self.option(name).is_some()));
        let plain = OPTIONS.map(|name| (name, self.is_on(name)));
        let all = offered.into_iter().chain(plain);
        all.map(|(name, on)| (name.to_owned(), Value::Boolean(on))).collect()
    }
}

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    names.into_iter().map(Value::from).collect::<Vec<_>>().into()
}

fn each_once<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut once = Vec::new();
    for item in items {
        if !once.contains(&item) {
            once.push(item);
        }
    }
    once
}

/// What such a key must announce so that its getInfo is as stated.
fn overlay(stated: &Json, title: &str, table: &Table, statement: &Json) -> Result<Table, Error> {
    let profile = profile(title, &table.to_string())?;
    let told = members(&live_info(profile.imitation()?)?, None);
    let is_its_own = table["aaguid"].as_str() == statement["aaguid"].as_str();
    let differing = differences(stated, &told).into_iter();
    let wanted = differing.filter(|one| !one.is_state && (one.member != "aaguid" || is_its_own));
    let mut overlay = Overlay::default();
    wanted.for_each(|difference| overlay.lay(difference));
    Ok(overlay.table())
}

/// The table `[getInfo]` as it grows.
#[derive(Default)]
struct Overlay {
    members: Table,
    options: Table,
    omit: Vec<Value>,
    omit_options: Vec<Value>,
}

impl Overlay {
    fn lay(&mut self, Difference { member, stated, .. }: Difference) {
        let stated = stated.and_then(|stated| written(&member, &stated));
        match (member.strip_prefix("options."), stated) {
            (Some(option), Some(stated)) => drop(self.options.insert(option.to_owned(), stated)),
            (Some(option), None) => self.omit_options.push(option.into()),
            (None, Some(stated)) => drop(self.members.insert(member, stated)),
            (None, None) => self.omit.push(member.into()),
        }
    }

    fn table(self) -> Table {
        let mut table = self.members;
        for (key, list) in [(OMIT, self.omit), (OMIT_OPTIONS, self.omit_options)] {
            if !list.is_empty() {
                table.insert(key.to_owned(), list.into());
            }
        }
        if !self.options.is_empty() {
            table.insert("options".to_owned(), Value::Table(self.options));
        }
        table
    }
}

/// A value of JSON as a profile has it: algorithms by their numbers.
fn written(member: &str, value: &Json) -> Option<Value> {
    if member == "algorithms" {
        let numbers = value.as_array()?.iter().filter_map(|one| one["alg"].as_i64());
        return Some(numbers.map(Value::from).collect::<Vec<_>>().into());
    }
    Value::try_from(value).ok()
}

const VERSIONS: [&str; 5] = ["U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_1", "FIDO_2_3"];
const EXTENSIONS: [&str; 9] = [
    "credBlob",
    "credProtect",
    "hmac-secret",
    "hmac-secret-mc",
    "minPinLength",
    "pinComplexityPolicy",
    "previewSign",
    "thirdPartyPayment",
    "uvm",
];
/// The protection of keys and matchers, with the existing words for it.
const PROTECTIONS: [(&str, &[&str]); 2] = [
    ("keyProtection", &["software", "hardware", "tee", "secure_element", "remote_handle"]),
    ("matcherProtection", &["software", "tee", "on_chip"]),
];
const ALGORITHMS: [(i64, &str); 9] = [
    (-7, "ES256"),
    (-8, "EdDSA"),
    (-35, "ES384"),
    (-36, "ES512"),
    (-37, "PS256"),
    (-47, "ES256K"),
    (-48, "ML-DSA-44"),
    (-49, "ML-DSA-65"),
    (-257, "RS256"),
];
const TRANSPORTS: [&str; 3] = ["usb", "nfc", "smart-card"];
/// Attachment hints of U2F models (MDS 3.1.1 section 3.1.1) that are ways to reach them, in the words of WebAuthn.
const WAYS: [(&str, &str); 3] = [("wired", "usb"), ("nfc", "nfc"), ("bluetooth", "ble")];
/// Members that change as the key is used, and that no CTAP 2.0 key has.
const COUNTERS: [&str; 2] = ["remainingDiscoverableCredentials", "uvCountSinceLastPinEntry"];
/// Those that are on or off, as told.
const OPTIONS: [&str; 10] = [
    "rk",
    "noMcGaPermissionsWithClientPin",
    "makeCredUvNotRqd",
    "alwaysUv",
    "uvBioEnroll",
    "uvAcfg",
    "credMgmt",
    "credentialMgmtPreview",
    "perCredMgmtRO",
    "largeBlobs",
];
/// Numbers with the least and the greatest value that a key can have, and its value if nothing is announced.
const NUMBERS: [(&str, i64, i64, i64); 9] = [
    ("firmwareVersion", 1, u32::MAX as i64, 1),
    ("maxMsgSize", 510, 7609, 1024),
    ("maxCredentialCountInList", 1, 512, 16),
    ("minPINLength", 4, 63, 4),
    ("maxPINLength", 8, 63, 63),
    ("maxSerializedLargeBlobArray", 1024, 65536, 1024),
    ("maxCredBlobLength", 32, 1024, 32),
    ("maxRPIDsForSetMinPINLength", 0, 1024, 0),
    ("preferredPlatformUvAttempts", 1, 255, 3),
];

#[cfg(test)]
mod tests;
