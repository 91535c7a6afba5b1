//! Entries of a metadata BLOB (MDS 3.1.1 section 3.1.1): a statement, and what FIDO says of the model; here what it says of the model
//! that a key is like, or that it says nothing.

use serde_json::{Value, json};

/// The entry of the model that a key is like, made one about that key: the certificates that vouch for it, and what it is known by,
/// are those of `own`, the key's statement. Everything else is a claim, which a relying party is to be tested with; but no statement about keys
/// that sign more than assertions may say that they do not (PS-32).
pub(super) fn imitated(mut entry: Value, own: &Value) -> Value {
    for member in KNOWN_BY {
        if let Some(own) = own.get(member) {
            entry[member] = own.clone();
            entry[STATEMENT][member] = own.clone();
        }
    }
    entry[STATEMENT][ROOTS] = own[ROOTS].clone();
    if own[RESTRICTED] == json!(false) && entry[STATEMENT][RESTRICTED] == json!(true) {
        entry[STATEMENT][RESTRICTED] = json!(false);
    }
    if let Some(aaguid) = own.pointer(AAGUID_TOLD) {
        entry[STATEMENT][GET_INFO]["aaguid"] = aaguid.clone();
    }
    entry
}

/// An entry of a key of which FIDO has never heard, since this day.
pub(super) fn unknown_to_fido(statement: Value, today: &str) -> Value {
    let known_by =
        KNOWN_BY.iter().filter_map(|member| Some((*member, statement.get(*member)?.clone())));
    let mut entry: serde_json::Map<_, _> =
        known_by.map(|(member, value)| (member.to_owned(), value)).collect();
    let report = json!({ "status": "NOT_FIDO_CERTIFIED", "effectiveDate": today });
    entry.insert(STATEMENT.to_owned(), statement);
    entry.insert("statusReports".to_owned(), json!([report]));
    entry.insert("timeOfLastStatusChange".to_owned(), today.into());
    entry.into()
}

/// The statement in an entry.
pub(super) fn statement(mut entry: Value) -> Value {
    entry[STATEMENT].take()
}

const STATEMENT: &str = "metadataStatement";
const ROOTS: &str = "attestationRootCertificates";
const RESTRICTED: &str = "isKeyRestricted";
const GET_INFO: &str = "authenticatorGetInfo";
const AAGUID_TOLD: &str = "/authenticatorGetInfo/aaguid";

/// A FIDO2 model by the one, a U2F model by the other.
const KNOWN_BY: [&str; 2] = ["aaguid", "attestationCertificateKeyIdentifiers"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imitation_has_the_models_words_and_its_own_certificates() {
        let statement = |aaguid: &str, root: &str, description: &str| {
            json!({
                "aaguid": aaguid,
                "description": description,
                ROOTS: [root],
                GET_INFO: { "aaguid": aaguid, "versions": ["FIDO_2_0"] },
            })
        };
        let reports = json!([{ "status": "REVOKED" }]);
        let model = json!({
            "aaguid": "theirs",
            STATEMENT: statement("theirs", "their root", "a model"),
            "statusReports": reports,
        });
        let told = imitated(model, &statement("ours", "our root", "an imitation"));
        let expected = json!({
            "aaguid": "ours",
            STATEMENT: statement("ours", "our root", "a model"),
            "statusReports": reports,
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn keys_that_sign_more_than_assertions_are_not_said_to_be_restricted() {
        let told = |model: Value, own: bool| {
            let entry = json!({ STATEMENT: { RESTRICTED: model } });
            imitated(entry, &json!({ RESTRICTED: own }))[STATEMENT][RESTRICTED].clone()
        };
        assert_eq!(told(json!(true), false), json!(false), "PS-32");
        assert_eq!(
            [told(json!(true), true), told(json!(false), true)],
            [json!(true), json!(false)]
        );
        assert_eq!(told(Value::Null, false), Value::Null);
    }

    #[test]
    fn of_a_u2f_model_it_is_the_certificate_that_is_changed() {
        let by = |id: &str| json!({ KNOWN_BY[1]: [id], ROOTS: [id], "upv": [{ "major": 1, "minor": 0 }] });
        let model = json!({ KNOWN_BY[1]: ["theirs"], STATEMENT: by("theirs") });
        let told = imitated(model, &by("ours"));
        assert_eq!(told, json!({ KNOWN_BY[1]: ["ours"], STATEMENT: by("ours") }));
    }

    #[test]
    fn of_any_other_key_fido_has_never_heard() {
        let told = unknown_to_fido(json!({ "aaguid": "ours" }), "2026-11-30");
        assert_eq!(told["aaguid"], "ours");
        assert_eq!(told["statusReports"][0]["status"], "NOT_FIDO_CERTIFIED");
        assert_eq!(statement(told), json!({ "aaguid": "ours" }));
    }
}
