//! What can go wrong between a platform and a key, by whose fault it is. No error holds a PIN, key or token.
//!
//! A message tells its cause within itself, so no error here is the `source` of another: who prints the whole chain
//! would print it twice.

use std::io;

use hid_transport::ErrorCode;
use hid_transport::host::{HandshakeError, MessageTooLong, Misbehaviour};

use crate::cbor::CborFault;
use crate::commands::u2f::StatusWord;
use crate::status::Status;

/// Why a command brought no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key received the request and refused it.
    #[error("{0}")]
    Status(Status),
    /// The key received the U2F message and refused it.
    #[error("{0}")]
    U2f(StatusWord),
    /// No reply arrived.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The key replied, but not as the standard says: the key's fault.
    #[error(transparent)]
    Reply(#[from] ReplyFault),
    /// The request cannot be sent as it is: the caller's fault.
    #[error(transparent)]
    Request(#[from] RequestFault),
}

impl Error {
    /// The status the key refused with, if it was the key that refused.
    #[must_use]
    pub const fn status(&self) -> Option<Status> {
        match self {
            Self::Status(status) => Some(*status),
            _ => None,
        }
    }

    /// What a person can do next.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Status(status) => status.advice(),
            Self::U2f(_) => "touch the key and try again",
            Self::Transport(error) => error.advice(),
            Self::Reply(_) => KEYS_FAULT,
            Self::Request(fault) => fault.advice(),
        }
    }
}

/// What helps against a key that breaks the standard, if anything does.
const KEYS_FAULT: &str = "plug the key in again; if that does not help, use another key";

/// Why no reply arrived.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The operating system failed the transfer; mostly the key was unplugged.
    #[error("the connection to the key failed: {0}")]
    Io(io::Error),
    /// The key sent nothing for too long.
    #[error("the key does not answer")]
    Silent,
    /// The key refused the message at the level of CTAPHID.
    #[error("the key refused the message: {0}")]
    Refused(ErrorCode),
    /// The key sent reports that make no sense: the key's fault.
    #[error("{0}. This is a fault of the key.")]
    Misbehaved(Misbehaviour),
    /// The key answered another command than the one it was sent: the key's fault.
    #[error("the key answers a command it was not sent. This is a fault of the key.")]
    WrongCommand,
    /// A message CTAPHID cannot carry (HD-04): the caller's fault.
    #[error("{0}")]
    TooLong(MessageTooLong),
    /// The way to this key does not carry U2F messages.
    #[error("this key does not speak U2F")]
    NoU2f,
}

impl TransportError {
    /// What a person can do next.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Io(_) | Self::Silent => "plug the key in again and retry",
            Self::Refused(_) => "try again, or plug the key in again",
            Self::Misbehaved(_) | Self::WrongCommand => KEYS_FAULT,
            Self::TooLong(_) => "send less",
            Self::NoU2f => "use its CTAP2 commands",
        }
    }
}

/// How a reply differs from what the standard prescribes. Always the key's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyFault {
    /// Not even a status byte.
    #[error("the key's reply is empty. This is a fault of the key.")]
    Empty,
    /// An error status, or a success without defined output, came with a body (MSG-02, MSG-03).
    #[error("the key's reply has {0} bytes where none belong. This is a fault of the key.")]
    UnexpectedBody(usize),
    /// The CBOR of the reply, or of something within it, breaks the rules.
    #[error("the key's reply cannot be read: in {0}, {1}. This is a fault of the key.")]
    Cbor(&'static str, CborFault),
    /// An obligatory member is absent.
    #[error("the key's reply lacks {0}. This is a fault of the key.")]
    Missing(&'static str),
    /// A member has another CBOR type than the standard gives it.
    #[error("{0} in the key's reply has the wrong type. This is a fault of the key.")]
    WrongType(&'static str),
    /// A member has the right type and a value that cannot be.
    #[error("{0} in the key's reply has an impossible value. This is a fault of the key.")]
    BadValue(&'static str),
}

/// Why a request cannot be sent as asked. Always the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    /// More than 63 bytes of UTF-8 (CP-21).
    #[error("the PIN is longer than 63 bytes")]
    PinTooLong,
    /// A zero byte at the end cannot be told from padding (CP-23).
    #[error("the PIN ends in a zero character")]
    PinEndsInZero,
    /// getInfo lists no PIN/UV auth protocol this crate knows.
    #[error("the key offers no PIN protocol this program knows")]
    NoPinProtocol,
    /// A list, name or blob beyond what the command can carry.
    #[error("{0} is too long for the key")]
    TooLong(&'static str),
}

impl RequestFault {
    /// What a person can do next.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::PinTooLong => "choose a shorter one",
            Self::PinEndsInZero => "choose another one",
            Self::NoPinProtocol => "use a key that takes a PIN, or a newer program",
            Self::TooLong(_) => "send less",
        }
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ErrorCode> for TransportError {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code)
    }
}

impl From<Misbehaviour> for TransportError {
    fn from(fault: Misbehaviour) -> Self {
        Self::Misbehaved(fault)
    }
}

impl From<MessageTooLong> for TransportError {
    fn from(error: MessageTooLong) -> Self {
        Self::TooLong(error)
    }
}

impl From<HandshakeError> for TransportError {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Refused(code) => Self::Refused(code),
            HandshakeError::Misbehaved(fault) => Self::Misbehaved(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_cause_is_told_once_however_much_of_the_chain_is_printed() {
        let causes: [TransportError; 4] = [
            io::Error::other("gone").into(),
            ErrorCode::InvalidCmd.into(),
            Misbehaviour::TooLong(7610).into(),
            MessageTooLong { length: 7610 }.into(),
        ];
        for error in causes {
            assert!(error.source().is_none(), "{error}");
            assert!(Error::from(error).source().is_none());
        }
        let refused = Error::from(TransportError::from(ErrorCode::InvalidCmd)).to_string();
        assert!(refused.ends_with("(INVALID_CMD)"), "{refused}");
    }
}
