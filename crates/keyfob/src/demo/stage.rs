//! The key of the demonstration, and the two ways to plug it in.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ctap_client::hidraw::Key;
use usbip_server::client::Enumeration;

use super::narrator::in_words;
use crate::device::{self, Address, Reports};
use crate::spawned::SpawnedKey;
use crate::terminal::shown::quoted_name;

/// How the key is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Imported over TCP by this very program.
    Usbip,
    /// Attached to this host's kernel, and used through its device file.
    Kernel,
}

/// A running key and how to reach it.
pub(super) struct Stage {
    key: Arc<SpawnedKey>,
    way: Way,
    /// Other people's keys, which are left alone.
    others: Vec<Key>,
}

/// A way to the key, and what it said of itself when it was plugged in.
pub(super) type Plugged = (Reports, String);

impl Stage {
    /// Starts a key with nothing on it.
    ///
    /// # Errors
    /// As [`SpawnedKey`] says.
    pub(super) fn set(way: Way) -> anyhow::Result<Self> {
        let others = device::local_keys()?;
        let key = match way {
            Way::Usbip => SpawnedKey::serve("ask"),
            Way::Kernel => SpawnedKey::attach("ask"),
        };
        Ok(Self { key: Arc::new(key?), way, others })
    }

    /// Who the key is, and where.
    pub(super) fn introduction(&self) -> String {
        let (pid, greeting) = (self.key.pid(), self.key.greeting());
        format!("process {pid} says “{greeting}” after {}", in_words(self.key.ready_after()))
    }

    /// The process that is the key.
    pub(super) fn key(&self) -> Arc<SpawnedKey> {
        Arc::clone(&self.key)
    }

    /// Waits for the key to be there, and opens it.
    ///
    /// # Errors
    /// When it does not appear.
    pub(super) fn plug_in(&self) -> anyhow::Result<Plugged> {
        match self.way {
            Way::Usbip => self.import(),
            Way::Kernel => self.open_node(),
        }
    }

    /// Unplugs the key and plugs it in again. Nothing may be open.
    ///
    /// # Errors
    /// As [`plug_in`](Self::plug_in).
    pub(super) fn power_cycle(&self) -> anyhow::Result<Plugged> {
        if self.way == Way::Kernel {
            self.key.command(&["replug"])?; // ends when the kernel has the key again
        }
        self.plug_in()
    }

    /// Right after a power cycle the server may not have seen the end of the last connection yet.
    fn import(&self) -> anyhow::Result<Plugged> {
        let (host, said) = eventually(|| device::import(self.key.server()?, None))?;
        Ok((Reports::imported(host, &said), describe(&said)))
    }

    /// The kernel needs a moment to make a device file, and udev another one to give the permission.
    fn open_node(&self) -> anyhow::Result<Plugged> {
        eventually(|| {
            let key = self.node()?;
            let pipe = Address::Hidraw(key.path.clone()).pipe()?;
            Ok((pipe, format!("{} is {}", key.path.display(), quoted_name(&key.name))))
        })
    }

    fn node(&self) -> anyhow::Result<Key> {
        let keys = device::local_keys()?;
        let ours = keys.into_iter().find(|key| !self.others.contains(key));
        ours.context("the kernel shows no device file for the key; `keyfob doctor` may know why")
    }
}

/// What the descriptors say.
fn describe(said: &Enumeration) -> String {
    let product = said.product.as_deref().map_or("a device without a name".to_owned(), quoted_name);
    let report = said.report_descriptor.len();
    format!("descriptors read: {product}, FIDO usage page in a report descriptor of {report} bytes")
}

/// Tries until it works, for as long as plugging in may take; then the last failure stands.
fn eventually<T>(mut attempt: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        match attempt() {
            Err(_) if begun.elapsed() < LONGEST_WAIT => thread::sleep(BETWEEN_ATTEMPTS),
            outcome => return outcome,
        }
    }
}

const LONGEST_WAIT: Duration = Duration::from_secs(5);
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(2);
