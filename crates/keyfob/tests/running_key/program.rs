//! The program under test, as a process.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A home of its own for a key and the commands that are typed beside it.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where the control socket is by default.
    pub(crate) fn control(&self) -> PathBuf {
        self.path().join("keyfob/control")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.start_of(env!("CARGO_BIN_EXE_keyfob"));
        command.args(arguments);
        command
    }

    /// Another program, which may run keyfob itself: it lives here too, and reads nothing.
    pub(crate) fn start_of(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        for variable in ["KEYFOB_CONTROL", "KEYFOB_LOG", "RUST_LOG", "XDG_STATE_HOME"] {
            command.env_remove(variable);
        }
        command.env("HOME", self.path()).env("XDG_RUNTIME_DIR", self.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("started")
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", error_of(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs a command that must fail with this exit code, and returns what it complained about.
    #[track_caller]
    pub(crate) fn fail(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", error_of(&output));
        error_of(&output)
    }

    /// Starts `keyfob serve` on a free port, and waits until it listens.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Serving {
        let always = ["serve", "--listen", "127.0.0.1:0"];
        let mut command = self.command(&[&always, arguments].concat());
        command.stderr(Stdio::piped());
        Serving::start(command)
    }
}

/// A running `keyfob serve`. Dropping it kills it.
pub(crate) struct Serving {
    process: Child,
    output: BufReader<ChildStdout>,
    /// The line that says where it listens.
    pub(crate) greeting: String,
}

impl Serving {
    /// Runs `keyfob serve` and waits until it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("started");
        let mut output = BufReader::new(process.stdout.take().expect("piped"));
        let greeting = read_line(&mut output);
        assert!(greeting.starts_with("listening on "), "{greeting:?}");
        Self { process, output, greeting }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let rest = self.greeting.strip_prefix("listening on ").expect("an address");
        rest.split(',').next().expect("an address").parse().expect("an address")
    }

    /// The next line it prints.
    pub(crate) fn line(&mut self) -> String {
        read_line(&mut self.output)
    }

    /// Passes over the lines that say how to come by the key.
    pub(crate) fn skip_ways_in(&mut self) {
        while !self.line().starts_with("without root: ") {}
    }

    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// What it reads from, if that is a pipe.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.process.stdin.take().expect("piped")
    }

    /// Sends a signal and waits for the end. Returns how it ended, and its complaints.
    pub(crate) fn end(self, signal: Signal) -> (ExitStatus, String) {
        self.signal(signal);
        self.wait()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs");
    }

    /// Waits for the end. Returns how it ended, and its complaints.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.process.wait().expect("it ended");
        let complaints = self.process.stderr.take().map(std::io::read_to_string);
        (status, complaints.transpose().expect("text").unwrap_or_default())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read_line(output: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    output.read_line(&mut line).expect("text");
    line.trim_end().to_owned()
}

pub(crate) fn error_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asks the key until it says yes. Each question is a message to it, or a program that sends one, so that asking is waiting.
pub(crate) fn eventually(what: &str, mut ask: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !ask() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
    }
}

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
