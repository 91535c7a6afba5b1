//! What can go wrong between a platform and a key, by whose fault it is. No error holds a PIN, key or token.

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
}

/// Why no reply arrived.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The operating system failed the transfer; mostly the key was unplugged.
    #[error("the connection to the key failed: {0}. Plug the key in again and retry.")]
    Io(#[from] io::Error),
    /// The key sent nothing for too long.
    #[error("the key does not answer. Plug it in again and retry.")]
    Silent,
    /// The key refused the message at the level of CTAPHID.
    #[error("the key refused the message: {0}. Try again, or plug the key in again.")]
    Refused(#[from] ErrorCode),
    /// The key sent reports that make no sense: the key's fault.
    #[error("{0}. This is a fault of the key.")]
    Misbehaved(#[from] Misbehaviour),
    /// The key answered another command than the one it was sent: the key's fault.
    #[error("the key answers a command it was not sent. This is a fault of the key.")]
    WrongCommand,
    /// A message CTAPHID cannot carry (HD-04): the caller's fault.
    #[error("{0}. Send less.")]
    TooLong(#[from] MessageTooLong),
    /// The way to this key does not carry U2F messages.
    #[error("this key does not speak U2F. Use its CTAP2 commands.")]
    NoU2f,
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
    #[error("the PIN is longer than 63 bytes. Choose a shorter one.")]
    PinTooLong,
    /// A zero byte at the end cannot be told from padding (CP-23).
    #[error("the PIN ends in a zero character. Choose another one.")]
    PinEndsInZero,
    /// getInfo lists no PIN/UV auth protocol this crate knows.
    #[error(
        "the key offers no PIN protocol this program knows. It has no PIN, or needs a newer program."
    )]
    NoPinProtocol,
    /// A list, name or blob beyond what the command can carry.
    #[error("{0} is too long for the key. Send less.")]
    TooLong(&'static str),
}

impl From<HandshakeError> for TransportError {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Refused(code) => Self::Refused(code),
            HandshakeError::Misbehaved(fault) => Self::Misbehaved(fault),
        }
    }
}
