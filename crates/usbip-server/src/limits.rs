//! Every bound that this crate sets for a peer, with its reason.

use std::time::Duration;

/// The most data bytes that an URB may carry. Reports have 64, and Linux's own hidraw sends 65 if a report id is
/// given. Control transfers through libusb have at most 4,096. A message to a reader has up to
/// [`MAX_CCID_MESSAGE`].
pub const MAX_TRANSFER: u32 = 8192;

/// The most bytes that an URB may ask for. It costs nothing here, and libccid reads every message with room for
/// 65,556.
pub const MAX_ROOM: u32 = 128 * 1024;

/// The most IN URBs that wait at an endpoint. Linux uses one; libusb programs use a handful. One more is refused
/// with `-ENOMEM`, and the connection goes on.
pub const MAX_PARKED: usize = 64;

/// The longest message of a reader in both directions, in bytes (dwMaxCCIDMessageLength): the longest request of
/// CTAPHID, 7,609 bytes, in an APDU with its head and tail, and the ten bytes before it.
pub const MAX_CCID_MESSAGE: usize = 7700;

/// wMaxPacketSize of a reader's bulk endpoints, at full speed (NF-51). A shorter packet ends a transfer.
pub const BULK_PACKET: usize = 64;

/// The longest command APDU that comes in parts, in bytes. The longest one in ISO 7816-4 has a head of 4 bytes, 3
/// for Lc, 65,535 of data and 2 for Le.
pub const MAX_APDU: usize = 65_544;

/// The longest ATR in bytes: TS and at most 32 others (ISO 7816-3 section 8.2).
pub const MAX_ATR: usize = 33;

/// The most bytes of an APDU in one command or answer of a PN533, in both directions. A longer APDU comes in parts.
/// Linux's driver has no more room.
pub const MAX_PN533_DATA: usize = 262;

/// The most bytes in a frame of a PN533 between its length and its checksum. In addition to the data there are two
/// bytes for direction and command, and one for the card or the status.
pub const MAX_PN533_FRAME: usize = MAX_PN533_DATA + 3;

/// The most answers of a reader that the host has not taken. A host has one command running; further ones are
/// stalled.
pub const MAX_ANSWERS: usize = 8;

/// How often a host is told that a card is still working (NF-53). Drivers give up after some seconds of silence.
pub const TIME_EXTENSION: Duration = Duration::from_secs(1);

/// The most received bytes that are not understood yet, before an import. The longest request has 40. So waiting
/// connections cost little, whatever they send.
pub const PENDING_INBOX: usize = 64;

/// The same after an import: at least one whole URB, and dozens of reports in one read.
pub const INBOX: usize = 16 * 1024;

/// The most bytes of replies that the peer has not taken. Above it no further URB is handled.
pub const OUTBOX: usize = 64 * 1024;

/// How many URBs a connection handles before every other one has its turn: a few reports for each of the endpoints,
/// in a fraction of a millisecond. With more, a peer that floods its own key slows down others; with far fewer,
/// changing turns costs more than the URBs.
pub const URBS_AT_A_TIME: usize = 32;

/// How many events a device on uhid takes from the kernel before it handles them and every other device has its
/// turn: two of the longest messages.
pub const UHID_EVENTS: usize = 256;

/// The longest time from connecting to a successful import.
pub const OP_DEADLINE: Duration = Duration::from_secs(5);

/// The longest time from the first byte of an URB to its last.
pub const URB_DEADLINE: Duration = Duration::from_secs(5);

/// How long replies wait for the answer of a function that works elsewhere, so that all of them are sent in one
/// write. It is longer than a signature takes, and too short to be noticed if a disk takes long.
pub const HOLD: Duration = Duration::from_millis(2);

/// The longest time for which a peer may leave replies unread.
pub const WRITE_STALL: Duration = Duration::from_secs(10);

/// The most connections that have not imported anything after the time [`NEWCOMER`]. With one more, the oldest one
/// is closed, so idle connections cannot keep anybody out (P-28).
pub const MAX_WAITING: usize = 4;

/// The time in which a connection is a newcomer: enough for a request over a slow network.
pub const NEWCOMER: Duration = Duration::from_millis(300);

/// The most newcomers at a time, in addition to those. One more replaces the oldest one; with 200 new connections a
/// second each has its time. No time is guaranteed, because otherwise a crowd of newcomers would keep everybody
/// out. Each costs a file descriptor, a task of about a kilobyte, [`PENDING_INBOX`], and the list of devices that
/// it may be reading.
pub const MAX_NEWCOMERS: usize = 60;

/// The pause between two lists of devices, for all peers together. A crowd still has its lists within a tenth of a
/// second, and hosts that use a device meanwhile notice nothing.
pub const LIST_PAUSE: Duration = Duration::from_millis(1);

/// How many file descriptors the waiting connections leave to the rest of the program: for its control socket, and
/// for the files that it opens to store data.
pub const RESERVED_DESCRIPTORS: usize = 32;

/// How long an import of a device that is in use waits before it is refused: for a host that detaches and attaches
/// at once.
pub const LETTING_GO: Duration = Duration::from_millis(100);

/// The most devices that are imported at a time: one for each browser of a farm. Each may cost [`INBOX`] and
/// [`OUTBOX`], but few are ever full.
pub const MAX_IMPORTS: usize = 256;

/// The most connections in all, imported or not.
pub const MAX_CONNECTIONS: usize = MAX_IMPORTS + MAX_WAITING + MAX_NEWCOMERS;

/// How many connections the system keeps until they are accepted. If a crowd comes at once, nobody loses the second
/// after which TCP tries again.
pub const BACKLOG: u32 = 1024;

/// The pause after a failed `accept`. In most cases this process has no file descriptor left.
pub const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

/// How long the log is told nothing more of refused connections of a listener: a line for each attempt would fill it.
pub const SILENCE: Duration = Duration::from_secs(60);

/// The most UTF-16 units in a string descriptor, whose length is one byte: `2 + 2 * 126 = 254`.
pub const MAX_STRING: usize = 126;

/// The longest bus id in bytes: its field has 32, and one of them ends the string.
pub const MAX_BUS_ID: usize = 31;

/// The most devices that a server may list. No server has more, and they are stored while they are read.
pub const MAX_LISTED: u32 = 1024;

/// After this long without traffic the kernel asks a TCP peer whether it is still there: a host that lost its power
/// must not keep the device for ever.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// The time between two such questions.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// After this many unanswered questions the peer counts as gone: a minute in all.
pub const KEEPALIVE_PROBES: u32 = 3;
