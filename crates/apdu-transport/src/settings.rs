//! The settings of a card.

use crate::limits::MESSAGE_MAX;

/// What the card's end says about itself, and how much it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The answer to SELECT.
    pub version: Version,
    /// The longest request that it accepts, in bytes: maxMsgSize of getInfo (NF-14). A value above [`MESSAGE_MAX`]
    /// means `MESSAGE_MAX`.
    pub max_message: u16,
}

impl Default for Settings {
    /// A key with U2F, and messages as long as this crate allows.
    fn default() -> Settings {
        Settings { version: Version::U2fV2, max_message: MESSAGE_MAX }
    }
}

/// The answer to SELECT (NF-02). Only getInfo tells newer versions, because clients refuse any other answer here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `U2F_V2`: U2F works, and perhaps CTAP2.
    U2fV2,
    /// `FIDO_2_0`: U2F does not work, or is switched off (UF-50).
    Fido20,
}

impl Version {
    /// The bytes of the answer.
    pub const fn as_bytes(self) -> &'static [u8] {
        match self {
            Version::U2fV2 => b"U2F_V2",
            Version::Fido20 => b"FIDO_2_0",
        }
    }

    /// The version for the bytes that a card answered; `None`: no card may answer this.
    pub fn from_bytes(bytes: &[u8]) -> Option<Version> {
        [Version::U2fV2, Version::Fido20].into_iter().find(|version| version.as_bytes() == bytes)
    }
}
