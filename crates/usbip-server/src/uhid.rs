//! Plugs a device into this machine without its USB bus: HID devices of user space, through `/dev/uhid` (the
//! kernel's Documentation/hid/uhid.rst).
//!
//! Programs find the same `/dev/hidrawN` as with [`vhci`](crate::vhci). But there is no USB device beneath it, so
//! there are no USB descriptors to read. It does not need root, only the right to open the file. With that right a
//! program can make keyboards as well.

#[cfg_attr(target_os = "linux", path = "uhid/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "uhid/elsewhere.rs")]
mod system;

use std::io;
use std::path::{Path, PathBuf};

use crate::device::Port;

/// The usual path of the file.
pub const PLACE: &str = "/dev/uhid";

/// The longest CTAPHID message in bytes that always arrives whole: 30 reports. The kernel keeps 31 for a device
/// that has not read them yet, and drops the others.
pub const CERTAIN_MESSAGE: usize = 1768;

/// Why a device could not be plugged in, or was lost; and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum UhidError {
    /// The file does not exist, or has no driver behind it.
    #[error("this kernel has no uhid loaded; run `sudo modprobe uhid`")]
    ModuleMissing,
    /// This user may not open the file.
    #[error("{} may not be opened; run this as root, or give your group the file", .0.display())]
    Permission(PathBuf),
    /// The device has a host already, or was unplugged: the caller's fault.
    #[error("the device is in use")]
    Busy,
    /// The device, or a part of it, is not a HID device: the caller's fault.
    #[error("the device has no HID interface, and uhid accepts nothing else")]
    NoHid,
    /// This system is not Linux.
    #[error("only Linux has uhid, with which programs make HID devices")]
    OtherSystem,
    /// The file failed for another reason.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
}

/// The kernel's driver for HID devices of user space.
#[derive(Clone, Debug)]
pub struct Uhid {
    path: PathBuf,
}

impl Uhid {
    /// Finds the driver at `path`, which is [`PLACE`] on a real machine, and checks that this user may use it. The
    /// kernel loads the module when somebody opens the file.
    ///
    /// # Errors
    /// Each [`UhidError`] says what the kernel or this user's rights lack, and what to do.
    pub fn open(path: &Path) -> Result<Self, UhidError> {
        let uhid = Self { path: path.to_owned() };
        system::open(path).map_err(|error| uhid.failure(error)).map(|_| uhid)
    }

    /// Plugs the HID part of the device in `port` into this machine, and serves it. Returns when the device was
    /// unplugged; then the kernel's device is gone. It is also gone when the future is dropped, and when the
    /// process ends for any reason.
    ///
    /// # Errors
    /// Each [`UhidError`] says what the kernel or this user's rights lack, and what to do.
    pub async fn serve(&self, port: &Port) -> Result<(), UhidError> {
        let file = system::open(&self.path).map_err(|error| self.failure(error))?;
        let lease = port.lease().ok_or(UhidError::Busy)?;
        let function = lease.hid().ok_or(UhidError::NoHid)?;
        system::serve(file, lease.info().clone(), lease, function)
            .await
            .map_err(|error| self.failure(error))
    }

    fn failure(&self, error: io::Error) -> UhidError {
        let path = self.path.clone();
        match error.kind() {
            io::ErrorKind::Unsupported => UhidError::OtherSystem,
            io::ErrorKind::PermissionDenied => UhidError::Permission(path),
            _ if system::is_missing(&error) => UhidError::ModuleMissing,
            _ => UhidError::Io { path, error },
        }
    }
}
