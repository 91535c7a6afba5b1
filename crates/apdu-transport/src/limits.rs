//! Every bound of this crate, each with its reason.

use core::time::Duration;

/// Bytes of the longest CTAP message and of the longest answer. ISO 7816 has room for 65,535; this is what CTAPHID
/// carries, so a key answers alike on both ways in, and a bridge between them can pass on all that comes.
pub const MESSAGE_MAX: u16 = 7609;

/// Bytes of data in a short command APDU: Lc is one byte, and 00 is not a length (NF-12).
pub const SHORT_DATA_MAX: usize = 255;

/// Bytes of data in the answer to a short command APDU: Le 00 (NF-16).
pub const SHORT_ANSWER_MAX: usize = 256;

/// Bytes of data in the answer to an extended command APDU: Le 0000 (NF-16).
pub const EXTENDED_ANSWER_MAX: usize = 65_536;

/// Bytes of data in each part of a chain that the client's end sends (NF-21): libfido2's choice, which all cards take.
pub const CHUNK: usize = 240;

/// How long the card's end holds the first APDU of a client that can poll, before it says 9100 (NF-30). Our choice: what
/// needs no person is done by then, and costs its client no pause and no second APDU.
pub const DIRECT_ANSWER: Duration = Duration::from_millis(300);

/// How long the card's end holds a poll (NF-31). Our choice: old python-fido2 polls without a pause of its own, and would
/// take a processor to itself; a touch is told without delay either way.
pub const POLL_HOLD: Duration = Duration::from_millis(100);

/// How long a client waits between 9100 and its next poll (NF-35). Our choice: half of what python-fido2 does, so that a
/// bridge to CTAPHID has news for each of its keepalives.
pub const POLL_PAUSE: Duration = Duration::from_millis(50);
