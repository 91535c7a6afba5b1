//! `--record`, as all commands have it that start a key.

use std::path::PathBuf;

use clap::Args;
use virtual_key::recording::Recorder;

use crate::say::warn;

/// Whether what keys say is recorded.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Recording")]
pub(crate) struct RecordOptions {
    /// Record in this file what keys and hosts say to each other, for `keyfob trace`, `keyfob replay` and Wireshark: without PINs, tokens
    /// and secrets, but with the names of sites and accounts
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Record PINs, tokens and secrets as well: everybody who has the file can use the key
    #[arg(long, requires = "record")]
    record_secrets: bool,
}

impl RecordOptions {
    /// The recorder, if there is to be one.
    ///
    /// # Errors
    /// The file cannot be used.
    pub(crate) fn recorder(&self) -> anyhow::Result<Option<Recorder>> {
        let Some(file) = &self.record else { return Ok(None) };
        if self.record_secrets {
            warn(format_args!(
                "PINs, tokens and secrets are recorded in {}: do not give it to anybody",
                file.display()
            ));
        }
        let recorder = Recorder::open(file, self.record_secrets, |sentence| warn(sentence))?;
        Ok(Some(recorder))
    }
}
