//! `keyfob info`.

use serde_json::Value;

use crate::support::Key;

#[test]
fn a_new_key_has_room_and_no_pin() {
    let said = Key::obliging().run(&["info"]);
    said.did("PIN:");
    let fact = |label: &str| {
        let line = said.out.lines().find(|line| line.starts_with(label)).unwrap();
        line.split_once(':').unwrap().1.trim().to_owned()
    };
    assert_eq!(fact("PIN:"), "Not set");
    assert_eq!(fact("Credential storage remaining:"), "10");
    assert!(fact("Versions:").contains("FIDO_2_0"));
    assert!(fact("Algorithms:").contains("ES256 (-7)"));
    assert_eq!(fact("AAGUID:"), "c196d97f-64cf-465a-ab5d-aaf18b481fc4");
}

#[test]
fn a_key_of_u2f_tells_its_version_and_that_it_has_nothing_to_set() {
    let key = Key::serve(&["--touch", "auto", "--profile", "u2f-only"]);
    assert_eq!(key.run(&["info"]).out, "Versions:  U2F_V2\n");
    let json: Value = serde_json::from_str(&key.run(&["info", "--json"]).out).unwrap();
    assert_eq!(json, serde_json::json!({ "versions": ["U2F_V2"] }));
    let commands: [&[&str]; 6] = [
        &["pin", "set"],
        &["credentials", "list"],
        &["blobs", "list"],
        &["config", "show"],
        &["select"],
        &["reset", "--force"],
    ];
    for command in commands {
        key.run(command).failed(1, &["speaks U2F only", "\nnext: "]);
    }
    key.run(&["wink"]).did("");
}

#[test]
fn json_has_the_members_of_get_info() {
    let key = Key::obliging();
    let info = || serde_json::from_str::<Value>(&key.run(&["info", "--json"]).out).unwrap();
    assert_eq!(info()["aaguid"], "c196d97f64cf465aab5daaf18b481fc4");
    assert_eq!(info()["options"]["clientPin"], false);
    assert!(info().get("pinRetries").is_none(), "without a PIN nobody can try one");
    key.type_in(&["pin", "set"], "1234\n").did("The PIN is set.");
    assert_eq!(info()["options"]["clientPin"], true);
    assert_eq!(info()["pinRetries"], 8);
}
