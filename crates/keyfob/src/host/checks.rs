//! The checks of a host, one function for each thing.

#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::net::UnixStream;

use ctap_client::hidraw;
use usbip_server::vhci::{Vhci, VhciError};

use super::finding::Finding;
use super::machine::Machine;
use super::port::{self, STANDARD_PORT};
use super::ways::Drivers;
use super::{bridge, bridge_service, libccid, pcscd, udev_rule, way_in};

/// Everything, what is needed most first.
pub(super) fn all(host: &Machine) -> Vec<Finding> {
    let mut findings = Drivers::of(host).findings();
    findings.extend([
        running_key(host),
        standard_port(host),
        usbip_tool(host),
        fido_tools(host),
        udev(host),
    ]);
    findings.extend(pcscd::pcscd(host));
    findings.extend(libccid::usual(host));
    findings.extend(bridge::readers(host));
    findings.extend(bridge_service::findings(host));
    findings.extend(keys(host));
    findings.extend(memory(host));
    findings.extend(confined_browsers(host));
    findings
}

pub(super) fn controller(host: &Machine) -> Finding {
    const TOPIC: &str = "vhci-hcd";
    match Vhci::open(&host.path(PLATFORM)).and_then(|vhci| vhci.ports()) {
        Ok(ports) => {
            let usable: Vec<_> = ports.iter().filter(|port| port.is_usb2).collect();
            let free = usable.iter().filter(|port| port.is_free).count();
            let what = format!(
                "the virtual USB host controller is loaded; {free} of {} ports are free",
                usable.len()
            );
            match free {
                0 => Finding::lacking(TOPIC, what)
                    .next("`sudo usbip port` lists them; `sudo usbip detach -p PORT` frees one"),
                _ => Finding::good(TOPIC, what),
            }
        }
        Err(VhciError::ModuleMissing) if host.has_module(TOPIC) => {
            Finding::lacking(TOPIC, "the kernel's virtual USB host controller is not loaded")
                .next(LOAD)
        }
        Err(VhciError::ModuleMissing) => {
            Finding::lacking(TOPIC, "this kernel comes without its virtual USB host controller")
                .next(get_module(host))
        }
        Err(error) => Finding::lacking(TOPIC, error.to_string())
            .next("load it again: sudo modprobe -r vhci-hcd && sudo modprobe vhci-hcd"),
    }
}

/// Kernels for clouds and containers leave the module out.
fn get_module(host: &Machine) -> &'static str {
    match host.distribution().as_str() {
        _ if host.is_wsl() => UPDATE_WSL,
        "ubuntu" => "sudo apt install linux-modules-extra-$(uname -r) && sudo modprobe vhci-hcd",
        "debian" => {
            "boot the kernel of linux-image-amd64 (the cloud flavour lacks it); in a container, load it on the host"
        }
        _ => {
            "install your distribution's package with more kernel modules; in a container, load vhci-hcd on the host"
        }
    }
}

pub(super) fn permission(host: &Machine) -> Finding {
    const TOPIC: &str = "permission";
    let attach =
        ["vhci_hcd.0", "vhci_hcd"].map(|name| host.path(PLATFORM).join(name).join("attach"));
    match attach.iter().find(|path| path.exists()) {
        None => Finding::note(
            TOPIC,
            "to attach a key can be checked once vhci-hcd is loaded; root always has it",
        ),
        Some(path) if (host.may_write)(path) => Finding::good(TOPIC, "this user may attach a key"),
        Some(path) => {
            let what = format!("this user may not write {}", path.display());
            Finding::lacking(TOPIC, what).next("run `sudo keyfob attach`, or let your group write that file and `detach` beside it")
        }
    }
}

pub(super) fn usbhid(host: &Machine) -> Finding {
    const TOPIC: &str = "usbhid";
    if host.has("/sys/bus/usb/drivers/usbhid") {
        return Finding::good(TOPIC, "the driver for USB keys is loaded");
    }
    match host.has_module(TOPIC) {
        true => Finding::good(TOPIC, "the driver for USB keys is loaded when a key is plugged in"),
        false => Finding::lacking(TOPIC, "this kernel comes without the driver for USB keys")
            .next(get_module(host)),
    }
}

