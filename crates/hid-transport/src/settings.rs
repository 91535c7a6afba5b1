//! The settings of a device: its capabilities over CTAPHID.

use crate::init::Capabilities;
use crate::limits::MESSAGE_MAX;

/// The capabilities of a device over CTAPHID. PING is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The device's version in INIT answers: major, minor, build (HD-35).
    pub version: [u8; 3],
    /// Whether it has CTAPHID_WINK (HD-61).
    pub wink: bool,
    /// Whether it has CTAPHID_LOCK (HD-62).
    pub lock: bool,
    /// Whether it has CTAPHID_CBOR, which means CTAP2 (HD-42).
    pub cbor: bool,
    /// Whether it has CTAPHID_MSG, which means U2F (HD-43).
    pub msg: bool,
    /// The longest request that it accepts, in bytes (HD-30); a value above [`MESSAGE_MAX`] means `MESSAGE_MAX`.
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
