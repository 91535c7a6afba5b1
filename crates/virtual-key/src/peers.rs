//! The filter of peers: it decides which programs of this machine may connect over TCP. USB/IP has no passwords,
//! and every user of the machine can connect to loopback. Linux tells which user owns a connection. On a system
//! that does not tell that, there is no filter.

#[cfg_attr(target_os = "linux", path = "peers/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "peers/elsewhere.rs")]
mod system;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use usbip_server::Refusals;

use self::system::{Registry, user};
use crate::error::Warn;

/// Whether only programs of this machine can reach a listener at this address (P-22). It also knows IPv4 addresses
/// that are written as IPv6.
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Admits the programs of this process's user, and those of root.
#[derive(Debug)]
pub struct PeerFilter {
    registry: Registry,
    user: u32,
    /// When people were last told of a stranger, who may knock as often as it likes.
    told: Option<Instant>,
    /// Of programs whose user could not be found out.
    refusals: Refusals,
    warn: Warn,
}

impl PeerFilter {
    /// A filter for a listener of this process. `warn` is told of programs that are not admitted, but not of each
    /// one.
    ///
    /// # Errors
    /// This system does not tell which user owns a connection.
    pub fn of(listener: SocketAddr, warn: Warn) -> io::Result<Self> {
        let registry = Registry::that_knows(listener)?;
        Ok(Self { registry, user: user(), told: None, refusals: Refusals::new(), warn })
    }

    /// Whether the program at the other end is admitted. If it is not, `warn` may be told.
    pub fn admits(&mut self, stream: &TcpStream) -> bool {
        match self.registry.owner_of(stream) {
            Ok(Some(owner)) if is_ours(owner, self.user) => true,
            Ok(Some(owner)) => {
                self.tell(owner);
                false
            }
            // It has hung up again.
            Ok(None) => false,
            Err(error) => {
                self.refusals.tell("a program whose user this system does not tell", &error);
                false
            }
        }
    }

    fn tell(&mut self, owner: u32) {
        if self.told.is_some_and(|told| told.elapsed() < SILENCE) {
            return;
        }
        self.told = Some(Instant::now());
        (self.warn)(format_args!(
            "a program of user {owner} was refused: keys on loopback are only for your programs and root's"
        ));
    }
}

/// Whether the program that this process has connected to on this machine belongs to this user or to root.
///
/// # Errors
/// The owner cannot be found out: the program has not accepted the connection yet, or has hung up again, for
/// instance.
pub(crate) fn is_trusted(stream: &TcpStream) -> io::Result<bool> {
    let owner = system::owner_of(stream)?.ok_or(io::ErrorKind::NotConnected)?;
    Ok(is_ours(owner, user()))
}

fn is_ours(owner: u32, user: u32) -> bool {
    owner == user || owner == ROOT
}

const ROOT: u32 = 0;
/// Other users' programs are reported once in this time.
const SILENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_for_its_user_and_root() {
        assert!(is_ours(1000, 1000) && is_ours(0, 1000) && is_ours(0, 0));
        assert!(!is_ours(65534, 0) && !is_ours(1001, 1000));
    }
}
