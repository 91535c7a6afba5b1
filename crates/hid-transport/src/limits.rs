//! Every bound of this crate, each with its reason.

use core::time::Duration;

/// Bytes of a report, both ways; there is no report id (HD-01).
pub const REPORT_SIZE: usize = 64;

/// Message bytes in an initialization packet: a report less channel, command, length (HD-02).
pub const INITIALIZATION_DATA: usize = 57;

/// Message bytes in a continuation packet: a report less channel and sequence number (HD-03).
pub const CONTINUATION_DATA: usize = 59;

/// The last sequence number: bit 7 marks initialization packets, so seven bits are left (HD-03).
pub const SEQUENCE_MAX: u8 = 0x7F;

/// Bytes of the longest message: one initialization and 128 continuation packets (HD-04).
pub const MESSAGE_MAX: u16 = 7609;

/// Channels alive at once (HD-40). Our choice: far more than the browsers and tools of one desktop,
/// and still a kilobyte, however many INITs arrive (P-31).
pub const CHANNELS_MAX: usize = 256;

/// Errors and INIT answers waiting to be read; more are dropped. Our choice: as many reports as
/// Linux's hidraw ring holds, so more could not reach a client that is slow to read anyway.
pub const OUTBOX_MAX: usize = 64;

/// How long after its last packet an unfinished message ends in MSG_TIMEOUT (HD-51). Clients' tests
/// accept 400 to 1000 ms.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_millis(500);

/// Time between keepalives (HD-72): half of what the rule wants forgives a late timer.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_millis(50);

/// How long an outgoing report waits to be read before it is dropped (HD-53). Our choice:
/// longer than a busy kernel ever leaves its interrupt URB unsubmitted, shorter than a person's
/// patience.
pub const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// Seconds for which a channel may lock the key (HD-62).
pub const LOCK_SECONDS_MAX: u8 = 10;

/// Packets of one response sent without pause to a host that reads one by one (HD-54): Linux's hidraw ring of 64
/// has room for 63, and a [`GROUP`] fits behind them. Every response up to 3243 bytes is sent at full speed.
pub const BURST: usize = 55;

/// Packets sent together after the [`BURST`], between pauses of [`PACE`].
pub const GROUP: usize = 8;

/// Time between the [`GROUP`]s of a response after its [`BURST`] (HD-54): a flood overruns the ring
/// of a host that is short of processor time, and a lost packet loses the message.
pub const PACE: Duration = Duration::from_millis(4);

/// The same where nothing shows that the host has taken the last report, as on uhid, which takes all that it is given: a program
/// that is late reads on, but what it has no room for is lost. Only messages that no key has to send there are that long.
pub const UNSEEN_PACE: Duration = Duration::from_millis(40);
