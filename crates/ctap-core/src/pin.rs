//! The PIN and user verification by PIN: protocols, token, tries (CTAP 2.3 section 6.5).

pub(crate) mod protocol;
pub(crate) mod retries;
pub(crate) mod token;

pub use protocol::Protocol;
pub use token::Permissions;
