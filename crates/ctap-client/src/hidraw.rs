//! Keys on this machine: Linux's `/dev/hidrawN` as a pipe of reports (HD-09, CL-65).

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

pub use crate::local::Key;
use crate::pipe::{Report, ReportPipe};

/// The FIDO keys that are plugged in now, in the order of their device numbers.
///
/// # Errors
/// When `/sys/class/hidraw` cannot be read. Devices that are unplugged meanwhile are left out.
pub fn list() -> io::Result<Vec<Key>> {
    list_in(Path::new("/sys/class/hidraw"))
}

/// [`list`], from another directory that looks like `/sys/class/hidraw`.
///
/// # Errors
/// When it cannot be read.
pub fn list_in(class: &Path) -> io::Result<Vec<Key>> {
    let mut numbered = Vec::new();
    for entry in fs::read_dir(class)? {
        let entry = entry?;
        let name = entry.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix("hidraw")?.parse::<u32>().ok());
        if let (Some(number), Some(key)) = (number, describe(&entry.path())) {
            numbered.push((number, key));
        }
    }
    numbered.sort_by_key(|(number, _)| *number);
    Ok(numbered.into_iter().map(|(_, key)| key).collect())
}

/// Opens a device file.
///
/// # Errors
/// As [`Key::open`].
pub fn open(path: impl AsRef<Path>) -> io::Result<Hidraw> {
    Hidraw::open(path)
}

/// Whether this device file belongs to a FIDO key. `None`: the kernel does not tell, because sysfs is not mounted.
///
/// # Errors
/// There is no such file, or its metadata cannot be read.
pub fn is_key(path: &Path) -> io::Result<Option<bool>> {
    let metadata = fs::metadata(path)?;
    if !metadata.file_type().is_char_device() {
        return Ok(Some(false));
    }
    let devices = Path::new("/sys/dev/char");
    if !devices.is_dir() {
        return Ok(None);
    }
    let (major, minor) = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
    let descriptor = devices.join(format!("{major}:{minor}/device/report_descriptor"));
    Ok(Some(fs::read(descriptor).is_ok_and(|descriptor| is_fido(&descriptor))))
}

/// The facts in sysfs about one hidraw device; `None` if it is not a FIDO key.
fn describe(device: &Path) -> Option<Key> {
    let descriptor = fs::read(device.join("device/report_descriptor")).ok()?;
    if !is_fido(&descriptor) {
        return None;
    }
    let uevent = fs::read_to_string(device.join("device/uevent")).ok()?;
    let field =
        |name| uevent.lines().find_map(|line: &str| line.strip_prefix(name)?.strip_prefix('='));
    // HID_ID is bus:vendor:product, in hexadecimal.
    let mut id = field("HID_ID")?.split(':').skip(1).map(|part| u32::from_str_radix(part, 16).ok());
    Some(Key {
        path: Path::new("/dev").join(device.file_name()?),
        name: field("HID_NAME").unwrap_or_default().to_owned(),
        vendor_id: u16::try_from(id.next()??).ok()?,
        product_id: u16::try_from(id.next()??).ok()?,
        serial: field("HID_UNIQ").filter(|serial| !serial.is_empty()).map(str::to_owned),
        device: fs::canonicalize(device.join("device")).ok()?,
    })
}

/// Whether a report descriptor begins its first application with usage page F1D0, usage 01 (HD-90).
fn is_fido(descriptor: &[u8]) -> bool {
    let mut usage_page = None;
    let mut rest = descriptor;
    while let Some((&prefix, after)) = rest.split_first() {
        let size = match prefix & 0x03 {
            3 => 4,
            size => usize::from(size),
        };
        let Some((data, next)) = after.split_at_checked(size) else { return false };
        let value = data.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        match prefix & 0xFC {
            USAGE_PAGE => usage_page = Some(value),
            USAGE => return (usage_page, value) == (Some(FIDO_PAGE), FIDO_USAGE),
            _ => {}
        }
        rest = next;
    }
    false
}

const USAGE_PAGE: u8 = 0x04;
const USAGE: u8 = 0x08;
const FIDO_PAGE: u32 = 0xF1D0;
const FIDO_USAGE: u32 = 0x01;

/// An open `/dev/hidrawN`.
#[derive(Debug)]
pub struct Hidraw {
    file: File,
    /// How many reports may be sent one after the other, if that is limited.
    burst: Option<u32>,
    /// How many were, since the key was last listened to.
    sent: u32,
}

