//! `keyfob list`: the keys there are.

use ctap_client::ReaderFault;
use ctap_client::local::Key;
use serde::Serialize;
use usbip_server::client::RemoteDevice;

use crate::device::cards::{self, FidoCard};
use crate::device::{self, Address, DeviceOption, FreeReaders, is_reader};
use crate::failure::failure;
use crate::terminal::shown::{Kept, name};
use crate::{host, terminal};

/// List the FIDO keys of this host, or of a USB/IP server
///
/// Cards on its readers too; with --device usbip:HOST the devices of that server.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    device: DeviceOption,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One line of the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    /// What `--device` takes.
    device: String,
    product: Option<String>,
    /// A card has no USB ids.
    vendor_id: Option<u16>,
    product_id: Option<u16>,
    serial: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When sysfs or the server cannot be read.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let entries = entries(&options.device.device)?;
    if options.json {
        return Ok(terminal::print(terminal::json(&entries)?)?);
    }
    if entries.is_empty() {
        let readers = match options.device.device {
            Address::Auto => cards::empty_readers(),
            _ => String::new(),
        };
        terminal::note(nothing(&readers, &host::way_to_a_key()));
        return Ok(());
    }
    let heading = ["DEVICE", "VID:PID", "PRODUCT", "SERIAL"].map(str::to_owned);
    let rows: Vec<_> = [heading].into_iter().chain(entries.iter().map(Entry::row)).collect();
    let kept = [None, None, Some(Kept::Beginning), Some(Kept::Beginning)];
    Ok(terminal::print(terminal::table(&rows, kept))?)
}

/// What to say where there is no key, with the readers that none is on.
fn nothing(readers: &str, way_to_a_key: &str) -> String {
    match readers {
        "" => format!("There is no FIDO key.\nnext: {way_to_a_key}"),
        _ => format!(
            "There is no FIDO key, and no card is on:{readers}\nnext: lay a key on a reader, as `keyfob tap` does with a keyfob that \
             is a card. Otherwise: {way_to_a_key}"
        ),
    }
}

fn entries(address: &Address) -> anyhow::Result<Vec<Entry>> {
    let local = |is_wanted: &dyn Fn(&Key) -> bool| -> anyhow::Result<Vec<Entry>> {
        let keys = device::local_keys()?;
        Ok(keys.iter().filter(|key| is_wanted(key)).map(Entry::of_key).collect())
    };
    match address {
        Address::Auto => {
            let mut entries = local(&|_| true)?;
            // Those that are on the bus of this host are among its own.
            let served = device::served();
            for key in served.keys.iter().filter(|key| matches!(key, Address::Usbip { .. })) {
                entries.extend(remote(key)?);
            }
            entries.extend(all_cards());
            tell_of_readers(&served.readers);
            Ok(entries)
        }
        Address::Hidraw(path) => match local(&|key| key.path == *path)? {
            none if none.is_empty() => Err(failure(
                format_args!("{} is not a FIDO key of this host", path.display()),
                "see which there are: keyfob list",
            )),
            one => Ok(one),
        },
        Address::Usbip { .. } => remote(address),
        Address::Pcsc { reader } => Ok(vec![Entry::of_card(&cards::find(reader.as_deref())?)]),
    }
}

