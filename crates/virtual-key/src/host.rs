//! The kernel of this machine as the host of a key, through its virtual USB host controller.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use ctap_client::hidraw::{self, Key};
use tokio::net::UnixStream;
use tokio::time::timeout;
use usbip_server::vhci::{HubPort, Vhci};

use crate::error::Error;
use crate::keys::PluggedKey;

/// A key, and where this machine has it.
pub struct Held {
    vhci: Vhci,
    key: Rc<PluggedKey>,
    found: Found,
    /// The port that it was plugged into last.
    port: Cell<Option<HubPort>>,
}

/// Hears what the kernel made of a key each time that it was plugged in: its device file, or `None` if there is none after
/// [`ENUMERATION`].
pub type Found = Box<dyn Fn(&PluggedKey, Option<&Path>)>;

impl Held {
    /// The key, to be plugged into this controller. `found` hears of its device files.
    pub fn new(vhci: &Vhci, key: &Rc<PluggedKey>, found: Found) -> Self {
        key.hold();
        Self { vhci: vhci.clone(), key: Rc::clone(key), found, port: Cell::new(None) }
    }

    /// Keeps the key plugged in, and plugs it in again after [`PluggedKey::replug`]. Dropping the future unplugs it.
    ///
    /// # Errors
    /// What the kernel refuses; or it unplugged the key.
    pub async fn hold(&self) -> Result<Infallible, Error> {
        loop {
            let replugs = self.key.replugs();
            let before = local_device(self.key.serial()).map(|found| found.device);
            let (port, stream) = self.vhci.attach(self.key.port().devid())?;
            self.port.set(Some(port));
            stream.set_nonblocking(true).map_err(Error::Start)?;
            let stream = UnixStream::from_std(stream).map_err(Error::Start)?;
            let outcome = tokio::select! {
                outcome = self.key.port().serve(stream) => outcome,
                never = self.announce(before) => match never {},
            };
            let bus_id = || self.key.bus_id().to_owned();
            outcome.map_err(|error| Error::Broken { bus_id: bus_id(), error })?;
            if self.key.replugs() == replugs {
                return Err(Error::Unplugged { bus_id: bus_id() });
            }
            self.freed().await;
        }
    }

    /// Waits until the kernel has let go of the port, so that the key gets the same one again. In another port it would be
    /// found before the old device is gone, and have another device file.
    pub async fn freed(&self) {
        let Some(port) = self.port.get() else { return };
        let is_busy = |now: &HubPort| now.number == port.number && !now.is_free;
        let is_free = async {
            while self.vhci.ports().is_ok_and(|ports| ports.iter().any(is_busy)) {
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
                match local_device(self.key.serial()) {
                    Some(found) if Some(&found.device) != before.as_ref() => return found.path,
                    _ => tokio::time::sleep(BETWEEN_LOOKS).await,
                }
            }
        });
        (self.found)(&self.key, found.await.ok().as_deref());
        pending().await
    }
}

/// What this machine's kernel made of the key with this serial number, once there is a device file.
pub fn local_device(serial: &str) -> Option<Key> {
    let is_it = |key: &Key| key.serial.as_deref() == Some(serial) && key.path.exists();
    hidraw::list().ok()?.into_iter().find(is_it)
}

/// How long a kernel may take to make a device node; it takes about a tenth of a second.
pub const ENUMERATION: Duration = Duration::from_secs(5);
/// How long it may take to let go of a port; mostly it has already.
const FREEING: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
