//! PINs that are typed on a terminal.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};

use crate::pty::Pty;
use crate::support::Key;

/// `keyfob pin set` at the moment when it asks for a PIN.
fn asking(key: &Key, pty: &mut Pty) -> Child {
    let child = pty.controlling(&key.command(&["pin", "set"])).spawn().unwrap();
    pty.read_to("New PIN: ");
    pty.await_echo(false);
    child
}

/// How it ended; the terminal is as it was before.
fn ended(mut child: Child, pty: &Pty) -> ExitStatus {
    let status = child.wait().unwrap();
    assert!(pty.echoes(), "{status}");
    status
}

#[test]
fn however_a_question_for_a_pin_ends_the_terminal_shows_again_what_is_typed() {
    let key = Key::obliging();
    for (typed, signal) in [(b"\x03", Signal::INT), (b"\x1c", Signal::QUIT)] {
        let mut pty = Pty::of(80);
        let child = asking(&key, &mut pty);
        pty.person.write_all(typed).unwrap();
        assert_eq!(ended(child, &pty).signal(), Some(signal.as_raw()));
    }
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut pty = Pty::of(80);
        let child = asking(&key, &mut pty);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(ended(child, &pty).signal(), Some(signal.as_raw()));
    }
    let mut pty = Pty::of(80);
    let child = asking(&key, &mut pty);
    pty.person.write_all(b"\x04").unwrap();
    assert_eq!(ended(child, &pty).code(), Some(1));
    key.run(&["info"]).did("Not set");
}

#[test]
fn a_pin_is_typed_twice_and_never_shown() {
    let key = Key::obliging();
    let mut pty = Pty::of(80);
    let child = asking(&key, &mut pty);
    pty.person.write_all(b"12x\x7f34\n").unwrap();
    let mut shown = pty.read_to("The same again: ");
    pty.await_echo(false);
    pty.person.write_all(b"1234\n").unwrap();
    shown += &pty.read_to("The PIN is set.");
    assert!(ended(child, &pty).success());
    assert!(!shown.contains(['1', '2', '3', '4', 'x']), "{shown:?}");
    key.type_in(&["pin", "verify"], "1234\n").did("The PIN is right.");
}

#[test]
fn whoever_was_stopped_at_the_question_is_asked_again() {
    let key = Key::obliging();
    let mut pty = Pty::of(80);
    let child = asking(&key, &mut pty);
    // Nobody is there to let it go on, so the kernel does not stop it.
    pty.person.write_all(b"12\x1a").unwrap();
    pty.read_to("New PIN: ");
    pty.await_echo(false);
    pty.person.write_all(b"\x03").unwrap();
    assert_eq!(ended(child, &pty).signal(), Some(Signal::INT.as_raw()));
}

// P-15
#[test]
fn the_passphrase_of_a_memory_is_typed_where_it_is_set_and_where_it_is_needed_and_never_shown() {
    let key = Key::obliging();
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state").to_str().unwrap().to_owned();
    key.run(&["metadata", "--state", &state]).did("attestationRootCertificates");
    let mut shown = String::new();
    let mut pty = Pty::of(80);
    let mut typed = |command: &str, questions: &[&str], told: &str| {
        let command = key.command(&["state", command, "--state", &state]);
        let child = pty.controlling(&command).spawn().unwrap();
        for question in questions {
            shown += &pty.read_to(question);
            pty.await_echo(false);
            pty.person.write_all(b"correct horse\n").unwrap();
        }
        shown += &pty.read_to(told);
        assert!(ended(child, &pty).success());
    };
    typed("passphrase", &["New passphrase: ", "The same again: "], "from now on");
    typed("info", &["Passphrase of the memory in "], "a passphrase");
    assert!(!shown.contains("horse"), "{shown:?}");
}
