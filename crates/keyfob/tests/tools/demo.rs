//! `keyfob demo`.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tempfile::TempDir;

use crate::support::{program, run};

#[test]
fn the_whole_journey_succeeds_quickly_and_plainly() {
    let begun = Instant::now();
    let said = run(&["demo"]);
    said.did("All 13 steps did what they should");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(!said.out.contains('\u{1b}'), "escape sequences where there is no terminal");
    assert!(!said.out.contains("failed"));
}

#[test]
fn every_step_tells_what_went_over_the_wire_and_every_touch_is_shown() {
    let said = run(&["demo", "--fast", "-v"]);
    let count =
        |label: &str| said.out.lines().filter(|line| line.trim_start().starts_with(label)).count();
    assert_eq!(
        [count("ok "), count("wire "), count("key asks "), count("person ")],
        [13, 12, 8, 8],
        "{}",
        said.out
    );
    assert_eq!(said.out.matches("keyfob touch").count(), 7);
    assert_eq!(said.out.matches("keyfob deny").count(), 1);
    for word in [
        "makeCredential",
        "getNextAssertion",
        "CTAP2_ERR_PIN_INVALID",
        "CTAP2_ERR_OPERATION_DENIED",
        "reset 1",
    ] {
        assert!(said.out.contains(word), "{word} is not in:\n{}", said.out);
    }
}

#[test]
fn it_ends_with_commands_that_can_be_typed_as_they_stand() {
    let said = run(&["demo", "--fast"]);
    assert!(!said.out.contains(" wire "), "what goes over the wire is for -v: {}", said.out);
    let (_, end) = said.out.split_once("A key of your own:\n").expect("the last words");
    for line in end.lines() {
        // A shell would run it; here it only has to be understood.
        let typed = line.replace('#', "--help #").replace("sudo ", "");
        let status = Command::new("/bin/sh").arg("-c").arg(&typed).stdout(Stdio::null()).status();
        assert!(status.unwrap().success(), "{line}");
    }
    assert!((2..=3).contains(&end.lines().count()), "{end}");
}

#[test]
fn its_key_does_not_outlive_it_even_if_it_is_killed() {
    let home = TempDir::new().unwrap();
    let mut demo = program(&home).arg("demo").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines().map_while(Result::ok);
    let key = lines.filter_map(|line| pid_of(&line)).next().expect("it names the process");
    let key = pidfd_open(key, PidfdFlags::empty()).unwrap();
    demo.kill().unwrap();
    demo.wait().unwrap();
    let patience = Timespec { tv_sec: 20, tv_nsec: 0 };
    let ended = poll(&mut [PollFd::new(&key, PollFlags::IN)], Some(&patience));
    assert_eq!(ended, Ok(1), "the key is still there");
}

/// `process 123 says …`
fn pid_of(line: &str) -> Option<Pid> {
    let number = line.split_once("process ")?.1.split(' ').next()?;
    Pid::from_raw(number.parse().ok()?)
}
