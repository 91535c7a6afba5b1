//! `keyfob select` and `keyfob wink`: which of several keys is this one?

use ctap_client::{Error, Status};

use super::{open, refused, told};
use crate::device::{DeviceOption, End};
use crate::terminal;

/// Wait until this key is touched
#[derive(clap::Args, Debug)]
#[command(after_help = SELECT_EXAMPLES)]
pub(crate) struct SelectOptions {
    #[command(flatten)]
    device: DeviceOption,
}

/// Make this key show which one it is: most keys blink
#[derive(clap::Args, Debug)]
#[command(after_help = WINK_EXAMPLES)]
pub(crate) struct WinkOptions {
    #[command(flatten)]
    device: DeviceOption,
}

/// Runs `select` (SL-01).
///
/// # Errors
/// When nobody touched the key.
pub(crate) fn run_select(options: &SelectOptions) -> anyhow::Result<()> {
    let mut client = open(&options.device)?;
    let end = client.exchange_mut().end();
    client.selection().map_err(|error| explain(error, end))?;
    Ok(terminal::print("This is the key that was touched.\n")?)
}

fn explain(error: Error, end: End) -> anyhow::Error {
    let (left_undone, next) = match end {
        End::Key => ("nobody touched the key", "run `keyfob select` again and touch the key"),
        End::Bridge => (
            "nobody laid the key on its reader, or touched it there",
            "run `keyfob select` again and lay the key on its reader",
        ),
    };
    match error.status() {
        Some(Status::OperationDenied) => told("the touch was refused", &error, next),
        Some(Status::UserActionTimeout | Status::KeepaliveCancel) => {
            told(left_undone, &error, next)
        }
        _ => refused(error),
    }
}

/// Runs `wink` (HD-61).
///
/// # Errors
/// When the key does not wink.
pub(crate) fn run_wink(options: &WinkOptions) -> anyhow::Result<()> {
    options.device.device.open()?.wink()?;
    Ok(terminal::print(
        "This key was asked to show which one it is: most keys blink, and keyfob says so where it runs.\n",
    )?)
}

const SELECT_EXAMPLES: &str = "\
Example:
  keyfob select --device /dev/hidraw3 && echo that one";

const WINK_EXAMPLES: &str = "\
Example:
  keyfob wink --device /dev/hidraw3";
