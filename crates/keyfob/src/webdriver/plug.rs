//! Where a session's keys are plugged in.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};
use usbip_server::{Port, Server};
use virtual_key::host::{Driver, Held, local_device};
use virtual_key::keys::{KeySettings, Keys, PluggedKey};
use virtual_key::peers::{self, PeerFilter};
use virtual_key::{Error, vpcd};

use super::fault::Fault;
use super::limits::PLUGGING;
use super::reader::OnReader;
use crate::failure::{describe, usage};
use crate::run::card::parse_address;
use crate::say::{say, warn};

/// Where keys are plugged in, as it is typed.
#[derive(Clone, Debug, Args)]
pub(crate) struct PlaceOptions {
    /// Make the keys HID devices, not USB devices, as `keyfob attach --uhid` does
    #[arg(long)]
    uhid: bool,

    /// Do not plug the keys into the kernel: offer each over USB/IP at a port of this machine, and wait until a host has imported it
    #[arg(long, conflicts_with = "uhid")]
    serve: bool,

    /// The reader for authenticators of transport nfc, which are cards, as `keyfob card` has it [default: 127.0.0.1:35963]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    vpcd: Option<SocketAddr>,
}

/// Where keys are plugged in.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    host: Host,
    /// Where vpcd listens.
    reader: SocketAddr,
}

/// Who gets the keys of a USB port.
#[derive(Clone, Debug)]
enum Host {
    /// This machine's kernel.
    Kernel(Driver),
    /// Whoever imports them.
    UsbIp,
}

impl PlaceOptions {
    /// Finds out whether it can be done.
    ///
    /// # Errors
    /// The kernel has neither driver, or does not let this user at it; the reader is another machine's.
    pub(crate) fn place(&self) -> anyhow::Result<Place> {
        let reader = self.vpcd.unwrap_or(SocketAddr::from(([127, 0, 0, 1], vpcd::PORT)));
        if !peers::is_loopback(reader) {
            return Err(usage(
                format_args!(
                    "{reader} is another machine, whose reader the browser here does not see"
                ),
                "name a reader of this machine, such as --vpcd 127.0.0.1:35963",
            ));
        }
        let host = match (self.serve, self.uhid) {
            (true, _) => Host::UsbIp,
            (false, true) => Host::Kernel(Driver::uhid()?),
            (false, false) => Host::Kernel(Driver::find()?.0),
        };
        Ok(Place { host, reader })
    }
}

/// A key that a host has. Dropping it unplugs the key.
pub(super) struct Plugged {
    keys: Keys,
    pub(super) key: Rc<PluggedKey>,
    host: AbortHandle,
    /// The kernel's side of it, if that has it.
    held: Option<Rc<Held>>,
    /// The reader that it lies on, if it is a card.
    on_reader: Option<OnReader>,
}

