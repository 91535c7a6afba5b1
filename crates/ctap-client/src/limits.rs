//! Every bound of this crate, each with its reason. Lengths are judged before memory is asked for.

use std::time::Duration;

/// Levels of maps and arrays in a message (MSG-34).
pub const MAX_CBOR_NESTING: usize = 4;

/// Levels the reader follows before it gives up. Above [`MAX_CBOR_NESTING`], so that a key which nests too deep is
/// told apart from one that sends rubbish; small, so that rubbish cannot exhaust the stack.
pub const MAX_CBOR_RECURSION: usize = 16;

/// Bytes a PIN may have in UTF-8: 64 of padding less the zero that must end it (CP-21, CP-22).
pub const MAX_PIN_BYTES: usize = 63;

/// Entries a walk (assertions, relying parties, credentials) may announce. A key with more discoverable credentials
/// than this does not exist; one that claims so is not followed.
pub const MAX_WALK: u64 = 1024;

/// Largest serialized large-blob array read from a key. The biggest in the field is 4 KiB; 64 KiB leaves room and
/// ends the reading of a key that never stops.
pub const MAX_LARGE_BLOB_ARRAY: usize = 64 * 1024;

/// Largest blob an array entry may expand to, so that compressed rubbish cannot fill memory.
pub const MAX_BLOB: usize = 1024 * 1024;

/// Size a key accepts and sends when getInfo does not say (MSG-60).
pub const DEFAULT_MAX_MSG_SIZE: u64 = 1024;

/// Bytes of the longest message there can be: what CTAPHID carries (HD-04, MSG-61).
pub const MAX_MESSAGE: u64 = hid_transport::limits::MESSAGE_MAX as u64;

/// Bytes of a large-blob request that are not the fragment (LB-01).
pub const LARGE_BLOB_OVERHEAD: u64 = 64;

/// How long a service may take to hang up on a user whom it does not serve.
#[cfg(all(feature = "pcsc", target_os = "linux"))]
pub(crate) const HANGING_UP: Duration = Duration::from_secs(1);

/// Bytes of the shortest command APDU: CLA, INS, P1, P2 (ISO 7816-4). There are readers that take a shorter one for something else, and
/// then wait for ever (docs/nfc.md).
#[cfg(feature = "pcsc")]
pub(crate) const SHORTEST_COMMAND: usize = 4;

/// Silence after which a key that owes an answer counts as gone. It must send a keepalive every 100 ms (HD-72);
/// twenty of them may be lost to a busy machine.
pub const MAX_SILENCE: Duration = Duration::from_secs(2);

/// Reports that are still taken from a key which was silent for too long: those of the longest message (HD-04). If it
/// was this process that stood still, they wait in the pipe.
pub const OVERDUE_REPORTS: u32 = 129;

/// Pause before a request refused as `CHANNEL_BUSY` is sent again (CL-30).
pub const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// How often a request refused as `CHANNEL_BUSY` is sent again: three seconds in all.
pub const BUSY_RETRIES: u32 = 30;

/// How often a message is sent again of which the key missed a part (`MSG_TIMEOUT`, `INVALID_SEQ`). It has done nothing with it; a host
/// that was kept from sending for half a second, or a kernel that dropped a report (MSG-65), by what else the machine does, is no reason
/// to give up.
pub const LATE_RETRIES: u32 = 3;

/// How long a card that was laid on its reader a moment ago may fail to answer it: it warms up, and whoever lays it there
/// has not yet let go.
pub const COLD_CARD: Duration = Duration::from_secs(3);

/// Between two tries to reach a cold card.
pub const COLD_CARD_PAUSE: Duration = Duration::from_millis(150);

/// How long it takes at most until it is known that a card was taken away: pcscd looks at readers that do not say so each 0.4 s.
pub const NEXT_LOOK: Duration = Duration::from_millis(600);

/// How often the readers are looked at again if one of them is unplugged meanwhile: nobody unplugs so many so fast.
pub const READER_LOOKS: u32 = 3;

/// Bytes of a value that is shown whole; covers everything but blobs, certificates and post-quantum keys.
pub const LONGEST_SHOWN: usize = 256;

/// Characters that are shown of a longer one: enough to tell it from others.
pub const BEGINNING_SHOWN: usize = 64;

/// Channels of which somebody who reads along keeps account, each way. Keys have as many at most (HD-40); who invents more makes it
/// forget all, and misses what was on its way.
pub const MAX_OVERHEARD: usize = 256;

/// Packets that are kept back until the message they belong to is whole, and it is known what to leave out of it: eight times the
/// longest message (HD-04).
pub const MAX_KEPT_BACK: usize = 1032;
