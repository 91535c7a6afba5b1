//! `keyfob attach`: plugs keys into this very machine, through the kernel's virtual USB host controller.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use ctap_client::hidraw::Key;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
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
    let mut held = JoinSet::new();
    for key in keys.iter() {
        let (vhci, key) = (vhci.clone(), Rc::clone(key));
        held.spawn_local(async move { hold(&vhci, &key).await });
    }
    held.join_next().await.context("no keys")??
}

/// Keeps one key plugged in, and plugs it in again after `keyfob replug`.
async fn hold(vhci: &Vhci, key: &PluggedKey) -> anyhow::Result<Infallible> {
    key.hold();
    loop {
        let replugs = key.replugs();
        let before = local_device(key.serial()).map(|found| found.device);
        let (port, stream) = vhci.attach(key.port().devid()).map_err(advise)?;
        stream.set_nonblocking(true)?;
        let (bus_id, serial) = (key.bus_id().to_owned(), key.serial().to_owned());
        let announcement = tokio::task::spawn_local(announce(bus_id, serial, before));
        let outcome = key.port().serve(UnixStream::from_std(stream)?).await;
        announcement.abort();
        outcome.with_context(|| format!("{}: the host broke the connection", key.bus_id()))?;
        if key.replugs() == replugs {
            return Err(failure(
                format_args!("{}: the host unplugged the key", key.bus_id()),
                "plug it in again with `keyfob attach`",
            ));
        }
        freed(vhci, port).await?;
    }
}

/// Waits until the kernel has let go of the port, so that the key gets the same one again. In another port it would be
/// found before the old device is gone, and have another device file.
async fn freed(vhci: &Vhci, port: HubPort) -> anyhow::Result<()> {
    let is_free = async {
        while !vhci.ports()?.iter().any(|now| now.number == port.number && now.is_free) {
            sleep(BETWEEN_LOOKS).await;
        }
        Ok(())
    };
    // If that is not to be, another port must do.
    timeout(FREEING, is_free).await.unwrap_or(Ok(()))
}

/// Says where programs find the key, as soon as the kernel has a device for it, another one than `before`.
async fn announce(bus_id: String, serial: String, before: Option<PathBuf>) {
    let found = timeout(ENUMERATION, async {
        loop {
            match local_device(&serial) {
                Some(key) if Some(&key.device) != before.as_ref() => return key.path,
                _ => sleep(BETWEEN_LOOKS).await,
            }
        }
    });
    match found.await {
        Ok(node) => say(format_args!("attached {bus_id} as {}", node.display())),
        Err(_) => warn(format_args!(
            "{bus_id} is plugged in, but there is no device for it; try `sudo modprobe usbhid`, and `keyfob doctor`"
        )),
    }
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
