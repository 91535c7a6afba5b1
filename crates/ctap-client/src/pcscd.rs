//! Where pcscd is, which looks after a machine's readers: for programs that meet it without libpcsclite.

use std::env;
use std::path::PathBuf;

/// Where pcscd listens, unless programs are told another place.
pub const SOCKET: &str = "/run/pcscd/pcscd.comm";

/// Where this program finds pcscd, by libpcsclite's rule: the place that `PCSCLITE_CSOCK_NAME` names, otherwise
/// [`SOCKET`].
#[must_use]
pub fn socket() -> PathBuf {
    env::var_os("PCSCLITE_CSOCK_NAME").unwrap_or_else(|| SOCKET.into()).into()
}