impl Drop for Plugged {
    fn drop(&mut self) {
        if let Some(OnReader { bridged, .. }) = &self.on_reader {
            bridged.port.unplug();
        }
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
    /// The kernel refuses it, or nobody has it in time; it is to be a card, and there is no reader.
    pub(super) async fn new(settings: KeySettings, place: &Place) -> Result<Self, Fault> {
        let failed = |error: anyhow::Error| Fault::unknown_error(describe(&error));
        let server = Server::new();
        let settings = match &place.host {
            Host::Kernel(driver) => driver.suited(settings),
            Host::UsbIp => settings,
        };
        let keys = Keys::plug_into(&server, &settings).map_err(|error| failed(error.into()))?;
        let key = keys.iter().next().map(Rc::clone);
        let key = key.ok_or_else(|| Fault::unknown_error("no key was made"))?;
        if key.form().is_card() {
            let on_reader = OnReader::lay_on(&key, place.reader).await?;
            return Self::bridged(keys, key, on_reader, &place.host).await.map_err(failed);
        }
        match &place.host {
            Host::Kernel(driver) => Self::attached(keys, key, driver).await,
            Host::UsbIp => Self::served(keys, key, server).await,
        }
        .map_err(failed)
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
        let host = host.abort_handle();
        let plugged = Self { keys, key, host, held: Some(held), on_reader: None };
        let is_there = timeout(PLUGGING, hears.wait_for(Option::is_some)).await;
        match is_there.ok().and_then(Result::ok).is_some_and(|found| *found == Some(true)) {
            true => Ok(plugged),
            false => Err(Error::NoDeviceFile.into()),
        }
    }

    async fn served(keys: Keys, key: Rc<PluggedKey>, server: Server) -> anyhow::Result<Self> {
        let (host, address) = offer(server, key.bus_id())?;
        let plugged = Self { keys, key, host, held: None, on_reader: None };
        imported(plugged.key.port(), address).await?;
        Ok(plugged)
    }

    /// As what the bridge makes of the card.
    async fn bridged(
        keys: Keys,
        key: Rc<PluggedKey>,
        on_reader: OnReader,
        host: &Host,
    ) -> anyhow::Result<Self> {
        let port = on_reader.bridged.port.clone();
        match host {
            Host::Kernel(driver) => {
                let (driver, serial) = (driver.clone(), on_reader.bridged.serial.clone());
                let host = spawn_local(async move {
                    if let Err(error) = driver.plug_in(&port, |_| {}).await {
                        let next = error.advice();
                        warn(format_args!("a card of a session is gone: {error}; next: {next}"));
                    }
                });
                let host = host.abort_handle();
                let plugged = Self { keys, key, host, held: None, on_reader: Some(on_reader) };
                until_there(&serial, true).await.map_err(|_| Error::NoDeviceFile)?;
                Ok(plugged)
            }
            Host::UsbIp => {
                let (host, address) = offer(on_reader.bridged.server.clone(), port.bus_id())?;
                let plugged = Self { keys, key, host, held: None, on_reader: Some(on_reader) };
                imported(&port, address).await?;
                Ok(plugged)
            }
        }
    }

    /// Hears when a prompt opens or closes.
    pub(super) fn listen(&self) -> virtual_key::bell::Listener {
        self.keys.listen()
    }

    /// Unplugs it, and returns when the host has let go.
    pub(super) async fn unplug(self) {
        let held = self.held.clone();
        let serial = match &self.on_reader {
            Some(OnReader { bridged, .. }) => bridged.serial.clone(),
            None => self.key.serial().to_owned(),
        };
        let is_card = self.on_reader.is_some();
        drop(self);
        if let Some(held) = &held {
            held.freed().await;
        }
        if held.is_some() || is_card {
            // A kernel that keeps it keeps nobody from going on.
            let _ = until_there(&serial, false).await;
        }
    }
}

/// Offers what is in the server at a free port of this machine, and says where.
fn offer(server: Server, bus_id: &str) -> anyhow::Result<(AbortHandle, SocketAddr)> {
    let listener = usbip_server::listen(([127, 0, 0, 1], 0).into())?;
    let address = listener.local_addr()?;
    let mut filter = PeerFilter::of(address, |sentence: fmt::Arguments<'_>| warn(sentence))?;
    let host = spawn_local(async move {
        let welcome = |stream: &TcpStream| filter.admits(stream);
        match server.serve_tcp(listener, welcome).await {}
    });
    say(format_args!("listening on {address}, bus id {bus_id}"));
    Ok((host.abort_handle(), address))
}

async fn imported(port: &Port, address: SocketAddr) -> anyhow::Result<()> {
    let imported = timeout(PLUGGING, port.imported()).await;
    imported.map_err(|_| anyhow!("nobody has imported the key at {address}"))
}

/// Waits until the kernel has a key of this serial number, or has it no longer.
async fn until_there(serial: &str, there: bool) -> Result<(), Elapsed> {
    let settled = async {
        while local_device(serial).is_some() != there {
            sleep(BETWEEN_LOOKS).await;
        }
    };
    timeout(PLUGGING, settled).await
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
