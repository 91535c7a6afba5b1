//! Why there is no key, or why it cannot do what was asked, and the next step.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ctap_core::FingerError;
use ctap_core::credential_source::CredentialError;
use ctap_core::records::LoadError;
use ctap_core::state_v1::Fault;
use usbip_server::client::ClientError;
use usbip_server::uhid::UhidError;
use usbip_server::vhci::VhciError;
use usbip_server::{ConnectionError, PlugError};
use x509_cert::{builder, der};

use crate::attestation::Unusable;
use crate::faults::FaultError;
use crate::system::is_too_many_files;

/// What went wrong, in words for a person; [`advice`](Self::advice) says what to do next. Each variant says whose
/// fault it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No built-in profile has this name, and it is not the name of a file: the caller's fault.
    #[error("there is no profile {name}")]
    NoSuchProfile {
        /// The name that was asked for.
        name: String,
        /// A built-in profile with a similar name, if there is one.
        nearest: Option<&'static str>,
    },

    /// The file of a profile cannot be read: the fault of the name, or of the file's permissions.
    #[error("cannot read the profile {name}: {error}")]
    UnreadableProfile {
        /// The path, as it was given.
        name: String,
        /// The operating system's error.
        error: io::Error,
    },

    /// A profile cannot be used: the fault of the one who wrote it.
    #[error("profile {name}{}: {what}", at(*.line))]
    Profile {
        /// The profile's name or path.
        name: String,
        /// The line at fault, counted from 1; `None`: no single line is.
        line: Option<usize>,
        /// What is wrong.
        what: String,
        /// What to do about it.
        next: String,
    },

    /// Two settings of a profile contradict each other: the fault of the one who wrote it.
    #[error("profile {name} contradicts itself{}: {what}", at(*.line))]
    Contradiction {
        /// The profile's name or path.
        name: String,
        /// The line of one of the settings, counted from 1, where it is known.
        line: Option<usize>,
        /// The settings, and the rule that they break.
        what: String,
    },

    /// No key can be made like the model of this metadata: the fault of the one who wrote the metadata.
    #[error("keyfob cannot imitate {model}: {what}")]
    Metadata {
        /// The maker's name of the model.
        model: String,
        /// What is wrong, with the member of the metadata statement.
        what: String,
    },

    /// The memory cannot be used; the reason says whose fault that is.
    #[error(transparent)]
    Memory(#[from] sealed_records::Error),

    /// The memory does not hold a key that this version knows; or its last write was cut off, and the key could not write what
    /// that costs (a PIN try, for instance). The reason says whose fault it is. The memory was left as it is.
    #[error("cannot use the memory in {}: {error}", .directory.display())]
    Records {
        /// Where the memory is.
        directory: PathBuf,
        /// What is wrong with it.
        error: LoadError,
    },

    /// The memory of an earlier keyfob has a file that cannot be taken over: the fault of the one who changed it.
    /// The file was left as it is.
    #[error("{}: {fault}", .path.display())]
    OldMemory {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },

    /// The memory of an earlier keyfob consists of two files, and this one is missing: the fault of the one who
    /// removed it.
    #[error("{} is missing, and without it signature counters could go back", .path.display())]
    OldCounterMissing {
        /// Where the file should be.
        path: PathBuf,
    },

    /// A file beside the memory cannot be opened, read, written, renamed or removed: the fault of its medium or its permissions.
    #[error("cannot {doing} {}: {error}", .path.display())]
    File {
        /// What failed: open, read, write, rename or remove.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
        /// What to do about it.
        next: &'static str,
    },

    /// The file of the serial number holds something else: the fault of the one who changed it. The file was left
    /// as it is.
    #[error("{} is not a serial number", .path.display())]
    Serial {
        /// The file.
        path: PathBuf,
    },

    /// The file of an attestation identity holds something else: the fault of the one who changed it. The file was
    /// left as it is.
    #[error("{}: {why}", .path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: Unusable,
    },

    /// A file of this name beside a memory's records is neither a serial number nor an attestation identity.
    #[error("{} is damaged or holds something else", path.display())]
    Companion {
        /// The file.
        path: PathBuf,
    },

    /// An attestation certificate cannot be made, read or encoded: the fault of the machine's date, or of the one
    /// who brought the certificate.
    #[error("an attestation certificate cannot be used: {0}")]
    Certificate(String),

    /// keyfob cannot work out what such a key answers to getInfo: a fault of this crate.
    #[error("keyfob cannot make a metadata statement: {0}")]
    Statement(String),

    /// The USB/IP server has no room for the key: a fault of this crate.
    #[error(transparent)]
    Plug(#[from] PlugError),

    /// A seed was given together with a memory. Such a key draws the same numbers at each start, and would make the
    /// same credentials again: the caller's fault.
    #[error("a key with a seed starts empty each time, so it cannot have a memory")]
    SeedWithMemory,

    /// The operating system gives no thread, runtime or socket: its limits are at fault.
    #[error("a key cannot be started: {0}")]
    Start(io::Error),

    /// Listening at this address failed: another program uses it, or it is not an address of this machine.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        error: io::Error,
    },

    /// Other machines can reach this address (P-22): the caller's fault.
    #[error("other machines can reach {0}, and USB/IP has neither passwords nor encryption")]
    Exposed(SocketAddr),

    /// This machine's kernel does not take the key: it has no virtual USB host controller, or this user may not use
    /// it.
    #[error("{}", kernel_error(.0))]
    Kernel(VhciError),

    /// This machine's kernel makes no HID device of the key: it has no uhid, or this user may not use it.
    #[error("{}", uhid_trouble(.0))]
    Uhid(UhidError),

    /// The kernel took the key, and made no device file for it within [`ENUMERATION`](crate::host::ENUMERATION).
    #[error("the key is plugged in, but the kernel made no device for it")]
    NoDeviceFile,

    /// Somebody unplugged the key from this machine's kernel: `usbip detach`, for instance.
    #[error("{bus_id}: the host unplugged the key")]
    Unplugged {
        /// The bus id of the key.
        bus_id: String,
    },

    /// The kernel sent bytes that are not USB/IP, or closed the connection in the middle of a message.
    #[error("{bus_id}: the host broke the connection: {error}")]
    Broken {
        /// The bus id of the key.
        bus_id: String,
        /// What the kernel did.
        error: ConnectionError,
    },

    /// No reader has taken the card within [`NOTICING`](crate::keys::NOTICING): no reader listens there, or another
    /// card lies on it.
    #[error("no reader has accepted the card")]
    NoReader,

    /// The key is not a card, and only a card can be laid on a reader: the caller's fault.
    #[error("this key is not a card, so it cannot be laid on a reader")]
    NotACard,

    /// The key has a host already, and it can have one at a time: the caller's fault.
    #[error("the key is plugged in somewhere else")]
    InUse,

    /// The connection to the key could not be made.
    #[error(transparent)]
    Connection(#[from] ClientError),

    /// No prompt is open, or the prompt that was answered is no longer open: nothing happened.
    #[error("no prompt is open")]
    NoPrompt,

    /// The key has not asked for anything in this time.
    #[error("no prompt was opened within {} s", .0.as_secs_f32())]
    TimedOut(Duration),

    /// The key was unplugged, and the kernel has not found it again.
    #[error("the key was unplugged, and the kernel has not found it again")]
    NotBack,

    /// The key does not take a credential, or cannot change one: the fault of the one who made the credential, or
    /// of the medium.
    #[error(transparent)]
    Credential(CredentialError),

    /// A finger cannot be enrolled or removed: the caller's fault, or the medium's.
    #[error(transparent)]
    Finger(FingerError),

    /// The key cannot become one of this profile while it is plugged in, because its host has already read what the
    /// device is: the caller's fault.
    #[error(
        "a key that is plugged in cannot become one of the profile {profile}, which has other {what}"
    )]
    OtherDevice {
        /// The profile that was asked for.
        profile: String,
        /// What differs between the devices.
        what: &'static str,
    },

    /// A key of this profile cannot hold something that the key stores: the caller's fault.
    #[error(
        "a key of the profile {profile} has no place for the credential of {credential}: {error}"
    )]
    Misfit {
        /// The profile that was asked for.
        profile: String,
        /// The account and the relying party of the credential, verbatim.
        credential: String,
        /// Why the credential cannot be held.
        error: CredentialError,
    },

    /// The key does not take this fault on purpose, or has no fault of this number: the caller's fault.
    #[error(transparent)]
    Fault(#[from] FaultError),

    /// The key has ended. The call before this one told why.
    #[error("the key has ended")]
    Ended,
}

