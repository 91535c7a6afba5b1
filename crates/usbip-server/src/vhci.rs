//! Plugs a device into this machine: the kernel's virtual host controller, `vhci_hcd`, through sysfs.
//!
//! It needs neither a TCP port nor the `usbip` tool. The kernel gets one end of a socket pair;
//! [`Port::serve`](crate::Port::serve) serves the other end.

#[cfg_attr(target_os = "linux", path = "vhci/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "vhci/elsewhere.rs")]
mod system;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

pub use self::system::Stream;

/// The usual path of the kernel's platform devices.
pub const PLATFORM: &str = "/sys/devices/platform";

/// Why a device could not be plugged in, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum VhciError {
    /// There is no virtual host controller.
    #[error("this kernel has no virtual USB host controller loaded; run `sudo modprobe vhci-hcd`")]
    ModuleMissing,
    /// This user may not write to sysfs.
    #[error(
        "{} may not be written; run this as root, or give your group the file", .0.display()
    )]
    Permission(PathBuf),
    /// Every port that takes a full-speed device is in use.
    #[error("all ports of the virtual USB host controller are in use; detach a device")]
    NoFreePort,
    /// The status file does not have the form of any known kernel.
    #[error("{} has the unknown line {line:?}", path.display())]
    Status {
        /// The file.
        path: PathBuf,
        /// The line that cannot be read.
        line: String,
    },
    /// This system is not Linux.
    #[error("only Linux has a virtual USB host controller")]
    OtherSystem,
    /// sysfs or a socket failed for another reason.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file, or the name of the call.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
}

/// The virtual host controllers of a machine. All of them are used through the files of the first one.
#[derive(Clone, Debug)]
pub struct Vhci {
    directory: PathBuf,
}

/// One port of the virtual root hubs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubPort {
    /// Its number among all ports of all controllers, which attach and detach take.
    pub number: u32,
    /// Whether it is for USB 2 devices, which include full speed; otherwise it is for SuperSpeed devices.
    pub is_usb2: bool,
    /// Whether no device is plugged in there.
    pub is_free: bool,
}

impl Vhci {
    /// Finds the controllers under `platform`, which is [`PLATFORM`] on a real machine.
    ///
    /// # Errors
    /// [`VhciError::ModuleMissing`] if there are none; [`VhciError::OtherSystem`].
    pub fn open(platform: &Path) -> Result<Self, VhciError> {
        if !cfg!(target_os = "linux") {
            return Err(VhciError::OtherSystem);
        }
        // Old kernels have one controller, without a number.
        ["vhci_hcd.0", "vhci_hcd"]
            .map(|name| platform.join(name))
            .into_iter()
            .find(|directory| directory.join("attach").exists())
            .map(|directory| Self { directory })
            .ok_or(VhciError::ModuleMissing)
    }

    /// The ports of all controllers.
    ///
    /// # Errors
    /// [`VhciError::Status`] or [`VhciError::Io`]; a normal kernel causes neither.
    pub fn ports(&self) -> Result<Vec<HubPort>, VhciError> {
        let mut ports = Vec::new();
        for controller in 0u32.. {
            let path = match controller {
                0 => self.directory.join("status"),
                n => self.directory.join(format!("status.{n}")),
            };
            match fs::read_to_string(&path) {
                Ok(text) => ports.extend(parse_status(&path, &text)?),
                Err(error) if controller > 0 && error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(failure(path, error)),
            }
        }
        Ok(ports)
    }

    /// Checks that this user may plug devices in.
    ///
    /// # Errors
    /// [`VhciError::Permission`]: this user may not use the kernel's controller.
    pub fn check_permission(&self) -> Result<(), VhciError> {
        let path = self.directory.join("attach");
        system::check_writable(&path).map_err(|error| failure(path, error))
    }

    /// Plugs the full-speed device `devid` into a free port. [`devid`](crate::Port::devid) is that of a
    /// [`Port`](crate::Port), which must serve the returned stream with [`Port::serve`](crate::Port::serve).
    /// Dropping the stream unplugs the device. Call it in a Tokio runtime.
    ///
    /// # Errors
    /// Each [`VhciError`] says what the kernel or this user's rights lack, and what to do.
    pub fn attach(&self, devid: u32) -> Result<(HubPort, Stream), VhciError> {
        let pair = system::pair();
        let (ours, kernels) = pair.map_err(|error| failure(PathBuf::from("socketpair"), error))?;
        let socket = kernels.number();
        let path = self.directory.join("attach");
        let port = choose_port(&self.ports()?, |port| {
            write_once(&path, &format!("{} {socket} {devid} {FULL_SPEED}", port.number))
        });
        match port {
            Ok(Some(port)) => Ok((port, ours)),
            Ok(None) => Err(VhciError::NoFreePort),
            Err(error) => Err(failure(path, error)),
        }
    }

