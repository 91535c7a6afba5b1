//! `keyfob serve`: offers keys over USB/IP.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::{self, PathBuf};

use clap::Args;
use tokio::net::{TcpListener, TcpStream};
use usbip_server::Server;
use virtual_key::key::Touch;
use virtual_key::keys::{Form, Keys, Offer};
use virtual_key::peers::{self, PeerFilter};

use super::key_options::KeyOptions;
use super::nfc::NfcOptions;
use super::running::Running;
use crate::device::{Address, attach_command, with_port};
use crate::failure::{advise, failure, usage};
use crate::host::{self, STANDARD_PORT};
use crate::say::{say, warn};
use crate::service;
use crate::socket::ListeningSocket;

/// Offer a key over USB/IP, to this machine or another
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Address to listen on, as HOST:PORT or HOST; port 0 takes a free one [default: 127.0.0.1:3240]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    listen: Option<SocketAddr>,

    /// Unix socket to listen on, instead of an address or beside it
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,

    /// Allow an address that other machines can reach: USB/IP has neither passwords nor encryption
    #[arg(long)]
    expose: bool,

    /// Accept the programs of every user of this machine, not only yours and root's: they can use the keys, and block their PINs
    #[arg(long)]
    any_user: bool,

    #[command(flatten)]
    reader: NfcOptions,

    #[command(flatten)]
    keys: KeyOptions,
}

/// Offers the keys until a signal ends it.
///
/// # Errors
/// An address, a socket or a key's memory is in use, or must not be used like this.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let address = options.address()?;
    let listeners = Listeners::open(address, &options)?;
    let server = Server::new();
    let settings = options.keys.settings(options.reader.form())?;
    let running = Running::start(&server, &options.keys, &settings)?;
    options.reader.lay_on(running.keys());
    if let Some(offer) = listeners.offer()? {
        running.keys().offer_at(&offer);
    }
    listeners.announce(running.keys())?;
    service::ready();
    running.serve(listeners.serve(&server)).await
}

impl Options {
    /// Where to listen on TCP, if at all. Who exposes a key must say so, and must not have it approve unseen (P-10, P-22).
    fn address(&self) -> anyhow::Result<Option<SocketAddr>> {
        let default =
            self.unix.is_none().then(|| SocketAddr::from(([127, 0, 0, 1], STANDARD_PORT)));
        let Some(address) = self.listen.or(default) else { return Ok(None) };
        if peers::is_loopback(address) {
            return Ok(Some(address));
        }
        if self.keys.touch == Touch::Auto {
            return Err(usage(
                format_args!("--touch auto on {address} would sign for everybody who can reach it"),
                "listen on 127.0.0.1, or use --touch ask",
            ));
        }
        if self.reader.nfc.is_some() && !self.reader.away {
            return Err(usage(
                format_args!(
                    "a card that lies on its reader approves what everybody asks who can reach {address}"
                ),
                "listen on 127.0.0.1, or leave it off the reader with --away until `keyfob tap`",
            ));
        }
        if !self.expose {
            return Err(usage(
                format_args!(
                    "other machines can reach {address}, and USB/IP has neither passwords nor encryption"
                ),
                format_args!("{FORWARD}, or allow it with --expose"),
            ));
        }
        warn(format_args!(
            "everybody who can reach {address} can use this key and read what is sent. Better: {FORWARD}"
        ));
        Ok(Some(address))
    }
}

/// Of a name with several addresses, the one that programs try first which know of IPv4 only.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, STANDARD_PORT));
    }
    let whole =
        with_port(text).ok_or("an address is HOST:PORT, such as 127.0.0.1:3240 or [::1]:0")?;
    let found = whole.to_socket_addrs().map_err(|error| format!("no such host: {error}"))?;
    found.min_by_key(SocketAddr::is_ipv6).ok_or_else(|| "the name has no address".to_owned())
}

/// What hosts can come in by.
struct Listeners {
    tcp: Option<FilteredListener>,
    unix: Option<ListeningSocket>,
}

/// A TCP listener and who watches it; without, everybody may come in who can reach it.
pub(crate) struct FilteredListener {
    listener: TcpListener,
    filter: Option<PeerFilter>,
}

impl Listeners {
    fn open(address: Option<SocketAddr>, options: &Options) -> anyhow::Result<Self> {
        let tcp =
            address.map(|address| FilteredListener::open(address, options.any_user)).transpose()?;
        let unix = options.unix.as_deref().map(ListeningSocket::open).transpose()?;
        Ok(Self { tcp, unix })
    }

    /// Where the commands of this host find the keys.
    fn offer(&self) -> anyhow::Result<Option<Offer>> {
        Ok(match (&self.tcp, &self.unix) {
            (Some(tcp), _) => Some(Offer::Tcp(tcp.address()?)),
            (None, Some(socket)) => Some(Offer::Unix(path::absolute(socket.path())?)),
            (None, None) => None,
        })
    }

