//! The transports of an authenticator (getInfo member `transports`, GI-18).

use core::time::Duration;

use crate::limits::{TOKEN_INITIAL_USAGE, TOKEN_INITIAL_USAGE_NFC};

/// The transport that gave the authenticator its power. It decides how people show their presence, and how long a
/// new pinUvAuthToken may stay unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// A USB port, with CTAPHID. People are asked for a touch.
    Usb,
    /// A contactless reader: ISO 14443, or ISO 7816 APDUs over it. The tap replaces the touch (NF-40), so nobody is
    /// asked for one.
    Nfc,
    /// A reader with contacts (ISO 7816). People are asked for a touch, as over USB (NF-44).
    SmartCard,
}

impl Transport {
    /// Its name in getInfo.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usb => "usb",
            Self::Nfc => "nfc",
            Self::SmartCard => "smart-card",
        }
    }

    /// A pinUvAuthToken that is not used for this long after it was issued expires, and so does a presence test
    /// inside it (section 6.5.2.1, NF-42).
    pub(crate) const fn token_initial_usage(self) -> Duration {
        match self {
            Self::Usb | Self::SmartCard => TOKEN_INITIAL_USAGE,
            Self::Nfc => TOKEN_INITIAL_USAGE_NFC,
        }
    }
}
