//! Keys on this machine, on any system: through Linux's hidraw, or the equivalent of Windows and macOS.

use std::io;
use std::path::PathBuf;

#[cfg(any(windows, target_os = "macos"))]
pub use crate::hidapi::{Hid as Opened, is_key, list, open};
#[cfg(target_os = "linux")]
pub use crate::hidraw::{Hidraw as Opened, is_key, list, open};

/// A FIDO key that the system knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The device file, `/dev/hidrawN`; on other systems the path by which the system opens it.
    pub path: PathBuf,
    /// Manufacturer and product, as the system joins them into one name.
    pub name: String,
    /// The USB vendor id.
    pub vendor_id: u16,
    /// The USB product id.
    pub product_id: u16,
    /// The serial number, if the key has one.
    pub serial: Option<String>,
    /// The kernel's device, below `/sys/devices`. A key that is plugged in again gets a new one, even if its device
    /// file is the same. On other systems this is the path.
    pub device: PathBuf,
}

impl Key {
    /// Opens it.
    ///
    /// # Errors
    /// The operating system's error. In most cases a permission is missing (on Linux a udev rule gives it, on
    /// Windows an administrator has it), or the key was just unplugged.
    pub fn open(&self) -> io::Result<Opened> {
        open(&self.path)
    }
}