    /// Says that the keys are ready, and what to type to get them.
    fn announce(&self, keys: &Keys) -> anyhow::Result<()> {
        let ids = bus_ids(keys);
        if let Some(FilteredListener { listener, .. }) = &self.tcp {
            let address = listener.local_addr()?;
            say(format_args!("listening on {address}, {ids}"));
            announce_ports(address, keys);
            // keyfob's own commands have a host's end for keys alone, and none for readers.
            let mut ids = keys.iter().filter(|key| key.form() == Form::Usb).map(|key| key.bus_id());
            if let Some(first) = ids.next() {
                let first_of_several = ids.next().map(|_| first);
                say(format_args!("without root: {}", export_command(address, first_of_several)));
            }
        }
        if let Some(socket) = &self.unix {
            let path = socket.path().display();
            say(format_args!("listening on {path}, {ids}"));
            say(format_args!("from another machine: ssh -L {STANDARD_PORT}:{path} THIS-MACHINE"));
        }
        Ok(())
    }

    /// Lets hosts in, for ever.
    async fn serve(self, server: &Server) -> anyhow::Result<Infallible> {
        let tcp = async {
            match self.tcp {
                Some(listener) => listener.serve(server).await,
                None => pending().await,
            }
        };
        let unix = async {
            match self.unix {
                Some(mut socket) => server.serve_accepted(async || socket.accept().await).await,
                None => pending().await,
            }
        };
        tokio::select! { never = tcp => match never {}, never = unix => match never {} }
    }
}

impl FilteredListener {
    /// Listens at `address`. What other machines can reach was exposed, and is for everybody.
    ///
    /// # Errors
    /// The address is taken, or must not be used like this.
    pub(crate) fn open(address: SocketAddr, any_user: bool) -> anyhow::Result<Self> {
        let listener = listen(address)?;
        let watched = peers::is_loopback(address) && !any_user;
        let filter =
            watched.then(|| PeerFilter::of(listener.local_addr()?, tell_of_stranger)).transpose();
        let filter = filter.map_err(|error| {
            let context = "this system does not say which user's programs connect to the key";
            advise(
                anyhow::Error::new(error).context(context),
                "listen on a socket of your own with --unix PATH, or let everybody in with --any-user",
            )
        })?;
        Ok(Self { listener, filter })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Lets in hosts for ever.
    pub(crate) async fn serve(self, server: &Server) -> Infallible {
        let Self { listener, mut filter } = self;
        let welcome =
            |stream: &TcpStream| filter.as_mut().is_none_or(|filter| filter.admits(stream));
        server.serve_tcp(listener, welcome).await
    }
}

fn tell_of_stranger(sentence: fmt::Arguments<'_>) {
    warn(format_args!("{sentence}; --any-user lets in everybody"));
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    usbip_server::listen(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => taken(address),
        _ => advise(
            anyhow::Error::new(error).context(format!("cannot listen on {address}")),
            "choose another address with --listen",
        ),
    })
}

fn taken(address: SocketAddr) -> anyhow::Error {
    let owner = host::listener(address.port());
    let what = format!("{address} is taken by {}", owner.as_deref().unwrap_or("another program"));
    let device = Address::Usbip { server: address.to_string(), bus_id: None };
    match owner.is_some_and(|owner| owner.starts_with("keyfob ")) {
        true => failure(
            what,
            format_args!(
                "use the key that runs there with --device {device}; a second key needs its own address, socket and \
                 directory, as in --listen 127.0.0.1:0 --control ./second --state ./second-key"
            ),
        ),
        false => failure(
            what,
            "stop it (`ss -ltnp` names it), or choose a port with --listen 127.0.0.1:0",
        ),
    }
}

/// What to type for each key; of more than fit on a screen, for the first.
fn announce_ports(address: SocketAddr, keys: &Keys) {
    let ids: Vec<_> = keys.iter().map(|key| key.bus_id()).collect();
    match ids[..] {
        [first, .., last] if ids.len() > EACH_TOLD => {
            let command = attach_command(&server(address), first);
            say(format_args!("plug one in: {command}, and so on to {last}"));
        }
        _ => {
            for id in ids {
                say(format_args!("plug it in: {}", attach_command(&server(address), id)));
            }
        }
    }
}

/// Keys of which each is told on a line of its own.
const EACH_TOLD: usize = 8;

/// `bus id 1-1`, or `bus ids 1-1 to 1-3`.
fn bus_ids(keys: &Keys) -> String {
    let mut ids = keys.iter().map(|key| key.bus_id());
    match (ids.next().unwrap_or_default(), ids.next_back()) {
        (only, None) => format!("bus id {only}"),
        (first, Some(last)) => format!("bus ids {first} to {last}"),
    }
}

/// What points the other commands of keyfob at the only key, or at this one: they bring their own USB/IP.
fn export_command(address: SocketAddr, bus_id: Option<&str>) -> String {
    let device = Address::Usbip { server: server(address), bus_id: bus_id.map(str::to_owned) };
    format!("export KEYFOB_DEVICE={device}")
}

