//! This host, as far as keys are concerned: what it lacks, how to come by a key on it, and who has its ports.

mod bridge;
mod bridge_service;
mod checks;
pub(crate) mod doctor;
mod finding;
mod key_service;
mod libccid;
mod machine;
mod pcscd;
mod port;
mod reader;
mod udev_rule;
mod uhid;
mod way_in;
mod ways;

use virtual_key::profile::UsbIds;

use self::machine::Machine;
pub(crate) use self::port::STANDARD_PORT;
pub(crate) use self::uhid::WAY as WAY_TO_UHID;
use self::ways::Drivers;

/// The first thing that keeps a key from being attached to this host, and what to do about it.
pub(crate) fn obstacle_to_attaching() -> Option<(String, String)> {
    let drivers = Drivers::of(&Machine::this());
    let lacking = drivers.obstacle()?.clone();
    Some((lacking.what, lacking.next.unwrap_or_default()))
}

/// How to come by a key on this host, which has none in a USB port: a sentence for `next:`.
pub(crate) fn way_to_a_key() -> String {
    way_in::to_a_key(&Machine::this())
}

/// How to come by a virtual smart card reader on this host: a sentence for `next:`.
pub(crate) fn way_to_a_reader() -> &'static str {
    reader::way_to_one(&Machine::this())
}

/// Whether pcscd's driver for readers on USB takes one with these ids: if not, why and what to do about it. Nothing where the driver
/// is not installed.
pub(crate) fn libccid_takes(ids: UsbIds) -> Option<Result<(), (String, String)>> {
    let finding = libccid::finding(&Machine::this(), ids)?;
    Some(match finding.next {
        None => Ok(()),
        Some(next) => Err((finding.what, next)),
    })
}

/// Who listens on this TCP port of this host: a program's name, or whatever is known.
pub(crate) fn listener(port: u16) -> Option<String> {
    port::listener(&Machine::this(), port)?
}
