//! `keyfob conform` against a key that runs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

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
fn each_word_of_a_filter_has_to_fit_a_case() {
    let output = Home::new().run(&["conform", "--filter", "selection", "--filter", "tpyo"]);
    let said = error_of(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("no case fits tpyo\nnext: "), "{said}");
}

#[test]
fn what_cannot_be_read_or_written_is_told_once_with_the_next_step() {
    for option in ["--expected-failures", "--junit", "--cases"] {
        let output =
            Home::new().run(&["conform", "--filter", "selection", option, "/nonexistent/x"]);
        let said = error_of(&output);
        assert!(!output.status.success(), "{said}");
        assert_eq!(said.matches("(os error 2)").count(), 1, "{said}");
        assert!(said.contains("/nonexistent/x") && said.contains("\nnext: "), "{said}");
    }
}

#[test]
fn who_lists_a_case_that_passes_is_told_to_take_it_off() {
    let home = Home::new();
    let (list, report) = (home.path().join("known.txt"), home.path().join("report.xml"));
    fs::write(&list, "gi-answers").unwrap();
    let (list, report) = (list.to_str().unwrap(), report.to_str().unwrap());
    let options = ["--filter", "gi-answers", "--expected-failures", list, "--junit", report];
    let output = home.run(&[&["conform"], &options[..]].concat());
    let said = error_of(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("\nnext: take it off the list"), "{said}");
    assert!(fs::read_to_string(report).unwrap().contains("<failure"));
}

#[test]
fn a_report_is_as_open_to_others_as_the_users_own_files() {
    for (umask, mode) in [("022", 0o644), ("077", 0o600)] {
        let home = Home::new();
        let report = home.path().join("report.xml");
        let mut command = home.start_of("sh");
        command
            .args(["-c", "umask \"$1\" && exec \"$0\" conform --filter gi-answers --junit \"$2\""]);
        command.args([env!("CARGO_BIN_EXE_keyfob"), umask]).arg(&report);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", error_of(&output));
        assert_eq!(fs::metadata(&report).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn who_has_allowed_to_erase_the_key_is_not_told_to_allow_it() {
    // The default key has a PIN, so it cannot prove what a key without one does.
    let output = Home::new().run(&["conform", "--filter", "gi-min-pin-length-without-pin"]);
    let said = error_of(&output);
    assert!(said.contains("every case was skipped") && !said.contains("erase"), "{said}");
}

#[test]
fn a_key_that_may_not_be_erased_conforms_only_as_far_as_it_was_tested() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral", "--touch", "ask"]);
    let address = format!("usbip:{}", key.address());
    let options = ["--filter", "gi-answers", "--filter", "mc-touch"];
    let table = home.succeed(&[&["conform", "--device", &address], &options[..]].concat());
    let verdict = table.lines().last().unwrap();
    assert!(verdict.contains("conforms as far as it was tested: "), "{table}");
    assert!(verdict.ends_with("--yes-erase-this-key"), "{table}");
}

#[test]
fn a_command_that_fails_ends_the_run_and_is_named() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral", "--touch", "ask"]);
    let address = format!("usbip:{}", key.address());
    for option in ["--touch-cmd", "--power-cycle-cmd", "--renew-cmd"] {
        let options = ["--filter", "get_info", "--filter", "selection", option, "exit 7"];
        let start = ["conform", "--device", &address, "--yes-erase-this-key"];
        let said = home.fail(&[&start, &options[..]].concat(), 1);
        let what = format!("keyfob: {option} `exit 7` failed: exit status: 7\nnext: ");
        assert!(said.contains(&what), "{said}");
    }
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
