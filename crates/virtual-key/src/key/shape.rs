//! What a key's transports must know about its kind of key.

use std::time::Duration;

use apdu_transport::Card;
use ctap_core::config::Config;
use hid_transport::{Device, Settings};

use super::{Key, version};

/// What a host learns before it sends a request.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    speaks_ctap2: bool,
    speaks_u2f: bool,
    /// Bytes.
    max_message: u16,
}

impl Shape {
    /// The shape of a key with this configuration.
    pub fn of(config: &Config) -> Self {
        Self {
            speaks_ctap2: !config.versions.is_empty(),
            speaks_u2f: config.u2f,
            max_message: u16::try_from(config.max_msg_size).unwrap_or(u16::MAX),
        }
    }

    pub(super) fn device(self) -> Device {
        Device::new(Settings {
            version: VERSION.map(number),
            cbor: self.speaks_ctap2,
            msg: self.speaks_u2f,
            ..Settings::default()
        })
    }

    pub(super) fn card(self, has_u2f: bool) -> Card {
        let (version, max_message) = (version(has_u2f), self.max_message);
        Card::new(apdu_transport::Settings { version, max_message })
    }
}

impl Key {
    /// From now on the key's transports say that it is such a key. It loses power: the caller gives it power again,
    /// or has the host do so.
    pub fn reshape(&mut self, shape: Shape, now: Duration) {
        self.unplug(now);
        self.device = shape.device();
        // Whether U2F is on, the next order tells.
        self.card = shape.card(shape.speaks_u2f);
    }
}

fn number(text: &str) -> u8 {
    text.parse().unwrap_or(u8::MAX)
}

/// Major, minor and build, as INIT tells them (HD-35).
const VERSION: [&str; 3] = [
    env!("CARGO_PKG_VERSION_MAJOR"),
    env!("CARGO_PKG_VERSION_MINOR"),
    env!("CARGO_PKG_VERSION_PATCH"),
];