impl Error {
    /// What to do next: the half sentence after "next:".
    pub fn advice(&self) -> String {
        match self {
            _ if self.io().is_some_and(is_too_many_files) => MORE_FILES.to_owned(),
            Self::NoSuchProfile { name, nearest } => another_profile(name, *nearest),
            Self::UnreadableProfile { .. } => {
                format!("name a TOML file, or one of: {}", crate::profile::names())
            }
            Self::Profile { next, .. } => next.clone(),
            Self::Memory(error) => error.advice(),
            Self::Records { error, .. } => error.advice().to_owned(),
            Self::OldMemory { fault, .. } => fault.advice().to_owned(),
            Self::Kernel(error) => kernel_advice(error).to_owned(),
            Self::Uhid(error) => uhid_advice(error).to_owned(),
            Self::Credential(error) => error.advice().to_owned(),
            Self::Finger(error) => error.advice().to_owned(),
            Self::Fault(error) => error.advice(),
            other => other.short_advice().to_owned(),
        }
    }

    /// The operating system's error, if it is the whole reason.
    fn io(&self) -> Option<&io::Error> {
        match self {
            Self::UnreadableProfile { error, .. }
            | Self::File { error, .. }
            | Self::Start(error)
            | Self::Listen { error, .. }
            | Self::Kernel(VhciError::Io { error, .. })
            | Self::Uhid(UhidError::Io { error, .. })
            | Self::Connection(ClientError::Io(error)) => Some(error),
            _ => None,
        }
    }

