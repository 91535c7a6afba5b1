//! Opening the key that `--device` names: a device file of this host, a card on one of its readers, or a device at a USB/IP server.

mod address;
pub(crate) mod cards;
mod channel;
mod reports;
mod served;

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap_complete::CompletionCandidate;
use clap_complete::engine::ArgValueCandidates;
use ctap_client::HidChannel;
use ctap_client::local::{self, Key};
use usbip_server::client::{self, ClientError, Enumeration, Host, RemoteDevice, Socket};
use virtual_key::host::local_device;
use virtual_key::keys::{Offer, PluggedKey};

pub(crate) use self::address::{Address, with_port};
pub(crate) use self::channel::Channel;
pub(crate) use self::reports::{BRIDGE, End, Reports};
pub(crate) use self::served::{
    FreeReaders, Served, attach_command, is_reader, served, way_to_the_card,
};
use crate::failure::{advise, failure, no_key};
use crate::host;
use crate::socket;
use crate::terminal;
use crate::terminal::shown::name;

/// Which key a command is for.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct DeviceOption {
    /// The key: auto (the only one of this host), /dev/hidrawN, usbip:HOST:PORT/BUSID or pcsc:READER, shorter where that is clear
    #[arg(long, env = "KEYFOB_DEVICE", default_value = "auto", value_name = "KEY", add = completer())]
    pub(crate) device: Address,
}

/// The keys that can be had now.
pub(crate) fn completer() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let local = local_keys()
            .unwrap_or_default()
            .into_iter()
            .map(|key| CompletionCandidate::new(key.path).help(Some(key.name.into())));
        let served = served().keys.into_iter();
        let served = served.filter(|key| matches!(key, Address::Usbip { .. }));
        let served = served.map(|key| CompletionCandidate::new(key.to_string()));
        let cards = cards::occupied_readers().into_iter();
        let cards = cards.map(|reader| CompletionCandidate::new(format!("pcsc:{reader}")));
        local.chain(served).chain(cards).chain([CompletionCandidate::new("auto")]).collect()
    })
}

impl Address {
    /// Where a key of this process can be had on this host: its device file, or where it is offered. A card cannot.
    pub(crate) fn of(key: &PluggedKey) -> Option<Self> {
        if key.form().is_card() {
            return None;
        }
        let local = local_device(key.serial()).map(|key| Self::Hidraw(key.path));
        local.or_else(|| Self::offered(key))
    }

    /// Where the reader of a key of this process is offered, if it is a card on one.
    pub(crate) fn of_reader(key: &PluggedKey) -> Option<Self> {
        Self::offered(key).filter(|_| key.form().is_card())
    }

    fn offered(key: &PluggedKey) -> Option<Self> {
        let server = match key.offered_at()? {
            Offer::Tcp(address) => address.to_string(),
            // Only what can be typed.
            Offer::Unix(path) => path.to_str()?.to_owned(),
            _ => return None,
        };
        Some(Self::Usbip { server, bus_id: Some(key.bus_id().to_owned()) })
    }

    /// Opens the key and asks it for a channel.
    ///
    /// # Errors
    /// When there is no such key, it is in use, or does not answer: each says what to do next.
    pub(crate) fn open(&self) -> anyhow::Result<Channel> {
        match self {
            Self::Auto => self.found()?.open(),
            Self::Pcsc { reader } => Ok(Channel::Card(cards::find(reader.as_deref())?.channel)),
            Self::Hidraw(_) | Self::Usbip { .. } => {
                Ok(Channel::Hid(Box::new(HidChannel::open(self.pipe()?)?)))
            }
        }
    }

    /// Opens the way for reports to the key.
    ///
    /// # Errors
    /// As [`open`](Self::open), without the key's answer; and always for a card.
    pub(crate) fn pipe(&self) -> anyhow::Result<Reports> {
        match self {
            Self::Auto => self.found()?.pipe(),
            Self::Hidraw(path) => open_hidraw(path),
            Self::Usbip { server, bus_id } => {
                let (host, said) = import(server, bus_id.as_deref())?;
                Ok(Reports::imported(host, &said))
            }
            Self::Pcsc { .. } => Err(failure(
                format_args!("{self} is a card, and cards do not use CTAPHID"),
                "use a key on the bus for this, or `--device usbip:…`",
            )),
        }
    }

