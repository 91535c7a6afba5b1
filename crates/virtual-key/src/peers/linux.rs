//! Asks Linux which user owns a connection.
//!
//! TCP does not tell which program is at the other end, but the kernel knows the owner of each of its sockets.
//! sock_diag(7) asks it for this one socket, in microseconds. A kernel without sock_diag has `/proc/net/tcp` and
//! `tcp6`; reading those takes milliseconds on a machine with much memory.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};
use rustix::process::geteuid;
use tokio::net::TcpStream;

/// The user whom this process works for.
pub(super) fn user() -> u32 {
    geteuid().as_raw()
}

/// The user whose program is at the other end of this stream, found in either way; `None`: there is no such
/// program.
pub(super) fn owner_of(stream: &TcpStream) -> io::Result<Option<u32>> {
    let ends = Ends::of(stream)?;
    Registry::SockDiag.owner(&ends).or_else(|_| Registry::Table.owner(&ends))
}

/// Both ends of a connection as one of them sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    own: SocketAddr,
    other: SocketAddr,
}

impl Ends {
    /// The ends as the program at the other end of this stream sees them.
    fn of(stream: &TcpStream) -> io::Result<Self> {
        Ok(Self { own: plain(stream.peer_addr()?), other: plain(stream.local_addr()?) })
    }
}

/// An address in the one form that compares: IPv4 not as IPv6, and without a scope.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// How the kernel is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registry {
    SockDiag,
    Table,
}

/// The kernel's entry for a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    ends: Ends,
    user: u32,
    /// 0: no program holds it any more, and then `user` means nothing.
    inode: u32,
}