impl Hidraw {
    /// Opens a device file.
    ///
    /// # Errors
    /// As [`Key::open`].
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let burst = is_on_uhid(&file).then_some(UHID_BURST);
        Ok(Self { file, burst, sent: 0 })
    }

    /// Lets the key get to what it was sent, where the kernel would drop what is too much (MSG-65).
    fn pace(&mut self) {
        if self.burst.is_some_and(|burst| self.sent >= burst) {
            (0..UHID_NAPS).for_each(|_| thread::sleep(UHID_NAP));
            self.sent = 0;
        }
        self.sent = self.sent.saturating_add(1);
    }

    /// Waits until a report (or an error) can be read; `false` when `timeout` passed.
    fn wait(&self, timeout: Duration) -> io::Result<bool> {
        let begun = Instant::now();
        loop {
            let left = timeout.saturating_sub(begun.elapsed());
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&left)) {
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether the key is a program of this machine, behind the kernel's uhid.
fn is_on_uhid(file: &File) -> bool {
    let device = file.metadata().and_then(|metadata| {
        let number = metadata.rdev();
        let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
        fs::canonicalize(format!("/sys/dev/char/{major}:{minor}/device"))
    });
    device.is_ok_and(|device| device.starts_with("/sys/devices/virtual/misc/uhid"))
}

/// The kernel keeps 31 reports that such a key has not taken, or 30 and the news that somebody opened its file.
const UHID_BURST: u32 = 30;
/// Time for a key to be scheduled among other programs, and to take the reports. A hardware key needs longer for
/// the same number. The time is split into parts, because on a virtual processor that stood still, a single one may
/// be over before any program goes on.
const UHID_NAP: Duration = Duration::from_millis(10);
const UHID_NAPS: u32 = 5;

impl ReportPipe for Hidraw {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        self.pace();
        // The kernel takes the first byte as the report id; 00 means that there are none.
        let mut numbered = [0; 65];
        numbered.iter_mut().skip(1).zip(report).for_each(|(to, from)| *to = *from);
        self.file.write_all(&numbered)
    }

    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>> {
        if !self.wait(timeout)? {
            return Ok(None);
        }
        self.sent = 0;
        // A short report is filled up with zeros; the kernel cuts a long one.
        let mut report = [0; 64];
        match self.file.read(&mut report)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(Some(report)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_support::hex;

    const FIDO: &str = "06d0f10901a1010920150026ff007508954081020921150026ff00750895409102c0";
    const KEYBOARD: &str = "05010906a101050719e029e715002501750195088102c0";

    fn plug_in(class: &Path, name: &str, descriptor: &[u8], uevent: &str) {
        let device = class.join(name).join("device");
        fs::create_dir_all(&device).unwrap();
        fs::write(device.join("report_descriptor"), descriptor).unwrap();
        fs::write(device.join("uevent"), uevent).unwrap();
    }

    #[test]
    fn fido_keys_are_listed_by_number_and_other_devices_left_out() {
        let class = tempfile::tempdir().unwrap();
        let first =
            "DRIVER=hid-generic\nHID_ID=0003:00001209:0000F1D0\nHID_NAME=keyfob Key\nHID_UNIQ=\n";
        let second = "HID_ID=0003:00001050:00000407\nHID_NAME=Other\nHID_UNIQ=42\n";
        plug_in(class.path(), "hidraw10", &hex(FIDO), second);
        plug_in(class.path(), "hidraw2", &hex(FIDO), first);
        plug_in(class.path(), "hidraw0", &hex(KEYBOARD), first);
        plug_in(class.path(), "hidraw3", &hex(FIDO), "HID_NAME=without id\n");
        let keys = list_in(class.path()).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(
            keys[0],
            Key {
                path: "/dev/hidraw2".into(),
                name: "keyfob Key".into(),
                vendor_id: 0x1209,
                product_id: 0xF1D0,
                serial: None,
                device: fs::canonicalize(class.path().join("hidraw2/device")).unwrap(),
            }
        );
        assert_eq!(
            (keys[1].path.to_str(), keys[1].serial.as_deref()),
            (Some("/dev/hidraw10"), Some("42"))
        );
    }

    #[test]
    fn reports_go_out_behind_a_zero_byte_and_come_in_bare() {
        // HD-09
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut pipe = Hidraw::open(file.path()).unwrap();
        pipe.send(&[7; 64]).unwrap();
        let mut written = Vec::new();
        file.read_to_end(&mut written).unwrap();
        assert_eq!(written, [[0].as_slice(), &[7; 64]].concat());

        let mut pipe = Hidraw::open(file.path()).unwrap();
        let report = pipe.receive(Duration::ZERO).unwrap().unwrap();
        assert_eq!(report[..2], [0, 7]);
    }

    #[test]
    fn a_key_that_is_a_program_gets_time_for_long_messages_and_others_need_none() {
        // MSG-65
        let named = tempfile::NamedTempFile::new().unwrap();
        let mut pipe = Hidraw::open(named.path()).unwrap();
        assert_eq!(pipe.burst, None, "it is a file");
        pipe.burst = Some(2);
        let counts = [1, 2, 1, 2, 1].map(|_| {
            pipe.send(&[7; 64]).unwrap();
            pipe.sent
        });
        assert_eq!(counts, [1, 2, 1, 2, 1]);
        pipe.file = named.reopen().unwrap();
        pipe.receive(Duration::ZERO).unwrap();
        assert_eq!(pipe.sent, 0, "it has answered");
    }

    #[test]
    fn what_is_no_key_is_known_before_it_is_opened() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(is_key(file.path()).unwrap(), Some(false));
        assert!(is_key(&file.path().join("missing")).is_err());
        let is_told = Path::new("/sys/dev/char").is_dir();
        assert_eq!(is_key(Path::new("/dev/null")).unwrap(), is_told.then_some(false));
    }

    #[test]
    fn a_key_that_is_gone_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut pipe = Hidraw::open(file.path()).unwrap();
        assert!(pipe.receive(Duration::ZERO).is_err());
    }

    proptest! {
        #[test]
        fn no_descriptor_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            is_fido(&bytes);
        }
    }
}
