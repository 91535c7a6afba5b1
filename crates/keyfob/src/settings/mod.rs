//! Looking at a key and changing its settings: one file for each command.

pub(crate) mod info;
pub(crate) mod list;
pub(crate) mod pin;
mod pin_source;
pub(crate) mod reset;
pub(crate) mod select;
mod touch;

use ctap_client::{Client, Error};

use crate::device::{Channel, DeviceOption};

/// Opens the key, ready for requests that wait for a touch.
///
/// # Errors
/// As [`Address::open`](crate::device::Address::open).
fn open(options: &DeviceOption) -> anyhow::Result<Client<Channel>> {
    let mut client = Client::new(options.device.open()?);
    client.on_keepalive(touch::listener());
    Ok(client)
}

/// A failure as people read it, with the standard's name for what the key answered.
fn told(what: &str, error: &Error, next: &str) -> anyhow::Error {
    let code = error.status().map(|status| format!(" [{} 0x{:02X}]", status.name(), status.byte()));
    crate::failure::failure(format_args!("{what}{}", code.unwrap_or_default()), next)
}
