//! Credentials brought to a key and taken from it: a running one over its control socket, a stored one in its memory.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ctap_client::{CredentialDescriptor, RelyingParty, User, get_assertion, make_credential};

use crate::host::{Platform, import_from, refusal, select};
use crate::program::{Home, Serving, error_of};

/// A key of P-256 that openssl made.
const PEM: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/SOIRfKYFlY4tMfM
E/6M6x36fUkG2xKeDr3Xw0klZMWhRANCAAQstxOKZD2LAK7zBR8Xgpy343IaUgPy
JfwGWA5ktoB2v2qDRWDD+JKSIHsglUCexTOdkofflcCK9ZCKdET7sLxe
-----END PRIVATE KEY-----
";

fn file(home: &Home, name: &str) -> String {
    home.path().join(name).to_str().unwrap().to_owned()
}

/// The storage state of `docs/credentials.md`.
fn storage_state(home: &Home) -> String {
    let page = include_str!("../../../../docs/credentials.md");
    let example = page.split("```json\n").find(|block| block.contains("cookies")).unwrap();
    let path = file(home, "state.json");
    fs::write(&path, example.split("```").next().unwrap()).unwrap();
    path
}

/// Id and counter.
fn sign_in(key: &mut Platform, id: Option<&[u8]>) -> (Vec<u8>, u32) {
    let request = get_assertion::Request::new("example.org", [7; 32]);
    let request = request.allowing(id.map(|id| CredentialDescriptor::new(id.to_vec())));
    let assertion = key.client().get_assertion(&request, None).unwrap().remove(0);
    (assertion.credential.id, assertion.auth_data.sign_count)
}

#[test]
fn a_running_key_is_given_a_passkey_signs_in_with_it_and_hands_it_out_again() {
    let home = Home::new();
    let serving = home.serve(&["--ephemeral", "--touch", "auto"]);
    let mut key = import_from(serving.address());
    let said = home.succeed(&["credentials", "import", &storage_state(&home)]);
    assert_eq!(said, "1 credential imported.\n");
    assert_eq!(sign_in(&mut key, None), (b"id-1".to_vec(), 4), "Playwright said 3");

    let exported = file(&home, "exported.json");
    let output = home.run(&["credentials", "export", "--format", "webdriver", &exported]);
    let told = error_of(&output);
    assert!(
        told.contains("1 private key without encryption: everybody who reads it can sign in as"),
        "{told}"
    );
    assert!(told.contains("which 1 credential had: the secrets for prf"), "{told}");
    assert_eq!(fs::metadata(&exported).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&exported).unwrap();
    assert!(text.contains("\"signCount\": 4") && text.contains("\"aWQtMQ\""), "{text}");

    let none = home.fail(&["credentials", "export", "--format", "cxf", &file(&home, "x")], 1);
    assert!(
        none.contains("with a signature counter, which CXF forbids") && none.contains("next: ")
    );
    home.succeed(&["credentials", "change", "aWQtMQ", "--sign-count", "none"]);
    assert_eq!(sign_in(&mut key, None).1, 0);
    home.succeed(&["credentials", "export", "--format", "cxf", &file(&home, "x")]);

    let unsure = home.fail(&["credentials", "remove", "aWQtMQ"], 2);
    assert!(unsure.contains("--force"), "{unsure}");
    home.succeed(&["credentials", "remove", "aWQtMQ", "--force"]);
    let gone = home.fail(&["credentials", "export", &file(&home, "y")], 1);
    assert!(gone.contains("there is no such credential to export"), "{gone}");
}

#[test]
fn a_credential_is_added_from_its_private_key() {
    let home = Home::new();
    let serving = home.serve(&["--ephemeral", "--touch", "auto"]);
    let mut key = import_from(serving.address());
    let pem = file(&home, "key.pem");
    fs::write(&pem, PEM).unwrap();
    let add = ["credentials", "add", "--rp", "example.org", "--private-key", &pem];
    let apart = home.succeed(&[&add[..], &["--not-discoverable", "--id", "eA"]].concat());
    assert_eq!(apart, "78\n", "its id");
    assert_eq!(sign_in(&mut key, Some(b"x")), (b"x".to_vec(), 1));
    home.succeed(&[&add[..], &["--user-id", "dS0x", "--user-name", "ada"]].concat());
    assert_eq!(sign_in(&mut key, None).1, 1);

    // MC-40
    let same_user = [&add[..], &["--user-id", "dS0x", "--id", "eQ"]].concat();
    let asked = home.fail(&same_user, 2);
    assert!(asked.contains("has a passkey of “ada” at “example.org”, which this would"), "{asked}");
    assert!(asked.contains("next: add --replace"), "{asked}");
    let replaced = home.run(&[&same_user[..], &["--replace"]].concat());
    let told = error_of(&replaced);
    assert!(told.contains("It replaces the older passkey of “ada”"), "{told}");
    assert_eq!(sign_in(&mut key, None), (b"y".to_vec(), 1));

    let again = home.fail(&[&add[..], &["--not-discoverable", "--id", "eA"]].concat(), 1);
    assert!(again.contains("has a credential with this id already") && again.contains("next: "));
    fs::write(&pem, "no key").unwrap();
    let unreadable = home.fail(&[&add[..], &["--not-discoverable"]].concat(), 1);
    assert!(unreadable.contains("there is no private key in it"), "{unreadable}");
    assert!(unreadable.contains("next: convert it: `openssl pkcs8"), "{unreadable}");

    let one = ["credentials", "export", "--format", "pem", "--id", "78"];
    assert_eq!(home.succeed(&one), PEM);
    let mut to_output = home.command(&[&one[..], &["-"]].concat());
    let output = to_output.current_dir(home.path()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), PEM, "and no file of this name");
    assert!(!home.path().join("-").exists());
    let several = home.fail(&["credentials", "export", "--format", "pem", &file(&home, "x")], 2);
    assert!(several.contains("PEM holds one private key, and these are 2"), "{several}");
}

