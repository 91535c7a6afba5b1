//! The server beside its description, docs/openapi.json: the same routes, the same members, and the same of them required.

use std::collections::BTreeSet;

use keyfob_tests::tree;
use serde_json::json;
use virtual_key::VirtualKey;
use virtual_key::credential_formats::{from_json, names_without_user, unknown_members};

use super::*;

/// The description.
struct Described(Value);

impl Described {
    fn read() -> Self {
        Self(serde_json::from_str(&tree::read("docs/openapi.json")).unwrap())
    }

    fn of(&self, route: &Route) -> &Value {
        &self.0["paths"][route.path][route.method.as_str().to_lowercase()]
    }

    /// What stands where it refers to.
    fn resolved<'d>(&'d self, part: &'d Value) -> &'d Value {
        match part["$ref"].as_str() {
            Some(path) => self.0.pointer(path.trim_start_matches('#')).expect(path),
            None => part,
        }
    }

    fn schema<'d>(&'d self, route: &Route) -> Option<&'d Value> {
        let schema = self.of(route)["requestBody"]["content"].get("application/json")?;
        Some(self.resolved(&schema["schema"]))
    }

    fn queries(&self, route: &Route) -> Vec<&Value> {
        let all = self.of(route)["parameters"].as_array().into_iter().flatten();
        all.map(|parameter| self.resolved(parameter)).filter(|one| one["in"] == "query").collect()
    }
}

/// Whether a schema is content with which members are there.
fn allows(schema: &Value, members: &Value) -> bool {
    let has = |name: &Value| members.get(name.as_str().unwrap()).is_some();
    let has_all = |names: &Value| names.as_array().into_iter().flatten().all(has);
    let any = schema["anyOf"].as_array();
    let depends = schema["dependentRequired"].as_object().into_iter().flatten();
    let conditions = schema["if"]["properties"].as_object();
    let holds = |(name, wanted): (&String, &Value)| members.get(name) == wanted.get("const");
    let is_meant = conditions.is_some_and(|conditions| conditions.iter().all(holds));
    has_all(&schema["required"])
        && any.is_none_or(|schemas| schemas.iter().any(|schema| allows(schema, members)))
        && depends.filter(|(name, _)| members.get(name).is_some()).all(|(_, names)| has_all(names))
        && (!is_meant || allows(&schema["then"], members))
}

/// Whether the server takes a request; of a credential, whether `key` does.
fn takes(key: &VirtualKey, route: &Route, query: &str, body: &str) -> bool {
    let path = route.path.replace("{key}", "1-1").replace("{id}", "YQ");
    let uri = format!("{path}{query}").parse().unwrap();
    match wanted(&route.method, &uri, body.as_bytes()) {
        Ok(Wanted::Order(Request::AddCredential { credential, .. })) => {
            let Ok(source) = from_json(&credential) else { return false };
            if !unknown_members(&credential).is_empty()
                || !names_without_user(&credential).is_empty()
            {
                return false;
            }
            let id = source.id.clone();
            let is_taken = key.add_credential(source).is_ok();
            if is_taken {
                key.remove_credential(&id).unwrap();
            }
            is_taken
        }
        outcome => outcome.is_ok(),
    }
}

/// Bodies that are taken, together with every member that there is.
fn bodies(order: &str) -> Vec<Value> {
    match order {
        "touch" => vec![json!({ "prompt": "5eed.1-1.1", "sample": { "finger": 1 } })],
        "deny" => vec![json!({ "prompt": "5eed.1-1.1" })],
        "tap" => vec![json!({ "times": 1, "milliseconds": 1 })],
        "set_profile" => vec![json!({ "profile": "default" })],
        "change_credential" => {
            vec![json!({ "backupEligibility": true, "backupState": true, "signCount": null })]
        }
        "enroll_finger" => vec![json!({ "finger": 1 })],
        "set_policy" => vec![json!({ "touch": "auto", "verification": "deny" })],
        "add_fault" => vec![json!({
            "kind": "busy", "recipe": "busy-at-once", "requests": 1, "command": 4, "channel": 1, "status": 1,
            "error": 1, "bytes": 1, "count": 1, "report": 1, "milliseconds": 1,
        })],
        "add_credential" => credentials(),
        _ => Vec::new(),
    }
}

