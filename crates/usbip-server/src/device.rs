//! A device in a server: a [`Port`] for the program that plugged it in, and a [`Lease`] for the connection that
//! imported it.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use usbip::UsbDevice;

use crate::connection::{self, ConnectionError};
use crate::descriptors::{self, Descriptors};
use crate::function::HidFunction;
use crate::interface::{Interface, Layout};
use crate::limits;
use crate::server::Devices;
use crate::wire::Target;

/// What a device tells its host about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its place, such as `1-1`: 1 to [`limits::MAX_BUS_ID`] printable ASCII characters, unique in its server. If
    /// it begins with a number, that is the bus number.
    pub bus_id: String,
    /// idVendor: the maker's number. Some hosts refuse 0 (HD-94).
    pub vendor_id: u16,
    /// idProduct: the maker's number of the model.
    pub product_id: u16,
    /// bcdDevice: `0x0123` is version 1.23. Some hosts refuse 0 (HD-94).
    pub bcd_device: u16,
    /// The maker's name. Some hosts show it when they ask for a touch (HD-95). It may be empty. It is cut after
    /// [`limits::MAX_STRING`] UTF-16 units, like the next two.
    pub manufacturer: String,
    /// The product's name.
    pub product: String,
    /// The serial number.
    pub serial: String,
}

/// Why a device cannot be plugged in: the caller's fault, except for the last variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlugError {
    /// Another device has this bus id. Unplug it, or choose another bus id.
    #[error("bus id {0:?} is taken; choose another one, such as 1-2")]
    BusIdTaken(String),
    /// The bus id is empty, too long, or not printable.
    #[error("bus id {0:?} is not 1 to 31 printable ASCII characters; choose one such as 1-1")]
    BusIdInvalid(String),
    /// There is no interface, or there are too many: a device numbers its endpoints up to 15.
    #[error("a device has at least one interface, and at most 15 endpoints each way")]
    Interfaces,
    /// The `usbip` crate did not make the descriptors as expected: a fault of this crate.
    #[error("the usbip crate did not describe the device")]
    NoDescriptors,
}

/// A device in its server. Dropping this does not unplug it.
#[derive(Clone)]
pub struct Port {
    slot: Rc<Slot>,
    devices: Weak<Devices>,
}

impl Port {
    pub(crate) fn new(slot: Rc<Slot>, devices: Weak<Devices>) -> Self {
        Self { slot, devices }
    }

    /// Its place in the server.
    pub fn bus_id(&self) -> &str {
        &self.slot.model.bus_id
    }

    /// Bus number and device number, as in URBs: the argument for [`vhci`](crate::vhci) and
    /// [`client`](crate::client).
    pub fn devid(&self) -> u32 {
        self.slot.devid
    }

    /// Whether a host has imported it.
    pub fn is_attached(&self) -> bool {
        self.slot.is_imported()
    }

    /// Waits until a host has imported it. Returns at once if one has.
    pub async fn imported(&self) {
        while !self.slot.is_imported() {
            self.slot.changed.notified().await;
        }
    }

    /// Waits until no host has it. Returns at once if none has.
    pub async fn freed(&self) {
        self.slot.freed().await;
    }

    /// What a host reads from the device first, as setup packets and their answers: the descriptors of the device
    /// and of its configuration, and the report descriptor of its first interface if that is HID. It is for
    /// programs that record what a host sees.
    pub fn enumeration(&self) -> Vec<([u8; 8], Vec<u8>)> {
        self.slot.descriptors.read_by_a_host(self.slot.layout.class(0))
    }

    /// Tells that something other than the host, such as a touch, has changed the function. The connection then
    /// looks for reports to send and for a new deadline. It is harmless at any time.
    pub fn wake(&self) {
        self.slot.signal.notify_one();
    }

    /// The same for other threads, in case the function's work is done there.
    pub fn waker(&self) -> Waker {
        Waker { signal: Arc::clone(&self.slot.signal) }
    }

    /// Unplugs the device and plugs it in again. An import ends, and the device can be imported again.
    pub fn replug(&self) {
        self.slot.plug.pull();
    }

    /// Unplugs it from another thread, or from the function itself.
    pub fn plug(&self) -> Plug {
        self.slot.plug.clone()
    }

    /// Removes the device from its server. An import ends, and no other one is possible.
    pub fn unplug(&self) {
        if let Some(devices) = self.devices.upgrade() {
            devices.remove(&self.slot);
        }
        self.slot.state.set(State::Unplugged);
        self.wake();
    }

    /// Serves the device to a peer that sends no import: the other end of `stream` begins with URBs. The kernel
    /// does that when [`vhci`](crate::vhci) has given it the socket. Returns when the peer closed the stream, or
    /// the device was unplugged.
    ///
    /// # Errors
    /// [`ConnectionError::Busy`] if the device is imported or unplugged. The other errors are the peer's fault.
    pub async fn serve<S>(&self, stream: S) -> Result<(), ConnectionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let lease = self.lease().ok_or(ConnectionError::Busy)?;
        connection::serve(stream, crate::buffer::Inbox::new(), lease).await
    }

    /// `None` if the device is in use or unplugged.
    pub(crate) fn lease(&self) -> Option<Lease> {
        Lease::take(&self.slot)
    }
}

/// Unplugs the device of a [`Port`], from any thread and from the function itself. It does not keep a device alive.
#[derive(Clone, Debug)]
pub struct Plug {
    is_pulled: Arc<AtomicBool>,
    signal: Arc<Notify>,
}

