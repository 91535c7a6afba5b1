//! Answering prompts with other processes: `touch`, `deny`, `wait`, `replug`, `status`.

use ctap_client::Status;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::host::{
    connect, import, import_from, refusal, register, register_as, register_u2f, select,
};
use crate::program::{Home, eventually};

fn wait(home: &Home) -> Value {
    serde_json::from_str(&home.succeed(&["wait", "--timeout", "20"])).expect("one JSON object")
}

#[test]
fn a_prompt_says_who_wants_what_and_a_touch_grants_it() {
    let home = Home::new();
    let mut key = home.serve(&["--ephemeral"]);
    let asking = register(import_from(key.address()), "github.com");
    let mut prompt = wait(&home);
    assert!((1..=30).contains(&prompt["seconds_left"].as_u64().unwrap()));
    assert!(prompt["id"].is_string());
    prompt["seconds_left"] = Value::Null;
    prompt["id"] = Value::Null;
    let wanted = json!({
        "id": null, "action": "register", "gesture": "touch",
        "rp_id": "github.com", "application": null, "user": "ada", "seconds_left": null, "key": "1-1",
    });
    assert_eq!(prompt, wanted);
    assert_eq!(home.succeed(&["touch"]), "");
    let (_, outcome) = asking.join().unwrap();
    outcome.unwrap();
    key.skip_ways_in();
    let told = key.line();
    assert!(told.starts_with("“github.com” wants to create a key for “ada” — "), "{told}");
    assert!(told.contains("`keyfob touch`"), "{told}");
}

#[test]
fn a_denial_is_told_to_the_client() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let asking = select(import_from(key.address()));
    wait(&home);
    home.succeed(&["deny"]);
    assert_eq!(refusal(asking.join().unwrap().1), Some(Status::OperationDenied));
}

#[test]
fn a_touch_for_one_prompt_does_not_count_for_the_next() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let asking = select(import_from(key.address()));
    let first = wait(&home)["id"].as_str().unwrap().to_owned();
    home.succeed(&["deny", "--prompt", &first]);
    let asking = select(asking.join().unwrap().0);
    let second = wait(&home)["id"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let error = home.fail(&["touch", "--prompt", &first], 1);
    assert!(error.contains("no longer open"), "{error}");
    assert_eq!(wait(&home)["id"], second.as_str(), "it waits on");
    home.succeed(&["touch", "--prompt", &second]);
    asking.join().unwrap().1.unwrap();
}

#[test]
fn a_touch_without_a_prompt_is_an_error_and_is_not_kept_for_later() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let error = home.fail(&["touch"], 1);
    assert!(error.contains("no prompt is open") && error.contains("keyfob wait"), "{error}");
    let asking = select(import_from(key.address()));
    wait(&home);
    home.succeed(&["deny"]);
    asking.join().unwrap().1.unwrap_err();
}

#[test]
fn waiting_has_an_end() {
    let home = Home::new();
    let _key = home.serve(&["--ephemeral"]);
    let error = home.fail(&["wait", "--timeout", "0"], 1);
    assert!(error.contains("within 0 s"), "{error}");
}

#[test]
fn a_key_that_asks_nobody_says_so_instead_of_letting_wait_wait() {
    let home = Home::new();
    let _key = home.serve(&["--ephemeral", "--touch", "auto"]);
    let error = home.fail(&["wait"], 1);
    assert!(error.contains("--touch ask"), "{error}");
}

#[test]
fn of_several_keys_the_one_that_is_meant_is_touched() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral", "--keys", "2"]);
    let [first, second] = ["1-1", "1-2"].map(|id| select(import(connect(key.address()), id).0));
    for id in ["1-1", "1-2"] {
        home.succeed(&["wait", "--key", id]);
    }
    let error = home.fail(&["touch"], 3);
    assert!(error.contains("--key"), "a guess could touch the wrong one: {error}");
    home.fail(&["touch", "--key", "1-3"], 3);
    home.succeed(&["touch", "--key", "1-2"]);
    home.succeed(&["deny"]);
    second.join().unwrap().1.unwrap();
    assert_eq!(refusal(first.join().unwrap().1), Some(Status::OperationDenied));
}

