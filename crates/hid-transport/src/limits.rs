//! Every bound of this crate, with its reason.

use core::time::Duration;

/// Bytes of a report in each direction; there is no report id (HD-01).
pub const REPORT_SIZE: usize = 64;

/// Message bytes in an initialization packet: a report without channel, command and length (HD-02).
pub const INITIALIZATION_DATA: usize = 57;

/// Message bytes in a continuation packet: a report without channel and sequence number (HD-03).
pub const CONTINUATION_DATA: usize = 59;

/// The last sequence number: bit 7 marks initialization packets, so seven bits are left (HD-03).
pub const SEQUENCE_MAX: u8 = 0x7F;

/// Bytes of the longest message: one initialization and 128 continuation packets (HD-04).
pub const MESSAGE_MAX: u16 = 7609;

/// Channels that exist at the same time (HD-40). Our choice: far more than the browsers and tools of one desktop
/// need, and still only a kilobyte, however many INITs arrive (P-31).
pub const CHANNELS_MAX: usize = 256;

/// Errors and INIT answers that wait to be read; further ones are dropped. Our choice: as many reports as Linux's
/// hidraw ring holds. More could not reach a slow client anyway.
pub const OUTBOX_MAX: usize = 64;

/// An unfinished message ends in MSG_TIMEOUT this long after its last packet (HD-51). Clients' tests accept 400 to
/// 1000 ms.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_millis(500);

/// The time between keepalives (HD-72): half of what the rule demands, so that a late timer does no harm.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_millis(50);

/// How long an outgoing report waits to be read before it is dropped (HD-53). Our choice: longer than the longest
/// pause of a busy kernel between two interrupt URBs, and shorter than a person would wait.
pub const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// The most seconds for which a channel may lock the key (HD-62).
pub const LOCK_SECONDS_MAX: u8 = 10;

/// Packets of one response that are sent without a pause to a host that reads them one by one (HD-54). Linux's
/// hidraw ring of 64 has room for 63, so a [`GROUP`] still fits after them. Every response of up to 3243 bytes is
/// sent at full speed.
pub const BURST: usize = 55;

/// How many packets are sent together after the [`BURST`], between pauses of [`PACE`].
pub const GROUP: usize = 8;

/// The time between the [`GROUP`]s of a response after its [`BURST`] (HD-54). Without it, a host with too little
/// processor time would lose packets from its ring, and a lost packet loses the message.
pub const PACE: Duration = Duration::from_millis(4);

/// The same time where nothing shows that the host has taken the last report. uhid, for instance, takes everything
/// that it is given. A program that is late still reads the rest, but reports for which it has no room are lost.
/// Only messages that no key must send there are that long.
pub const UNSEEN_PACE: Duration = Duration::from_millis(40);
