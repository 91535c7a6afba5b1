//! A whole virtual security key: the authenticator behind its transport, with memory, attestation and a USB port.
//!
//! ```text
//!   keys         the keys of a process, each in a port of a usbip-server
//!    ├─ key        one key: ctap-core behind hid-transport, and what becomes of its questions
//!    ├─ memory     what it remembers: a vault in a directory, or nothing
//!    ├─ profile    what kind of key it is, from TOML
//!    ├─ attestation  who vouches for its credentials
//!    └─ metadata   what relying parties may know of it
//!   host         the kernel of this machine, as the host of a key
//! ```
//!
//! What waits is `async` and runs on one thread, in a Tokio `LocalSet` on a `current_thread` runtime. A key's authenticator and its memory, which
//! may take their time, have a thread of their own.

pub mod attestation;
pub mod bell;
mod builder;
mod connection;
mod error;
pub mod host;
mod inside;
pub mod key;
pub mod keys;
pub mod memory;
pub mod metadata;
pub mod neighbours;
pub mod platform;
pub mod power_cycle;
mod private_file;
pub mod profile;
mod sites;
mod thread;
mod virtual_key;

pub use builder::Builder;
pub use connection::Connection;
pub use ctap_core::Decision;
pub use error::{Error, Warn, log};
pub use key::Touch;
pub use keys::Prompt;
pub use virtual_key::VirtualKey;
