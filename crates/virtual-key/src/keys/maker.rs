//! Makes keys, and plugs them in.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ctap_core::Transport;
use rand_core::CryptoRng;
use tokio::sync::Notify;
use usbip_server::{DeviceInfo, HidFunction, Interface, Port, Server, SmartCard};

use super::settings::today;
use super::{CardReader, Form, KeySettings, PluggedKey, faults, owner};
use crate::attestation::Issuer;
use crate::bell::Bell;
use crate::error::Error;
use crate::key::{Key, Parts, Powered, UsbKey};
use crate::memory::{Memory, Place};
use crate::metadata::Statements;
use crate::platform::{Clock, randomness, randomness_of_faults, randomness_of_identities};
use crate::profile::{Profile, UsbIds};
use crate::recording::{Recorded, Tap};

/// The things that the keys of one process share.
pub(super) struct KeyMaker<'a> {
    pub(super) server: &'a Server,
    pub(super) settings: &'a KeySettings,
    pub(super) clock: Clock,
    pub(super) bell: Bell,
    pub(super) powered: Powered,
    /// Tells this run's prompts from those of all others.
    pub(super) run: u32,
}

impl KeyMaker<'_> {
    /// Makes the key with this number, and plugs it in.
    pub(super) fn make(&self, number: u32, memory: &Option<Place>) -> Result<PluggedKey, Error> {
        let mut rng = randomness(self.settings.seed, number);
        let memory = match memory {
            Some(place) => Memory::open(place, self.settings.warn, &mut *rng)?,
            None => Memory::ephemeral(&mut *rng),
        };
        self.plug(number, memory, rng)
    }

    /// Plugs in a key with this memory.
    pub(super) fn plug(
        &self,
        number: u32,
        memory: Memory,
        mut rng: Box<dyn CryptoRng + Send>,
    ) -> Result<PluggedKey, Error> {
        let profile = self.settings.form.suited(&self.settings.profile)?;
        let Memory { store, serial, directory, is_new } = memory;
        let mut issuer = Issuer {
            serial: &serial,
            directory: directory.as_deref(),
            rng: &mut *rng,
            today: today(self.settings.seed),
        };
        let rng_of = || randomness_of_identities(self.settings.seed, number);
        let identities = profile.identities(|kind| issuer.lazy_identity(kind, rng_of()))?;
        let config = profile.config(&identities)?;
        let statements = Statements::new(profile.clone(), identities);
        let (touch, bell) = (self.settings.touch, self.bell.clone());
        let mut key = Key::new(config, Parts { store, rng, touch, bell }, self.clock.now());
        if is_new {
            owner::ship(&mut key, profile.shipped_fingers(), self.clock.now())?;
        }
        let key = self.equipped(key, number, &profile)?;
        let tap = self.settings.recorder.as_ref().map(|recorder| recorder.tap(number));
        let (usb, interfaces) = self.in_its_form(key, tap.as_ref());
        let port =
            self.server.plug(device_info(number, self.usb_ids(), serial.clone()), interfaces)?;
        if let Some(tap) = &tap {
            tap.introduce(port.bus_id(), port.enumeration());
        }
        let (woken, replugs) = wire(&usb, &port);
        Ok(PluggedKey {
            usb,
            port,
            serial,
            statements: RefCell::new(Rc::new(statements)),
            profile: RefCell::new(Rc::new(profile)),
            number,
            seed: self.settings.seed,
            directory,
            run: self.run,
            replugs,
            holder: Cell::new(None),
            form: self.settings.form,
            touch: Cell::new(touch),
            woken,
            is_on_vpcd: Cell::new(false),
            offered: OnceCell::new(),
            tap,
        })
    }

    /// The same key with its fingers and its faults, on its own thread.
    fn equipped(&self, mut key: Key, number: u32, profile: &Profile) -> Result<Key, Error> {
        owner::enroll(&mut key, &self.settings.fingers, self.clock.now())?;
        key.draw_faults_from(randomness_of_faults(self.settings.seed, number));
        for fault in profile.faults().iter().chain(&self.settings.faults) {
            faults::add(&mut key, self.settings.form, fault)?;
        }
        if let Some(meter) = &self.settings.meter {
            key.count_for(Arc::clone(meter));
        }
        // Linux allows no longer name for a thread.
        let name = format!("key 1-{number}");
        key.on_thread(name, &self.powered).map_err(Error::Start)
    }

    fn usb_ids(&self) -> UsbIds {
        match self.settings.form {
            Form::Card(CardReader::Pn533) => PN533,
            Form::Card(CardReader::Ccid) | Form::Usb => self.settings.profile.usb_ids(),
        }
    }

    fn in_its_form(&self, key: Key, tap: Option<&Tap>) -> (Rc<RefCell<UsbKey>>, Vec<Interface>) {
        let KeySettings { profile, form, .. } = self.settings;
        let usb = Rc::new(RefCell::new(match form {
            Form::Usb => UsbKey::in_a_port(key, self.clock),
            Form::Card(_) => UsbKey::for_a_reader(key, self.clock),
        }));
        let is_composite = profile.transports().contains(&Transport::SmartCard);
        let interfaces = match form {
            Form::Usb if is_composite => {
                vec![Interface::Hid(as_function(&usb, tap)), Interface::Ccid(as_card(&usb, tap))]
            }
            Form::Usb => vec![Interface::Hid(as_function(&usb, tap))],
            Form::Card(CardReader::Ccid) => vec![Interface::Ccid(as_card(&usb, tap))],
            Form::Card(CardReader::Pn533) => vec![Interface::Pn533(as_card(&usb, tap))],
        };
        (usb, interfaces)
    }
}

