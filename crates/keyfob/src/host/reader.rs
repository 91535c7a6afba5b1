//! How to come by a virtual smart card reader: pcscd, and vsmartcard's driver vpcd.

use super::machine::Machine;

/// The next step of somebody whose host has no such reader.
pub(super) fn way_to_one(host: &Machine) -> &'static str {
    let has_driver = host.has("/etc/reader.conf.d/vpcd") || host.has(DRIVER);
    let is_debian = matches!(host.distribution().as_str(), "debian" | "ubuntu");
    match (host.has_program("pcscd") && has_driver, host.has(virtual_key::vpcd::PCSCD)) {
        (false, _) if is_debian => "sudo apt-get install pcscd vsmartcard-vpcd",
        (false, _) => {
            "install pcscd, and vpcd of vsmartcard (https://frankmorgner.github.io/vsmartcard)"
        }
        (true, false) => {
            "start pcscd: sudo systemctl start pcscd.socket; without systemd: sudo pcscd"
        }
        (true, true) => "pcscd has not loaded vpcd: sudo systemctl restart pcscd",
    }
}

/// Where Debian has it.
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_reader_is_told_what_to_install_or_to_start() {
        let way = |files: &[(&str, &str)]| way_to_one(&Machine::of(files).1);
        let debian = ("/etc/os-release", "ID=debian\n");
        assert!(way(&[debian]).contains("apt-get install pcscd vsmartcard-vpcd"));
        assert!(way(&[debian, ("/usr/sbin/pcscd", "")]).contains("vsmartcard-vpcd"), "half of it");
        assert!(way(&[("/etc/os-release", "ID=arch\n")]).contains("vsmartcard"));
        let installed = [debian, ("/usr/sbin/pcscd", ""), ("/etc/reader.conf.d/vpcd", "")];
        assert!(way(&installed).starts_with("start pcscd"));
        let running = ("/run/pcscd/pcscd.comm", "");
        assert!(way(&[&installed[..], &[running]].concat()).contains("restart pcscd"));
    }
}
