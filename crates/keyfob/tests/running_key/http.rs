//! `--http`: a running key steered as test programs steer it, and as web pages might try.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ctap_client::{CredentialDescriptor, Status, get_assertion};
use p256::pkcs8::EncodePrivateKey as _;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::host::{import_from, make_passkey, refusal, select};
use crate::http_client::{self, answer};
use crate::program::{Home, Serving, eventually};

/// A running key that is steered, where, and with what token.
pub(crate) struct Steered {
    pub(crate) key: Serving,
    address: SocketAddr,
    token: String,
}

impl Steered {
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Self {
        let always = ["--ephemeral", "--http", "127.0.0.1:0"];
        let mut key = home.serve(&[&always, arguments].concat());
        key.skip_ways_in();
        let told = key.line();
        let rest = told.strip_prefix("steered at http://").expect("an address");
        let (address, file) = rest.split_once(" with the token in ").expect("a file");
        let token = fs::read_to_string(file).expect("readable");
        Self { key, address: address.parse().expect("an address"), token: token.trim().to_owned() }
    }

    fn send(&self, method: &str, path: &str, headers: &[&str], body: &str) -> TcpStream {
        http_client::send(self.address, method, path, headers, body)
    }

    pub(crate) fn begin(&self, method: &str, path: &str, body: &str) -> TcpStream {
        let (host, token) =
            (format!("Host: {}", self.address), format!("Authorization: Bearer {}", self.token));
        self.send(method, path, &[&host, &token], body)
    }

    /// The status of the answer, and its JSON.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        answer(self.begin(method, path, body))
    }
}

#[test]
fn a_prompt_is_waited_for_and_touched_or_denied() {
    let home = Home::new();
    let key = Steered::start(&home, &[]);
    let waiting = key.begin("GET", "/prompt?seconds=20", "");
    let asking = select(import_from(key.key.address()));
    let (status, prompt) = answer(waiting);
    assert_eq!((status, &prompt["action"]), (200, &json!("select")));
    let this = json!({ "prompt": prompt["id"] }).to_string();
    assert_eq!(key.ask("POST", "/keys/1-1/touch", &this), (200, json!({})));
    let (platform, outcome) = asking.join().unwrap();
    outcome.unwrap();
    let asking = select(platform);
    assert_eq!(key.ask("GET", "/keys/1-1/prompt?seconds=20", "").0, 200);
    let (status, told) = key.ask("POST", "/keys/1-1/touch", &this);
    assert_eq!((status, &told["error"]), (409, &json!("no such prompt")), "that one was answered");
    assert_eq!(key.ask("POST", "/keys/1-1/deny", "").0, 200);
    assert_eq!(refusal(asking.join().unwrap().1), Some(Status::OperationDenied));
}

#[test]
fn a_wait_without_a_prompt_ends_with_204() {
    let home = Home::new();
    let key = Steered::start(&home, &[]);
    assert_eq!(key.ask("GET", "/prompt?seconds=0", "").0, 204);
    let (status, told) = key.ask("GET", "/prompt?seconds=-1", "");
    assert_eq!(status, 400);
    assert!(told["message"].as_str().unwrap().starts_with("`seconds`: "), "{told}");
}

#[test]
fn events_tell_of_prompts_as_they_open_and_close() {
    let home = Home::new();
    let key = Steered::start(&home, &[]);
    let mut lines = BufReader::new(key.begin("GET", "/events", "")).lines().map(Result::unwrap);
    let asking = select(import_from(key.key.address()));
    lines.find(|line| line == "event: promptOpened").expect("an event");
    let data = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned)).unwrap();
    let opened: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(opened["key"], "1-1");
    assert_eq!(key.ask("POST", "/keys/1-1/touch", "{}").0, 200);
    lines.find(|line| line == "event: promptClosed").expect("an event");
    let data = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned)).unwrap();
    let closed: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(closed["id"], opened["id"]);
    asking.join().unwrap().1.unwrap();
}

