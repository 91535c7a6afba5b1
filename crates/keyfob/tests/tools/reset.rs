//! `keyfob reset`, and what a person sees while a key waits for them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Key, Said};

#[test]
fn a_reset_forgets_the_pin() {
    let key = Key::obliging();
    key.type_in(&["pin", "set"], "1234\n").did("The PIN is set.");
    key.run(&["reset", "--force"]).did("no credentials and no PIN");
    key.run(&["info"]).did("Not set");
}

#[test]
fn nobody_there_to_ask_is_no_consent() {
    let key = Key::obliging();
    key.type_in(&["pin", "set"], "1234\n").did("The PIN is set.");
    key.type_in(&["reset"], "y\n").failed(2, &["--force"]);
    key.run(&["info"]).did("8 attempts remaining");
}

#[test]
fn a_waiting_key_says_so_and_a_touch_lets_it_go_on() {
    let key = Key::serve(&["--touch", "ask"]);
    let reset = waiting_reset(&key);
    assert_eq!(key.run(&["touch"]).code, 0);
    Said::by(reset.wait_with_output().unwrap()).did("The key is erased");
}

// RS-06, RS-07
#[test]
fn a_key_that_takes_two_touches_says_so_at_each() {
    let key = key_of_two_touches();
    let reset = waiting_reset(&key);
    key.run(&["wait"]).did("\"gesture\":\"touch_twice\"");
    key.run(&["status"]).did("reset, touch twice");
    touch_once(&key);
    key.run(&["touch"]).did("");
    Said::by(reset.wait_with_output().unwrap()).did("The key is erased");
}

// RS-07
#[test]
fn one_touch_of_two_erases_nothing() {
    let key = key_of_two_touches();
    key.type_in(&["pin", "set"], "1234\n").did("The PIN is set.");
    let reset = waiting_reset(&key);
    touch_once(&key);
    key.run(&["deny"]).did("");
    Said::by(reset.wait_with_output().unwrap()).failed(5, &["nothing was erased", "0x27"]);
    key.run(&["info"]).did("8 attempts remaining");
}

fn key_of_two_touches() -> Key {
    let directory = tempfile::tempdir().unwrap();
    let profile = directory.path().join("twice.toml");
    std::fs::write(&profile, "[reset]\nusb = \"touch twice\"").unwrap();
    Key::serve(&["--touch", "ask", "--profile", profile.to_str().unwrap()])
}

/// The first touch; then the key asks for the second.
fn touch_once(key: &Key) {
    key.run(&["touch"]).did("");
    key.run(&["wait", "--timeout", "10"]).did("\"gesture\":\"touch_again\"");
}

#[test]
fn a_command_that_stood_still_for_a_while_does_not_blame_the_key() {
    let key = Key::serve(&["--touch", "ask"]);
    let reset = waiting_reset(&key);
    let signal = |signal| kill_process(Pid::from_child(&reset), signal).unwrap();
    signal(Signal::STOP);
    // Longer than a key may be silent.
    sleep(Duration::from_secs(3));
    signal(Signal::CONT);
    assert_eq!(key.run(&["touch"]).code, 0);
    Said::by(reset.wait_with_output().unwrap()).did("The key is erased");
}

#[test]
fn a_refused_reset_erases_nothing() {
    let key = Key::serve(&["--touch", "deny"]);
    key.run(&["reset", "-f"]).failed(5, &["nothing was erased", "CTAP2_ERR_OPERATION_DENIED 0x27"]);
}

#[test]
fn ctrl_c_ends_the_waiting_on_the_key_too() {
    let key = Key::serve(&["--touch", "ask"]);
    let mut reset = waiting_reset(&key);
    kill_process(Pid::from_child(&reset), Signal::INT).unwrap();
    let mut rest = String::new();
    reset.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!(reset.wait().unwrap().code(), Some(5));
    assert!(rest.contains("CTAP2_ERR_KEEPALIVE_CANCEL 0x2D"), "{rest}");
    key.run(&["touch"]).failed(1, &[]);
}

/// A reset at the moment when the key asks for a touch, and its user was told.
fn waiting_reset(key: &Key) -> Child {
    let mut reset = key.start(&["reset", "--force"]);
    let mut line = String::new();
    // One byte at a time: what comes later belongs to others.
    let stderr = reset.stderr.as_mut().unwrap();
    BufReader::with_capacity(1, stderr).read_line(&mut line).unwrap();
    assert!(line.contains("Touch the key"), "{line}");
    key.run(&["wait", "--timeout", "10"]).did("\"action\":\"reset\"");
    reset
}
