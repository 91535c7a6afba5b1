//! `keyfob bridge`: a key on an NFC or smart card reader of this host, as a key in a USB port: browsers on Linux know no other.
//!
//! ```text
//!   browser ── reports ─► hid.rs ── orders ─► worker.rs ── APDUs ─► card
//!      ▲                   │  ▲                │   │ pin_guard.rs counts wrong PINs
//!      └───────────────────┘  └───── news ─────┘   └ readers.rs finds the card
//! ```
//!
//! `hid.rs` is on the thread of the host's connection, and never waits. `worker.rs` has one of its own, and does.

mod hid;
mod limits;
mod mailbox;
mod order;
mod pin_guard;
mod readers;
mod worker;

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use clap::Args;
use ctap_client::card::Reader;
use ctap_client::{ReaderFault, TransportError};
use rand_core::Rng as _;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{sleep, timeout};
use usbip_server::{DeviceInfo, Interface, Port, Server, Waker};
use virtual_key::host::{Driver, ENUMERATION, local_device};
use virtual_key::peers;
use virtual_key::platform::system_rng;
use virtual_key::profile::Profile;
use virtual_key::recording::{Recorded, Recorder};

use self::hid::BridgedKey;
use self::mailbox::{Giver, mailbox};
use self::order::News;
use self::readers::{PcscCards, Use};
use self::worker::Worker;
use crate::device::BRIDGE;
use crate::failure::{failure, usage};
use crate::process::EndSignal;
use crate::recordings::options::RecordOptions;
use crate::run::serve::{FilteredListener, parse_address};
use crate::say::{say, warn};
use crate::terminal;
use crate::terminal::shown::name;

/// Show a key on an NFC or smart card reader as a USB key
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Only a reader with this in its name [default: any; contactless ones first, and no keys that are in a USB port]
    #[arg(long, value_name = "NAME")]
    reader: Option<String>,

    /// List the readers, what is on them, and what the bridge would use
    #[arg(long, conflicts_with_all = ["uhid", "listen"])]
    list: bool,

    /// Make the key a HID device, not a USB device: see `keyfob attach --uhid`
    #[arg(long)]
    uhid: bool,

    /// Offer it over USB/IP instead, on this address of this machine; port 0 takes a free one
    #[arg(long, value_name = "ADDR", value_parser = parse_address, conflicts_with = "uhid")]
    listen: Option<SocketAddr>,

    /// With --listen: accept the programs of every user of this machine, not only yours and root's
    #[arg(long, requires = "listen")]
    any_user: bool,

    #[command(flatten)]
    record: RecordOptions,
}

/// Keeps the key there until a signal ends it.
///
/// # Errors
/// There is no PC/SC, or no driver; or the host unplugged the key.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let cards = PcscCards::new(options.reader.clone());
    let readers = cards.look().map_err(TransportError::from)?;
    if readers.is_empty() {
        terminal::note(no_reader(options.reader.as_deref()));
    }
    if options.list {
        return Ok(terminal::print(table(&readers))?);
    }
    let way = Way::open(&options)?;
    let recorder = options.record.recorder()?;
    let mut end = EndSignal::listen()?;
    if readers.iter().all(|(_, is)| *is != Use::Fido) {
        say("waiting for a FIDO key on a reader; `keyfob bridge --list` shows the readers");
    }
    tokio::select! {
        result = bridge(cards, way, recorder) => result.map(|never| match never {}),
        () = end.received() => Ok(()),
    }
}

/// How hosts get the key.
enum Way {
    Driver(Driver),
    Listener(FilteredListener),
}

impl Way {
    fn open(options: &Options) -> anyhow::Result<Self> {
        match options.listen {
            Some(address) if peers::is_loopback(address) => {
                Ok(Self::Listener(FilteredListener::open(address, options.any_user)?))
            }
            Some(address) => Err(usage(
                format_args!("other machines can reach {address}"),
                "listen on 127.0.0.1 and forward it: `ssh -L 3240:127.0.0.1:3240 THIS-MACHINE`",
            )),
            None if options.uhid => Ok(Self::Driver(Driver::uhid()?)),
            None => Ok(Self::Driver(Driver::find()?.0)),
        }
    }
}

