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

/// A whole security key that runs on a thread of its own. Its methods block; the value may be sent to, and used from, other threads.
/// Dropping it unplugs the key and waits until that is done.
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
    /// A key of the default kind, that asks for touches and remembers nothing, to be changed before it starts.
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

    /// The number that is printed on it: 16 hexadecimal digits, the USB serial number.
    pub fn serial(&self) -> &str {
        &self.facts.serial
    }

    /// Where it is plugged in at its server, such as `1-1`.
    pub fn bus_id(&self) -> &str {
        &self.facts.bus_id
    }

    /// Where it is offered over USB/IP, with the port that was taken; `None` unless it was started with
    /// [`serve`](Builder::serve).
    pub fn address(&self) -> Option<SocketAddr> {
        self.facts.address
    }

    /// Its device file on this machine, such as `/dev/hidraw0`, while this machine's kernel has it, in whatever way.
    pub fn device_node(&self) -> Option<PathBuf> {
        local_device(self.serial()).map(|found| found.path)
    }

    /// Whether a host has it: the kernel, a USB/IP client, a [`Connection`], or a reader.
    ///
    /// # Errors
    /// [`Error::Ended`], or why it has: as all that asks the key.
    pub fn is_attached(&self) -> Result<bool, Error> {
        self.thread.ask(async |inside| inside.key.is_attached())
    }

    /// Plugs it into this program: a host's end without a kernel. It is unplugged when that is dropped.
    ///
    /// # Errors
    /// [`Error::InUse`] if it has a host; [`Error::Connection`].
    pub fn connect(&self) -> Result<Connection, Error> {
        let (stream, devid) = self.thread.ask(async |inside| inside.connect().await)??;
        Connection::adopt(stream, devid)
    }

    /// What it asks now, if it asks anything.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub fn prompt(&self) -> Result<Option<Prompt>, Error> {
        self.thread.ask(async |inside| inside.key.prompt())
    }

    /// All that can be answered, what it asks now first: several U2F clients may want a touch at once.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub fn prompts(&self) -> Result<Vec<Prompt>, Error> {
        self.thread.ask(async |inside| inside.key.prompts())
    }

    /// Waits until it asks for something, and tells what; at once, if it does already.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if it did not within this time.
    pub fn wait_prompt(&self, within: Duration) -> Result<Prompt, Error> {
        self.thread.ask(async move |inside| inside.next_prompt(within).await)?
    }

    /// Touches it: approves what it asks now. On a fingerprint sensor, with the finger that fits.
    ///
    /// # Errors
    /// [`Error::NoPrompt`] if it asks for nothing: the touch is lost.
    pub fn touch(&self) -> Result<(), Error> {
        self.decide(Decision::Approve)
    }

    /// Refuses what it asks now.
    ///
    /// # Errors
    /// As [`touch`](Self::touch).
    pub fn deny(&self) -> Result<(), Error> {
        self.decide(Decision::Deny)
    }

    /// Places a finger on its fingerprint sensor, known by a number of the caller's choice; where no finger is asked for, it is
    /// a touch.
    ///
    /// # Errors
    /// As [`touch`](Self::touch).
    pub fn finger(&self, number: u8) -> Result<(), Error> {
        self.decide(Decision::Finger(number))
    }

    /// Answers what it asks now in any way that there is.
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

    /// Lays it on its reader, if it does not lie there, and waits until that has it.
    ///
    /// # Errors
    /// [`Error::NotACard`] unless it was started with [`card`](Builder::card); [`Error::NoReader`].
    pub fn lay_on(&self) -> Result<(), Error> {
        self.thread.ask(async |inside| inside.key.lay_on_and_wait().await)?
    }

    /// Takes it off its reader, if it lies there: whatever was going on, it loses power.
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

    /// Lays it on its reader, takes it off after `time`, and then returns. One that lies there before is lifted, laid on again, and
    /// left there.
    ///
    /// # Errors
    /// [`Error::NotACard`].
    pub fn tap(&self, time: Duration) -> Result<(), Error> {
        self.thread.ask(async move |inside| inside.key.tap(1, time).await)?
    }

    /// Copies of all credentials that it keeps, their private keys included: the discoverable ones, oldest first, then the others in the
    /// order of their ids. A credential that travels sealed in its own id is none of them, unless the profile says
    /// `keepNonDiscoverable`.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub fn credentials(&self) -> Result<Vec<CredentialSource>, Error> {
        self.thread.ask(async |inside| inside.key.credentials().await)?
    }

    /// Adds a credential, which is the newest then. A discoverable one takes the place of the one of the same account, whose id is
    /// returned.
    ///
    /// # Errors
    /// [`Error::Credential`], with nothing changed.
    pub fn add_credential(&self, source: CredentialSource) -> Result<Option<Vec<u8>>, Error> {
        self.thread.ask(async move |inside| inside.key.add_credential(source).await)?
    }

    /// Removes the credential with this id.
    ///
    /// # Errors
    /// [`Error::Credential`] if it keeps none.
    pub fn remove_credential(&self, id: &[u8]) -> Result<(), Error> {
        let id = id.to_vec();
        self.thread.ask(async move |inside| inside.key.remove_credential(&id).await)?
    }

    /// Removes all credentials that it keeps, and tells how many they were.
    ///
    /// # Errors
    /// [`Error::Credential`]: its memory failed, and some may be gone.
    pub fn remove_credentials(&self) -> Result<usize, Error> {
        self.thread.ask(async |inside| inside.key.remove_credentials().await)?
    }

    /// Changes flags or counter of the credential with this id, from its next assertion on.
    ///
    /// # Errors
    /// [`Error::Credential`] if it keeps none.
    pub fn change_credential(&self, id: &[u8], properties: Properties) -> Result<(), Error> {
        let id = id.to_vec();
        self.thread.ask(async move |inside| inside.key.change_credential(&id, properties).await)?
    }

    /// Enrols the finger with this number, without a PIN: its sensor knows it from now on.
    ///
    /// # Errors
    /// [`Error::Finger`].
    pub fn enroll_finger(&self, number: u8) -> Result<(), Error> {
        self.thread.ask(async move |inside| inside.key.enroll_finger(number).await)?
    }

    /// Removes an enrolled finger.
    ///
    /// # Errors
    /// [`Error::Finger`].
    pub fn remove_finger(&self, number: u8) -> Result<(), Error> {
        self.thread.ask(async move |inside| inside.key.remove_finger(number).await)?
    }

    /// From now on this becomes of its questions; one that waits for a person is answered at once, unless the person still is to.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub fn set_touch(&self, touch: Touch) -> Result<(), Error> {
        self.thread.ask(async move |inside| inside.key.set_touch(touch).await)?
    }

    /// From now on this becomes of questions for a finger, where [`Touch::Auto`] answers.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub fn set_verification(&self, verification: Verification) -> Result<(), Error> {
        self.thread.ask(async move |inside| inside.key.set_verification(verification).await)?
    }

    /// Something is wrong with it from now on, on purpose: with the next request, unless an [`Injection`] says more. Tells the number of
    /// the fault.
    ///
    /// # Errors
    /// [`Error::Fault`]: it has too many.
    pub fn add_fault(&self, injection: impl Into<Injection>) -> Result<u32, Error> {
        let injection = injection.into();
        self.thread.ask(async move |inside| inside.key.add_fault(injection))?
    }

    /// It does what real keys were seen to do, by the name of one of [`RECIPES`](crate::faults::RECIPES). Tells the numbers of the
    /// faults that it takes.
    ///
    /// # Errors
    /// [`Error::Fault`]: there is no such recipe, or it has too many faults.
    pub fn add_recipe(&self, name: &str) -> Result<Vec<u32>, Error> {
        let recipe = Some(name.to_owned());
        let described = FaultDescription { recipe, ..FaultDescription::default() };
        self.thread.ask(async move |inside| inside.key.add_described_fault(&described))?
    }

    /// The faults that it has, oldest first.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub fn faults(&self) -> Result<Vec<ActiveFault>, Error> {
        self.thread.ask(async |inside| inside.key.faults())
    }

    /// Takes away the fault of this number, or all. Requests that have begun keep theirs; but a stuck disk gets on.
    ///
    /// # Errors
    /// [`Error::Fault`]: it has none of this number.
    pub fn clear_faults(&self, id: Option<u32>) -> Result<(), Error> {
        self.thread.ask(async move |inside| inside.key.clear_faults(id))?
    }

    /// Unplugs it and plugs it in again: a power cycle. A card is lifted from its reader and laid on again. This machine's kernel has it back when this returns; a
    /// [`Connection`] ends, and a USB/IP client has to import it again.
    ///
    /// # Errors
    /// [`Error::NotBack`] if the kernel does not find it again within
    /// [`PLUGGING`](crate::power_cycle::PLUGGING).
    pub fn replug(&self) -> Result<(), Error> {
        self.thread.ask(async |inside| inside.replug().await)?
    }
}
