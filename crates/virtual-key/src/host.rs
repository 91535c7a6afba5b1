//! The kernel of this machine as the host of a key, through one of two drivers: its virtual USB host controller, or uhid.

use std::cell::Cell;
use std::convert::Infallible;
use std::fs;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use ctap_client::local::{self, Key};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use usbip_server::Port;
use usbip_server::uhid::{self, Uhid};
use usbip_server::vhci::{self, HubPort, Vhci, VhciError};

use crate::error::Error;
use crate::keys::{CardReader, Form, KeySettings, PluggedKey};

/// The driver of this machine's kernel that keys are plugged into. What programs find is the same `/dev/hidrawN`.
#[derive(Clone, Debug)]
pub enum Driver {
    /// The virtual USB host controller: a key is a whole USB device. It needs the module vhci-hcd and, as a rule, root.
    Vhci(Vhci),
    /// HID devices of user space: a key has no USB device beneath it. It needs the right to open `/dev/uhid`.
    Uhid(Uhid),
}

impl Driver {
    /// Finds a driver: the virtual USB host controller or, if this user cannot plug keys into it, uhid. With uhid
    /// comes the reason why it is not the first.
    ///
    /// # Errors
    /// [`Error::Kernel`]: this user can use neither; it tells why the virtual USB host controller cannot be used.
    pub fn find() -> Result<(Self, Option<VhciError>), Error> {
        match usable_vhci() {
            Ok(vhci) => Ok((Self::Vhci(vhci), None)),
            Err(why) => match Self::uhid() {
                Ok(uhid) => Ok((uhid, Some(why))),
                Err(_) => Err(why.into()),
            },
        }
    }

    /// Takes only the virtual USB host controller. A reader needs it, because it is a whole USB device.
    ///
    /// # Errors
    /// [`Error::Kernel`].
    pub fn vhci() -> Result<Self, Error> {
        Ok(Self::Vhci(usable_vhci()?))
    }

    /// Takes only uhid.
    ///
    /// # Errors
    /// [`Error::Uhid`]: this kernel has no uhid, or this user may not use it.
    pub fn uhid() -> Result<Self, Error> {
        Ok(Self::Uhid(Uhid::open(Path::new(uhid::PLACE))?))
    }

    /// Plugs the device of that server port into this driver, and keeps it there until it is unplugged. `plugged`
    /// is told the port of the virtual USB host controller, if that is the driver.
    ///
    /// # Errors
    /// [`Error::Kernel`], [`Error::Uhid`]: the kernel refuses the device. [`Error::Broken`]: it broke the
    /// connection.
    pub async fn plug_in(&self, port: &Port, plugged: impl FnOnce(HubPort)) -> Result<(), Error> {
        match self {
            Self::Uhid(uhid) => Ok(uhid.serve(port).await?),
            Self::Vhci(vhci) => {
                let (hub_port, stream) = vhci.attach(port.devid())?;
                plugged(hub_port);
                let broken = |error| Error::Broken { bus_id: port.bus_id().to_owned(), error };
                port.serve(stream).await.map_err(broken)
            }
        }
    }

    /// The same settings, changed so that this driver has room for every message that the keys announce.
    pub fn suited(&self, settings: KeySettings) -> KeySettings {
        match self {
            Self::Vhci(_) => settings,
            Self::Uhid(_) => {
                let profile = settings.profile.with_longest_message(uhid::CERTAIN_MESSAGE);
                KeySettings { profile, ..settings }
            }
        }
    }

    /// The driver's name in the kernel.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Vhci(_) => "vhci-hcd",
            Self::Uhid(_) => UHID,
        }
    }
}

fn usable_vhci() -> Result<Vhci, VhciError> {
    let vhci = Vhci::open(Path::new(vhci::PLATFORM))?;
    vhci.check_permission()?;
    Ok(vhci)
}

/// A key that is plugged into a driver of this machine.
pub struct Held {
    driver: Driver,
    key: Rc<PluggedKey>,
    found: Found,
    /// The port of the controller that it was plugged into last.
    port: Cell<Option<HubPort>>,
}

/// Called each time that a key was plugged in, with what the kernel made of it: the device file of the key or of
/// its reader; or, for a reader of the kernel's own NFC, its folder in sysfs. `None`: there is none after
/// [`ENUMERATION`].
pub type Found = Box<dyn Fn(&PluggedKey, Option<&Path>)>;

impl Held {
    /// A key for this driver, not plugged in yet. `found` is told its device files.
    pub fn new(driver: &Driver, key: &Rc<PluggedKey>, found: Found) -> Self {
        key.hold(driver.name());
        Self { driver: driver.clone(), key: Rc::clone(key), found, port: Cell::new(None) }
    }

    /// Keeps the key plugged in, and plugs it in again after [`PluggedKey::replug`]. Dropping the future unplugs it.
    ///
    /// # Errors
    /// [`Error::Kernel`], [`Error::Uhid`]: the kernel refuses the key. [`Error::Unplugged`], [`Error::Broken`]: it
    /// unplugged the key.
    pub async fn hold(&self) -> Result<Infallible, Error> {
        loop {
            let replugs = self.key.replugs();
            let before = Made::of(&self.key).await.map(|made| made.device);
            tokio::select! {
                outcome = self.plug_in() => outcome?,
                never = self.announce(before) => match never {},
            }
            if self.key.replugs() == replugs {
                return Err(Error::Unplugged { bus_id: self.key.bus_id().to_owned() });
            }
            self.freed().await;
        }
    }

