//! `keyfob attach`: plugs keys into this very machine, through the kernel's virtual USB host controller or, without it, through uhid.

mod sleep;

use std::convert::Infallible;
use std::path::Path;
use std::rc::Rc;

use anyhow::Context as _;
use clap::Args;
use tokio::task::JoinSet;
use usbip_server::Server;
use usbip_server::uhid::UhidError;
use usbip_server::vhci::VhciError;
use virtual_key::Error;
use virtual_key::host::{Driver, Held};
use virtual_key::keys::{CardReader, Form, Keys, PluggedKey};
use virtual_key::profile::UsbIds;

use super::key_options::KeyOptions;
use super::nfc::NfcOptions;
use super::running::Running;
use crate::failure::advise;
use crate::host;
use crate::say::{say, warn};
use crate::service::Awaited;

/// Plug a key into this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Make the key a HID device (uhid), not a USB device: this needs no vhci-hcd, and no root once a udev rule allows it.
    /// keyfob does this by itself where vhci-hcd cannot be used
    #[arg(long, conflicts_with = "nfc")]
    uhid: bool,

    #[command(flatten)]
    reader: NfcOptions,

    #[command(flatten)]
    keys: KeyOptions,
}

/// Keeps the keys plugged in until a signal ends it.
///
/// # Errors
/// The kernel has neither driver, or does not let this user at it; or the host unplugged a key.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let driver = options.driver().map_err(with_cure)?;
    let settings = driver.suited(options.keys.settings(options.reader.form())?);
    if options.reader.nfc == Some(CardReader::Ccid) {
        warn_if_left_alone(settings.profile.usb_ids());
    }
    let running = Running::start(&Server::new(), &options.keys, &settings)?;
    let keys = Rc::clone(running.keys());
    options.reader.lay_on(&keys);
    running.serve(hold_all(driver, keys)).await
}

/// Says what pcscd needs to find their readers, if it does.
fn warn_if_left_alone(ids: UsbIds) {
    if let Some(Err((what, next))) = host::libccid_takes(ids) {
        warn(format_args!("{what}\nnext: {next}"));
    }
}

impl Options {
    /// Where the keys are plugged in. That it is not where most people expect it is said.
    fn driver(&self) -> Result<Driver, Error> {
        if self.uhid {
            return Driver::uhid();
        }
        if self.reader.nfc.is_some() {
            return Driver::vhci();
        }
        let (driver, why) = Driver::find()?;
        if let Some(why) = why {
            let why = Error::from(why);
            say(format_args!(
                "through uhid, because {why}; `keyfob doctor` explains the difference"
            ));
        }
        Ok(driver)
    }
}

async fn hold_all(driver: Driver, keys: Rc<Keys>) -> anyhow::Result<Infallible> {
    let awaited = Rc::new(Awaited::new(keys.iter().map(|key| key.bus_id())));
    let hold = |key| {
        let awaited = Rc::clone(&awaited);
        let found = move |key: &PluggedKey, node: Option<&Path>| {
            announce(key, node);
            awaited.is_there(key.bus_id());
        };
        Rc::new(Held::new(&driver, key, Box::new(found)))
    };
    let held: Vec<Rc<Held>> = keys.iter().map(hold).collect();
    if matches!(driver, Driver::Uhid(_)) {
        // It does not keep the machine awake.
        return hold_each(&held).await;
    }
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
        tasks.spawn_local(async move { one.hold().await.map_err(with_cure) });
    }
    tasks.join_next().await.context("no keys")??
}

/// Says where programs find the key or its reader, as soon as the kernel has a device for it.
fn announce(key: &PluggedKey, node: Option<&Path>) {
    let bus_id = key.bus_id();
    match (node, key.form()) {
        (Some(node), Form::Usb) => say(format_args!("attached {bus_id} as {}", node.display())),
        (Some(node), Form::Card(CardReader::Ccid)) => {
            say(format_args!("attached {bus_id} with a reader, {}", node.display()));
        }
        // As libfido2 calls it.
        (Some(folder), Form::Card(CardReader::Pn533)) => {
            say(format_args!("attached {bus_id} with a reader, nfc:/{}", folder.display()));
        }
        (None, Form::Card(CardReader::Pn533)) => warn(format_args!(
            "{bus_id} and its reader are plugged in, but the kernel has no driver for it; try `sudo modprobe pn533_usb`"
        )),
        (None, Form::Card(CardReader::Ccid)) => warn(format_args!(
            "{bus_id} and its reader are plugged in, but the kernel has not found them; `sudo dmesg` may say why"
        )),
        (None, Form::Usb) => warn(format_args!(
            "{bus_id} is plugged in, but there is no device for it; try `sudo modprobe -a usbhid hid-generic`, and `keyfob doctor`"
        )),
    }
}

/// What helps, in this command's words.
fn with_cure(error: Error) -> anyhow::Error {
    let next = match &error {
        Error::Kernel(VhciError::ModuleMissing) => {
            "sudo modprobe vhci-hcd; if there is no such module, `keyfob doctor` says where to get it; `keyfob card` \
             does not need it"
        }
        Error::Kernel(VhciError::Permission(_)) => {
            "run it as root (`sudo keyfob attach`); `keyfob doctor uhid` shows what a key without root needs"
        }
        Error::Uhid(UhidError::Permission(_)) => host::WAY_TO_UHID,
        Error::Unplugged { .. } => "plug it in again with `keyfob attach`",
        _ => return error.into(),
    };
    advise(error, next)
}

const EXAMPLES: &str = "\
Examples:
  sudo modprobe vhci-hcd && sudo keyfob attach
  sudo keyfob attach --ephemeral --touch auto  for a test that nobody watches
  sudo keyfob attach --conformance-hooks       for FIDO's own conformance tool
  keyfob attach --uhid                         without root, where a rule allows
  sudo keyfob attach --nfc                     a card on a reader, docs/nfc.md
  sudo keyfob attach --nfc pn533               the same for the kernel's own NFC

The key is there until Ctrl-C, and it keeps its passkeys. It needs the kernel module vhci-hcd and the right to write \
to it, or uhid and the right to open /dev/uhid; `keyfob doctor` checks both ways. If you start the key with sudo, use \
sudo for the other commands, too: `sudo keyfob touch`.";
