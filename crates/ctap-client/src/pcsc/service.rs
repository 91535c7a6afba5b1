//! Whether pcscd is there, and refuses this user.

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::limits::HANGING_UP;

/// Whether somebody listens at this place who hangs up on this user. pcscd does that, if its polkit says no, before it has heard a
/// word; libpcsclite writes first, and if that comes too late it takes pcscd for gone.
pub(super) fn hangs_up(place: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(place) else { return false };
    let is_bounded = stream.set_read_timeout(Some(HANGING_UP)).is_ok();
    is_bounded && matches!(stream.read(&mut [0]), Ok(0))
}

#[cfg(test)]
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