#[test]
fn keys_are_listed_and_replugged_and_what_there_is_not_is_said() {
    let home = Home::new();
    let key = Steered::start(&home, &["--keys", "2"]);
    let (status, told) = key.ask("GET", "/keys", "");
    assert_eq!((status, &told["touch"]), (200, &json!("ask")));
    assert_eq!(told["keys"][1]["key"], "1-2");
    assert_eq!(key.ask("POST", "/keys/1-2/replug", "").0, 200);
    assert_eq!(key.ask("GET", "/keys/1-1/metadata", "").1["protocolFamily"], "fido2");
    let (_, told) = key.ask("GET", "/keys/1-1/profile", "");
    assert_eq!(
        (&told["name"], &told["profile"]["options"]["rk"]),
        (&json!("default"), &json!(true))
    );
    for (path, error) in [
        ("/keys/1-3/replug", "invalid argument"),
        ("/keys/1-1/tap", "invalid argument"),
        ("/keys/1-1/touch", "no such prompt"),
        ("/keys/1-1/press", "unknown command"),
    ] {
        let (status, told) = key.ask("POST", path, "");
        assert!((400..500).contains(&status), "{path}: {status}");
        assert_eq!(told["error"], error, "{path}");
        assert!(told["message"].is_string() && told["next"].is_string(), "{told}");
    }
}

