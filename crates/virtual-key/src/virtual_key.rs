//! The key as a program holds it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ctap_core::credential_source::Properties;
use ctap_core::{CredentialSource, Decision};

use crate::builder::Builder;
use crate::connection::Connection;
use crate::error::Error;
use crate::faults::{ActiveFault, FaultDescription, Injection};
use crate::host::local_device;
use crate::key::{Touch, Verification};
use crate::keys::{Form, KeySettings, Prompt};
use crate::thread::{Facts, KeyThread, Way};

/// A whole security key that runs on its own thread. Its methods block; other threads may use it, too. Dropping it unplugs the
/// key and waits until that is done.
///
/// ```
/// use std::thread;
/// use std::time::Duration;
///
/// use ctap_client::{Client, HidChannel};
/// use virtual_key::VirtualKey;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = VirtualKey::builder().profile("default")?.seed([7; 32]).start()?;
/// let mut client = Client::new(HidChannel::open(key.connect()?)?);
/// let selecting = thread::spawn(move || client.selection());
/// key.wait_prompt(Duration::from_secs(5))?;
/// key.touch()?;
/// assert!(selecting.join().expect("no panic").is_ok());
/// # Ok(())
/// # }
/// ```
pub struct VirtualKey {
    facts: Facts,
    thread: KeyThread,
}

