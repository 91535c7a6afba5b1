//! The host's end of CTAPHID: it makes the reports of a client or a test, and reads the answers.
//!
//! Like the key's end, it does no I/O and knows no time. The caller writes the reports that [`fragment`] and
//! [`Handshake::request`] make, and passes every report that it reads to a [`Handshake`] or a [`HostChannel`].
//! Reports for other channels may be among them; they are ignored.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::channels::ChannelId;
use crate::codes::{Command, ErrorCode, KeepaliveStatus};
use crate::init::{InitAnswer, Nonce};
use crate::limits::MESSAGE_MAX;
use crate::message::{self, Assembly};
use crate::packet::{Continuation, Initialization, Packet, Report};

/// The reports that carry `message`, in the order in which they must be sent.
///
/// # Errors
/// [`MessageTooLong`] if `message` has more than [`MESSAGE_MAX`] bytes: the caller's fault.
pub fn fragment(
    channel: ChannelId,
    command: Command,
    message: &[u8],
) -> Result<impl Iterator<Item = Report>, MessageTooLong> {
    if message.len() > usize::from(MESSAGE_MAX) {
        return Err(MessageTooLong { length: message.len() });
    }
    Ok((0..).map_while(move |index| message::report(channel, command, message, index)))
}

/// CTAPHID cannot carry a message of this length (HD-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of {length} bytes does not fit into CTAPHID's {MESSAGE_MAX}")]
pub struct MessageTooLong {
    /// The length of the message in bytes.
    pub length: usize,
}

/// One allocated channel, as its client sees it: it takes reports and returns replies.
///
/// It stores at most one message of [`MESSAGE_MAX`] bytes, and only the part that has really come.
pub struct HostChannel {
    channel: ChannelId,
    state: State,
    message: Vec<u8>,
}

enum State {
    Idle,
    Receiving { command: Command, assembly: Assembly },
}

/// A reply of the key on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// The key is still working; the answer comes later (HD-72).
    Keepalive(KeepaliveStatus),
    /// The whole answer. `command` is that of the request (HD-06).
    Message {
        /// The command of the request.
        command: Command,
        /// The answer: 0 to [`MESSAGE_MAX`] bytes.
        message: &'a [u8],
    },
    /// The key refused the request, or ended it.
    Error(ErrorCode),
}

/// How a key broke the rules: the key's fault, or that of a transport that lost reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaviour {
    /// A packet of the answer is missing or out of order (HD-50).
    #[error("the key sent packet {got} instead of packet {wanted}")]
    OutOfOrder {
        /// The expected sequence number.
        wanted: u8,
        /// The sequence number that came.
        got: u8,
    },
    /// The answer announces a length that no message can have (HD-04).
    #[error("the key announces a message of {0} bytes, and the most is {MESSAGE_MAX}")]
    TooLong(u16),
    /// The answer carries a command that no client sends.
    #[error("the key answers with the unknown command {0:#04x}")]
    UnknownCommand(u8),
    /// An ERROR without a code, or with one that the standard does not have.
    #[error("the key reports an error {}", with(*.0, "code"))]
    UnknownError(Option<u8>),
    /// A KEEPALIVE without a status, or with one that the standard does not have (HD-73).
    #[error("the key sends a keepalive {}", with(*.0, "status"))]
    UnknownStatus(Option<u8>),
    /// An INIT answer that is too short (HD-35).
    #[error("the key's answer to INIT has only {0} bytes")]
    ShortInit(usize),
}

/// A byte that the standard does not know, or none where one has to be.
fn with(byte: Option<u8>, what: &str) -> String {
    match byte {
        Some(byte) => format!("with the unknown {what} {byte:#04x}"),
        None => format!("without a {what}"),
    }
}

impl HostChannel {
    /// The client's end of `channel`, with no answer begun.
    pub fn new(channel: ChannelId) -> HostChannel {
        HostChannel { channel, state: State::Idle, message: Vec::new() }
    }

