//! The GitHub action's script, as a runner calls it. What GitHub itself does with `action.yml` is not tested here.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use crate::program::{Home, error_of};

const PROGRAM: &str = env!("CARGO_BIN_EXE_keyfob");

/// The directory of the action.
fn action() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.github/actions/conformance"))
}

/// One job with this action. Inputs are named as in the script.
struct Job {
    home: Home,
    port: u16,
    inputs: Vec<(&'static str, String)>,
}

impl Job {
    /// A job that tests a key of its own through one short chapter.
    fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let start = format!("{PROGRAM} serve --ephemeral --touch ask --listen 127.0.0.1:{port}");
        let inputs = vec![
            ("CONFORM_START", start),
            ("CONFORM_DEVICE", format!("usbip:127.0.0.1:{port}")),
            ("CONFORM_FILTER", "selection".to_owned()),
        ];
        Self { home: Home::new(), port, inputs }
    }

    fn with(mut self, input: &'static str, value: &str) -> Self {
        self.inputs.retain(|(name, _)| *name != input);
        self.inputs.push((input, value.to_owned()));
        self
    }

    fn run(&self) -> Output {
        let mut command = self.home.start_of(action().join("run"));
        command.arg("test").current_dir(self.home.path());
        command.env("KEYFOB", PROGRAM);
        command.env("GITHUB_STEP_SUMMARY", self.home.path().join("summary.md"));
        command.envs(self.inputs.iter().map(|(name, value)| (name, value)));
        command.output().expect("bash is there")
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.home.path().join(name)).expect(name)
    }

    /// Waits until the key that the job started is gone: its port is free again.
    fn await_the_end_of_its_key(&self) {
        let begun = Instant::now();
        while let Err(error) = TcpListener::bind(("127.0.0.1", self.port)) {
            assert!(begun.elapsed() < Duration::from_secs(30), "{error}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn output_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &error_of(output)
}

#[test]
fn a_job_starts_its_key_tests_it_and_ends_it() {
    let job = Job::new().with("CONFORM_ERASE", "true");
    let output = job.run();
    let said = output_of(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(" 0 failed") && !said.contains("\n0 passed"), "{said}");
    assert!(job.file("ctap-conformance.xml").contains("<testcase"));
    assert!(job.file("key.log").contains("listening on"));
    assert!(job.file("summary.md").contains(" 0 failed"), "{}", job.file("summary.md"));
    job.await_the_end_of_its_key();
}

#[test]
fn a_job_without_a_key_tests_keyfob_itself() {
    let output = Job::new().with("CONFORM_START", "").with("CONFORM_DEVICE", "").run();
    assert!(output.status.success(), "{}", output_of(&output));
}

#[test]
fn a_job_fails_as_the_suite_does() {
    let job = Job::new().with("CONFORM_EXPECTED_FAILURES", "known.txt");
    fs::write(job.home.path().join("known.txt"), "sl-touched\n").unwrap();
    let output = job.run();
    let said = output_of(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("sl-touched"), "{said}");
    job.await_the_end_of_its_key();
}

#[test]
fn a_key_that_ends_before_its_test_is_told_with_its_last_words() {
    let job = Job::new().with("CONFORM_START", "echo no license found; exit 3");
    let output = job.run();
    let said = output_of(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("::error::the key ended before it could be tested"), "{said}");
    assert!(said.contains("no license found"), "{said}");
}

#[test]
fn a_key_that_does_not_come_is_waited_for_no_longer_than_allowed() {
    let job = Job::new().with("CONFORM_START", "sleep 60").with("CONFORM_WAIT", "1");
    let said = output_of(&job.run());
    assert!(said.contains("::error::no key within 1 s"), "{said}");
}

#[test]
fn every_input_reaches_the_script() {
    let definition = fs::read_to_string(action().join("action.yml")).unwrap();
    let script = fs::read_to_string(action().join("run")).unwrap();
    let handed_on = definition.lines().filter_map(|line| line.trim().strip_prefix("CONFORM_"));
    let names: Vec<&str> = handed_on.filter_map(|line| line.split(':').next()).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let reads = ["-", ":-"].map(|default| format!("${{CONFORM_{name}{default}"));
        assert!(reads.iter().any(|read| script.contains(read)), "{name}");
    }
    let inputs = definition.split("\noutputs:").next().unwrap().lines();
    for input in inputs.filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':')) {
        assert!(definition.contains(&format!("inputs.{input}")), "{input}");
    }
}
