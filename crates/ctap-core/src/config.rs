//! What the device is, apart from what happened to it: data, chosen by whoever builds the authenticator.

use alloc::vec::Vec;

use crate::algorithm::Algorithm;
use crate::attestation::Attestation;
use crate::limits::MAX_MESSAGE;
use crate::pin::Protocol;

/// What an authenticator is made as. [`Config::default`] is the key that `keyfob serve` shows.
#[derive(Debug)]
pub struct Config {
    /// The model (getInfo 0x03).
    pub aaguid: [u8; 16],
    /// Grows with each change of the code (getInfo 0x0E, GI-23).
    pub firmware_version: u32,
    /// How many discoverable credentials fit.
    pub capacity: usize,
    /// Signature algorithms, the preferred first (getInfo 0x0A).
    pub algorithms: Vec<Algorithm>,
    /// PIN/UV auth protocols, the preferred first (getInfo 0x06). None: no PIN.
    pub pin_uv_auth_protocols: Vec<Protocol>,
    /// Discoverable credentials can be made (option `rk`).
    pub rk: bool,
    /// A credential that is not discoverable needs no user verification (option `makeCredUvNotRqd`).
    pub make_cred_uv_not_rqd: bool,
    /// The longest message, command byte included (getInfo 0x05); 1024 to [`MAX_MESSAGE`].
    pub max_msg_size: usize,
    /// How new credentials are vouched for.
    pub attestation: Attestation,
}

impl Config {
    /// A PIN can be set.
    #[must_use]
    pub fn has_client_pin(&self) -> bool {
        !self.pin_uv_auth_protocols.is_empty()
    }

    /// This build's protocol with this number.
    #[must_use]
    pub fn protocol(&self, number: u64) -> Option<Protocol> {
        Protocol::from_number(number)
            .filter(|protocol| self.pin_uv_auth_protocols.contains(protocol))
    }
}

/// `c196d97f-64cf-465a-ab5d-aaf18b481fc4`, drawn once for keyfob.
pub const AAGUID: [u8; 16] = [
    0xc1, 0x96, 0xd9, 0x7f, 0x64, 0xcf, 0x46, 0x5a, 0xab, 0x5d, 0xaa, 0xf1, 0x8b, 0x48, 0x1f, 0xc4,
];

impl Default for Config {
    fn default() -> Self {
        Self {
            aaguid: AAGUID,
            firmware_version: 1,
            capacity: 10,
            algorithms: alloc::vec![Algorithm::Es256],
            pin_uv_auth_protocols: alloc::vec![Protocol::Two, Protocol::One],
            rk: true,
            make_cred_uv_not_rqd: true,
            max_msg_size: MAX_MESSAGE,
            attestation: Attestation::SelfSigned,
        }
    }
}
