//! The keys that this process runs, each plugged into a port.

use std::cell::RefCell;
use std::rc::Rc;

use ctap_core::{Config, MemoryStore, Store};
use rand_core::Rng as _;
use usbip_server::{DeviceInfo, Port, Server};

use crate::bell::Bell;
use crate::cli::KeyOptions;
use crate::key::{Key, Parts, UsbKey};
use crate::platform::{Clock, system_rng};

/// All keys of this process.
pub(crate) struct Keys {
    keys: Vec<PluggedKey>,
}

/// A key and its port.
pub(crate) struct PluggedKey {
    usb: Rc<RefCell<UsbKey>>,
    port: Port,
}

impl Keys {
    /// Builds what `options` ask for and plugs it into `server`.
    ///
    /// # Errors
    /// What a vault says about itself.
    pub(crate) fn plug_into(server: &Server, options: &KeyOptions) -> anyhow::Result<Self> {
        let (clock, bell) = (Clock::start(), Bell::new());
        let keys = (1..=options.keys)
            .map(|number| PluggedKey::new(server, options, number, &bell, clock))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { keys })
    }

    /// Pulls every plug.
    pub(crate) fn unplug(&self) {
        self.keys.iter().for_each(|key| key.port.unplug());
    }
}

impl PluggedKey {
    fn new(
        server: &Server,
        options: &KeyOptions,
        number: u8,
        bell: &Bell,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let (store, serial) = ephemeral();
        let config = Config { capacity: usize::from(options.capacity), ..Config::default() };
        let parts =
            Parts { store, rng: Box::new(system_rng()), touch: options.touch, bell: bell.clone() };
        let key = Key::new(config, parts, clock.now());
        let usb = Rc::new(RefCell::new(UsbKey { key, clock }));
        let port = server.plug(device_info(number, serial), Rc::clone(&usb) as _)?;
        Ok(Self { usb, port })
    }
}

fn ephemeral() -> (Box<dyn Store>, String) {
    let mut rng = system_rng();
    (Box::new(MemoryStore::new(&mut rng)), format!("{:016X}", rng.next_u64()))
}

fn device_info(number: u8, serial: String) -> DeviceInfo {
    DeviceInfo {
        bus_id: format!("1-{number}"),
        vendor_id: VENDOR_ID,
        product_id: PRODUCT_ID,
        bcd_device: 0x0100,
        manufacturer: "keyfob".to_owned(),
        product: "keyfob virtual security key".to_owned(),
        serial,
    }
}

/// pid.codes, which lends product ids to open hardware.
pub(crate) const VENDOR_ID: u16 = 0x1209;
/// From pid.codes' range for private testing.
pub(crate) const PRODUCT_ID: u16 = 0x0005;
