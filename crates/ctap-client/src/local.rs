//! Keys on this machine, whatever its system: Linux' hidraw, or what Windows and macOS have in its place.

use std::io;
use std::path::PathBuf;

#[cfg(any(windows, target_os = "macos"))]
pub use crate::hidapi::{Hid as Opened, is_key, list, open};
#[cfg(target_os = "linux")]
pub use crate::hidraw::{Hidraw as Opened, is_key, list, open};

/// A FIDO key the system knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The device file, `/dev/hidrawN`; elsewhere what the system opens it by.
    pub path: PathBuf,
    /// Manufacturer and product, as the system joins them.
    pub name: String,
    /// The USB vendor id.
    pub vendor_id: u16,
    /// The USB product id.
    pub product_id: u16,
    /// The serial number, if the key tells one.
    pub serial: Option<String>,
    /// The kernel's device, below `/sys/devices`. A key that is plugged in again is another one, even if it gets the same
    /// device file. Elsewhere it has no name but its path.
    pub device: PathBuf,
}

impl Key {
    /// Opens it.
    ///
    /// # Errors
    /// From the operating system; mostly missing permission (a udev rule gives it, and on Windows an administrator has it) or a key
    /// just unplugged.
    pub fn open(&self) -> io::Result<Opened> {
        open(&self.path)
    }
}