#[test]
fn the_state_of_every_key_is_shown() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral", "--keys", "2"]);
    let asking = register(import(connect(key.address()), "1-2").0, "example.org");
    wait(&home);
    let status: Value = serde_json::from_str(&home.succeed(&["status", "--json"])).unwrap();
    assert_eq!(status["touch"], "ask");
    let [first, second] = [&status["keys"][0], &status["keys"][1]];
    assert_eq!(
        (&first["key"], &first["attached"], &first["prompt"]),
        (&json!("1-1"), &json!(false), &Value::Null)
    );
    assert_eq!(
        (&second["attached"], &second["prompt"]["rp_id"]),
        (&json!(true), &json!("example.org"))
    );
    let table = home.succeed(&["status"]);
    assert!(table.contains("register for “example.org”, “ada” ("), "{table}");
    home.succeed(&["deny"]);
    drop(asking.join());
}

#[test]
fn replugging_ends_the_import_and_forgets_what_was_asked() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let asking = select(import_from(key.address()));
    wait(&home);
    home.succeed(&["replug"]);
    let (_, outcome) = asking.join().unwrap();
    assert_eq!(refusal(outcome), None, "the connection broke; nobody was refused");
    home.fail(&["touch"], 1);
    import_from(key.address()).client().get_info().unwrap();
}

#[test]
fn a_host_that_hangs_up_takes_its_prompt_along() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral"]);
    let mut socket = usbip_server::client::Host::import(connect(key.address()), "1-1").unwrap();
    let mut handshake = hid_transport::host::Handshake::new(*b"12345678");
    socket.send(&handshake.request()).unwrap();
    let report = socket.receive(std::time::Duration::from_secs(5)).unwrap().unwrap();
    let channel = handshake.receive(&report).unwrap().unwrap().channel;
    for report in
        hid_transport::host::fragment(channel, hid_transport::Command::Cbor, &[0x0B]).unwrap()
    {
        socket.send(&report).unwrap();
    }
    wait(&home);
    drop(socket);
    let prompt = || {
        let status = home.succeed(&["status", "--json"]);
        serde_json::from_str::<Value>(&status).unwrap()["keys"][0]["prompt"].clone()
    };
    eventually("the prompt is closed", || prompt().is_null());
}

#[test]
fn what_a_site_calls_itself_cannot_paint_on_the_terminal() {
    let home = Home::new();
    let mut key = home.serve(&["--ephemeral"]);
    let asking = register(import_from(key.address()), "\u{1b}[2J\u{202e}moc.elgoog");
    let prompt = wait(&home);
    assert_eq!(prompt["rp_id"], "\u{1b}[2J\u{202e}moc.elgoog", "scripts get it verbatim");
    key.skip_ways_in();
    for told in [key.line(), home.succeed(&["status"])] {
        assert!(told.contains("\\u{1b}[2J\\u{202e}moc.elgoog"), "{told:?}");
        assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told:?}");
    }
    home.succeed(&["deny"]);
    drop(asking.join());
}

// P-8
#[test]
fn a_site_and_its_user_cannot_speak_in_the_keys_name() {
    let home = Home::new();
    let mut key = home.serve(&["--ephemeral"]);
    let site = format!("accounts.google.com.{}.evil.example", "a".repeat(44));
    let user = "nobody. github.com wants to sign in as ada";
    let asking = register_as(import_from(key.address()), &site, user);
    assert_eq!(wait(&home)["rp_id"], site, "scripts get all of it");
    key.skip_ways_in();
    let told = key.line();
    let end = format!("aaa.evil.example” wants to create a key for “{user}” — `keyfob touch`");
    assert!(told.starts_with("“…") && told.contains(&end), "{told}");
    let told = home.succeed(&["status"]);
    assert!(told.contains(&format!("aaa.evil.example”, “{user}” (")), "{told}");
    home.succeed(&["deny"]);
    drop(asking.join());
}

// P-8, UF-20
#[test]
fn a_u2f_request_is_told_with_the_name_of_its_site() {
    let home = Home::new();
    let mut key = home.serve(&["--ephemeral", "--profile", "u2f-only"]);
    let application = Sha256::digest("https://www.gstatic.com/securitykey/origins.json");
    let asking = register_u2f(import_from(key.address()), application.into());
    let prompt = wait(&home);
    let hash = "a54672b222c4cf95e151ed8d4d3c767a6cc349435943794e884f3d023a8229fd";
    assert_eq!([&prompt["rp_id"], &prompt["application"]], ["google.com", hash]);
    key.skip_ways_in();
    let told = key.line();
    assert!(told.starts_with("“google.com” wants to create a key — "), "{told}");
    home.succeed(&["touch"]);
    asking.join().unwrap();
}
