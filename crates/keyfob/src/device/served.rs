//! What a keyfob of this user offers on this host: keys, and readers with keys on them, which are for a kernel.

use std::fmt;

use usbip_server::client::ClientError;

use super::Address;
use crate::control::protocol::Response;
use crate::control::{Connection, Request};
use crate::failure::no_key;
use crate::host::STANDARD_PORT;
use crate::terminal::shown::name;

/// What is offered.
#[derive(Default)]
pub(crate) struct Served {
    /// Keys, as far as they can be had.
    pub(crate) keys: Vec<Address>,
    /// Readers that no host has, each with a key as its card. This program is a host of keys alone.
    pub(crate) readers: Vec<Address>,
}

/// What a keyfob of this user offers; nothing if none runs.
pub(crate) fn served() -> Served {
    let Ok(Response::Status(status)) = Connection::of_environment().ask(&Request::Status {}) else {
        return Served::default();
    };
    let parsed = |text: &Option<String>| text.as_ref()?.parse().ok();
    let is_free = status.keys.iter().filter(|key| !key.attached);
    Served {
        keys: status.keys.iter().filter_map(|key| parsed(&key.device)).collect(),
        readers: is_free.filter_map(|key| parsed(&key.reader_at)).collect(),
    }
}

/// What to type to plug a device of a USB/IP server into a Linux host that reaches it at `HOST:PORT`.
pub(crate) fn attach_command(server: &str, bus_id: &str) -> String {
    let (host, port) = server.rsplit_once(':').unwrap_or((server, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match port.parse() {
        Ok(STANDARD_PORT) | Err(_) => format!("sudo usbip attach -r {host} -b {bus_id}"),
        Ok(port) => format!("sudo usbip --tcp-port {port} attach -r {host} -b {bus_id}"),
    }
}

/// How programs come to the card on a reader that a USB/IP server offers.
pub(crate) fn way_to_the_card(reader: &Address) -> String {
    match reader {
        Address::Usbip { server, bus_id: Some(bus_id) } if !server.starts_with('/') => format!(
            "plug the reader into a host with pcscd: `{}`; its card is --device pcsc: there (docs/nfc.md)",
            attach_command(server, &name(bus_id))
        ),
        _ => "usbip reaches no socket: `keyfob attach --nfc` plugs a reader into this host, whose card is --device pcsc: \
             (docs/nfc.md)"
            .to_owned(),
    }
}

/// Whether a device of a USB/IP server is a smart card reader and nothing else, by the classes of its interfaces.
pub(crate) fn is_reader(interfaces: &[[u8; 3]]) -> bool {
    !interfaces.is_empty() && interfaces.iter().all(|[class, ..]| *class == SMART_CARD)
}

/// A device of this class was taken for a key.
pub(super) fn no_key_but(class: u8, server: &str, bus_id: &str) -> anyhow::Error {
    let at = format!("{} at {server}", name(bus_id));
    let reader = Address::Usbip { server: server.to_owned(), bus_id: Some(bus_id.to_owned()) };
    match class {
        SMART_CARD => no_key(
            format_args!("{at} is a smart card reader: its key is a card, and not on the bus"),
            way_to_the_card(&reader),
        ),
        class => no_key(
            format_args!("{at} is not a USB security key: {}", ClientError::NotHid(class)),
            format_args!(
                "a reader for the kernel's own NFC is plugged in with `{}` (docs/nfc.md); otherwise choose a key: `keyfob list`",
                attach_command(server, &name(bus_id))
            ),
        ),
    }
}

/// Says of readers that no host has what is to be done with them; nothing of none.
pub(crate) struct FreeReaders<'a>(pub(crate) &'a [Address]);

impl fmt::Display for FreeReaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else { return Ok(()) };
        let list: String = self.0.iter().map(|reader| format!("\n  {reader}")).collect();
        write!(
            f,
            "a key lies on a smart card reader that is not plugged into any host:{list}\nnext: {}",
            way_to_the_card(first)
        )
    }
}

/// Readers of smart cards (USB CCID 1.1 section 4.1).
const SMART_CARD: u8 = 0x0B;

#[cfg(test)]
mod tests {
    use super::*;

    use crate::failure::describe;

    #[test]
    fn a_reader_on_the_bus_is_no_key_and_says_how_to_come_to_its_card() {
        let told = describe(&no_key_but(SMART_CARD, "127.0.0.1:3240", "1-1"));
        assert!(told.contains("1-1 at 127.0.0.1:3240 is a smart card reader"), "{told}");
        assert!(told.contains("`sudo usbip attach -r 127.0.0.1 -b 1-1`"), "{told}");
        assert!(told.contains("--device pcsc:"), "{told}");
        let of_a_maker = describe(&no_key_but(0xFF, "127.0.0.1:1", "1-1"));
        assert!(of_a_maker.contains("class is ff") && of_a_maker.contains("--tcp-port 1"));
        let on_a_socket = describe(&no_key_but(SMART_CARD, "/run/keys", "1-1"));
        assert!(on_a_socket.contains("next: usbip reaches no socket"), "{on_a_socket}");
    }

    #[test]
    fn a_key_that_is_a_reader_too_is_a_key() {
        assert!(is_reader(&[[SMART_CARD, 0, 0]]));
        assert!(!is_reader(&[[3, 0, 0], [SMART_CARD, 0, 0]]) && !is_reader(&[]));
    }
}
