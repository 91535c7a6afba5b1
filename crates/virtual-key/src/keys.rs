//! The keys that a process runs, each plugged into a port.

mod faults;
mod maker;
mod on_a_reader;
mod owner;
mod remake;
mod settings;
#[cfg(test)]
mod tests;

use std::cell::{Cell, OnceCell, RefCell};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ctap_core::{Decision, PromptId, Question};
use rand_core::Rng as _;
use tokio::sync::Notify;
use usbip_server::{Port, Server};

use self::maker::KeyMaker;
pub use self::owner::{Kept, Page};
pub use self::settings::{CardReader, Form, KeySettings};
use crate::bell::{Bell, Listener};
use crate::error::Error;
use crate::key::{Powered, Touch, UsbKey};
use crate::memory::Place;
use crate::metadata::Statements;
use crate::peers::is_loopback;
use crate::platform::{Clock, system_rng, without_shallow_traces, without_traces};
use crate::profile::Profile;
use crate::recording::Tap;

/// All keys of a process.
pub struct Keys {
    keys: Vec<Rc<PluggedKey>>,
    touch: Touch,
    bell: Bell,
}

/// A key and its port.
pub struct PluggedKey {
    usb: Rc<RefCell<UsbKey>>,
    port: Port,
    serial: String,
    statements: RefCell<Rc<Statements>>,
    profile: RefCell<Rc<Profile>>,
    /// The number of the key in its process, and its source of randomness.
    number: u32,
    seed: Option<[u8; 32]>,
    /// The directory of its memory; `None`: it is not stored.
    directory: Option<PathBuf>,
    run: u32,
    replugs: Arc<AtomicU32>,
    /// The driver by which somebody in this process has this machine's kernel hold it.
    holder: Cell<Option<&'static str>>,
    form: Form,
    /// What becomes of its questions.
    touch: Cell<Touch>,
    /// Notifies the code that drives it on vpcd's reader: it has something to send, or was laid on or taken off.
    woken: Arc<Notify>,
    /// vpcd's reader has it.
    is_on_vpcd: Cell<bool>,
    /// Where this process offers it over USB/IP; empty: nowhere.
    offered: OnceCell<Offer>,
    /// Records it; `None`: it is not recorded.
    tap: Option<Tap>,
}

/// Where keys are offered over USB/IP.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Offer {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A Unix socket of this host, by its absolute path.
    Unix(PathBuf),
}

/// What a person is asked at this moment.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The number by which the key knows it.
    pub id: PromptId,
    /// The name by which people and programs know it. No other prompt of any key in any run has this name.
    pub name: String,
    /// What is asked.
    pub question: Question,
    /// How much longer the key waits.
    pub left: Duration,
}

impl Prompt {
    /// The relying party, verbatim: escape it before you show it. For a U2F request it is known only if the name
    /// behind the hash is known.
    pub fn rp_id(&self) -> Option<&str> {
        self.question.rp_id.as_deref()
    }

    /// The account's name, verbatim.
    pub fn user(&self) -> Option<&str> {
        self.question.user.as_deref()
    }

    /// The time that is left, in seconds, rounded up: it is 0 only when no time is left.
    pub fn seconds_left(&self) -> u64 {
        self.left.as_secs() + u64::from(self.left.subsec_nanos() > 0)
    }
}

impl Keys {
    /// Makes keys and plugs them into `server`.
    ///
    /// # Errors
    /// The error of a memory that cannot be used, and [`Error::SeedWithMemory`].
    pub fn plug_into(server: &Server, settings: &KeySettings) -> Result<Self, Error> {
        if settings.seed.is_some() && settings.memories.iter().any(Option::is_some) {
            return Err(Error::SeedWithMemory);
        }
        let maker = KeyMaker {
            server,
            settings,
            clock: Clock::start(),
            bell: Bell::new(),
            powered: Powered::default(),
            run: system_rng().next_u32(),
        };
        let make = |(number, memory): (u32, &Option<Place>)| {
            let key = || maker.make(number, memory);
            // Where nothing is remembered there are no secrets yet but what is drawn now.
            let key =
                if memory.is_some() { without_traces(key) } else { without_shallow_traces(key) };
            key.map(Rc::new)
        };
        let keys = (1..).zip(&settings.memories).map(make).collect::<Result<_, Error>>()?;
        Ok(Self { keys, touch: settings.touch, bell: maker.bell })
    }

    /// Every key, in the order of the bus ids.
    pub fn iter(&self) -> std::slice::Iter<'_, Rc<PluggedKey>> {
        self.keys.iter()
    }

    /// How questions of the first key are answered. All keys answer in this way, unless one was told otherwise.
    pub fn touch(&self) -> Touch {
        self.keys.first().map_or(self.touch, |key| key.touch())
    }

    /// Hears when a prompt opens or closes.
    pub fn listen(&self) -> Listener {
        self.bell.listen()
    }

    /// The directories of the keys' memories.
    pub fn directories(&self) -> Vec<PathBuf> {
        self.keys.iter().filter_map(|key| key.directory.clone()).collect()
    }

    /// From now on the keys are offered here over USB/IP.
    pub fn offer_at(&self, offer: &Offer) {
        for key in &self.keys {
            // Said once, by the one server of this process.
            let _ = key.offered.set(offer.clone());
        }
    }

    /// Unplugs every key.
    pub fn unplug(&self) {
        self.keys.iter().for_each(|key| key.port.unplug());
    }
}

