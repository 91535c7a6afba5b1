//! Errors between a platform and a key, by whose fault they are. No error holds a PIN, key or token.
//!
//! A message includes its cause, so no error here is the `source` of another one. A program that prints the whole
//! chain would print it twice.

use std::io;

use apdu_transport::StatusWord as CardWord;
use apdu_transport::client::Fault;
use hid_transport::ErrorCode;
use hid_transport::host::{HandshakeError, MessageTooLong, Misbehaviour};

use crate::cbor::CborFault;
use crate::commands::u2f::StatusWord;
use crate::status::Status;

/// Why a command brought no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key received the request and refused it. [`Status`] tells why: what the person did (no touch, a wrong PIN), or
    /// the fault of the caller, who asked for what the key cannot do.
    #[error("{0}")]
    Status(Status),
    /// The key received the U2F message and refused it: nobody touched it, or the caller's fault.
    #[error("{0}")]
    U2f(StatusWord),
    /// No reply arrived; [`TransportError`] tells whose fault that is.
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
    /// The status of the key's refusal, if the key refused.
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
            Self::Reply(_) => BEGIN_AGAIN,
            Self::Request(fault) => fault.advice(),
        }
    }
}

/// The advice for a key that breaks the standard, for all ways to reach it: in a port, and on a reader.
const BEGIN_AGAIN: &str = "plug the key in again, or take the card off its reader and lay it on again; if that does not help, use \
                           another key";
const PLUG_IN_AGAIN: &str = "plug the key in again; if that does not help, use another key";
const LAY_ON_AGAIN: &str =
    "take the card off the reader and lay it on again; if that does not help, use another key";

/// Why no reply arrived.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The operating system failed the transfer. Mostly somebody unplugged the key.
    #[error("the connection to the key failed: {0}")]
    Io(io::Error),
    /// The key sent nothing for [`MAX_SILENCE`](crate::limits::MAX_SILENCE): the key's fault, or that of a machine that is too
    /// busy.
    #[error("the key does not answer")]
    Silent,
    /// The key refused the message at the level of CTAPHID: another program uses it, or it missed a packet; else the key's
    /// fault.
    #[error("the key refused the message: {0}")]
    Refused(ErrorCode),
    /// The key sent reports that make no sense: the key's fault.
    #[error("{0}. This is a fault of the key.")]
    Misbehaved(Misbehaviour),
    /// The key answered another command than the one that was sent: the key's fault.
    #[error("the key answers a command that it was not sent. This is a fault of the key.")]
    WrongCommand,
    /// The message is too long for CTAPHID (HD-04): the caller's fault.
    #[error("{0}")]
    TooLong(MessageTooLong),
    /// The message for a card is shorter than a command APDU (ISO 7816-4): the caller's fault.
    #[error("a command for a card has at least 4 bytes, and this one has {0}")]
    TooShort(usize),
    /// This connection to the key does not carry U2F messages: the caller's fault.
    #[error("this key does not speak U2F")]
    NoU2f,
    /// The key is a card, and did not answer a request; [`Fault`] tells whose fault that is.
    #[error("{0}")]
    Card(Fault),
    /// The key is a card, and its reader cannot reach it: never the card's fault.
    #[error("{0}")]
    Reader(ReaderFault),
}

impl TransportError {
    /// Whether there is no card on the reader, or no longer.
    #[must_use]
    pub const fn is_card_gone(&self) -> bool {
        matches!(self, Self::Card(Fault::Gone) | Self::Reader(ReaderFault::NoCard))
    }

    /// What a person can do next.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Io(_) | Self::Silent => "plug the key in again and retry",
            Self::Refused(_) => "try again, or plug the key in again",
            Self::Misbehaved(_) | Self::WrongCommand => PLUG_IN_AGAIN,
            Self::TooLong(_) => "send less",
            Self::TooShort(_) => "send CLA, INS, P1 and P2",
            Self::NoU2f => "use its CTAP2 commands",
            Self::Card(fault) => card_advice(*fault),
            Self::Reader(fault) => fault.advice(),
        }
    }
}

const fn card_advice(fault: Fault) -> &'static str {
    match fault {
        Fault::TooLong(_) => "send less",
        Fault::Gone => "lay the card on the reader, leave it there, and try again",
        Fault::Refused(CardWord::FILE_NOT_FOUND) => {
            "this card has no FIDO application: lay a FIDO key on the reader"
        }
        Fault::Refused(_) => "take the card off the reader, lay it on again and retry",
        Fault::Empty | Fault::Endless | Fault::Stuck | Fault::UnknownStatus(_) => LAY_ON_AGAIN,
    }
}

