//! Makes messages of recorded packets: what a platform and a key have said to each other.
//!
//! ```text
//!   reports, APDUs ──► Reports, Apdus ── Message ──► Conversation ── Step: names, members, outcome
//!          │                                                │
//!          └──────────────► Veil: the same packets, without secrets, each with its step
//! ```
//!
//! Nothing here does I/O or knows the time. The caller passes the packets of one key in their order. Both ends may
//! break the rules. A packet that belongs to no whole message is reported as such.

mod card;
mod conversation;
mod hid;
mod secrets;
mod steps;
mod u2f;
mod veil;

pub use apdu_transport::StatusWord;
pub use hid_transport::Command;

pub use self::card::Apdus;
pub use self::conversation::Conversation;
pub use self::hid::Reports;
pub use self::steps::{Outcome, Step, is_left_out};
pub use self::veil::{Packet, Veil};

/// The direction of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// The platform sent it.
    ToKey,
    /// The key sent it.
    FromKey,
}

/// One whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The CTAPHID channel; 0 for a card, because no channel has that number (HD-05).
    pub channel: u32,
    /// Who sent it.
    pub direction: Direction,
    /// Its content.
    pub content: Content,
}

/// The content of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// CTAP2: a command byte and its parameters, or a status byte and the reply (MSG-01, MSG-02).
    Ctap(Vec<u8>),
    /// U2F: a command APDU or a response APDU.
    U2f(Vec<u8>),
    /// A command of CTAPHID itself, and its data.
    Hid(Command, Vec<u8>),
    /// SELECT of FIDO's application, or the card's answer (NF-01, NF-02).
    Select(Vec<u8>),
    /// The key says what it is doing: the byte of a KEEPALIVE (HD-73), or the byte before 9100 (NF-30).
    Keepalive(u8),
    /// The key refused: CTAPHID_ERROR's byte (HD-70).
    Error(u8),
    /// A card answered with this status word alone.
    Word(StatusWord),
    /// The platform asks a card whether it is done; `true`: it asks the card to end the request (NF-31, NF-32).
    Poll(bool),
    /// The platform asks a card for the rest of its answer (NF-16).
    More,
    /// The client of a card has ended its work with it (NF-36).
    End,
    /// The packet is part of no whole message; with the reason.
    Broken(String),
}

/// The kind of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    /// A part of a message, whose others are still to come.
    Part,
    /// The last part, or the only one.
    Whole(Message),
}