    /// The same; of `auto`, where the only key is, and of a card, its reader's whole name. Whoever opens a key several times
    /// asks this once.
    ///
    /// # Errors
    /// There is no key, or there are several.
    pub(crate) fn found(&self) -> anyhow::Result<Self> {
        match self {
            Self::Auto => only_key(&local_keys()?, served, cards::occupied_readers),
            Self::Pcsc { reader } => {
                Ok(Self::Pcsc { reader: Some(cards::find(reader.as_deref())?.reader) })
            }
            known => Ok(known.clone()),
        }
    }
}

/// The FIDO keys of this host. A kernel without hidraw has none.
///
/// # Errors
/// When sysfs cannot be read.
pub(crate) fn local_keys() -> anyhow::Result<Vec<Key>> {
    match local::list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        keys => keys.context("cannot list the keys of this host"),
    }
}

/// The one key there is: `local` ones have their device files, and without any those count that are `served`. A card is not taken
/// without being named, for that uses up its tap.
fn only_key(
    local: &[Key],
    served: impl FnOnce() -> Served,
    occupied_readers: impl FnOnce() -> Vec<String>,
) -> anyhow::Result<Address> {
    match local {
        [] => only_served(&served(), occupied_readers),
        [only] => Ok(Address::Hidraw(only.path.clone())),
        several => {
            let line = |key: &Key| format!("\n  {}  {}", key.path.display(), name(&key.name));
            let list: String = several.iter().map(line).collect();
            Err(no_key(
                format_args!("there are several FIDO keys on this host:{list}"),
                "choose one with --device",
            ))
        }
    }
}

fn only_served(
    Served { keys, readers }: &Served,
    occupied_readers: impl FnOnce() -> Vec<String>,
) -> anyhow::Result<Address> {
    match keys.as_slice() {
        [] => Err(none_on_this_host(&occupied_readers(), readers)),
        [only] => {
            terminal::note(format_args!("Using the key of the keyfob that runs here: {only}"));
            Ok(only.clone())
        }
        several => {
            let list: String = several.iter().map(|key| format!("\n  {key}")).collect();
            Err(no_key(
                format_args!("the keyfob that runs here has several keys:{list}"),
                "choose one with --device",
            ))
        }
    }
}

fn none_on_this_host(occupied_readers: &[String], free_readers: &[Address]) -> anyhow::Error {
    const NONE: &str = "there is no FIDO key on this host";
    match occupied_readers {
        [] => match free_readers {
            [] => no_key(NONE, host::way_to_a_key()),
            [first, ..] => no_key(
                format_args!(
                    "{NONE}, but there is a card on a reader that is not plugged into any host: {first}"
                ),
                way_to_the_card(first),
            ),
        },
        [_] => no_key(
            format_args!("{NONE}, but there is a card on a reader"),
            "use the key on the reader with --device pcsc:",
        ),
        several => {
            let list: String =
                several.iter().map(|reader| format!("\n  pcsc:{}", name(reader))).collect();
            no_key(
                format_args!("{NONE}, but there are cards on readers:{list}"),
                "choose one with --device; `keyfob list` shows which are FIDO keys",
            )
        }
    }
}

fn open_hidraw(path: &Path) -> anyhow::Result<Reports> {
    if local::is_key(path).is_ok_and(|is_key| is_key == Some(false)) {
        let what = format_args!("{} is not a FIDO key", path.display());
        return Err(no_key(what, "`keyfob list` shows which keys there are"));
    }
    let pipe = local::open(path).map_err(|error| {
        let next = match error.kind() {
            io::ErrorKind::PermissionDenied => "`keyfob doctor` says how to get the permission",
            io::ErrorKind::NotFound => "`keyfob list` shows which keys there are",
            _ => "plug the key in again and retry",
        };
        no_key(format_args!("{} cannot be opened: {error}", path.display()), next)
    })?;
    Ok(Reports::new(pipe, end_at(path)))
}

/// What this device file leads to.
fn end_at(path: &Path) -> End {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let keys = local_keys().unwrap_or_default();
    keys.iter().find(|key| key.path == path).map_or(End::Key, End::of)
}

/// The devices a USB/IP server offers.
///
/// # Errors
/// When there is no such server, or it breaks the protocol.
pub(crate) fn list_remote(server: &str) -> anyhow::Result<Vec<RemoteDevice>> {
    client::list(connect(server)?).map_err(|error| {
        let context = format!("{server} does not list its devices");
        let next = match &error {
            ClientError::Refused(_) => format!("name the one you want: usbip:{server}/BUSID"),
            other => format!(
                "{}; if the server lists no devices, name the one you want: usbip:{server}/BUSID",
                about_the_server(other)
            ),
        };
        advise(anyhow::Error::new(error).context(context), next)
    })
}

