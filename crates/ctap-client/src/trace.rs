//! Reading along: what was said between a platform and a key, from the packets that carried it.
//!
//! ```text
//!   reports, APDUs ──► Reports, Apdus ── Message ──► Conversation ── Step: names, members, outcome
//!          │                                                │
//!          └──────────────► Veil: the same packets, without secrets, each with its step
//! ```
//!
//! Nothing here does I/O or knows the time. It is fed with whatever was on the wire, in its order, of one key: both ends may break the
//! rules, and what belongs to no whole message is told as such.

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

/// Whom a packet went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// The platform sent it.
    ToKey,
    /// The key sent it.
    FromKey,
}

/// One message, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The CTAPHID channel; of a card 0, which is none (HD-05).
    pub channel: u32,
    /// Who said it.
    pub direction: Direction,
    /// What was said.
    pub content: Content,
}

/// What a message holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// CTAP2: a command byte and its parameters, or a status byte and the reply (MSG-01, MSG-02).
    Ctap(Vec<u8>),
    /// U2F: a command APDU or a response APDU.
    U2f(Vec<u8>),
    /// A command of CTAPHID's own, and its data.
    Hid(Command, Vec<u8>),
    /// SELECT of this application, or its answer (NF-01, NF-02).
    Select(Vec<u8>),
    /// How far the key is: the byte of a KEEPALIVE (HD-73), or before 9100 (NF-30).
    Keepalive(u8),
    /// The key refused: CTAPHID_ERROR's byte (HD-70).
    Error(u8),
    /// A card answered with this word and no more.
    Word(StatusWord),
    /// A card is asked how far it is; `true`: to end the request (NF-31, NF-32).
    Poll(bool),
    /// A card is asked for more of its answer (NF-16).
    More,
    /// The client of a card is done (NF-36).
    End,
    /// It is part of no whole message, and why.
    Broken(String),
}

/// What a packet was.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    /// A part of a message, whose others are still to come.
    Part,
    /// The last part, or the only one.
    Whole(Message),
}
