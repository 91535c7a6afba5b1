//! `keyfob attach`: plugs keys into this very machine, through the kernel's virtual USB host controller.

mod sleep;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use ctap_client::hidraw::Key;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use usbip_server::Server;
use usbip_server::vhci::{self, HubPort, Vhci, VhciError};

use crate::cli::KeyOptions;
use crate::device::local_keys;
use crate::failure::failure;
use crate::keys::{Keys, PluggedKey};
use crate::running::Running;
use crate::say::{say, warn};

/// Which keys are plugged in.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    keys: KeyOptions,
}

/// Keeps the keys plugged in until a signal ends it.
///
/// # Errors
/// The kernel has no virtual host controller, or does not let this user at it; or the host unplugged a key.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let vhci = Vhci::open(Path::new(vhci::PLATFORM)).map_err(advise)?;
    let running = Running::start(&Server::new(), &options.keys)?;
    let keys = Rc::clone(running.keys());
    running.serve(hold_all(vhci, keys)).await
}

async fn hold_all(vhci: Vhci, keys: Rc<Keys>) -> anyhow::Result<Infallible> {
    let held: Vec<Rc<Held>> = keys.iter().map(|key| Rc::new(Held::new(&vhci, key))).collect();
    let awake = async || hold_each(&held).await;
    let asleep = async || {
        say("the machine goes to sleep: unplugged until it is awake again");
        for one in &held {
            one.freed().await;
        }
    };
    sleep::but_for_sleep(zbus::connection::Builder::system(), awake, asleep).await
}

/// Keeps all of them plugged in; dropping this unplugs them.
async fn hold_each(held: &[Rc<Held>]) -> anyhow::Result<Infallible> {
    let mut tasks = JoinSet::new();
    for one in held {
        let one = Rc::clone(one);
        tasks.spawn_local(async move { one.hold().await });
    }
    tasks.join_next().await.context("no keys")??
}

/// A key, and where this machine has it.
struct Held {
    vhci: Vhci,
    key: Rc<PluggedKey>,
    /// The port that it was plugged into last.
    port: Cell<Option<HubPort>>,
}

impl Held {
    fn new(vhci: &Vhci, key: &Rc<PluggedKey>) -> Self {
        key.hold();
        Self { vhci: vhci.clone(), key: Rc::clone(key), port: Cell::new(None) }
    }

    /// Keeps the key plugged in, and plugs it in again after `keyfob replug`.
    async fn hold(&self) -> anyhow::Result<Infallible> {
        loop {
            let replugs = self.key.replugs();
            let before = local_device(self.key.serial()).map(|found| found.device);
            let (port, stream) = self.vhci.attach(self.key.port().devid()).map_err(advise)?;
            self.port.set(Some(port));
            stream.set_nonblocking(true)?;
            let stream = UnixStream::from_std(stream)?;
            let outcome = tokio::select! {
                outcome = self.key.port().serve(stream) => outcome,
                never = announce(&self.key, before) => match never {},
            };
            outcome
                .with_context(|| format!("{}: the host broke the connection", self.key.bus_id()))?;
            if self.key.replugs() == replugs {
                return Err(failure(
                    format_args!("{}: the host unplugged the key", self.key.bus_id()),
                    "plug it in again with `keyfob attach`",
                ));
            }
            self.freed().await;
        }
    }

    /// Waits until the kernel has let go of the port, so that the key gets the same one again. In another port it would be
    /// found before the old device is gone, and have another device file.
    async fn freed(&self) {
        let Some(port) = self.port.get() else { return };
        let is_busy = |now: &HubPort| now.number == port.number && !now.is_free;
        let is_free = async {
            while self.vhci.ports().is_ok_and(|ports| ports.iter().any(is_busy)) {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        };
        // If that is not to be, another port must do.
        let _ = timeout(FREEING, is_free).await;
    }
}

/// Says where programs find the key, as soon as the kernel has a device for it, another one than `before`.
async fn announce(key: &PluggedKey, before: Option<PathBuf>) -> Infallible {
    let found = timeout(ENUMERATION, async {
        loop {
            match local_device(key.serial()) {
                Some(found) if Some(&found.device) != before.as_ref() => return found.path,
                _ => tokio::time::sleep(BETWEEN_LOOKS).await,
            }
        }
    });
    let bus_id = key.bus_id();
    match found.await {
        Ok(node) => say(format_args!("attached {bus_id} as {}", node.display())),
        Err(_) => warn(format_args!(
            "{bus_id} is plugged in, but there is no device for it; try `sudo modprobe usbhid`, and `keyfob doctor`"
        )),
    }
    pending().await
}

/// What this machine's kernel made of the key with this serial number, once there is a device file.
pub(crate) fn local_device(serial: &str) -> Option<Key> {
    let is_it = |key: &Key| key.serial.as_deref() == Some(serial) && key.path.exists();
    local_keys().ok()?.into_iter().find(is_it)
}

/// The same error as a person reads it: what was wrong, then what to do.
fn advise(error: VhciError) -> anyhow::Error {
    match error {
        VhciError::ModuleMissing => failure(
            "this kernel has no virtual USB host controller loaded",
            "sudo modprobe vhci-hcd; if there is no such module, `keyfob doctor` says where to get it",
        ),
        VhciError::Permission(path) => failure(
            format_args!("{} may not be written by this user", path.display()),
            "run it as root (`sudo keyfob attach`), or give your group that file",
        ),
        VhciError::NoFreePort => failure(
            "all ports of the virtual USB host controller are in use",
            "`sudo usbip port` lists them; `sudo usbip detach -p PORT` frees one",
        ),
        other => other.into(),
    }
}

/// How long a kernel may take to make a device node; it takes about a tenth of a second.
const ENUMERATION: Duration = Duration::from_secs(5);
/// How long it may take to let go of a port; mostly it has already.
const FREEING: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
