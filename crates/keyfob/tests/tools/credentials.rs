//! `keyfob credentials`.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::browser::{PIN, key_with_passkeys};
use crate::pty::Pty;
use crate::support::{Key, Said};

const TWO: &[(&str, &str)] = &[("example.org", "ada"), ("github.com", "grace")];

fn json(said: &Said) -> Value {
    said.did("");
    serde_json::from_str(&said.out).unwrap()
}

fn list(key: &Key) -> Value {
    json(&key.type_in(&["credentials", "list", "--json"], PIN))
}

/// The id of the passkey of this user, as JSON has it.
fn id_of(key: &Key, user: &str) -> String {
    let list = list(key);
    let entry = list.as_array().unwrap().iter().find(|entry| entry["userName"] == user);
    entry.unwrap()["credentialId"].as_str().unwrap().to_owned()
}

#[test]
fn passkeys_are_listed_with_their_accounts_and_the_room_that_is_left() {
    let key = key_with_passkeys(TWO);
    let said = key.type_in(&["credentials", "list"], PIN);
    said.did("CREDENTIAL ID");
    let rows: Vec<Vec<&str>> =
        said.out.lines().skip(1).map(|line| line.split_whitespace().skip(1).collect()).collect();
    assert_eq!(rows.len(), 2);
    assert!(rows.contains(&vec!["example.org", "ada", "-"]), "{}", said.out);
    assert!(rows.contains(&vec!["github.com", "grace", "-"]), "{}", said.out);
    assert!(said.err.contains("2 passkeys on the key, room for 8 more."), "{}", said.err);
}

#[test]
fn a_key_without_passkeys_has_an_empty_list() {
    let key = key_with_passkeys(&[]);
    let said = key.type_in(&["credentials", "list"], PIN);
    said.did("");
    assert_eq!(said.out, "");
    assert!(said.err.contains("0 passkeys on the key, room for 10 more."), "{}", said.err);
    assert_eq!(list(&key), json!([]));
}

#[test]
fn csv_has_a_line_for_each_passkey_and_whole_ids() {
    let key = key_with_passkeys(&[("example.org", "Lovelace, Ada")]);
    let said = key.type_in(&["credentials", "list", "--csv"], PIN);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines[0], "credential_id,rp_id,user_name,user_display_name,user_id");
    let (id, rest) = lines[1].split_once(',').unwrap();
    assert!(id.len() >= 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(rest, "example.org,\"Lovelace, Ada\",,4c6f76656c6163652c20416461");
    key.type_in(&["credentials", "show", id], PIN).did("Lovelace, Ada");
}

#[test]
fn an_id_in_base64url_and_its_beginning_name_the_passkey() {
    let key = key_with_passkeys(TWO);
    let id = id_of(&key, "ada");
    let whole = json(&key.type_in(&["credentials", "show", "--json", "--", &id], PIN));
    assert_eq!(whole["rpId"], "example.org");
    assert_eq!(whole["userId"], "YWRh");
    assert_eq!([&whole["algorithm"], &whole["credProtect"]], [-7, 1]);
    let beginning = json(&key.type_in(&["credentials", "show", "--json", "--", &id[..12]], PIN));
    assert_eq!(beginning, whole);
    key.type_in(&["credentials", "show", "--", &id], PIN).did("ES256 (-7)");
    key.type_in(&["credentials", "show", "!"], PIN)
        .failed(1, &["no credential has the id !", "keyfob credentials list"]);
}

#[test]
fn names_are_changed_one_at_a_time_and_an_empty_one_removes_it() {
    let key = key_with_passkeys(TWO);
    let id = id_of(&key, "ada");
    let update = |option: &str, name: &str| {
        key.type_in(&["credentials", "update", option, name, "--", &id], PIN).did("changed");
        let entry = json(&key.type_in(&["credentials", "show", "--json", "--", &id], PIN));
        [entry["userName"].clone(), entry["userDisplayName"].clone()]
    };
    assert_eq!(update("--display-name", "Ada Lovelace"), [json!("ada"), json!("Ada Lovelace")]);
    assert_eq!(update("--name", "countess"), [json!("countess"), json!("Ada Lovelace")]);
    assert_eq!(update("--display-name", ""), [json!("countess"), Value::Null]);
    key.type_in(&["credentials", "update", "--", &id], PIN).failed(2, &["--name"]);
}

#[test]
fn a_deleted_passkey_is_gone_and_the_others_stay() {
    let key = key_with_passkeys(TWO);
    let id = id_of(&key, "ada");
    key.type_in(&["credentials", "delete", "--", &id], "1234\ny\n").failed(2, &["--force"]);
    assert_eq!(list(&key).as_array().unwrap().len(), 2);
    key.type_in(&["credentials", "delete", "-f", "--", &id], PIN)
        .did("The passkey of “ada” at “example.org” is deleted.");
    let left = list(&key);
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["userName"], "grace");
}

// P-8
#[test]
fn on_a_terminal_no_row_is_longer_than_a_line_and_a_domain_keeps_its_end() {
    let site = format!("accounts.google.com.{}.evil.example", "a".repeat(44));
    let key = key_with_passkeys(&[(&site, "漢字".repeat(8).as_str()), ("github.com", "ada")]);
    let mut pty = Pty::of(64);
    let mut list = key.command(&["credentials", "list", "-P", PIN.trim()]);
    let list = list.stdin(Stdio::null()).stdout(pty.line()).stderr(Stdio::null());
    assert!(list.status().unwrap().success());
    let shown = pty.shown();
    assert!(shown.contains("aa.evil.example  漢字"), "{shown}");
    let widths = shown.lines().map(|line| line.chars().map(width).sum::<usize>());
    assert!(widths.max() <= Some(64), "{shown}");
    let piped = key.type_in(&["credentials", "list"], PIN);
    piped.did(&"漢字".repeat(8));
}

/// Columns: the kanji of this test take two.
fn width(character: char) -> usize {
    1 + usize::from("漢字".contains(character))
}

#[test]
fn only_the_owner_is_told() {
    let key = Key::obliging();
    key.run(&["credentials", "list"]).failed(4, &["needs a PIN", "keyfob pin set"]);
    key.type_in(&["pin", "set"], PIN).did("The PIN is set.");
    key.type_in(&["credentials", "list"], "0000").failed(4, &["wrong PIN", "7 attempts left"]);
}

#[test]
fn what_a_site_calls_its_users_cannot_command_the_terminal() {
    let key = key_with_passkeys(&[("example.org", "a\u{1b}[2J\nb")]);
    for arguments in [&["list"][..], &["list", "--csv"], &["list", "--json"]] {
        let said = key.type_in(&[&["credentials"], arguments].concat(), PIN);
        said.did("example.org");
        assert!(!said.out.contains('\u{1b}'), "{}", said.out);
    }
}