/// Imports a device from a USB/IP server and configures it as a kernel would; with what its descriptors say.
///
/// # Errors
/// When there is no such server or device, it is no key, or somebody else has it.
pub(crate) fn import(server: &str, bus_id: Option<&str>) -> anyhow::Result<(Host, Enumeration)> {
    let bus_id = match bus_id {
        Some(bus_id) => bus_id.to_owned(),
        None => only_remote(server, &list_remote(server)?)?,
    };
    let mut host =
        Host::import(connect(server)?, &bus_id).map_err(|error| refusal(server, &bus_id, error))?;
    let said = host.enumerate().map_err(|error| {
        if let ClientError::NotHid(class) = error {
            return served::no_key_but(class, server, &bus_id);
        }
        let context = format!("{} at {server} cannot be configured", name(&bus_id));
        advise(anyhow::Error::new(error).context(context), "unplug it there, plug it in and retry")
    })?;
    Ok((host, said))
}

fn only_remote(server: &str, devices: &[RemoteDevice]) -> anyhow::Result<String> {
    match devices {
        [] => Err(no_key(
            format_args!("{server} offers no device"),
            "start a key there with `keyfob serve`; if `keyfob bridge` listens there, lay a key on its reader",
        )),
        [only] => Ok(only.bus_id.clone()),
        several => {
            let line =
                |device: &RemoteDevice| format!("\n  usbip:{server}/{}", name(&device.bus_id));
            let list: String = several.iter().map(line).collect();
            Err(no_key(
                format_args!("{server} offers several devices:{list}"),
                "choose one with --device",
            ))
        }
    }
}

fn connect(server: &str) -> anyhow::Result<Socket> {
    let connected = match server.starts_with('/') {
        true => socket::usbip(server),
        false => connect_within(server, CONNECTING).map(Socket::from),
    };
    connected.map_err(|error| {
        let next = match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
                "start a key there with `keyfob serve`"
            }
            io::ErrorKind::PermissionDenied => {
                "it belongs to another user: run this command as that user"
            }
            io::ErrorKind::TimedOut => {
                "check that the machine is on and that no firewall blocks the port"
            }
            _ => "check the address",
        };
        no_key(format_args!("cannot connect to {server}: {error}"), next)
    })
}

/// Tries the addresses of a name one after the other, each for its share of the time.
fn connect_within(server: &str, time: Duration) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = server.to_socket_addrs()?.collect();
    let share = time / addresses.len().max(1) as u32;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in &addresses {
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn refusal(server: &str, bus_id: &str, error: ClientError) -> anyhow::Error {
    let bus_id = name(bus_id); // which may be the server's word
    match error {
        ClientError::InUse => no_key(
            format_args!("{bus_id} at {server} is plugged in elsewhere"),
            "detach it there first; on Linux `sudo usbip port` shows where it is",
        ),
        ClientError::NoSuchDevice => no_key(
            format_args!("{server} has no device {bus_id}"),
            format_args!("`keyfob list --device usbip:{server}` shows what it has"),
        ),
        other => {
            let context = format!("{bus_id} at {server} cannot be imported");
            let next = about_the_server(&other);
            advise(anyhow::Error::new(other).context(context), next)
        }
    }
}

/// What to look at when a server does not do what USB/IP servers do. Ours hangs up on those whom its keys are not for (P-22).
fn about_the_server(error: &ClientError) -> &'static str {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match error {
        ClientError::Io(error)
            if matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) =>
        {
            "check that it is a USB/IP server; a keyfob accepts only its own user and root: run this command as one \
             of them, or start that keyfob with --any-user"
        }
        _ => "check that a USB/IP server listens there",
    }
}

