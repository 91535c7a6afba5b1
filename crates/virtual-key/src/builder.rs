//! The builder of a key: what it is to be, and where it is plugged in.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use crate::error::{Error, Warn, log};
use crate::faults::{FaultDescription, Injection};
use crate::key::Touch;
use crate::keys::{CardReader, Form, KeySettings};
use crate::memory::Place;
use crate::peers::is_loopback;
use crate::profile::Profile;
use crate::recording::Recorder;
use crate::thread::Way;
use crate::virtual_key::VirtualKey;

/// The settings of a key that has not started yet: see [`VirtualKey::builder`]. The key exists after
/// [`start`](Self::start), [`serve`](Self::serve), [`attach`](Self::attach), [`attach_uhid`](Self::attach_uhid) or
/// [`card`](Self::card).
#[derive(Clone, Debug)]
pub struct Builder {
    profile: Option<Profile>,
    capacity: Option<u32>,
    touch: Touch,
    fingers: Vec<u8>,
    seed: Option<[u8; 32]>,
    memory: Option<Place>,
    faults: Vec<FaultDescription>,
    warn: Warn,
    recording: Option<PathBuf>,
    records_secrets: bool,
}

impl Default for Builder {
    fn default() -> Self {
        let (profile, capacity, seed, memory) = (None, None, None, None);
        let (touch, fingers, faults) = (Touch::Ask, Vec::new(), Vec::new());
        let (warn, recording, records_secrets): (Warn, _, _) = (log, None, false);
        Self {
            profile,
            capacity,
            touch,
            fingers,
            seed,
            memory,
            faults,
            warn,
            recording,
            records_secrets,
        }
    }
}

impl Builder {
    /// What kind of key: the name of a built-in profile (`default`, `fido2.1`, `fido2.0`, `u2f-only`, `bio`, `everything`), or
    /// the path of a TOML file, as `docs/profiles.md` describes it. The default is `default`.
    ///
    /// # Errors
    /// [`Error::NoSuchProfile`], [`Error::UnreadableProfile`], [`Error::Profile`], [`Error::Contradiction`]: the fault of the
    /// name or of the file.
    pub fn profile(self, name: &str) -> Result<Self, Error> {
        Ok(Self { profile: Some(Profile::load(name)?), ..self })
    }

    /// What kind of key: a profile that was loaded, and perhaps changed.
    pub fn of_profile(self, profile: Profile) -> Self {
        Self { profile: Some(profile), ..self }
    }

    /// How many discoverable credentials fit on the key, up to [`MAX_CAPACITY`](crate::profile::MAX_CAPACITY). The default is
    /// the profile's value.
    pub fn capacity(self, capacity: u32) -> Self {
        Self { capacity: Some(capacity), ..self }
    }

    /// Who answers when the key asks for a touch. The default is [`Touch::Ask`]: the program, with [`VirtualKey::touch`] and
    /// similar methods.
    pub fn touch(self, touch: Touch) -> Self {
        Self { touch, ..self }
    }

    /// Enrols the finger with this number before the key starts. The caller chooses the numbers. This needs no PIN, and the key
    /// can verify its user at once. For profiles with the option `bioEnroll`; call it again for more fingers.
    pub fn finger(mut self, number: u8) -> Self {
        self.fingers.push(number);
        self
    }

    /// The same seed makes the same key: its serial number, its attestation, and, for the same requests, its
    /// credentials. So a test that fails will fail again. Everybody who knows the seed has the key's secrets. Keys
    /// that are attached at the same time need different seeds, because programs tell them apart by their serial
    /// numbers.
    pub fn seed(self, seed: [u8; 32]) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// Stores the key's memory in this directory, and makes the directory if it does not exist. Only one process can use it at a time.
    pub fn memory(self, directory: impl Into<PathBuf>) -> Self {
        Self { memory: Some(Place::new(directory.into())), ..self }
    }

    /// The same, at a [`Place`] that also says how the memory is unlocked.
    pub fn memory_in(self, place: Place) -> Self {
        Self { memory: Some(place), ..self }
    }

    /// Stores nothing after the end of the [`VirtualKey`]. This is the default, unless [`memory`](Self::memory) was called.
    pub fn ephemeral(self) -> Self {
        Self { memory: None, ..self }
    }

    /// Makes the key do wrong on purpose from its start; call it again for more faults. [`VirtualKey::add_fault`] does the same later.
    pub fn fault(mut self, injection: impl Into<Injection>) -> Self {
        self.faults.push(injection.into().into());
        self
    }

    /// Makes the key do from its start what real keys were seen to do: one of the [`RECIPES`](crate::faults::RECIPES), by its
    /// name. With a wrong name the key does not start: [`Error::Fault`].
    pub fn recipe(mut self, name: &str) -> Self {
        let recipe = Some(name.to_owned());
        self.faults.push(FaultDescription { recipe, ..FaultDescription::default() });
        self
    }

