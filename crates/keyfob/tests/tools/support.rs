//! A served key, and commands typed beside it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A key with nothing on it, at a port of its own.
pub(crate) struct Key {
    process: Child,
    home: TempDir,
    /// `HOST:PORT`.
    pub(crate) server: String,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Key {
    pub(crate) fn serve(options: &[&str]) -> Self {
        let home = TempDir::new().unwrap();
        let mut process = program(&home)
            .args(["serve", "--ephemeral", "--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let greeting = lines.next().unwrap().unwrap();
        let address = greeting.strip_prefix("listening on ").unwrap();
        let server = address.split(',').next().unwrap().to_owned();
        Self { process, home, server }
    }

    /// Where its owner lives.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A key that approves everything.
    pub(crate) fn obliging() -> Self {
        Self::serve(&["--touch", "auto"])
    }

    /// Runs a command on this key and gives it `input`.
    pub(crate) fn type_in(&self, arguments: &[&str], input: &str) -> Said {
        let mut process = self.start(arguments);
        // A command that wants no input may have ended already.
        let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
        Said::by(process.wait_with_output().unwrap())
    }

    /// Runs a command on this key.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.type_in(arguments, "")
    }

    /// A command on this key.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(&self.home);
        command.args(arguments).env("KEYFOB_DEVICE", format!("usbip:{}", self.server));
        command
    }

    /// Runs a command of the one who started this key, without saying which key.
    pub(crate) fn run_for_auto(&self, arguments: &[&str]) -> Said {
        Said::by(program(&self.home).args(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Begins a command on this key.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Said {
    pub(crate) fn by(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// It worked, and printed this.
    #[track_caller]
    pub(crate) fn did(&self, expected: &str) {
        assert_eq!(self.code, 0, "{}", self.err);
        assert!(self.out.contains(expected), "{expected:?} is not in:\n{}", self.out);
    }

    /// It failed with this exit code, and all of these words.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in:\n{}", self.err);
        }
    }
}

/// Runs a command that needs no key.
pub(crate) fn run(arguments: &[&str]) -> Said {
    let home = TempDir::new().unwrap();
    Said::by(program(&home).args(arguments).stdin(Stdio::null()).output().unwrap())
}

/// The program, as somebody uses it whose home this is.
pub(crate) fn program(home: &TempDir) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_keyfob"));
    program.env_clear().env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path());
    program
}