/// How long a server may take to be reached. The system alone would go on for minutes.
const CONNECTING: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    use crate::failure::describe;

    fn usbip(server: &str, bus_id: Option<&str>) -> Address {
        Address::Usbip { server: server.to_owned(), bus_id: bus_id.map(str::to_owned) }
    }

    fn key(number: u32) -> Key {
        Key {
            path: format!("/dev/hidraw{number}").into(),
            name: "Key\u{1b}".into(),
            vendor_id: 1,
            product_id: 2,
            serial: None,
            device: "/sys/devices/example".into(),
        }
    }

    #[test]
    fn auto_takes_the_only_key_and_asks_when_there_are_more() {
        let only = only_key(&[key(4)], Served::default, Vec::new).unwrap();
        assert_eq!(only, Address::Hidraw("/dev/hidraw4".into()));
        let several =
            describe(&only_key(&[key(4), key(5)], Served::default, Vec::new).unwrap_err());
        assert!(
            several.contains("on this host:\n  /dev/hidraw4  Key\\u{1b}\n  /dev/hidraw5"),
            "{several}"
        );
        let none = describe(&only_key(&[], Served::default, Vec::new).unwrap_err());
        assert!(none.contains("on this host\nnext: "), "{none}");
    }

    #[test]
    fn where_all_there_is_are_cards_one_is_told_how_to_name_them() {
        let told = |readers: &[&str]| {
            let readers = readers.iter().map(|name| (*name).to_owned()).collect();
            describe(&only_key(&[], Served::default, || readers).unwrap_err())
        };
        let one = told(&["ACS ACR122U 00 00"]);
        assert!(
            one.contains("a card on a reader\nnext: use the key on the reader with --device pcsc:"),
            "{one}"
        );
        let two = told(&["ACS ACR122U 00 00", "\u{1b} 01 00"]);
        assert!(two.contains("\n  pcsc:ACS ACR122U 00 00\n  pcsc:\\u{1b} 01 00\nnext: "), "{two}");
    }

    #[test]
    fn without_a_key_of_this_host_auto_takes_the_only_one_that_is_served() {
        let served = |count: usize| {
            let keys = ["1-1", "1-2"].map(|id| usbip("[::1]:1", Some(id)))[..count].to_vec();
            Served { keys, readers: Vec::new() }
        };
        let only = only_key(&[], || served(1), Vec::new).unwrap();
        assert_eq!(only, usbip("[::1]:1", Some("1-1")));
        let several = describe(&only_key(&[], || served(2), Vec::new).unwrap_err());
        assert!(several.contains("\n  usbip:[::1]:1/1-2\nnext: choose one"), "{several}");
        let local = only_key(&[key(4)], || served(1), Vec::new).unwrap();
        assert_eq!(local, Address::Hidraw("/dev/hidraw4".into()), "it is on the bus");
    }

    #[test]
    fn a_served_reader_is_not_taken_for_a_key() {
        let readers = vec![usbip("127.0.0.1:3240", Some("1-1"))];
        let served = || Served { keys: Vec::new(), readers };
        let told = describe(&only_key(&[], served, Vec::new).unwrap_err());
        assert!(
            told.contains("a reader that is not plugged into any host: usbip:127.0.0.1:3240/1-1\n"),
            "{told}"
        );
        assert!(
            told.contains("next: plug the reader into a host with pcscd: `sudo usbip"),
            "{told}"
        );
    }

    #[test]
    fn a_card_has_no_way_for_reports() {
        let error = describe(&Address::Pcsc { reader: None }.pipe().err().unwrap());
        assert!(error.contains("pcsc: is a card") && error.contains("\nnext: "), "{error}");
    }

    #[test]
    fn a_device_file_that_is_no_keys_is_told_apart_from_a_key_that_does_not_answer() {
        for path in ["/dev/null", "/etc/passwd"] {
            let error = describe(&Address::Hidraw(path.into()).pipe().err().unwrap());
            assert_eq!(
                error,
                format!(
                    "keyfob: {path} is not a FIDO key\nnext: `keyfob list` shows which keys there are"
                )
            );
        }
    }

    /// So it looks to a program of another user, and to one that takes something else for a USB/IP server.
    #[test]
    fn a_server_that_hangs_up_may_have_keys_for_others_only() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || listener.incoming().for_each(drop));
        for bus_id in [None, Some("1-1")] {
            let error = describe(&usbip(&server, bus_id).pipe().err().unwrap());
            assert!(error.contains("next: ") && error.contains("--any-user"), "{error}");
        }
    }

    #[test]
    fn what_a_server_calls_its_device_cannot_move_the_cursor() {
        for error in [ClientError::InUse, ClientError::NoSuchDevice, ClientError::TimedOut] {
            let said = describe(&refusal("host", "\u{1b}[2J", error));
            assert!(said.contains("\\u{1b}[2J") && !said.contains('\u{1b}'), "{said}");
        }
    }

    #[test]
    fn an_address_where_nobody_listens_says_what_to_start() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = describe(&usbip(&server, None).pipe().err().unwrap());
        assert!(error.contains("keyfob serve"), "{error}");
    }
}
