//! pcscd, which looks after a machine's readers, without libpcsclite: where it is, and whether it refuses this
//! user.

use std::env;
#[cfg(all(feature = "pcsc", target_os = "linux"))]
use std::io::Read as _;
#[cfg(all(feature = "pcsc", target_os = "linux"))]
use std::os::unix::net::UnixStream;
#[cfg(all(feature = "pcsc", target_os = "linux"))]
use std::path::Path;
use std::path::PathBuf;

#[cfg(all(feature = "pcsc", target_os = "linux"))]
use crate::limits::HANGING_UP;

/// Where pcscd listens, unless programs are told another place.
pub const SOCKET: &str = "/run/pcscd/pcscd.comm";

/// Where this program finds pcscd, by libpcsclite's rule: the place that `PCSCLITE_CSOCK_NAME` names, otherwise
/// [`SOCKET`].
#[must_use]
pub fn socket() -> PathBuf {
    env::var_os("PCSCLITE_CSOCK_NAME").unwrap_or_else(|| SOCKET.into()).into()
}

/// Whether somebody listens at this place who hangs up on this user. pcscd does that, if its polkit says no, before it has heard a
/// word; libpcsclite writes first, and if that comes too late it takes pcscd for gone.
#[cfg(all(feature = "pcsc", target_os = "linux"))]
pub(crate) fn hangs_up(place: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(place) else { return false };
    let is_bounded = stream.set_read_timeout(Some(HANGING_UP)).is_ok();
    is_bounded && matches!(stream.read(&mut [0]), Ok(0))
}

#[cfg(all(test, feature = "pcsc", target_os = "linux"))]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    #[test]
    fn a_service_that_hangs_up_on_this_user_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("pcscd.comm");
        assert!(!hangs_up(&place), "nobody listens");
        let listener = UnixListener::bind(&place).unwrap();
        let refusing = thread::spawn(move || drop(listener.accept()));
        assert!(hangs_up(&place));
        refusing.join().unwrap();
    }
}