/// Makes the key wake the code that serves it when it has something to send, and unplug itself. Returns what else
/// is woken, for vpcd's reader, and the count of replugs.
fn wire(usb: &RefCell<UsbKey>, port: &Port) -> (Arc<Notify>, Arc<AtomicU32>) {
    let (waker, woken) = (port.waker(), Arc::new(Notify::new()));
    let also = Arc::clone(&woken);
    usb.borrow().key.wake_by(move || {
        waker.wake();
        also.notify_one();
    });
    let (plug, replugs) = (port.plug(), Arc::<AtomicU32>::default());
    let count = Arc::clone(&replugs);
    usb.borrow_mut().key.pull_by(move || {
        // The same as in PluggedKey::replug.
        count.fetch_add(1, Ordering::Relaxed);
        plug.pull();
    });
    (woken, replugs)
}

/// The key behind a HID interface: recorded, if it is to be.
fn as_function(usb: &Rc<RefCell<UsbKey>>, tap: Option<&Tap>) -> Rc<RefCell<dyn HidFunction>> {
    match tap {
        Some(tap) => Rc::new(RefCell::new(Recorded::new(Rc::clone(usb), tap.clone()))),
        None => Rc::clone(usb) as _,
    }
}

/// The key on a reader, in the same way.
pub(super) fn as_card(usb: &Rc<RefCell<UsbKey>>, tap: Option<&Tap>) -> Rc<RefCell<dyn SmartCard>> {
    match tap {
        Some(tap) => Rc::new(RefCell::new(Recorded::new(Rc::clone(usb), tap.clone()))),
        None => Rc::clone(usb) as _,
    }
}

fn device_info(number: u32, ids: UsbIds, serial: String) -> DeviceInfo {
    DeviceInfo {
        bus_id: format!("1-{number}"),
        vendor_id: ids.vendor,
        product_id: ids.product,
        bcd_device: 0x0100,
        manufacturer: "keyfob".to_owned(),
        product: "keyfob virtual security key".to_owned(),
        serial,
    }
}

/// NXP's numbers for the PN533.
const PN533: UsbIds = UsbIds { vendor: 0x04CC, product: 0x2533 };
