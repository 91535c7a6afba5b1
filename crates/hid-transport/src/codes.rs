//! CTAPHID's numbers: commands, error codes and keepalive statuses, section 11.2.9.
//!
//! Every discriminant is written out, so no number on the wire depends on the order of lines.

/// A command of CTAPHID, as the low seven bits of an initialization packet's CMD byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Command {
    /// CTAPHID_PING: echo the message (HD-60).
    Ping = 0x01,
    /// CTAPHID_MSG: a U2F APDU (HD-71).
    Msg = 0x03,
    /// CTAPHID_LOCK: keep other channels out for some seconds (HD-62).
    Lock = 0x04,
    /// CTAPHID_INIT: allocate a channel, or resynchronise one (HD-36, HD-37).
    Init = 0x06,
    /// CTAPHID_WINK: show which key this is (HD-61).
    Wink = 0x08,
    /// CTAPHID_CBOR: a CTAP2 command (HD-70).
    Cbor = 0x10,
    /// CTAPHID_CANCEL: end the running CBOR request (HD-80). It has no answer.
    Cancel = 0x11,
    /// CTAPHID_KEEPALIVE: the key is still working (HD-72). Only the key sends it.
    Keepalive = 0x3B,
    /// CTAPHID_ERROR: one [`ErrorCode`]. Only the key sends it.
    Error = 0x3F,
}

impl Command {
    /// The command with this number (bit 7 clear). `None`: a vendor command, a draft, or a number without a
    /// command.
    pub const fn from_byte(byte: u8) -> Option<Command> {
        Some(match byte {
            0x01 => Command::Ping,
            0x03 => Command::Msg,
            0x04 => Command::Lock,
            0x06 => Command::Init,
            0x08 => Command::Wink,
            0x10 => Command::Cbor,
            0x11 => Command::Cancel,
            0x3B => Command::Keepalive,
            0x3F => Command::Error,
            _ => return None,
        })
    }

    /// The command's number, bit 7 clear.
    pub const fn as_byte(self) -> u8 {
        self as u8
    }
}

/// The one byte of a CTAPHID_ERROR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum ErrorCode {
    /// ERR_INVALID_CMD: the key does not have this command.
    #[error("the key does not offer this command (INVALID_CMD)")]
    InvalidCmd = 0x01,
    /// ERR_INVALID_PAR: a parameter is out of range.
    #[error("a parameter is out of range (INVALID_PAR)")]
    InvalidPar = 0x02,
    /// ERR_INVALID_LEN: the length does not fit the command.
    #[error("the message has the wrong length (INVALID_LEN)")]
    InvalidLen = 0x03,
    /// ERR_INVALID_SEQ: a packet is missing, repeated, or out of order.
    #[error("a packet came out of order (INVALID_SEQ)")]
    InvalidSeq = 0x04,
    /// ERR_MSG_TIMEOUT: the rest of the message did not come.
    #[error("the rest of the message did not come in time (MSG_TIMEOUT)")]
    MsgTimeout = 0x05,
    /// ERR_CHANNEL_BUSY: the key works for another channel, or another channel has locked it.
    #[error("the key is busy with another request (CHANNEL_BUSY)")]
    ChannelBusy = 0x06,
    /// ERR_LOCK_REQUIRED: the command needs a lock. This key never sends it.
    #[error("the channel must be locked first (LOCK_REQUIRED)")]
    LockRequired = 0x0A,
    /// ERR_INVALID_CHANNEL: the channel was never allocated, or is no longer allocated.
    #[error("the channel is not allocated (INVALID_CHANNEL)")]
    InvalidChannel = 0x0B,
    /// ERR_OTHER: the key is at fault.
    #[error("the key failed and does not say why (OTHER)")]
    Other = 0x7F,
}

impl ErrorCode {
    /// The error with this number; `None`: the standard has none.
    pub const fn from_byte(byte: u8) -> Option<ErrorCode> {
        Some(match byte {
            0x01 => ErrorCode::InvalidCmd,
            0x02 => ErrorCode::InvalidPar,
            0x03 => ErrorCode::InvalidLen,
            0x04 => ErrorCode::InvalidSeq,
            0x05 => ErrorCode::MsgTimeout,
            0x06 => ErrorCode::ChannelBusy,
            0x0A => ErrorCode::LockRequired,
            0x0B => ErrorCode::InvalidChannel,
            0x7F => ErrorCode::Other,
            _ => return None,
        })
    }

    /// The error's number on the wire.
    pub const fn as_byte(self) -> u8 {
        self as u8
    }
}

/// The one byte of a CTAPHID_KEEPALIVE. Any other value makes clients fail (HD-73).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum KeepaliveStatus {
    /// STATUS_PROCESSING: the key computes.
    Processing = 0x01,
    /// STATUS_UPNEEDED: the key waits for a person (HD-76).
    UpNeeded = 0x02,
}

impl KeepaliveStatus {
    /// The status with this number; `None`: the standard has none.
    pub const fn from_byte(byte: u8) -> Option<KeepaliveStatus> {
        Some(match byte {
            0x01 => KeepaliveStatus::Processing,
            0x02 => KeepaliveStatus::UpNeeded,
            _ => return None,
        })
    }

    /// The status's number on the wire.
    pub const fn as_byte(self) -> u8 {
        self as u8
    }
}
