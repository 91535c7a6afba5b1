//! The address of a key, as it can be typed.

use std::fmt;
use std::net::ToSocketAddrs as _;
use std::path::PathBuf;
use std::str::FromStr;

use crate::host::STANDARD_PORT;

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// The only FIDO key of this host; without one, the only key that a keyfob of this user offers.
    Auto,
    /// A device file; what Windows and macOS have in its place.
    Hidraw(PathBuf),
    /// A device at a USB/IP server, `HOST:PORT` or the whole path of a socket; without a bus id, the only one it has.
    Usbip { server: String, bus_id: Option<String> },
    /// A card on the reader with this in its name; without one, the only FIDO card.
    Pcsc { reader: Option<String> },
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        if let Some(remote) = text.strip_prefix("usbip:") {
            return parse_usbip(remote)
                .ok_or_else(|| format!("{text} is not usbip:HOST[:PORT][/BUSID]"));
        }
        if let Some(reader) = text.strip_prefix("pcsc:") {
            let reader = Some(reader.to_owned()).filter(|reader| !reader.is_empty());
            return Ok(Self::Pcsc { reader });
        }
        match is_path(text) {
            true => Ok(Self::Hidraw(text.into())),
            false => Err(FORMS.to_owned()),
        }
    }
}

impl Address {
    /// Whether this means the key that is at that whole address. Its server may have several names, and the only key there needs no
    /// bus id.
    pub(crate) fn means(&self, whole: &Self) -> bool {
        match (self, whole) {
            (Self::Usbip { server, bus_id }, Self::Usbip { server: its_server, bus_id: its }) => {
                (bus_id.is_none() || bus_id == its) && are_one(server, its_server)
            }
            (this, whole) => this == whole,
        }
    }
}

/// Whether two names of servers have an address in common.
fn are_one(server: &str, other: &str) -> bool {
    let addresses = |server: &str| server.to_socket_addrs().map(Vec::from_iter).unwrap_or_default();
    server == other || addresses(server).iter().any(|one| addresses(other).contains(one))
}

/// Of a key of this machine. Windows' begin with `\\?\`, those of macOS with `DevSrvsID:`, as `keyfob list` shows them.
fn is_path(text: &str) -> bool {
    text.starts_with(['/', '\\']) || text.starts_with("DevSrvsID:")
}

fn parse_usbip(remote: &str) -> Option<Address> {
    if remote.starts_with('/') {
        return parse_socket(remote);
    }
    let (server, bus_id) = match remote.split_once('/') {
        Some((server, bus_id)) => (server, Some(bus_id)),
        None => (remote, None),
    };
    let server = with_port(server).filter(|_| bus_id != Some(""))?;
    Some(Address::Usbip { server, bus_id: bus_id.map(str::to_owned) })
}

/// A path, and perhaps a bus id behind it: no socket is called like one.
fn parse_socket(remote: &str) -> Option<Address> {
    let (path, bus_id) = match remote.rsplit_once('/') {
        Some((path, last)) if is_bus_id(last) => (path, Some(last)),
        _ => (remote, None),
    };
    let server = Some(path).filter(|path| !path.is_empty() && !path.ends_with('/'))?;
    Some(Address::Usbip { server: server.to_owned(), bus_id: bus_id.map(str::to_owned) })
}

/// Such as `1-1` or `1-2.4`.
fn is_bus_id(text: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split_once('-');
    parts.is_some_and(|(bus, ports)| is_number(bus) && ports.split('.').all(is_number))
}

/// `HOST:PORT` of that, or of a host alone: USB/IP has a port of its own. An IPv6 address stands in brackets.
pub(crate) fn with_port(server: &str) -> Option<String> {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !server.ends_with(']') => (host, port.parse::<u16>().ok()?),
        _ => (server, STANDARD_PORT),
    };
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_host = match address {
        Some(address) => address.contains(':'),
        None => !host.is_empty() && !host.contains([':', '[', ']']),
    };
    is_host.then(|| format!("{host}:{port}"))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Hidraw(path) => path.display().fmt(f),
            Self::Usbip { server, bus_id: None } => write!(f, "usbip:{server}"),
            Self::Usbip { server, bus_id: Some(bus_id) } => write!(f, "usbip:{server}/{bus_id}"),
            Self::Pcsc { reader } => write!(f, "pcsc:{}", reader.as_deref().unwrap_or_default()),
        }
    }
}

const FORMS: &str = "a key is auto, /dev/hidrawN, usbip:HOST[:PORT][/BUSID], usbip:SOCKET[/BUSID], or pcsc:[READER]";

#[cfg(test)]
mod tests {
    use super::*;

    fn usbip(server: &str, bus_id: Option<&str>) -> Address {
        Address::Usbip { server: server.to_owned(), bus_id: bus_id.map(str::to_owned) }
    }

    #[test]
    fn the_only_key_of_a_server_is_meant_without_its_bus_id_and_by_another_name() {
        let whole = usbip("127.0.0.1:7", Some("1-1"));
        for address in ["127.0.0.1:7", "127.0.0.1:7/1-1", "localhost:7"] {
            assert!(
                format!("usbip:{address}").parse::<Address>().unwrap().means(&whole),
                "{address}"
            );
        }
        for address in ["127.0.0.1:8", "127.0.0.1:7/1-2", "/run/key"] {
            assert!(
                !format!("usbip:{address}").parse::<Address>().unwrap().means(&whole),
                "{address}"
            );
        }
    }

    #[test]
    fn every_form_of_address_is_read_and_written_alike() {
        let forms = [
            ("auto", Address::Auto),
            ("/dev/hidraw3", Address::Hidraw("/dev/hidraw3".into())),
            ("usbip:127.0.0.1:3240", usbip("127.0.0.1:3240", None)),
            ("usbip:[::1]:3240/1-1.2", usbip("[::1]:3240", Some("1-1.2"))),
            ("usbip:/run/keys/usbip", usbip("/run/keys/usbip", None)),
            ("usbip:/run/keys/usbip/1-1.2", usbip("/run/keys/usbip", Some("1-1.2"))),
            ("pcsc:", Address::Pcsc { reader: None }),
            ("pcsc:ACR 01 00", Address::Pcsc { reader: Some("ACR 01 00".to_owned()) }),
        ];
        for (text, address) in forms {
            assert_eq!(text.parse(), Ok(address.clone()));
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "hidraw0",
            "usbip:",
            "usbip:host:",
            "usbip:host:x",
            "usbip::1",
            "usbip:::1",
            "usbip:[1]",
            "usbip:host:3240/",
            "usbip:/",
            "usbip:/1-1",
            "usbip:/run/",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_without_a_port_has_that_of_usbip() {
        for (text, server, bus_id) in [
            ("usbip:host", "host:3240", None),
            ("usbip:192.0.2.1/1-1", "192.0.2.1:3240", Some("1-1")),
            ("usbip:[::1]", "[::1]:3240", None),
        ] {
            assert_eq!(text.parse(), Ok(usbip(server, bus_id)));
        }
    }
}
