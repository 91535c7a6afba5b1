//! Keys like models of FIDO's metadata service that differ much, against the cases in which models differ. `tests/models/run --suite` has all
//! models, and all cases.

use std::collections::BTreeSet;
use std::io::{Write as _, stderr};
use std::{env, fs, thread};

use serde_json::Value;
use virtual_key::profile::{Aaguid, Profile, like};

use super::report_on;

#[test]
fn keys_like_the_models_that_differ_most_conform() {
    let chosen = most_different(statements(), SAMPLE);
    thread::scope(|scope| {
        for statement in &chosen {
            scope.spawn(move || {
                let text = like(statement, Aaguid([8; 16])).unwrap();
                let profile = Profile::from_toml("a model", &text).unwrap();
                println!("{}", profile.title());
                report_on(&profile, &WORDS)
            });
        }
    });
}

/// The FIDO2 models of the BLOB that the environment names.
fn statements() -> Vec<Value> {
    let Some(path) = env::var_os("KEYFOB_METADATA") else {
        // What a test that passes says by `eprintln`, nobody sees.
        let names = "KEYFOB_METADATA=\"$(tests/metadata)\" names them";
        let _ = writeln!(stderr(), "SKIPPED: no models to be like; {names}");
        return Vec::new();
    };
    let mut blob: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let entries = blob["entries"].as_array_mut().unwrap().iter_mut();
    let statements = entries.map(|entry| entry["metadataStatement"].take());
    statements.filter(|statement| statement["authenticatorGetInfo"].is_object()).collect()
}

/// One after the other the one that adds most to what those before it say.
fn most_different(mut statements: Vec<Value>, count: usize) -> Vec<Value> {
    let mut said = BTreeSet::new();
    let mut chosen = Vec::new();
    while chosen.len() < count && !statements.is_empty() {
        let adds =
            |statement: &Value| words(&statement["authenticatorGetInfo"]).difference(&said).count();
        let best = (0..statements.len()).max_by_key(|index| adds(&statements[*index])).unwrap();
        let statement = statements.swap_remove(best);
        said.extend(words(&statement["authenticatorGetInfo"]));
        chosen.push(statement);
    }
    chosen
}

/// What a getInfo says that decides how a key behaves: each item of each list, each option, each number that is short.
fn words(info: &Value) -> BTreeSet<String> {
    let members = info.as_object().unwrap().iter();
    members
        .flat_map(|(member, value)| match value {
            Value::Array(items) => items.iter().map(|item| format!("{member} {item}")).collect(),
            Value::Object(all) => {
                all.iter().map(|(name, one)| format!("{member} {name} {one}")).collect()
            }
            Value::Number(number) if number.as_u64() < Some(1024) => {
                vec![format!("{member} {number}")]
            }
            _ => vec![member.clone()],
        })
        .collect()
}

/// Models; each costs a second.
const SAMPLE: usize = 6;
/// Chapters, and beginnings of ids.
const WORDS: [&str; 6] = ["get_info*", "messages", "cf-", "uf-", "cp-set", "ga-"];
