//! Recordings of keys: making them, showing them, playing them again.
//!
//! ```text
//!   options   --record, of the commands that start keys (virtual-key writes the file)
//!   capture   a capture file as packets of keys: ours, or what Wireshark took on a bus
//!   trace     keyfob trace: each message on a line
//!   replay    keyfob replay: what of it can be played (acts), again, to any key (player); difference compares the answers
//! ```

mod acts;
mod capture;
mod difference;
pub(crate) mod options;
mod player;
pub(crate) mod replay;
mod said;
pub(crate) mod trace;
