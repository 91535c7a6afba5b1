//! The memory of a key: what locks it (P-15), older copies (P-16), and taking it elsewhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::process::Signal;

use crate::host::{connect, import};
use crate::program::{Home, Serving};

#[test]
fn a_key_whose_memory_has_a_passphrase_starts_with_that_and_with_nothing_else() {
    let home = Home::new();
    let (state, right, wrong) = (file(&home, "state"), file(&home, "right"), file(&home, "wrong"));
    fs::write(&right, "correct horse\nnot this\n").unwrap();
    fs::write(&wrong, "battery staple\n").unwrap();
    let (mut serve, mut change) = (vec!["--state", &state], vec!["state", "passphrase"]);
    with_pin(home.serve(&serve));
    change.extend(["--state", &state, "--new-passphrase-file", &right]);
    let said = home.succeed(&change);
    assert!(said.contains("is locked with a passphrase from now on"), "{said}");

    let start = ["serve", "--listen", "127.0.0.1:0", "--state", &state];
    let said = home.fail(&start, 6);
    assert!(
        said.contains("locked with a passphrase") && said.contains("--passphrase-file"),
        "{said}"
    );
    let said = home.fail(&[&start[..], &["--passphrase-file", &wrong]].concat(), 6);
    assert!(said.contains("does not unlock") && said.contains("next: "), "{said}");
    serve.extend(["--passphrase-file", &right]);
    assert_has_pin(home.serve(&serve));

    let remove =
        ["state", "passphrase", "--state", &state, "--passphrase-file", &right, "--remove"];
    assert!(home.succeed(&remove).contains("a key file"));
    assert_has_pin(home.serve(&["--state", &state]));
}

#[test]
fn a_new_key_is_locked_with_a_credential_of_systemd_from_the_beginning() {
    let home = Home::new();
    let state = file(&home, "state");
    fs::write(home.path().join("keyfob.key"), [7; 32]).unwrap();
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--state", &state, "--credential", "keyfob.key"];
    let said = home.fail(&arguments, 6);
    assert!(said.contains("CREDENTIALS_DIRECTORY") && said.contains("LoadCredential"), "{said}");
    let start = || {
        let mut command = home.command(&arguments);
        command.env("CREDENTIALS_DIRECTORY", home.path());
        Serving::start(command)
    };
    with_pin(start());
    assert!(!Path::new(&state).join("key-1/key").exists());
    assert_has_pin(start());
    let said = home.fail(&["state", "info", "--state", &state], 6);
    assert!(said.contains("a systemd credential") && said.contains("--credential NAME"), "{said}");
}

#[test]
fn an_older_copy_of_a_memory_below_the_home_is_refused_until_its_owner_accepts_it() {
    let home = Home::new();
    let records = home.path().join(".local/state/keyfob/key-1/records.keyfob");
    assert!(home.serve(&[]).end(Signal::TERM).0.success());
    let older = fs::read(&records).unwrap();
    with_pin(home.serve(&[]));
    fs::write(&records, &older).unwrap();
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["state", "info"]] {
        let said = home.fail(command, 6);
        assert!(said.contains("the vault is an older copy"), "{said}");
        assert!(said.contains("--accept-rollback"), "{said}");
    }
    assert_eq!(fs::read(&records).unwrap(), older);
    assert!(home.serve(&["--accept-rollback"]).end(Signal::TERM).0.success());
    assert!(home.serve(&[]).end(Signal::TERM).0.success());
}

#[test]
fn a_witness_that_is_gone_or_damaged_is_made_anew_and_that_is_told() {
    let home = Home::new();
    let said = || home.serve(&[]).end(Signal::TERM).1;
    assert!(!said().contains("a new one was made"));
    let witness = home.path().join(".local/share/keyfob/key-1.witness");
    let told = "key-1.witness was missing or damaged, so a new one was made";
    fs::remove_file(&witness).unwrap();
    assert!(said().contains(told));
    assert!(!said().contains("a new one was made"));
    fs::write(&witness, "junk").unwrap();
    assert!(said().contains(told));
    assert!(!said().contains("a new one was made"));
}

/// As in tests, which have many of them: nothing is left elsewhere.
#[test]
fn a_memory_that_is_named_has_a_witness_only_where_that_is_named_too() {
    let home = Home::new();
    let (state, witness) = (file(&home, "state"), file(&home, "witness"));
    assert!(home.serve(&["--state", &state]).end(Signal::TERM).0.success());
    assert!(!home.path().join(".local").exists());
    let arguments = ["--state", &state, "--witness", &witness];
    assert!(home.serve(&arguments).end(Signal::TERM).0.success());
    assert!(Path::new(&witness).join("key-1.witness").exists());
}

#[test]
fn what_a_memory_is_can_be_asked_by_people_and_by_programs() {
    let home = Home::new();
    let state = file(&home, "state");
    let said = home.fail(&["state", "info", "--state", &state], 6);
    assert!(said.contains("there is no vault in"), "{said}");
    let key = home.serve(&["--state", &state]);
    let said = home.fail(&["state", "info", "--state", &state], 6);
    assert!(said.contains(&format!("in use by process {}", key.process())), "{said}");
    assert!(key.end(Signal::TERM).0.success());

    let said = home.succeed(&["state", "info", "--state", &state]);
    assert!(said.contains("Locked with     a key file"), "{said}");
    let said = home.succeed(&["state", "info", "--state", &state, "--json"]);
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["directory"], format!("{state}/key-1"));
    assert_eq!((&told["lockedWith"], &told["formatVersion"]), (&"a key file".into(), &1.into()));
    assert_eq!(told["witness"], serde_json::Value::Null);
    assert!(told["records"].as_u64().unwrap() > 3);
}

#[test]
fn what_a_key_remembers_is_taken_elsewhere_in_a_file_that_only_its_owner_can_read() {
    let home = Home::new();
    let (here, there, copy) = (file(&home, "here"), file(&home, "there"), file(&home, "key.json"));
    with_pin(home.serve(&["--state", &here]));
    home.succeed(&["state", "export", &copy, "--state", &here]);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let said = home.fail(&["state", "export", &copy, "--state", &here], 1);
    assert!(said.contains("exists"), "{said}");
    assert_eq!(
        home.succeed(&["state", "export", "--state", &here]),
        fs::read_to_string(&copy).unwrap()
    );

    let said = home.succeed(&["state", "import", &copy, "--state", &there]);
    assert!(said.contains("records in "), "{said}");
    assert_has_pin(home.serve(&["--state", &there]));
    let said = home.fail(&["state", "import", &copy, "--state", &there], 6);
    assert!(said.contains("already") && said.contains("--replace"), "{said}");
    home.succeed(&["state", "import", &copy, "--state", &there, "--replace"]);
    fs::write(&copy, "something else").unwrap();
    let said = home.fail(&["state", "import", &copy, "--state", &there, "--replace"], 1);
    assert!(said.contains("state export"), "{said}");
    assert_has_pin(home.serve(&["--state", &there]));
}

fn with_pin(key: Serving) {
    import(connect(key.address()), "1-1").0.client().set_pin("correct horse").unwrap();
    assert!(key.end(Signal::TERM).0.success());
}

fn assert_has_pin(key: Serving) {
    let (mut platform, _) = import(connect(key.address()), "1-1");
    assert_eq!(platform.client().get_info().unwrap().option("clientPin"), Some(true));
    drop(platform);
    assert!(key.end(Signal::TERM).0.success());
}

fn file(home: &Home, name: &str) -> String {
    home.path().join(name).to_str().unwrap().to_owned()
}