    fn short_advice(&self) -> &'static str {
        match self {
            Self::Contradiction { .. } => {
                "change one of these settings; docs/profiles.md says what each of them means"
            }
            Self::Metadata { .. } => {
                "choose another model, or correct this in a copy of the metadata"
            }
            Self::File { next, .. } => next,
            Self::OldCounterMissing { .. } => "restore it from the backup that the key came from",
            Self::Serial { .. } => REMOVE_SERIAL,
            Self::Identity { .. } => RESTORE_IDENTITY,
            Self::Companion { .. } => "restore it from a backup, or remove it: a new one is made",
            Self::Certificate(_) => {
                "check that the machine's date is right, or use another certificate"
            }
            Self::SeedWithMemory => "leave out the seed, or the memory",
            Self::Start(_) => {
                "end other programs of this user, or raise the limits: `ulimit -a`, TasksMax= of a service, the \
                 processes of a container"
            }
            Self::Listen { .. } => "choose another address, such as 127.0.0.1:0",
            Self::Exposed(_) => {
                "listen on 127.0.0.1, and type on the other machine `ssh -L 3240:127.0.0.1:PORT THIS-MACHINE`"
            }
            Self::NoDeviceFile => "try `sudo modprobe -a usbhid hid-generic`, and `keyfob doctor`",
            Self::Unplugged { .. } | Self::Broken { .. } => "attach it again",
            Self::NoReader => {
                "check that pcscd runs with vsmartcard's driver (`sudo apt-get install pcscd vsmartcard-vpcd`), and \
                 that no other card lies there"
            }
            Self::NotACard => "make it one: `Builder::card`, or `keyfob card`",
            Self::InUse => "end the other connection first, or detach the key there",
            Self::Connection(_) => "check that the key still runs, and connect again",
            Self::NoPrompt => "wait until the key asks, then answer",
            Self::TimedOut(_) => "check that the client really waits for a touch",
            Self::NotBack => "`sudo dmesg` may say why; start the key again",
            Self::OtherDevice { .. } => {
                "start a key of that profile; `keyfob credentials export` and `import` take credentials along"
            }
            Self::Misfit { .. } => {
                "remove it first (`keyfob credentials remove`), or choose another profile"
            }
            Self::Ended => "build another key",
            _ => "this is a fault of keyfob: please report it",
        }
    }
}

impl From<der::Error> for Error {
    fn from(error: der::Error) -> Self {
        Self::Certificate(error.to_string())
    }
}