/// Programs know keys by their hidraw files, which kernels of small boards and of WSL came without.
pub(super) fn hidraw_files(host: &Machine) -> Finding {
    const TOPIC: &str = "hidraw";
    // The class comes with the module of all HID devices, whose bus it is.
    let is_left_out = host.has("/sys/bus/hid") || host.is_built_without("HIDRAW");
    match (host.has("/sys/class/hidraw"), is_left_out) {
        (true, _) => {
            Finding::good(TOPIC, "the kernel makes the device files with which programs find keys")
        }
        (false, false) => {
            Finding::good(TOPIC, "the kernel makes the device files when a key is plugged in")
        }
        (false, true) => {
            let what =
                "this kernel makes no device files for keys: it was built without CONFIG_HIDRAW";
            let next = match host.is_wsl() {
                true => UPDATE_WSL,
                false => "boot a kernel that has it; `keyfob serve` works without it",
            };
            Finding::lacking(TOPIC, what).next(next)
        }
    }
}

fn running_key(host: &Machine) -> Finding {
    const TOPIC: &str = "keyfob";
    match UnixStream::connect(&host.control) {
        Ok(_) => Finding::good(TOPIC, "a key is running; `keyfob status` shows it"),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let place = host.control.parent().unwrap_or(&host.control).display();
            Finding::note(
                TOPIC,
                format!(
                    "this user has no permission to look into {place}, where running keys have their sockets"
                ),
            )
            .next(format!(
                "`sudo keyfob status` shows whether a key of root runs; if none does, sudo rm -r '{place}'"
            ))
        }
        Err(_) => Finding::note(TOPIC, "no key is running").next(way_in::start(host)),
    }
}

fn standard_port(host: &Machine) -> Finding {
    const TOPIC: &str = "port 3240";
    match port::listener(host, STANDARD_PORT) {
        None => Finding::good(TOPIC, "is free for `keyfob serve`"),
        Some(owner) => {
            let owner = owner.unwrap_or("another user's program".to_owned());
            let next = match owner.starts_with("keyfob ") {
                true => "its key is --device usbip:127.0.0.1",
                false => "`keyfob serve --listen 127.0.0.1:0` takes a free one",
            };
            Finding::note(TOPIC, format!("{owner} listens there")).next(next)
        }
    }
}

fn usbip_tool(host: &Machine) -> Finding {
    const TOPIC: &str = "usbip";
    let ubuntus = || {
        host.names("/usr/lib/linux-tools")
            .iter()
            .any(|v| host.has(&format!("/usr/lib/linux-tools/{v}/usbip")))
    };
    if host.has_program(TOPIC) || ubuntus() {
        return Finding::good(TOPIC, "the kernel's tool is installed");
    }
    let package = if host.distribution() == "ubuntu" { "linux-tools-generic" } else { "usbip" };
    Finding::note(TOPIC, "the kernel's tool is not installed; only keys on other machines need it")
        .next(format!("sudo apt install {package}"))
}

fn fido_tools(host: &Machine) -> Finding {
    const TOPIC: &str = "fido2-token";
    match host.has_program(TOPIC) {
        true => Finding::good(TOPIC, "libfido2's tools are installed"),
        false => Finding::note(
            TOPIC,
            "libfido2's tools are not installed; `keyfob info` and `keyfob pin` do not need them",
        )
        .next("sudo apt install fido2-tools"),
    }
}

/// systemd's 60-fido-id.rules recognises keys, and the user at the screen may use them; where udev runs.
fn udev(host: &Machine) -> Finding {
    const TOPIC: &str = "udev";
    let rules =
        ["/usr/lib", "/lib", "/etc"].map(|place| format!("{place}/udev/rules.d/60-fido-id.rules"));
    let has_rule = rules.iter().any(|path| host.has(path)) || host.has(udev_rule::PLACE);
    match (host.runs_udev(), has_rule) {
        (true, true) => {
            Finding::good(TOPIC, "recognises security keys; the user at the screen may use them")
        }
        (true, false) => Finding::note(
            TOPIC,
            "has no rule that recognises security keys; only root may use them",
        )
        .next(udev_rule::INSTALL),
        (false, _) => Finding::note(
            TOPIC,
            "does not run here, as in most containers: only root may use keys, and udev rules change nothing",
        ),
    }
}