impl Plug {
    /// As [`Port::replug`].
    pub fn pull(&self) {
        self.is_pulled.store(true, Ordering::Relaxed);
        self.signal.notify_one();
    }
}

/// Calls [`Port::wake`] from any thread.
#[derive(Clone, Debug)]
pub struct Waker {
    signal: Arc<Notify>,
}

impl Waker {
    /// As [`Port::wake`].
    pub fn wake(&self) {
        self.signal.notify_one();
    }
}

/// A device and whether it is in use.
pub(crate) struct Slot {
    info: DeviceInfo,
    model: UsbDevice,
    descriptors: Descriptors,
    devid: u32,
    interfaces: Vec<Interface>,
    layout: Rc<Layout>,
    state: Cell<State>,
    /// Rung by the port, heard by the connection that holds the lease.
    signal: Arc<Notify>,
    /// Pulled, an import ends, and the device can be imported again.
    plug: Plug,
    /// Told when a lease begins or ends.
    changed: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Imported,
    Unplugged,
}

impl Slot {
    pub(crate) fn new(
        info: &DeviceInfo,
        dev_num: u16,
        interfaces: Vec<Interface>,
    ) -> Result<Self, PlugError> {
        if !is_bus_id(&info.bus_id) {
            return Err(PlugError::BusIdInvalid(info.bus_id.clone()));
        }
        let bus_num = bus_number(&info.bus_id);
        let layout = Rc::new(Layout::of(&interfaces).ok_or(PlugError::Interfaces)?);
        let model = descriptors::model(info, &layout, bus_num, dev_num);
        let descriptors = Descriptors::of(&model).ok_or(PlugError::NoDescriptors)?;
        let signal = Arc::<Notify>::default();
        let devid = u32::from(bus_num) << 16 | u32::from(dev_num);
        Ok(Self {
            info: info.clone(),
            model,
            descriptors,
            devid,
            interfaces,
            layout,
            state: Cell::new(State::Free),
            plug: Plug { is_pulled: Arc::default(), signal: Arc::clone(&signal) },
            signal,
            changed: Notify::new(),
        })
    }

    pub(crate) fn model(&self) -> &UsbDevice {
        &self.model
    }

    pub(crate) fn is_imported(&self) -> bool {
        self.state.get() == State::Imported
    }

    pub(crate) async fn freed(&self) {
        while self.is_imported() {
            self.changed.notified().await;
        }
    }
}

fn is_bus_id(text: &str) -> bool {
    (1..=limits::MAX_BUS_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The number that `text` begins with: in `3-1.2` bus 3.
fn bus_number(text: &str) -> u16 {
    let digits = text.find(|c: char| !c.is_ascii_digit()).and_then(|end| text.get(..end));
    digits.unwrap_or(text).parse().unwrap_or(1)
}

/// Proof of being the one importer. Power comes and goes with it: on every way out the device is
/// given back.
pub(crate) struct Lease {
    slot: Rc<Slot>,
}

impl Lease {
    /// `None` if the device is in use or no longer there.
    pub(crate) fn take(slot: &Rc<Slot>) -> Option<Self> {
        if slot.state.get() != State::Free {
            return None;
        }
        slot.state.set(State::Imported);
        slot.plug.is_pulled.store(false, Ordering::Relaxed);
        slot.interfaces.iter().for_each(Interface::attached);
        slot.changed.notify_waiters();
        Some(Self { slot: Rc::clone(slot) })
    }

    /// What URBs may address.
    pub(crate) fn target(&self) -> Target {
        Target { devid: self.slot.devid, last_endpoint: self.slot.layout.last_endpoint() }
    }

    pub(crate) fn info(&self) -> &DeviceInfo {
        &self.slot.info
    }

    pub(crate) fn descriptors(&self) -> &Descriptors {
        &self.slot.descriptors
    }

    /// The function behind the device's first HID interface.
    pub(crate) fn hid(&self) -> Option<Rc<RefCell<dyn HidFunction>>> {
        self.slot.interfaces.iter().find_map(|interface| match interface {
            Interface::Hid(function) => Some(Rc::clone(function)),
            Interface::Ccid(_) | Interface::Pn533(_) => None,
        })
    }

    pub(crate) fn interfaces(&self) -> &[Interface] {
        &self.slot.interfaces
    }

    pub(crate) fn layout(&self) -> &Rc<Layout> {
        &self.slot.layout
    }

    /// Whether the plug was pulled: the holder has to let go.
    pub(crate) fn is_revoked(&self) -> bool {
        self.slot.state.get() != State::Imported || self.slot.plug.is_pulled.load(Ordering::Relaxed)
    }

    /// Waits for [`Port::wake`], or the plug being pulled.
    pub(crate) async fn signal(&self) {
        self.slot.signal.notified().await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.slot.interfaces.iter().for_each(Interface::detached);
        if self.slot.state.get() != State::Unplugged {
            self.slot.state.set(State::Free);
        }
        self.slot.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_id_has_1_to_31_printable_characters() {
        for good in ["1-1", "3-1.2", "key", &"x".repeat(31)] {
            assert!(is_bus_id(good), "{good}");
        }
        for bad in ["", "1 1", "1-1\0", "ü", &"x".repeat(32)] {
            assert!(!is_bus_id(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_bus_number_is_what_the_bus_id_begins_with() {
        assert_eq!(bus_number("1-1"), 1);
        assert_eq!(bus_number("12-3.4"), 12);
        assert_eq!(bus_number("7"), 7);
        assert_eq!(bus_number("key-1"), 1);
        assert_eq!(bus_number("99999-1"), 1);
    }
}
