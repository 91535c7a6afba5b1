//! Recordings while they are made, shown and played again.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;

use crate::host::import_from;
use crate::program::{Home, Serving, error_of};

const OBLIGING: [&str; 3] = ["--ephemeral", "--touch", "auto"];

fn path_in(home: &Home, name: &str) -> String {
    home.path().join(name).to_str().unwrap().to_owned()
}

fn device_of(serving: &Serving) -> String {
    format!("usbip:{}", serving.address())
}

/// Of a key with this seed, which got a PIN, was asked for it, and was plugged in for each of that; with its secrets.
fn recorded_with_a_pin(home: &Home, seed: &str) -> String {
    let file = path_in(home, "key.pcapng");
    let more = ["--seed", seed, "--record", &file, "--record-secrets"];
    let serving = home.serve(&[&OBLIGING[..], &more].concat());
    let device = device_of(&serving);
    home.succeed(&["pin", "set", "-n", "1234", "--device", &device]);
    home.succeed(&["info", "--device", &device]);
    home.succeed(&["pin", "verify", "-P", "1234", "--device", &device]);
    serving.end(Signal::TERM);
    file
}

fn replay(home: &Home, serving: &Serving, words: &[&str]) -> Output {
    home.run(&[&["replay", "--device", &device_of(serving)], words].concat())
}

// P-38
#[test]
fn power_cycles_are_repeated_too_so_that_a_key_with_the_same_seed_says_the_same_bytes() {
    let home = Home::new();
    let file = recorded_with_a_pin(&home, "again");
    let serving = home.serve(&[&OBLIGING[..], &["--seed", "again"]].concat());
    let played = replay(&home, &serving, &["--exactly", &file]);
    let told = String::from_utf8_lossy(&played.stdout).into_owned() + &error_of(&played);
    assert!(played.status.success(), "{told}");
    assert!(told.contains(" 0 different, 0 not sent, 2 power cycles repeated"), "{told}");
    assert!(told.contains("\ndone      power cycle\n"), "{told}");
}

// CP-29, CP-65
#[test]
fn a_key_that_cannot_read_a_recorded_pin_is_not_asked_to() {
    let home = Home::new();
    let file = recorded_with_a_pin(&home, "one");
    let serving = home.serve(&[&OBLIGING[..], &["--seed", "another"]].concat());
    let device = device_of(&serving);
    home.succeed(&["pin", "set", "-n", "9999", "--device", &device]);
    let told = String::from_utf8(replay(&home, &serving, &[&file]).stdout).unwrap();
    assert!(told.contains("cannot read it, and would count a wrong PIN\n"), "{told}");
    let information = home.succeed(&["info", "--device", &device]);
    assert!(information.contains("8 attempts remaining"), "{information}");
}

// P-38
#[test]
fn what_a_key_does_not_answer_is_a_difference_and_the_rest_is_played_all_the_same() {
    let home = Home::new();
    let file = path_in(&home, "key.pcapng");
    let serving = home.serve(&[&OBLIGING[..], &["--record", &file]].concat());
    let mut key = import_from(serving.address());
    key.client().get_info().unwrap();
    key.client().selection().unwrap();
    key.client().get_info().unwrap();
    drop(key);
    serving.end(Signal::TERM);
    let played = |fault: &[&str], more: &[&str]| {
        let serving = home.serve(&[&OBLIGING[..], more].concat());
        if !fault.is_empty() {
            home.succeed(&[&["fault", "add"], fault].concat());
        }
        let played = replay(&home, &serving, &[&file]);
        assert_eq!(played.status.code(), Some(1), "{}", error_of(&played));
        String::from_utf8_lossy(&played.stdout).into_owned() + &error_of(&played)
    };
    for (fault, why) in [
        (&["hid-error", "--error", "0x0b"][..], "INVALID_CHANNEL"),
        (&["wrong-sequence", "--report", "1"], "instead of packet 0"),
        (&["unplug"], "the connection to the key failed"),
    ] {
        let told = played(&[fault, &["--command", "getInfo"]].concat(), &[]);
        assert!(told.contains("CTAP2_OK was answered, and now there is no answer: "), "{told}");
        assert!(told.contains(why) && told.contains("2 the same, 1 different"), "{told}");
    }
    let told = played(&[], &["--profile", "u2f-only"]);
    assert!(told.contains("0 the same, 3 different") && told.contains("INVALID_CMD"), "{told}");
}

