//! `keyfob wait`: the next prompt of a running key.

use clap::Args;

use super::which_key::WhichKey;
use crate::control::{Request, Response};
use crate::terminal;

/// Wait until a running key asks for a touch
///
/// It prints the prompt as one JSON object.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    which: WhichKey,

    /// Give up after so many seconds
    #[arg(long, value_name = "S")]
    timeout: Option<u32>,
}

/// Waits for a prompt and prints it.
///
/// # Errors
/// No key is running, or no prompt was opened in time.
pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    let WhichKey { connection, key } = options.which;
    match connection.ask(&Request::Wait { key, seconds: options.timeout })? {
        Response::Prompt(prompt) => Ok(terminal::print(terminal::json_line(&prompt)?)?),
        other => Err(other.unexpected()),
    }
}

const EXAMPLES: &str = "\
Examples:
  keyfob wait --timeout 10 && keyfob touch
  keyfob wait | jq -r .rp_id";
