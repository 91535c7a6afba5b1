//! `keyfob conform` against a key that runs.

use crate::program::{Home, error_of};

#[test]
fn a_running_key_is_touched_through_its_control_socket() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral", "--touch", "ask"]);
    let address = format!("usbip:{}", key.address());
    let output = home.run(&["conform", "--device", &address, "--filter", "selection"]);
    let table = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{table}{}", error_of(&output));
    assert!(table.contains(" 0 failed") && !table.contains("\n0 passed"), "{table}");
    assert!(!error_of(&output).contains("warning"), "{}", error_of(&output));
}

#[test]
fn who_tests_a_key_that_has_nobody_to_ask_is_told_what_will_fail() {
    let home = Home::new();
    for (touch, does) in [("auto", "approves everything"), ("deny", "refuses everything")] {
        let key = home.serve(&["--ephemeral", "--touch", touch]);
        let address = format!("usbip:{}", key.address());
        let output = home.run(&["conform", "--device", &address, "--filter", "ga-silent"]);
        let said = error_of(&output);
        assert!(said.contains(does) && said.contains("--touch ask"), "{said}");
    }
}
