//! The GitHub action's script, as a runner calls it. What GitHub itself does with `action.yml` is not tested here.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::thread::{self, JoinHandle};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::program::{Home, error_of};

const PROGRAM: &str = env!("CARGO_BIN_EXE_keyfob");

/// The directory of the action.
fn action() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.github/actions/conformance"))
}

/// One job with this action. Inputs are named as in the script.
struct Job {
    home: Home,
    inputs: Vec<(&'static str, String)>,
}

/// Somebody who reads from a pipe that a job's key keeps open as long as any process of it lives.
struct Watch(JoinHandle<io::Result<String>>);

impl Watch {
    /// Returns when nothing of the key is left.
    fn await_the_end(self) {
        assert_eq!(self.0.join().expect("no panic").expect("a pipe"), "");
    }
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
        Self { home: Home::new(), inputs }
    }

    /// The same, with somebody who sees when the key has ended.
    fn watched() -> (Self, Watch) {
        let mut job = Self::new();
        let pipe = job.home.path().join("alive");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        let start = format!("exec 3> alive; exec {}", job.input("CONFORM_START"));
        job = job.with("CONFORM_START", &start);
        (job, Watch(thread::spawn(|| io::read_to_string(File::open(pipe)?))))
    }

    fn input(&self, input: &str) -> &str {
        &self.inputs.iter().find(|(name, _)| *name == input).expect(input).1
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
}

fn output_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &error_of(output)
}

#[test]
fn a_job_starts_its_key_tests_it_and_ends_it() {
    let (job, key) = Job::watched();
    let job = job.with("CONFORM_ERASE", "true");
    let output = job.run();
    let said = output_of(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(" 0 failed") && !said.contains("\n0 passed"), "{said}");
    assert!(job.file("ctap-conformance.xml").contains("<testcase"));
    assert!(job.file("key.log").contains("listening on"));
    assert!(job.file("summary.md").contains(" 0 failed"), "{}", job.file("summary.md"));
    key.await_the_end();
}

#[test]
fn a_jobs_summary_begins_with_what_failed() {
    let job = Job::new().with("CONFORM_FILTER", "").with("CONFORM_CASES", "mine");
    let case = r#"
        about = "What no key does"
        [[case]]
        id = "hr-odd"
        rules = ["HR-01"]
        start = "any"
        says = "A key has no <version>."
        steps = 'getInfo => OK {1: [], ...}'
    "#;
    fs::create_dir(job.home.path().join("mine")).unwrap();
    fs::write(job.home.path().join("mine/house.toml"), case).unwrap();
    assert_eq!(job.run().status.code(), Some(1));
    let summary = job.file("summary.md");
    let begins =
        "### 1 case failed\n\n- `hr-odd` (HR-01): A key has no \\<version\\>. **versions (0x01): ";
    assert!(summary.starts_with(begins), "{summary}");
    assert!(summary.contains("CHAPTER  PASSED  FAILED"), "{summary}");
}

#[test]
fn a_job_without_a_key_tests_keyfob_itself() {
    let output = Job::new().with("CONFORM_START", "").with("CONFORM_DEVICE", "").run();
    assert!(output.status.success(), "{}", output_of(&output));
}

#[test]
fn a_job_fails_as_the_suite_does() {
    let (job, key) = Job::watched();
    let job = job.with("CONFORM_EXPECTED_FAILURES", "known.txt");
    fs::write(job.home.path().join("known.txt"), "sl-touched\n").unwrap();
    let output = job.run();
    let said = output_of(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("sl-touched"), "{said}");
    key.await_the_end();
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
    let job = Job::new().with("CONFORM_START", "tail -f /dev/null").with("CONFORM_WAIT", "0");
    let said = output_of(&job.run());
    assert!(said.contains("::error::no key within 0 s"), "{said}");
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
