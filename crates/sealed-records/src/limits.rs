//! Every bound of the vault in one place, each with its reason.

use std::time::Duration;

/// The longest name of a record in bytes: a credential id of 1023 bytes with a prefix fits.
pub const MAX_NAME: usize = 2048;

/// The longest frame in bytes, and so roughly the most that one commit writes. It limits the memory that is
/// allocated for the length in a damaged file.
pub const MAX_FRAME: usize = 4 * 1024 * 1024;

/// How many bytes of records one frame of a new file takes: few frames, and no long buffer.
pub(crate) const SNAPSHOT_FRAME: usize = 256 * 1024;

/// The longest file in bytes that is written or read: 100,000 records of a KiB, twice, with room to spare. A longer
/// file is refused.
pub const MAX_FILE: u64 = 1024 * 1024 * 1024;

/// Files grow in steps of this many bytes, so that most commits do not change the length: one write and one sync of
/// data.
pub(crate) const STEP: u64 = 64 * 1024;

/// A file is written anew when more bytes of it are unused than used, and at least this many. So the log of small
/// commits can be read in a millisecond, and a thousand of them come between two new files.
pub(crate) const MIN_DEAD: u64 = 128 * 1024;

/// How many bytes are read at once.
pub(crate) const WINDOW: usize = 256 * 1024;

/// How long a lazy commit waits for others, or for one that is waited for, before it is synced. Shorter than what a program
/// needs for the signatures of half a counter block, so that who needs the reservation finds it durable.
pub(crate) const LAZY_DELAY: Duration = Duration::from_millis(2);

/// How many things that look like frames are tried behind a bad one. A torn tail has a few; a file with more is no accident.
pub(crate) const MAX_CANDIDATES: usize = 1000;

/// The shortest passphrase in bytes. Argon2id makes guessing slow, but not impossible.
pub const MIN_PASSPHRASE: usize = 8;

/// The longest passphrase in bytes.
pub const MAX_PASSPHRASE: usize = 1024;

/// The shortest systemd credential in bytes. It is a key, not a passphrase.
pub const MIN_CREDENTIAL: usize = 32;

/// The longest systemd credential in bytes.
pub const MAX_CREDENTIAL: usize = 4096;

/// The lowest Argon2id cost that is accepted: KiB of memory, and passes over it. It is the minimum that OWASP
/// names. A header with a lower cost was made by somebody who wants to guess the passphrase.
pub const MIN_COST: (u32, u32) = (19 * 1024, 2);

/// The cost of new passphrases: RFC 9106, section 4, second choice; 64 MiB and three passes take a tenth of a second.
pub(crate) const COST: (u32, u32) = (64 * 1024, 3);

/// The highest Argon2id cost that is accepted: a GiB, and a minute or so.
pub(crate) const MAX_COST: (u32, u32) = (1024 * 1024, 64);

/// The most lanes of Argon2id that are accepted.
pub(crate) const MAX_LANES: u32 = 16;
