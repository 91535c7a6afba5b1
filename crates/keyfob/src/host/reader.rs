//! How to come by a virtual smart card reader: pcscd, and vsmartcard's driver vpcd.

use super::machine::Machine;

/// Whether there is one, as far as can be told without asking pcscd.
pub(super) fn is_there(host: &Machine) -> bool {
    host.has_program("pcscd") && has_driver(host) && host.has_pcscd()
}

/// The next step of somebody whose host has no such reader.
pub(super) fn way_to_one(host: &Machine) -> &'static str {
    match (host.has_program("pcscd") && has_driver(host), host.has_pcscd()) {
        (false, _) if is_debian(host) => "sudo apt-get install pcscd vsmartcard-vpcd",
        (false, _) => {
            "install pcscd, and vpcd of vsmartcard (https://frankmorgner.github.io/vsmartcard)"
        }
        (true, false) => {
            "start pcscd: sudo systemctl start pcscd.socket; without systemd: sudo pcscd"
        }
        (true, true) => "pcscd has not loaded vpcd: sudo systemctl restart pcscd",
    }
}

/// The next step of somebody whose host has no pcscd.
pub(super) fn way_to_pcscd(host: &Machine) -> &'static str {
    match is_debian(host) {
        true => "sudo apt-get install pcscd",
        false => "install pcscd, of pcsc-lite",
    }
}

fn is_debian(host: &Machine) -> bool {
    matches!(host.distribution().as_str(), "debian" | "ubuntu")
}

/// Whether the driver itself is there. Its configuration names its place, and stays on Debian when the package is removed.
fn has_driver(host: &Machine) -> bool {
    let configuration = host.read(CONFIGURATION);
    let named = configuration.lines().filter_map(|line| line.trim().strip_prefix("LIBPATH"));
    let named = named.map(|place| place.trim().trim_matches('"')).filter(|place| !place.is_empty());
    named.chain([DRIVER]).any(|place| host.has(place))
}

/// Where pcscd is told of it.
const CONFIGURATION: &str = "/etc/reader.conf.d/vpcd";
/// Where Debian has it.
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";

#[cfg(test)]
mod tests {
    use ctap_client::pcscd;

    use super::*;

    #[test]
    fn who_has_no_reader_is_told_what_to_install_or_to_start() {
        let way = |files: &[(&str, &str)]| way_to_one(&Machine::of(files).1);
        let debian = ("/etc/os-release", "ID=debian\n");
        assert!(way(&[debian]).contains("apt-get install pcscd vsmartcard-vpcd"));
        assert!(way(&[debian, ("/usr/sbin/pcscd", "")]).contains("vsmartcard-vpcd"), "half of it");
        assert!(way(&[("/etc/os-release", "ID=arch\n")]).contains("vsmartcard"));
        let elsewhere = (CONFIGURATION, "FRIENDLYNAME \"Virtual PCD\"\nLIBPATH \"/opt/vpcd.so\"\n");
        let removed = [debian, ("/usr/sbin/pcscd", ""), elsewhere];
        assert!(way(&removed).contains("vsmartcard-vpcd"), "its configuration is left");
        assert!(way(&[&removed[..], &[("/opt/vpcd.so", "")]].concat()).starts_with("start pcscd"));
        let installed = [debian, ("/usr/sbin/pcscd", ""), (DRIVER, "")];
        assert!(way(&installed).starts_with("start pcscd"));
        let running = (pcscd::SOCKET, "");
        let all = [&installed[..], &[running]].concat();
        assert!(way(&all).contains("restart pcscd"));
        let is_there = |files: &[(&str, &str)]| is_there(&Machine::of(files).1);
        assert!(is_there(&all) && !is_there(&installed));
    }
}