    /// The channel that it reads.
    pub fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Takes a report of the key. `None`: it was for another channel, or the answer is not complete yet.
    ///
    /// # Errors
    /// [`Misbehaviour`] of the key. The part of the answer that has come is dropped.
    pub fn receive(&mut self, report: &Report) -> Result<Option<Reply<'_>>, Misbehaviour> {
        match Packet::parse(report) {
            Packet::Initialization(packet) if packet.channel == self.channel => self.begin(&packet),
            Packet::Continuation(packet) if packet.channel == self.channel => self.proceed(&packet),
            _ => Ok(None),
        }
    }

    fn begin(&mut self, packet: &Initialization<'_>) -> Result<Option<Reply<'_>>, Misbehaviour> {
        let first = packet.data.iter().copied().take(usize::from(packet.length)).next();
        match Command::from_byte(packet.command) {
            Some(Command::Keepalive) => Ok(Some(Reply::Keepalive(keepalive_status(first)?))),
            Some(Command::Error) => {
                self.state = State::Idle;
                Ok(Some(Reply::Error(error_code(first)?)))
            }
            Some(command) => self.begin_message(command, packet),
            None => Err(Misbehaviour::UnknownCommand(packet.command)),
        }
    }

    fn begin_message(
        &mut self,
        command: Command,
        packet: &Initialization<'_>,
    ) -> Result<Option<Reply<'_>>, Misbehaviour> {
        self.state = State::Idle;
        if packet.length > MESSAGE_MAX {
            return Err(Misbehaviour::TooLong(packet.length));
        }
        let assembly = Assembly::begin(packet, &mut self.message);
        self.state = State::Receiving { command, assembly };
        Ok(self.finish())
    }

    /// Leftovers of an answer that was broken off continue nothing, and are skipped.
    fn proceed(&mut self, packet: &Continuation<'_>) -> Result<Option<Reply<'_>>, Misbehaviour> {
        let State::Receiving { assembly, .. } = &mut self.state else { return Ok(None) };
        let wanted = assembly.next_sequence();
        if assembly.add(packet, &mut self.message).is_err() {
            self.state = State::Idle;
            return Err(Misbehaviour::OutOfOrder { wanted, got: packet.sequence });
        }
        Ok(self.finish())
    }

    fn finish(&mut self) -> Option<Reply<'_>> {
        let State::Receiving { command, assembly } = &self.state else { return None };
        if !assembly.is_complete(&self.message) {
            return None;
        }
        let command = *command;
        self.state = State::Idle;
        Some(Reply::Message { command, message: &self.message })
    }
}

/// CTAPHID_INIT, as its client sees it: it gets a new channel, or starts one over.
pub struct Handshake {
    nonce: Nonce,
    channel: HostChannel,
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The key refused. On the broadcast channel, the refusal may be for another client.
    #[error(transparent)]
    Refused(#[from] ErrorCode),
    /// The key broke the rules.
    #[error(transparent)]
    Misbehaved(#[from] Misbehaviour),
}

impl Handshake {
    /// Asks for a new channel (HD-36). Draw the nonce at random: it is the only way to tell this client's answer
    /// from another client's.
    pub fn new(nonce: Nonce) -> Handshake {
        Handshake::resynchronise(ChannelId::BROADCAST, nonce)
    }

    /// Ends everything that runs on an allocated channel, and keeps the channel (HD-37).
    pub fn resynchronise(channel: ChannelId, nonce: Nonce) -> Handshake {
        Handshake { nonce, channel: HostChannel::new(channel) }
    }

    /// The report to send.
    pub fn request(&self) -> Report {
        message::first_report(self.channel.channel(), Command::Init, &self.nonce)
    }

    /// Takes a report of the key. `None`: the answer has not come yet.
    ///
    /// # Errors
    /// [`HandshakeError`] if the key refuses or misbehaves.
    pub fn receive(&mut self, report: &Report) -> Result<Option<InitAnswer>, HandshakeError> {
        match self.channel.receive(report)? {
            Some(Reply::Message { command: Command::Init, message }) => {
                let answer =
                    InitAnswer::parse(message).ok_or(Misbehaviour::ShortInit(message.len()))?;
                Ok(Some(answer).filter(|answer| answer.nonce == self.nonce))
            }
            Some(Reply::Error(code)) => Err(code.into()),
            Some(Reply::Message { .. } | Reply::Keepalive(_)) | None => Ok(None),
        }
    }
}

fn keepalive_status(byte: Option<u8>) -> Result<KeepaliveStatus, Misbehaviour> {
    byte.and_then(KeepaliveStatus::from_byte).ok_or(Misbehaviour::UnknownStatus(byte))
}

fn error_code(byte: Option<u8>) -> Result<ErrorCode, Misbehaviour> {
    byte.and_then(ErrorCode::from_byte).ok_or(Misbehaviour::UnknownError(byte))
}

#[cfg(test)]
mod tests;
