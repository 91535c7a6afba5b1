//! Looking at a key and changing its settings: one file for each command.

pub(crate) mod blobs;
pub(crate) mod config;
pub(crate) mod credentials;
pub(crate) mod fingerprints;
mod ids;
pub(crate) mod info;
pub(crate) mod list;
mod open_key;
pub(crate) mod pin;
mod pin_source;
pub(crate) mod reset;
pub(crate) mod select;
pub(crate) mod touch;
pub(crate) mod webauthn;

use anyhow::ensure;
use ctap_client::{Client, Error};

pub(crate) use self::pin_source::CurrentPinOptions;
use crate::device::{Channel, DeviceOption};
use crate::failure::{because, cause_of_the_command, failure, usage};
use crate::terminal;

/// Opens the key, ready for requests that wait for a touch.
///
/// # Errors
/// As [`Address::open`](crate::device::Address::open), and for a key without CTAP2.
fn open(options: &DeviceOption) -> anyhow::Result<Client<Channel>> {
    let mut channel = options.device.open()?;
    ensure!(
        channel.has_ctap2()?,
        failure(
            "this key speaks U2F only; it has no PIN, passkeys or settings",
            "use a FIDO2 key for that; this one only registers and signs in",
        )
    );
    let words = touch::words(channel.end());
    let mut client = Client::new(channel);
    client.on_keepalive(touch::listener(words));
    Ok(client)
}

/// Asks before something that cannot be taken back, unless the command line did.
///
/// # Errors
/// When the person refuses, or nobody is there.
fn agree(force: bool, question: &str) -> anyhow::Result<()> {
    if force {
        return Ok(());
    }
    if !terminal::is_interactive() {
        return Err(usage(
            "this cannot be undone, and there is no terminal to ask you whether you are sure",
            "add --force to do it without asking",
        ));
    }
    match terminal::confirm(question)? {
        true => Ok(()),
        false => Err(failure("nothing was changed", "run it again when you are sure")),
    }
}

/// A refusal that needs no more explanation than its status.
fn refused(error: Error) -> anyhow::Error {
    match error.status() {
        Some(status) => told("the key refused", &error, status.advice()),
        None => error.into(),
    }
}

/// A failure as people read it, with the standard's name for what the key answered.
fn told(what: &str, error: &Error, next: &str) -> anyhow::Error {
    let code = error.status().map(|status| format!(" [{} 0x{:02X}]", status.name(), status.byte()));
    because(cause_of_the_command(error), format_args!("{what}{}", code.unwrap_or_default()), next)
}
