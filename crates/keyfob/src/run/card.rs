//! `keyfob card`: keys as cards on the virtual NFC reader of vsmartcard, vpcd.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::rc::Rc;

use anyhow::Context as _;
use clap::Args;
use tokio::task::JoinSet;
use usbip_server::Server;
use virtual_key::keys::{CardReader, Form, Keys, PluggedKey};
use virtual_key::peers;
use virtual_key::vpcd::{self, Event, Reader};

use super::key_options::KeyOptions;
use super::nfc::lay_on;
use super::running::Running;
use crate::failure::usage;
use crate::host;
use crate::say::{say, warn};
use crate::service;

/// Lay a key, as a card, on a virtual NFC reader of this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The reader, as HOST:PORT or HOST; more keys use the ports after it [default: 127.0.0.1:35963]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    vpcd: Option<SocketAddr>,

    /// Leave the card off the reader, until `keyfob tap`
    #[arg(long)]
    away: bool,

    /// Allow a reader on another machine: the connection to it is not encrypted
    #[arg(long)]
    expose: bool,

    /// Accept any user's program as the reader, not only yours and root's
    #[arg(long)]
    any_user: bool,

    #[command(flatten)]
    keys: KeyOptions,
}

/// Keeps the cards at their readers until a signal ends it.
///
/// # Errors
/// The reader must not be used like this, or a key's memory is in use.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let reader = options.reader()?;
    let settings = options.keys.settings(Form::Card(CardReader::Ccid))?;
    let running = Running::start(&Server::new(), &options.keys, &settings)?;
    let keys = Rc::clone(running.keys());
    lay_on(&keys, options.away);
    service::ready();
    running.serve(lie_on_each(reader, keys)).await
}

impl Options {
    /// Where the first key lies. Whoever has the reader has the key (P-22).
    fn reader(&self) -> anyhow::Result<Reader> {
        let address = self.vpcd.unwrap_or(SocketAddr::from(([127, 0, 0, 1], vpcd::PORT)));
        if peers::is_loopback(address) {
            return Ok(Reader { address, any_user: self.any_user });
        }
        if !self.expose {
            return Err(usage(
                format_args!(
                    "{address} is another machine, and what goes to its reader is not encrypted"
                ),
                "run keyfob there, or allow it with --expose",
            ));
        }
        warn(format_args!(
            "everybody who can use the reader at {address} can use this key, and others can read what is sent"
        ));
        Ok(Reader { address, any_user: true })
    }
}

async fn lie_on_each(first: Reader, keys: Rc<Keys>) -> anyhow::Result<Infallible> {
    let mut tasks = JoinSet::new();
    if peers::is_loopback(first.address) {
        tasks.spawn_local(vpcd::keep_awake());
    }
    for (key, port) in keys.iter().zip(first.address.port()..) {
        let (key, reader) =
            (Rc::clone(key), Reader { address: (first.address.ip(), port).into(), ..first });
        tasks.spawn_local(async move {
            key.lie_on(&reader, &|event| tell(&key, reader.address, first.address, event)).await
        });
    }
    let never = tasks.join_next().await.context("no keys")??;
    Ok(never)
}

/// Says what becomes of a card; `first`: the reader of the first one.
fn tell(key: &PluggedKey, reader: SocketAddr, first: SocketAddr, event: &Event) {
    let key = key.bus_id();
    match event {
        Event::Inserted => say(format_args!("{key} lies on the reader at {reader}")),
        Event::NoReader(error) => warn(format_args!(
            "there is no reader at {reader} ({error}); {key} waits for the reader\nnext: {}",
            way_to_a_reader(reader, first)
        )),
        Event::Occupied => warn(format_args!(
            "another card lies on the reader at {reader}; {key} waits until that one is gone\nnext: take that card off, or stop \
             keyfob and name another reader with --vpcd {}",
            other_slot(reader)
        )),
        Event::Foreign => warn(format_args!(
            "the program that listens at {reader} belongs to another user, so keyfob lays no card on it\nnext: stop it (`sudo \
             ss -ltnp` names it), or trust it with --any-user"
        )),
        Event::Lost(None) => say(format_args!(
            "the reader ended the connection to {key}; {key} waits for the reader"
        )),
        Event::Lost(Some(error)) => {
            say(format_args!(
                "the reader broke the connection to {key}: {error}. {key} waits for the reader"
            ));
        }
        _ => {}
    }
}

