//! Keys on a machine with Windows or macOS: HIDAPI's devices as pipes of reports (HD-09, CL-65).

use std::ffi::{CString, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hidapi::{DeviceInfo, HidApi, HidDevice, HidError};

pub use crate::local::Key;
use crate::pipe::{Report, ReportPipe};

/// The FIDO keys that are plugged in now, in the system's order.
///
/// # Errors
/// The operating system's error.
pub fn list() -> io::Result<Vec<Key>> {
    let api = HidApi::new().map_err(failure)?;
    let keys = api.device_list().filter(|device| is_fido(device));
    Ok(keys.map(described).collect())
}

/// Whether this is the path of a FIDO key. On these systems that is always known.
///
/// # Errors
/// As [`list`].
pub fn is_key(path: &Path) -> io::Result<Option<bool>> {
    Ok(Some(list()?.iter().any(|key| key.path == path)))
}

/// Opens the key with this path.
///
/// # Errors
/// As [`Key::open`].
pub fn open(path: impl AsRef<Path>) -> io::Result<Hid> {
    let path = path.as_ref().to_string_lossy().into_owned();
    let path = CString::new(path).map_err(io::Error::other)?;
    Ok(Hid(HidApi::new().and_then(|api| api.open_path(&path)).map_err(failure)?))
}

fn described(device: &DeviceInfo) -> Key {
    let path = PathBuf::from(OsString::from(device.path().to_string_lossy().into_owned()));
    let names = [device.manufacturer_string(), device.product_string()];
    Key {
        name: names.into_iter().flatten().collect::<Vec<_>>().join(" "),
        vendor_id: device.vendor_id(),
        product_id: device.product_id(),
        serial: device.serial_number().filter(|serial| !serial.is_empty()).map(str::to_owned),
        device: path.clone(),
        path,
    }
}

/// Usage page F1D0, usage 01 (HD-90).
fn is_fido(device: &DeviceInfo) -> bool {
    (device.usage_page(), device.usage()) == (0xF1D0, 0x01)
}

fn failure(error: HidError) -> io::Error {
    match error {
        HidError::IoError { error } => error,
        other => io::Error::other(other),
    }
}

/// An open key.
#[derive(Debug)]
pub struct Hid(HidDevice);

impl ReportPipe for Hid {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        // The first byte is the report id; 00 means that there are none.
        let mut numbered = [0; 65];
        numbered.iter_mut().skip(1).zip(report).for_each(|(to, from)| *to = *from);
        self.0.write(&numbered).map(drop).map_err(failure)
    }

    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>> {
        // Rather later than before it has passed.
        let milliseconds = i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        let mut report = [0; 64];
        match self.0.read_timeout(&mut report, milliseconds).map_err(failure)? {
            0 => Ok(None),
            _ => Ok(Some(report)),
        }
    }
}
