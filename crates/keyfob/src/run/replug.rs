//! `keyfob replug`: a power cycle of a running key.

use std::path;

use clap::Args;
use virtual_key::profile;

use super::which_key::WhichKey;
use crate::control::Request;
use crate::profiles::completer;

/// Unplug a running key and plug it in again
///
/// A host that imported it with usbip must import it again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    which: WhichKey,

    /// Make it a key of another kind: a built-in profile, or a TOML file. Credentials, PIN and fingers stay
    #[arg(long, value_name = "NAME|FILE", add = completer())]
    profile: Option<String>,
}

/// Unplugs a key and plugs it in again.
///
/// # Errors
/// No key is running, or none with that bus id; no such profile, or one with no place for what the key keeps.
pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    let Options { which: WhichKey { connection, key }, profile } = options;
    let request = match profile {
        None => Request::Replug { key },
        Some(profile) => Request::SetProfile { key, profile: as_the_key_finds_it(profile)? },
    };
    connection.ask(&request).map(drop)
}

/// A file by its whole path: the key runs in another directory.
fn as_the_key_finds_it(profile: String) -> anyhow::Result<String> {
    if !profile::is_file_name(&profile) {
        return Ok(profile);
    }
    Ok(path::absolute(profile)?.display().to_string())
}

const EXAMPLES: &str = "\
Examples:
  keyfob replug && keyfob reset  a reset works only in the first ten seconds
  keyfob replug --key 1-2        the second key
  keyfob replug --profile bio    another kind of key, with the same passkeys";
