//! The names of rows: what is measured, and on which key.

use std::fmt;

/// The name of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// What is done.
    pub(super) what: &'static str,
    /// Where.
    pub(super) place: Place,
}

/// Where something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On no key at all.
    NoKey,
    /// A key in this process that remembers nothing beyond it.
    InProcess,
    /// A key in this process with its memory in a directory.
    InProcessDurable,
    /// A key in a process of its own that remembers nothing beyond it.
    Usbip,
    /// A key in a process of its own with its memory in a directory.
    UsbipDurable,
    /// Somebody else's key.
    Peer,
}

impl Name {
    pub(super) const fn new(what: &'static str, place: Place) -> Self {
        Self { what, place }
    }

    /// Where this row stands among others: by what is done, then by where.
    pub(super) fn order(&self) -> usize {
        ORDER.iter().position(|what| *what == self.what).unwrap_or(ORDER.len())
    }
}

impl Place {
    /// The key has its memory in a directory.
    pub(super) const fn is_durable(self) -> bool {
        matches!(self, Self::InProcessDurable | Self::UsbipDurable)
    }

    /// The key is in this process, and so is the processor time that it takes.
    pub(super) const fn is_in_process(self) -> bool {
        matches!(self, Self::InProcess | Self::InProcessDurable)
    }

    /// The key is reached as a peer is.
    pub(super) const fn is_usbip(self) -> bool {
        matches!(self, Self::Usbip | Self::UsbipDurable)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        f.write_str(match self.place {
            Place::NoKey => "",
            Place::InProcess => ", in process",
            Place::InProcessDurable => ", durable, in process",
            Place::Usbip => ", USB/IP",
            Place::UsbipDurable => ", durable, USB/IP",
            Place::Peer => ", peer",
        })
    }
}

pub(super) const ECHO: &str = "bare TCP echo, as many bytes as a getInfo over USB/IP";
pub(super) const GET_INFO: &str = "getInfo";
pub(super) const SIGNATURE: &str = "bare P-256 signature";
pub(super) const SILENT: &str = "getAssertion without a touch";
pub(super) const TOUCH: &str = "getAssertion with a touch";
pub(super) const STRANGERS: &str = "getAssertion, 16 ids of strangers";
pub(super) const REGISTRATION: &str = "makeCredential";
pub(super) const PASSKEY: &str = "makeCredential with rk";
pub(super) const TOKEN: &str = "PIN token";
pub(super) const SET_PIN: &str = "setPIN";
pub(super) const CHANGE_PIN: &str = "changePIN";
pub(super) const LIST: &str = "listing passkeys, each";
pub(super) const PING: &str = "CTAPHID ping, 1 KiB";
pub(super) const LONG_PING: &str = "CTAPHID ping, 7609 bytes, many reads waiting";
pub(super) const LONG_PING_ONE: &str = "CTAPHID ping, 7609 bytes, one read at a time";
pub(super) const BY_LIST: &str = "getAssertion by allowList";
pub(super) const BY_RP: &str = "getAssertion by RP id";
pub(super) const OPEN: &str = "opening the memory";

/// The order in which rows are told.
const ORDER: [&str; 15] = [
    ECHO,
    GET_INFO,
    SIGNATURE,
    SILENT,
    TOUCH,
    STRANGERS,
    REGISTRATION,
    PASSKEY,
    TOKEN,
    SET_PIN,
    CHANGE_PIN,
    LIST,
    PING,
    LONG_PING,
    LONG_PING_ONE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_is_done_and_where() {
        assert_eq!(Name::new(ECHO, Place::NoKey).to_string(), ECHO);
        let name = Name::new(TOKEN, Place::UsbipDurable);
        assert_eq!(name.to_string(), "PIN token, durable, USB/IP");
        assert!(Name::new(GET_INFO, Place::Usbip).order() < name.order());
    }
}