    /// Unplugs the device in port `number`. The other end of its stream sees the end of the stream.
    ///
    /// # Errors
    /// [`VhciError::Io`] if there is no device in that port.
    pub fn detach(&self, number: u32) -> Result<(), VhciError> {
        let path = self.directory.join("detach");
        write_once(&path, &number.to_string()).map_err(|error| failure(path, error))
    }
}

/// The first free USB 2 port with which `attach` succeeds. Between our reading and our writing somebody else may
/// take a port; then the next one is tried.
fn choose_port(
    ports: &[HubPort],
    mut attach: impl FnMut(&HubPort) -> io::Result<()>,
) -> io::Result<Option<HubPort>> {
    for port in ports.iter().filter(|port| port.is_usb2 && port.is_free) {
        match attach(port) {
            Ok(()) => return Ok(Some(*port)),
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Old kernels say "invalid argument" where new ones say "busy".
fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::InvalidInput)
}

/// Reads a status file: a header line that names the columns, then one line for each port.
fn parse_status(path: &Path, text: &str) -> Result<Vec<HubPort>, VhciError> {
    let mut lines = text.lines();
    let has_hub = lines.next().is_some_and(|header| header.split_whitespace().any(|c| c == "hub"));
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            parse_port(line, has_hub)
                .ok_or_else(|| VhciError::Status { path: path.to_owned(), line: line.to_owned() })
        })
        .collect()
}

/// `hs  0000 004 000 00000000 000000 0-0`; old kernels leave out the first column.
fn parse_port(line: &str, has_hub: bool) -> Option<HubPort> {
    let mut columns = line.split_whitespace();
    let is_usb2 = if has_hub { columns.next()? == "hs" } else { true };
    let number = columns.next()?.parse().ok()?;
    let is_free = columns.next()?.parse::<u32>().ok()? == FREE;
    Some(HubPort { number, is_usb2, is_free })
}

/// A sysfs file takes its value in one write.
fn write_once(path: &Path, value: &str) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

fn failure(path: PathBuf, error: io::Error) -> VhciError {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            VhciError::Permission(path)
        }
        _ => VhciError::Io { path, error },
    }
}