/// Of vpcd as packages have it (NF-67). Where somebody's own reader has its slots, only who made it knows.
const SLOTS: [u16; 2] = [vpcd::PORT, vpcd::PORT + 1];

fn other_slot(reader: SocketAddr) -> String {
    let other = |port: u16| SocketAddr::new(reader.ip(), port).to_string();
    match reader.port() {
        port if port == SLOTS[0] => other(SLOTS[1]),
        port if port == SLOTS[1] => other(SLOTS[0]),
        _ => "HOST:PORT".to_owned(),
    }
}

/// vpcd may run, and have fewer slots than there are cards (NF-67), or be told to listen elsewhere.
fn way_to_a_reader(reader: SocketAddr, first: SocketAddr) -> String {
    if SLOTS.contains(&reader.port()) {
        return host::way_to_a_reader().to_owned();
    }
    if reader == first {
        return format!(
            "check that pcscd runs and has a reader at this port (CHANNELID in /etc/reader.conf.d); the ports of Debian's package are {} and {}",
            SLOTS[0], SLOTS[1]
        );
    }
    format!(
        "the number of vpcd's readers is fixed when it is built: packages have two. Each is at the next port, and the first key is at {}. Start \
         fewer keys, or build vsmartcard with --enable-vpcdslots=N",
        first.port()
    )
}

/// The address of a reader. Of a name with several, IPv4's first: vpcd listens there alone.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, vpcd::PORT));
    }
    let found = match text.contains(':') {
        true => text.to_socket_addrs(),
        false => (text, vpcd::PORT).to_socket_addrs(),
    };
    let found = found.map_err(|error| format!("an address is HOST:PORT or HOST: {error}"))?;
    found.min_by_key(SocketAddr::is_ipv6).ok_or_else(|| "the name has no address".to_owned())
}

const EXAMPLES: &str = "\
Examples:
  keyfob card                                 on the first slot of vpcd
  keyfob card --away                          off the reader, until `keyfob tap`
  keyfob card --vpcd 127.0.0.1:35964          on its second slot
  keyfob card --profile bio --ephemeral       a card with a fingerprint sensor

It needs vsmartcard's driver, not root: sudo apt-get install pcscd vsmartcard-vpcd. A card that lies on a reader \
approves what programs ask: laying it on the reader is the touch. The card is there until Ctrl-C. docs/nfc.md says \
which programs can use it.";

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(vpcd: Option<&str>, expose: bool) -> anyhow::Result<Reader> {
        let vpcd = vpcd.map(|address| parse_address(address).unwrap());
        let (away, any_user, keys) = (false, false, KeyOptions::for_tests());
        Options { vpcd, away, expose, any_user, keys }.reader()
    }

    #[test]
    fn the_reader_is_this_machines_unless_its_user_insists() {
        // NF-60, P-22
        let default = reader(None, false).unwrap();
        assert_eq!(default.address.to_string(), "127.0.0.1:35963");
        assert!(!default.any_user, "only this user's and root's programs get the card");
        assert!(reader(Some("192.0.2.1"), false).is_err());
        let exposed = reader(Some("192.0.2.1"), true).unwrap();
        assert!(exposed.any_user, "whose program that is, this machine cannot tell");
    }

    #[test]
    fn a_card_beyond_the_slots_that_vpcd_has_says_so() {
        // NF-67
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let way = |port, first| way_to_a_reader(at(port), at(first));
        assert!(way(35_965, 35_963).contains(
            "packages have two. Each is at the next port, and the first key is at 35963"
        ));
        assert!(way(20_002, 20_000).contains("the first key is at 20000"));
        assert!([35_963, 35_964].into_iter().all(|port| !way(port, 35_963).contains("slots")));
        assert!(way(20_000, 20_000).contains("CHANNELID"), "it is not for want of slots");
    }

    #[test]
    fn another_slot_is_named_where_it_is_known() {
        // NF-67
        let other = |port| other_slot(SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!([35_963, 35_964].map(other), ["127.0.0.1:35964", "127.0.0.1:35963"]);
        assert_eq!(other(20_000), "HOST:PORT");
    }

    #[test]
    fn an_address_may_be_a_host_alone() {
        let port = |text: &str| parse_address(text).unwrap().port();
        assert_eq!(
            [port("127.0.0.1"), port("localhost"), port("localhost:35964")],
            [35_963, 35_963, 35_964]
        );
        assert!(parse_address("localhost:reader").is_err());
    }
}
