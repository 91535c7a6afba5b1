//! One model: what it is, what it says of itself, and what FIDO says of it.

use serde_json::Value;

use super::blob::{Model, StatusReport};
use super::member;
use crate::settings::info::algorithm_name;
use crate::terminal::shown::name;
use crate::terminal::{self, Paint};

/// For a person: the model, what it says in getInfo, and FIDO's status reports.
///
/// # Errors
/// None, since the entry was read before.
pub(super) fn told(model: &Model<'_>, paint: Paint) -> anyhow::Result<String> {
    let entry = model.entry()?;
    let statement = &entry["metadataStatement"];
    let mut sections = vec![(model.description(), of_the_model(model, statement))];
    if let Some(info) = member(statement, "authenticatorGetInfo").and_then(Value::as_object) {
        let rows = MEMBERS.iter().filter_map(|member| row(member, info.get(*member)?));
        let others = info.iter().filter(|(member, _)| !MEMBERS.contains(&member.as_str()));
        let others = others.filter_map(|(member, value)| row(member, value));
        sections.push(("What it says (getInfo)", rows.chain(others).collect()));
    }
    let reports = model.status_reports.iter().map(|report| reported(report, paint)).collect();
    sections.push(("What FIDO says", reports));
    let text = |(heading, rows): &(&str, Vec<[String; 2]>)| {
        format!("{}\n{}", paint.bold(name(heading)), terminal::hanging_columns(rows))
    };
    Ok(sections.iter().map(text).collect::<Vec<_>>().join("\n"))
}

fn of_the_model(model: &Model<'_>, statement: &Value) -> Vec<[String; 2]> {
    let known_by = match model.aaguid {
        Some(_) => "AAGUID",
        None => "Certificates",
    };
    let ids = match model.aaguid {
        Some(aaguid) => aaguid.to_string(),
        None => join(model.attestation_certificate_key_identifiers.iter().map(|id| name(id))),
    };
    let rest = [
        ("Firmware", "authenticatorVersion"),
        ("Protocol", "protocolFamily"),
        ("Protocol versions", "upv"),
        ("Algorithms", "authenticationAlgorithms"),
        ("Attestation", "attestationTypes"),
        ("User verification", "userVerificationDetails"),
        ("Keys are kept in", "keyProtection"),
        ("Fingers and PINs are in", "matcherProtection"),
        ("Reached by", "attachmentHint"),
    ];
    let rest = rest.into_iter().filter_map(|(label, member)| {
        Some([format!("  {label}"), told_of(member, self::member(statement, member)?)])
    });
    [[format!("  {known_by}"), ids]].into_iter().chain(rest).collect()
}

fn row(member: &str, value: &Value) -> Option<[String; 2]> {
    (member != "aaguid").then(|| [format!("  {}", name(member)), told_of(member, value)])
}

/// A member as a person reads it; how, its name decides where it matters.
fn told_of(member: &str, value: &Value) -> String {
    match (member, value) {
        ("options", Value::Object(options)) => self::options(options),
        ("algorithms", Value::Array(all)) => {
            join(all.iter().filter_map(|one| one["alg"].as_i64()).map(algorithm_name))
        }
        ("upv", Value::Array(all)) => {
            join(all.iter().map(|one| format!("{}.{}", one["major"], one["minor"])))
        }
        ("userVerificationDetails", Value::Array(ways)) => verification(ways),
        (_, Value::Array(items)) if items.is_empty() => "none".to_owned(),
        (_, Value::Array(items)) => join(items.iter().map(|item| told_of("", item))),
        (_, Value::Object(members)) => {
            join(members.iter().map(|(key, value)| format!("{} {}", name(key), told_of("", value))))
        }
        (_, Value::String(text)) => name(text),
        (_, Value::Bool(true)) => "yes".to_owned(),
        (_, Value::Bool(false)) => "no".to_owned(),
        (_, other) => other.to_string(),
    }
}

/// Those that are on, and behind them those that are off.
fn options(options: &serde_json::Map<String, Value>) -> String {
    let named = |on: bool| {
        let those = options.iter().filter(move |(_, value)| **value == Value::Bool(on));
        those.map(|(option, _)| name(option))
    };
    join(named(true).chain(named(false).map(|name| format!("no {name}"))))
}

/// Ways of it, each of which may ask for several things.
fn verification(ways: &[Value]) -> String {
    let method = |one: &Value| one["userVerificationMethod"].as_str().map(name);
    let way = |way: &Value| {
        let methods: Vec<_> = way.as_array().into_iter().flatten().filter_map(method).collect();
        methods.join(" and ")
    };
    ways.iter().map(way).collect::<Vec<_>>().join(", or ")
}

fn reported(report: &StatusReport, paint: Paint) -> [String; 2] {
    let status = name(&report.status);
    let status = match report.is_bad() {
        true => paint.red(status),
        false => status,
    };
    let certificate = match report.certificate_number.as_str() {
        "" => String::new(),
        number => format!(", {}", name(number)),
    };
    [format!("  {}", name(&report.effective_date)), status + &certificate]
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// In the order of CTAP section 6.4: what a person asks for first. Others come behind them.
const MEMBERS: [&str; 8] = [
    "versions",
    "extensions",
    "options",
    "algorithms",
    "pinUvAuthProtocols",
    "transports",
    "maxMsgSize",
    "certifications",
];

#[cfg(test)]
mod tests {
    use super::super::blob::Blob;
    use super::super::blob::tests::{AAGUID, entry, payload};
    use super::*;

    #[test]
    fn a_model_is_shown_with_what_it_says_and_what_fido_says_of_it() {
        let mut entry = entry("A key", AAGUID, 7);
        entry["metadataStatement"]["userVerificationDetails"] = serde_json::json!([
            [{ "userVerificationMethod": "none" }],
            [{ "userVerificationMethod": "presence_internal" }, { "userVerificationMethod": "passcode_external" }],
        ]);
        entry["metadataStatement"]["authenticatorGetInfo"]["newMember"] = true.into();
        entry["statusReports"][0]["status"] = "REVOKED".into();
        let text = payload(&[entry]);
        let models = Blob::parse(&text).unwrap().keys().unwrap();
        let shown = told(&models[0], Paint::plain()).unwrap();
        for line in [
            "A key",
            "  AAGUID             fa2b99dc-9e39-4257-8f92-4a30d23c4118",
            "  User verification  none, or presence_internal and passcode_external",
            "  versions    FIDO_2_0, FIDO_2_1",
            "  options     rk, no clientPin",
            "  algorithms  ES256 (-7)",
            "  newMember   yes",
            "  2024-01-02  REVOKED",
        ] {
            assert!(shown.lines().any(|one| one == line), "{line} is not in:\n{shown}");
        }
    }
}