impl Registry {
    /// The first way that finds a socket which is certainly there.
    pub(super) fn that_knows(listener: SocketAddr) -> io::Result<Self> {
        let own = plain(listener);
        let nobody =
            if own.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let ends = Ends { own, other: SocketAddr::new(nobody, 0) };
        if sock_diag(&ends).is_ok_and(|found| found.is_some()) {
            return Ok(Self::SockDiag);
        }
        match sockets()?.iter().any(|socket| socket.ends.own == own) {
            true => Ok(Self::Table),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The user whose program is at the other end of this stream; `None`: there is no such program.
    pub(super) fn owner_of(self, stream: &TcpStream) -> io::Result<Option<u32>> {
        self.owner(&Ends::of(stream)?)
    }

    /// The user whose program holds the socket with these ends; `None`: nobody does.
    fn owner(self, ends: &Ends) -> io::Result<Option<u32>> {
        let found = match self {
            Self::SockDiag => sock_diag(ends)?,
            Self::Table => sockets()?.into_iter().find(|socket| socket.ends == *ends),
        };
        // If there is no such connection, the kernel may name a listener.
        let held = found.filter(|socket| socket.ends == *ends && socket.inode != 0);
        Ok(held.map(|socket| socket.user))
    }
}

fn sock_diag(ends: &Ends) -> io::Result<Option<Socket>> {
    let kernel = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    send(&kernel, &question(ends), SendFlags::empty())?;
    let mut answer = [0; 1024];
    // The answer is there when the question has been sent.
    let (_, length) = recv(&kernel, &mut answer, RecvFlags::DONTWAIT)?;
    answer_in(answer.get(..length).unwrap_or_default())
}

/// `nlmsghdr` and `inet_diag_req_v2`: <linux/netlink.h>, <linux/inet_diag.h>.
fn question(ends: &Ends) -> Vec<u8> {
    let family = if ends.own.is_ipv4() { AF_INET } else { AF_INET6 };
    let [own, other] = [ends.own, ends.other].map(|end| octets(end.ip()));
    let ports = [ends.own, ends.other].map(|end| end.port().to_be_bytes());
    let mut body = vec![family, TCP, 0, 0];
    body.extend(u32::MAX.to_ne_bytes()); // in any state
    body.extend(ports.concat());
    body.extend([own, other].concat());
    body.extend([0; 4]); // on any interface
    body.extend([0xFF; 8]); // no cookie
    let length = (HEADER + body.len()) as u32;
    let kind = [SOCK_DIAG_BY_FAMILY.to_ne_bytes(), NLM_F_REQUEST.to_ne_bytes()].concat();
    [&length.to_ne_bytes()[..], &kind, &[0; 8], &body].concat()
}

/// `nlmsghdr`, then `inet_diag_msg` or an error.
fn answer_in(message: &[u8]) -> io::Result<Option<Socket>> {
    let found = match field(message, 4).map(u16::from_ne_bytes) {
        Some(SOCK_DIAG_BY_FAMILY) => socket_in(message),
        Some(NLMSG_ERROR) => return no_socket_in(message),
        _ => None,
    };
    found.map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The error is a negative number. The one for no such socket is no failure.
fn no_socket_in(message: &[u8]) -> io::Result<Option<Socket>> {
    let code = field(message, HEADER).map_or(0, i32::from_ne_bytes);
    let error = io::Error::from_raw_os_error(code.wrapping_neg());
    if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) }
}

fn socket_in(message: &[u8]) -> Option<Socket> {
    let [family] = field(message, HEADER)?;
    let end = |port, address| {
        let port = field(message, port).map(u16::from_be_bytes)?;
        let octets: [u8; 16] = field(message, address)?;
        let [a, b, c, d, ..] = octets;
        let ip: IpAddr = if family == AF_INET { [a, b, c, d].into() } else { octets.into() };
        Some(plain(SocketAddr::new(ip, port)))
    };
    let ends = Ends { own: end(20, 24)?, other: end(22, 40)? };
    let [user, inode] = [field(message, 80)?, field(message, 84)?].map(u32::from_ne_bytes);
    Some(Socket { ends, user, inode })
}

fn field<const N: usize>(message: &[u8], at: usize) -> Option<[u8; N]> {
    message.get(at..)?.first_chunk().copied()
}

fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// Every TCP socket of this machine. A kernel may know no IPv6.
fn sockets() -> io::Result<Vec<Socket>> {
    let mut sockets = sockets_in(&fs::read_to_string("/proc/net/tcp")?);
    if let Ok(table) = fs::read_to_string("/proc/net/tcp6") {
        sockets.extend(sockets_in(&table));
    }
    Ok(sockets)
}

/// The readable entries of a table in the form of proc_net_tcp(5), below a line of titles.
fn sockets_in(table: &str) -> Vec<Socket> {
    table.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, own, other, _state, _queues, _timer, _retransmits, user, _timeout, inode, ..] =
        fields[..]
    else {
        return None;
    };
    let ends = Ends { own: address(own)?, other: address(other)? };
    Some(Socket { ends, user: user.parse().ok()?, inode: inode.parse().ok()? })
}

