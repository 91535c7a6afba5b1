//! Each check on hosts that are made up.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::host::finding::State;

const STATUS: &str =
    "hub port sta spd dev      sockfd local_busid\nhs  0000 004 000 00000000 000000 0-0\n";
const VHCI: &str = "/sys/devices/platform/vhci_hcd.0";

fn lacking(host: &Machine) -> Vec<String> {
    let findings = Drivers::of(host).findings().into_iter();
    findings.filter(|finding| finding.state == State::Lacking).map(|finding| finding.what).collect()
}

fn ready() -> (tempfile::TempDir, Machine) {
    let (status, attach) = (format!("{VHCI}/status"), format!("{VHCI}/attach"));
    let hidraw = ("/sys/class/hidraw/.keep", "");
    let usbhid = ("/sys/bus/usb/drivers/usbhid/new_id", "");
    Machine::of(&[(&status, STATUS), (&attach, ""), usbhid, hidraw])
}

#[test]
fn a_host_with_module_permission_and_driver_lacks_nothing() {
    let (_root, host) = ready();
    assert_eq!(lacking(&host), [""; 0]);
    assert_eq!(
        controller(&host).what,
        "the virtual USB host controller is loaded; 1 of 1 ports are free"
    );
}

#[test]
fn a_module_that_is_there_is_to_be_loaded_and_one_that_is_not_is_to_be_got() {
    let release = ("/proc/sys/kernel/osrelease", "6.1.0\n");
    let modules =
        "kernel/drivers/usb/usbip/vhci-hcd.ko: kernel/usbip-core.ko\nkernel/hid/usbhid.ko.zst:\n";
    let (_root, host) = Machine::of(&[release, ("/lib/modules/6.1.0/modules.dep", modules)]);
    assert_eq!(controller(&host).next.as_deref(), Some(LOAD));
    assert_eq!(usbhid(&host).state, State::Good);
    let only_needed = "kernel/other.ko: kernel/drivers/usb/usbip/vhci-hcd.ko\n";
    let ubuntu = ("/etc/os-release", "NAME=Ubuntu\nID=ubuntu\n");
    let (_root, host) =
        Machine::of(&[release, ("/lib/modules/6.1.0/modules.dep", only_needed), ubuntu]);
    assert!(controller(&host).next.unwrap().contains("linux-modules-extra"));
    assert_eq!(lacking(&host).len(), 3, "and uhid");
}

#[test]
fn who_may_not_write_learns_how_to_attach_all_the_same() {
    let (_root, mut host) = ready();
    host.may_write = |_| false;
    let finding = permission(&host);
    assert_eq!(finding.state, State::Lacking);
    assert!(finding.next.unwrap().contains("sudo keyfob attach"));
}

#[test]
fn a_controller_without_a_free_port_is_of_no_use() {
    let (_root, host) = ready();
    std::fs::write(host.path(VHCI).join("status"), STATUS.replace(" 004 ", " 006 ")).unwrap();
    assert!(controller(&host).what.ends_with("0 of 1 ports are free"));
    assert_eq!(controller(&host).state, State::Lacking);
}

#[test]
fn a_kernel_without_device_files_for_keys_is_noticed() {
    let hid = ("/sys/bus/hid/devices/.keep", "");
    let release = |text| ("/proc/sys/kernel/osrelease", text);
    let next = |files: &[(&str, &str)]| hidraw_files(&Machine::of(files).1).next;
    assert!(next(&[hid]).unwrap().contains("`keyfob serve`"));
    let wsl = release("5.15.146.1-microsoft-standard-WSL2\n");
    assert!(next(&[hid, wsl]).unwrap().contains("wsl --update"));
    let config = ("/boot/config-6.1.0", "CONFIG_HID=y\n# CONFIG_HIDRAW is not set\n");
    assert!(next(&[release("6.1.0\n"), config]).is_some());
    let config = ("/boot/config-6.1.0", "CONFIG_HID=m\nCONFIG_HIDRAW=y\n");
    assert_eq!(next(&[release("6.1.0\n"), config]), None, "no key has been there yet");
    assert_eq!(next(&[hid, ("/sys/class/hidraw/.keep", "")]), None);
}

#[test]
fn udev_is_judged_by_whether_it_runs() {
    let rule = ("/usr/lib/udev/rules.d/60-fido-id.rules", "");
    let idle = udev(&Machine::of(&[rule]).1);
    assert!(idle.state == State::Note && idle.what.starts_with("does not run"), "{idle:?}");
    assert_eq!(idle.next, None, "a rule would change nothing");
    let running = ("/run/udev/control", "");
    assert_eq!(udev(&Machine::of(&[rule, running]).1).state, State::Good);
    let without = udev(&Machine::of(&[running]).1);
    assert!(without.next.unwrap().contains("keyfob doctor --udev-rule"));
}

#[test]
fn the_advice_about_a_key_goes_on_from_what_was_done_already() {
    let node = ("/dev/hidraw0", "");
    let text = udev_rule::text(false);
    let (udev, rule) = (("/run/udev/control", ""), (udev_rule::PLACE, &*text));
    let key = hidraw::Key {
        path: "/dev/hidraw0".into(),
        name: String::new(),
        vendor_id: 1,
        product_id: 1,
        serial: None,
        device: "/sys".into(),
    };
    for (files, advice) in [
        (&[][..], "start the container with /dev/hidraw0"),
        (&[node], "sudo chown \"$USER\" /dev/hidraw0"),
        (&[node, udev], "keyfob doctor --udev-rule"),
        (&[node, udev, rule], "sudo usermod -aG plugdev"),
    ] {
        let next = way_to_permission(&Machine::of(files).1, &key);
        assert!(next.starts_with(advice), "{next}");
    }
}