#[test]
fn a_memory_has_its_accounts_before_the_key_starts() {
    let home = Home::new();
    let state = file(&home, "state");
    let missing = home.fail(&["credentials", "export", "--state", &state, &file(&home, "x")], 6);
    assert!(missing.contains("there is no memory in") && !Path::new(&state).exists());
    home.succeed(&["credentials", "import", "--state", &state, &storage_state(&home)]);
    let serving = home.serve(&["--state", &state, "--touch", "auto"]);
    assert_eq!(sign_in(&mut import_from(serving.address()), None), (b"id-1".to_vec(), 4));
    let running = ["credentials", "export", "--state", &state, &file(&home, "y")];
    let both = home.fail(&[&running[..], &["--control", &file(&home, "control")]].concat(), 2);
    assert!(both.contains("--control names a running key") && both.contains("next: "), "{both}");
    let in_use = home.fail(&running, 6);
    assert!(in_use.contains("in use") && in_use.contains("next: stop it first"), "{in_use}");
}

#[test]
fn what_cannot_be_taken_is_told_in_two_lines_and_what_came_before_stays() {
    let home = Home::new();
    let serving = home.serve(&["--ephemeral", "--profile", "u2f-only"]);
    let passkey = home.fail(&["credentials", "import", &storage_state(&home)], 1);
    let lines: Vec<_> = passkey.lines().collect();
    assert!(lines[0].starts_with("keyfob: 0 credentials imported, but not that of"), "{passkey}");
    assert!(lines[0].ends_with("the key has no discoverable credentials"), "{passkey}");
    assert!(lines[1].starts_with("next: mark it as not discoverable"), "{passkey}");
    let other = file(&home, "other.json");
    fs::write(&other, r#"{"name":"x"}"#).unwrap();
    let unknown = home.fail(&["credentials", "import", &other], 1);
    assert!(unknown.contains("it has no format for credentials that keyfob knows"), "{unknown}");
    drop(serving);
    let nobody = home.fail(&["credentials", "import", &storage_state(&home)], 3);
    assert!(nobody.contains("no key is running"), "{nobody}");
}

#[test]
fn an_import_goes_on_where_it_stopped_and_a_file_without_credentials_is_refused() {
    let home = Home::new();
    let _serving = home.serve(&["--ephemeral", "--touch", "auto"]);
    let state = storage_state(&home);
    home.succeed(&["credentials", "import", &state]);
    let again = home.succeed(&["credentials", "import", &state]);
    assert_eq!(again, "0 credentials imported, 1 was there already.\n");
    let text = fs::read_to_string(&state).unwrap();
    let elsewhere = file(&home, "elsewhere.json");
    fs::write(&elsewhere, text.replace("\"example.org\"", "\"other.example\"")).unwrap();
    let told = home.fail(&["credentials", "import", &elsewhere], 1);
    assert!(
        told.contains("nothing is imported: there is another credential with the id"),
        "{told}"
    );
    assert!(
        told.contains("next: remove one of them") && told.contains("remove 69642d31"),
        "{told}"
    );
    let empty = file(&home, "empty.json");
    for beside in [r#","credentials":[]"#, ""] {
        fs::write(&empty, format!(r#"{{"cookies":[],"origins":[]{beside}}}"#)).unwrap();
        let told = home.fail(&["credentials", "import", &empty], 1);
        assert!(
            told.contains("it has no credentials") && told.contains("next: make it with"),
            "{told}"
        );
    }
}

#[test]
fn the_same_seed_makes_the_same_key() {
    let home = Home::new();
    let made = |seed: &str| {
        let options = ["--ephemeral", "--touch", "auto", "--seed", seed];
        let serving = home.serve(&options);
        let status = home.succeed(&["status", "--json"]);
        let serial: serde_json::Value = serde_json::from_str(&status).unwrap();
        let serial = serial["keys"][0]["serial"].clone();
        let mut key = import_from(serving.address());
        let (rp, user) = (RelyingParty::new("example.org"), User::new(*b"1", "ada"));
        let request = make_credential::Request::new([7; 32], rp, user).with_option("rk", true);
        let reply = key.client().make_credential(&request, None).unwrap();
        let certificate = format!("{:?}", reply.att_stmt).len();
        (serial, reply.credential().unwrap().clone(), certificate)
    };
    assert_eq!(made("one"), made("one"));
    assert_ne!(made("one").0, made("two").0);
    let refused = home.fail(&["serve", "--listen", "127.0.0.1:0", "--seed", "one"], 2);
    assert!(refused.contains("--ephemeral"), "{refused}");
}

#[test]
fn what_becomes_of_questions_is_said_while_the_key_runs() {
    let home = Home::new();
    let serving = home.serve(&["--ephemeral"]);
    let selecting = select(import_from(serving.address()));
    home.succeed(&["wait", "--timeout", "20"]);
    home.succeed(&["policy", "--touch", "auto"]);
    let (key, outcome) = selecting.join().unwrap();
    outcome.unwrap();
    assert!(home.succeed(&["status", "--json"]).contains("\"auto\""));
    home.succeed(&["policy", "--touch", "deny"]);
    assert!(refusal(select(key).join().unwrap().1).is_some());
    drop(serving);
    let exposed = ["serve", "--ephemeral", "--listen", "0.0.0.0:0", "--expose"];
    let _exposed = Serving::start(home.command(&exposed)); // P-10
    let unseen = home.fail(&["policy", "--touch", "auto"], 1);
    assert!(unseen.contains("would sign for everybody who can reach it"), "{unseen}");
    let nothing = home.fail(&["policy"], 2);
    assert!(nothing.contains("--touch"), "{nothing}");
}

// BE-40
#[test]
fn a_finger_is_there_from_the_beginning_without_a_pin() {
    let home = Home::new();
    let options = ["--ephemeral", "--profile", "bio", "--finger", "1", "--finger", "2"];
    let serving = home.serve(&options);
    let info = import_from(serving.address()).client().get_info().unwrap();
    assert!(info.is_on("uv") && !info.is_on("clientPin"));
    let refused = home.fail(
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--ephemeral",
            "--finger",
            "1",
            "--control",
            &file(&home, "c"),
        ],
        1,
    );
    assert!(refused.contains("the key has no fingerprint sensor"), "{refused}");
}

#[test]
fn an_export_names_those_who_are_in_it_and_nobody_else() {
    let home = Home::new();
    let _serving = home.serve(&["--ephemeral", "--touch", "auto"]);
    let pem = file(&home, "key.pem");
    fs::write(&pem, PEM).unwrap();
    for (handle, name) in [("YQ", "counts"), ("Yg", "stays")] {
        let add = ["credentials", "add", "--rp", "example.org", "--private-key", &pem];
        home.succeed(
            &[&add[..], &["--id", handle, "--user-id", handle, "--user-name", name]].concat(),
        );
    }
    home.succeed(&["credentials", "change", "Yg", "--sign-count", "none"]);
    let output = home.run(&["credentials", "export", "--format", "cxf", &file(&home, "x")]);
    let told = error_of(&output);
    assert!(
        told.contains("1 private key without encryption") && told.contains("as “stays”"),
        "{told}"
    );
    assert!(!told.contains("as “counts”") && !told.contains("”, “"), "{told}");
}

// MC-76
#[test]
fn what_is_backed_up_is_what_may_be_however_it_comes_to_a_key() {
    let home = Home::new();
    let _serving = home.serve(&["--ephemeral", "--touch", "auto"]);
    let pem = file(&home, "key.pem");
    fs::write(&pem, PEM).unwrap();
    let add = ["credentials", "add", "--rp", "example.org", "--private-key", &pem];
    let add = [&add[..], &["--id", "YQ", "--user-id", "YQ"]].concat();
    let told = home.fail(&[&add[..], &["--backed-up"]].concat(), 2);
    assert!(told.contains("(flag BS)") && told.contains("next: add --backup-eligible"), "{told}");
    home.succeed(&add);
    let told = home.fail(&["credentials", "change", "YQ", "--backed-up", "true"], 1);
    assert!(told.contains("next: set both flags, or neither"), "{told}");
    let both = ["--backed-up", "true", "--backup-eligible", "true"];
    home.succeed(&[&["credentials", "change", "YQ"][..], &both].concat());
    let told = home.fail(&["credentials", "change", "YQ", "--backup-eligible", "false"], 1);
    assert!(told.contains("next: set both flags, or neither"), "{told}");
    let text = fs::read_to_string(storage_state(&home)).unwrap();
    let twice = file(&home, "twice.json");
    fs::write(&twice, text.replace("\"signCount\"", "\"signCount\": 1, \"signCount\"")).unwrap();
    let told = home.fail(&["credentials", "import", &twice], 1);
    assert!(
        told.contains("`signCount` is given twice") && told.contains("next: leave one"),
        "{told}"
    );
}
