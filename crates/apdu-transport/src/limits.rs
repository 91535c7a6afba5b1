//! Every bound of this crate, with its reason.

use core::time::Duration;

/// The longest CTAP message and the longest answer, in bytes. ISO 7816 has room for 65,535. This is the limit of
/// CTAPHID, so that a key answers alike over both transports, and a bridge between them can pass on everything.
pub const MESSAGE_MAX: u16 = 7609;

/// The most data bytes in a short command APDU: Lc is one byte, and 00 is not a length (NF-12).
pub const SHORT_DATA_MAX: usize = 255;

/// The most data bytes in the answer to a short command APDU: Le 00 (NF-16).
pub const SHORT_ANSWER_MAX: usize = 256;

/// The most data bytes in the answer to an extended command APDU: Le 0000 (NF-16).
pub const EXTENDED_ANSWER_MAX: usize = 65_536;

/// Data bytes in each part of a chain that the client's end sends (NF-21). libfido2 uses the same, and all cards
/// accept it.
pub const CHUNK: usize = 240;

/// How long the card's end waits with the response to the first APDU of a client that can poll, before it answers
/// 9100 (NF-30). Our choice: a request that needs no person is done by then, so its client needs no pause and no
/// second APDU.
pub const DIRECT_ANSWER: Duration = Duration::from_millis(300);

/// How long the card's end waits with the response to a poll (NF-31). Our choice: old versions of python-fido2 poll
/// without a pause, and would otherwise occupy a processor. A touch is still answered without delay.
pub const POLL_HOLD: Duration = Duration::from_millis(100);

/// How long a client waits between 9100 and its next poll (NF-35). Our choice: half of python-fido2's pause, so
/// that a bridge to CTAPHID has news for each keepalive.
pub const POLL_PAUSE: Duration = Duration::from_millis(50);