    /// A function that gets a sentence about each thing that the key could not store. The default is the log (`tracing`, level
    /// `WARN`). It is called on a thread of the key.
    pub fn warn(self, warn: Warn) -> Self {
        Self { warn, ..self }
    }

    /// Records all messages of the key and its hosts in this file, which Wireshark and `keyfob trace` can read. Only its user
    /// can read the file; if it exists, the recording is added to it. PINs, tokens and secrets are left out.
    pub fn record(self, file: impl Into<PathBuf>) -> Self {
        Self { recording: Some(file.into()), ..self }
    }

    /// Records secrets as well: then the recording is as secret as the key. With the same seed it can be played again.
    pub fn record_secrets(self) -> Self {
        Self { records_secrets: true, ..self }
    }

    /// Starts the key for this process only. [`VirtualKey::connect`] plugs it in; no other program can reach it.
    ///
    /// # Errors
    /// [`Error::Memory`] and the like if the memory cannot be used; [`Error::SeedWithMemory`]; [`Error::Start`].
    pub fn start(self) -> Result<VirtualKey, Error> {
        self.plugged(Way::InProcess)
    }

    /// Starts the key and offers it over USB/IP at a loopback address of this machine, to programs of this user and of root.
    /// Port 0 takes a free port, which [`VirtualKey::address`] returns. [`connect`](VirtualKey::connect) works, too.
    ///
    /// # Errors
    /// As [`start`](Self::start); [`Error::Listen`]; [`Error::Exposed`].
    pub fn serve(self, address: impl ToSocketAddrs) -> Result<VirtualKey, Error> {
        let address = one_of(address)?;
        self.plugged(Way::UsbIp(address))
    }

    /// Starts the key and plugs it into this machine's kernel. For that the kernel needs the module vhci-hcd, and
    /// this process the right to write its `attach` file. Otherwise it uses uhid, which takes the right to open
    /// `/dev/uhid`. Returns when the kernel has made the key's device file, [`VirtualKey::device_node`].
    ///
    /// # Errors
    /// As [`start`](Self::start); [`Error::Kernel`]; [`Error::NoDeviceFile`].
    pub fn attach(self) -> Result<VirtualKey, Error> {
        self.plugged(Way::Kernel)
    }

    /// The same, but always through uhid: a HID device for all programs, which is not a USB device.
    ///
    /// # Errors
    /// As [`start`](Self::start); [`Error::Uhid`]; [`Error::NoDeviceFile`].
    pub fn attach_uhid(self) -> Result<VirtualKey, Error> {
        self.plugged(Way::Uhid)
    }

    /// Starts the key as a card, and lays it on the virtual NFC reader that listens at a loopback address of this
    /// machine. The reader is vsmartcard's vpcd, a driver of pcscd, at [`PORT`](crate::vpcd::PORT). Returns when
    /// the reader has the card. [`take_off`](VirtualKey::take_off), [`lay_on`](VirtualKey::lay_on) and
    /// [`tap`](VirtualKey::tap) move the card.
    ///
    /// # Errors
    /// As [`start`](Self::start); [`Error::NoReader`]; [`Error::Exposed`].
    pub fn card(self, reader: impl ToSocketAddrs) -> Result<VirtualKey, Error> {
        let address = one_of(reader)?;
        self.plugged(Way::Reader(address))
    }

    fn plugged(self, way: Way) -> Result<VirtualKey, Error> {
        let Self { profile, capacity, touch, fingers, seed, memory, faults, warn, .. } = self;
        let recorder = self.recording.map(|file| Recorder::open(&file, self.records_secrets, warn));
        let recorder = recorder.transpose()?;
        let profile = profile.map_or_else(|| Profile::load("default"), Ok)?;
        let profile = profile.with_capacity(capacity);
        let form = match way {
            Way::Reader(_) => Form::Card(CardReader::Ccid),
            _ => Form::Usb,
        };
        let memories = vec![memory];
        let settings = KeySettings {
            profile,
            form,
            memories,
            touch,
            fingers,
            seed,
            faults,
            warn,
            recorder,
            meter: None,
        };
        VirtualKey::start(settings, way)
    }
}

/// The first address of a name that only this machine reaches.
fn one_of(addresses: impl ToSocketAddrs) -> Result<SocketAddr, Error> {
    let all: Vec<_> = addresses.to_socket_addrs().map_err(Error::Start)?.collect();
    let is_ours = |address: &&SocketAddr| is_loopback(**address);
    match (all.iter().find(is_ours), all.first()) {
        (Some(ours), _) => Ok(*ours),
        (None, Some(first)) => Err(Error::Exposed(*first)),
        (None, None) => Err(Error::Start(std::io::ErrorKind::NotFound.into())),
    }
}