/// The state VDEV_ST_NULL: nothing plugged in.
const FREE: u32 = 4;
/// USB_SPEED_FULL.
const FULL_SPEED: u32 = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NEW: &str = "\
hub port sta spd dev      sockfd local_busid
hs  0000 006 002 00010002 000003 1-1
hs  0001 005 000 00000000 000000 0-0
hs  0002 004 000 00000000 000000 0-0
ss  0008 004 000 00000000 000000 0-0
";
    const SECOND: &str = "\
hub port sta spd dev      sockfd local_busid
hs  0016 004 000 00000000 000000 0-0
ss  0024 004 000 00000000 000000 0-0
";
    const OLD: &str = "\
port sta spd dev      socket           local_busid
0000 006 002 00010002         c5a7bb80 1-2.3
0001 004 000 00000000 0000000000000000 0-0
";

    fn machine(directory: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        let directory = root.path().join(directory);
        fs::create_dir(&directory).expect("created");
        for (name, text) in files.iter().chain(&[("attach", ""), ("detach", "")]) {
            fs::write(directory.join(name), text).expect("written");
        }
        root
    }

    fn numbers(ports: &[HubPort], wanted: impl Fn(&HubPort) -> bool) -> Vec<u32> {
        ports.iter().filter(|port| wanted(port)).map(|port| port.number).collect()
    }

    #[test]
    fn the_status_of_several_controllers_is_read() {
        let root = machine("vhci_hcd.0", &[("status", NEW), ("status.1", SECOND)]);
        let ports = Vhci::open(root.path()).expect("found").ports().expect("readable");
        assert_eq!(numbers(&ports, |_| true), [0, 1, 2, 8, 16, 24]);
        assert_eq!(numbers(&ports, |port| port.is_free), [2, 8, 16, 24]);
        assert_eq!(numbers(&ports, |port| port.is_usb2), [0, 1, 2, 16]);
    }

    #[test]
    fn the_status_of_old_kernels_is_read() {
        let root = machine("vhci_hcd", &[("status", OLD)]);
        let ports = Vhci::open(root.path()).expect("found").ports().expect("readable");
        assert_eq!(numbers(&ports, |port| port.is_free && port.is_usb2), [1]);
    }

    proptest! {
        #[test]
        fn no_status_file_makes_the_reader_panic(text in "(hub )?port sta\n([hs]s|[0-9]{1,12}| |\n|\\PC){0,60}") {
            let ports = parse_status(Path::new("status"), &text);
            prop_assert!(ports.is_err() || ports.is_ok_and(|ports| ports.len() < text.lines().count()));
        }

        #[test]
        fn what_a_kernel_writes_is_read(ports in proptest::collection::vec(any_port(), 0..20)) {
            let line = |port: &HubPort| {
                let hub = if port.is_usb2 { "hs" } else { "ss" };
                let state = if port.is_free { 4 } else { 6 };
                format!("{hub}  {:04} {state:03} 000 00000000 000000 0-0\n", port.number)
            };
            let lines: String = ports.iter().map(line).collect();
            let text = format!("hub port sta spd dev      sockfd local_busid\n{lines}");
            prop_assert_eq!(parse_status(Path::new("status"), &text).expect("legal"), ports);
        }
    }

    fn any_port() -> impl Strategy<Value = HubPort> {
        (any::<u32>(), any::<bool>(), any::<bool>())
            .prop_map(|(number, is_usb2, is_free)| HubPort { number, is_usb2, is_free })
    }

    #[tokio::test]
    async fn attach_names_the_first_free_usb_2_port_and_an_open_socket() {
        let root = machine("vhci_hcd.0", &[("status", NEW)]);
        let vhci = Vhci::open(root.path()).expect("found");
        let (port, _stream) = vhci.attach(0x0001_0002).expect("attached");
        assert_eq!(port.number, 2);
        let written = fs::read_to_string(root.path().join("vhci_hcd.0/attach")).expect("readable");
        let fields: Vec<u32> =
            written.split(' ').map(|field| field.parse().expect("number")).collect();
        assert_eq!([fields[0], fields[2], fields[3]], [2, 0x0001_0002, 2]);
        assert!(fields[1] > 2, "a socket, not a standard stream");
        vhci.detach(port.number).expect("detached");
        assert_eq!(
            fs::read_to_string(root.path().join("vhci_hcd.0/detach")).expect("readable"),
            "2"
        );
    }

    #[test]
    fn a_port_that_somebody_else_took_is_passed_over() {
        let ports: Vec<HubPort> =
            (0..4).map(|number| HubPort { number, is_usb2: true, is_free: true }).collect();
        let busy = |port: &HubPort| match port.number {
            0 => Err(io::ErrorKind::ResourceBusy.into()),
            1 => Err(io::ErrorKind::InvalidInput.into()),
            _ => Ok(()),
        };
        assert_eq!(choose_port(&ports, busy).expect("no failure"), Some(ports[2]));
        let all_busy = |_: &HubPort| Err(io::ErrorKind::ResourceBusy.into());
        assert_eq!(choose_port(&ports, all_busy).expect("no failure"), None);
        let denied = |_: &HubPort| Err(io::ErrorKind::PermissionDenied.into());
        let error = choose_port(&ports, denied).expect_err("denied");
        assert!(matches!(failure(PathBuf::new(), error), VhciError::Permission(_)));
    }

    #[tokio::test]
    async fn what_cannot_work_says_what_to_do() {
        let root = tempfile::tempdir().expect("a directory");
        let missing = Vhci::open(root.path()).expect_err("nothing there");
        assert!(matches!(missing, VhciError::ModuleMissing));
        assert!(missing.to_string().contains("sudo modprobe vhci-hcd"));
        let full = machine("vhci_hcd.0", &[("status", "hub port sta\nhs 0000 006\nss 0008 004\n")]);
        let vhci = Vhci::open(full.path()).expect("found");
        assert!(matches!(vhci.attach(1), Err(VhciError::NoFreePort)));
        let odd = machine("vhci_hcd.0", &[("status", "hub port sta\nhs x\n")]);
        let error = Vhci::open(odd.path()).expect("found").ports().expect_err("unreadable");
        assert!(matches!(error, VhciError::Status { line, .. } if line == "hs x"));
    }
}