#[test]
fn a_reset_is_played_only_to_a_key_that_may_be_erased() {
    let home = Home::new();
    let file = path_in(&home, "reset.pcapng");
    let serving = home.serve(&[&OBLIGING[..], &["--record", &file]].concat());
    home.succeed(&["reset", "--force", "--device", &device_of(&serving)]);
    serving.end(Signal::TERM);
    let serving = home.serve(&OBLIGING);
    let played = replay(&home, &serving, &[&file]);
    let told = String::from_utf8_lossy(&played.stdout);
    assert!(told.contains("authenticatorReset: it erases the key"), "{told}");
    let played = replay(&home, &serving, &["--yes-erase-this-key", &file]);
    let told = String::from_utf8_lossy(&played.stdout);
    assert!(told.contains("same      authenticatorReset\n"), "{told}");
}

#[test]
fn of_a_recording_that_is_cut_off_what_is_there_is_played_and_the_rest_is_told() {
    let home = Home::new();
    let file = path_in(&home, "cut.pcapng");
    let serving = home.serve(&[&OBLIGING[..], &["--record", &file]].concat());
    for _ in 0..2 {
        home.succeed(&["info", "--device", &device_of(&serving)]);
    }
    serving.end(Signal::TERM);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let serving = home.serve(&OBLIGING);
    let played = replay(&home, &serving, &[&file]);
    let told = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success() && told.contains("same      authenticatorGetInfo\n"), "{told}");
    assert!(error_of(&played).starts_with("The last packet is cut off"), "{}", error_of(&played));
}

#[test]
fn a_trace_goes_on_while_the_key_runs_and_ends_with_it() {
    let home = Home::new();
    let file = path_in(&home, "live.pcapng");
    let serving = home.serve(&[&OBLIGING[..], &["--record", &file]].concat());
    let mut trace = home.command(&["trace", "--live"]);
    let mut trace = trace.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(trace.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut await_line = |words: &str| lines.find(|line| line.contains(words)).expect(words);
    let mut key = import_from(serving.address());
    await_line("plugged in");
    key.client().get_info().unwrap();
    await_line("> authenticatorGetInfo");
    key.client().selection().unwrap();
    await_line("> authenticatorSelection");
    serving.end(Signal::TERM);
    assert!(lines.all(|line| line.contains(" < ")), "what the key said last");
    assert!(trace.wait().unwrap().success());
}

// P-21
#[test]
fn what_is_no_place_for_a_recording_is_left_as_it_is_and_said() {
    let home = Home::new();
    let path = |name: &str| path_in(&home, name);
    let private = |name: &str, text: &[u8]| {
        fs::write(path(name), text).unwrap();
        fs::set_permissions(path(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    private("notes", b"remember the milk");
    private("other-order", &[10, 13, 13, 10, 0, 0, 0, 28, 0x1A, 0x2B, 0x3C, 0x4D, 0, 1, 0, 0]);
    symlink(path("notes"), path("link")).unwrap();
    assert!(Command::new("mkfifo").args(["-m", "600", &path("pipe")]).status().unwrap().success());
    for (name, why) in [
        (path("notes"), "it is not a recording"),
        (path("other-order"), "it is not a recording"),
        (path("link"), "it is a symbolic link"),
        (path("pipe"), "is not a regular file"),
        (path("no/such/directory"), "No such file or directory"),
        (path(""), "s a directory"),
        ("/dev/full".to_owned(), "/dev/full"),
    ] {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--ephemeral", "--record", &name];
        let told = home.fail(&serve, 1);
        assert!(told.contains(why) && told.contains("\nnext: "), "{name}: {told}");
    }
    assert_eq!(fs::read(path("notes")).unwrap(), b"remember the milk");
}

/// As if the disk were full: a limit of the process, whose signal nobody gets.
#[test]
fn a_full_disk_ends_the_recording_and_not_the_key() {
    let home = Home::new();
    let file = path_in(&home, "key.pcapng");
    let serve = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";
    let mut command = home.start_of("sh");
    command.args(["-c", serve, "sh", env!("CARGO_BIN_EXE_keyfob"), "serve"]);
    command.args(["--listen", "127.0.0.1:0", "--record", &file]).args(OBLIGING);
    command.stderr(Stdio::piped());
    let serving = Serving::start(command);
    let mut key = import_from(serving.address());
    for _ in 0..20 {
        key.client().get_info().expect("the key goes on");
    }
    let (status, said) = serving.end(Signal::TERM);
    assert!(status.success());
    assert!(said.contains(&format!("the recording in {file} ends here: ")), "{said}");
    assert!(said.contains("next: free some space there, and start the key again"), "{said}");
    let shown = home.run(&["trace", &file]);
    assert!(shown.status.success() && error_of(&shown).is_empty(), "whole packets alone");
    assert!(Path::new(&file).metadata().unwrap().len() <= 8 * 1024);
}