fn keys(host: &Machine) -> Vec<Finding> {
    const TOPIC: &str = "keys";
    let keys = hidraw::list_in(&host.path("/sys/class/hidraw")).unwrap_or_default();
    let judge = |key: &hidraw::Key| {
        let path = key.path.display();
        match (host.may_write)(&host.path(&path.to_string())) {
            true => Finding::good(TOPIC, format!("{path} can be used")),
            false => Finding::note(TOPIC, format!("this user may not use {path}"))
                .next(way_to_permission(host, key)),
        }
    };
    match keys.as_slice() {
        [] => vec![Finding::note(TOPIC, "no FIDO key is plugged in")],
        keys => keys.iter().map(judge).collect(),
    }
}

/// What has not been done yet.
fn way_to_permission(host: &Machine, key: &hidraw::Key) -> String {
    let file = key.path.display();
    match (host.runs_udev(), host.has(udev_rule::PLACE)) {
        (false, _) if !host.has(&key.path.display().to_string()) => {
            format!("start the container with {file}, as in --device {file}")
        }
        (false, _) => format!("sudo chown \"$USER\" {file}, each time it is plugged in"),
        (true, false) => udev_rule::INSTALL.to_owned(),
        (true, true) => {
            "sudo usermod -aG plugdev \"$USER\", log in again, and plug the key in again".to_owned()
        }
    }
}

/// `sudo -E` and `su` once left root's directories in the homes of others.
fn memory(host: &Machine) -> Option<Finding> {
    let occupied = host.occupied.as_ref()?.display();
    let what =
        format!("{occupied} belongs to another user: keys of this user cannot be kept there");
    Some(Finding::note("memory", what).next(format!(
        "if a key of root made it, sudo chown -R \"$USER\" '{occupied}'; or `keyfob serve --state DIR`"
    )))
}

/// Browsers in a box do not see USB devices unless the box is opened for them.
fn confined_browsers(host: &Machine) -> Vec<Finding> {
    let snaps = ["firefox", "chromium", "brave", "opera"]
        .into_iter()
        .filter(|name| host.has(&format!("/snap/bin/{name}")));
    let rule = host.read(udev_rule::PLACE);
    let snaps = snaps.map(|name| match udev_rule::has_tag_of(&rule, name) {
        true => Finding::good(
            "browser",
            format!("{name} is a snap, and a udev rule lets it see keys"),
        ),
        false => Finding::note(
            "browser",
            format!("{name} is a snap: it sees only keys of makes that snapd knows, and keyfob is not one of them"),
        )
        .next(format!(
            "{}, sudo snap connect {name}:u2f-devices, and start the browser again",
            udev_rule::INSTALL
        )),
    });
    let flatpaks = host
        .names("/var/lib/flatpak/app")
        .into_iter()
        .filter(|name| BROWSERS.contains(&name.as_str()));
    let flatpaks = flatpaks.map(|name| {
        Finding::note(
            "browser",
            format!("{name} is a flatpak: it sees keys only with access to devices"),
        )
        .next(format!("flatpak override --user --device=all {name}"))
    });
    snaps.chain(flatpaks).collect()
}

const PLATFORM: &str = usbip_server::vhci::PLATFORM;

const LOAD: &str = "sudo modprobe vhci-hcd (at each start: echo vhci-hcd | sudo tee /etc/modules-load.d/keyfob.conf)";

const UPDATE_WSL: &str = "type `wsl --update` in Windows: its kernels from 5.15.150 have it";

const BROWSERS: [&str; 5] = [
    "org.mozilla.firefox",
    "org.chromium.Chromium",
    "com.google.Chrome",
    "com.brave.Browser",
    "com.microsoft.Edge",
];
