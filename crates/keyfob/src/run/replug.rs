//! `keyfob replug`: a power cycle of a running key.

use clap::Args;

use crate::control::{Connection, Request};

/// Unplug a running key and plug it in again
///
/// A host that imported it with usbip has to do so again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,

    /// Replug this key, by its bus id
    #[arg(long, value_name = "BUSID")]
    key: Option<String>,
}

/// Unplugs a key and plugs it in again.
///
/// # Errors
/// No key is running, or none with that bus id.
pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    options.connection.ask(&Request::Replug { key: options.key }).map(drop)
}

const EXAMPLES: &str = "\
Examples:
  keyfob replug && keyfob reset  a reset is for the first ten seconds
  keyfob replug --key 1-2        the second key";
