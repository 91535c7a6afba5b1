//! How to come by a key on a host that has none in a USB port.

use std::os::unix::net::UnixStream;

use super::checks::for_attaching;
use super::host::Host;
use super::{State, port};
use crate::serve::STANDARD_PORT;

/// The next step of somebody whose host has no key: the one that runs already, or how to start one.
pub(super) fn to_a_key(host: &Host) -> String {
    let runs = UnixStream::connect(&host.control).is_ok();
    match (runs, port::listener(host, STANDARD_PORT)) {
        (true, Some(_)) => format!(
            "a keyfob key is running; take it with --device usbip:127.0.0.1:{STANDARD_PORT}"
        ),
        (true, None) => "a keyfob key is running; take it with --device and the address that `keyfob serve` printed".to_owned(),
        (false, _) => format!("plug one in, or start one: {}", start(host)),
    }
}

/// How to start a key, by the way that works on this host.
pub(super) fn start(host: &Host) -> &'static str {
    match for_attaching(host).iter().any(|finding| finding.state == State::Lacking) {
        false => "`keyfob attach` plugs one into this host",
        true => {
            "`keyfob serve` offers one without root, and prints how to use it; `keyfob doctor` says what `keyfob attach` lacks"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_key_that_runs_is_named_with_its_address_if_that_is_known() {
        let line = "0: 0100007F:0CA8 00000000:0000 0A 0:0 0:0 0 0 0 222 1\n";
        for (table, expected) in
            [(line, "--device usbip:127.0.0.1:3240"), ("", "`keyfob serve` printed")]
        {
            let (_root, host) = Host::of(&[("/proc/net/tcp", table)]);
            let _listener = UnixListener::bind(&host.control).unwrap();
            let way = to_a_key(&host);
            assert!(way.contains(expected), "{way}");
        }
    }

    #[test]
    fn who_cannot_attach_a_key_is_told_to_serve_one() {
        let (_root, host) = Host::of(&[]);
        assert!(to_a_key(&host).contains("`keyfob serve`"));
        let status =
            "hub port sta spd dev      sockfd local_busid\nhs  0000 004 000 00000000 000000 0-0\n";
        let vhci = "/sys/devices/platform/vhci_hcd.0";
        let (status, attach) = ((format!("{vhci}/status"), status), format!("{vhci}/attach"));
        let usbhid = "/sys/bus/usb/drivers/usbhid/new_id";
        let (_root, host) = Host::of(&[(&status.0, status.1), (&attach, ""), (usbhid, "")]);
        assert!(to_a_key(&host).ends_with("`keyfob attach` plugs one into this host"));
    }
}
