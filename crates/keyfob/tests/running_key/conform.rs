//! `keyfob conform` against a key that runs.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use std::{fs, io, thread};

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

/// A kind of key that says what the standard does not allow, as a model does, and two cases about that.
const LIKE_A_MODEL: &str = "imitates = \"A model\"\nalgorithms = [\"ES256\"]\n[getInfo]\nalgorithms = [-257]\nomit = [\"minPINLength\"]\n";
const ABOUT_ITS_WORDS: [&str; 4] = ["--filter", "gi-min-pin-length", "--filter", "gi-algorithms"];

#[test]
fn a_running_key_that_imitates_a_model_is_not_blamed_for_the_models_words() {
    let (home, elsewhere) = (Home::new(), Home::new());
    let profile = home.path().join("model.toml");
    fs::write(&profile, LIKE_A_MODEL).unwrap();
    let profile = profile.to_str().unwrap();
    let key = home.serve(&["--ephemeral", "--touch", "ask", "--profile", profile]);
    let address = format!("usbip:{}", key.address());
    let command = [&["conform", "--device", &address], &ABOUT_ITS_WORDS[..]].concat();
    let told = home.succeed(&command);
    assert!(told.contains("what the model says") && told.contains(" 0 failed"), "{told}");
    // Who cannot ask the key's own keyfob is told by the command line.
    elsewhere.fail(&command, 1);
    let said = elsewhere.succeed(&[&command, &["--profile", profile][..]].concat());
    assert!(said.contains("what the model says") && said.contains(" 0 failed"), "{said}");
}

#[test]
fn a_wrong_pin_is_tried_once_and_no_case_with_it() {
    let home = Home::new();
    let profile = home.path().join("with-pin.toml");
    fs::write(&profile, "[shipped]\npin = \"1234\"\n").unwrap();
    let key =
        home.serve(&["--ephemeral", "--touch", "ask", "--profile", profile.to_str().unwrap()]);
    let address = format!("usbip:{}", key.address());
    let command = ["conform", "--device", &address, "--filter", "credential_management", "--pin"];
    let said = home.fail(&[&command[..], &["9999"]].concat(), 4);
    assert!(said.contains("wrong PIN: 7 attempts left"), "{said}");
    let told = home.succeed(&[&command[..], &["1234"]].concat());
    assert!(told.contains(" 0 failed"), "{told}");
}

#[test]
fn of_a_key_that_imitates_nothing_there_is_nothing_to_say() {
    let named = ["conform", "--device", "usbip:127.0.0.1:1", "--profile", "bio"];
    let said = Home::new().fail(&named, 2);
    assert!(said.contains("profile bio imitates no model\nnext: leave out --device"), "{said}");
}

#[test]
fn each_word_of_a_filter_has_to_fit_a_case() {
    let output = Home::new().run(&["conform", "--filter", "selection", "--filter", "tpyo"]);
    let said = error_of(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("no case matches tpyo\nnext: "), "{said}");
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
    assert!(said.contains("\nnext: remove it from the list"), "{said}");
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
fn a_key_that_approves_everything_does_not_fail_what_takes_a_person() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral", "--touch", "auto"]);
    let address = format!("usbip:{}", key.address());
    let options = ["--yes-erase-this-key", "--filter", "selection", "--filter", "gi-answers"];
    let output = home.run(&[&["conform", "--device", &address], &options[..]].concat());
    let (table, said) = (String::from_utf8(output.stdout.clone()).unwrap(), error_of(&output));
    assert!(output.status.success(), "{table}{said}");
    assert!(said.contains("approves every request") && said.contains("--touch ask"), "{said}");
    assert!(table.contains("without asking"), "{table}");
    assert!(
        table.contains("as far as it was tested: it approves every request without asking"),
        "{table}"
    );
}

#[test]
fn a_key_that_refuses_everything_is_not_tested() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral", "--touch", "deny"]);
    let address = format!("usbip:{}", key.address());
    let said = home.fail(&["conform", "--device", &address, "--filter", "ga-silent"], 1);
    assert!(
        said.contains("refuses every request") && said.contains("next: start it with"),
        "{said}"
    );
}

#[test]
fn a_keyfob_that_runs_here_is_not_taken_for_a_key_that_runs_elsewhere() {
    let (here, elsewhere) = (Home::new(), Home::new());
    let _other = here.serve(&["--ephemeral", "--touch", "deny"]);
    let key = elsewhere.serve(&["--ephemeral", "--touch", "auto"]);
    let address = format!("usbip:{}", key.address());
    let output = here.run(&["conform", "--device", &address, "--filter", "gi-answers"]);
    assert!(output.status.success(), "{}", error_of(&output));
    assert!(!error_of(&output).contains("running key"), "{}", error_of(&output));
}