/// A passkey, one that is none but has a user, and one of a site that U2F does not name.
fn credentials() -> Vec<Value> {
    let example = tree::read("docs/credentials.md");
    let example = example.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let of_page: Value = serde_json::from_str(example).unwrap();
    let private_key = match &of_page {
        Value::Array(list) => list[0]["privateKey"].clone(),
        one => one["privateKey"].clone(),
    };
    let secret = "A".repeat(43);
    let passkey = json!({
        "credentialId": "YQ", "isResidentCredential": true, "rpId": "example.org", "privateKey": private_key,
        "signCount": 0, "userHandle": "dQ", "userName": "ada", "userDisplayName": "Ada", "rpName": "Example",
        "backupEligibility": true, "backupState": false, "credProtect": 1, "thirdPartyPayment": false,
        "credBlob": "YQ", "credWithUV": secret, "credWithoutUV": secret, "largeBlobKey": secret, "largeBlob": "YQ",
        "largeBlobSupport": true,
    });
    let apart = json!({
        "credentialId": "YQ", "isResidentCredential": false, "rpId": "example.org", "privateKey": private_key,
        "signCount": null, "userHandle": "dQ", "userName": "ada",
    });
    let of_u2f = json!({
        "credentialId": "YQ", "isResidentCredential": false, "rpIdHash": secret, "privateKey": private_key,
        "signCount": 7,
    });
    vec![passkey, apart, of_u2f]
}

fn without(members: &Value, name: &str) -> Value {
    let mut others = members.clone();
    others.as_object_mut().unwrap().remove(name);
    others
}

fn names(members: &Value) -> BTreeSet<String> {
    members.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

#[test]
fn the_description_has_every_route_and_no_other() {
    let described = Described::read();
    let of_file = |(path, methods): (&String, &Value)| -> Vec<String> {
        let methods = methods.as_object().unwrap().keys().filter(|name| *name != "parameters");
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect()
    };
    let paths = described.0["paths"].as_object().unwrap();
    let described: BTreeSet<_> = paths.iter().flat_map(of_file).collect();
    let of_server = |route: &Route| format!("{} {}", route.method, route.path);
    assert_eq!(described, ROUTES.iter().map(of_server).collect());
}

#[test]
fn the_description_has_the_members_of_every_body_and_requires_those_that_the_server_does() {
    let described = Described::read();
    let key = VirtualKey::builder().start().unwrap();
    for route in ROUTES {
        let Meaning::Order(order) = route.meaning else { continue };
        let Some(schema) = described.schema(route) else {
            assert!(!takes(&key, route, "", r#"{"unheard":true}"#), "{order} has members");
            continue;
        };
        let bodies = bodies(order);
        let said: BTreeSet<_> = bodies.iter().flat_map(names).collect();
        assert_eq!(said, names(&schema["properties"]), "{order}");
        for whole in &bodies {
            let mut more = whole.clone();
            more["unheard"] = true.into();
            let is_open = schema["additionalProperties"] != false;
            assert_eq!(takes(&key, route, "", &more.to_string()), is_open, "{order}: {more}");
            assert!(takes(&key, route, "", &whole.to_string()), "{order}: {whole}");
            assert!(allows(schema, whole), "{order}: {whole}");
            for name in names(whole) {
                let others = without(whole, &name);
                let is_taken = takes(&key, route, "", &others.to_string());
                assert_eq!(is_taken, allows(schema, &others), "{order} without {name}: {whole}");
            }
        }
        let needs_body = described.of(route)["requestBody"]["required"] == true;
        assert_eq!(!takes(&key, route, "", ""), needs_body, "{order} without a body");
    }
}

#[test]
fn the_description_requires_those_members_of_a_query_that_the_server_does() {
    let described = Described::read();
    let key = VirtualKey::builder().start().unwrap();
    for route in ROUTES {
        let queries = described.queries(route);
        if queries.is_empty() {
            continue;
        }
        let told = |left_out: &str| {
            let names = queries.iter().map(|query| query["name"].as_str().unwrap());
            let pairs = names
                .filter(|name| *name != left_out)
                .map(|name| format!("{name}={}", if name == "u2f" { "true" } else { "1" }));
            format!("?{}", Vec::from_iter(pairs).join("&"))
        };
        assert!(takes(&key, route, &told(""), ""), "{}", route.path);
        for query in &queries {
            let name = query["name"].as_str().unwrap();
            let is_needed = query["required"] == true;
            assert_eq!(!takes(&key, route, &told(name), ""), is_needed, "{}: {name}", route.path);
        }
    }
}
