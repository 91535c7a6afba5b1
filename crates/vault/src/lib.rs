//! The durable memory of a keyfob: [`Vault`] is a [`Store`](ctap_core::store::Store) in a directory.
//!
//! | file | what it is | how it is written |
//! |---|---|---|
//! | `state.keyfob` | everything the authenticator remembers | replaced whole: temporary file, sync, rename, sync of the directory |
//! | `counter.keyfob` | the signature counter's ceiling | 44 bytes in place, two slots in turn, sync |
//! | `lock` | the process that has the vault | once, under `flock` |
//!
//! What it promises:
//!
//! * What was acknowledged survives. A power cut leaves the old state or the new one, never a mix (P-11).
//! * A disk error is a refusal: memory and disk stay equal and the next change works (P-12).
//! * Signature counters never go back, whatever one file or one slot suffers (P-13).
//! * A damaged, foreign, newer or unprotected vault is refused with the reason and the remedy, never repaired by
//!   guessing (P-14, P-18, P-21), and a vault has one process (P-17).
//!
//! The files byte by byte: `docs/state-format.md`.

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

mod cbor;
mod counter;
mod directory;
mod disk;
mod error;
mod format;
pub mod limits;
pub mod simulated;
mod vault;

pub use directory::{Directory, check_private_file};
pub use disk::{COUNTER, Disk, STATE, UNFINISHED};
pub use error::{Error, Fault};
pub use format::VERSION;
pub use vault::Vault;

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
