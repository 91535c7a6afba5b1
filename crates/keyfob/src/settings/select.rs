//! `keyfob select` and `keyfob wink`: which of several keys is this one?

use ctap_client::{Error, Status};

use super::{open, refused, told};
use crate::device::DeviceOption;
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
    open(&options.device)?.selection().map_err(explain)?;
    Ok(terminal::print("This is the key that was touched.\n")?)
}

fn explain(error: Error) -> anyhow::Error {
    match error.status() {
        Some(Status::OperationDenied) => told("the touch was refused", &error, TOUCH_IT),
        Some(Status::UserActionTimeout) => told("nobody touched the key", &error, TOUCH_IT),
        Some(Status::KeepaliveCancel) => told("the key was not touched", &error, TOUCH_IT),
        _ => refused(error),
    }
}

const TOUCH_IT: &str = "run `keyfob select` again and touch the key";

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