impl PluggedKey {
    /// Where it is plugged in at its server, such as `1-1`.
    pub fn bus_id(&self) -> &str {
        self.port.bus_id()
    }

    /// Its serial number.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// What kind of key it is.
    pub fn profile(&self) -> Rc<Profile> {
        Rc::clone(&self.profile.borrow())
    }

    /// Its metadata statements.
    pub fn statements(&self) -> Rc<Statements> {
        Rc::clone(&self.statements.borrow())
    }

    /// Where a program of this host reaches the server that offers the key over USB/IP, if there is one.
    pub fn offered_at(&self) -> Option<Offer> {
        self.offered.get().map(|offer| match offer {
            Offer::Tcp(address) => Offer::Tcp(reachable(*address)),
            unix @ Offer::Unix(_) => unix.clone(),
        })
    }

    /// The address by which other machines reach the key, if this process offers it to them over USB/IP.
    pub fn exposed_at(&self) -> Option<SocketAddr> {
        match self.offered.get()? {
            Offer::Tcp(address) => Some(*address).filter(|address| !is_loopback(*address)),
            Offer::Unix(_) => None,
        }
    }

    /// The file in which it is recorded, by its absolute path, if it is recorded.
    pub fn recording(&self) -> Option<&Path> {
        self.tap.as_ref().map(Tap::path)
    }

    /// Its port, for the code that plugs it into a host.
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// The prompt that is open now.
    pub fn prompt(&self) -> Option<Prompt> {
        self.prompts().into_iter().next()
    }

    /// All prompts that can be answered, the one of [`prompt`](Self::prompt) first.
    pub fn prompts(&self) -> Vec<Prompt> {
        let usb = self.usb.borrow();
        let prompts = usb.key.prompts().map(|(id, question, deadline)| Prompt {
            id,
            name: format!("{:08x}.{}.{id}", self.run, self.bus_id()),
            question,
            left: deadline.saturating_sub(usb.clock.now()),
        });
        prompts.collect()
    }

    /// Answers a prompt. `false`: the prompt is no longer open, and nothing happened.
    ///
    /// Waits until the key has acted on the answer: also for a write that is under way, and for what follows from
    /// the decision.
    pub async fn answer(&self, prompt: PromptId, decision: Decision) -> bool {
        let answered = {
            let usb = &mut *self.usb.borrow_mut();
            usb.key.answer(prompt, decision, usb.clock.now())
        };
        let was_open = answered.await.unwrap_or(false);
        // Somebody who is told and then looks must not find the same prompt.
        self.usb.borrow_mut().catch_up();
        was_open
    }

    /// Whether a client has asked the key to wink since the last call.
    pub fn take_wink(&self) -> bool {
        self.usb.borrow_mut().key.take_wink()
    }

    /// Whether a host has the key. For a card: whether it lies on its reader, and the reader is there.
    pub fn is_attached(&self) -> bool {
        match self.form {
            Form::Usb => self.port.is_attached(),
            Form::Card(_) => {
                self.is_laid_on() && (self.is_on_vpcd.get() || self.port.is_attached())
            }
        }
    }

    /// Unplugs the key. The code that plugged it into a host sees that this was intended, and plugs it in again. A
    /// card that lies on its reader is lifted and laid on again.
    pub fn replug(&self) {
        self.replugs.fetch_add(1, Ordering::Relaxed);
        match self.form {
            Form::Usb => self.port.replug(),
            Form::Card(_) if self.is_laid_on() => {
                self.take_off();
                self.lay_on();
            }
            Form::Card(_) => {}
        }
    }

    /// Says that from now on somebody in this process plugs the key into this driver again after each
    /// [`replug`](Self::replug).
    pub fn hold(&self, driver: &'static str) {
        self.holder.set(Some(driver));
    }

    /// Whether somebody plugs the key in again after a [`replug`](Self::replug). For a card, the reader that has it
    /// counts; but a PN533 does not, because it gives power only while a program looks for cards.
    pub fn is_held(&self) -> bool {
        match self.form {
            Form::Usb => self.holder.get().is_some(),
            Form::Card(CardReader::Ccid) => self.is_attached(),
            Form::Card(CardReader::Pn533) => false,
        }
    }

    /// How a host has the key. `vhci-hcd` or `uhid`: through this driver of this machine's kernel. `usbip`: over
    /// USB/IP. `reader`: as a card on a reader. `None`: no host has it.
    pub fn way(&self) -> Option<&'static str> {
        let way = match self.form {
            Form::Usb => self.holder.get().unwrap_or("usbip"),
            Form::Card(_) => "reader",
        };
        self.is_attached().then_some(way)
    }

    /// How many times a host has given it power.
    pub fn power_ups(&self) -> u32 {
        self.usb.borrow().power_ups
    }

    /// How many times [`replug`](Self::replug) was called.
    pub fn replugs(&self) -> u32 {
        self.replugs.load(Ordering::Relaxed)
    }
}

/// The address by which a program of this host reaches what listens there.
fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback: IpAddr = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(loopback, address.port())
}

/// The longest time for a reader to give power to a card that was laid on it, if the reader is there and waits for
/// a card. vpcd takes half a second.
pub const NOTICING: Duration = Duration::from_secs(5);
