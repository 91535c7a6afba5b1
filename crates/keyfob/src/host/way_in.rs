//! How to come by a key on a host that has none in a USB port.

use std::os::unix::net::UnixStream;

use super::machine::Machine;
use super::ways::Drivers;

/// The next step of somebody whose host has no key: the one that runs already, or how to start one.
pub(super) fn to_a_key(host: &Machine) -> String {
    match UnixStream::connect(&host.control).is_ok() {
        true => "a keyfob runs: `keyfob status` shows its keys; commands find one that it serves over TCP; for a \
             keyfob on another host give its address with --device"
            .to_owned(),
        false => {
            let why_not = match can_attach(host) {
                true => "",
                false => "; `keyfob doctor` says what `keyfob attach` lacks",
            };
            format!("plug one in, or start one: {}{why_not}", start(host))
        }
    }
}

/// How to start a key, by the way that works on this host.
pub(super) fn start(host: &Machine) -> &'static str {
    match can_attach(host) {
        true => "`keyfob attach` plugs one into this host",
        false => "`keyfob serve` offers one without root, and prints how to use it",
    }
}

fn can_attach(host: &Machine) -> bool {
    Drivers::of(host).obstacle().is_none()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_keyfob_that_runs_is_not_started_again() {
        let (_root, host) = Machine::of(&[]);
        let _listener = UnixListener::bind(&host.control).unwrap();
        let way = to_a_key(&host);
        assert!(way.contains("`keyfob status`") && !way.contains("start one"), "{way}");
    }

    #[test]
    fn who_cannot_attach_a_key_is_told_to_serve_one() {
        let (_root, host) = Machine::of(&[]);
        assert!(to_a_key(&host).contains("`keyfob serve`"));
        let status =
            "hub port sta spd dev      sockfd local_busid\nhs  0000 004 000 00000000 000000 0-0\n";
        let vhci = "/sys/devices/platform/vhci_hcd.0";
        let (status, attach) = ((format!("{vhci}/status"), status), format!("{vhci}/attach"));
        let usbhid = "/sys/bus/usb/drivers/usbhid/new_id";
        let (_root, host) = Machine::of(&[(&status.0, status.1), (&attach, ""), (usbhid, "")]);
        assert!(to_a_key(&host).ends_with("`keyfob attach` plugs one into this host"));
    }
}
