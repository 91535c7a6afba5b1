//! The settings of a device: what it offers over CTAPHID.

use crate::init::Capabilities;
use crate::limits::MESSAGE_MAX;

/// What a device offers over CTAPHID. PING is always offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The device's version in INIT answers: major, minor, build (HD-35).
    pub version: [u8; 3],
    /// Whether CTAPHID_WINK is offered (HD-61).
    pub wink: bool,
    /// Whether CTAPHID_LOCK is offered (HD-62).
    pub lock: bool,
    /// Whether CTAPHID_CBOR, that is CTAP2, is offered (HD-42).
    pub cbor: bool,
    /// Whether CTAPHID_MSG, that is U2F, is offered (HD-43).
    pub msg: bool,
    /// Bytes of the longest request taken in (HD-30); above [`MESSAGE_MAX`] it means `MESSAGE_MAX`.
    pub max_message: u16,
}

impl Settings {
    pub(crate) fn capabilities(&self) -> Capabilities {
        Capabilities { wink: self.wink, cbor: self.cbor, nmsg: !self.msg }
    }
}

impl Default for Settings {
    /// Version 0.0.0, everything offered, messages as long as CTAPHID allows.
    fn default() -> Settings {
        Settings {
            version: [0; 3],
            wink: true,
            lock: true,
            cbor: true,
            msg: true,
            max_message: MESSAGE_MAX,
        }
    }
}
