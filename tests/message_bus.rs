//! A message bus (D-Bus) of a test's own.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _, stderr};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running `dbus-daemon`, which ends with this.
#[derive(Debug)]
pub struct MessageBus {
    daemon: Child,
    address: String,
    _directory: TempDir,
}

impl MessageBus {
    /// `None`, and a word about it, on a machine without dbus-daemon.
    ///
    /// # Panics
    /// It is there and cannot be started.
    #[must_use]
    pub fn start() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let address = format!("--address=unix:path={}/bus", directory.path().display());
        let started = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nosyslog", "--print-address", &address])
            .stdout(Stdio::piped())
            .spawn();
        let mut daemon = match started {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let missing = "SKIPPED: this test needs dbus-daemon; sudo apt install dbus-daemon";
                let _ = writeln!(stderr(), "{missing}");
                return None;
            }
            started => started.expect("started"),
        };
        let mut line = String::new();
        let output = daemon.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("its address");
        Some(Self { daemon, address: line.trim().to_owned(), _directory: directory })
    }

    /// Where clients find it, as `DBUS_SESSION_BUS_ADDRESS` has it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for MessageBus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