/// Why a card cannot be reached through a reader (PC/SC). In most cases nobody is at fault, and never the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReaderFault {
    /// No service (pcscd, on Linux) looks after this machine's readers.
    #[error("the smart card service of this host, pcscd, does not run")]
    NoService,
    /// The service ended meanwhile, or its version does not fit the library that this program was linked with.
    #[error("the smart card service of this host, pcscd, has stopped")]
    ServiceStopped,
    /// The service's polkit rules do not admit this user.
    #[error("the smart card service of this host, pcscd, does not allow this user to use cards")]
    Denied,
    /// There is no reader, or not that one, or it was unplugged.
    #[error("there is no such smart card reader")]
    NoReader,
    /// No card lies on the reader, or it was taken away.
    #[error("no card is on the reader")]
    NoCard,
    /// Another program uses the card exclusively.
    #[error("another program has locked the card")]
    InUse,
    /// The reader cannot get an answer from the card.
    #[error("the card does not answer its reader")]
    Unresponsive,
    /// The message did not reach the card, and the card is still there.
    #[error("the card did not receive what was sent to it")]
    NotThrough,
    /// This program was built without the feature `pcsc`.
    #[error("this program was built without PC/SC, so it cannot use cards")]
    Unsupported,
    /// Any other error of PC/SC.
    #[error("the reader failed: {0}")]
    Other(&'static str),
}

impl ReaderFault {
    /// What a person can do next.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::NoService => {
                "install and start it: `sudo apt-get install pcscd`, `sudo systemctl start pcscd.socket`"
            }
            Self::ServiceStopped => {
                "try again; in a container, pcscd and libpcsclite must be of the same release"
            }
            Self::Denied => {
                "polkit allows users at this machine's screen: log in there, run this as root, or allow \
                 org.debian.pcsc-lite.access_pcsc and access_card by a rule in /etc/polkit-1/rules.d"
            }
            Self::NoReader => "plug the reader in and try again",
            Self::NoCard => "lay the card on the reader and try again",
            Self::InUse => {
                "close that program and try again; gpg keeps cards locked until `gpgconf --kill scdaemon`"
            }
            Self::NotThrough => {
                "leave the card on the reader and try again; if that does not help, plug the reader in again"
            }
            Self::Unresponsive => {
                "take the card off, lay it on in the middle of the reader, and try again"
            }
            Self::Unsupported => "build it with its feature `pcsc`, which needs libpcsclite",
            Self::Other(_) => {
                "take the card off, lay it on again and retry; then plug the reader in again"
            }
        }
    }
}

/// How a reply differs from the standard. It is always the key's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyFault {
    /// The reply is empty: it lacks even the status byte.
    #[error("the key's reply is empty. This is a fault of the key.")]
    Empty,
    /// An error status, or a success without defined output, came with a body (MSG-02, MSG-03).
    #[error("the key's reply has {0} bytes too many. This is a fault of the key.")]
    UnexpectedBody(usize),
    /// The CBOR of the reply, or of something within it, breaks the rules.
    #[error("the key's reply cannot be read: in {0}, {1}. This is a fault of the key.")]
    Cbor(&'static str, CborFault),
    /// A required member is missing.
    #[error("the key's reply lacks {0}. This is a fault of the key.")]
    Missing(&'static str),
    /// A member has another CBOR type than in the standard.
    #[error("{0} in the key's reply has the wrong type. This is a fault of the key.")]
    WrongType(&'static str),
    /// A member has the right type, but a value that is not possible.
    #[error("{0} in the key's reply has an impossible value. This is a fault of the key.")]
    BadValue(&'static str),
}

/// Why a request cannot be sent. It is always the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    /// The PIN has more than 63 bytes of UTF-8 (CP-21).
    #[error("the PIN is longer than 63 bytes")]
    PinTooLong,
    /// The PIN ends in a zero byte, which cannot be told from padding (CP-23).
    #[error("the PIN ends in a zero character")]
    PinEndsInZero,
    /// getInfo lists no PIN/UV auth protocol that this crate knows.
    #[error("the key offers no PIN protocol that this program knows")]
    NoPinProtocol,
    /// A list, name or blob is longer than the command can carry.
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
            Self::NoPinProtocol => "use a key that supports PINs, or a newer program",
            Self::TooLong(_) => "send less",
        }
    }
}

impl From<ReaderFault> for TransportError {
    fn from(fault: ReaderFault) -> Self {
        Self::Reader(fault)
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
