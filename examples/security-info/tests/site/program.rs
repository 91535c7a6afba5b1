//! The program itself: what it says, and to whom.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

const ALICE: &str = "--demo-account=alice:correct-horse";

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_security-info"));
    command.args(arguments).env("RUST_BACKTRACE", "1").env_remove("RUST_LOG");
    command
}

fn refused(arguments: &[&str], code: i32) -> String {
    let Output { status, stderr, .. } = program(arguments).output().unwrap();
    let complaint = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{complaint}");
    complaint
}

/// What a site says until it is ready.
fn greeting(arguments: &[&str]) -> Vec<String> {
    let mut command = program(&[&["--listen=127.0.0.1:0"], arguments].concat());
    let Running(process) = &mut Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut said = Vec::new();
    while !said.last().is_some_and(|line: &String| line.contains("Ctrl-C")) {
        said.push(lines.next().expect("it goes on"));
    }
    said
}

/// Ends a program with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_is_missing_is_told_with_the_next_step_and_without_a_backtrace() {
    assert_eq!(
        refused(&[], 2),
        "security-info: there is no account to sign in with\n\
         next: add --demo-account alice:correct-horse\n"
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    for (wrong, code, complaint) in [
        (&*listen, 1, "cannot listen on 127.0.0.1:"),
        ("--database=/nowhere/accounts.sqlite", 1, "/nowhere/accounts.sqlite: "),
        ("--origin=http://login.example.org", 2, "cannot be an origin for security keys"),
    ] {
        let said =
            refused(&["--listen=127.0.0.1:0", ALICE, wrong][usize::from(wrong == listen)..], code);
        let lines: Vec<_> = said.lines().collect();
        assert!(lines[0].contains(complaint) && lines[1].starts_with("next: "), "{said}");
        assert_eq!(lines.len(), 2, "{said}");
    }
}

#[test]
fn it_tells_whom_it_knows_and_a_pipe_gets_no_colour() {
    let said = greeting(&[ALICE, "--demo-admin=admin:battery-staple"]);
    let has = |words: &str| said.iter().any(|line| line.ends_with(words));
    assert!(has("account alice, password correct-horse"), "{said:#?}");
    assert!(has("account admin, password battery-staple; an administrator"), "{said:#?}");
    assert!(said.iter().all(|line| !line.contains('\u{1b}')), "{said:#?}");
}

#[test]
fn an_account_that_was_there_keeps_its_password_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let database = format!("--database={}", directory.path().join("accounts.sqlite").display());
    greeting(&[&database, ALICE, "--demo-account=bob:staple"]);
    let said = greeting(&[&database, "--demo-account=Alice:other", "--demo-account=bob:staple"]);
    let has = |words: &str| said.iter().any(|line| line.ends_with(words));
    assert!(has("account alice, password as set before, not the one given now"), "{said:#?}");
    assert!(has("account bob, password staple"), "{said:#?}");
    assert!(greeting(&[&database]).iter().any(|line| line.ends_with("password as set before")));
}
