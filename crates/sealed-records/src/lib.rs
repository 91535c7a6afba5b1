//! An encrypted, atomic and durable map of records in a directory: [`Vault`].
//!
//! A record is a name and a value, both of bytes; the caller decides what they mean. All records are in one file,
//! an append-only log:
//!
//! | file | what it is | how it is written |
//! |---|---|---|
//! | `records.keyfob` | header, two heads, then one encrypted frame for each commit | a frame is appended and synced; a new file replaces the old one whole: temporary file, sync, rename, sync of the directory |
//! | `key` | 32 random bytes that encrypt the data key, unless a passphrase or a systemd credential does | once |
//! | `lock` | the process that has the vault open | once, under `flock` |
//!
//! Its promises:
//!
//! * What was acknowledged survives. A power cut leaves the state before a commit or after it, never a mix (P-11).
//! * A disk error means a refusal: memory and disk stay equal, and the next commit works (P-12).
//! * A vault that is damaged, foreign, of a later version or unprotected is refused, with the reason and the
//!   remedy. It is never repaired by guessing (P-14, P-18, P-21). One process at a time can use a vault (P-17).
//! * Names and values are encrypted (P-15). An older copy is noticed as long as the witness file survives (P-16).
//!
//! `docs/vault-format.md` describes the file byte by byte.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod batch;
mod bytes;
mod crypto;
mod directory;
mod disk;
mod error;
mod flusher;
mod frame;
mod header;
mod index;
pub mod limits;
mod log;
mod opening;
mod record;
mod scan;
pub mod simulated;
mod slots;
mod snapshot;
mod unlock;
mod vault;
mod witness;

pub use directory::{Directory, check_private_file};
pub use disk::{Disk, KEY, RECORDS, UNFINISHED, UNFINISHED_KEY};
pub use error::{CommitError, Error, Fault};
pub use header::VERSION;
pub use opening::{Access, Opened, Places, Rng, Rollback, Tail, WitnessPlace};
pub use record::{Change, Durability, Record};
pub use unlock::{LockedWith, Passphrase, Unlock};
pub use vault::{Info, Vault, WitnessState};