#[test]
fn what_was_counted_is_told_as_prometheus_reads_it() {
    let home = Home::new();
    let key = Steered::start(&home, &["--touch", "auto", "--keys", "2"]);
    let (mut platform, _) = select(import_from(key.key.address())).join().unwrap();
    platform.client().get_info().unwrap();
    let text = http_client::text(key.begin("GET", "/metrics", ""));
    assert!(text.contains("\r\ncontent-type: text/plain; version=0.0.4"), "{text}");
    for line in [
        "# TYPE keyfob_requests_total counter",
        "keyfob_keys 2",
        "keyfob_keys_attached 1",
        "keyfob_power_ups_total 1",
        r#"keyfob_requests_total{command="authenticatorSelection"} 1"#,
        r#"keyfob_request_duration_seconds_count{command="authenticatorSelection"} 1"#,
        r#"keyfob_request_duration_seconds_bucket{command="authenticatorSelection",le="+Inf"} 1"#,
    ] {
        assert!(text.lines().any(|told| told == line), "{line}: {text}");
    }
    assert!(text.contains("\nprocess_open_fds ") && text.contains("\nprocess_threads "), "{text}");
    assert!(text.contains(r#"keyfob_requests_total{command="authenticatorGetInfo"} "#), "{text}");
}

#[test]
fn who_looks_after_containers_needs_no_token_to_see_that_it_goes_on() {
    let home = Home::new();
    let key = Steered::start(&home, &[]);
    let here = format!("Host: {}", key.address);
    let asked = |method, path, host: &str| answer(key.send(method, path, &[host], ""));
    assert_eq!(asked("GET", "/healthz", &here), (200, json!({})));
    assert_eq!(asked("GET", "/metrics", &here).0, 401);
    assert_eq!(asked("POST", "/healthz", &here).0, 401);
    assert_eq!(asked("GET", "/healthz", "Host: evil.example").0, 403);
}

// P-22
#[test]
fn an_exposed_key_is_steered_by_whoever_shows_the_token_under_whatever_name_it_has() {
    let home = Home::new();
    let file = home.path().join("token");
    fs::write(&file, format!("{}\n", "A".repeat(43))).unwrap();
    let exposed = ["--http-expose", "--http-use-token", file.to_str().unwrap()];
    let key = Steered::start(&home, &exposed);
    let shown = format!("Authorization: Bearer {}", "A".repeat(43));
    let asked = |headers: &[&str]| answer(key.send("GET", "/keys", headers, "")).0;
    assert_eq!(asked(&["Host: keyfob-0.keyfob:8080", &shown]), 200);
    assert_eq!(asked(&["Host: keyfob-0.keyfob:8080"]), 401);
    assert_eq!(asked(&["Host: keyfob-0.keyfob:8080", &shown, "Origin: http://localhost"]), 403);
    drop(key);
    assert!(file.exists(), "it is not this key's");
}

// P-22
#[test]
fn nobody_steers_without_the_token_and_no_web_page_with_it() {
    let home = Home::new();
    let key = Steered::start(&home, &[]);
    let token = format!("Authorization: Bearer {}", key.token);
    let here = format!("Host: {}", key.address);
    let wrong = format!("Authorization: Bearer {}", "A".repeat(43));
    let asked = |headers: &[&str]| answer(key.send("GET", "/keys", headers, "")).0;
    assert_eq!(asked(&[&here, &token]), 200);
    assert_eq!(asked(&[&here]), 401);
    assert_eq!(asked(&[&here, &wrong]), 401);
    assert_eq!(asked(&["Host: evil.example:80", &token]), 403);
    assert_eq!(asked(&[&here, "Origin: https://evil.example", &token]), 403);
    assert_eq!(asked(&[&here, "Origin: http://localhost:8080", &token]), 403);
    assert_eq!(asked(&[&here, "Origin: null", &token]), 403);
}

#[test]
fn the_token_goes_with_the_key_and_may_be_somewhere_else() {
    let home = Home::new();
    let file = home.path().join("token");
    let key = Steered::start(&home, &["--http-token-file", file.to_str().unwrap()]);
    assert!(file.exists());
    let (status, _) = key.key.end(Signal::TERM);
    assert!(status.success() && !file.exists());
    assert!(!home.path().join("keyfob").exists(), "nothing else is left either");
}

#[test]
fn a_request_has_a_largest_size() {
    let home = Home::new();
    let key = Steered::start(&home, &[]);
    let body = |length: usize| format!("{{{}}}", " ".repeat(length - 2));
    assert_eq!(key.ask("POST", "/keys/1-1/replug", &body(128 * 1024)).0, 200);
    for length in [128 * 1024 + 1, 8 * 1024 * 1024] {
        assert_eq!(key.ask("POST", "/keys/1-1/replug", &body(length)).0, 413, "{length}");
    }
    // So much is not even waited for.
    let announced = format!("Content-Length: {}", u64::MAX >> 1);
    let mut stream = TcpStream::connect(key.address).unwrap();
    let head = format!("Host: {}\r\nAuthorization: Bearer {}", key.address, key.token);
    write!(stream, "POST /keys/1-1/replug HTTP/1.1\r\n{head}\r\n{announced}\r\n\r\n").unwrap();
    let (status, told) = answer(stream);
    assert_eq!((status, &told["message"]), (413, &json!("the body is longer than 131072 bytes")));
}

#[test]
fn one_client_too_many_is_told_so_and_there_is_room_when_others_are_gone() {
    let home = Home::new();
    let key = Steered::start(&home, &[]);
    let idle: Vec<_> = (0..40).map(|_| TcpStream::connect(key.address).unwrap()).collect();
    let (status, told) = key.ask("GET", "/keys", "");
    assert_eq!((status, &told["error"]), (503, &json!("busy")), "{told}");
    assert!(told["next"].as_str().unwrap().contains("try again"), "{told}");
    drop(idle);
    eventually("there is room again", || key.ask("GET", "/keys", "").0 == 200);
}

/// A key whose disk is stuck cannot become another one at once.
#[test]
fn a_key_becomes_another_one_whole_though_who_asks_for_it_hangs_up_meanwhile() {
    let home = Home::new();
    let key = Steered::start(&home, &[]);
    let (faults, profile) = ("/keys/1-1/faults", "/keys/1-1/profile");
    let stuck = json!({ "kind": "stuck-disk", "milliseconds": 60_000 });
    assert_eq!(key.ask("POST", faults, &stuck.to_string()).0, 200);
    let asking = make_passkey(import_from(key.key.address()));
    assert_eq!(key.ask("GET", "/prompt?seconds=20", "").0, 200);
    let _touching = key.begin("POST", "/keys/1-1/touch", "");
    assert_eq!(key.ask("GET", faults, "").1["faults"], json!([]), "the disk is stuck");
    let becoming = key.begin("PUT", profile, r#"{"profile":"fido2.1"}"#);
    assert_eq!(key.ask("GET", profile, "").1["name"], "default");
    drop(becoming);
    assert_eq!(key.ask("GET", profile, "").1["name"], "default", "it is missed meanwhile");
    assert_eq!(key.ask("DELETE", faults, "").0, 200);
    eventually("it says what it is", || key.ask("GET", profile, "").1["name"] == "fido2.1");
    drop(asking.join());
    let info = import_from(key.key.address()).client().get_info().unwrap();
    assert!(!info.versions.iter().any(|version| version == "FIDO_2_3"), "{:?}", info.versions);
}

/// One that is no passkey, with this id.
fn credential(id: &str) -> Value {
    let secret = p256::SecretKey::from_slice(&[7; 32]).unwrap().to_pkcs8_der().unwrap();
    json!({
        "credentialId": id,
        "isResidentCredential": false,
        "rpId": "example.org",
        "privateKey": Base64UrlUnpadded::encode_string(secret.as_bytes()),
        "signCount": 7,
    })
}

#[test]
fn a_running_key_becomes_one_of_another_kind_and_keeps_what_that_has_a_place_for() {
    let home = Home::new();
    let key = Steered::start(&home, &[]);
    let become_one_of =
        |name: &str| key.ask("PUT", "/keys/1-1/profile", &json!({ "profile": name }).to_string());
    let credentials = "/keys/1-1/credentials";
    assert_eq!(key.ask("POST", credentials, &credential("YQ").to_string()).0, 200);
    assert_eq!(become_one_of("u2f-only"), (200, json!({})));
    assert_eq!(key.ask("GET", "/keys/1-1/profile", "").1["name"], "u2f-only");
    let mut platform = import_from(key.key.address());
    assert!(platform.client().get_info().is_err(), "it does not speak CTAP2");
    drop(platform);
    assert_eq!(become_one_of("default").0, 200);
    assert_eq!(key.ask("GET", credentials, "").1["total"], 1);
    let mut passkey = credential("Yg");
    passkey["isResidentCredential"] = true.into();
    passkey["userHandle"] = "YWRh".into();
    passkey["userName"] = "ada".into();
    assert_eq!(key.ask("POST", credentials, &passkey.to_string()).0, 200);
    for (name, message) in [
        (
            "u2f-only",
            "no place for the credential of ada at example.org: the key has no discoverable",
        ),
        ("u2f-onyl", "there is no profile u2f-onyl"),
        ("/dev/zero", "cannot read the profile /dev/zero: it is not a regular file"),
    ] {
        let (status, told) = become_one_of(name);
        assert_eq!(status, 400, "{told}");
        assert!(told["message"].as_str().unwrap().contains(message), "{told}");
    }
    assert_eq!(key.ask("GET", "/keys/1-1/profile", "").1["name"], "default");
    let info = import_from(key.key.address()).client().get_info().unwrap();
    assert!(info.versions.iter().any(|version| version == "FIDO_2_1"));
}

#[test]
fn all_who_listen_hear_the_same_from_when_they_came() {
    let home = Home::new();
    let key = Steered::start(&home, &[]);
    let listen = || {
        let mut lines = BufReader::new(key.begin("GET", "/events", "")).lines().map(Result::unwrap);
        lines.find(String::is_empty).expect("the head of the answer");
        lines.filter_map(|line| {
            let data: Value = serde_json::from_str(line.strip_prefix("data: ")?).unwrap();
            Some(data["credential"]["credentialId"].clone())
        })
    };
    let add = |id| {
        let body = credential(id).to_string();
        assert_eq!(key.ask("POST", "/keys/1-1/credentials", &body).0, 200);
    };
    let mut first = listen();
    add("YQ");
    let mut second = listen();
    add("Yg");
    let heard = [first.next(), first.next(), second.next()];
    assert_eq!(heard.map(Option::unwrap), ["YQ", "Yg", "Yg"]);
}

#[test]
fn credentials_go_in_and_out_and_their_events_have_the_names_of_devtools() {
    let home = Home::new();
    let key = Steered::start(&home, &[]);
    let mut lines = BufReader::new(key.begin("GET", "/events", "")).lines().map(Result::unwrap);
    lines.find(String::is_empty).expect("the head of the answer");
    let credential = credential("YW4gaWQ");
    let credentials = "/keys/1-1/credentials";
    let added = key.ask("POST", credentials, &credential.to_string());
    assert_eq!(added, (200, json!({ "replaced": null })));
    lines.find(|line| line == "event: credentialAdded").expect("an event");
    let mut slip = credential.clone();
    slip["backupeligibility"] = true.into();
    let (status, told) = key.ask("POST", credentials, &slip.to_string());
    assert_eq!(status, 400, "{told}");
    assert!(told["message"].as_str().unwrap().contains("`backupeligibility`"), "{told}");
    let change = |members: &str| key.ask("PATCH", "/keys/1-1/credentials/YW4gaWQ", members);
    let (status, told) = change(r#"{"backupState":true}"#);
    assert_eq!((status, &told["next"]), (400, &json!("set both flags, or neither")), "{told}");
    let both = r#"{"backupEligibility":true,"backupState":true}"#;
    assert_eq!(change(both), (200, json!({})));
    lines.find(|line| line == "event: credentialUpdated").expect("an event");
    let (status, told) = key.ask("GET", credentials, "");
    assert_eq!((status, &told["total"]), (200, &json!(1)));
    assert_eq!(told["credentials"][0]["privateKey"], credential["privateKey"]);
    assert_eq!(told["credentials"][0]["backupState"], true);
    assert_eq!(key.ask("DELETE", "/keys/1-1/credentials/YW4gaWQ", "").0, 200);
    lines.find(|line| line == "event: credentialDeleted").expect("an event");
    let (status, told) = key.ask("DELETE", "/keys/1-1/credentials/YW4gaWQ", "");
    assert_eq!((status, &told["error"]), (400, &json!("invalid argument")));
    assert_eq!(key.ask("DELETE", credentials, "").0, 200);
}

#[test]
fn an_assertion_is_told_also_where_the_counter_stays_0_and_a_changed_counter_is_none() {
    let home = Home::new();
    let key = Steered::start(&home, &["--touch", "auto"]);
    let mut never_counts = credential("YW4gaWQ");
    never_counts["signCount"] = Value::Null;
    assert_eq!(key.ask("POST", "/keys/1-1/credentials", &never_counts.to_string()).0, 200);
    let lines = BufReader::new(key.begin("GET", "/events", "")).lines().map(Result::unwrap);
    let mut events = lines.filter(|line| line.starts_with("event: credential"));
    let mut platform = import_from(key.key.address());
    let request = get_assertion::Request::new("example.org", [7; 32])
        .allowing([CredentialDescriptor::new(*b"an id")]);
    for _ in 0..2 {
        platform.client().get_assertion(&request, None).unwrap();
        assert_eq!(events.next().unwrap(), "event: credentialAsserted");
    }
    let path = "/keys/1-1/credentials/YW4gaWQ";
    assert_eq!(key.ask("PATCH", path, r#"{"signCount":7}"#).0, 200);
    assert_eq!(events.next().unwrap(), "event: credentialUpdated");
}

#[test]
fn fingers_and_policies_change_while_the_key_runs() {
    let home = Home::new();
    let key = Steered::start(&home, &["--profile", "bio"]);
    assert_eq!(key.ask("POST", "/keys/1-1/fingers", r#"{"finger":2}"#).0, 200);
    assert_eq!(key.ask("DELETE", "/keys/1-1/fingers?finger=2", "").0, 200);
    assert_eq!(key.ask("DELETE", "/keys/1-1/fingers?finger=2", "").0, 400);
    assert_eq!(key.ask("PUT", "/keys/1-1/policy", r#"{"touch":"auto"}"#).0, 200);
    select(import_from(key.key.address())).join().unwrap().1.unwrap();
}

#[test]
fn faults_are_added_listed_and_cleared_by_the_members_of_the_description() {
    let home = Home::new();
    let key = Steered::start(&home, &["--touch", "auto"]);
    let faults = "/keys/1-1/faults";
    assert_eq!(
        key.ask("POST", faults, r#"{"kind":"status","status":50}"#),
        (200, json!({ "ids": [1] }))
    );
    assert_eq!(
        key.ask("POST", faults, r#"{"recipe":"busy-at-once"}"#),
        (200, json!({ "ids": [2] }))
    );
    let (status, told) = key.ask("GET", faults, "");
    assert_eq!((status, &told["faults"][1]["fault"]["recipe"]), (200, &json!("busy-at-once")));
    let (platform, outcome) = select(import_from(key.key.address())).join().unwrap();
    assert_eq!(refusal(outcome), Some(Status::PinBlocked));
    select(platform).join().unwrap().1.unwrap();
    for (body, message) in [
        (r#"{"kind":"status","status":50,"status":51}"#, "`status` is given twice"),
        (
            r#"{"kind":"busy","requests":[1]}"#,
            "expected a whole number from 0 to 4294967295, or a text",
        ),
        (r#"{"kind":"brick"}"#, "there is no fault and no recipe brick"),
        (r#"{"kind":"silence","reason":"none"}"#, "unknown field `reason`"),
    ] {
        let (status, told) = key.ask("POST", faults, body);
        assert_eq!((status, &told["error"]), (400, &json!("invalid argument")));
        assert!(told["message"].as_str().unwrap().contains(message), "{told}");
    }
    assert_eq!(key.ask("DELETE", "/keys/1-1/faults?fault=1", "").0, 400, "it was used up");
    assert_eq!(key.ask("DELETE", faults, "").0, 200);
    assert_eq!(key.ask("GET", faults, "").1, json!({ "faults": [] }));
}

#[test]
fn what_cannot_be_is_said() {
    let home = Home::new();
    let serve = ["serve", "--ephemeral", "--listen", "127.0.0.1:0"];
    let fail = |rest: &[&str], code| home.fail(&[&serve[..], rest].concat(), code);
    assert!(fail(&["--http", "0.0.0.0:0"], 2).contains("other machines"));
    fail(&["--http-token-file", "x"], 2);
    fail(&["--http-expose"], 2);
    let token = home.path().join("token");
    fs::write(&token, "no token").unwrap();
    let use_it = ["--http", "127.0.0.1:0", "--http-use-token", token.to_str().unwrap()];
    assert!(fail(&use_it, 1).contains("holds no token"));
    let nowhere = home.path().join("nowhere/token");
    let error = fail(&["--http", "127.0.0.1:0", "--http-token-file", nowhere.to_str().unwrap()], 1);
    assert!(error.contains("--http-token-file"), "{error}");
}
