//! Every bound of this crate, with its reason. Lengths are checked before memory is allocated.

use std::time::Duration;

/// Levels of maps and arrays in a message (MSG-34).
pub const MAX_CBOR_NESTING: usize = 4;

/// Nesting levels that the reader follows before it gives up. It is more than [`MAX_CBOR_NESTING`], so that a key
/// which nests too deep can be told apart from one that sends garbage. It is small, so that garbage cannot exhaust
/// the stack.
pub const MAX_CBOR_RECURSION: usize = 16;

/// The longest PIN in bytes of UTF-8: 64 bytes of padded PIN, less the zero at its end (CP-21, CP-22).
pub const MAX_PIN_BYTES: usize = 63;

/// The most entries that a list (assertions, relying parties, credentials) may announce. No key has more
/// discoverable credentials; a reply that claims more is refused.
pub const MAX_WALK: u64 = 1024;

/// The largest serialized large-blob array that is read from a key, in bytes. The biggest of real keys is 4 KiB; 64 KiB
/// leaves room, and is an end for a key that never stops.
pub const MAX_LARGE_BLOB_ARRAY: usize = 64 * 1024;

/// The largest blob after decompression, in bytes, so that compressed garbage cannot fill the memory.
pub const MAX_BLOB: usize = 1024 * 1024;

/// The longest message in bytes if getInfo does not tell it (MSG-60).
pub const DEFAULT_MAX_MSG_SIZE: u64 = 1024;

/// The longest possible message in bytes: as many as CTAPHID carries (HD-04, MSG-61).
pub const MAX_MESSAGE: u64 = hid_transport::limits::MESSAGE_MAX as u64;

/// The bytes of a large-blob request without the fragment (LB-01).
pub const LARGE_BLOB_OVERHEAD: u64 = 64;

/// How long a service may take to hang up on a user whom it does not serve.
#[cfg(all(feature = "pcsc", target_os = "linux"))]
pub(crate) const HANGING_UP: Duration = Duration::from_secs(1);

/// Bytes of the shortest command APDU: CLA, INS, P1, P2 (ISO 7816-4). Some readers take a shorter one for something
/// else, and then wait without an end (docs/nfc.md).
#[cfg(feature = "pcsc")]
pub(crate) const SHORTEST_COMMAND: usize = 4;

/// After this long without a sign of life, a key that owes an answer counts as gone. It must send a keepalive every
/// 100 ms (HD-72); twenty of them may be lost on a busy machine.
pub const MAX_SILENCE: Duration = Duration::from_secs(2);

/// How many reports are still read from a key that was silent for too long: those of the longest message (HD-04).
/// If it was this process that was stopped, these reports wait in the pipe.
pub const OVERDUE_REPORTS: u32 = 129;

/// Pause before a request refused as `CHANNEL_BUSY` is sent again (CL-30).
pub const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// How many times a request refused as `CHANNEL_BUSY` is sent again: for three seconds in all.
pub const BUSY_RETRIES: u32 = 30;

/// How many times a message is sent again if the key missed a part of it (`MSG_TIMEOUT`, `INVALID_SEQ`). The key
/// has done nothing with such a message. On a busy machine a host may be late by half a second, or a kernel may
/// drop a report (MSG-65); that is no reason to give up.
pub const LATE_RETRIES: u32 = 3;

/// How long a card may fail to answer after it was laid on its reader: it warms up, and the hand may still move it.
pub const COLD_CARD: Duration = Duration::from_secs(3);

/// The pause between two tries to reach such a card.
pub const COLD_CARD_PAUSE: Duration = Duration::from_millis(150);

/// The longest time until a card's removal is noticed: pcscd looks every 0.4 s at readers that do not report it.
pub const NEXT_LOOK: Duration = Duration::from_millis(600);

/// How many times the readers are listed again if one of them is unplugged meanwhile. Nobody unplugs more of them
/// so fast.
pub const READER_LOOKS: u32 = 3;

/// The longest value that is shown whole, in bytes. Only blobs, certificates and post-quantum keys are longer.
pub const LONGEST_SHOWN: usize = 256;

/// How many characters of a longer value are shown: enough to tell it from others.
pub const BEGINNING_SHOWN: usize = 64;

/// How many channels [`trace`](crate::trace) follows in each direction: the most that a key has (HD-40). If more
/// appear, it forgets all of them, and with them the messages that are not whole yet.
pub const MAX_OVERHEARD: usize = 256;

/// How many packets are kept back until their message is whole, and it is known what must be left out of it: eight
/// times the longest message (HD-04).
pub const MAX_KEPT_BACK: usize = 1032;
