//! A smart card reader with one slot (USB Device Class: Smart Card CCID, revision 1.1).
//!
//! | file | idea |
//! |---|---|
//! | `codes` | the class's numbers |
//! | `message` | bytes to commands, answers to bytes |
//! | `intake` | transfers to whole messages, judged by their length first |
//! | `slot` | the card in the slot: what a command does to it, and what the host is told |
//!
//! It exchanges whole APDUs, short and extended, and negotiates nothing: the class descriptor says what the card
//! can do (NF-50). Bytes and time come in with the calls.

mod codes;
mod intake;
mod message;
mod slot;

pub(crate) use self::codes::{CLASS_DESCRIPTOR, Request};
pub(crate) use self::slot::Slot;