/// A key on a reader, as a USB key that no host has yet. Dropping it lets go of the card.
pub(crate) struct Bridged {
    /// The server that it is plugged into, alone.
    pub(crate) server: Server,
    /// Where it is plugged in.
    pub(crate) port: Port,
    /// Its serial number, by which a host finds it.
    pub(crate) serial: String,
}

impl Bridged {
    /// Waits for a card on a reader with this in its name; from then on the key is there, whether the card is or not.
    ///
    /// # Errors
    /// There is no PC/SC any more, or no further thread.
    pub(crate) async fn on(reader: String) -> anyhow::Result<Self> {
        Self::in_server(Server::new(), PcscCards::new(Some(reader)), None).await
    }

    /// In a server that may serve hosts already: until the card comes, it offers them no device.
    async fn in_server(
        server: Server,
        cards: PcscCards,
        recorder: Option<Recorder>,
    ) -> anyhow::Result<Self> {
        let (orders, mut news, waker) = start_worker(cards)?;
        let Some(News::Card { has_ctap2, has_u2f }) = news.recv().await else {
            return Err(TransportError::from(ReaderFault::ServiceStopped).into());
        };
        let key = BridgedKey::new((has_ctap2, has_u2f), orders, news);
        let serial = format!("bridge-{:08x}", system_rng().next_u32());
        let port = plug(&server, key, &serial, recorder.as_ref())?;
        // Nobody has set it before.
        let _ = waker.set(port.waker());
        Ok(Self { server, port, serial })
    }
}

/// Waits for the first card, and keeps the key where hosts get it.
async fn bridge(
    cards: PcscCards,
    way: Way,
    recorder: Option<Recorder>,
) -> anyhow::Result<Infallible> {
    let server = Server::new();
    let bridged = Bridged::in_server(server.clone(), cards, recorder);
    match way {
        Way::Listener(listener) => {
            let address = listener.address()?;
            tokio::select! {
                never = listener.serve(&server) => Ok(never),
                never = offer(bridged, address) => never,
            }
        }
        Way::Driver(driver) => {
            let Bridged { port, serial, .. } = bridged.await?;
            hold(&driver, &port, &serial).await
        }
    }
}

/// Says where hosts find the key, once it is there.
async fn offer(
    bridged: impl Future<Output = anyhow::Result<Bridged>>,
    address: SocketAddr,
) -> anyhow::Result<Infallible> {
    let Bridged { port, .. } = bridged.await?;
    say(format_args!("listening on {address}, bus id {}", port.bus_id()));
    pending().await
}

/// Who gives orders, who hears what comes of them, and who is to be woken then.
type Ends = (Giver, UnboundedReceiver<News>, Arc<OnceLock<Waker>>);

fn start_worker(cards: PcscCards) -> anyhow::Result<Ends> {
    let (giver, orders) = mailbox();
    let (tell, news) = unbounded_channel();
    let waker = Arc::new(OnceLock::<Waker>::new());
    let woken = Arc::clone(&waker);
    thread::Builder::new().name("card".to_owned()).spawn(move || {
        let tell = move |news| {
            let _ = tell.send(news);
            if let Some(waker) = woken.get() {
                waker.wake();
            }
        };
        Worker::new(cards, tell).run(&orders);
    })?;
    Ok((giver, news, waker))
}

/// A key of this serial number in the server.
fn plug(
    server: &Server,
    key: BridgedKey,
    serial: &str,
    recorder: Option<&Recorder>,
) -> anyhow::Result<Port> {
    let ids = Profile::load("default")?.usb_ids();
    let info = DeviceInfo {
        bus_id: "1-1".to_owned(),
        vendor_id: ids.vendor,
        product_id: ids.product,
        bcd_device: 0x0100,
        manufacturer: "keyfob".to_owned(),
        product: BRIDGE.to_owned(),
        serial: serial.to_owned(),
    };
    let key = Rc::new(RefCell::new(key));
    let Some(recorder) = recorder else {
        return Ok(server.plug(info, vec![Interface::Hid(key)])?);
    };
    let tap = recorder.tap(1);
    let recorded = Rc::new(RefCell::new(Recorded::new(key, tap.clone())));
    let port = server.plug(info, vec![Interface::Hid(recorded)])?;
    tap.introduce(port.bus_id(), port.enumeration());
    Ok(port)
}

