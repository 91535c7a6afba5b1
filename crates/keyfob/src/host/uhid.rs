//! The kernel's driver for HID devices of user space: a way in without its USB bus, and without root where a rule says so.

use super::finding::Finding;
use super::machine::Machine;
use super::udev_rule;

/// What `keyfob attach --uhid` cannot do without.
pub(super) fn uhid(host: &Machine) -> Finding {
    match (host.has(FILE), host.has_module(TOPIC)) {
        (true, _) => permission(host),
        (false, true) => Finding::lacking(
            TOPIC,
            "uhid, the kernel's driver for HID devices that programs make, is not loaded",
        )
        .next("sudo modprobe uhid"),
        (false, false) => {
            Finding::lacking(TOPIC, "there is no /dev/uhid, with which programs make HID devices")
                .next("sudo modprobe uhid; start a container with --device /dev/uhid")
        }
    }
}

/// The file is there from the start; the module is loaded for who opens it.
fn permission(host: &Machine) -> Finding {
    if (host.may_write)(&host.path(FILE)) {
        return Finding::good(TOPIC, "this user may make HID devices, keys among them");
    }
    let lacking = Finding::lacking(TOPIC, "this user may not open /dev/uhid");
    match udev_rule::opens_uhid(&host.read(udev_rule::PLACE)) {
        true => lacking.next("sudo usermod -aG plugdev \"$USER\", and log in again"),
        false => lacking.next(WAY),
    }
}

/// For who may not open it.
pub(crate) const WAY: &str = "sudo keyfob attach --uhid; or, to do it without sudo, keyfob doctor --udev-rule --uhid \
     | sudo tee /etc/udev/rules.d/70-keyfob.rules; sudo modprobe uhid; sudo udevadm control --reload; sudo udevadm \
     trigger --name-match=uhid (everybody who may open /dev/uhid can make keyboards, too)";

const TOPIC: &str = "uhid";
const FILE: &str = "/dev/uhid";

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    const NODE: (&str, &str) = (FILE, "");

    #[test]
    fn who_may_open_the_file_lacks_nothing() {
        assert_eq!(uhid(&Machine::of(&[NODE]).1).state, State::Good);
    }

    #[test]
    fn a_module_that_is_there_is_to_be_loaded() {
        let release = ("/proc/sys/kernel/osrelease", "6.1.0\n");
        let modules = ("/lib/modules/6.1.0/modules.dep", "kernel/drivers/hid/uhid.ko:\n");
        let found = uhid(&Machine::of(&[release, modules]).1);
        assert_eq!(found.next.as_deref(), Some("sudo modprobe uhid"));
        assert!(uhid(&Machine::of(&[]).1).what.starts_with("there is no /dev/uhid"));
    }

    #[test]
    fn who_may_not_open_it_is_told_the_rule_and_what_it_gives_away() {
        let (_root, mut host) = Machine::of(&[NODE]);
        host.may_write = |_| false;
        let next = uhid(&host).next.unwrap();
        assert!(next.contains("keyfob doctor --udev-rule --uhid | sudo tee"), "{next}");
        assert!(next.contains(udev_rule::PLACE) && next.contains("can make keyboards"), "{next}");
        let with_rule = udev_rule::text(true);
        let (_root, mut host) = Machine::of(&[NODE, (udev_rule::PLACE, &with_rule)]);
        host.may_write = |_| false;
        assert!(uhid(&host).next.unwrap().starts_with("sudo usermod -aG plugdev"));
    }
}
