//! `keyfob pin`.

use crate::support::Key;

fn key_with_pin() -> Key {
    let key = Key::obliging();
    key.type_in(&["pin", "set"], "1234\n").did("The PIN is set.");
    key
}

#[test]
fn a_pin_is_set_tried_and_changed() {
    let key = key_with_pin();
    key.run(&["info"]).did("8 attempts remaining");
    key.type_in(&["pin", "verify"], "1234\n").did("The PIN is right.");
    key.type_in(&["pin", "change"], "1234\ncorrect horse\n").did("The PIN is changed.");
    key.type_in(&["pin", "verify"], "correct horse\n").did("The PIN is right.");
}

#[test]
fn pins_come_from_files_and_from_arguments_too() {
    let key = key_with_pin();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, pin: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, pin).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let (old, new) = (file("old", "1234\n"), file("new", "5678"));
    key.run(&["pin", "change", "--pin-file", &old, "--new-pin-file", &new])
        .did("The PIN is changed.");
    key.run(&["pin", "change", "-P", "5678", "-n", "4321"]).did("The PIN is changed.");
    key.run(&["pin", "verify", "-P", "5678"]).failed(4, &["wrong PIN"]);
    key.run(&["pin", "verify", "-P", "4321", "--pin-file", &old])
        .failed(2, &["cannot be used with"]);
}

#[test]
fn a_wrong_pin_tells_how_many_attempts_are_left_and_the_right_one_restores_them() {
    let key = key_with_pin();
    key.type_in(&["pin", "verify"], "0000\n")
        .failed(4, &["7 attempts left", "CTAP2_ERR_PIN_INVALID 0x31", "next:"]);
    key.type_in(&["pin", "change"], "0000\n5678\n").failed(4, &["6 attempts left"]);
    key.run(&["info"]).did("6 attempts remaining");
    key.type_in(&["pin", "verify"], "1234\n").did("The PIN is right.");
    key.run(&["info"]).did("8 attempts remaining");
}

// CP-20, CP-21
#[test]
fn what_cannot_be_the_pin_costs_no_attempt() {
    let key = key_with_pin();
    let long = "x".repeat(64);
    for pin in ["", "1", "123", &long] {
        let words = ["this is not the key's PIN", "no attempt is lost", "next:"];
        key.type_in(&["pin", "verify"], &format!("{pin}\n")).failed(4, &words);
        key.type_in(&["pin", "change"], &format!("{pin}\n5678\n")).failed(4, &words);
        key.type_in(&["credentials", "list"], &format!("{pin}\n")).failed(4, &words);
    }
    key.run(&["pin", "verify", "-P", ""]).failed(4, &["it is empty"]);
    key.type_in(&["config", "min-pin-length", "6"], "1234\n").did("");
    key.type_in(&["pin", "change"], "1234\n12345\n").failed(1, &["5 characters", "at least 6"]);
    key.run(&["info"]).did("8 attempts remaining");
    key.type_in(&["pin", "change"], "1234\n123456\n").did("The PIN is changed.");
    key.type_in(&["pin", "verify"], "12345\n").failed(4, &["at least 6", "no attempt is lost"]);
    key.run(&["info"]).did("8 attempts remaining");
}

#[test]
fn a_byte_order_mark_in_a_pin_file_costs_no_attempt() {
    let key = key_with_pin();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pin");
    std::fs::write(&path, "\u{feff}1234\r\n").unwrap();
    key.run(&["pin", "verify", "--pin-file", path.to_str().unwrap()]).did("The PIN is right.");
    std::fs::write(&path, b"\xff\xfe1\x002\x003\x004\x00").unwrap();
    let words = ["cannot read a PIN from", "UTF-8", "next:"];
    key.run(&["pin", "verify", "--pin-file", path.to_str().unwrap()]).failed(1, &words);
    key.run(&["info"]).did("8 attempts remaining");
}

#[test]
fn eight_wrong_pins_leave_nothing_but_a_reset() {
    let key = key_with_pin();
    for left in (1..8).rev() {
        key.type_in(&["pin", "verify"], "0000\n").failed(4, &[&format!("{left} attempt")]);
    }
    key.type_in(&["pin", "verify"], "0000\n")
        .failed(4, &["CTAP2_ERR_PIN_BLOCKED 0x32", "keyfob reset"]);
    key.run(&["info"]).did("Blocked");
    key.run(&["reset", "--force"]).did("The key is erased");
    key.run(&["info"]).did("Not set");
}

#[test]
fn what_a_key_cannot_take_is_refused_with_the_reason() {
    let key = Key::obliging();
    key.type_in(&["pin", "set"], "123\n")
        .failed(1, &["3 characters", "at least 4", "nothing was changed", "next:"]);
    key.type_in(&["pin", "set"], &"x".repeat(64)).failed(1, &["at most 63", "nothing was changed"]);
    key.run(&["pin", "set"]).failed(1, &["no new PIN", "one PIN on each line"]);
    key.type_in(&["pin", "verify"], "1234\n").failed(4, &["no PIN yet", "keyfob pin set"]);
    key.type_in(&["pin", "change"], "1234\n5678\n").failed(4, &["no PIN yet"]);
    key.run(&["info"]).did("Not set");
}

#[test]
fn a_pin_that_must_be_changed_is_right_and_good_for_nothing_else() {
    let key = key_with_pin();
    key.type_in(&["config", "force-pin-change"], "1234\n").did("must be changed");
    let must = ["must be changed", "CTAP2_ERR_PIN_POLICY_VIOLATION 0x37", "`keyfob pin change`"];
    key.type_in(&["pin", "verify"], "1234\n").failed(1, &must);
    key.type_in(&["pin", "change"], "1234\n1234\n").failed(1, &["the same as the old one"]);
    key.type_in(&["pin", "change"], "1234\n123\n").failed(1, &["3 characters", "at least 4"]);
    key.type_in(&["pin", "change"], "1234\n4321\n").did("The PIN is changed.");
}

#[test]
fn a_pin_is_not_set_over_another_one() {
    key_with_pin()
        .type_in(&["pin", "set"], "5678\n")
        .failed(1, &["has a PIN already", "keyfob pin change"]);
}

#[test]
fn a_pin_never_appears_in_what_is_printed() {
    let key = key_with_pin();
    for arguments in [["pin", "verify", "-P", "8642"], ["-vv", "pin", "verify", "-P8642"]] {
        let said = key.run(&arguments);
        assert!(!format!("{}{}", said.out, said.err).contains("8642"), "{}{}", said.out, said.err);
    }
}
