//! The numbers of status words and statuses, ISO/IEC 7816-4 section 5.6 and CTAP section 11.3.

use alloc::vec::Vec;
use core::fmt;

/// SW1 and SW2, the last two bytes of each response APDU.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusWord(pub u16);

impl StatusWord {
    /// Done. It also follows an error of CTAP, which its status byte tells (NF-10).
    pub const NO_ERROR: StatusWord = StatusWord(0x9000);
    /// The request is still running; the one byte of data is a [`KeepaliveStatus`] (NF-30).
    pub const STATUS_UPDATE: StatusWord = StatusWord(0x9100);
    /// Lc, Le or the data have the wrong length (NF-18).
    pub const WRONG_LENGTH: StatusWord = StatusWord(0x6700);
    /// Not possible in this state: no application is selected, a request runs, or nothing is left (NF-06, NF-17,
    /// NF-33). In U2F: a touch is needed (UF-09).
    pub const CONDITIONS_NOT_SATISFIED: StatusWord = StatusWord(0x6985);
    /// U2F is switched off (UF-50).
    pub const COMMAND_NOT_ALLOWED: StatusWord = StatusWord(0x6986);
    /// U2F: this is not a key handle of this key and this application (UF-32).
    pub const WRONG_DATA: StatusWord = StatusWord(0x6A80);
    /// No application has this identifier (NF-03).
    pub const FILE_NOT_FOUND: StatusWord = StatusWord(0x6A82);
    /// P1 or P2 has a value that the command does not know (NF-34).
    pub const INCORRECT_P1_P2: StatusWord = StatusWord(0x6A86);
    /// This class has no such instruction (NF-19).
    pub const INS_NOT_SUPPORTED: StatusWord = StatusWord(0x6D00);
    /// There is no such class (NF-19).
    pub const CLA_NOT_SUPPORTED: StatusWord = StatusWord(0x6E00);
    /// The card itself failed.
    pub const NO_PRECISE_DIAGNOSIS: StatusWord = StatusWord(0x6F00);

    /// 61XX: this many bytes are left, with XX 00 for 256 or more (NF-16).
    pub(crate) fn remaining(left: usize) -> StatusWord {
        StatusWord(u16::from_be_bytes([0x61, u8::try_from(left).unwrap_or(0)]))
    }

    /// XX of 61XX, as it goes into the Le of GET RESPONSE.
    pub(crate) fn as_remaining(self) -> Option<u8> {
        match self.0.to_be_bytes() {
            [0x61, left] => Some(left),
            _ => None,
        }
    }

    /// A response APDU.
    pub(crate) fn after(self, data: &[u8]) -> Vec<u8> {
        [data, &self.0.to_be_bytes()].concat()
    }

    /// Data and status word of a response APDU; `None` below two bytes.
    pub(crate) fn split(response: &[u8]) -> Option<(&[u8], StatusWord)> {
        let (data, word) = response.split_last_chunk::<2>()?;
        Some((data, StatusWord(u16::from_be_bytes(*word))))
    }

    /// Its meaning, for people who have no table at hand.
    const fn meaning(self) -> &'static str {
        match self {
            StatusWord::NO_ERROR => "no error",
            StatusWord::STATUS_UPDATE => "still at work",
            StatusWord::WRONG_LENGTH => "wrong length",
            StatusWord::CONDITIONS_NOT_SATISFIED => "not in this state, or not without a touch",
            StatusWord::COMMAND_NOT_ALLOWED => "command not allowed",
            StatusWord::WRONG_DATA => "wrong data",
            StatusWord::FILE_NOT_FOUND => "no such application",
            StatusWord::INCORRECT_P1_P2 => "wrong P1 or P2",
            StatusWord::INS_NOT_SUPPORTED => "no such instruction, or FIDO is not selected",
            StatusWord::CLA_NOT_SUPPORTED => "no such class",
            StatusWord::NO_PRECISE_DIAGNOSIS => "the card failed",
            _ => "not a status word of FIDO",
        }
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusWord({:04X})", self.0)
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X} ({})", self.0, self.meaning())
    }
}

/// The one byte before 9100 (NF-30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum KeepaliveStatus {
    /// STATUS_PROCESSING: the key computes.
    Processing = 0x01,
    /// STATUS_UPNEEDED: the key waits for a person.
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
