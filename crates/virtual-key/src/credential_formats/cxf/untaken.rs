//! Finds what a CXF file holds beside the parts of a passkey that a key stores: the crate for the format ignores
//! members that it does not know.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::PASSKEY;

/// A sentence for each.
pub(super) fn notes(file: &Value) -> Vec<String> {
    let accounts = objects(file.get("accounts"));
    let items = accounts.iter().flat_map(|account| objects(account.get("items")));
    let items: Vec<_> = items.filter(|item| !passkeys(item).is_empty()).collect();
    let each = (1..).zip(items.iter().flat_map(|item| passkeys(item)));
    let mut notes: Vec<_> =
        each.flat_map(|(number, passkey)| of_passkey(number, passkey)).collect();
    notes.extend(beside("items", &items, &["id", "credentials"]));
    notes.extend(beside("accounts", &accounts, &["id", "items"]));
    notes
}

type Object = Map<String, Value>;

fn objects(list: Option<&Value>) -> Vec<&Object> {
    let list = list.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object).collect()
}

fn passkeys(item: &Object) -> Vec<&Object> {
    let is_passkey = |one: &&Object| one.get("type").is_some_and(|kind| kind == PASSKEY);
    objects(item.get("credentials")).into_iter().filter(is_passkey).collect()
}

fn of_passkey(number: usize, passkey: &Object) -> Vec<String> {
    let extensions = passkey.get("fido2Extensions").and_then(Value::as_object);
    let extensions = extensions.into_iter().flat_map(|extensions| unknown(extensions, &EXTENSIONS));
    let extensions = extensions.map(|name| format!("fido2Extensions.{name}"));
    let members = unknown(passkey, &MEMBERS).map(str::to_owned);
    let all = members.chain(extensions);
    all.map(|name| format!("passkey {number}: `{name}` was not imported")).collect()
}

fn unknown<'o>(object: &'o Object, known: &[&str]) -> impl Iterator<Item = &'o str> {
    object.keys().map(String::as_str).filter(|name| !known.contains(name))
}

/// Members with empty values are no loss, and neither is a title that only names the site.
fn beside(of: &str, objects: &[&Object], known: &[&str]) -> Option<String> {
    let is_told = |object: &Object, name: &str| {
        let value = object.get(name).unwrap_or(&Value::Null);
        let names_site = passkeys(object).iter().any(|passkey| passkey.get("rpId") == Some(value));
        !(is_empty(value) || name == "title" && names_site)
    };
    let names: BTreeSet<_> = { objects.iter() }
        .flat_map(|object| unknown(object, known).filter(|name| is_told(object, name)))
        .collect();
    let names = Vec::from_iter(names).join(", ");
    (!names.is_empty()).then(|| format!("not imported of its {of}: {names}"))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The known members of a passkey.
const MEMBERS: [&str; 8] = [
    "type",
    "credentialId",
    "rpId",
    "username",
    "userDisplayName",
    "userHandle",
    "key",
    "fido2Extensions",
];
/// Those of its extensions that a key knows.
const EXTENSIONS: [&str; 4] = ["hmacCredentials", "credBlob", "largeBlob", "payments"];
