//! Every bound this crate puts on a peer, each with its reason.

use std::time::Duration;

/// Data bytes that an URB may bring. Reports have 64, and Linux's own hidraw sends 65 when a report id is given; control
/// transfers through libusb stop at 4,096; a message to a reader has up to [`MAX_CCID_MESSAGE`].
pub const MAX_TRANSFER: u32 = 8192;

/// Bytes that an URB may offer room for. It costs nothing here, and libccid reads every message into 65,556.
pub const MAX_ROOM: u32 = 128 * 1024;

/// IN URBs waiting at an endpoint. Linux keeps one; libusb programs a handful. One more is
/// refused with `-ENOMEM`, and the connection lives on.
pub const MAX_PARKED: usize = 64;

/// Bytes of a message of a reader, both ways (dwMaxCCIDMessageLength): the longest request of CTAPHID, 7,609 bytes, in an APDU
/// with its head and tail, and the ten bytes before it.
pub const MAX_CCID_MESSAGE: usize = 7700;

/// wMaxPacketSize of a reader's bulk endpoints, at full speed (NF-51). A shorter packet ends a transfer.
pub const BULK_PACKET: usize = 64;

/// Bytes of a command APDU that comes in parts: the longest that ISO 7816-4 knows has a head of 4 bytes, 3 for Lc, 65,535 of data
/// and 2 for Le.
pub const MAX_APDU: usize = 65_544;

/// Bytes of an ATR: TS and at most 32 others (ISO 7816-3 section 8.2).
pub const MAX_ATR: usize = 33;

/// Bytes of an APDU in one command or answer of a PN533, both ways: what is longer comes in parts. Linux's driver has room for no
/// more.
pub const MAX_PN533_DATA: usize = 262;

/// Bytes of a frame of a PN533 between its length and its checksum: with those data go two bytes that name direction and command, and
/// one that names the card or tells the status.
pub const MAX_PN533_FRAME: usize = MAX_PN533_DATA + 3;

/// Answers of a reader that the host has not taken. A host has one command under way; further ones are stalled.
pub const MAX_ANSWERS: usize = 8;

/// How often a host hears that a card is still at work (NF-53): drivers give up after some seconds of silence.
pub const TIME_EXTENSION: Duration = Duration::from_secs(1);

/// Received bytes not yet understood, before an import: the longest request has 40. So pending connections cost
/// little, whatever they send.
pub const PENDING_INBOX: usize = 64;

/// The same after it: at least one whole URB, and dozens of reports in one read.
pub const INBOX: usize = 16 * 1024;

/// Replies not yet taken by the peer. Beyond it no further URB is looked at.
pub const OUTBOX: usize = 64 * 1024;

/// URBs that a connection handles before every other one has its turn: a few reports for each of the
/// endpoints, and a fraction of a millisecond. With more, a peer that floods its own key slows the
/// others'; with much less, stepping aside costs more than the URBs.
pub const URBS_AT_A_TIME: usize = 32;

/// Events that a device on uhid takes from the kernel before it works on them, and every other one has its turn: two of the longest
/// messages.
pub const UHID_EVENTS: usize = 256;

/// From connecting to a successful import.
pub const OP_DEADLINE: Duration = Duration::from_secs(5);

/// From the first byte of an URB to its last.
pub const URB_DEADLINE: Duration = Duration::from_secs(5);

/// How long replies wait for the answer of a function that works elsewhere, so that they go in one write: longer than a signature takes,
/// and too short to be noticed where a disk takes its time.
pub const HOLD: Duration = Duration::from_millis(2);

/// How long a peer may leave replies untaken.
pub const WRITE_STALL: Duration = Duration::from_secs(10);

/// Connections that have not imported anything, and had [`NEWCOMER`] to do so. One more, and the
/// oldest is closed: idle connections cannot keep anybody out (P-28).
pub const MAX_WAITING: usize = 4;

/// The time in which a connection is a newcomer: enough for a request over a slow network.
pub const NEWCOMER: Duration = Duration::from_millis(300);

/// Newcomers at a time, beside those. One more takes the place of the oldest, so with 200 a second
/// each has its time. No time is guaranteed, for then a crowd that is in its time would keep
/// everybody out. Each costs a file descriptor, a task of about a kilobyte, [`PENDING_INBOX`], and
/// the list of devices that it may be reading.
pub const MAX_NEWCOMERS: usize = 60;

/// From one list of devices to the next, whoever asks. A crowd still has its lists within a tenth of
/// a second, and those who use a device meanwhile notice nothing.
pub const LIST_PAUSE: Duration = Duration::from_millis(1);

/// File descriptors that pending connections leave to the rest of the program: its control socket, and the files that it opens to save what
/// it was told.
pub const RESERVED_DESCRIPTORS: usize = 32;

/// How long an import of a device that is in use waits for it before it is refused: for a host that detaches and attaches at once.
pub const LETTING_GO: Duration = Duration::from_millis(100);

/// Devices imported at a time: one for each browser of a farm. Each may cost [`INBOX`] and [`OUTBOX`], and few are ever full.
pub const MAX_IMPORTS: usize = 256;

/// Connections in all, imported or not.
pub const MAX_CONNECTIONS: usize = MAX_IMPORTS + MAX_WAITING + MAX_NEWCOMERS;

/// Connections that the system keeps until they are accepted. A crowd that comes at once costs nobody a second (the time after
/// which TCP knocks again).
pub const BACKLOG: u32 = 1024;

/// Pause after a failed `accept`: it mostly means that this process has no file descriptor left.
pub const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

/// UTF-16 units in a string descriptor, whose length is one byte: `2 + 2 * 126 = 254`.
pub const MAX_STRING: usize = 126;

/// Bytes of a bus id: its field has 32, of which one closes the string.
pub const MAX_BUS_ID: usize = 31;

/// Devices that a server may list; more than any has, and they are kept while they are read.
pub const MAX_LISTED: u32 = 1024;

/// Silence after which the kernel asks a TCP peer whether it is still there: a host that lost its
/// power must not keep the device for ever.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// Between two such questions.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Unanswered questions after which the peer is gone: a minute in all.
pub const KEEPALIVE_PROBES: u32 = 3;