/// A host without readers has no cards; one that keeps them from this user says so.
fn all_cards() -> Vec<Entry> {
    match cards::fido_cards() {
        Ok(cards) => cards.iter().map(Entry::of_card).collect(),
        Err(denied @ ReaderFault::Denied) => {
            terminal::note(format_args!(
                "Cards are left out: {denied}.\nnext: {}",
                denied.advice()
            ));
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

/// A reader is no key, but who looks for the key on it will want to know.
fn tell_of_readers(readers: &[Address]) {
    if !readers.is_empty() {
        terminal::note(FreeReaders(readers));
    }
}

/// Those of a USB/IP server, or the one with this bus id.
fn remote(address: &Address) -> anyhow::Result<Vec<Entry>> {
    let Address::Usbip { server, bus_id } = address else { return Ok(Vec::new()) };
    let is_wanted = |device: &&RemoteDevice| bus_id.as_ref().is_none_or(|id| *id == device.bus_id);
    let devices = device::list_remote(server)?;
    let wanted: Vec<_> = devices.iter().filter(is_wanted).collect();
    let readers = wanted.iter().filter(|device| is_reader(&device.interfaces));
    let address = |device: &&RemoteDevice| Address::Usbip {
        server: server.clone(),
        bus_id: Some(device.bus_id.clone()),
    };
    tell_of_readers(&readers.map(address).collect::<Vec<_>>());
    Ok(wanted.into_iter().map(|device| Entry::of_remote(server, device)).collect())
}

impl Entry {
    fn of_key(key: &Key) -> Self {
        Self {
            device: key.path.display().to_string(),
            product: Some(key.name.clone()),
            vendor_id: Some(key.vendor_id),
            product_id: Some(key.product_id),
            serial: key.serial.clone(),
        }
    }

    /// Names are in descriptors, which only an importer can read: they stay unknown if another one is using the key.
    fn of_remote(server: &str, device: &RemoteDevice) -> Self {
        let is_hid = device.interfaces.iter().any(|[class, ..]| *class == HID);
        let import = || device::import(server, Some(&device.bus_id)).ok();
        let said = is_hid.then(import).flatten().map(|(_, said)| said);
        let (product, serial) = said.map(|said| (said.product, said.serial)).unwrap_or_default();
        let product = product.or_else(|| is_reader(&device.interfaces).then(|| READER.to_owned()));
        Self {
            device: format!("usbip:{server}/{}", device.bus_id),
            product,
            vendor_id: Some(device.vendor_id),
            product_id: Some(device.product_id),
            serial,
        }
    }

    fn of_card(card: &FidoCard) -> Self {
        let device = format!("pcsc:{}", card.reader);
        let product = Some("FIDO card".to_owned());
        Self { device, product, vendor_id: None, product_id: None, serial: None }
    }

    fn row(&self) -> [String; 4] {
        let shown = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), name);
        let ids = match (self.vendor_id, self.product_id) {
            (Some(vendor), Some(product)) => format!("{vendor:04x}:{product:04x}"),
            _ => "-".to_owned(),
        };
        [name(&self.device), ids, shown(&self.product), shown(&self.serial)]
    }
}

/// What a device is called that has no names that can be read.
const READER: &str = "smart card reader";
/// The class of keyboards and security keys (USB HID 1.11 section 4.1).
const HID: u8 = 3;

const EXAMPLES: &str = "\
Examples:
  keyfob list
  keyfob list --device usbip:127.0.0.1  what a `keyfob serve` offers";

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key {
            path: "/dev/hidraw2".into(),
            name: "A key\n".into(),
            vendor_id: 0x1209,
            product_id: 0xF1D0,
            serial: None,
            device: "/sys/devices/example".into(),
        }
    }

    #[test]
    fn a_row_names_device_ids_and_product_and_escapes_what_the_key_says() {
        assert_eq!(Entry::of_key(&key()).row(), ["/dev/hidraw2", "1209:f1d0", "A key\\u{a}", "-"]);
    }

    #[test]
    fn where_there_is_no_key_the_readers_are_named_that_one_could_lie_on() {
        let told = nothing("\n  pcsc:A 00", "start one");
        assert!(told.contains("no card is on:\n  pcsc:A 00\nnext: lay"), "{told}");
        assert!(told.ends_with("start one"), "{told}");
        assert_eq!(nothing("", "start one"), "There is no FIDO key.\nnext: start one");
    }

    #[test]
    fn json_has_one_object_for_each_key() {
        let json = serde_json::to_value([Entry::of_key(&key())]).unwrap();
        assert_eq!(json[0]["device"], "/dev/hidraw2");
        assert_eq!(json[0]["vendorId"], 0x1209);
        assert!(json[0]["serial"].is_null());
    }
}