/// A TCP forwarder that notices late that its client is gone. Forwards one connection after the other.
fn slow_forwarder(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for near in listener.incoming() {
            let (near, far) = (near.unwrap(), TcpStream::connect(to).unwrap());
            let (from_near, to_far) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut &from_near, &mut &to_far);
                // What such programs take to notice; the key is still plugged in meanwhile.
                thread::sleep(Duration::from_millis(200));
                let _ = to_far.shutdown(Shutdown::Both);
            });
            thread::spawn(move || {
                let _ = io::copy(&mut &far, &mut &near);
                let _ = near.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

#[test]
fn a_key_behind_a_forwarder_is_not_plugged_in_elsewhere_when_the_suite_has_just_left_it() {
    let home = Home::new();
    let key = home.serve(&["--ephemeral", "--touch", "ask"]);
    let address = format!("usbip:{}/1-1", slow_forwarder(key.address()));
    let options = ["--yes-erase-this-key", "--filter", "sl-touched", "--filter", "rs-simple"];
    let table = home.succeed(&[&["conform", "--device", &address], &options[..]].concat());
    assert!(table.contains(" 0 failed") && !table.contains("\n0 passed"), "{table}");
}

#[test]
fn a_misspelt_filter_is_answered_with_the_chapter_that_was_meant() {
    let said = Home::new().fail(&["conform", "--filter", "make_credental"], 2);
    assert!(
        said.contains("no case matches make_credental\nnext: try `--filter make_credential`"),
        "{said}"
    );
}

#[test]
fn two_reports_in_one_place_are_a_usage_error() {
    for places in [["--junit", "-", "--json", "-"], ["--json", "a.txt", "--sarif", "./a.txt"]] {
        let home = Home::new();
        let said = home.fail(&[&["conform", "--filter", "selection"], &places[..]].concat(), 2);
        assert!(said.contains("both write to") && said.contains("next"), "{said}");
    }
    let twice = ["conform", "--filter", "selection", "--json", "a", "--json", "b"];
    assert!(Home::new().fail(&twice, 2).contains("--json"));
}

#[test]
fn lists_are_to_be_had_as_json() {
    let home = Home::new();
    let json = |options: &[&str]| -> serde_json::Value {
        serde_json::from_str(&home.succeed(options)).expect("JSON")
    };
    let cases = json(&["conform", "--list", "--json", "--filter", "sl-touched"]);
    assert_eq!(cases.as_array().unwrap().len(), 1);
    assert_eq!(cases[0]["chapter"], "selection");
    assert!(cases[0]["id"].is_string() && cases[0]["rules"].is_array());
    let chapters = json(&["conform", "--chapters", "--json"]);
    let names = chapters.as_array().unwrap().iter().map(|chapter| &chapter["name"]);
    assert!(names.clone().any(|name| name == "large_blobs"), "{chapters}");
    let table = home.succeed(&["conform", "--chapters"]);
    assert_eq!(table.lines().count(), names.count() + 1, "{table}");
}

#[test]
fn a_case_a_rule_and_a_chapter_can_be_explained_and_typing_errors_are_understood() {
    let home = Home::new();
    let explained = |name: &str| home.succeed(&["conform", "--explain", name]);
    assert!(explained("mc-rp-missing").contains("chapter  make_credential"));
    let rule = explained("CF-05");
    assert!(rule.contains("so that a user can leave that state"), "{rule}");
    assert!(
        rule.contains("docs/rules/10-config.md") && rule.contains("cf-always-uv-leaving"),
        "{rule}"
    );
    assert!(explained("selection").lines().count() > 5);
    let said = home.fail(&["conform", "--explain", "mc-rp-mising"], 2);
    assert!(said.contains("next: try `keyfob conform --explain mc-rp-missing`"), "{said}");
}

/// Two cases that no key passes, and one that all pass, in that directory.
fn write_cases(directory: &Path) {
    let case = |id: &str, versions: &str| {
        format!(
            "[[case]]\nid = \"{id}\"\nrules = [\"HR-01\"]\nsays = \"It is said.\"\n\
             steps = 'getInfo => OK {{20: {versions}, ...}}'\n"
        )
    };
    let cases = [case("hr-a", "text"), case("hr-b", "uint"), case("hr-c", "text")].concat();
    fs::create_dir(directory).unwrap();
    fs::write(directory.join("house.toml"), format!("about = \"house rules\"\n{cases}")).unwrap();
}

#[test]
fn a_run_can_end_at_the_first_failure_and_what_failed_can_be_run_again() {
    let home = Home::new();
    let (cases, report) = (home.path().join("mine"), home.path().join("report.json"));
    write_cases(&cases);
    let run = |more: &[&str]| {
        let options = ["conform", "--cases", cases.to_str().unwrap()];
        String::from_utf8(home.run(&[&options, more].concat()).stdout).unwrap()
    };
    let json = ["--json", report.to_str().unwrap()];
    assert!(run(&json).contains("1 passed, 2 failed, 0 skipped"));
    assert!(run(&["--fail-fast"]).contains("0 passed, 1 failed, 0 skipped"));
    let again = run(&["--failed-in", report.to_str().unwrap()]);
    assert!(again.contains("0 passed, 2 failed, 0 skipped"), "{again}");
    assert!(again.contains("\nfailed\n  hr-a  HR-01\n  hr-c  HR-01\n"), "{again}");
}

#[test]
fn a_failure_names_the_member_that_is_wrong() {
    let home = Home::new();
    let cases = home.path().join("mine");
    write_cases(&cases);
    let options = ["conform", "--cases", cases.to_str().unwrap(), "--fail-fast"];
    let said = home.fail(&options, 1);
    assert!(
        said.contains("problem   remainingDiscoverableCredentials (0x14): expected text"),
        "{said}"
    );
}

#[test]
fn reasons_for_skips_are_few_unless_all_are_wanted() {
    let home = Home::new();
    let reasons = |options: &[&str]| {
        let table =
            home.succeed(&[&["conform", "--filter", "ex-", "--filter", "be-"], options].concat());
        let (_, reasons) = table.split_once("\nskipped, because\n").expect("reasons");
        reasons.split("\n\n").next().unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let few = reasons(&[]);
    assert_eq!(few.len(), 6, "{few:?}");
    assert!(few[5].contains("which -v shows"), "{few:?}");
    assert!(reasons(&["-v"]).len() > 6);
}
