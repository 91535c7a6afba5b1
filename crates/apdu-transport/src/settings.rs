//! The settings of a card: what a key offers as one.

use crate::limits::MESSAGE_MAX;

/// What the card's end tells, and how much it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What SELECT is answered.
    pub version: Version,
    /// Bytes of the longest request taken in, maxMsgSize of getInfo (NF-14); above [`MESSAGE_MAX`] it means `MESSAGE_MAX`.
    pub max_message: u16,
}

impl Default for Settings {
    /// A key with U2F, and messages as long as this crate allows.
    fn default() -> Settings {
        Settings { version: Version::U2fV2, max_message: MESSAGE_MAX }
    }
}

/// What SELECT is answered (NF-02). Newer versions are told by getInfo alone: clients refuse any other answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `U2F_V2`: U2F works, and perhaps CTAP2.
    U2fV2,
    /// `FIDO_2_0`: U2F does not work, or is switched off (UF-50).
    Fido20,
}

impl Version {
    /// The answer's data.
    pub const fn as_bytes(self) -> &'static [u8] {
        match self {
            Version::U2fV2 => b"U2F_V2",
            Version::Fido20 => b"FIDO_2_0",
        }
    }

    /// The version that a card answered, or `None` if no card may answer that.
    pub fn from_bytes(bytes: &[u8]) -> Option<Version> {
        [Version::U2fV2, Version::Fido20].into_iter().find(|version| version.as_bytes() == bytes)
    }
}