/// `0100007F:0CA8`, words of the machine's own byte order, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| {
        let word = u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    let ip: IpAddr = match ip.len() {
        8 => word(0)?.into(),
        32 => {
            let octets = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            <[u8; 16]>::try_from(octets).ok()?.into()
        }
        _ => return None,
    };
    Some(plain(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?)))
}

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const TCP: u8 = 6;
/// Bytes of `nlmsghdr`.
const HEADER: usize = 16;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const SOCK_DIAG_BY_FAMILY: u16 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    use std::net::TcpListener as StdListener;
    use std::net::TcpStream as StdStream;

    use proptest::prelude::*;

    const REGISTRIES: [Registry; 2] = [Registry::SockDiag, Registry::Table];

    /// A connection to a listener at `address`: the end that came, and the one that was accepted.
    fn connection(address: &str) -> Option<(StdStream, StdStream)> {
        // A machine without IPv6 cannot be asked about it.
        let listener = StdListener::bind(address).ok()?;
        let theirs = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        Some((theirs, ours))
    }

    fn ends(ours: &StdStream) -> Ends {
        Ends { own: plain(ours.peer_addr().unwrap()), other: plain(ours.local_addr().unwrap()) }
    }

    /// Not every system has both.
    fn works(registry: Registry) -> bool {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        match Registry::that_knows(listener.local_addr().unwrap()).unwrap() {
            Registry::SockDiag => true,
            Registry::Table => registry == Registry::Table,
        }
    }

    #[test]
    fn a_connection_belongs_to_the_user_whose_program_made_it() {
        for registry in REGISTRIES.into_iter().filter(|registry| works(*registry)) {
            for address in ["127.0.0.1:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
                let Some((_theirs, ours)) = connection(address) else { continue };
                let owner = registry.owner(&ends(&ours)).unwrap();
                assert_eq!(owner, Some(geteuid().as_raw()), "{registry:?} {address}");
            }
        }
    }

    /// The kernel names root as the owner of sockets that no program holds.
    #[test]
    fn whoever_hung_up_before_it_was_looked_at_is_nobody() {
        for registry in REGISTRIES.into_iter().filter(|registry| works(*registry)) {
            let (theirs, ours) = connection("127.0.0.1:0").unwrap();
            drop(theirs);
            assert_eq!(registry.owner(&ends(&ours)).unwrap(), None, "{registry:?}");
        }
    }

    #[test]
    fn a_listener_is_not_taken_for_a_connection_that_is_not_there() {
        for registry in REGISTRIES.into_iter().filter(|registry| works(*registry)) {
            let listener = StdListener::bind("127.0.0.1:0").unwrap();
            let own = listener.local_addr().unwrap();
            let ends = Ends { own, other: "127.0.0.1:1".parse().unwrap() };
            assert_eq!(registry.owner(&ends).unwrap(), None, "{registry:?}");
        }
    }

    #[test]
    fn both_tables_are_read_as_the_kernel_writes_them() {
        let native = |octets: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(octets));
        let (v4, v6) = (native([127, 0, 0, 1]), native([0; 4]).repeat(3) + &native([0, 0, 0, 1]));
        let table = format!(
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: {v4}:0CA8 {v4}:EA82 01 00000000:00000000 00:00000000 00000000 65534        0 139736 1 00000000c4abebc8 20\n   \
             1: {v6}:0CA8 {v6}:0001 06 00000000:00000000 03:000009D4 00000000     0        0 0 3 00000000c4abebc8\n"
        );
        let ends = |own: &str, other: &str| Ends {
            own: own.parse().unwrap(),
            other: other.parse().unwrap(),
        };
        let expected = [
            Socket { ends: ends("127.0.0.1:3240", "127.0.0.1:60034"), user: 65534, inode: 139_736 },
            Socket { ends: ends("[::1]:3240", "[::1]:1"), user: 0, inode: 0 },
        ];
        assert_eq!(sockets_in(&table), expected);
    }

    proptest! {
        #[test]
        fn no_table_and_no_answer_makes_the_reader_panic(
            table in "([ 0-9A-F:\n]|\\PC){0,200}",
            answer in proptest::collection::vec(any::<u8>(), 0..100),
            kind in prop_oneof![Just(SOCK_DIAG_BY_FAMILY), Just(NLMSG_ERROR), any::<u16>()],
        ) {
            let _ = sockets_in(&table);
            let _ = answer_in(&answer);
            let _ = answer_in(&[&[0; 4], &kind.to_ne_bytes()[..], &answer].concat());
        }

        #[test]
        fn an_address_is_read_as_it_is_written(octets in any::<[u8; 16]>(), port in any::<u16>(), long in any::<bool>()) {
            let words = octets.chunks(4).map(|word| {
                format!("{:08X}", u32::from_ne_bytes(word.try_into().unwrap()))
            });
            let [a, b, c, d, ..] = octets;
            let ip: IpAddr = if long { octets.into() } else { [a, b, c, d].into() };
            let text: String = words.take(if long { 4 } else { 1 }).collect();
            let expected = plain(SocketAddr::new(ip, port));
            prop_assert_eq!(address(&format!("{text}:{port:04X}")), Some(expected));
        }
    }
}
