//! Where a session's keys are plugged in.

use std::fmt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{sleep, timeout};
use usbip_server::Server;
use virtual_key::Error;
use virtual_key::host::{Driver, Held, local_device};
use virtual_key::keys::{KeySettings, Keys, PluggedKey};
use virtual_key::peers::PeerFilter;

use super::limits::PLUGGING;
use crate::say::{say, warn};

/// Where keys are plugged in, as it is typed.
#[derive(Clone, Debug, Args)]
pub(crate) struct PlaceOptions {
    /// Make HID devices of the keys, not USB devices, as `keyfob attach --uhid` does
    #[arg(long)]
    uhid: bool,

    /// Plug the keys into no kernel, but offer each over USB/IP at a port of this machine, and wait until somebody has imported it
    #[arg(long, conflicts_with = "uhid")]
    serve: bool,
}

/// Where keys are plugged in.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// This machine's kernel.
    Kernel(Driver),
    /// Wherever somebody imports them.
    UsbIp,
}

impl PlaceOptions {
    /// Finds out whether it can be done.
    ///
    /// # Errors
    /// The kernel has neither driver, or does not let this user at it.
    pub(crate) fn place(&self) -> anyhow::Result<Place> {
        if self.serve {
            return Ok(Place::UsbIp);
        }
        Ok(Place::Kernel(if self.uhid { Driver::uhid()? } else { Driver::find()?.0 }))
    }
}

/// A key that a host has. Dropping it unplugs the key.
pub(super) struct Plugged {
    keys: Keys,
    pub(super) key: Rc<PluggedKey>,
    host: AbortHandle,
    /// The kernel's side of it, if that has it.
    held: Option<Rc<Held>>,
}

impl Drop for Plugged {
    fn drop(&mut self) {
        self.keys.unplug();
        self.host.abort();
    }
}

impl Plugged {
    /// Makes a key and plugs it in. Returns when a host has it: its device file is there, or somebody has imported it.
    ///
    /// Must run in a [`LocalSet`](tokio::task::LocalSet).
    ///
    /// # Errors
    /// The kernel refuses it, or nobody has it in time.
    pub(super) async fn new(settings: KeySettings, place: &Place) -> anyhow::Result<Self> {
        let server = Server::new();
        let settings = match place {
            Place::Kernel(driver) => driver.suited(settings),
            Place::UsbIp => settings,
        };
        let keys = Keys::plug_into(&server, &settings)?;
        let key = keys.iter().next().map(Rc::clone).ok_or_else(|| anyhow!("no key was made"))?;
        match place {
            Place::Kernel(driver) => Self::attached(keys, key, driver).await,
            Place::UsbIp => Self::served(keys, key, server).await,
        }
    }

    async fn attached(keys: Keys, key: Rc<PluggedKey>, driver: &Driver) -> anyhow::Result<Self> {
        let (told, mut hears) = watch::channel(None);
        let held = Rc::new(Held::new(driver, &key, telling(&told)));
        let holding = Rc::clone(&held);
        let host = spawn_local(async move {
            let Err(error) = holding.hold().await;
            warn(format_args!("a key of a session is gone: {error}; next: {}", error.advice()));
            told.send_replace(Some(false));
        });
        let plugged = Self { keys, key, host: host.abort_handle(), held: Some(held) };
        let is_there = timeout(PLUGGING, hears.wait_for(Option::is_some)).await;
        match is_there.ok().and_then(Result::ok).is_some_and(|found| *found == Some(true)) {
            true => Ok(plugged),
            false => Err(Error::NoDeviceFile.into()),
        }
    }

    async fn served(keys: Keys, key: Rc<PluggedKey>, server: Server) -> anyhow::Result<Self> {
        let listener = usbip_server::listen(([127, 0, 0, 1], 0).into())?;
        let address = listener.local_addr()?;
        let mut filter = PeerFilter::of(address, |sentence: fmt::Arguments<'_>| warn(sentence))?;
        let host = spawn_local(async move {
            let welcome = |stream: &TcpStream| filter.admits(stream);
            match server.serve_tcp(listener, welcome).await {}
        });
        say(format_args!("listening on {address}, bus id {}", key.bus_id()));
        let plugged = Self { keys, key, host: host.abort_handle(), held: None };
        match timeout(PLUGGING, plugged.key.port().imported()).await {
            Ok(()) => Ok(plugged),
            Err(_) => Err(anyhow!("nobody has imported the key at {address}")),
        }
    }

    /// Hears when a prompt opens or closes.
    pub(super) fn listen(&self) -> virtual_key::bell::Listener {
        self.keys.listen()
    }

    /// Unplugs it, and returns when the host has let go.
    pub(super) async fn unplug(self) {
        let (serial, held) = (self.key.serial().to_owned(), self.held.clone());
        drop(self);
        let Some(held) = held else { return };
        held.freed().await;
        let gone = async {
            while local_device(&serial).is_some() {
                sleep(BETWEEN_LOOKS).await;
            }
        };
        // A kernel that keeps it keeps nobody from going on.
        let _ = timeout(PLUGGING, gone).await;
    }
}

/// Hears whether the kernel has a device file for a key.
fn telling(told: &watch::Sender<Option<bool>>) -> virtual_key::host::Found {
    let told = told.clone();
    Box::new(move |_: &PluggedKey, node: Option<&Path>| {
        told.send_replace(Some(node.is_some()));
    })
}

/// Between two looks whether the kernel still has a key, which it tells nobody: much less than it needs.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