/// `HOST:PORT`, as other machines may call it.
fn server(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("{THIS_MACHINE}:{}", address.port()),
        false => address.to_string(),
    }
}

/// Stands for a name that only the person knows.
const THIS_MACHINE: &str = "THIS-MACHINE";
const FORWARD: &str =
    "listen on 127.0.0.1 and type on the other machine `ssh -L 3240:127.0.0.1:3240 THIS-MACHINE`";

const EXAMPLES: &str = "\
Examples:
  keyfob serve                                   on 127.0.0.1:3240
  keyfob serve --keys 200 --state ./keys         keys for a farm, docs/farm.md
  keyfob serve --listen 127.0.0.1:0 --ephemeral  any port, no memory
  keyfob serve --profile bio                     a key with a fingerprint sensor
  keyfob serve --nfc                             a card on a reader, docs/nfc.md
  ssh -L 3240:127.0.0.1:3240 MACHINE             elsewhere: MACHINE's key

It prints what to type to plug the key in. The key is there until Ctrl-C. docs/profiles.md lists the kinds of keys.";

#[cfg(test)]
mod tests {
    use virtual_key::keys::CardReader;

    use super::*;

    fn options(listen: Option<&str>, expose: bool, touch: Touch) -> Options {
        let keys = KeyOptions { touch, ..KeyOptions::for_tests() };
        let listen = listen.map(|address| address.parse().unwrap());
        let reader = NfcOptions::default();
        Options { listen, unix: None, expose, any_user: false, reader, keys }
    }

    // P-10, NF-40
    #[test]
    fn a_card_that_others_can_reach_does_not_lie_on_its_reader_from_the_start() {
        let on_reader = |away| {
            let reader = NfcOptions { nfc: Some(CardReader::Ccid), away };
            Options { reader, ..options(Some("192.0.2.1:3240"), true, Touch::Ask) }
        };
        assert!(on_reader(false).address().is_err());
        assert!(on_reader(true).address().is_ok());
    }

    #[test]
    fn only_loopback_addresses_need_no_second_word() {
        for address in ["127.0.0.1:3240", "127.9.9.9:1", "[::1]:0", "[::ffff:127.0.0.1]:3240"] {
            let options = options(Some(address), false, Touch::Auto);
            assert_eq!(options.address().unwrap(), Some(address.parse().unwrap()));
        }
        for address in ["0.0.0.0:3240", "[::]:3240", "192.0.2.1:3240", "[::ffff:192.0.2.1]:0"] {
            assert!(options(Some(address), false, Touch::Ask).address().is_err(), "{address}");
            assert!(options(Some(address), true, Touch::Ask).address().is_ok(), "{address}");
            assert!(options(Some(address), true, Touch::Auto).address().is_err(), "{address}");
        }
    }

    #[test]
    fn an_address_may_be_a_name_and_leave_out_the_port() {
        for (text, address) in [
            ("localhost:3241", "127.0.0.1:3241"),
            ("localhost", "127.0.0.1:3240"),
            ("127.0.0.2", "127.0.0.2:3240"),
            ("::1", "[::1]:3240"),
            ("[::1]:0", "[::1]:0"),
        ] {
            assert_eq!(parse_address(text), Ok(address.parse().unwrap()), "{text}");
        }
        for text in ["", ":3240", "localhost:", "localhost:x"] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_unix_socket_takes_the_place_of_the_default_address() {
        let mut options = options(None, false, Touch::Ask);
        assert_eq!(options.address().unwrap(), Some("127.0.0.1:3240".parse().unwrap()));
        options.unix = Some("socket".into());
        assert_eq!(options.address().unwrap(), None);
    }

    #[test]
    fn the_variable_for_the_other_commands_is_an_address_that_they_take() {
        for (address, bus_id, expected) in [
            ("127.0.0.1:3240", None, "usbip:127.0.0.1:3240"),
            ("[::1]:99", Some("1-1"), "usbip:[::1]:99/1-1"),
            ("0.0.0.0:3240", None, "usbip:THIS-MACHINE:3240"),
        ] {
            let command = export_command(address.parse().unwrap(), bus_id);
            assert_eq!(command, format!("export KEYFOB_DEVICE={expected}"));
            assert!(expected.parse::<Address>().is_ok());
        }
    }

    #[test]
    fn the_command_to_attach_is_the_one_to_type() {
        let command = |address: &str| attach_command(&server(address.parse().unwrap()), "1-2");
        assert_eq!(command("127.0.0.1:3240"), "sudo usbip attach -r 127.0.0.1 -b 1-2");
        assert_eq!(command("[::1]:99"), "sudo usbip --tcp-port 99 attach -r ::1 -b 1-2");
        assert_eq!(command("0.0.0.0:3240"), "sudo usbip attach -r THIS-MACHINE -b 1-2");
    }
}
