//! The inside of the thread of a [`VirtualKey`](crate::VirtualKey): the key, and its connection to a host.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use ctap_core::Decision;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::timeout;
use usbip_server::Server;

use crate::error::{Error, Warn};
use crate::host::{Driver, Found, Held};
use crate::keys::{KeySettings, Keys, Offer, PluggedKey, Prompt};
use crate::peers::PeerFilter;
use crate::power_cycle::power_cycle;
use crate::system::{self, Stream};
use crate::thread::{Facts, Way};
use crate::vpcd::{self, Reader};

/// The key and what surrounds it.
pub(crate) struct Inside {
    server: Server,
    keys: Keys,
    pub(crate) key: Rc<PluggedKey>,
    /// The device file that the kernel made when the key was plugged in there, or `None` if it made none.
    found: watch::Sender<Option<Option<PathBuf>>>,
}

/// The host of the key, apart from this process.
pub(crate) enum Host {
    Nobody,
    UsbIp(Listener),
    Kernel(Rc<Held>),
    Reader(Reader),
}

/// The listener for USB/IP clients.
pub(crate) struct Listener {
    address: SocketAddr,
    listener: TcpListener,
    filter: PeerFilter,
}

impl Host {
    /// The key as the kernel has it.
    pub(crate) fn held(&self) -> Option<Rc<Held>> {
        match self {
            Self::Kernel(held) => Some(Rc::clone(held)),
            _ => None,
        }
    }
}

impl Inside {
    /// Makes the key. What may refuse it is asked first, before its memory is touched.
    pub(crate) async fn start(settings: &KeySettings, way: Way) -> Result<(Self, Host), Error> {
        let prepared = Prepared::of(way, settings.warn)?;
        let settings = &prepared.suited(settings);
        let server = Server::new();
        let keys = Keys::plug_into(&server, settings)?;
        let key = keys.iter().next().map(Rc::clone).ok_or(Error::Ended)?;
        let found = watch::Sender::new(None);
        let host = match prepared {
            Prepared::Nobody => Host::Nobody,
            Prepared::UsbIp(listener) => {
                keys.offer_at(&Offer::Tcp(listener.address));
                Host::UsbIp(listener)
            }
            Prepared::Kernel(driver) => {
                Host::Kernel(Rc::new(Held::new(&driver, &key, telling(&found))))
            }
            Prepared::Reader(reader) => Host::Reader(reader),
        };
        Ok((Self { server, keys, key, found }, host))
    }

    pub(crate) fn facts(&self, host: &Host) -> Facts {
        let address = match host {
            Host::UsbIp(listener) => Some(listener.address),
            _ => None,
        };
        let (serial, bus_id) = (self.key.serial().to_owned(), self.key.bus_id().to_owned());
        Facts { serial, bus_id, address }
    }

    /// Lets the host have the key.
    pub(crate) async fn serve(&self, host: Host) -> Result<Infallible, Error> {
        match host {
            Host::Nobody => pending().await,
            Host::UsbIp(Listener { listener, mut filter, .. }) => {
                let welcome = |stream: &TcpStream| filter.admits(stream);
                Ok(self.server.serve_tcp(listener, welcome).await)
            }
            Host::Kernel(held) => held.hold().await,
            Host::Reader(reader) => tokio::select! {
                never = self.key.lie_on(&reader, &|event| tracing::info!(?event)) => match never {},
                never = vpcd::keep_awake() => match never {},
            },
        }
    }

    /// Pulls the plug.
    pub(crate) fn unplug(&self) {
        self.keys.unplug();
    }

    /// Waits until the kernel has a device file for it.
    pub(crate) async fn device_file(&self) -> Result<(), Error> {
        let mut found = self.found.subscribe();
        // It cannot fail: the other end is ours.
        let found = found.wait_for(Option::is_some).await;
        match found.ok().as_deref() {
            Some(Some(Some(_))) => Ok(()),
            _ => Err(Error::NoDeviceFile),
        }
    }

    /// Serves the key to one end of a socket pair, and hands out the other, with the number that URBs know the key by.
    pub(crate) async fn connect(&self) -> Result<(Stream, u32), Error> {
        self.freed().await?;
        let (ours, theirs) = system::pair().await.map_err(Error::Start)?;
        let port = self.key.port().clone();
        spawn_local(async move {
            if let Err(error) = port.serve(ours).await {
                tracing::info!(%error, "a connection within the process ended");
            }
        });
        Ok((theirs, self.key.port().devid()))
    }

    /// Waits until a host that is about to let go of the key has.
    async fn freed(&self) -> Result<(), Error> {
        timeout(LETTING_GO, self.key.port().freed()).await.map_err(|_| Error::InUse)
    }

    /// The next prompt, as soon as it is open.
    pub(crate) async fn next_prompt(&self, within: Duration) -> Result<Prompt, Error> {
        let mut bell = self.keys.listen();
        let opened = async {
            loop {
                if let Some(prompt) = self.key.prompt() {
                    return prompt;
                }
                // It cannot fail: the keys hold the other end.
                let _ = bell.changed().await;
            }
        };
        timeout(within, opened).await.map_err(|_| Error::TimedOut(within))
    }

    pub(crate) async fn answer(&self, prompt: &Prompt, decision: Decision) -> Result<(), Error> {
        match self.key.answer(prompt.id, decision).await {
            true => Ok(()),
            false => Err(Error::NoPrompt),
        }
    }

    pub(crate) async fn replug(&self) -> Result<(), Error> {
        if self.key.is_held() {
            return power_cycle(&self.key).await.then_some(()).ok_or(Error::NotBack);
        }
        self.key.replug();
        self.freed().await
    }
}

/// Hears of device files.
fn telling(found: &watch::Sender<Option<Option<PathBuf>>>) -> Found {
    let found = found.clone();
    Box::new(move |_, node| {
        found.send_replace(Some(node.map(Path::to_owned)));
    })
}

/// The parts of a host that must be ready before there is a key.
enum Prepared {
    Nobody,
    UsbIp(Listener),
    Kernel(Driver),
    Reader(Reader),
}

impl Prepared {
    fn suited(&self, settings: &KeySettings) -> KeySettings {
        match self {
            Self::Kernel(driver) => driver.suited(settings.clone()),
            _ => settings.clone(),
        }
    }

    fn of(way: Way, warn: Warn) -> Result<Self, Error> {
        Ok(match way {
            Way::InProcess => Self::Nobody,
            Way::UsbIp(address) => Self::UsbIp(Listener::open(address, warn)?),
            Way::Kernel => Self::Kernel(Driver::find()?.0),
            Way::Uhid => Self::Kernel(Driver::uhid()?),
            Way::Reader(address) => Self::Reader(Reader { address, any_user: false }),
        })
    }
}

impl Listener {
    fn open(address: SocketAddr, warn: Warn) -> Result<Self, Error> {
        let cannot_listen = |error| Error::Listen { address, error };
        let listener = usbip_server::listen(address).map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let filter = PeerFilter::of(address, warn).map_err(cannot_listen)?;
        Ok(Self { address, listener, filter })
    }
}

/// How long to wait until a host that closed the connection, or was unplugged, has released the key. It does so as
/// soon as this thread handles it.
const LETTING_GO: Duration = Duration::from_secs(1);
