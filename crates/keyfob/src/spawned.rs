//! A key in a process of its own, for the demonstration and the measurements: this very program, asked to serve or
//! attach one.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

use crate::device::Address;

/// A running key with nothing on it. Dropping it ends the process, and so does the death of this one: the key's standard
/// input stream is a pipe that ends then.
pub(crate) struct SpawnedKey {
    process: Child,
    /// What the key said when it was ready.
    greeting: String,
    ready_after: Duration,
    /// Its control socket is in there, apart from those of other keys.
    home: TempDir,
}

impl SpawnedKey {
    /// Starts `keyfob serve` on a free port of the loopback interface.
    ///
    /// # Errors
    /// When the program cannot be started, or ends at once.
    pub(crate) fn serve(touch: &str) -> anyhow::Result<Self> {
        Self::serve_as(&["--ephemeral", "--touch", touch])
    }

    /// The same, with these options.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn serve_as(options: &[&str]) -> anyhow::Result<Self> {
        Self::start(&[&["serve", "--listen", "127.0.0.1:0"], options].concat(), LISTENING)
    }

    /// Starts `keyfob attach`: the key is plugged into this host's kernel.
    ///
    /// # Errors
    /// As [`serve`](Self::serve); the kernel may refuse, too.
    pub(crate) fn attach(touch: &str) -> anyhow::Result<Self> {
        Self::start(&["attach", "--ephemeral", "--touch", touch], "attached")
    }

    fn start(arguments: &[&str], ready: &str) -> anyhow::Result<Self> {
        let home = TempDir::with_prefix("keyfob-")?;
        let mut command = program(home.path())?;
        command.args(arguments).arg("--until-stdin-closes");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut process = command.spawn()?;
        let output = process.stdout.take().context("a process without output")?;
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let Some(greeting) = lines.find(|line| line.contains(ready)) else {
            let complaint = process.wait_with_output()?.stderr;
            bail!("`keyfob {}` ended: {}", arguments.join(" "), text(&complaint));
        };
        Ok(Self { process, greeting, ready_after: started.elapsed(), home })
    }

    /// `HOST:PORT` of a key that serves.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn server(&self) -> anyhow::Result<&str> {
        let address = self.greeting.split_once(LISTENING).map(|(_, rest)| rest.trim_start());
        let address = address.and_then(|rest| rest.split([',', ' ']).next());
        address.with_context(|| format!("no address in {:?}", self.greeting))
    }

    /// The only key of one that serves.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn address(&self) -> anyhow::Result<Address> {
        Ok(Address::Usbip { server: self.server()?.to_owned(), bus_id: None })
    }

    /// What the key said when it was ready.
    pub(crate) fn greeting(&self) -> &str {
        &self.greeting
    }

    /// From the start of the process to its readiness.
    pub(crate) const fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The number of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Runs a command of the person who holds this key, such as `touch`, and returns what it prints.
    ///
    /// # Errors
    /// When the command fails.
    pub(crate) fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = program(self.home.path())?.args(arguments).output()?;
        let command = arguments.join(" ");
        ensure!(output.status.success(), "`keyfob {command}` failed: {}", text(&output.stderr));
        Ok(text(&output.stdout))
    }
}

impl Drop for SpawnedKey {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// This program, as it is used by somebody whose only key is the one of `home`.
fn program(home: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env("HOME", home).env("XDG_RUNTIME_DIR", home).stdin(Stdio::null());
    // What its user set for other keys is not meant for this one.
    command.env_remove("KEYFOB_CONTROL").env_remove("KEYFOB_LOG").env_remove("RUST_LOG");
    Ok(command)
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).trim().to_owned()
}

const LISTENING: &str = "listening on";