#[test]
fn a_directory_that_may_not_be_looked_into_is_told_apart_from_a_key_that_runs() {
    let (root, mut host) = Machine::of(&[]);
    let shut = root.path().join("shut");
    std::fs::create_dir(&shut).unwrap();
    host.control = shut.join("control");
    let nobody = running_key(&host);
    assert_eq!(nobody.what, "no key is running");
    // Root may look everywhere.
    std::fs::set_permissions(&shut, std::fs::Permissions::from_mode(0o000)).unwrap();
    if UnixStream::connect(&host.control).unwrap_err().kind() == io::ErrorKind::PermissionDenied {
        let unknown = running_key(&host);
        assert!(unknown.what.starts_with("this user has no permission to look"), "{unknown:?}");
    }
    std::fs::set_permissions(&shut, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn what_root_left_in_the_home_is_told_with_the_way_to_have_it_back() {
    let (_root, mut host) = Machine::of(&[]);
    assert_eq!(memory(&host), None);
    host.occupied = Some("/home/ada/.local/state".into());
    let next = memory(&host).unwrap().next.unwrap();
    assert!(next.contains("sudo chown -R \"$USER\" '/home/ada/.local/state'"), "{next}");
}

#[test]
fn no_advice_of_the_doctor_is_to_ask_the_doctor() {
    for files in [&[][..], &[("/run/udev/control", "")]] {
        let (_root, mut host) = Machine::of(files);
        host.may_write = |_| false;
        for finding in all(&host) {
            let next = finding.next.unwrap_or_default().replace("doctor --udev-rule", "");
            assert!(!next.contains("doctor"), "{}: {next}", finding.topic);
        }
    }
}

#[test]
fn a_running_key_is_noticed() {
    let (_root, host) = Machine::of(&[]);
    assert_eq!(running_key(&host).state, State::Note);
    let _listener = std::os::unix::net::UnixListener::bind(&host.control).unwrap();
    assert_eq!(running_key(&host).state, State::Good);
}

#[test]
fn tools_and_rules_are_found_where_distributions_put_them() {
    let nothing = Machine::of(&[("/etc/os-release", "ID=\"ubuntu\"\n")]);
    assert!(usbip_tool(&nothing.1).next.unwrap().ends_with("linux-tools-generic"));
    assert_eq!([fido_tools(&nothing.1).state, udev(&nothing.1).state], [State::Note; 2]);
    let (_root, host) = Machine::of(&[
        ("/usr/lib/linux-tools/6.8.0/usbip", ""),
        ("/usr/bin/fido2-token", ""),
        ("/lib/udev/rules.d/60-fido-id.rules", ""),
        ("/run/udev/control", ""),
    ]);
    assert_eq!(
        [usbip_tool(&host).state, fido_tools(&host).state, udev(&host).state],
        [State::Good; 3]
    );
}

#[test]
fn browsers_in_a_box_are_named_with_what_opens_the_box() {
    let (_root, host) = Machine::of(&[
        ("/snap/bin/firefox", ""),
        ("/var/lib/flatpak/app/org.chromium.Chromium/x", ""),
    ]);
    let next: Vec<String> =
        confined_browsers(&host).into_iter().filter_map(|finding| finding.next).collect();
    let [snap, flatpak] = &next[..] else { panic!("{next:?}") };
    assert!(snap.starts_with("keyfob doctor --udev-rule"), "{snap}");
    assert!(snap.contains("sudo snap connect firefox:u2f-devices"), "{snap}");
    assert_eq!(flatpak, "flatpak override --user --device=all org.chromium.Chromium");
    let (_root, host) =
        Machine::of(&[("/snap/bin/firefox", ""), (udev_rule::PLACE, &udev_rule::text(false))]);
    assert_eq!(confined_browsers(&host)[0].state, State::Good, "the rule is there");
}

#[test]
fn each_key_is_judged_by_whether_it_can_be_used() {
    let descriptor = "\u{6}\u{d0}"; // Not a FIDO report descriptor: no key is listed.
    let (_root, mut host) =
        Machine::of(&[("/sys/class/hidraw/hidraw0/device/report_descriptor", descriptor)]);
    assert_eq!(keys(&host)[0].what, "no FIDO key is plugged in");
    let device = host.path("/sys/class/hidraw/hidraw0/device");
    std::fs::write(device.join("report_descriptor"), [0x06, 0xD0, 0xF1, 0x09, 0x01]).unwrap();
    std::fs::write(device.join("uevent"), "HID_ID=0003:00001209:00000005\nHID_NAME=Key\n").unwrap();
    assert_eq!(keys(&host)[0].what, "/dev/hidraw0 can be used");
    host.may_write = |_| false;
    assert_eq!(keys(&host)[0].state, State::Note);
}

#[test]
fn a_taken_port_names_its_owner() {
    let line = "0: 0100007F:0CA8 00000000:0000 0A 0:0 0:0 0 0 0 222 1\n";
    let (_root, host) = Machine::of(&[("/proc/net/tcp", line)]);
    assert_eq!(standard_port(&host).what, "another user's program listens there");
    assert_eq!(standard_port(&Machine::of(&[]).1).state, State::Good);
}
