//! The power cycle of a key: who unplugs it and plugs it in again, and where it is then.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use ctap_client::TransportError;
use ctap_client::local::Key;
use ctap_conformance::TransportFailure;

use super::PAUSE;
use super::command::{Failed, OperatorCommand, unable};
use super::running_key::RunningKey;
use crate::device::cards::PcscCard;
use crate::device::{Address, End, Reports, local_keys};
use crate::terminal;

/// Who is there.
pub(super) enum Plug {
    /// A USB/IP device is unplugged and plugged in by leaving and importing it.
    Import,
    /// The reader of this name takes a card's power and gives it back.
    Reader(String),
    RunningKey(RunningKey),
    Command(OperatorCommand),
    Person,
    Nobody,
}

impl Plug {
    /// Unplugs the key and plugs it in. No way to it is open.
    ///
    /// # Errors
    /// When nobody can, or somebody's command failed.
    pub(super) fn cycle(&self) -> Result<(), Failed> {
        match self {
            Self::Import => Ok(()),
            Self::Reader(reader) => Ok(PcscCard::connect(reader)
                .and_then(PcscCard::power_off)
                .map_err(|fault| TransportFailure::from(TransportError::from(fault)))?),
            Self::RunningKey(key) => Ok(key.replug()?),
            Self::Command(command) => command.run("power cycle"),
            Self::Person => {
                terminal::make_room();
                let asked = terminal::confirm(
                    "Unplug the key and plug it in again, or take the card off its reader and lay it on again. Done?",
                );
                match asked.unwrap_or(false) {
                    true => Ok(()),
                    false => Err(unable("the key was not unplugged").into()),
                }
            }
            Self::Nobody => Err(unable(
                "there is no terminal to ask somebody to unplug the key; use --power-cycle-cmd",
            )
            .into()),
        }
    }
}

/// Where a key is now, and the open way to it.
type Found = (Address, Reports);

/// Which of these keys of this host an address means.
pub(super) fn among<'k>(address: &Address, keys: &'k [Key]) -> Option<&'k Key> {
    match address {
        Address::Auto => keys.first(),
        Address::Hidraw(path) => {
            let path = fs::canonicalize(path).ok()?;
            keys.iter().find(|key| key.path == path)
        }
        Address::Usbip { .. } | Address::Pcsc { .. } => None,
    }
}

/// Follows a key of this host, which was plugged in again, to the device file that it has now, and opens it. Keys elsewhere
/// stay where they are, and so does what a bridge shows: the card alone loses its power.
///
/// # Errors
/// When it does not come back.
pub(super) fn follow(address: &Address, before: &[Key]) -> Result<Option<Found>, TransportFailure> {
    let Some(old) = among(address, before).filter(|old| End::of(old) == End::Key) else {
        return Ok(None);
    };
    let begun = Instant::now();
    while begun.elapsed() < PLUGGING {
        let new = successor(old, before, &local_keys().unwrap_or_default());
        if let Some(address) = new.map(Address::Hidraw)
            && let Ok(pipe) = address.pipe()
        {
            return Ok(Some((address, pipe)));
        }
        thread::sleep(PAUSE);
    }
    let why = format!("{} was unplugged and was not plugged in again in time", old.path.display());
    Err(TransportError::from(io::Error::new(io::ErrorKind::NotFound, why)).into())
}

/// The device file of the key that was `old`, once it is among the keys of `now`. The kernel takes each plugging in for
/// another device.
fn successor(old: &Key, before: &[Key], now: &[Key]) -> Option<PathBuf> {
    let make = |key: &Key| (key.vendor_id, key.product_id, key.serial.clone());
    let is_new = |key: &&Key| before.iter().all(|known| known.device != key.device);
    now.iter().filter(is_new).find(|key| make(key) == make(old)).map(|key| key.path.clone())
}

/// How long a host takes at most to have a device back.
const PLUGGING: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32, serial: &str, life: u32) -> Key {
        Key {
            path: format!("/dev/hidraw{number}").into(),
            name: "Example key".to_owned(),
            vendor_id: 0x1209,
            product_id: 5,
            serial: (!serial.is_empty()).then(|| serial.to_owned()),
            device: format!("/sys/devices/{life}").into(),
        }
    }

    #[test]
    fn a_key_is_followed_to_another_device_file_and_no_other_key_taken_for_it() {
        let before = [key(0, "a", 1), key(1, "b", 2)];
        let after = |now: &[Key]| successor(&before[0], &before, now);
        assert_eq!(after(&before), None, "still plugged in");
        assert_eq!(after(&before[1..]), None, "not yet back");
        assert_eq!(after(&[before[1].clone(), key(2, "c", 3)]), None, "somebody else's");
        assert_eq!(after(&[key(0, "a", 3)]), Some("/dev/hidraw0".into()));
        assert_eq!(after(&[before[1].clone(), key(2, "a", 3)]), Some("/dev/hidraw2".into()));
    }

    #[test]
    fn of_two_keys_without_numbers_the_one_that_was_plugged_in_is_it() {
        let before = [key(0, "", 1), key(1, "", 2)];
        let now = [before[1].clone(), key(2, "", 3)];
        assert_eq!(successor(&before[0], &before, &now), Some("/dev/hidraw2".into()));
    }

    #[test]
    fn what_a_bridge_shows_stays_where_it_is() {
        let bridged = Key { name: "keyfob keyfob bridge".to_owned(), ..key(0, "bridge-1", 1) };
        assert!(matches!(follow(&Address::Auto, &[bridged]), Ok(None)));
    }
}
