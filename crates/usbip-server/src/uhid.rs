//! Plugging a device into this very machine without its USB bus: HID devices of user space, through `/dev/uhid` (the kernel's
//! Documentation/hid/uhid.rst).
//!
//! Programs find the same `/dev/hidrawN` as with [`vhci`](crate::vhci); but there is no USB device beneath it, and so no
//! descriptors to read. It takes no root, only the right to open the file. Whoever has that can make keyboards, too.

#[cfg_attr(target_os = "linux", path = "uhid/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "uhid/elsewhere.rs")]
mod system;

use std::io;
use std::path::{Path, PathBuf};

use crate::device::Port;

/// Where the kernel has it.
pub const PLACE: &str = "/dev/uhid";

/// Bytes of the longest CTAPHID message that is never too long: 30 reports. The kernel keeps 31 for a device that has not got to them
/// yet, and drops the others.
pub const CERTAIN_MESSAGE: usize = 1768;

/// Why plugging in did not work, or came to its end; and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum UhidError {
    /// There is no such file, or no driver behind it.
    #[error("this kernel has no uhid loaded; run `sudo modprobe uhid`")]
    ModuleMissing,
    /// This user may not open it.
    #[error("{} may not be opened; run this as root, or give your group the file", .0.display())]
    Permission(PathBuf),
    /// The device has a host already, or was unplugged: the caller's fault.
    #[error("the device is in use")]
    Busy,
    /// The device is no HID device, nor is a part of it: the caller's fault.
    #[error("the device has no HID interface, and uhid accepts nothing else")]
    NoHid,
    /// This system is not Linux.
    #[error("only Linux has uhid, with which programs make HID devices")]
    OtherSystem,
    /// The file failed in another way.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it failed with.
        error: io::Error,
    },
}

/// The kernel's driver for HID devices of user space.
#[derive(Clone, Debug)]
pub struct Uhid {
    path: PathBuf,
}

impl Uhid {
    /// Finds the driver at `path`, which is [`PLACE`] on a real machine, and sees that this user may use it. The kernel loads the
    /// module for whoever opens the file.
    ///
    /// # Errors
    /// Each [`UhidError`] says what to do.
    pub fn open(path: &Path) -> Result<Self, UhidError> {
        let uhid = Self { path: path.to_owned() };
        system::open(path).map_err(|error| uhid.failure(error)).map(|_| uhid)
    }

    /// Plugs the device in `port` into this machine, as far as it is a HID device, and serves it. Returns when the plug was pulled: then the kernel's device is
    /// gone. So it is when the future is dropped, and when the process ends in whatever way.
    ///
    /// # Errors
    /// Each [`UhidError`] says what to do.
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