impl VirtualKey {
    /// Makes a [`Builder`] for a key of the default kind, which asks for touches and stores nothing. Change that before you start it.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn start(settings: KeySettings, way: Way) -> Result<Self, Error> {
        let is_attached = matches!(way, Way::Kernel | Way::Uhid);
        let is_card = matches!(way, Way::Reader(_));
        let (thread, facts) = KeyThread::start(settings, way)?;
        let key = Self { facts, thread };
        if is_attached {
            key.thread.ask(async |inside| inside.device_file().await)??;
        }
        if is_card {
            key.lay_on()?;
        }
        Ok(key)
    }

    /// The serial number of the USB device: 16 hexadecimal digits.
    pub fn serial(&self) -> &str {
        &self.facts.serial
    }

    /// Its bus id at the USB/IP server, such as `1-1`.
    pub fn bus_id(&self) -> &str {
        &self.facts.bus_id
    }

    /// The address where it is offered over USB/IP, with the port that was taken; `None` unless it was started with
    /// [`serve`](Builder::serve).
    pub fn address(&self) -> Option<SocketAddr> {
        self.facts.address
    }

    /// Its device file on this machine, such as `/dev/hidraw0`, while it is plugged into this machine's kernel.
    pub fn device_node(&self) -> Option<PathBuf> {
        local_device(self.serial()).map(|found| found.path)
    }

    /// Whether a host has it: the kernel, a USB/IP client, a [`Connection`], or a reader.
    ///
    /// # Errors
    /// [`Error::Ended`], or the error that ended the key. All methods that talk to the key can return these.
    pub fn is_attached(&self) -> Result<bool, Error> {
        self.thread.ask(async |inside| inside.key.is_attached())
    }

    /// Plugs the key into this program, without a kernel, and returns the host's end. Dropping that unplugs the key.
    ///
    /// # Errors
    /// [`Error::InUse`] if it has a host; [`Error::Connection`].
    pub fn connect(&self) -> Result<Connection, Error> {
        let (stream, devid) = self.thread.ask(async |inside| inside.connect().await)??;
        Connection::adopt(stream, devid)
    }

    /// The prompt that is open now, if there is one.
    ///
    /// # Errors
    /// [`Error::Ended`] if the key has stopped before; the call that stopped it told why.
    pub fn prompt(&self) -> Result<Option<Prompt>, Error> {
        self.thread.ask(async |inside| inside.key.prompt())
    }

    /// All open prompts, the one of [`prompt`](Self::prompt) first. Several U2F clients may wait for a touch at the
    /// same time.
    ///
    /// # Errors
    /// [`Error::Ended`] if the key has stopped before; the call that stopped it told why.
    pub fn prompts(&self) -> Result<Vec<Prompt>, Error> {
        self.thread.ask(async |inside| inside.key.prompts())
    }

    /// Waits until a prompt is open and returns it. Returns at once if one is open already.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if no prompt was opened in this time.
    pub fn wait_prompt(&self, within: Duration) -> Result<Prompt, Error> {
        self.thread.ask(async move |inside| inside.next_prompt(within).await)?
    }

    /// Touches the key: approves the open prompt. On a fingerprint sensor it places an enrolled finger.
    ///
    /// # Errors
    /// [`Error::NoPrompt`] if no prompt is open: the touch has no effect.
    pub fn touch(&self) -> Result<(), Error> {
        self.decide(Decision::Approve)
    }

    /// Refuses the open prompt.
    ///
    /// # Errors
    /// As [`touch`](Self::touch).
    pub fn deny(&self) -> Result<(), Error> {
        self.decide(Decision::Deny)
    }

    /// Places the finger with this number on the fingerprint sensor. The caller chooses the numbers. If the prompt is not for a
    /// finger, this is a touch.
    ///
    /// # Errors
    /// As [`touch`](Self::touch).
    pub fn finger(&self, number: u8) -> Result<(), Error> {
        self.decide(Decision::Finger(number))
    }

    /// Answers the open prompt with any [`Decision`].
    ///
    /// # Errors
    /// As [`touch`](Self::touch).
    pub fn decide(&self, decision: Decision) -> Result<(), Error> {
        self.thread.ask(async move |inside| {
            let prompt = inside.key.prompt().ok_or(Error::NoPrompt)?;
            inside.answer(&prompt, decision).await
        })?
    }

    /// Answers this prompt and no other: if it is no longer open, nothing happens.
    ///
    /// # Errors
    /// [`Error::NoPrompt`] if it is no longer open.
    pub fn answer(&self, prompt: &Prompt, decision: Decision) -> Result<(), Error> {
        let prompt = prompt.clone();
        self.thread.ask(async move |inside| inside.answer(&prompt, decision).await)?
    }

    /// Lays the card on its reader, if it is not there yet, and waits until the reader has it.
    ///
    /// # Errors
    /// [`Error::NotACard`] unless it was started with [`card`](Builder::card); [`Error::NoReader`].
    pub fn lay_on(&self) -> Result<(), Error> {
        self.thread.ask(async |inside| inside.key.lay_on_and_wait().await)?
    }

    /// Takes the card off its reader, if it is there. It loses its power, also in the middle of a request.
    ///
    /// # Errors
    /// [`Error::NotACard`].
    pub fn take_off(&self) -> Result<(), Error> {
        self.thread.ask(async |inside| match inside.key.form() {
            Form::Card(_) => {
                inside.key.take_off();
                Ok(())
            }
            Form::Usb => Err(Error::NotACard),
        })?
    }

    /// Lays the card on its reader, takes it off `time` after the reader has noticed it, and then returns. If the card is there already,
    /// it is lifted and laid on again, and stays there.
    ///
    /// # Errors
    /// [`Error::NotACard`]; [`Error::NoReader`]: no reader has noticed it.
    pub fn tap(&self, time: Duration) -> Result<(), Error> {
        self.thread.ask(async move |inside| inside.key.tap(1, time).await)?
    }

    /// Copies of all credentials that the key stores, with their private keys: first the discoverable ones, oldest first, then
    /// the others in the order of their ids. A credential that is sealed in its own id is not stored, unless the profile says
    /// `keepNonDiscoverable`.
    ///
    /// # Errors
    /// [`Error::Ended`] if the key has stopped before; the call that stopped it told why.
    pub fn credentials(&self) -> Result<Vec<CredentialSource>, Error> {
        self.thread.ask(async |inside| inside.key.credentials().await)?
    }

    /// Adds a credential, which is then the newest one. A discoverable credential replaces the one of the same account, whose id
    /// is returned.
    ///
    /// # Errors
    /// [`Error::Credential`], with nothing changed: the fault of the one who made the credential, or the medium's.
    pub fn add_credential(&self, source: CredentialSource) -> Result<Option<Vec<u8>>, Error> {
        self.thread.ask(async move |inside| inside.key.add_credential(source).await)?
    }

    /// Removes the credential with this id.
    ///
    /// # Errors
    /// [`Error::Credential`] if the key stores no such credential.
    pub fn remove_credential(&self, id: &[u8]) -> Result<(), Error> {
        let id = id.to_vec();
        self.thread.ask(async move |inside| inside.key.remove_credential(&id).await)?
    }

    /// Removes all credentials that the key stores, and returns how many there were.
    ///
    /// # Errors
    /// [`Error::Credential`]: the memory failed, and some may be removed.
    pub fn remove_credentials(&self) -> Result<usize, Error> {
        self.thread.ask(async |inside| inside.key.remove_credentials().await)?
    }

    /// Changes the flags or the counter of the credential with this id. The next assertion uses them.
    ///
    /// # Errors
    /// [`Error::Credential`] if the key stores no such credential.
    pub fn change_credential(&self, id: &[u8], properties: Properties) -> Result<(), Error> {
        let id = id.to_vec();
        self.thread.ask(async move |inside| inside.key.change_credential(&id, properties).await)?
    }

    /// Enrols the finger with this number, without a PIN.
    ///
    /// # Errors
    /// [`Error::Finger`]: the caller's fault, or the medium's.
    pub fn enroll_finger(&self, number: u8) -> Result<(), Error> {
        self.thread.ask(async move |inside| inside.key.enroll_finger(number).await)?
    }

    /// Removes an enrolled finger.
    ///
    /// # Errors
    /// [`Error::Finger`]: the caller's fault, or the medium's.
    pub fn remove_finger(&self, number: u8) -> Result<(), Error> {
        self.thread.ask(async move |inside| inside.key.remove_finger(number).await)?
    }

    /// Sets how prompts are answered from now on. A prompt that is open is answered at once, except with [`Touch::Ask`].
    ///
    /// # Errors
    /// [`Error::Ended`] if the key has stopped before; the call that stopped it told why.
    pub fn set_touch(&self, touch: Touch) -> Result<(), Error> {
        self.thread.ask(async move |inside| inside.key.set_touch(touch).await)?
    }

    /// Sets how prompts for a finger are answered from now on, while [`Touch::Auto`] answers the others.
    ///
    /// # Errors
    /// [`Error::Ended`] if the key has stopped before; the call that stopped it told why.
    pub fn set_verification(&self, verification: Verification) -> Result<(), Error> {
        self.thread.ask(async move |inside| inside.key.set_verification(verification).await)?
    }

    /// Makes the key do wrong on purpose: with the next request, unless an [`Injection`] says more. Returns the number of the fault.
    ///
    /// # Errors
    /// [`Error::Fault`]: the key has too many faults.
    pub fn add_fault(&self, injection: impl Into<Injection>) -> Result<u32, Error> {
        let injection = injection.into();
        self.thread.ask(async move |inside| inside.key.add_fault(injection))?
    }

    /// Makes the key do what real keys were seen to do: one of the [`RECIPES`](crate::faults::RECIPES), by its name. Returns the
    /// numbers of its faults.
    ///
    /// # Errors
    /// [`Error::Fault`]: there is no such recipe, or the key has too many faults.
    pub fn add_recipe(&self, name: &str) -> Result<Vec<u32>, Error> {
        let recipe = Some(name.to_owned());
        let described = FaultDescription { recipe, ..FaultDescription::default() };
        self.thread.ask(async move |inside| inside.key.add_described_fault(&described))?
    }

    /// The key's faults, oldest first.
    ///
    /// # Errors
    /// [`Error::Ended`] if the key has stopped before; the call that stopped it told why.
    pub fn faults(&self) -> Result<Vec<ActiveFault>, Error> {
        self.thread.ask(async |inside| inside.key.faults())
    }

    /// Removes the fault with this number, or all. Requests that have begun keep their faults; only a stuck disk continues at once.
    ///
    /// # Errors
    /// [`Error::Fault`]: the key has no fault with this number.
    pub fn clear_faults(&self, id: Option<u32>) -> Result<(), Error> {
        self.thread.ask(async move |inside| inside.key.clear_faults(id))?
    }

    /// Unplugs the key and plugs it in again: a power cycle. A card is lifted from its reader and laid on again. When this
    /// returns, this machine's kernel has the key again; a [`Connection`] ends, and a USB/IP client must import the key again.
    ///
    /// # Errors
    /// [`Error::NotBack`] if the kernel does not find it again within
    /// [`PLUGGING`](crate::power_cycle::PLUGGING).
    pub fn replug(&self) -> Result<(), Error> {
        self.thread.ask(async |inside| inside.replug().await)?
    }
}