    /// Plugs it in, until it is unplugged.
    async fn plug_in(&self) -> Result<(), Error> {
        self.driver.plug_in(self.key.port(), |port| self.port.set(Some(port))).await
    }

    /// Waits until the kernel has freed the port, so that the key gets the same port again. In another port the
    /// kernel would find the key before its old device is gone, and give it another device file. With uhid nothing
    /// has to be waited for.
    pub async fn freed(&self) {
        let (Driver::Vhci(vhci), Some(port)) = (&self.driver, self.port.get()) else { return };
        let is_busy = |now: &HubPort| now.number == port.number && !now.is_free;
        let is_free = async {
            while vhci.ports().is_ok_and(|ports| ports.iter().any(is_busy)) {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        };
        // If that is not to be, another port must do.
        let _ = timeout(FREEING, is_free).await;
    }

    /// Tells as soon as the kernel has a device for the key, another one than `before`.
    async fn announce(&self, before: Option<PathBuf>) -> Infallible {
        let found = timeout(ENUMERATION, async {
            loop {
                match Made::of(&self.key).await {
                    Some(made) if Some(&made.device) != before.as_ref() => return made.file,
                    _ => tokio::time::sleep(BETWEEN_LOOKS).await,
                }
            }
        });
        (self.found)(&self.key, found.await.ok().as_deref());
        pending().await
    }
}

/// The kernel's devices for a key.
struct Made {
    /// The device, which is a new one each time the key is plugged in.
    device: PathBuf,
    file: PathBuf,
}

impl Made {
    async fn of(key: &PluggedKey) -> Option<Self> {
        match key.form() {
            Form::Usb => {
                let found = local_device(key.serial())?;
                Some(Self { device: found.device, file: found.path })
            }
            Form::Card(reader) => {
                let serial = key.serial().to_owned();
                // The kernel lets nobody read these files while it asks a new device, which waits for this thread to answer.
                let look = move || local_reader(Path::new("/sys/bus/usb/devices"), &serial, reader);
                let file = spawn_blocking(look).await.ok()??;
                Some(Self { device: file.clone(), file })
            }
        }
    }
}

/// The device file of the reader with this serial number, among the USB devices in this folder of sysfs. The kernel
/// gives it a new number each time.
fn local_reader(devices: &Path, serial: &str, reader: CardReader) -> Option<PathBuf> {
    let read = |device: &Path, name| fs::read_to_string(device.join(name)).ok();
    let is_it =
        |device: &PathBuf| read(device, "serial").is_some_and(|its_own| its_own.trim() == serial);
    let device = entries(devices)?.find(is_it)?;
    match reader {
        CardReader::Ccid => {
            let number = |name| read(&device, name)?.trim().parse::<u16>().ok();
            let (bus, number) = (number("busnum")?, number("devnum")?);
            Some(PathBuf::from(format!("/dev/bus/usb/{bus:03}/{number:03}")))
        }
        CardReader::Pn533 => {
            let nfc = entries(&device)?.find_map(|interface| entries(&interface.join("nfc")))?;
            fs::canonicalize(nfc.last()?).ok()
        }
    }
}

/// The entries of a folder, if it is one.
fn entries(folder: &Path) -> Option<impl Iterator<Item = PathBuf> + use<>> {
    Some(fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()))
}

/// The device that this machine's kernel made of the key with this serial number, once it has a device file.
pub fn local_device(serial: &str) -> Option<Key> {
    let is_it = |key: &Key| key.serial.as_deref() == Some(serial) && key.path.exists();
    local::list().ok()?.into_iter().find(is_it)
}

/// The driver that has no USB device.
pub(crate) const UHID: &str = "uhid";
/// The longest time that a kernel may take to make a device file. It usually takes about a tenth of a second.
pub const ENUMERATION: Duration = Duration::from_secs(5);
/// How long it may take to let go of a port; mostly it has already.
const FREEING: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_found_by_its_serial_number() {
        let devices = tempfile::tempdir().expect("a directory");
        for (name, serial, number) in [("1-1", "A1", "7"), ("3-1", "B2", "12")] {
            let device = devices.path().join(name);
            fs::create_dir(&device).expect("created");
            for (file, text) in [("serial", serial), ("busnum", &name[..1]), ("devnum", number)] {
                fs::write(device.join(file), format!("{text}\n")).expect("written");
            }
        }
        fs::create_dir(devices.path().join("usb1")).expect("created");
        let found = |serial| local_reader(devices.path(), serial, CardReader::Ccid);
        assert_eq!(found("B2"), Some("/dev/bus/usb/003/012".into()));
        let nowhere = local_reader(Path::new("/nowhere"), "A1", CardReader::Ccid);
        assert_eq!((found("C3"), nowhere), (None, None));
    }

    #[test]
    fn a_reader_for_the_kernels_own_nfc_is_found_once_it_has_a_driver() {
        let devices = tempfile::tempdir().expect("a directory");
        let interface = devices.path().join("1-1/1-1:1.0");
        fs::create_dir_all(&interface).expect("created");
        fs::write(devices.path().join("1-1/serial"), "A1\n").expect("written");
        let found = || local_reader(devices.path(), "A1", CardReader::Pn533);
        assert_eq!(found(), None);
        fs::create_dir_all(interface.join("nfc/nfc7")).expect("created");
        assert_eq!(found(), Some(fs::canonicalize(interface.join("nfc/nfc7")).expect("a folder")));
    }
}
