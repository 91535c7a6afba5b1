//! Commands of somebody's that touch or unplug a key, or make it as new.

use std::path::Path;
use std::process::{Command, Stdio};

use ctap_conformance::TransportFailure;

/// Why nobody did what was to be done.
pub(super) enum Failed {
    /// Somebody's command failed: says which option's, and how.
    Command(String),
    Otherwise(TransportFailure),
}

impl From<TransportFailure> for Failed {
    fn from(failure: TransportFailure) -> Self {
        Self::Otherwise(failure)
    }
}

/// A command, and the option that it was given with.
pub(super) struct OperatorCommand {
    option: &'static str,
    command: String,
}

impl OperatorCommand {
    pub(super) fn of(option: &'static str, command: Option<&String>) -> Option<Self> {
        command.map(|command| Self { option, command: command.clone() })
    }

    /// Runs it, with `KEYFOB_HAND` set to what is to be done.
    ///
    /// # Errors
    /// Its exit status, or what the system says.
    pub(super) fn run(&self, hand: &str) -> Result<(), Failed> {
        let Self { option, command } = self;
        let [shell, flag] = SHELL;
        let status = Command::new(Path::new(shell))
            .args([flag, command])
            .env("KEYFOB_HAND", hand)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failed::Command(format!("{option} `{command}` failed: {status}"))),
            Err(error) => {
                Err(Failed::Command(format!("{option} `{command}` cannot be run: {error}")))
            }
        }
    }
}

/// What nobody here can do to the key: a sentence.
pub(super) fn unable(why: &str) -> TransportFailure {
    TransportFailure::Unable(why.to_owned())
}

/// What understands a command line, and how it is given one.
const SHELL: [&str; 2] = if cfg!(windows) { ["cmd.exe", "/C"] } else { ["/bin/sh", "-c"] };