impl From<builder::Error> for Error {
    fn from(error: builder::Error) -> Self {
        Self::Certificate(error.to_string())
    }
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

fn another_profile(name: &str, nearest: Option<&str>) -> String {
    let names = crate::profile::names();
    match nearest {
        Some(nearest) => {
            format!("use {nearest}, which is similar; or one of: {names}; or a TOML file")
        }
        None => format!("use one of: {names}; or a TOML file, such as ./{name}.toml"),
    }
}

// The message includes the cause, so it is not a source as well: a program that prints the sources would print it
// twice.
impl From<VhciError> for Error {
    fn from(error: VhciError) -> Self {
        Self::Kernel(error)
    }
}

// As above.
impl From<UhidError> for Error {
    fn from(error: UhidError) -> Self {
        Self::Uhid(error)
    }
}

fn kernel_error(error: &VhciError) -> String {
    match error {
        VhciError::ModuleMissing => {
            "this kernel has no virtual USB host controller loaded".to_owned()
        }
        VhciError::Permission(path) => {
            format!("{} may not be written by this user", path.display())
        }
        VhciError::NoFreePort => {
            "all ports of the virtual USB host controller are in use".to_owned()
        }
        other => other.to_string(),
    }
}

fn kernel_advice(error: &VhciError) -> &'static str {
    match error {
        VhciError::OtherSystem => OVER_USBIP,
        VhciError::ModuleMissing => {
            "sudo modprobe vhci-hcd; if there is no such module, `keyfob doctor` says where to get it"
        }
        VhciError::Permission(_) => "run it as root, or give your group that file",
        VhciError::NoFreePort => {
            "`sudo usbip port` lists them; `sudo usbip detach -p PORT` frees one"
        }
        _ => "`sudo dmesg` may say why",
    }
}

fn uhid_trouble(error: &UhidError) -> String {
    match error {
        UhidError::ModuleMissing => "this kernel has no uhid loaded".to_owned(),
        UhidError::Permission(path) => {
            format!("{} may not be opened by this user", path.display())
        }
        other => other.to_string(),
    }
}

fn uhid_advice(error: &UhidError) -> &'static str {
    match error {
        UhidError::OtherSystem => OVER_USBIP,
        UhidError::ModuleMissing => {
            "sudo modprobe uhid; if there is no such module, `keyfob doctor` says where to get it"
        }
        UhidError::Permission(_) => {
            "run it as root, or install the udev rule that `keyfob doctor --udev-rule --uhid` prints"
        }
        UhidError::Busy => "end the other connection first, or detach the key there",
        _ => "`sudo dmesg` may say why",
    }
}

const MORE_FILES: &str =
    "let this process open more files: `ulimit -n`, or LimitNOFILE= of a service";
const OVER_USBIP: &str =
    "offer the key over USB/IP: docs/windows.md says which programs plug it in there";
pub(crate) const REMOVE_SERIAL: &str =
    "restore the file from a backup, or remove it and a new number is drawn";
pub(crate) const RESTORE_IDENTITY: &str =
    "restore the file from a backup, or remove it and a new identity is drawn";

/// Takes a sentence for the people who look after a running key: something could not be stored. It is called on a
/// thread of the key, so it must not block.
pub type Warn = fn(std::fmt::Arguments<'_>);

/// Writes the warning to the log.
pub fn log(sentence: std::fmt::Arguments<'_>) {
    tracing::warn!("{sentence}");
}

/// The error in words for a person, with its causes.
#[cfg(test)]
pub(crate) fn describe(error: &Error) -> String {
    let first: &dyn std::error::Error = error;
    let causes = std::iter::successors(Some(first), |error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    format!("{}\nnext: {}", causes.join(": "), error.advice())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    use rustix::io::Errno;

    #[test]
    fn where_no_more_files_can_be_open_that_limit_is_named_whatever_they_were_for() {
        let full = || io::Error::from(Errno::MFILE);
        let memory = || sealed_records::Error::Io {
            action: "lock",
            path: "/keys/lock".into(),
            source: full(),
        };
        let address = ([127, 0, 0, 1], 3240).into();
        for error in [
            Error::Memory(memory()),
            Error::Start(full()),
            Error::Listen { address, error: full() },
            Error::Kernel(VhciError::Io { path: "socketpair".into(), error: full() }),
            Error::Connection(ClientError::Io(full())),
        ] {
            assert!(describe(&error).ends_with(MORE_FILES), "{}", describe(&error));
        }
    }
}