/// Keeps the key plugged into this machine's kernel.
async fn hold(driver: &Driver, port: &Port, serial: &str) -> anyhow::Result<Infallible> {
    tokio::select! {
        outcome = driver.plug_in(port, |_| {}) => match outcome {
            Ok(()) => Err(failure(
                "this machine has unplugged the key",
                "plug it in again with `keyfob bridge`",
            )),
            Err(error) => Err(error.into()),
        },
        never = announce(serial) => match never {},
    }
}

/// Says where programs find the key, once the kernel has a device for it.
async fn announce(serial: &str) -> Infallible {
    let found = timeout(ENUMERATION, async {
        loop {
            match local_device(serial) {
                Some(found) => return found.path,
                None => sleep(BETWEEN_LOOKS).await,
            }
        }
    });
    match found.await {
        Ok(path) => say(format_args!("attached 1-1 as {}", path.display())),
        Err(_) => warn("the key is plugged in, but there is no device for it; try `keyfob doctor`"),
    }
    pending().await
}

fn no_reader(wanted: Option<&str>) -> String {
    match wanted {
        None => "There is no smart card reader.\nnext: plug one in; for a virtual one, `keyfob card --help`".to_owned(),
        Some(part) => format!(
            "No reader has “{}” in its name.\nnext: plug it in; `keyfob bridge --list` shows which there are",
            name(part)
        ),
    }
}

/// What is on which reader; nothing without readers, as then a sentence says so.
fn table(readers: &[(Reader, Use)]) -> String {
    if readers.is_empty() {
        return String::new();
    }
    let heading = ["READER", "CARD"].map(str::to_owned);
    let row = |(reader, is): &(Reader, Use)| [name(&reader.name), told(*is).to_owned()];
    let rows: Vec<_> = [heading].into_iter().chain(readers.iter().map(row)).collect();
    terminal::columns(&rows)
}

const fn told(is: Use) -> &'static str {
    match is {
        Use::Fido => "a FIDO key",
        Use::Empty => "none",
        Use::Other => "a card without FIDO, or one that does not answer",
        Use::Taken => "a card that another program has locked",
        Use::UsbKey => {
            "a key in a USB port: programs use it there already; --reader NAME uses it here"
        }
    }
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

const EXAMPLES: &str = "\
Examples:
  keyfob bridge --list                what is on which reader?
  sudo modprobe vhci-hcd && sudo keyfob bridge
  keyfob bridge --uhid                without root, where a rule allows
  keyfob bridge --reader ACR122       this reader, whatever is on others
  keyfob bridge --listen 127.0.0.1:0  over USB/IP: no kernel, no root

Lay the key on the reader when a program asks for it, and leave it there until the program is done. This needs pcscd. \
docs/bridge.md has more.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_what_the_bridge_makes_of_each_reader() {
        let reader = |name: &str| Reader {
            name: name.to_owned(),
            has_card: true,
            is_contactless: true,
            atr: Vec::new(),
            is_taken: false,
            movements: 0,
        };
        let shown = table(&[(reader("A 00"), Use::Fido), (reader("B\u{1b} 01"), Use::Empty)]);
        assert_eq!(shown, "READER      CARD\nA 00        a FIDO key\nB\\u{1b} 01  none\n");
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn where_no_reader_is_meant_the_next_step_is_told() {
        assert!(no_reader(None).contains("no smart card reader.\nnext: plug one in"));
        assert!(no_reader(Some("ACR\u{1b}")).contains("“ACR\\u{1b}” in its name.\nnext: "));
    }
}
