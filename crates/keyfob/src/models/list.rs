//! Many models: a line for each.

use serde::Serialize;

use super::blob::{Family, Model};
use crate::terminal::shown::{Kept, name};
use crate::terminal::{self, Paint, count};

/// What a program is told of one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'m> {
    description: &'m str,
    protocol_family: Family,
    #[serde(skip_serializing_if = "Option::is_none")]
    aaguid: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    attestation_certificate_key_identifiers: &'m [String],
    authenticator_version: u64,
    versions: &'m [String],
    status: Option<&'m str>,
}

/// For a person a table, with their number below it; for a program JSON.
///
/// # Errors
/// None, since all of it was JSON.
pub(super) fn told(models: &[&Model<'_>], json: bool, paint: Paint) -> anyhow::Result<String> {
    let mut models = models.to_vec();
    models.sort_by_key(|model| (model.description().to_lowercase(), model.family(), model.id()));
    if json {
        return Ok(terminal::json(&models.iter().map(|model| line(model)).collect::<Vec<_>>())?);
    }
    let heading = ["MODEL", "VERSIONS", "AAGUID OR KEY IDENTIFIER", "STATUS"].map(str::to_owned);
    let rows: Vec<_> =
        [heading].into_iter().chain(models.iter().map(|model| row(model, paint))).collect();
    let kept = [Some(Kept::Beginning), Some(Kept::Beginning), None, None];
    let number = count(models.len() as u64, "model");
    Ok(format!("{}{}\n", terminal::table(&rows, kept), paint.dim(number)))
}

fn row(model: &Model<'_>, paint: Paint) -> [String; 4] {
    [name(model.description()), model.versions(), model.id(), status(model, paint)]
}

fn status(model: &Model<'_>, paint: Paint) -> String {
    match model.status() {
        Some(report) if report.is_bad() => paint.red(name(&report.status)),
        Some(report) => name(&report.status),
        None => "-".to_owned(),
    }
}

fn line<'m>(model: &'m Model<'_>) -> Line<'m> {
    let versions = model.metadata_statement.authenticator_get_info.as_ref();
    Line {
        description: model.description(),
        protocol_family: model.family(),
        aaguid: model.aaguid.map(|aaguid| aaguid.to_string()),
        attestation_certificate_key_identifiers: &model.attestation_certificate_key_identifiers,
        authenticator_version: model.metadata_statement.authenticator_version,
        versions: versions.map(|all| all.versions.as_slice()).unwrap_or_default(),
        status: model.status().map(|report| report.status.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::blob::Blob;
    use super::super::blob::tests::{AAGUID, entry, payload};
    use super::*;

    #[test]
    fn models_are_listed_by_name_and_one_that_was_revoked_says_so() {
        let mut revoked = entry("B\u{1b}key", AAGUID, 1);
        revoked["statusReports"][1]["status"] = "REVOKED".into();
        let text = payload(&[revoked, entry("A key", &AAGUID.replace('f', "1"), 1)]);
        let models = Blob::parse(&text).unwrap().keys().unwrap();
        let all: Vec<_> = models.iter().collect();
        let table = told(&all, false, Paint::plain()).unwrap();
        let lines: Vec<_> = table.lines().collect();
        assert!(lines[1].starts_with("A key") && lines[1].ends_with("FIDO_CERTIFIED_L2"));
        assert!(lines[2].starts_with("B\\u{1b}key") && lines[2].ends_with("REVOKED"), "{table}");
        assert_eq!(lines[3], "2 models");
        let json: serde_json::Value =
            serde_json::from_str(&told(&all, true, Paint::plain()).unwrap()).unwrap();
        assert_eq!(json[1]["status"], "REVOKED");
        assert_eq!(json[0]["versions"][1], "FIDO_2_1");
    }
}
