//! The numbers of the chip.

/// The commands that it carries out. Each is answered under the next number.
pub(super) mod command {
    pub(crate) const GET_FIRMWARE_VERSION: u8 = 0x02;
    pub(crate) const RF_CONFIGURATION: u8 = 0x32;
    pub(crate) const IN_DATA_EXCHANGE: u8 = 0x40;
    pub(crate) const IN_LIST_PASSIVE_TARGET: u8 = 0x4A;
    pub(crate) const IN_RELEASE: u8 = 0x52;
}

/// The settings of RFConfiguration, and the bytes of each.
pub(super) mod setting {
    /// One byte, whose last bit is the field itself.
    pub(crate) const FIELD: u8 = 0x01;
    /// Three bytes: time limits between devices.
    pub(crate) const TIMINGS: u8 = 0x02;
    /// Three bytes: how often it tries.
    pub(crate) const MAX_RETRIES: u8 = 0x05;
}

/// GetFirmwareVersion: a PN533, version 2.7, for ISO/IEC 14443 type A and B and ISO/IEC 18092.
pub(super) const FIRMWARE: [u8; 4] = [0x33, 2, 7, 0x07];

/// BrTy of InListPassiveTarget: ISO/IEC 14443 type A, at 106 kbit/s.
pub(super) const TYPE_A: u8 = 0;

/// How a command ended: the first byte of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Status {
    Success = 0x00,
    /// The card has not answered: it is gone.
    TimeOut = 0x01,
    /// More than a card can be sent.
    TooLong = 0x07,
    /// There is no such card, or there is nothing to send to it.
    Context = 0x27,
}

/// The bit of a card's number, and of a status, that means that more follows (MI).
pub(super) const MORE: u8 = 0x40;

/// The number of the one card that may be in the field (Tg).
pub(super) const CARD: u8 = 1;

/// SENS_RES, SEL_RES and the length of the NFCID1 of a card that speaks ISO/IEC 14443-4, and has an NFCID1 of 4 bytes. The first of these
/// says that it is drawn again with each power-up.
pub(super) const TARGET: [u8; 5] = [0x00, 0x04, 0x20, 4, RANDOM_ID];
const RANDOM_ID: u8 = 0x08;

/// Behind its own length, how an ATS begins (ISO/IEC 14443-4 section 5.2): frames of 256 bytes, 106 kbit/s alone, 77 ms to answer before more
/// time is asked for, no card numbers.
pub(super) const ATS: [u8; 4] = [0x78, 0x80, 0x80, 0x00];
