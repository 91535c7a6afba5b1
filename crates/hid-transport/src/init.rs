//! The answer to CTAPHID_INIT, section 11.2.9.1.3.

use crate::channels::ChannelId;

/// The bytes that a client draws at random, so that it recognises the answer to its own INIT.
pub type Nonce = [u8; 8];

/// The answer to CTAPHID_INIT (HD-35):
/// `nonce (8) | CID (4) | protocol version (1) | major, minor, build (3) | capabilities (1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitAnswer {
    /// The nonce of the request.
    pub nonce: Nonce,
    /// The channel to use from now on.
    pub channel: ChannelId,
    /// The CTAPHID protocol version. [`PROTOCOL_VERSION`] is the only one that exists.
    pub protocol_version: u8,
    /// The device's own version: major, minor, build.
    pub version: [u8; 3],
    /// The capabilities of the device.
    pub capabilities: Capabilities,
}

impl InitAnswer {
    /// The length of the answer in bytes.
    pub const LENGTH: usize = 17;

    /// Reads an answer; `None`: it is too short. In a later version it may be longer (HD-35).
    pub fn parse(message: &[u8]) -> Option<InitAnswer> {
        let &[n0, n1, n2, n3, n4, n5, n6, n7, c0, c1, c2, c3, protocol_version, v0, v1, v2, bits] =
            message.first_chunk::<{ InitAnswer::LENGTH }>()?;
        Some(InitAnswer {
            nonce: [n0, n1, n2, n3, n4, n5, n6, n7],
            channel: ChannelId::from_be_bytes([c0, c1, c2, c3]),
            protocol_version,
            version: [v0, v1, v2],
            capabilities: Capabilities::from_byte(bits),
        })
    }

    /// Writes the answer.
    pub fn encode(&self) -> [u8; InitAnswer::LENGTH] {
        let [n0, n1, n2, n3, n4, n5, n6, n7] = self.nonce;
        let [c0, c1, c2, c3] = self.channel.to_be_bytes();
        let [v0, v1, v2] = self.version;
        let bits = self.capabilities.as_byte();
        let protocol_version = self.protocol_version;
        [n0, n1, n2, n3, n4, n5, n6, n7, c0, c1, c2, c3, protocol_version, v0, v1, v2, bits]
    }
}

/// The capabilities byte of an INIT answer (HD-42).
///
/// There is no bit for LOCK: 0x02 is not in the standard, and conformance tools refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// CAPABILITY_WINK: the device has CTAPHID_WINK.
    pub wink: bool,
    /// CAPABILITY_CBOR: the device has CTAPHID_CBOR.
    pub cbor: bool,
    /// CAPABILITY_NMSG: the device does *not* have CTAPHID_MSG (HD-43).
    pub nmsg: bool,
}

impl Capabilities {
    /// Reads the byte. Unknown bits are ignored.
    pub const fn from_byte(byte: u8) -> Capabilities {
        Capabilities { wink: byte & WINK != 0, cbor: byte & CBOR != 0, nmsg: byte & NMSG != 0 }
    }

    /// Writes the byte.
    pub const fn as_byte(self) -> u8 {
        (if self.wink { WINK } else { 0 })
            | (if self.cbor { CBOR } else { 0 })
            | (if self.nmsg { NMSG } else { 0 })
    }
}

/// The CTAPHID protocol version of every CTAP2 device.
pub const PROTOCOL_VERSION: u8 = 2;

const WINK: u8 = 0x01;
const CBOR: u8 = 0x04;
const NMSG: u8 = 0x08;

#[cfg(test)]
mod tests;
